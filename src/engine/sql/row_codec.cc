// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/row_codec.h"

#include <bit>
#include <cstring>

namespace suiro::sql {
namespace {

constexpr size_t kRowOverheadBytes = 16;
constexpr size_t kNumberBytes = 8;

template <class T>
std::vector<T> pick(const std::vector<T>& from, std::span<const uint32_t> selection) {
  std::vector<T> out(selection.size());
  for (size_t i = 0; i < selection.size(); ++i) out[i] = from[selection[i]];
  return out;
}

void append_raw(Bytes& to, uint64_t bits) {
  char raw[8];
  std::memcpy(raw, &bits, sizeof raw);
  to.append(raw, sizeof raw);
}

}  // namespace

void SnapshotWriter::number(uint64_t value) {
  while (value >= 0x80) {
    to_.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  to_.push_back(static_cast<char>(value));
}

void SnapshotWriter::integer(int64_t value) {
  number(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63));
}

void SnapshotWriter::real(double value) {
  append_be64(to_, std::bit_cast<uint64_t>(value));
}

void SnapshotWriter::text(ByteView bytes) {
  number(bytes.size());
  to_.append(bytes);
}

void SnapshotWriter::value(Lane lane, const Value& value) {
  to_.push_back(value.null ? 0 : 1);
  if (value.null) return;
  if (lane == Lane::kInteger) integer(value.integer);
  if (lane == Lane::kReal) real(value.real);
  if (lane == Lane::kText) text(value.text);
}

void SnapshotWriter::rows(const Rows& rows) {
  number(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    integer(rows.rowtimes_ms[i]);
    for (const Vector& column : rows.columns) value(column.lane, value_at(column, i));
  }
}

uint64_t SnapshotReader::number() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at_ >= from_.size()) break;
    auto byte = static_cast<uint8_t>(from_[at_++]);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  failed_ = true;
  at_ = from_.size();
  return 0;
}

int64_t SnapshotReader::integer() {
  uint64_t raw = number();
  return static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
}

double SnapshotReader::real() {
  if (from_.size() - at_ < 8) {
    failed_ = true;
    at_ = from_.size();
    return 0;
  }
  double value = std::bit_cast<double>(read_be64(from_.substr(at_, 8)));
  at_ += 8;
  return value;
}

ByteView SnapshotReader::text() {
  size_t size = count();
  ByteView bytes = from_.substr(at_, size);
  at_ += size;
  return bytes;
}

size_t SnapshotReader::count() {
  uint64_t count = number();
  if (count > from_.size() - at_) {
    failed_ = true;
    at_ = from_.size();
    return 0;
  }
  return count;
}

Value SnapshotReader::value(Lane lane) {
  if (number() == 0) return {};
  if (lane == Lane::kInteger) return Value::of_integer(integer());
  if (lane == Lane::kReal) return Value::of_real(real());
  if (lane == Lane::kText) return Value::of_text(text());
  return {};
}

Rows SnapshotReader::rows(std::span<const Lane> lanes) {
  RowBuffer buffer(std::vector<Lane>(lanes.begin(), lanes.end()));
  size_t size = count();
  std::vector<Value> values(lanes.size());
  for (size_t i = 0; i < size && !failed_; ++i) {
    int64_t rowtime_ms = integer();
    for (size_t c = 0; c < lanes.size(); ++c) values[c] = value(lanes[c]);
    buffer.append(rowtime_ms, values);
  }
  return buffer.take();
}

Result<void> SnapshotReader::result() const {
  if (failed_) return suiro::fail(codes::kCorrupt, "the state of the SQL program is damaged");
  return ok();
}

std::vector<Lane> lanes_of(const Schema& schema) {
  std::vector<Lane> lanes;
  for (const Field& field : schema) lanes.push_back(field.type.lane());
  return lanes;
}

Bytes RowCodec::encode(std::span<const Vector* const> columns, size_t row) const {
  Bytes out;
  for (size_t c = 0; c < columns.size(); ++c) {
    Value value = value_at(*columns[c], row);
    out.push_back(value.null ? 0 : 1);
    if (value.null) continue;
    if (lanes_[c] == Lane::kInteger) append_raw(out, static_cast<uint64_t>(value.integer));
    if (lanes_[c] == Lane::kReal) append_raw(out, std::bit_cast<uint64_t>(value.real));
    if (lanes_[c] == Lane::kText) {
      append_raw(out, value.text.size());
      out.append(value.text);
    }
  }
  return out;
}

Bytes RowCodec::encode(const Rows& rows, size_t row) const {
  std::vector<const Vector*> columns;
  columns.reserve(rows.columns.size());
  for (const Vector& column : rows.columns) columns.push_back(&column);
  return encode(columns, row);
}

void RowCodec::decode(ByteView bytes, std::vector<Value>& out) const {
  out.resize(lanes_.size());
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  auto raw = [&] {
    uint64_t bits = 0;
    if (end - at >= 8) std::memcpy(&bits, at, 8);
    at = end - at >= 8 ? at + 8 : end;
    return bits;
  };
  for (size_t c = 0; c < lanes_.size(); ++c) {
    out[c] = Value{};
    if (at >= end || *at++ == 0) continue;
    if (lanes_[c] == Lane::kInteger) out[c] = Value::of_integer(static_cast<int64_t>(raw()));
    if (lanes_[c] == Lane::kReal) out[c] = Value::of_real(std::bit_cast<double>(raw()));
    if (lanes_[c] == Lane::kText) {
      auto size = std::min<uint64_t>(raw(), static_cast<uint64_t>(end - at));
      out[c] = Value::of_text({at, size});
      at += size;
    }
  }
}

Rows empty_rows(std::span<const Lane> lanes) {
  Rows rows;
  rows.columns.resize(lanes.size());
  for (size_t c = 0; c < lanes.size(); ++c) rows.columns[c].lane = lanes[c];
  return rows;
}

Vector gather(const Vector& column, std::span<const uint32_t> selection) {
  Vector out;
  out.lane = column.lane;
  if (column.lane == Lane::kInteger) out.integers = pick(column.integers, selection);
  if (column.lane == Lane::kReal) out.reals = pick(column.reals, selection);
  if (column.lane == Lane::kText) out.texts = pick(column.texts, selection);
  if (!column.nulls.empty()) out.nulls = pick(column.nulls, selection);
  return out;
}

Rows gather(const Rows& rows, std::span<const uint32_t> selection) {
  Rows out;
  out.rowtimes_ms = pick(rows.rowtimes_ms, selection);
  out.columns.reserve(rows.columns.size());
  for (const Vector& column : rows.columns) out.columns.push_back(gather(column, selection));
  out.owners = rows.owners;
  return out;
}

void append_row(Rows& to, const Rows& from, size_t row) {
  to.rowtimes_ms.push_back(from.rowtimes_ms[row]);
  for (size_t c = 0; c < to.columns.size(); ++c) {
    to.columns[c].push(value_at(from.columns[c], row));
  }
}

void add_owner(Rows& to, const std::shared_ptr<const void>& owner) {
  if (owner == nullptr) return;
  for (const auto& known : to.owners) {
    if (known == owner) return;
  }
  to.owners.push_back(owner);
}

void add_owners(Rows& to, const Rows& from) {
  for (const auto& owner : from.owners) add_owner(to, owner);
}

size_t row_bytes(const Rows& rows, size_t row) {
  size_t bytes = kRowOverheadBytes;
  for (const Vector& column : rows.columns) {
    bytes += kNumberBytes;
    if (column.lane == Lane::kText) bytes += kNumberBytes + column.texts[row].size();
  }
  return bytes;
}

size_t rows_bytes(const Rows& rows) {
  size_t bytes = kRowOverheadBytes * rows.size();
  for (const Vector& column : rows.columns) {
    bytes += kNumberBytes * rows.size();
    if (column.lane != Lane::kText) continue;
    bytes += kNumberBytes * rows.size();
    for (std::string_view text : column.texts) bytes += text.size();
  }
  return bytes;
}

RowBuffer::RowBuffer(std::vector<Lane> lanes) : lanes_(std::move(lanes)) {
  rows_ = empty_rows(lanes_);
  arena_ = std::make_shared<Arena>();
}

void RowBuffer::append(const Rows& from, size_t row) {
  rows_.rowtimes_ms.push_back(from.rowtimes_ms[row]);
  for (size_t c = 0; c < lanes_.size(); ++c) {
    Value value = value_at(from.columns[c], row);
    if (lanes_[c] == Lane::kText && !value.null) value.text = arena_->keep(value.text);
    rows_.columns[c].push(value);
  }
  bytes_ += row_bytes(rows_, rows_.size() - 1);
}

void RowBuffer::append(int64_t row_time_ms, std::span<const Value> values) {
  rows_.rowtimes_ms.push_back(row_time_ms);
  for (size_t c = 0; c < lanes_.size(); ++c) {
    Value value = values[c];
    if (lanes_[c] == Lane::kText && !value.null) value.text = arena_->keep(value.text);
    rows_.columns[c].push(value);
  }
  bytes_ += row_bytes(rows_, rows_.size() - 1);
}

std::vector<Value> RowBuffer::keep(std::span<const Lane> lanes, std::span<const Value> values) {
  std::vector<Value> out(values.begin(), values.end());
  for (size_t c = 0; c < lanes.size(); ++c) {
    if (lanes[c] == Lane::kText && !out[c].null) out[c].text = arena_->keep(out[c].text);
  }
  return out;
}

void RowBuffer::append_kept(int64_t row_time_ms, std::span<const Value> values) {
  rows_.rowtimes_ms.push_back(row_time_ms);
  for (size_t c = 0; c < lanes_.size(); ++c) rows_.columns[c].push(values[c]);
  bytes_ += row_bytes(rows_, rows_.size() - 1);
}

Rows RowBuffer::take() {
  Rows out = std::move(rows_);
  add_owner(out, arena_);
  rows_ = empty_rows(lanes_);
  arena_ = std::make_shared<Arena>();
  bytes_ = 0;
  return out;
}

void RowBuffer::assign(Rows rows) {
  rows_ = empty_rows(lanes_);
  arena_ = std::make_shared<Arena>();
  bytes_ = 0;
  for (size_t i = 0; i < rows.size(); ++i) append(rows, i);
}

}  // namespace suiro::sql
