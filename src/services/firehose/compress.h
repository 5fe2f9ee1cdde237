// SPDX-License-Identifier: Apache-2.0
// The compressed forms of an object. Pure functions for a pool's threads; any thread.
#pragma once

#include <string_view>

#include "base/bytes.h"

namespace suiro::firehose {

enum class Compression : uint8_t { kNone, kGzip, kZip, kSnappy, kHadoopSnappy, kZstd };

// "GZIP", ... (S3DestinationConfiguration, CompressionFormat). Errors: InvalidArgumentException.
Result<Compression> compression_of(std::string_view name);
// ".gz"; empty for none.
std::string_view extension_of(Compression compression);

// kZip: an archive of one file. kSnappy: the framing format. kHadoopSnappy: Hadoop's block format.
// Errors: kInternal when the library fails, kTooLarge.
Result<Bytes> compress(Compression compression, Bytes bytes);

}  // namespace suiro::firehose
