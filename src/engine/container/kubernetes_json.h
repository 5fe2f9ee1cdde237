// SPDX-License-Identifier: Apache-2.0
// Reads members of a cluster's answers: what is missing or of another type is nothing. Pure.
#pragma once

#include <boost/json.hpp>
#include <initializer_list>
#include <string>
#include <string_view>

namespace suiro::container::kubernetes {

inline const boost::json::value* value_at(const boost::json::value& value,
                                          std::initializer_list<std::string_view> path) {
  const boost::json::value* at = &value;
  for (std::string_view name : path) {
    const auto* object = at->if_object();
    at = object == nullptr ? nullptr : object->if_contains(name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

inline std::string text_at(const boost::json::value& value,
                           std::initializer_list<std::string_view> path) {
  const auto* at = value_at(value, path);
  const auto* text = at == nullptr ? nullptr : at->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

inline const boost::json::array& list_at(const boost::json::value& value,
                                         std::initializer_list<std::string_view> path) {
  static const boost::json::array kNone;
  const auto* at = value_at(value, path);
  const auto* list = at == nullptr ? nullptr : at->if_array();
  return list == nullptr ? kNone : *list;
}

}  // namespace suiro::container::kubernetes
