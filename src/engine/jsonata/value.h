// SPDX-License-Identifier: Apache-2.0
// Value: what an evaluation computes with. Sixteen bytes, copied as bytes; whatever it points to
// lives in the evaluation's Arena, in the compiled expression or in the JSON values given from
// outside, and none of these die before the evaluation does.
//
// Invariants:
//  1. Texts are UTF-8, but for lone surrogates of "\uD800" escapes, three bytes each (WTF-8).
//  2. Arrays and objects from outside are read in place (json()); the ones built here are Array and
//     Object.
//  3. An Arena whose limit is reached drops what is appended and says so by exhausted(): the
//     evaluation fails before anybody sees a cut value.
// Threads: one evaluation, one thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/json/value.h"

namespace suiro::jsonata {

class Arena {
 public:
  explicit Arena(size_t bytes_max) : bytes_max_(bytes_max) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Never null, aligned for all; not initialized. Ask room() before taking what inputs size.
  void* take(size_t bytes) {
    bytes = (bytes + 15) & ~size_t{15};
    used_ += bytes;
    if (bytes > left_) return take_block(bytes);
    char* out = next_;
    next_ += bytes;
    left_ -= bytes;
    return out;
  }
  // Whether so many bytes more are within the limit; if not, the arena is exhausted.
  bool room(size_t bytes) {
    if (used_ <= bytes_max_ && bytes <= bytes_max_ - used_) return true;
    exhausted_ = true;
    return false;
  }
  // Counts bytes that are built elsewhere; false: they are not within the limit.
  bool charge(size_t bytes) {
    if (!room(bytes)) return false;
    used_ += bytes;
    return true;
  }
  bool exhausted() const { return exhausted_ || used_ > bytes_max_; }
  size_t bytes_max() const { return bytes_max_; }
  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (take(sizeof(T))) T(std::forward<Args>(args)...);
  }
  // The text's own copy; empty when there is no room.
  std::string_view copy(std::string_view text);

 private:
  void* take_block(size_t bytes);

  static constexpr size_t kFirstBytes = 4096;
  alignas(16) char first_[kFirstBytes];
  char* next_ = first_;
  size_t left_ = kFirstBytes;
  size_t used_ = 0;
  size_t bytes_max_;
  size_t block_bytes_ = 16384;
  bool exhausted_ = false;
  std::vector<std::unique_ptr<char[]>> blocks_;
};

enum class Type : uint8_t {
  kUnset,  // a variable's slot before its binding
  kUndefined,
  kNull,
  kBool,
  kNumber,
  kString,
  kArray,
  kObject,
  kFunction,
  kTuple,     // an element of a stream with bindings
  kFailed,    // the evaluation's error is set
  kTailCall,  // the evaluation's pending call is set
};

struct Array;
struct Object;
struct Function;
struct Tuple;

class Value {
 public:
  Value() : type_(Type::kUndefined) {}
  Value(bool value) : type_(Type::kBool) { data_.truth = value; }
  Value(double value) : type_(Type::kNumber) { data_.number = value; }
  // The text is borrowed.
  Value(std::string_view text) : type_(Type::kString), length_(static_cast<uint32_t>(text.size())) {
    data_.text = text.data();
  }
  Value(Array* array) : type_(Type::kArray) { data_.array = array; }
  Value(Object* object) : type_(Type::kObject) { data_.object = object; }
  Value(Function* function) : type_(Type::kFunction) { data_.function = function; }
  Value(Tuple* tuple) : type_(Type::kTuple) { data_.tuple = tuple; }
  // Borrows arrays, objects and texts.
  static Value of(const json::Value& value);
  static Value null() { return Value(Type::kNull); }
  static Value unset() { return Value(Type::kUnset); }
  static Value failed() { return Value(Type::kFailed); }
  static Value tail_call() { return Value(Type::kTailCall); }

  Type type() const { return type_; }
  bool is(Type type) const { return type_ == type; }
  bool undefined() const { return type_ == Type::kUndefined; }
  bool is_failed() const { return type_ == Type::kFailed; }
  bool is_number() const { return type_ == Type::kNumber; }
  bool is_string() const { return type_ == Type::kString; }
  bool is_array() const { return type_ == Type::kArray; }
  bool is_object() const { return type_ == Type::kObject; }
  bool is_function() const { return type_ == Type::kFunction; }

  bool truth() const { return data_.truth; }
  double number() const { return data_.number; }
  std::string_view text() const { return {data_.text, length_}; }
  // Of arrays and objects: the JSON value from outside; null: built here.
  const json::Value* json() const { return outside_ ? data_.json : nullptr; }
  // Built here; null where it is from outside.
  Array* array() const { return outside_ ? nullptr : data_.array; }
  Object* object() const { return outside_ ? nullptr : data_.object; }
  Function* function() const { return data_.function; }
  Tuple* tuple() const { return data_.tuple; }

  // The flags of arrays built here; false for others.
  bool is_sequence() const;

 private:
  explicit Value(Type type) : type_(type) {}

  Type type_;
  bool outside_ = false;
  uint32_t length_ = 0;
  union {
    bool truth;
    double number;
    const char* text;
    const json::Value* json;
    Array* array;
    Object* object;
    Function* function;
    Tuple* tuple;
  } data_{};
};
static_assert(sizeof(Value) == 16);

struct Array {
  Value* items = nullptr;
  uint32_t size = 0;
  uint32_t capacity = 0;
  // A result of path steps: one element is the element, none is undefined.
  bool sequence = false;
  bool keep_singleton = false;  // not so: it stays an array
  bool constructed = false;     // by an array constructor in a path: not flattened
  bool outer_wrapper = false;   // stands for the array that is the whole input
  bool tuples = false;          // its elements are tuples

  void push(Arena& arena, Value value) {
    if (size == capacity && !grow(arena)) return;
    items[size++] = value;
  }
  // Room for so many at once; false: the arena is exhausted.
  bool reserve(Arena& arena, size_t count);

 private:
  bool grow(Arena& arena);
};

inline bool Value::is_sequence() const {
  return type_ == Type::kArray && !outside_ && data_.array->sequence;
}

// Reads an array of either kind; a single value as an array of one.
class Items {
 public:
  explicit Items(const Value& value) : single_(value) {
    if (!value.is_array()) return;
    if (const json::Value* json = value.json()) {
      outside_ = &json->as_array();
      size_ = outside_->size();
    } else {
      here_ = value.array()->items;
      size_ = value.array()->size;
    }
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Value operator[](size_t index) const {
    if (here_ != nullptr) return here_[index];
    return outside_ != nullptr ? Value::of((*outside_)[index]) : single_;
  }

 private:
  Value single_;
  const Value* here_ = nullptr;
  const json::Array* outside_ = nullptr;
  size_t size_ = 1;
};

struct Member {
  std::string_view name;
  Value value;
};

struct Object {
  Member* members = nullptr;
  uint32_t size = 0;
  uint32_t capacity = 0;
  // Open addressing, places plus one; made when there are more than kLinearMax members.
  uint32_t* index = nullptr;
  uint32_t index_size = 0;

  static constexpr uint32_t kLinearMax = 12;

  Value* find(std::string_view name);
  // The name is borrowed. An existing member keeps its place.
  void set(Arena& arena, std::string_view name, Value value);
  void erase(Arena& arena, std::string_view name);

 private:
  uint32_t place(std::string_view name) const;
  void add_to_index(uint32_t at);
  bool build_index(Arena& arena);
};

// Reads the members of an object of either kind; no members for other values.
class Members {
 public:
  explicit Members(const Value& value) {
    if (!value.is_object()) return;
    if (const json::Value* json = value.json()) {
      outside_ = &json->as_object();
      size_ = outside_->size();
    } else {
      here_ = value.object()->members;
      size_ = value.object()->size;
    }
  }
  size_t size() const { return size_; }
  std::string_view name(size_t at) const {
    return here_ != nullptr ? here_[at].name : std::string_view(outside_->at(at).first);
  }
  Value value(size_t at) const {
    return here_ != nullptr ? here_[at].value : Value::of(outside_->at(at).second);
  }

 private:
  const Member* here_ = nullptr;
  const json::Object* outside_ = nullptr;
  size_t size_ = 0;
};

// The member of an object; undefined where there is none, or where this is no object.
Value member_of(const Value& object, std::string_view name);

// An element of a stream that carries bindings (`@`, `#`, `%`) beside the context.
struct Tuple {
  struct Binding {
    int symbol;
    Value value;
  };
  Value context;
  Binding* bindings = nullptr;
  uint32_t size = 0;

  const Value* find(int symbol) const;
  // With room for one more binding of each given symbol.
  static Tuple* copy(Arena& arena, const Tuple& from, size_t more);
  // There is room.
  void bind(int symbol, Value value);
};

// Builds a text in the arena.
class TextBuilder {
 public:
  explicit TextBuilder(Arena& arena) : arena_(arena) {}
  void append(std::string_view text);
  void append(char c) { append(std::string_view(&c, 1)); }
  std::string_view view() const { return {data_, size_}; }
  size_t size() const { return size_; }

 private:
  Arena& arena_;
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// --- Texts as JavaScript sees them
// ----------------------------------------------------------------

// Number of Unicode code points; of UTF-16 units.
size_t count_points(std::string_view text);
size_t count_units(std::string_view text);
// Byte offset of a code point; of a UTF-16 unit; the size behind the end.
size_t offset_of_point(std::string_view text, size_t point);
size_t offset_of_unit(std::string_view text, size_t unit);
void append_point(std::string& out, uint32_t point);
// The code point at `at`, which moves behind it.
uint32_t next_point(std::string_view text, size_t& at);
// Where a pattern begins at or behind `from`; npos: nowhere. Linear, whatever the texts.
size_t find_text(std::string_view text, std::string_view pattern, size_t from = 0);
// Orders by UTF-16 units: negative, zero, positive.
int compare_texts(std::string_view left, std::string_view right);
// As JavaScript prints a number.
void append_number(std::string& out, double value);
std::string number_text(double value);

}  // namespace suiro::jsonata
