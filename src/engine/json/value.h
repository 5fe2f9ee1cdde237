// SPDX-License-Identifier: Apache-2.0
// Value: a JSON value that is shared, not copied: what workflows and JSONata compute with.
//
// Invariants:
//  1. What is shared does not change: edit_array() and edit_object() copy first where another Value
//     holds the same elements (one level; the elements are shared on).
//  2. Objects keep the order in which their members came.
//  3. An integer that fits 64 bits stays an integer; other numbers are doubles. 1 == 1.0.
// Threads: as std::string; Values that share elements may be used by different threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace suiro::json {

// Nesting beyond this is refused by parse().
inline constexpr int kDepthMax = 1000;

enum class Kind : uint8_t { kNull, kBool, kInteger, kDouble, kString, kArray, kObject };

class Value;
using Array = std::vector<Value>;

// Members in the order in which they came; names are unique.
class Object {
 public:
  using Member = std::pair<std::string, Value>;

  // Null where there is no such member.
  const Value* find(std::string_view name) const;
  Value* find(std::string_view name);
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  // An existing member keeps its place.
  void set(std::string name, Value value);
  // Whether it was there. Linear.
  bool erase(std::string_view name);
  void reserve(size_t count);
  size_t size() const;
  bool empty() const;
  const Member* begin() const;
  const Member* end() const;
  const Member& at(size_t index) const;

 private:
  size_t place(std::string_view name) const;

  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::vector<Member> members_;
  // Made when there are more than kLinearMax members.
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> index_;
};

class Value {
 public:
  Value() = default;  // null
  Value(std::nullptr_t) {}
  Value(bool value) : data_(value) {}
  Value(int value) : data_(int64_t{value}) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::string value) : data_(std::make_shared<const std::string>(std::move(value))) {}
  Value(std::string_view value) : Value(std::string(value)) {}
  Value(const char* value) : Value(std::string(value)) {}
  Value(Array value) : data_(std::make_shared<Array>(std::move(value))) {}
  Value(Object value) : data_(std::make_shared<Object>(std::move(value))) {}
  template <class T>
  Value(T*) = delete;  // would be a bool

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_bool() const { return kind() == Kind::kBool; }
  bool is_integer() const { return kind() == Kind::kInteger; }
  bool is_number() const { return kind() == Kind::kInteger || kind() == Kind::kDouble; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_array() const { return kind() == Kind::kArray; }
  bool is_object() const { return kind() == Kind::kObject; }

  // Of a value of that kind; a bug otherwise.
  bool as_bool() const;
  int64_t as_integer() const;
  double as_double() const;  // of any number
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;
  Array& edit_array();
  Object& edit_object();

  // A member of an object; null where this is none or has no such member.
  const Value* find(std::string_view name) const;
  // By content; objects whatever their order.
  friend bool operator==(const Value& left, const Value& right);
  // Whether both hold the very same elements (or equal scalars): a fast way to "unchanged".
  bool same(const Value& other) const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<Array>, std::shared_ptr<Object>>
      data_;
};

inline void Object::reserve(size_t count) {
  members_.reserve(count);
}
inline size_t Object::size() const {
  return members_.size();
}
inline bool Object::empty() const {
  return members_.empty();
}
inline const Object::Member* Object::begin() const {
  return members_.data();
}
inline const Object::Member* Object::end() const {
  return members_.data() + members_.size();
}
inline const Object::Member& Object::at(size_t index) const {
  return members_[index];
}

// Of JSON text (RFC 8259). A name that comes twice: the last one wins. Errors: kInvalidArgument,
// the reason with its offset.
Result<Value> parse(std::string_view text);

// Compact JSON text. Doubles have a point or an exponent ("3.0", "1.0E10"), as AWS writes them.
void write(std::string& out, const Value& value);
std::string write(const Value& value);
// Indented by two blanks a level.
std::string write_pretty(const Value& value);
// The shortest text that reads back as the same double, as Java's Double.toString lays it out.
void append_double(std::string& out, double value);

// Bytes of write(value), without building it. The count ends where it passes `bytes_max`, however
// much the value's shared parts would make of it: more than `bytes_max` then.
size_t written_size(const Value& value, size_t bytes_max = SIZE_MAX);

// Whether a computed value may be written and read back.
enum class Fit : uint8_t { kFits, kTooLarge, kTooDeep };  // more bytes; nested beyond kDepthMax
// As written_size() in time. Too deep where it is both.
Fit fit(const Value& value, size_t bytes_max);
// Whether parse() takes the text; nothing is built.
bool is_readable(std::string_view text);

}  // namespace suiro::json
