// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/arn.h"
#include "services/lambda/errors.h"

namespace suiro::lambda {
namespace {

constexpr size_t kNameBytesMax = 64;
constexpr size_t kQualifierBytesMax = 128;
constexpr std::string_view kNamePattern =
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?"
    "([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?";

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_';
  });
}

bool is_qualifier(std::string_view text) {
  return text == kLatest || (text.size() <= kQualifierBytesMax && is_word(text));
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    size_t end = text.find(':', begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c); });
}

// The last one or two parts: name and perhaps qualifier.
Result<FunctionName> tail(std::string_view whole, std::span<const std::string_view> parts) {
  if (parts.empty() || parts.size() > 2 || !is_function_name(parts[0]) ||
      (parts.size() == 2 && !is_qualifier(parts[1]))) {
    return pattern_error(whole, "functionName", kNamePattern);
  }
  return FunctionName{std::string(parts[0]), parts.size() == 2 ? std::string(parts[1]) : ""};
}

Result<FunctionName> parse_forms(std::string_view text, const Place& place) {
  std::vector<std::string_view> parts = split(text);
  std::span<const std::string_view> rest(parts);
  if (parts[0] == "arn") {
    if (parts.size() < 7 || parts[2] != "lambda" || parts[5] != "function") {
      return pattern_error(text, "functionName", kNamePattern);
    }
    if (parts[3] != place.region || parts[4] != place.account) {
      return fail(kResourceNotFound, fmt::format("Function not found: {}", text));
    }
    return tail(text, rest.subspan(6));
  }
  if (parts.size() >= 3 && parts[1] == "function" && all_digits(parts[0])) {
    if (parts[0] != place.account) {
      return fail(kResourceNotFound, fmt::format("Function not found: {}", text));
    }
    return tail(text, rest.subspan(2));
  }
  if (parts.size() >= 2 && parts[0] == "function") return tail(text, rest.subspan(1));
  return tail(text, rest);
}

}  // namespace

bool is_function_name(std::string_view text) {
  return text.size() <= kNameBytesMax && is_word(text);
}

bool is_version_number(std::string_view text) {
  return all_digits(text) && text.size() <= 18;
}

bool is_alias_name(std::string_view text) {
  return text.size() <= kQualifierBytesMax && is_word(text) && !all_digits(text);
}

Result<FunctionName> parse_function_name(std::string_view text,
                                         const std::optional<std::string>& qualifier,
                                         const Place& place) {
  TRY(FunctionName name, parse_forms(text, place));
  if (!qualifier || qualifier->empty()) return name;
  if (!is_qualifier(*qualifier)) {
    return pattern_error(*qualifier, "qualifier", "(|[a-zA-Z0-9$_-]+)");
  }
  if (!name.qualifier.empty() && name.qualifier != *qualifier) {
    return fail(kInvalidParameter,
                "The derived qualifier from the function name does not match the specified "
                "qualifier.");
  }
  name.qualifier = *qualifier;
  return name;
}

std::string function_arn(const Place& place, std::string_view name, std::string_view qualifier) {
  std::string arn =
      fmt::format("arn:aws:lambda:{}:{}:function:{}", place.region, place.account, name);
  if (!qualifier.empty()) arn.append(":").append(qualifier);
  return arn;
}

}  // namespace suiro::lambda
