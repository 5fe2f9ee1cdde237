// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/pattern.h"

#include <boost/json.hpp>

#include "services/lambda/errors.h"

namespace suiro::lambda {
namespace {

namespace json = boost::json;

constexpr int kDepthMax = 16;

std::unexpected<Error> invalid(std::string_view why) {
  return fail(kInvalidParameter, fmt::format("Invalid filter pattern definition: {}.", why));
}

bool is_scalar(const json::value& value) {
  return !value.is_object() && !value.is_array();
}

// A string, or a list of them.
bool all_strings(const json::value& value) {
  if (value.is_string()) return true;
  if (!value.is_array() || value.get_array().empty()) return false;
  return std::ranges::all_of(value.get_array(), [](const auto& one) { return one.is_string(); });
}

Result<void> check_numeric(const json::value& value) {
  if (!value.is_array()) return invalid("numeric needs a list of comparisons");
  const json::array& list = value.get_array();
  if (list.empty() || list.size() % 2 != 0 || list.size() > 4) {
    return invalid("numeric needs one or two pairs of an operator and a number");
  }
  for (size_t i = 0; i < list.size(); i += 2) {
    static constexpr std::string_view kOperators[] = {"<", "<=", "=", ">", ">="};
    if (!list[i].is_string() ||
        std::ranges::find(kOperators, std::string_view(list[i].get_string())) ==
            std::end(kOperators)) {
      return invalid("an unknown numeric operator");
    }
    if (!list[i + 1].is_number()) return invalid("numeric compares with numbers");
  }
  return ok();
}

Result<void> check_operator(const json::object& rule) {
  if (rule.size() != 1) return invalid("an operator object holds exactly one operator");
  std::string_view name = rule.begin()->key();
  const json::value& value = rule.begin()->value();
  if (name == "prefix" || name == "suffix" || name == "equals-ignore-case") {
    if (!value.is_string()) return invalid(fmt::format("{} needs a string", name));
    return ok();
  }
  if (name == "exists") {
    if (!value.is_bool()) return invalid("exists needs true or false");
    return ok();
  }
  if (name == "numeric") return check_numeric(value);
  if (name == "anything-but") {
    if (value.is_object()) {
      const json::object& inner = value.get_object();
      if (inner.size() == 1 && (inner.contains("prefix") || inner.contains("suffix")) &&
          inner.begin()->value().is_string()) {
        return ok();
      }
      return invalid("anything-but takes values, prefix or suffix");
    }
    if (value.is_number() || all_strings(value)) return ok();
    if (value.is_array() && !value.get_array().empty() &&
        std::ranges::all_of(value.get_array(), [](const auto& v) { return v.is_number(); })) {
      return ok();
    }
    return invalid("anything-but takes strings or numbers");
  }
  return invalid(fmt::format("the operator \"{}\" is not supported by Suiro", name));
}

Result<void> check(const json::value& pattern, int depth) {
  if (depth > kDepthMax) return invalid("it is nested too deeply");
  if (!pattern.is_object()) return invalid("a field needs a list of values or an object");
  if (pattern.get_object().empty()) return invalid("an object is empty");
  for (const auto& [name, value] : pattern.get_object()) {
    if (name == "$or") return invalid("\"$or\" is not supported by Suiro");
    if (value.is_object()) {
      TRY_VOID(check(value, depth + 1));
      continue;
    }
    if (!value.is_array() || value.get_array().empty()) {
      return invalid(fmt::format("\"{}\" needs a list of values", std::string_view(name)));
    }
    for (const json::value& rule : value.get_array()) {
      if (rule.is_array()) return invalid("a list holds a list");
      if (rule.is_object()) TRY_VOID(check_operator(rule.get_object()));
    }
  }
  return ok();
}

bool same(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

bool compare(const json::array& rules, const json::value& value) {
  if (!value.is_number()) return false;
  double number = value.to_number<double>();
  for (size_t i = 0; i < rules.size(); i += 2) {
    std::string_view op = rules[i].get_string();
    double bound = rules[i + 1].to_number<double>();
    bool good = op == "<"    ? number < bound
                : op == "<=" ? number <= bound
                : op == "="  ? number == bound
                : op == ">"  ? number > bound
                             : number >= bound;
    if (!good) return false;
  }
  return true;
}

bool affix(std::string_view op, std::string_view text, std::string_view wanted) {
  return op == "prefix" ? text.starts_with(wanted) : text.ends_with(wanted);
}

bool anything_but(const json::value& except, const json::value& value) {
  if (except.is_object()) {
    const auto& rule = *except.get_object().begin();
    return value.is_string() && !affix(rule.key(), value.get_string(), rule.value().get_string());
  }
  if (!except.is_array()) return !same(except, value);
  return std::ranges::none_of(except.get_array(),
                              [&](const auto& one) { return same(one, value); });
}

// `value` null: the field is absent.
bool rule_matches(const json::value& rule, const json::value* value) {
  if (!rule.is_object()) return value != nullptr && is_scalar(*value) && same(rule, *value);
  std::string_view op = rule.get_object().begin()->key();
  const json::value& operand = rule.get_object().begin()->value();
  if (op == "exists") return operand.get_bool() == (value != nullptr);
  if (value == nullptr || !is_scalar(*value)) return false;
  if (op == "numeric") return compare(operand.get_array(), *value);
  if (op == "anything-but") return anything_but(operand, *value);
  if (!value->is_string()) return false;
  if (op == "equals-ignore-case") {
    return equal_ignore_case(value->get_string(), operand.get_string());
  }
  return affix(op, value->get_string(), operand.get_string());
}

bool field_matches(const json::array& rules, const json::value* value) {
  for (const json::value& rule : rules) {
    if (value != nullptr && value->is_array()) {
      // A list matches when one of its elements does.
      for (const json::value& element : value->get_array()) {
        if (rule_matches(rule, &element)) return true;
      }
      continue;
    }
    if (rule_matches(rule, value)) return true;
  }
  return false;
}

bool object_matches(const json::object& pattern, const json::value* value) {
  const json::object* object = value == nullptr ? nullptr : value->if_object();
  for (const auto& [name, rules] : pattern) {
    const json::value* field = object == nullptr ? nullptr : object->if_contains(name);
    bool good = rules.is_object() ? object_matches(rules.get_object(), field)
                                  : field_matches(rules.get_array(), field);
    if (!good) return false;
  }
  return true;
}

}  // namespace

Result<Pattern> Pattern::parse(const std::vector<std::string>& filters) {
  if (filters.size() > kFiltersMax) return invalid("there are more than 5 filters");
  Pattern pattern;
  for (const std::string& text : filters) {
    if (text.size() > kPatternBytesMax) return invalid("it is longer than 4096 characters");
    boost::system::error_code failed;
    json::value value = json::parse(text, failed);
    if (failed) return invalid("it is no JSON");
    TRY_VOID(check(value, 0));
    pattern.filters_.push_back(std::move(value));
  }
  return pattern;
}

bool Pattern::matches(ByteView record) const {
  if (filters_.empty()) return true;
  boost::system::error_code failed;
  json::value value = json::parse(record, failed);
  if (failed || !value.is_object()) return false;
  if (json::value* body = value.get_object().if_contains("body"); body && body->is_string()) {
    json::value inner = json::parse(body->get_string(), failed);
    if (!failed && inner.is_object()) *body = std::move(inner);
  }
  return std::ranges::any_of(
      filters_, [&](const auto& filter) { return object_matches(filter.get_object(), &value); });
}

}  // namespace suiro::lambda
