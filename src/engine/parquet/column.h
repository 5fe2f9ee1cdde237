// SPDX-License-Identifier: Apache-2.0
// ColumnReader: the values of one column in one row group, page after page.
//
//   has_value()? ─no─► load(): header, dictionary page │ data page ─► has_value()
//        └─yes─► next()
//
// Invariants:
//  1. It holds one page, its dictionary and at most a window of the chunk's further bytes.
//  2. A load() that failed with Retry::kLater can be called again: nothing was lost.
//  3. Pages together have at most as many values as the row group has rows.
//
// Threads: one coroutine at a time. Failure: kInvalidArgument; what reading fails with.
#pragma once

#include <functional>

#include "base/task.h"
#include "engine/parquet/encodings.h"

namespace suiro::parquet {

// Bytes of the file: exactly min(length, size - offset).
using ReadFunction = std::function<Task<Result<Bytes>>(uint64_t offset, size_t length)>;

class ColumnReader {
 public:
  // What is given by reference outlives the reader; `window`: bytes read at once where pages are
  // smaller.
  ColumnReader(const ReadFunction& read, const Column& column, const Chunk& chunk, uint64_t rows,
               size_t window);
  ColumnReader(const ColumnReader&) = delete;
  ColumnReader& operator=(const ColumnReader&) = delete;

  bool has_value() const { return page_values_ > 0; }
  // Until has_value().
  Task<Result<void>> load();
  Result<json::Value> next();
  size_t held_bytes() const;

 private:
  // The next `size` bytes are in buffer_.
  Task<Result<void>> fill(uint64_t size);
  Task<Result<PageHeader>> header();
  Result<void> take_page(const PageHeader& header, ByteView body);
  Result<void> take_dictionary(const PageHeader& header, ByteView body);
  Result<void> take_first(const PageHeader& header, ByteView body);
  Result<void> take_second(const PageHeader& header, ByteView body);

  const ReadFunction& read_;
  const Column& column_;
  Codec codec_;
  uint64_t at_;
  uint64_t end_;
  uint64_t rows_left_;
  size_t window_;
  Bytes buffer_;  // of the file, from at_
  bool has_dictionary_ = false;
  json::Array dictionary_;
  size_t dictionary_bytes_ = 0;
  uint64_t page_values_ = 0;
  Bytes levels_bytes_;
  Bytes values_bytes_;
  std::optional<HybridReader> levels_;  // of an optional column
  std::unique_ptr<ValueDecoder> values_;
};

}  // namespace suiro::parquet
