// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace suiro::jsonata {
namespace {

constexpr size_t kBlockBytesMax = size_t{1} << 20;

uint32_t hash_of(std::string_view text) {
  return static_cast<uint32_t>(std::hash<std::string_view>{}(text));
}

}  // namespace

void* Arena::take_block(size_t bytes) {
  const size_t size = std::max(bytes, block_bytes_);
  blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
  char* out = blocks_.back().get();
  if (bytes < block_bytes_) {
    next_ = out + bytes;
    left_ = size - bytes;
    block_bytes_ = std::min(block_bytes_ * 2, kBlockBytesMax);
  }
  return out;
}

std::string_view Arena::copy(std::string_view text) {
  if (text.empty() || !room(text.size())) return {};
  char* out = static_cast<char*>(take(text.size()));
  std::memcpy(out, text.data(), text.size());
  return {out, text.size()};
}

Value Value::of(const json::Value& value) {
  Value out;
  switch (value.kind()) {
    case json::Kind::kNull:
      return null();
    case json::Kind::kBool:
      return Value(value.as_bool());
    case json::Kind::kInteger:
    case json::Kind::kDouble:
      return Value(value.as_double());
    case json::Kind::kString:
      return Value(std::string_view(value.as_string()));
    case json::Kind::kArray:
      out.type_ = Type::kArray;
      break;
    case json::Kind::kObject:
      out.type_ = Type::kObject;
      break;
  }
  out.outside_ = true;
  out.data_.json = &value;
  return out;
}

bool Array::reserve(Arena& arena, size_t count) {
  if (count <= capacity) return true;
  if (count > UINT32_MAX || !arena.room(count * sizeof(Value))) {
    arena.room(SIZE_MAX);
    return false;
  }
  auto* moved = static_cast<Value*>(arena.take(count * sizeof(Value)));
  if (size > 0) std::memcpy(static_cast<void*>(moved), items, size * sizeof(Value));
  items = moved;
  capacity = static_cast<uint32_t>(count);
  return true;
}

bool Array::grow(Arena& arena) {
  return reserve(arena, capacity == 0 ? 4 : size_t{capacity} * 2);
}

uint32_t Object::place(std::string_view name) const {
  if (index == nullptr) {
    uint32_t at = 0;
    while (at < size && members[at].name != name) ++at;
    return at;
  }
  for (uint32_t probe = hash_of(name) & (index_size - 1);; probe = (probe + 1) & (index_size - 1)) {
    if (index[probe] == 0) return size;
    if (members[index[probe] - 1].name == name) return index[probe] - 1;
  }
}

Value* Object::find(std::string_view name) {
  const uint32_t at = place(name);
  return at == size ? nullptr : &members[at].value;
}

void Object::add_to_index(uint32_t at) {
  uint32_t probe = hash_of(members[at].name) & (index_size - 1);
  while (index[probe] != 0) probe = (probe + 1) & (index_size - 1);
  index[probe] = at + 1;
}

bool Object::build_index(Arena& arena) {
  index_size = 64;
  while (index_size < capacity * 2) index_size *= 2;
  if (!arena.room(index_size * sizeof(uint32_t))) return false;
  index = static_cast<uint32_t*>(arena.take(index_size * sizeof(uint32_t)));
  std::memset(index, 0, index_size * sizeof(uint32_t));
  for (uint32_t at = 0; at < size; ++at) add_to_index(at);
  return true;
}

void Object::set(Arena& arena, std::string_view name, Value value) {
  if (Value* found = find(name)) {
    *found = value;
    return;
  }
  if (size == capacity) {
    const uint32_t more = capacity == 0 ? 4 : capacity * 2;
    if (!arena.room(more * sizeof(Member))) return;
    auto* moved = static_cast<Member*>(arena.take(more * sizeof(Member)));
    if (size > 0) std::memcpy(static_cast<void*>(moved), members, size * sizeof(Member));
    members = moved;
    capacity = more;
    if (index != nullptr && !build_index(arena)) {
      index = nullptr;
      return;
    }
  }
  members[size++] = {name, value};
  if (index != nullptr) {
    add_to_index(size - 1);
  } else if (size > kLinearMax) {
    build_index(arena);
  }
}

void Object::erase(Arena& arena, std::string_view name) {
  const uint32_t at = place(name);
  if (at == size) return;
  std::move(members + at + 1, members + size, members + at);
  --size;
  if (index != nullptr && !build_index(arena)) index = nullptr;
}

Value member_of(const Value& object, std::string_view name) {
  if (!object.is_object()) return {};
  if (const json::Value* json = object.json()) {
    const json::Value* found = json->as_object().find(name);
    return found == nullptr ? Value() : Value::of(*found);
  }
  const Value* found = object.object()->find(name);
  return found == nullptr ? Value() : *found;
}

const Value* Tuple::find(int symbol) const {
  for (uint32_t at = 0; at < size; ++at) {
    if (bindings[at].symbol == symbol) return &bindings[at].value;
  }
  return nullptr;
}

Tuple* Tuple::copy(Arena& arena, const Tuple& from, size_t more) {
  auto* out = arena.make<Tuple>(from);
  out->bindings = static_cast<Binding*>(arena.take((from.size + more) * sizeof(Binding)));
  if (from.size > 0) {
    std::memcpy(static_cast<void*>(out->bindings), from.bindings, from.size * sizeof(Binding));
  }
  return out;
}

void Tuple::bind(int symbol, Value value) {
  for (uint32_t at = 0; at < size; ++at) {
    if (bindings[at].symbol == symbol) {
      bindings[at].value = value;
      return;
    }
  }
  bindings[size++] = {symbol, value};
}

void TextBuilder::append(std::string_view text) {
  if (text.size() > capacity_ - size_) {
    const size_t wanted = std::max(size_ + text.size(), capacity_ * 2);
    if (wanted > UINT32_MAX || !arena_.room(wanted)) {
      arena_.room(SIZE_MAX);
      return;
    }
    capacity_ = std::max<size_t>(wanted, 48);
    char* moved = static_cast<char*>(arena_.take(capacity_));
    if (size_ > 0) std::memcpy(moved, data_, size_);
    data_ = moved;
  }
  if (!text.empty()) std::memcpy(data_ + size_, text.data(), text.size());
  size_ += text.size();
}

// --- Texts
// ----------------------------------------------------------------------------------------

namespace {

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}
bool is_astral(char lead) {
  return static_cast<unsigned char>(lead) >= 0xF0;
}

}  // namespace

size_t count_points(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

size_t count_units(std::string_view text) {
  size_t count = 0;
  for (char c : text) count += continues(c) ? 0 : is_astral(c) ? 2 : 1;
  return count;
}

size_t offset_of_point(std::string_view text, size_t point) {
  size_t at = 0;
  while (at < text.size() && point > 0) {
    ++at;
    while (at < text.size() && continues(text[at])) ++at;
    --point;
  }
  return at;
}

size_t offset_of_unit(std::string_view text, size_t unit) {
  size_t at = 0;
  while (at < text.size() && unit > 0) {
    const size_t units = is_astral(text[at]) ? 2 : 1;
    unit -= std::min(unit, units);
    ++at;
    while (at < text.size() && continues(text[at])) ++at;
  }
  return at;
}

void append_point(std::string& out, uint32_t point) {
  auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | (point >> 6));
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3F));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

uint32_t next_point(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0xC0) return lead;
  uint32_t point = lead >= 0xF0 ? lead & 0x07 : lead >= 0xE0 ? lead & 0x0F : lead & 0x1F;
  while (at < text.size() && continues(text[at])) {
    point = (point << 6) | (static_cast<unsigned char>(text[at++]) & 0x3F);
  }
  return point;
}

size_t find_text(std::string_view text, std::string_view pattern, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (pattern.empty()) return from;
  const void* found =
      memmem(text.data() + from, text.size() - from, pattern.data(), pattern.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

int compare_texts(std::string_view left, std::string_view right) {
  const size_t common = std::min(left.size(), right.size());
  const auto [a, b] =
      std::mismatch(left.begin(), left.begin() + static_cast<ptrdiff_t>(common), right.begin());
  if (a == left.begin() + static_cast<ptrdiff_t>(common)) {
    return left.size() == right.size() ? 0 : left.size() < right.size() ? -1 : 1;
  }
  const auto x = static_cast<unsigned char>(*a), y = static_cast<unsigned char>(*b);
  // Surrogates of astral characters sort before U+E000.
  if (x >= 0xF0 && (y == 0xEE || y == 0xEF)) return -1;
  if (y >= 0xF0 && (x == 0xEE || x == 0xEF)) return 1;
  return x < y ? -1 : 1;
}

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  if (value == 0) {
    out += '0';
    return;
  }
  if (std::fabs(value) < 1e15 && value == std::trunc(value)) {
    char digits[24];
    auto [end, error] = std::to_chars(digits, digits + sizeof digits, static_cast<int64_t>(value));
    out.append(digits, end);
    return;
  }
  char buffer[40];
  auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view all(buffer, end);
  if (all.front() == '-') {
    out += '-';
    all.remove_prefix(1);
  }
  *end = 0;
  const size_t e = all.find('e');
  std::string digits(all.substr(0, 1));
  if (e > 2) digits += all.substr(2, e - 2);
  int exponent = std::atoi(all.data() + e + 1) + 1;  // the point stands before digit `exponent`
  const int count = static_cast<int>(digits.size());
  if (exponent > 0 && exponent <= 21) {
    if (count <= exponent) {
      out += digits + std::string(static_cast<size_t>(exponent - count), '0');
    } else {
      out += digits.substr(0, static_cast<size_t>(exponent)) + '.' +
             digits.substr(static_cast<size_t>(exponent));
    }
  } else if (exponent <= 0 && exponent > -6) {
    out += "0." + std::string(static_cast<size_t>(-exponent), '0') + digits;
  } else {
    out += digits[0];
    if (count > 1) out += '.' + digits.substr(1);
    --exponent;
    out += exponent < 0 ? "e-" : "e+";
    out += std::to_string(std::abs(exponent));
  }
}

std::string number_text(double value) {
  std::string out;
  append_number(out, value);
  return out;
}

}  // namespace suiro::jsonata
