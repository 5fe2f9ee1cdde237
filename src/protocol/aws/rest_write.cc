// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/bytes.h"
#include "protocol/aws/rest.h"
#include "shapes/scalar.h"

namespace suiro::aws {
namespace {

using shapes::Kind;
using shapes::Location;
using shapes::Member;
using shapes::Shape;
using shapes::TimeFormat;

TimeFormat header_format(const Member& member, const Shape& shape) {
  const TimeFormat format =
      member.time_format == TimeFormat::kDefault ? shape.time_format : member.time_format;
  return format == TimeFormat::kDefault ? TimeFormat::kRfc822 : format;
}

// A string in a header's list is quoted where it holds what separates or quotes.
std::string list_part(const Shape& shape, const void* value, TimeFormat format) {
  std::string text = shapes::scalar_text(shape, value, format);
  if (shape.kind != Kind::kString || text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

void write_header(const Member& member, const void* value, Response& response) {
  const Shape& shape = *member.shape;
  const std::string name(member.wire_name);
  if (member.json_value) {
    add_header(response, name, base64_encode(*static_cast<const std::string*>(value)));
    return;
  }
  if (shape.kind != Kind::kList) {
    add_header(response, name, shapes::scalar_text(shape, value, header_format(member, shape)));
    return;
  }
  const size_t size = shape.list->size(value);
  std::string joined;
  for (size_t i = 0; i < size; ++i) {
    if (i > 0) joined += ", ";
    joined +=
        list_part(*shape.element, shape.list->at(value, i), header_format(member, *shape.element));
  }
  if (size > 0) add_header(response, name, std::move(joined));
}

void write_header_map(const Member& member, const void* value, Response& response) {
  struct Context {
    Response* response;
    std::string prefix;
  } context{&response, std::string(member.wire_name)};
  member.shape->map->each(value, &context, [](void* at, std::string_view key, const void* held) {
    auto& [reply, prefix] = *static_cast<Context*>(at);
    add_header(*reply, prefix + std::string(key), *static_cast<const std::string*>(held));
  });
}

}  // namespace

void add_header(Response& response, std::string name, std::string value) {
  for (std::string* text : {&name, &value}) {
    std::ranges::replace_if(*text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  }
  response.headers.emplace_back(std::move(name), std::move(value));
}

void set_header(Response& response, std::string name, std::string value) {
  std::erase_if(response.headers,
                [&](const auto& header) { return equal_ignore_case(header.first, name); });
  add_header(response, std::move(name), std::move(value));
}

bool has_header(const Response& response, std::string_view name) {
  return std::ranges::any_of(
      response.headers, [&](const auto& header) { return equal_ignore_case(header.first, name); });
}

void write_bound_members(const Shape& shape, const void* value, Response& response) {
  for (const Member& member : shape.members) {
    const void* held = member.location == Location::kBody ? nullptr : member.get(value);
    if (held == nullptr) continue;
    switch (member.location) {
      case Location::kHeader:
        write_header(member, held, response);
        break;
      case Location::kHeaders:
        write_header_map(member, held, response);
        break;
      case Location::kStatus:
        response.status = *static_cast<const int32_t*>(held);
        break;
      default:
        break;
    }
  }
}

bool has_body_members(const Shape& shape) {
  return std::ranges::any_of(
      shape.members, [](const Member& member) { return member.location == Location::kBody; });
}

bool has_response_members(const Shape& shape) {
  return std::ranges::any_of(shape.members, &Member::in_response_body);
}

}  // namespace suiro::aws
