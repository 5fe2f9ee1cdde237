// SPDX-License-Identifier: Apache-2.0
// What the intrinsic functions do. Numbers that are no integers are rounded where integers are
// meant: half up, towards the larger number (recorded: -1.5 becomes -1, 2.5 becomes 3).
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/bytes.h"
#include "engine/workflow/intrinsic.h"

namespace suiro::workflow {
namespace {

using json::Array;
using json::Object;
using json::Value;
using Values = std::vector<Value>;

std::unexpected<Error> failure(std::string reason) {
  return fail("States.IntrinsicFailure", std::move(reason));
}

std::unexpected<Error> wrong_argument(size_t number, std::string_view expected) {
  return failure(fmt::format("Argument {} must be {}", number + 1, expected));
}

std::unexpected<Error> too_large() {
  return failure(fmt::format("The result is larger than {} bytes", kIntrinsicResultMax));
}

Result<const Array*> array_at(const Values& values, size_t number) {
  if (!values[number].is_array()) return wrong_argument(number, "an array");
  return &values[number].as_array();
}

Result<const std::string*> text_at(const Values& values, size_t number) {
  if (!values[number].is_string()) return wrong_argument(number, "a string");
  return &values[number].as_string();
}

Result<int64_t> integer_at(const Values& values, size_t number) {
  const Value& value = values[number];
  if (value.is_integer()) return value.as_integer();
  constexpr double kRange = 9e18;
  if (!value.is_number() || std::fabs(value.as_double()) > kRange) {
    return wrong_argument(number, "a number");
  }
  return static_cast<int64_t>(std::floor(value.as_double() + 0.5));
}

// States.MathAdd and MathRandom work on what an int of Java holds.
Result<int64_t> int_at(const Values& values, size_t number) {
  TRY(int64_t value, integer_at(values, number));
  if (value < INT32_MIN || value > INT32_MAX) {
    return wrong_argument(number, "between -2147483648 and 2147483647");
  }
  return value;
}

size_t characters(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

Result<Value> array(const Values& values) {
  size_t size = 0;
  for (const Value& value : values) {
    size += json::written_size(value, kIntrinsicResultMax) + 1;
    if (size > kIntrinsicResultMax) return too_large();
  }
  return Value(Array(values));
}

Result<Value> array_partition(const Values& values) {
  TRY(const Array* from, array_at(values, 0));
  TRY(int64_t size, integer_at(values, 1));
  if (size <= 0) return wrong_argument(1, "a positive number");
  Array out;
  for (size_t at = 0; at < from->size();) {
    size_t count = std::min(static_cast<size_t>(size), from->size() - at);
    auto begin = from->begin() + static_cast<ptrdiff_t>(at);
    out.emplace_back(Array(begin, begin + static_cast<ptrdiff_t>(count)));
    at += count;
  }
  return Value(std::move(out));
}

Result<Value> array_range(const Values& values) {
  TRY(int64_t first, integer_at(values, 0));
  TRY(int64_t last, integer_at(values, 1));
  TRY(int64_t step, integer_at(values, 2));
  if (step == 0) return wrong_argument(2, "a number other than 0");
  Array out;
  for (__int128 at = first; step > 0 ? at <= last : at >= last; at += step) {
    if (out.size() == kArrayRangeMax) {
      return failure(fmt::format("The range has more than {} elements", kArrayRangeMax));
    }
    out.emplace_back(static_cast<int64_t>(at));
  }
  return Value(std::move(out));
}

Result<Value> array_get_item(const Values& values) {
  TRY(const Array* from, array_at(values, 0));
  TRY(int64_t index, integer_at(values, 1));
  if (index < 0 || index >= static_cast<int64_t>(from->size())) {
    return failure(fmt::format("Index {} is not in an array of {} elements", index, from->size()));
  }
  return (*from)[static_cast<size_t>(index)];
}

// A text that equal values share: numbers by value, objects by sorted members.
void append_identity(std::string& out, const Value& value) {
  if (value.is_number()) {
    json::append_double(out, value.as_double());
    // Integers beyond the precision of doubles stay different.
    if (value.is_integer() && std::abs(value.as_integer() / 2) > (1LL << 52)) {
      out += '#' + std::to_string(value.as_integer());
    }
  } else if (value.is_array()) {
    out += '[';
    for (const Value& element : value.as_array()) {
      append_identity(out, element);
      out += ',';
    }
    out += ']';
  } else if (value.is_object()) {
    std::vector<const Object::Member*> members;
    for (const auto& member : value.as_object()) members.push_back(&member);
    std::ranges::sort(members, {}, [](const auto* member) -> const auto& { return member->first; });
    out += '{';
    for (const auto* member : members) {
      json::write(out, Value(member->first));
      append_identity(out, member->second);
      out += ',';
    }
    out += '}';
  } else {
    json::write(out, value);
  }
}

Result<Value> array_unique(const Values& values) {
  TRY(const Array* from, array_at(values, 0));
  std::set<std::string> seen;
  Array out;
  for (const Value& element : *from) {
    std::string identity;
    append_identity(identity, element);
    if (seen.insert(std::move(identity)).second) out.push_back(element);
  }
  return Value(std::move(out));
}

Result<const std::string*> short_text_at(const Values& values, size_t number) {
  TRY(const std::string* text, text_at(values, number));
  if (characters(*text) > kEncodedTextMax) {
    return wrong_argument(number, fmt::format("at most {} characters long", kEncodedTextMax));
  }
  return text;
}

Result<Value> base64_decoded(const Values& values) {
  TRY(const std::string* text, short_text_at(values, 0));
  auto bytes = base64_decode(*text);
  if (!bytes) return wrong_argument(0, "base64");
  if (!is_valid_utf8(*bytes)) return wrong_argument(0, "base64 of a UTF-8 text");
  return Value(*std::move(bytes));
}

Result<Value> hashed(const Values& values) {
  // What is no text is hashed as its JSON text. A character has at most six bytes there ("\u001F").
  if (json::written_size(values[0], 6 * kEncodedTextMax) > 6 * kEncodedTextMax) {
    return wrong_argument(0, fmt::format("at most {} characters long", kEncodedTextMax));
  }
  std::string text = values[0].is_string() ? values[0].as_string() : json::write(values[0]);
  if (characters(text) > kEncodedTextMax) {
    return wrong_argument(0, fmt::format("at most {} characters long", kEncodedTextMax));
  }
  TRY(const std::string* name, text_at(values, 1));
  const EVP_MD* algorithm = *name == "MD5"       ? EVP_md5()
                            : *name == "SHA-1"   ? EVP_sha1()
                            : *name == "SHA-256" ? EVP_sha256()
                            : *name == "SHA-384" ? EVP_sha384()
                            : *name == "SHA-512" ? EVP_sha512()
                                                 : nullptr;
  if (algorithm == nullptr) {
    return wrong_argument(1, "one of MD5, SHA-1, SHA-256, SHA-384, SHA-512");
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, algorithm, nullptr) != 1) {
    return failure("The hash algorithm is not available");
  }
  return Value(hex_encode(ByteView(reinterpret_cast<const char*>(digest), size)));
}

Result<Value> json_merged(const Values& values) {
  for (size_t i = 0; i < 2; ++i) {
    if (!values[i].is_object()) return wrong_argument(i, "an object");
  }
  if (!values[2].is_bool() || values[2].as_bool()) {
    return wrong_argument(2, "false: only a shallow merge is supported");
  }
  Value out = values[0];
  for (const auto& [name, member] : values[1].as_object()) out.edit_object().set(name, member);
  return out;
}

Result<Value> string_to_json(const Values& values) {
  TRY(const std::string* text, text_at(values, 0));
  auto value = json::parse(*text);
  if (!value) return failure("Invalid JSON: " + value.error().message);
  return value;
}

Result<Value> math_add(const Values& values) {
  TRY(int64_t left, int_at(values, 0));
  TRY(int64_t right, int_at(values, 1));
  int64_t sum = left + right;
  if (sum < INT32_MIN || sum > INT32_MAX) {
    return failure("The sum is not between -2147483648 and 2147483647");
  }
  return Value(sum);
}

// One number of splitmix64: the same seed gives the same number.
uint64_t scrambled(uint64_t seed) {
  seed += 0x9E3779B97F4A7C15ULL;
  seed = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9ULL;
  seed = (seed ^ (seed >> 27)) * 0x94D049BB133111EBULL;
  return seed ^ (seed >> 31);
}

// From the start (inclusive) to the end (exclusive).
Result<Value> math_random(const Values& values, Random& random) {
  TRY(int64_t start, int_at(values, 0));
  TRY(int64_t end, int_at(values, 1));
  if (start >= end) return failure("The start must be less than the end");
  uint64_t span = static_cast<uint64_t>(end - start);
  if (values.size() < 3) return Value(start + static_cast<int64_t>(random.below(span)));
  TRY(int64_t seed, integer_at(values, 2));
  return Value(start + static_cast<int64_t>(scrambled(static_cast<uint64_t>(seed)) % span));
}

// The characters of a UTF-8 text.
std::vector<std::string_view> split_characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

// Each character of the second text divides; what is empty between two is left out (recorded).
Result<Value> string_split(const Values& values) {
  TRY(const std::string* text, text_at(values, 0));
  TRY(const std::string* dividers, text_at(values, 1));
  auto listed = split_characters(*dividers);
  std::set<std::string_view> divides(listed.begin(), listed.end());
  Array out;
  std::string part;
  for (std::string_view character : split_characters(*text)) {
    if (!divides.contains(character)) {
      part += character;
    } else if (!part.empty()) {
      out.emplace_back(std::move(part));
      part.clear();
    }
  }
  if (!part.empty()) out.emplace_back(std::move(part));
  return Value(std::move(out));
}

Result<Value> format(const Values& values, std::string_view pattern) {
  if (!values[0].is_string()) return wrong_argument(0, "a string");
  std::string out;
  size_t next = 1;
  for (size_t at = 0; at < pattern.size(); ++at) {
    char c = pattern[at];
    if (c == '\\' && at + 1 < pattern.size() &&
        std::string_view("'{}\\").find(pattern[at + 1]) != std::string_view::npos) {
      out += pattern[++at];
    } else if (c == '{' && at + 1 < pattern.size() && pattern[at + 1] == '}') {
      ++at;
      if (next == values.size()) return failure("There are more {} than arguments");
      const Value& value = values[next++];
      if (json::written_size(value, kIntrinsicResultMax) > kIntrinsicResultMax) return too_large();
      out += value.is_string() ? value.as_string() : json::write(value);
    } else if (c == '{' || c == '}') {
      return failure(c == '{' ? "matching '}' not found for '{'"
                              : "matching '{' not found for '}'");
    } else {
      out += c;
    }
    if (out.size() > kIntrinsicResultMax) return too_large();
  }
  if (next != values.size()) return failure("There are more arguments than {}");
  return Value(std::move(out));
}

Result<Value> json_to_string(const Values& values) {
  if (json::written_size(values[0], kIntrinsicResultMax) > kIntrinsicResultMax) {
    return too_large();
  }
  return Value(json::write(values[0]));
}

Result<Value> array_contains(const Values& values) {
  TRY(const Array* from, array_at(values, 0));
  return Value(std::ranges::find(*from, values[1]) != from->end());
}

}  // namespace

Result<Value> apply_intrinsic(IntrinsicFunction function, const IntrinsicValues& arguments,
                              Random& random) {
  const Values& values = arguments.values;
  switch (function) {
    case IntrinsicFunction::kArray:
      return array(values);
    case IntrinsicFunction::kArrayContains:
      return array_contains(values);
    case IntrinsicFunction::kArrayGetItem:
      return array_get_item(values);
    case IntrinsicFunction::kArrayLength: {
      TRY(const Array* from, array_at(values, 0));
      return Value(static_cast<int64_t>(from->size()));
    }
    case IntrinsicFunction::kArrayPartition:
      return array_partition(values);
    case IntrinsicFunction::kArrayRange:
      return array_range(values);
    case IntrinsicFunction::kArrayUnique:
      return array_unique(values);
    case IntrinsicFunction::kBase64Decode:
      return base64_decoded(values);
    case IntrinsicFunction::kBase64Encode: {
      TRY(const std::string* text, short_text_at(values, 0));
      return Value(base64_encode(*text));
    }
    case IntrinsicFunction::kFormat:
      return format(values, arguments.template_raw);
    case IntrinsicFunction::kHash:
      return hashed(values);
    case IntrinsicFunction::kJsonMerge:
      return json_merged(values);
    case IntrinsicFunction::kJsonToString:
      return json_to_string(values);
    case IntrinsicFunction::kMathAdd:
      return math_add(values);
    case IntrinsicFunction::kMathRandom:
      return math_random(values, random);
    case IntrinsicFunction::kStringSplit:
      return string_split(values);
    case IntrinsicFunction::kStringToJson:
      return string_to_json(values);
    case IntrinsicFunction::kUuid:
      return Value(random.uuid());
  }
  return failure("no such function");
}

}  // namespace suiro::workflow
