// SPDX-License-Identifier: Apache-2.0
// A gzip member (RFC 1952) of the bytes. Pure; any thread.
#pragma once

#include "base/bytes.h"

namespace suiro {

Bytes gzip(ByteView bytes);

}  // namespace suiro
