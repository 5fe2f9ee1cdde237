// SPDX-License-Identifier: Apache-2.0
// Rows as bytes: SnapshotWriter and SnapshotReader for checkpoints, RowCodec for rows that
// operators keep one by one, and helpers over Rows.
//
// Invariants: 1. decode(encode(row)) is the row, NULLs and the bits of reals included. 2. A reader
// never reads past its bytes: damaged ones give an error, not a crash.
// Threads: no shared state. Bytes: docs/formats/sql-state.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "engine/sql/value.h"

namespace suiro::sql {

class SnapshotWriter {
 public:
  explicit SnapshotWriter(Bytes& to) : to_(to) {}
  void number(uint64_t value);  // LEB128
  void integer(int64_t value);  // zigzag
  void real(double value);
  void text(ByteView bytes);
  void value(Lane lane, const Value& value);
  void rows(const Rows& rows);

 private:
  Bytes& to_;
};

class SnapshotReader {
 public:
  explicit SnapshotReader(ByteView from) : from_(from) {}
  uint64_t number();
  int64_t integer();
  double real();
  ByteView text();  // points into the state
  Value value(Lane lane);
  // Rows whose texts are copied.
  Rows rows(std::span<const Lane> lanes);
  // How many items may follow, at a byte each at least: a damaged count does not allocate.
  size_t count();
  bool failed() const { return failed_; }
  void fail() { failed_ = true; }
  bool at_end() const { return at_ == from_.size(); }
  Result<void> result() const;

 private:
  ByteView from_;
  size_t at_ = 0;
  bool failed_ = false;
};

std::vector<Lane> lanes_of(const Schema& schema);

// A row kept apart from its batch.
struct StoredRow {
  int64_t rowtime_ms = 0;
  Bytes bytes;
};

class RowCodec {
 public:
  RowCodec() = default;
  explicit RowCodec(std::vector<Lane> lanes) : lanes_(std::move(lanes)) {}
  Bytes encode(std::span<const Vector* const> columns, size_t row) const;
  Bytes encode(const Rows& rows, size_t row) const;
  // Texts point into `bytes`.
  void decode(ByteView bytes, std::vector<Value>& out) const;
  const std::vector<Lane>& lanes() const { return lanes_; }

 private:
  std::vector<Lane> lanes_;
};

// Empty rows with columns of these lanes.
Rows empty_rows(std::span<const Lane> lanes);
// Rows of `selection`, which share the owners.
Rows gather(const Rows& rows, std::span<const uint32_t> selection);
Vector gather(const Vector& column, std::span<const uint32_t> selection);
void append_row(Rows& to, const Rows& from, size_t row);
void add_owners(Rows& to, const Rows& from);
void add_owner(Rows& to, const std::shared_ptr<const void>& owner);
// Bytes that the values take, texts included: the same for the same rows.
size_t row_bytes(const Rows& rows, size_t row);
// Of all rows.
size_t rows_bytes(const Rows& rows);

inline Value value_at(const Vector& column, size_t row) {
  Value value;
  if (!column.nulls.empty() && column.nulls[row] != 0) return value;
  value.null = false;
  switch (column.lane) {
    case Lane::kInteger:
      value.integer = column.integers[row];
      break;
    case Lane::kReal:
      value.real = column.reals[row];
      break;
    case Lane::kText:
      value.text = column.texts[row];
      break;
    case Lane::kNone:
      value.null = true;
      break;
  }
  return value;
}

// Rows that outlive their batch: texts are copied.
class RowBuffer {
 public:
  RowBuffer() = default;
  explicit RowBuffer(std::vector<Lane> lanes);
  void append(const Rows& from, size_t row);
  // `row_time_ms` and values of the codec's lanes.
  void append(int64_t row_time_ms, std::span<const Value> values);
  // In two steps, for values that many rows share: texts that live as long as the buffer's rows..
  std::vector<Value> keep(std::span<const Lane> lanes, std::span<const Value> values);
  // .. and a row of such values.
  void append_kept(int64_t row_time_ms, std::span<const Value> values);
  const Rows& rows() const { return rows_; }
  size_t size() const { return rows_.size(); }
  size_t bytes() const { return bytes_; }
  // The rows with what keeps them alive; the buffer is empty then.
  Rows take();
  void assign(Rows rows);

 private:
  std::vector<Lane> lanes_;
  Rows rows_;
  std::shared_ptr<Arena> arena_;
  size_t bytes_ = 0;
};

}  // namespace suiro::sql
