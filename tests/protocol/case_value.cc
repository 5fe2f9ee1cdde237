// SPDX-License-Identifier: Apache-2.0
#include "case_value.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cmath>

#include "base/check.h"
#include "shapes/call.h"
#include "shapes/scalar.h"

namespace suiro::cases {
namespace {

namespace json = boost::json;
using shapes::Kind;
using shapes::Member;
using shapes::Shape;

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

double number_of(const json::value& value) {
  if (!value.is_string()) return value.to_number<double>();
  double number = 0;
  const Shape shape{.name = "", .kind = Kind::kDouble};
  CHECK(shapes::read_scalar(view(value.get_string()), shape, &number).has_value());
  return number;
}

Bytes read_body(shapes::Body& body) {
  if (body == nullptr) return {};
  asio::io_context context;
  Bytes bytes;
  auto run = [&]() -> Task<void> {
    bytes = (co_await shapes::read_all(*body, 1024 * 1024)).value();
  };
  asio::co_spawn(context, run(), [](std::exception_ptr error) { CHECK(!error); });
  context.run();
  return bytes;
}

void build_any(const Shape& shape, const json::value& given, void* value) {
  switch (shape.kind) {
    case Kind::kString:
      *static_cast<std::string*>(value) =
          given.is_string() ? std::string(view(given.get_string())) : json::serialize(given);
      return;
    case Kind::kBlob:
      *static_cast<std::string*>(value) = view(given.get_string());
      return;
    case Kind::kInteger:
      *static_cast<int32_t*>(value) = given.to_number<int32_t>();
      return;
    case Kind::kLong:
      *static_cast<int64_t*>(value) = given.to_number<int64_t>();
      return;
    case Kind::kBoolean:
      *static_cast<bool*>(value) = given.get_bool();
      return;
    case Kind::kDouble:
      *static_cast<double*>(value) = number_of(given);
      return;
    case Kind::kTimestamp:
      *static_cast<TimePoint*>(value) = *shapes::time_of_seconds(number_of(given));
      return;
    case Kind::kDocument:
      *static_cast<json::value*>(value) = given;
      return;
    case Kind::kEvents:
      CHECK(false, "a case with events");
    case Kind::kStream:
      *static_cast<shapes::Body*>(value) = shapes::body_of(Bytes(view(given.get_string())));
      return;
    case Kind::kList:
      for (const json::value& item : given.get_array()) {
        if (!item.is_null()) build_any(*shape.element, item, shape.list->append(value));
      }
      return;
    case Kind::kMap:
      for (const auto& [key, item] : given.get_object()) {
        if (item.is_null()) continue;
        build_any(*shape.element, item, shape.map->insert(value, std::string_view(key)));
      }
      return;
    case Kind::kStructure:
      return build(shape, given, value);
  }
}

template <class T>
std::string compare(const T& held, const T& wanted) {
  return held == wanted ? "" : fmt::format(": {} instead of {}", held, wanted);
}

std::string compare_list(const Shape& shape, void* value, const json::array& wanted);
std::string compare_map(const Shape& shape, void* value, const json::object& wanted);

std::string compare_any(const Shape& shape, void* value, const json::value& wanted) {
  switch (shape.kind) {
    case Kind::kString:
      return compare(*static_cast<std::string*>(value), wanted.is_string()
                                                            ? std::string(view(wanted.get_string()))
                                                            : json::serialize(wanted));
    case Kind::kBlob:
      return compare(*static_cast<std::string*>(value), std::string(view(wanted.get_string())));
    case Kind::kInteger:
      return compare(*static_cast<int32_t*>(value), wanted.to_number<int32_t>());
    case Kind::kLong:
      return compare(*static_cast<int64_t*>(value), wanted.to_number<int64_t>());
    case Kind::kBoolean:
      return compare(*static_cast<bool*>(value), wanted.get_bool());
    case Kind::kDouble: {
      const double held = *static_cast<double*>(value), number = number_of(wanted);
      if (std::isnan(held) && std::isnan(number)) return "";
      return compare(held, number);
    }
    case Kind::kTimestamp:
      return compare(static_cast<TimePoint*>(value)->time_since_epoch().count(),
                     shapes::time_of_seconds(number_of(wanted))->time_since_epoch().count());
    case Kind::kDocument:
      return compare(json::serialize(*static_cast<json::value*>(value)), json::serialize(wanted));
    case Kind::kEvents:
      return "a case with events";
    case Kind::kStream:
      return compare(read_body(*static_cast<shapes::Body*>(value)),
                     Bytes(view(wanted.get_string())));
    case Kind::kList:
      return compare_list(shape, value, wanted.get_array());
    case Kind::kMap:
      return compare_map(shape, value, wanted.get_object());
    case Kind::kStructure: {
      std::string where = difference(shape, value, wanted);
      return where.empty() ? "" : "." + where;
    }
  }
  return ": unknown kind";
}

std::string compare_list(const Shape& shape, void* value, const json::array& wanted) {
  size_t index = 0;
  for (const json::value& item : wanted) {
    if (item.is_null()) continue;
    if (index >= shape.list->size(value)) return fmt::format("[{}]: missing", index);
    // The list was made by the codec and is not const itself.
    void* held = const_cast<void*>(shape.list->at(value, index));
    std::string found = compare_any(*shape.element, held, item);
    if (!found.empty()) return fmt::format("[{}]{}", index, found);
    ++index;
  }
  return index == shape.list->size(value) ? "" : ": has more elements";
}

std::string compare_map(const Shape& shape, void* value, const json::object& wanted) {
  size_t present = 0;
  for (const auto& [key, item] : wanted) {
    if (item.is_null()) continue;
    ++present;
    const size_t before = shape.map->size(value);
    void* held = shape.map->insert(value, std::string_view(key));
    if (shape.map->size(value) != before) return fmt::format("[{}]: missing", std::string(key));
    std::string found = compare_any(*shape.element, held, item);
    if (!found.empty()) return fmt::format("[{}]{}", std::string(key), found);
  }
  return present == shape.map->size(value) ? "" : ": has more entries";
}

// A client does not send empty lists and maps in places other than JSON and CBOR.
bool is_empty(const json::value& given) {
  return (given.is_array() && given.get_array().empty()) ||
         (given.is_object() && given.get_object().empty());
}

// A server gives a map of query parameters all of them, also those that other members name.
void keep_only(const Shape& shape, void* map, const json::object& wanted) {
  const auto drop = [&]<class T>(std::map<std::string, T>& held) {
    std::erase_if(held, [&](const auto& pair) { return !wanted.contains(pair.first); });
  };
  if (shape.element->kind == Kind::kList) {
    drop(*static_cast<std::map<std::string, std::vector<std::string>>*>(map));
  } else {
    drop(*static_cast<std::map<std::string, std::string>*>(map));
  }
}

}  // namespace

void build(const Shape& shape, const json::value& parameters, void* value) {
  for (const auto& [name, given] : parameters.get_object()) {
    const Member* member = shape.find(std::string_view(name));
    CHECK(member != nullptr, "a case has a parameter that its shape lacks");
    if (!given.is_null()) build_any(*member->shape, given, member->emplace(value));
  }
}

std::string difference(const Shape& shape, void* value, const json::value& parameters) {
  const json::object& wanted = parameters.get_object();
  for (const Member& member : shape.members) {
    const std::string name(member.name);
    const bool held = member.get(value) != nullptr;
    const json::value* given = wanted.if_contains(name);
    const bool every_parameter =
        member.location == shapes::Location::kQuery && member.shape->kind == Kind::kMap;
    if (given == nullptr || given->is_null()) {
      const bool optional = !member.required && member.shape->kind != Kind::kStream;
      if (held && optional && !every_parameter)
        return name + ": present, but not in the parameters";
      continue;
    }
    if (!held && is_empty(*given)) continue;
    if (!held) return name + ": absent";
    if (every_parameter) keep_only(*member.shape, member.emplace(value), given->get_object());
    std::string found = compare_any(*member.shape, member.emplace(value), *given);
    if (!found.empty()) return name + found;
  }
  return "";
}

}  // namespace suiro::cases
