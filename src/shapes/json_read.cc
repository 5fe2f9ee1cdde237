// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <simdjson.h>

#include <bitset>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/bytes.h"
#include "shapes/call.h"
#include "shapes/json.h"
#include "shapes/scalar.h"
#include "shapes/validate.h"

// The message of a client's mistake names the member, as "a list at 'Entries'".
#define SIMD(expression, expected)                               \
  if (auto simd_error = (expression); simd_error) [[unlikely]] { \
    return unexpected_value(expected);                           \
  }

namespace suiro::shapes {
namespace {

namespace od = simdjson::ondemand;

class Reader {
 public:
  Reader(Dialect dialect, Violations& violations) : dialect_(dialect), violations_(violations) {}

  Result<void> structure(od::object object, const Shape& shape, void* value) {
    std::bitset<256> seen;
    const size_t base = violations_.path.size();
    for (auto field : object) {
      std::string_view key;
      SIMD(field.unescaped_key().get(key), "a JSON object");
      const Member* member = find(shape, key);
      if (member == nullptr && is_sdk(dialect_)) return fail(kUnknownMember, std::string(key));
      if (member == nullptr) continue;
      od::value held;
      SIMD(field.value().get(held), "a JSON value");
      bool null = false;
      SIMD(held.is_null().get(null), "a JSON value");
      if (null) continue;
      seen.set(static_cast<size_t>(member - shape.members.data()));
      violations_.push(member->name);
      TRY_VOID(any(held, *member->shape, member->emplace(value)));
      violations_.path.resize(base);
    }
    for (size_t i = 0; i < shape.members.size(); ++i) {
      const Member& member = shape.members[i];
      if (!member.required || seen[i]) continue;
      if (dialect_ == Dialect::kWire && member.location != Location::kBody) continue;
      violations_.missing(member.name);
    }
    return ok();
  }

  Result<void> unexpected_value(std::string_view expected) {
    if (violations_.path.empty()) {
      return fail(kSerialization, fmt::format("Expected {}.", expected));
    }
    return fail(kSerialization, fmt::format("Expected {} at '{}'.", expected, violations_.path));
  }

 private:
  const Member* find(const Shape& shape, std::string_view key) const {
    if (dialect_ == Dialect::kWire) return shape.find_wire(key);
    const Member* member = shape.find(key);
    if (member != nullptr || !is_sdk(dialect_) || key.empty()) return member;
    std::string other(key);
    if (other[0] >= 'A' && other[0] <= 'Z') other[0] = static_cast<char>(other[0] - 'A' + 'a');
    return shape.find(other);
  }

  Result<void> any(od::value held, const Shape& shape, void* value) {
    switch (shape.kind) {
      case Kind::kInteger: {
        TRY(int64_t number, integer(held));
        if (number < INT32_MIN || number > INT32_MAX) return unexpected_value("an integer");
        *static_cast<int32_t*>(value) = static_cast<int32_t>(number);
        return ok();
      }
      case Kind::kLong: {
        TRY(*static_cast<int64_t*>(value), integer(held));
        return ok();
      }
      case Kind::kBoolean:
        SIMD(held.get_bool().get(*static_cast<bool*>(value)), "true or false");
        return ok();
      case Kind::kDouble:
      case Kind::kTimestamp:
        return number_or_text(held, shape, value);
      case Kind::kString:
      case Kind::kBlob:
      case Kind::kStream:
        return text(held, shape, value);
      case Kind::kEvents:
        return unexpected_value("no stream of events");
      case Kind::kDocument:
        return document(held, value);
      case Kind::kList:
      case Kind::kMap:
      case Kind::kStructure:
        break;
    }
    if (++depth_ > kDepthMax) return fail(kSerialization, "The document is nested too deeply.");
    Result<void> done = compound(held, shape, value);
    --depth_;
    return done;
  }

  Result<void> compound(od::value held, const Shape& shape, void* value) {
    if (shape.kind == Kind::kList) return list(held, shape, value);
    od::object object;
    SIMD(held.get_object().get(object), "a JSON object");
    return shape.kind == Kind::kMap ? map(object, shape, value) : structure(object, shape, value);
  }

  Result<int64_t> integer(od::value held) {
    int64_t number = 0;
    if (!held.get_int64().get(number)) return number;
    double real = 0;
    // 3.0 and 1e3 are integers, too.
    if (!held.get_double().get(real) && real >= -9.2e18 && real <= 9.2e18 &&
        real == static_cast<double>(static_cast<int64_t>(real))) {
      return static_cast<int64_t>(real);
    }
    return std::unexpected(unexpected_value("an integer").error());
  }

  Result<void> number_or_text(od::value held, const Shape& shape, void* value) {
    double number = 0;
    if (!held.get_double().get(number)) {
      if (shape.kind == Kind::kDouble) {
        *static_cast<double*>(value) = number;
        return ok();
      }
      TRY(*static_cast<TimePoint*>(value), time_of_seconds(number));
      return ok();
    }
    std::string_view text;
    SIMD(held.get_string().get(text), "a number");
    if (!read_scalar(text, shape, value)) {
      return unexpected_value(shape.kind == Kind::kDouble ? "a number" : "a timestamp");
    }
    return ok();
  }

  // Of the SDKs' dialects: sets `place` to the compact text of an object or array, and for bytes
  // also of a number, true or false.
  static bool document_text(od::value held, const Shape& shape, std::string& place) {
    od::json_type type{};
    if (held.type().get(type) || type == od::json_type::string) return false;
    const bool compound = type == od::json_type::object || type == od::json_type::array;
    if (!compound && shape.kind == Kind::kString) return false;
    std::string_view raw;
    if (simdjson::to_json_string(held).get(raw)) return false;
    place.resize(raw.size());
    size_t size = 0;
    if (simdjson::minify(raw.data(), raw.size(), place.data(), size)) return false;
    place.resize(size);
    return true;
  }

  Result<void> text(od::value held, const Shape& shape, void* value) {
    std::string_view text;
    std::string compact;
    if (is_sdk(dialect_) && document_text(held, shape, compact)) {
      text = compact;
    } else {
      SIMD(held.get_string().get(text), "a string");
    }
    if (shape.kind == Kind::kStream) {
      *static_cast<Body*>(value) = body_of(Bytes(text));
      return ok();
    }
    if (shape.kind == Kind::kString) {
      static_cast<std::string*>(value)->assign(text);
      return ok();
    }
    if (is_sdk(dialect_)) {
      static_cast<Bytes*>(value)->assign(text);
      return ok();
    }
    Result<Bytes> bytes = base64_decode(text);
    if (!bytes) return unexpected_value("base64");
    *static_cast<Bytes*>(value) = *std::move(bytes);
    return ok();
  }

  Result<void> document(od::value held, void* value) {
    std::string_view text;
    SIMD(simdjson::to_json_string(held).get(text), "a JSON value");
    boost::system::error_code error;
    auto parsed = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
    if (error) return unexpected_value("a JSON value");
    *static_cast<boost::json::value*>(value) = std::move(parsed);
    return ok();
  }

  Result<void> list(od::value held, const Shape& shape, void* value) {
    od::array array;
    SIMD(held.get_array().get(array), "a JSON array");
    const size_t base = violations_.path.size();
    size_t index = 0;
    for (auto element : array) {
      od::value item;
      SIMD(element.get(item), "a JSON value");
      bool null = false;
      SIMD(item.is_null().get(null), "a JSON value");
      ++index;
      if (null) continue;
      TRY_VOID(count_element());
      violations_.push_index(index);
      TRY_VOID(any(item, *shape.element, shape.list->append(value)));
      violations_.path.resize(base);
    }
    return ok();
  }

  Result<void> count_element() {
    if (++elements_ <= kElementsMax) return ok();
    return fail(kSerialization, "The document has too many elements.");
  }

  Result<void> map(od::object object, const Shape& shape, void* value) {
    const size_t base = violations_.path.size();
    for (auto field : object) {
      std::string_view key;
      SIMD(field.unescaped_key().get(key), "a JSON object");
      // The key's bytes move when the value is read.
      const std::string name(key);
      od::value item;
      SIMD(field.value().get(item), "a JSON value");
      bool null = false;
      SIMD(item.is_null().get(null), "a JSON value");
      if (null) continue;
      TRY_VOID(count_element());
      violations_.push_key(name);
      TRY_VOID(any(item, *shape.element, shape.map->insert(value, name)));
      violations_.path.resize(base);
    }
    return ok();
  }

  Dialect dialect_;
  Violations& violations_;
  int depth_ = 0;
  size_t elements_ = 0;
};

// A parser keeps its buffers; those of a rare large document are not kept.
constexpr size_t kParserKeptBytesMax = 1024 * 1024;

}  // namespace

Result<void> read_json(std::string& text, const Shape& shape, void* value, Dialect dialect,
                       Violations& violations) {
  thread_local od::parser kept;
  od::parser fresh;
  od::parser& parser = text.size() > kParserKeptBytesMax ? fresh : kept;
  Reader reader(dialect, violations);
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  od::document document;
  if (parser.iterate(text.data(), text.size(), text.capacity()).get(document)) {
    return reader.unexpected_value("a JSON document");
  }
  od::object object;
  if (document.get_object().get(object)) return reader.unexpected_value("a JSON object");
  TRY_VOID(reader.structure(object, shape, value));
  const char* rest = nullptr;
  if (!document.current_location().get(rest)) return reader.unexpected_value("one JSON document");
  return ok();
}

namespace detail {

Result<void> from_json(std::string text, const Shape& shape, void* value) {
  Violations violations;
  TRY_VOID(read_json(text, shape, value, Dialect::kPlain, violations));
  return check_value(shape, value, violations);
}

}  // namespace detail

}  // namespace suiro::shapes
