// SPDX-License-Identifier: Apache-2.0
// Documents that AddPermission and RemovePermission change.
#include <boost/json.hpp>

#include "engine/policy/document.h"
#include "engine/policy/policy.h"

namespace suiro::policy {

namespace json = boost::json;

Result<std::string> add_statement(std::string_view document, json::object header,
                                  json::object statement) {
  json::object root = std::move(header);
  if (!document.empty()) {
    TRY(root, parse_object(document));
  }
  json::array list;
  if (json::value* present = root.if_contains("Statement")) {
    if (present->is_array()) {
      list = std::move(present->get_array());
    } else {
      list.push_back(std::move(*present));
    }
  }
  const json::value* sid = statement.if_contains("Sid");
  if (sid == nullptr) return malformed("The statement has no Sid");
  for (const json::value& item : list) {
    if (!item.is_object()) return malformed("A statement must be an object");
    const json::value* other = item.get_object().if_contains("Sid");
    if (other != nullptr && *other == *sid) {
      return fail(codes::kConditionFailed, "A statement of this Sid exists");
    }
  }
  list.push_back(std::move(statement));
  root["Statement"] = std::move(list);
  return json::serialize(root);
}

Result<std::string> remove_statement(std::string_view document, std::string_view sid) {
  TRY(json::object root, parse_object(document));
  json::array kept;
  bool found = false;
  auto sift = [&](const json::value& item) {
    const json::object* statement = item.if_object();
    const json::value* own = statement == nullptr ? nullptr : statement->if_contains("Sid");
    bool is_it = own != nullptr && own->is_string() &&
                 std::string_view(own->get_string().data(), own->get_string().size()) == sid;
    found = found || is_it;
    if (!is_it) kept.push_back(item);
  };
  if (const json::value* present = root.if_contains("Statement")) {
    if (present->is_array()) {
      for (const json::value& item : present->get_array()) sift(item);
    } else {
      sift(*present);
    }
  }
  if (!found) return fail(codes::kNotFound, fmt::format("No statement has the Sid '{}'", sid));
  if (kept.empty()) return std::string();
  root["Statement"] = std::move(kept);
  return json::serialize(root);
}

}  // namespace suiro::policy
