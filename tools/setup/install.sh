#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what Suiro needs from Debian 12's packages, and says what it installs. Does nothing where
# everything is there. Works as root and with sudo.
#
#   tools/setup/install.sh build|run|test|bench
set -euo pipefail

build=(clang-19 lld-19 llvm-19 ccache cmake ninja-build pkg-config python3 librocksdb-dev
  libmimalloc-dev libboost1.81-dev libsimdjson-dev libspdlog-dev libfmt-dev libre2-dev libzstd-dev
  libarchive-dev libcurl4-openssl-dev libssl-dev libcli11-dev libtomlplusplus-dev libexpat1-dev
  zlib1g-dev libnghttp2-dev libsnappy-dev libgtest-dev libgmock-dev libbenchmark-dev
  libyaml-cpp-dev libmariadb-dev libpq-dev)
run=("${build[@]}" bubblewrap python3-boto3 runc e2fsprogs)
test=("${run[@]}" busybox-static ffmpeg mariadb-server postgresql python3-pytest awscli git curl
  skopeo umoci)
bench=("${test[@]}" redis-server nats-server rabbitmq-server librabbitmq-dev libhiredis-dev
  beanstalkd nginx-light)

case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  run) wanted=("${run[@]}") ;;
  test) wanted=("${test[@]}") ;;
  bench) wanted=("${bench[@]}") ;;
  *) echo "usage: $0 build|run|test|bench" >&2; exit 2 ;;
esac

# Node.js serves the nodejs runtimes and the JavaScript SDK's tests; any installation of it will do.
if [ "$1" != build ]; then
  command -v node >/dev/null || wanted+=(nodejs)
  [ "$1" = run ] || command -v npm >/dev/null || wanted+=(npm)
fi

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
    missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "Suiro needs these packages: ${missing[*]}" >&2
    echo "Install them as root, or install sudo: apt-get install -y ${missing[*]}" >&2
    exit 1
  }
  sudo=(sudo)
fi
echo "installing with apt-get: ${missing[*]}"
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/tmp/suiro-apt.$$.log 2>&1 || {
  cat /tmp/suiro-apt.$$.log >&2
  exit 1
}
rm -f /tmp/suiro-apt.$$.log
echo "installed ${#missing[@]} packages"
