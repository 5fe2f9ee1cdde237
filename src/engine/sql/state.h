// SPDX-License-Identifier: Apache-2.0
// Bytes of the states of aggregates and table functions: a version byte, then fields one after the
// other. Format: docs/formats/sql-functions.md.
//
// How it fails: a StateReader that runs out of bytes or meets nonsense latches bad() and gives
// zeros; finish() turns that into codes::kCorrupt. Thread: an instance belongs to one thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "engine/sql/type.h"
#include "engine/sql/value.h"

namespace suiro::sql {

class StateWriter {
 public:
  StateWriter(Bytes& to, uint8_t version) : to_(to) { to_ += static_cast<char>(version); }
  void unsigned_integer(uint64_t value);  // LEB128
  void integer(int64_t value);            // zigzag
  void real(double value);                // 8 bytes, big-endian bits
  void text(std::string_view text);       // length, bytes
  // A presence byte, then the lane's form.
  void value(Lane lane, const Value& value);

 private:
  Bytes& to_;
};

class StateReader {
 public:
  StateReader(ByteView from, uint8_t version);
  uint64_t unsigned_integer();
  int64_t integer();
  // A count or time: within 2^60 either way, so that what follows cannot overflow.
  int64_t bounded();
  // As bounded(), from 0.
  int64_t counted();
  double real();
  // As real(), but neither NaN nor infinite.
  double finite();
  std::string_view text();  // lives as long as the bytes that are read
  Value value(Lane lane);
  // A number of things that follow, each of at least `bytes_each` bytes, at most `most`.
  size_t count(size_t bytes_each, size_t most);
  bool bad() const { return bad_; }
  void spoil() { bad_ = true; }
  // Errors: codes::kCorrupt where something was wrong, or bytes remain.
  Result<void> finish() const;

 private:
  ByteView from_;
  bool bad_ = false;
};

}  // namespace suiro::sql
