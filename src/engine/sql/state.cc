// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/state.h"

#include <bit>
#include <cmath>

namespace suiro::sql {

void StateWriter::unsigned_integer(uint64_t value) {
  while (value >= 0x80) {
    to_ += static_cast<char>(static_cast<uint8_t>(value) | 0x80);
    value >>= 7;
  }
  to_ += static_cast<char>(value);
}

void StateWriter::integer(int64_t value) {
  unsigned_integer((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void StateWriter::real(double value) {
  append_be64(to_, std::bit_cast<uint64_t>(value));
}

void StateWriter::text(std::string_view text) {
  unsigned_integer(text.size());
  to_ += text;
}

void StateWriter::value(Lane lane, const Value& value) {
  to_ += value.null ? '\0' : '\1';
  if (value.null) return;
  if (lane == Lane::kInteger) integer(value.integer);
  if (lane == Lane::kReal) real(value.real);
  if (lane == Lane::kText) text(value.text);
}

StateReader::StateReader(ByteView from, uint8_t version) : from_(from) {
  bad_ = from_.empty() || static_cast<uint8_t>(from_[0]) != version;
  if (!bad_) from_.remove_prefix(1);
}

uint64_t StateReader::unsigned_integer() {
  uint64_t out = 0;
  for (unsigned shift = 0; shift < 64 && !bad_ && !from_.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(from_[0]);
    from_.remove_prefix(1);
    out |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return out;
  }
  bad_ = true;
  return 0;
}

int64_t StateReader::integer() {
  const uint64_t value = unsigned_integer();
  return static_cast<int64_t>((value >> 1) ^ (uint64_t{0} - (value & 1)));
}

int64_t StateReader::bounded() {
  constexpr int64_t kMost = int64_t{1} << 60;
  const int64_t value = integer();
  if (value <= kMost && value >= -kMost) return value;
  bad_ = true;
  return 0;
}

int64_t StateReader::counted() {
  const int64_t value = bounded();
  if (value < 0) bad_ = true;
  return value < 0 ? 0 : value;
}

double StateReader::finite() {
  const double value = real();
  if (!std::isfinite(value)) bad_ = true;
  return value;
}

double StateReader::real() {
  if (bad_ || from_.size() < 8) {
    bad_ = true;
    return 0;
  }
  const uint64_t bits = read_be64(from_);
  from_.remove_prefix(8);
  return std::bit_cast<double>(bits);
}

std::string_view StateReader::text() {
  const uint64_t size = unsigned_integer();
  if (bad_ || size > from_.size()) {
    bad_ = true;
    return {};
  }
  const auto out = from_.substr(0, size);
  from_.remove_prefix(size);
  return out;
}

Value StateReader::value(Lane lane) {
  Value out;
  const uint64_t present = unsigned_integer();
  if (present == 0 || bad_) return out;
  bad_ = present != 1;
  out.null = false;
  if (lane == Lane::kInteger) out.integer = integer();
  if (lane == Lane::kReal) out.real = real();
  if (lane == Lane::kText) out.text = text();
  return out;
}

size_t StateReader::count(size_t bytes_each, size_t most) {
  const uint64_t out = unsigned_integer();
  if (bad_ || out > most || out > from_.size() / (bytes_each == 0 ? 1 : bytes_each)) {
    bad_ = true;
    return 0;
  }
  return out;
}

Result<void> StateReader::finish() const {
  if (bad_ || !from_.empty()) {
    return fail(codes::kCorrupt, "the state of a function is not of this version, or damaged");
  }
  return ok();
}

}  // namespace suiro::sql
