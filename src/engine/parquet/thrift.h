// SPDX-License-Identifier: Apache-2.0
// ThriftReader: the Thrift compact protocol, as far as Parquet's footer and page headers need it.
//
//   while (reader.next_field(field)) { id of interest: read it │ else: skip(field) }
//
// Invariants:
//  1. Every length is checked against the bytes that are left: a list never announces more elements
//     than bytes, so that each loop over the input is bounded by it.
//  2. After an error every read gives zero or nothing, and ok() stays false: callers ask once.
//  3. Nesting is at most kThriftDepthMax.
//
// Threads: one. Failure: ok().
// Source: "Thrift Compact protocol encoding" of Apache Thrift.
#pragma once

#include "base/bytes.h"

namespace suiro::parquet {

inline constexpr int kThriftDepthMax = 32;

class ThriftReader {
 public:
  enum class Type : uint8_t {
    kStop = 0,
    kTrue = 1,
    kFalse = 2,
    kByte = 3,
    kInt16 = 4,
    kInt32 = 5,
    kInt64 = 6,
    kDouble = 7,
    kBinary = 8,
    kList = 9,
    kSet = 10,
    kMap = 11,
    kStruct = 12,
  };
  struct Field {
    int16_t id = 0;  // of the field before, when it is given to next_field()
    Type type = Type::kStop;
  };
  struct List {
    Type type = Type::kStop;
    size_t size = 0;
  };

  explicit ThriftReader(ByteView bytes) : bytes_(bytes) {}

  // Whether a further field of this struct follows; a fresh Field begins a struct.
  bool next_field(Field& field);
  void skip(const Field& field) { skip(field.type, 0); }
  // Each is an error for a field of another type.
  bool boolean(const Field& field);
  int64_t integer(const Field& field);
  ByteView binary(const Field& field);
  // A list of structs.
  size_t structs(const Field& field);
  // Whether the field is a struct, whose fields are read next.
  bool enter(const Field& field);

  bool is_ok() const { return ok_; }
  // Whether the error was that the bytes ended.
  bool is_cut() const { return cut_; }
  size_t position() const { return at_; }

 private:
  uint8_t byte();
  uint64_t varint();
  int64_t zigzag();
  ByteView take(size_t size);
  List list();
  void skip(Type type, int depth);
  void skip_list(int depth);
  void skip_map(int depth);
  void wrong() { ok_ = false; }

  ByteView bytes_;
  size_t at_ = 0;
  bool ok_ = true;
  bool cut_ = false;
};

}  // namespace suiro::parquet
