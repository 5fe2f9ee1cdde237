// SPDX-License-Identifier: Apache-2.0
// The encodings of Parquet's values, read one value at a time: a page of few bytes may stand for
// millions of values, so that they are never unpacked together.
//
// Invariants:
//  1. Nothing is read beyond the bytes given; what a length announces is checked first.
//  2. Memory: a miniblock of differences (kMiniblockValuesMax), and lengths of at most
//     kLengthsMax byte arrays.
//  3. Decoders keep views: the bytes, the column and the dictionary outlive them.
//
// Threads: one. Failure: kInvalidArgument, with the column's name.
// Source: "Encodings" of the Apache Parquet format.
#pragma once

#include <memory>
#include <vector>

#include "engine/json/value.h"
#include "engine/parquet/metadata.h"

namespace suiro::parquet {

inline constexpr uint64_t kMiniblockValuesMax = 65'536;
inline constexpr uint64_t kLengthsMax = 4'000'000;
inline constexpr uint64_t kDictionaryValuesMax = 1'000'000;

// Runs of equal numbers, and bit-packed ones: levels, booleans, places in a dictionary.
class HybridReader {
 public:
  // `width` bits a number: at most 32.
  HybridReader(ByteView bytes, int width) : bytes_(bytes), width_(width) {}
  // Nothing: the bytes end.
  std::optional<uint32_t> next();

 private:
  bool begin_run();

  ByteView bytes_;
  int width_;
  uint64_t left_ = 0;  // of the run
  bool is_packed_ = false;
  uint32_t repeated_ = 0;
  ByteView packed_;
  uint64_t bit_ = 0;
};

class ValueDecoder {
 public:
  virtual ~ValueDecoder() = default;
  virtual Result<json::Value> next() = 0;
  // What it unpacked when it was made; the same until it ends.
  virtual size_t held_bytes() const { return 0; }
};

// `dictionary`: null where there was none.
Result<std::unique_ptr<ValueDecoder>> decoder_of(const Column& column, Encoding encoding,
                                                 ByteView bytes, const json::Array* dictionary);

}  // namespace suiro::parquet
