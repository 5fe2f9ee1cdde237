// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "protocol/aws/rest.h"
#include "shapes/json.h"
#include "shapes/scalar.h"

namespace suiro::aws {
namespace {

using shapes::Kind;
using shapes::Location;
using shapes::Member;
using shapes::Protocol;
using shapes::Shape;

// Splits a header's list at commas; a part may be quoted, and within quotes a backslash escapes.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  std::string part;
  bool quoted = false, was_quoted = false;
  if (trim(text).empty()) return parts;
  const auto finish = [&] {
    parts.push_back(was_quoted ? part : std::string(trim(part)));
    part.clear();
    was_quoted = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      part += text[++i];
    } else if (c == '"') {
      if (!quoted && trim(part).empty()) {
        part.clear();
        was_quoted = true;
      }
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      finish();
    } else if (!(was_quoted && !quoted && (c == ' ' || c == '\t'))) {
      part += c;
    }
  }
  finish();
  return parts;
}

// HTTP dates hold a comma themselves.
std::vector<std::string> join_dates(std::vector<std::string> parts) {
  std::vector<std::string> dates;
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool weekday = parts[i].size() == 3 && i + 1 < parts.size();
    dates.push_back(weekday ? fmt::format("{}, {}", parts[i], parts[i + 1]) : parts[i]);
    if (weekday) ++i;
  }
  return dates;
}

class Reader {
 public:
  Reader(const Route& route, const Request& request, void* value, shapes::Violations& violations)
      : route_(route), request_(request), value_(value), violations_(violations) {}

  Result<void> read() {
    for (const Member& member : route_.operation->input->members) {
      if (member.location == Location::kBody || member.location == Location::kStatus) continue;
      TRY(const bool present, read(member));
      if (!present && member.required) violations_.missing(member.name);
    }
    return ok();
  }

 private:
  Result<bool> read(const Member& member) {
    switch (member.location) {
      case Location::kUri:
        return one(member, find(route_.labels, member.wire_name));
      case Location::kQuery:
        return query(member);
      case Location::kHeader:
        return header(member);
      case Location::kHeaders:
        return header_map(member);
      default:
        return false;
    }
  }

  Result<bool> one(const Member& member, std::optional<std::string_view> text) {
    if (!text) return false;
    if (member.json_value) {
      auto decoded = base64_decode(*text);
      if (!decoded) return bad(member, *text);
      *static_cast<std::string*>(member.emplace(value_)) = *std::move(decoded);
      return true;
    }
    if (!shapes::read_scalar(*text, *member.shape, member.emplace(value_))) {
      return bad(member, *text);
    }
    return true;
  }

  Result<bool> query(const Member& member) {
    const Shape& shape = *member.shape;
    if (shape.kind == Kind::kMap) return query_map(member);
    if (shape.kind != Kind::kList) return one(member, find(request_.query, member.wire_name));
    bool present = false;
    for (const auto& [name, text] : request_.query) {
      if (name != member.wire_name) continue;
      present = true;
      void* item = shape.list->append(member.emplace(value_));
      if (!shapes::read_scalar(text, *shape.element, item)) return bad(member, text);
    }
    return present;
  }

  // All parameters, those of other members too (Smithy, "httpQueryParams trait").
  Result<bool> query_map(const Member& member) {
    const Shape& shape = *member.shape;
    bool present = false;
    for (const auto& [name, text] : request_.query) {
      present = true;
      void* held = shape.map->insert(member.emplace(value_), name);
      const Shape& element = *shape.element;
      const bool many = element.kind == Kind::kList;
      void* place = many ? element.list->append(held) : held;
      if (!shapes::read_scalar(text, many ? *element.element : element, place)) {
        return bad(member, text);
      }
    }
    return present;
  }

  Result<bool> header(const Member& member) {
    const Shape& shape = *member.shape;
    auto named = [&](const auto& header) {
      return header.first.size() == member.wire_name.size() &&
             equal_ignore_case(header.first, member.wire_name);
    };
    if (shape.kind != Kind::kList) {
      auto found = std::ranges::find_if(request_.headers, named);
      if (found == request_.headers.end()) return false;
      return one(member, found->second);
    }
    bool present = false;
    for (const auto& header : request_.headers) {
      if (!named(header)) continue;
      const std::string& text = header.second;
      present = true;
      member.emplace(value_);
      auto parts = split_list(text);
      if (shape.element->kind == Kind::kTimestamp) parts = join_dates(std::move(parts));
      for (const std::string& part : parts) {
        void* item = shape.list->append(member.emplace(value_));
        if (!shapes::read_scalar(part, *shape.element, item)) return bad(member, part);
      }
    }
    return present;
  }

  Result<bool> header_map(const Member& member) {
    const std::string prefix = to_lower(member.wire_name);
    bool present = false;
    for (const auto& [name, text] : request_.headers) {
      if (!name.starts_with(prefix) || name.size() == prefix.size()) continue;
      present = true;
      void* held = member.shape->map->insert(member.emplace(value_), name.substr(prefix.size()));
      auto& joined = *static_cast<std::string*>(held);
      // A header given twice is one value, as RFC 9110 has it.
      joined = joined.empty() ? text : joined + "," + text;
    }
    return present;
  }

  std::unexpected<Error> bad(const Member& member, std::string_view text) const {
    if (route_.protocol == Protocol::kRestXml) {
      Error error{.code = "InvalidArgument",
                  .message = fmt::format("The value of {} is not valid.", member.wire_name)};
      error.details = {{"ArgumentName", std::string(member.wire_name)},
                       {"ArgumentValue", std::string(text)}};
      return fail(std::move(error));
    }
    return fail(shapes::kSerialization,
                fmt::format("The value '{}' of {} is not valid.", text, member.wire_name));
  }

  const Route& route_;
  const Request& request_;
  void* value_;
  shapes::Violations& violations_;
};

}  // namespace

Result<void> read_bound_members(const Route& route, const Request& request, void* value,
                                shapes::Violations& violations) {
  return Reader(route, request, value, violations).read();
}

}  // namespace suiro::aws
