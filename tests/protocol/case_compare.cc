// SPDX-License-Identifier: Apache-2.0
#include "case_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <boost/json.hpp>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "protocol/aws/xml_tree.h"

namespace suiro::cases {
namespace {

namespace json = boost::json;

bool same(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) {
    return std::ranges::equal(a.get_array(), b.get_array(), same);
  }
  if (a.is_string()) return same_text(std::string(a.get_string()), std::string(b.get_string()));
  if (!a.is_object()) return a == b;
  if (a.get_object().size() != b.get_object().size()) return false;
  return std::ranges::all_of(a.get_object(), [&](const auto& pair) {
    const json::value* other = b.get_object().if_contains(pair.key());
    return other != nullptr && same(pair.value(), *other);
  });
}

// Drops what has no meaning for the comparison: null members are absent ones, and the name of a
// document's type ("__type", "code") is compared by the caller.
void reduce(json::value& document, bool root) {
  if (auto* items = document.if_array()) {
    for (json::value& item : *items) reduce(item, false);
  }
  auto* object = document.if_object();
  if (object == nullptr) return;
  object->erase("__type");
  if (root) object->erase("code");
  for (auto at = object->begin(); at != object->end();) {
    if (at->value().is_null()) {
      at = object->erase(at);
      continue;
    }
    reduce(at->value(), false);
    ++at;
  }
}

std::string canonical(const aws::XmlNode& node, bool root) {
  std::string text = node.name;
  auto attributes = node.attributes;
  std::ranges::sort(attributes);
  for (const auto& [name, value] : attributes) {
    if (!(root && name == "xmlns")) text += fmt::format(" {}='{}'", name, value);
  }
  std::vector<std::string> children;
  for (const auto& child : node.children) {
    if (child.name == "RequestId" || child.name == "ResponseMetadata") continue;
    children.push_back(canonical(child, false));
  }
  // Of elements with different names the order has no meaning; of equal ones it has, but for maps,
  // whose order no client keeps.
  std::ranges::sort(children);
  const bool blank = trim(node.text).empty();
  std::string own(children.empty() && !blank ? node.text : trim(node.text));
  if (auto time = parse_iso8601(own)) own = format_iso8601(*time);
  return fmt::format("<{}>{}{}</>", text, own, fmt::join(children, ""));
}

// A CBOR item as JSON text, with byte strings in hexadecimal; written apart from the codec.
class Cbor {
 public:
  explicit Cbor(std::string_view bytes) : bytes_(bytes) {}
  json::value item() {
    const uint8_t first = take();
    const int major = first >> 5, info = first & 31;
    if (major == 7) return simple(info);
    const bool open = info == 31;
    const uint64_t size = open ? UINT64_MAX : argument(info);
    switch (major) {
      case 0:
        return json::value(static_cast<double>(size));
      case 1:
        return json::value(-1.0 - static_cast<double>(size));
      case 2:
        return json::value("h'" + hex_encode(string(open, size)) + "'");
      case 3:
        return json::value(string(open, size));
      case 4:
        return array(size);
      case 5:
        return object(size);
      default:
        return json::object{{"tag", size}, {"value", item()}};
    }
  }

 private:
  uint8_t take() {
    CHECK(!bytes_.empty(), "CBOR is cut off");
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  uint64_t argument(int info) {
    if (info < 24) return static_cast<uint64_t>(info);
    uint64_t value = 0;
    for (int i = 0; i < 1 << (info - 24); ++i) value = value << 8 | take();
    return value;
  }
  bool ended() {
    if (static_cast<uint8_t>(bytes_.front()) != 0xFF) return false;
    take();
    return true;
  }
  std::string string(bool open, uint64_t size) {
    std::string text;
    if (!open) {
      for (uint64_t i = 0; i < size; ++i) text += static_cast<char>(take());
      return text;
    }
    while (!ended()) text += string(false, argument(take() & 31));
    return text;
  }
  json::value array(uint64_t size) {
    json::array items;
    for (uint64_t i = 0; i < size; ++i) {
      if (size == UINT64_MAX && ended()) break;
      items.push_back(item());
    }
    return items;
  }
  json::value object(uint64_t size) {
    json::object pairs;
    for (uint64_t i = 0; i < size; ++i) {
      if (size == UINT64_MAX && ended()) break;
      const json::value key = item();
      pairs[key.get_string()] = item();
    }
    return pairs;
  }
  json::value simple(int info) {
    if (info == 20 || info == 21) return json::value(info == 21);
    if (info == 22 || info == 23) return nullptr;
    const uint64_t bits = argument(info);
    double number = 0;
    if (info == 27) number = std::bit_cast<double>(bits);
    if (info == 26) number = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (info == 25) number = half(static_cast<uint32_t>(bits));
    if (number != number) return json::value("NaN");
    if (number > 1e300 && number * 0.5 == number) return json::value("Infinity");
    if (number < -1e300 && number * 0.5 == number) return json::value("-Infinity");
    return json::value(number);
  }
  // Half to single by moving the exponent's bias.
  static double half(uint32_t bits) {
    const uint32_t sign = (bits & 0x8000) << 16, rest = bits & 0x7FFF;
    const float scaled = std::bit_cast<float>(sign | rest << 13);
    return (rest >> 10) == 31 ? std::bit_cast<float>(sign | 0x7F800000 | (rest & 0x3FF) << 13)
                              : static_cast<double>(scaled) * 0x1p112;
  }

  std::string_view bytes_;
};

std::string compare_trees(json::value actual, json::value expected) {
  reduce(actual, true);
  reduce(expected, true);
  if (same(actual, expected)) return "";
  return fmt::format("{} instead of {}", json::serialize(actual), json::serialize(expected));
}

}  // namespace

// One instant may be written in several ways.
bool same_text(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto one = parse_iso8601(a), other = parse_iso8601(b);
  return one && other && *one == *other;
}

std::string compare_json(std::string_view actual, std::string_view expected) {
  boost::system::error_code error;
  const auto parse = [&](std::string_view text) {
    // No body and an empty object say the same.
    if (text.empty()) text = "{}";
    return json::parse(json::string_view(text.data(), text.size()), error);
  };
  json::value wanted = parse(expected);
  if (error) return actual == expected ? "" : fmt::format("{} instead of {}", actual, expected);
  json::value held = parse(actual);
  if (error) return fmt::format("{} is not JSON", actual);
  return compare_trees(std::move(held), std::move(wanted));
}

std::string compare_xml(std::string_view actual, std::string_view expected) {
  if (expected.empty()) return actual.empty() ? "" : fmt::format("{} instead of nothing", actual);
  auto held = aws::parse_xml(actual), wanted = aws::parse_xml(expected);
  if (!held) return fmt::format("'{}' is not XML", actual);
  if (!wanted) return "the case's body is not XML";
  if (canonical(*held, true) == canonical(*wanted, true)) return "";
  return fmt::format("{} instead of {}", actual, expected);
}

std::string compare_cbor(std::string_view actual, std::string_view expected) {
  // No body and an empty map say the same.
  if (actual.empty()) actual = "\xA0";
  if (expected.empty()) expected = "\xA0";
  return compare_trees(Cbor(actual).item(), Cbor(expected).item());
}

}  // namespace suiro::cases
