// SPDX-License-Identifier: Apache-2.0
// JSON text of generated structs, in dialects:
//   kWire       what the AWS JSON protocols carry
//   kPlain      members named as in the model, times as ISO 8601 (storage of small records)
//   kSdk        as tasks of workflows see it through AWS's SDK for Java: members' names begin with
//   a
//               capital and are sorted, times as ISO 8601, blobs as their text (base64 where they
//               are none); an object or array stands for its text where a string is wanted
//   kSdkMillis  the same with times as milliseconds since 1970 (the older SDK)
//
// Parsing is in one pass over simdjson's on-demand tokens; unknown members are ignored, as AWS
// does, but of the SDKs' dialects refused with kUnknownMember. Fails with codes::kSerialization for
// text that is not JSON or a value of another type, and with the violated constraints
// (shapes/validate.h). Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "shapes/shape.h"

namespace suiro::shapes {

inline constexpr std::string_view kSerialization = "SerializationException";

inline constexpr std::string_view kUnknownMember = "UnknownMember";

enum class Dialect : uint8_t { kWire, kPlain, kSdk, kSdkMillis };
constexpr bool is_sdk(Dialect dialect) {
  return dialect == Dialect::kSdk || dialect == Dialect::kSdkMillis;
}

// Nesting beyond this is refused.
inline constexpr int kDepthMax = 96;
// A document with more elements in its lists and maps is refused: "{}" in a list is two bytes on
// the wire and hundreds in memory.
inline constexpr size_t kElementsMax = 50'000;

struct Violations;

// Appends a JSON string literal.
void append_json_string(std::string& out, std::string_view text);
// Adds "name": "text" at the end of a JSON object's text.
void append_json_member(std::string& object, std::string_view name, std::string_view text);
// A finite number in its shortest form; "NaN", "Infinity" and "-Infinity" as strings.
void append_json_double(std::string& out, double value);

// Appends the structure's body members (all members in kPlain) as a JSON object. A Body is left
// out.
void write_json(std::string& out, const Shape& shape, const void* value, Dialect dialect);
// The value of one member.
void write_json_member(std::string& out, const Member& member, const void* value, Dialect dialect);

// Reads a JSON object into `value`, a structure of `shape`. Missing required members are added to
// `violations`. The text may be changed in its capacity only.
Result<void> read_json(std::string& text, const Shape& shape, void* value, Dialect dialect,
                       Violations& violations);

namespace detail {
Result<void> from_json(std::string text, const Shape& shape, void* value);
}  // namespace detail

template <class T>
std::string to_json(const T& value) {
  std::string out;
  write_json(out, T::shape(), &value, Dialect::kPlain);
  return out;
}

// Errors: SerializationException, ValidationException.
template <class T>
Result<T> from_json(std::string_view text) {
  T value{};
  TRY_VOID(detail::from_json(std::string(text), T::shape(), &value));
  return value;
}

}  // namespace suiro::shapes
