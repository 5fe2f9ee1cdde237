// SPDX-License-Identifier: Apache-2.0
// Reader: the rows of a Parquet file as JSON objects, in the file's order.
//
//   open() ─► skip() whole row groups ─► next() ... ─► no rows: the file is over
//
// Invariants:
//  1. It holds one page, one dictionary and a window for each column (column.h), together at most
//     kHeldBytesMax, and the rows of one next(); a file is never read as a whole.
//  2. The same file gives the same rows, whatever was skipped before.
//  3. Members of a row stand in the columns' order; what has no value is null.
//  4. A next() that failed with Retry::kLater can be called again: no row is lost or told twice.
//
// What it does not read: nested and repeated columns, encryption, LZO, LZ4, BROTLI, INTERVAL and
// the geographic types: each is refused with the column's name.
//
// Threads: one coroutine at a time. Failure: kInvalidArgument, a sentence for who made the file;
// what `read` fails with.
#pragma once

#include "engine/parquet/column.h"

namespace suiro::parquet {

inline constexpr size_t kHeldBytesMax = 256 << 20;
inline constexpr size_t kRowBytesMax = 8 << 20;
// Of one next(): whichever comes first.
inline constexpr size_t kCellsAtOnce = 20'000;
inline constexpr size_t kRowBytesAtOnce = 1 << 20;
inline constexpr size_t kWindowBytesMax = 64 << 10;
inline constexpr size_t kWindowBytesMin = 4 << 10;

class Reader {
 public:
  static Task<Result<std::unique_ptr<Reader>>> open(ReadFunction read, uint64_t size_bytes);

  // Row groups that end within the next `rows_max` rows are passed over, unread; gives their rows.
  // Before the first next() only.
  uint64_t skip(uint64_t rows_max);
  // Empty: the file is over.
  Task<Result<json::Array>> next();
  const std::vector<Column>& columns() const { return metadata_.columns; }

 private:
  Reader(ReadFunction read, Metadata metadata);
  // Whether there is a row to read.
  bool begin_row();
  Task<Result<void>> read_row();

  ReadFunction read_;
  Metadata metadata_;
  size_t window_;
  size_t group_ = 0;  // the next one
  uint64_t rows_left_ = 0;
  std::vector<std::unique_ptr<ColumnReader>> readers_;
  size_t held_bytes_ = 0;
  // Read so far.
  json::Array rows_;
  size_t rows_bytes_ = 0;
  json::Object row_;
  size_t row_bytes_ = 0;
  size_t column_ = 0;
};

}  // namespace suiro::parquet
