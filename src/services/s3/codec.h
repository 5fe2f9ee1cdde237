// SPDX-License-Identifier: Apache-2.0
// Records of S3 to bytes and back (docs/formats/s3.md). Every record begins with its format's
// version.
//
// Invariants:
//  1. decode(encode(r)) == r.
//  2. Bytes that are not a record of ours give kCorrupt, never undefined behaviour.
// Thread: pure functions.
#pragma once

#include "services/s3/types.h"

namespace suiro::s3 {

Bytes encode(const BucketRecord& record);
Bytes encode(const ObjectRecord& record);
Bytes encode(const UploadRecord& record);
Bytes encode(const PartRecord& record);
Bytes encode(const CompletedRecord& record);
Bytes encode(const std::vector<PartEntry>& parts);

// Errors: kCorrupt.
template <class Record>
Result<Record> decode(ByteView bytes);
template <>
Result<BucketRecord> decode(ByteView bytes);
template <>
Result<ObjectRecord> decode(ByteView bytes);
template <>
Result<UploadRecord> decode(ByteView bytes);
template <>
Result<PartRecord> decode(ByteView bytes);
template <>
Result<CompletedRecord> decode(ByteView bytes);
template <>
Result<std::vector<PartEntry>> decode(ByteView bytes);

}  // namespace suiro::s3
