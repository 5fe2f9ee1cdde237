#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A batch of the image: `batch NAME SECONDS`. The first attempt of stock-import fails.
echo "$1 begins, image $(cat /version), attempt ${ATTEMPT:-1}"
sleep "$2"
if [ "$1" = stock-import ] && [ "${ATTEMPT:-1}" = 1 ]; then
  echo "$1: warehouse 3 does not answer" >&2
  exit 17
fi
echo "$1 is done"
