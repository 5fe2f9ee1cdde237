// SPDX-License-Identifier: Apache-2.0
// Persisted records as a version byte and a JSON document. A record's members are told once, by a
// function that serves both ways and is found beside the record's type:
//
//   template <class V>
//   void members(Usage& u, V& v) { v("errors", u.errors), v("billed_ms", u.billed_ms); }
//
// Invariants:
//  1. decode_json_record(encode_json_record(x)) == x for what members() names.
//  2. Members that are absent keep their default, so members can be added without a new version;
//     empty texts and absent optionals are not written.
// Thread: pure functions. Failure: bytes that are not such a record are kCorrupt.
#pragma once

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/strong.h"

namespace suiro {

inline constexpr char kJsonRecordVersion = 1;

namespace json_record {

namespace json = boost::json;

template <class E>
concept Enum = std::is_enum_v<E>;
// What stands in a JSON document by itself.
template <class T>
concept Plain = std::same_as<T, std::string> || std::is_arithmetic_v<T>;

class Writer {
 public:
  void operator()(std::string_view name, const std::string& value) {
    if (!value.empty()) object_[name] = value;
  }
  template <class N>
    requires std::is_arithmetic_v<N>
  void operator()(std::string_view name, N value) {
    object_[name] = value;
  }
  void operator()(std::string_view name, Enum auto value) {
    object_[name] = static_cast<uint32_t>(value);
  }
  template <class Tag, class T>
  void operator()(std::string_view name, const Strong<Tag, T>& value) {
    object_[name] = value.value();
  }
  void operator()(std::string_view name, TimePoint value) {
    object_[name] = value.time_since_epoch().count();
  }
  template <class T>
  void operator()(std::string_view name, const std::map<std::string, T>& value) {
    json::object map;
    for (const auto& [key, item] : value) map[key] = to_value(item);
    object_[name] = std::move(map);
  }
  template <class T>
  void operator()(std::string_view name, const std::vector<T>& value) {
    json::array list;
    for (const T& item : value) list.push_back(to_value(item));
    object_[name] = std::move(list);
  }
  template <class T>
  void operator()(std::string_view name, const std::optional<T>& value) {
    if (value) object_[name] = to_value(*value);
  }
  template <class T>
    requires requires(T value, Writer& w) { members(value, w); }
  void operator()(std::string_view name, const T& value) {
    object_[name] = to_value(value);
  }

  template <class T>
  static json::value to_value(const T& value) {
    if constexpr (Plain<T>) {
      return json::value(value);
    } else {
      Writer writer;
      members(const_cast<T&>(value), writer);  // members() serves both ways; a Writer only reads
      return std::move(writer.object_);
    }
  }

 private:
  json::object object_;
};

// Throws boost::system::system_error through the checked accessors of Boost.JSON; decode turns that
// into kCorrupt.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  void operator()(std::string_view name, Plain auto& value) {
    if (const auto* found = object_.if_contains(name)) read(*found, value);
  }
  template <Enum E>
  void operator()(std::string_view name, E& value) {
    uint32_t plain = 0;
    (*this)(name, plain);
    value = static_cast<E>(static_cast<std::underlying_type_t<E>>(plain));
  }
  template <class Tag, class T>
  void operator()(std::string_view name, Strong<Tag, T>& value) {
    T plain = {};
    (*this)(name, plain);
    value = Strong<Tag, T>(std::move(plain));
  }
  void operator()(std::string_view name, TimePoint& value) {
    int64_t plain = 0;
    (*this)(name, plain);
    value = TimePoint(Millis(plain));
  }
  template <class T>
  void operator()(std::string_view name, std::map<std::string, T>& value) {
    const auto* found = object_.if_contains(name);
    if (found == nullptr) return;
    for (const auto& [key, item] : found->as_object()) read(item, value[key]);
  }
  template <class T>
  void operator()(std::string_view name, std::vector<T>& value) {
    const auto* found = object_.if_contains(name);
    if (found == nullptr) return;
    for (const auto& item : found->as_array()) read(item, value.emplace_back());
  }
  template <class T>
  void operator()(std::string_view name, std::optional<T>& value) {
    if (const auto* found = object_.if_contains(name)) read(*found, value.emplace());
  }
  template <class T>
    requires requires(T value, Reader& r) { members(value, r); }
  void operator()(std::string_view name, T& value) {
    if (const auto* found = object_.if_contains(name)) read(*found, value);
  }

  template <class T>
  static void read(const json::value& from, T& value) {
    if constexpr (std::same_as<T, std::string>) {
      value = std::string_view(from.as_string());
    } else if constexpr (std::same_as<T, bool>) {
      value = from.as_bool();
    } else if constexpr (std::is_arithmetic_v<T>) {
      value = from.to_number<T>();
    } else {
      Reader reader(from.as_object());
      members(value, reader);
    }
  }

 private:
  const json::object& object_;
};

}  // namespace json_record

template <class T>
Bytes encode_json_record(const T& value) {
  return Bytes(1, kJsonRecordVersion) +
         boost::json::serialize(json_record::Writer::to_value(value));
}

// `of`: whose record it is, for the message. Errors: kCorrupt.
template <class T>
Result<T> decode_json_record(ByteView bytes, std::string_view of) {
  if (bytes.empty() || bytes[0] != kJsonRecordVersion) {
    return fail(codes::kCorrupt, fmt::format("a record of {} has an unknown version", of));
  }
  boost::system::error_code failed;
  boost::json::value document = boost::json::parse(bytes.substr(1), failed);
  if (failed || !document.is_object()) {
    return fail(codes::kCorrupt, fmt::format("a record of {} is not a JSON object", of));
  }
  T value;
  try {
    json_record::Reader::read(document, value);
  } catch (const std::exception& wrong) {
    return fail(codes::kCorrupt, fmt::format("a record of {} is malformed: {}", of, wrong.what()));
  }
  return value;
}

}  // namespace suiro
