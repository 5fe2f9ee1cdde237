// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/group_encoder.h"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "kernel/store/overlay.h"

namespace suiro::store {
namespace {

constexpr size_t kUsualRows = 256;

void check(const rocksdb::Status& status) {
  CHECK(status.ok(), status.ToString());
}

// The value behind its header, without joining them first.
void put(rocksdb::WriteBatch& out, rocksdb::ColumnFamilyHandle* family, ByteView key,
         ByteView header, ByteView value) {
  rocksdb::Slice key_part = slice(key);
  rocksdb::Slice value_parts[] = {slice(header), slice(value)};
  check(out.Put(family, rocksdb::SliceParts(&key_part, 1), rocksdb::SliceParts(value_parts, 2)));
}

}  // namespace

void GroupEncoder::add_row(Family family, ByteView key, const Operation& operation,
                           uint64_t sequence) {
  rows_.push_back({family, key, &operation, sequence, static_cast<uint32_t>(rows_.size())});
}

void GroupEncoder::add(const Batch& batch, uint64_t sequence) {
  size_t appended = 0;
  if (rows_.capacity() == 0) rows_.reserve(kUsualRows);
  for (const Operation& operation : BatchAccess::parts(batch).operations) {
    switch (operation.kind) {
      case Operation::Kind::kEraseRange:
        erases_ranges_ = true;
        [[fallthrough]];
      case Operation::Kind::kPut:
      case Operation::Kind::kErase:
        add_row(Family::kMain, operation.key, operation, sequence);
        break;
      case Operation::Kind::kAppend:
        add_row(Family::kMain, own(append_key(operation.key, sequence, appended++)), operation,
                sequence);
        break;
      case Operation::Kind::kAdoptInline:
      case Operation::Kind::kReleaseInline:
        add_row(Family::kBlobs, operation.key, operation, sequence);
        break;
      case Operation::Kind::kAdoptFile:
      case Operation::Kind::kReleaseFile:
        add_row(Family::kMain, own(Bytes(kBlobFilePrefix) + operation.key), operation, sequence);
        break;
    }
  }
}

void GroupEncoder::write(RocksCore& core, rocksdb::WriteBatch& out) {
  if (!erases_ranges_) {
    std::ranges::sort(rows_, {},
                      [](const Row& row) { return std::tuple(row.family, row.key, row.order); });
  }
  for (const Row& row : rows_) write_row(row, core, out);
}

void GroupEncoder::write_row(const Row& row, RocksCore& core, rocksdb::WriteBatch& out) {
  const Operation& operation = *row.operation;
  switch (operation.kind) {
    case Operation::Kind::kPut:
    case Operation::Kind::kAppend:
    case Operation::Kind::kAdoptFile: {
      char header[kValueHeaderBytes];
      encode_value_header(header, row.sequence);
      return put(out, core.main(), row.key, {header, sizeof header}, operation.value);
    }
    case Operation::Kind::kErase:
    case Operation::Kind::kReleaseFile:
      return check(out.Delete(core.main(), slice(row.key)));
    case Operation::Kind::kEraseRange:
      return check(out.DeleteRange(core.main(), slice(row.key), slice(operation.value)));
    case Operation::Kind::kAdoptInline:
      return put(out, core.blobs(), row.key, {&kBlobFormat, 1},
                 BatchAccess::blob(*operation.blob).bytes);
    case Operation::Kind::kReleaseInline:
      return check(out.Delete(core.blobs(), slice(row.key)));
  }
}

}  // namespace suiro::store
