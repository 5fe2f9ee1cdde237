// SPDX-License-Identifier: Apache-2.0
// JsonText: writes a JSON document, member by member. Pure; the caller keeps the nesting right.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace suiro::container {

class JsonText {
 public:
  JsonText& open(char bracket) {
    comma();
    text_.push_back(bracket);
    first_ = true;
    return *this;
  }
  JsonText& close(char bracket) {
    text_.push_back(bracket);
    first_ = false;
    return *this;
  }
  JsonText& key(std::string_view name) {
    comma();
    quote(name);
    text_.push_back(':');
    first_ = true;  // no comma between a key and its value
    return *this;
  }
  JsonText& value(std::string_view text) {
    comma();
    quote(text);
    return *this;
  }
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  template <std::same_as<bool> T>
  JsonText& value(T flag) {
    comma();
    text_.append(flag ? "true" : "false");
    return *this;
  }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  JsonText& value(T number) {
    comma();
    text_.append(std::to_string(number));
    return *this;
  }
  JsonText& value(const std::vector<std::string>& list) {
    open('[');
    for (const auto& text : list) value(text);
    return close(']');
  }
  // A finished document as a value.
  JsonText& raw(std::string_view json) {
    comma();
    text_.append(json);
    return *this;
  }
  template <class T>
  JsonText& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }
  std::string take() { return std::move(text_); }

 private:
  void comma() {
    if (!first_) text_.push_back(',');
    first_ = false;
  }
  void quote(std::string_view text);

  std::string text_;
  bool first_ = true;
};

}  // namespace suiro::container
