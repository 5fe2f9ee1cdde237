// SPDX-License-Identifier: Apache-2.0
// Fields that hold a number or a text, or what computes one. Sentences: recordings.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/workflow/machine.h"

namespace suiro::workflow {
namespace {

std::string shown(const json::Value& value) {
  return value.is_string() ? value.as_string() : json::write(value);
}

// Of a number, or of a text that is one.
std::optional<double> number_of(const json::Value& value) {
  if (value.is_number()) return value.as_double();
  if (!value.is_string()) return std::nullopt;
  const std::string& text = value.as_string();
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_integral(double number) {
  return number == std::floor(number) && std::abs(number) < 9e15;
}

uint64_t seconds_of(double number) {
  return static_cast<uint64_t>(std::clamp(number, 0.0, static_cast<double>(kSecondsMax)));
}

}  // namespace

Step<double> number_field(const NumberField& field, const Scope& scope, NumberNames names) {
  if (const double* constant = std::get_if<double>(&field)) return *constant;
  const Query& query = std::get<Query>(field);
  if (query.form() == Query::Form::kJsonata) {
    TRY(const json::Value value, query.evaluate(scope, names.field));
    if (value.is_number() && (names.is_float || is_integral(value.as_double()))) {
      return value.as_double();
    }
    return std::unexpected(Failure(unexpected_type(query.expression(), names.field,
                                                   names.is_float ? "number" : "integer", value)));
  }
  const std::string path_field = fmt::format("{}Path", names.field);
  TRY(const json::Value value, query.evaluate(scope, path_field));
  const std::optional<double> number = number_of(value);
  if (!number || (!names.is_float && !is_integral(*number))) {
    return std::unexpected(Failure::runtime(
        fmt::format("The {} field refers to value \"{}\" which is not a valid {}: {}", path_field,
                    shown(value), names.is_float ? "float" : "integer", query.text())));
  }
  return *number;
}

Step<uint64_t> seconds_field(const NumberField& field, const Scope& scope, std::string_view name) {
  if (const double* constant = std::get_if<double>(&field)) {
    return seconds_of(*constant);
  }
  const Query& query = std::get<Query>(field);
  if (query.form() == Query::Form::kJsonata) {
    TRY(const json::Value value, query.evaluate(scope, name));
    if (value.is_number() && is_integral(value.as_double()) && value.as_double() >= 0) {
      return seconds_of(value.as_double());
    }
    if (!value.is_number()) {
      return std::unexpected(Failure(unexpected_type(query.expression(), name, "number", value)));
    }
    Failure wrong(Error{"States.QueryEvaluationError",
                        fmt::format("The JSONata expression '{}' specified for the field '{}' "
                                    "returned a value that is no whole number of seconds: {}",
                                    query.expression(), name, json::write(value))});
    wrong.location = name;
    return std::unexpected(std::move(wrong));
  }
  TRY(const std::optional<json::Value> found, query.find(scope));
  if (!found) {
    return std::unexpected(Failure::runtime(fmt::format(
        "The {}Path parameter does not reference an input value: {}", name, query.text())));
  }
  const std::string pair = fmt::format("{} == {}", query.text(), shown(*found));
  const std::optional<double> number = number_of(*found);
  if (!number || !is_integral(*number)) {
    return std::unexpected(Failure::runtime(
        fmt::format("The {}Path parameter cannot be parsed as a long value: {}", name, pair)));
  }
  if (*number < 0) {
    return std::unexpected(Failure::runtime(
        fmt::format("The {}Path parameter references a negative value: {}", name, pair)));
  }
  return seconds_of(*number);
}

Step<std::string> text_field(const TextField& field, const Scope& scope, std::string_view name) {
  if (const auto* constant = std::get_if<std::string>(&field)) return *constant;
  const Query& query = std::get<Query>(field);
  if (query.form() == Query::Form::kJsonata) {
    TRY(const json::Value value, query.evaluate(scope, name));
    if (value.is_string()) return value.as_string();
    return std::unexpected(Failure(unexpected_type(query.expression(), name, "string", value)));
  }
  const std::string path_field = fmt::format("{}Path", name);
  TRY(const json::Value value, query.evaluate(scope, path_field));
  if (value.is_string()) return value.as_string();
  return std::unexpected(
      Failure::runtime(fmt::format("The {} parameter does not reference a string value: {} == {}",
                                   path_field, query.text(), json::write(value))));
}

}  // namespace suiro::workflow
