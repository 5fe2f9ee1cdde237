// SPDX-License-Identifier: Apache-2.0
// A page's bytes out of their compressed form. Pure.
#pragma once

#include "engine/parquet/metadata.h"

namespace suiro::parquet {

// `size`: what the page's header says the result has (at most kPageBytesMax). Another size, or
// bytes that are not of the codec, are kInvalidArgument; no more than `size` is ever written.
Result<Bytes> unpack(Codec codec, ByteView packed, size_t size);

}  // namespace suiro::parquet
