// SPDX-License-Identifier: Apache-2.0
#include "engine/log_query/value.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace suiro::log_query {
namespace {

constexpr double kPlainIntegerMax = 1e15;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string time_text(TimePoint time) {
  int64_t millis = time.time_since_epoch().count();
  if (millis < 0 || millis > kTimeMillisMax) return fmt::format("{}", millis);
  std::string text = format_iso8601(time);
  text[text.find('T')] = ' ';
  text.pop_back();
  return text;
}

std::string number_text(double number) {
  if (std::trunc(number) == number && std::abs(number) < kPlainIntegerMax) {
    return fmt::format("{:.0f}", number + 0.0);
  }
  return fmt::format("{}", number);
}

int sign(auto order) {
  return order < 0 ? -1 : (order > 0 ? 1 : 0);
}

// Runs of digits by length, then by value; all else byte by byte, which is the order of Unicode.
int compare_natural(std::string_view left, std::string_view right) {
  size_t i = 0, j = 0;
  while (i < left.size() && j < right.size()) {
    if (!is_digit(left[i]) || !is_digit(right[j])) {
      if (left[i] != right[j]) return sign(uint8_t(left[i]) <=> uint8_t(right[j]));
      ++i, ++j;
      continue;
    }
    size_t a = i, b = j;
    while (i < left.size() && is_digit(left[i])) ++i;
    while (j < right.size() && is_digit(right[j])) ++j;
    if (i - a != j - b) return i - a < j - b ? -1 : 1;
    int order = left.substr(a, i - a).compare(right.substr(b, j - b));
    if (order != 0) return sign(order);
  }
  return sign((left.size() - i) <=> (right.size() - j));
}

}  // namespace

Value value_of(const json::Value& value) {
  switch (value.kind()) {
    case json::Kind::kNull:
      return {};
    case json::Kind::kBool:
      return value.as_bool();
    case json::Kind::kInteger:
      return value.as_integer();
    case json::Kind::kDouble:
      return value_of(value.as_double());
    case json::Kind::kString:
      return value.as_string();
    case json::Kind::kArray:
    case json::Kind::kObject:
      return value;
  }
  return {};
}

Value value_of(double number) {
  if (!std::isfinite(number)) return {};
  return number;
}

std::string text_of(const Value& value) {
  struct Text {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool truth) const { return truth ? "1" : "0"; }
    std::string operator()(int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return number_text(number); }
    std::string operator()(TimePoint time) const { return time_text(time); }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(const json::Value& value) const { return json::write(value); }
  };
  return std::visit(Text(), value);
}

std::string_view view_of(const Value& value, std::string& room) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  room = text_of(value);
  return room;
}

std::optional<double> parse_number(std::string_view text) {
  // Neither "inf" nor "nan" is a number here.
  std::string_view first = text.starts_with('-') ? text.substr(1) : text;
  if (first.empty() || (!is_digit(first[0]) && first[0] != '.')) return std::nullopt;
  double number = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> number_of(const Value& value) {
  struct Number {
    using Out = std::optional<double>;
    Out operator()(std::monostate) const { return std::nullopt; }
    Out operator()(bool truth) const { return truth ? 1.0 : 0.0; }
    Out operator()(int64_t number) const { return static_cast<double>(number); }
    Out operator()(double number) const { return number; }
    Out operator()(TimePoint time) const {
      return static_cast<double>(time.time_since_epoch().count());
    }
    Out operator()(const std::string& text) const { return parse_number(text); }
    Out operator()(const json::Value&) const { return std::nullopt; }
  };
  return std::visit(Number(), value);
}

bool truth_of(const Value& value) {
  if (is_missing(value)) return false;
  if (const auto* text = std::get_if<std::string>(&value)) {
    return !text->empty() && *text != "0" && *text != "false";
  }
  return number_of(value).value_or(1) != 0;
}

bool equal(const Value& left, const Value& right) {
  if (is_missing(left) || is_missing(right)) return false;
  const auto* a = std::get_if<int64_t>(&left);
  const auto* b = std::get_if<int64_t>(&right);
  if (a != nullptr && b != nullptr) return *a == *b;
  // A flag of a JSON document is asked for as 1, "1", or by its name.
  for (const auto& [flag, other] : {std::pair(&left, &right), std::pair(&right, &left)}) {
    const auto* truth = std::get_if<bool>(flag);
    const auto* text = std::get_if<std::string>(other);
    if (truth != nullptr && text != nullptr && *text == (*truth ? "true" : "false")) return true;
  }
  return compare(left, right) == 0;
}

int compare(const Value& left, const Value& right) {
  bool are_texts =
      std::holds_alternative<std::string>(left) && std::holds_alternative<std::string>(right);
  auto a = number_of(left), b = number_of(right);
  if (a && b && (!are_texts || *a != *b)) return *a < *b ? -1 : (*a > *b ? 1 : 0);
  std::string room_left, room_right;
  return sign(view_of(left, room_left).compare(view_of(right, room_right)));
}

int compare_in_sort(const Value& left, const Value& right) {
  if (is_missing(left) || is_missing(right)) {
    return int(is_missing(right)) - int(is_missing(left));
  }
  auto a = number_of(left), b = number_of(right);
  if (a.has_value() != b.has_value()) return a ? 1 : -1;
  if (a && *a != *b) return *a < *b ? -1 : 1;
  std::string room_left, room_right;
  return compare_natural(view_of(left, room_left), view_of(right, room_right));
}

size_t bytes_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return sizeof(Value) + text->size();
  // The tree of a structure takes some times the bytes of its text.
  constexpr size_t kTreeFactor = 4;
  if (const auto* tree = std::get_if<json::Value>(&value)) {
    return sizeof(Value) + kTreeFactor * json::written_size(*tree);
  }
  return sizeof(Value);
}

}  // namespace suiro::log_query
