// SPDX-License-Identifier: Apache-2.0
// Whether a message matches a parsed filter pattern.
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/bytes.h"
#include "services/logs/pattern_node.h"

namespace suiro::logs {
namespace {

namespace json = boost::json;

constexpr size_t kFieldsOfMessageMax = 1000;

bool finds(const RE2& regex, std::string_view text) {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex);
}

bool compare_numbers(Comparison how, double value, double operand) {
  switch (how) {
    case Comparison::kEqual:
      return value == operand;
    case Comparison::kNotEqual:
      return value != operand;
    case Comparison::kLess:
      return value < operand;
    case Comparison::kLessOrEqual:
      return value <= operand;
    case Comparison::kGreater:
      return value > operand;
    case Comparison::kGreaterOrEqual:
      return value >= operand;
  }
  return false;
}

bool equals_text(const Operand& operand, std::string_view text) {
  if (operand.regex) return finds(*operand.regex, text);
  if (operand.glob) {
    return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *operand.glob);
  }
  return operand.text == text;
}

bool compare_text(const Condition& condition, std::string_view text) {
  switch (condition.comparison) {
    case Comparison::kEqual:
      return equals_text(condition.operand, text);
    case Comparison::kNotEqual:
      return !equals_text(condition.operand, text);
    default: {
      double value = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      return error == std::errc() && end == text.data() + text.size() &&
             compare_numbers(condition.comparison, value, *condition.operand.number);
    }
  }
}

bool compare_json(const Condition& condition, const json::value& value) {
  if (value.is_number() && condition.operand.number) {
    return compare_numbers(condition.comparison, value.to_number<double>(),
                           *condition.operand.number);
  }
  if (value.is_string()) {
    // A string is not ordered among numbers.
    bool is_order =
        condition.comparison != Comparison::kEqual && condition.comparison != Comparison::kNotEqual;
    return !is_order &&
           compare_text(condition, {value.get_string().data(), value.get_string().size()});
  }
  if (value.is_number() && condition.comparison == Comparison::kEqual) {
    return equals_text(condition.operand, json::serialize(value));
  }
  return condition.comparison == Comparison::kNotEqual && !value.is_null();
}

bool test_json(const Condition& condition, const json::value& value) {
  switch (condition.kind) {
    case Condition::Kind::kIsNull:
      return value.is_null();
    case Condition::Kind::kIsTrue:
      return value.is_bool() && value.get_bool();
    case Condition::Kind::kIsFalse:
      return value.is_bool() && !value.get_bool();
    case Condition::Kind::kCompare:
      return compare_json(condition, value);
    default:
      return true;  // kNotExists asks whether anything is there
  }
}

// Whether anything that the selector reaches from `value` passes.
bool reaches(const Condition& condition, const json::value& value, size_t step) {
  if (step == condition.selector.size()) return test_json(condition, value);
  const Step& next = condition.selector[step];
  if (next.every) {
    return value.is_array() && std::ranges::any_of(value.get_array(), [&](const json::value& one) {
             return reaches(condition, one, step + 1);
           });
  }
  if (next.element) {
    return value.is_array() && *next.element < value.get_array().size() &&
           reaches(condition, value.get_array()[*next.element], step + 1);
  }
  if (!value.is_object()) return false;
  const json::value* member = value.get_object().if_contains(next.member);
  return member != nullptr && reaches(condition, *member, step + 1);
}

template <class Leaf>
bool holds(const Condition& condition, const Leaf& leaf) {
  auto child = [&](const Condition& one) { return holds(one, leaf); };
  switch (condition.kind) {
    case Condition::Kind::kAnd:
      return std::ranges::all_of(condition.children, child);
    case Condition::Kind::kOr:
      return std::ranges::any_of(condition.children, child);
    default:
      return leaf(condition);
  }
}

bool matches_terms(const Terms& terms, std::string_view message) {
  auto found = [&](const Term& term) {
    return term.regex ? finds(*term.regex, message) : message.find(term.text) != message.npos;
  };
  bool has_required = false, has_any = false, found_any = false;
  for (const Term& term : terms.all) {
    if (term.role == Term::Role::kExcluded && found(term)) return false;
    if (term.role == Term::Role::kRequired) {
      has_required = true;
      if (!found(term)) return false;
    }
    if (term.role == Term::Role::kAny) {
      has_any = true;
      found_any = found_any || found(term);
    }
  }
  return has_required || !has_any || found_any;
}

bool matches_json(const JsonCondition& condition, std::string_view message) {
  boost::system::error_code error;
  json::value value = json::parse({message.data(), message.size()}, error);
  if (error || !value.is_object()) return false;
  return holds(condition.root, [&](const Condition& leaf) {
    bool there = reaches(leaf, value, 0);
    return leaf.kind == Condition::Kind::kNotExists ? !there : there;
  });
}

// Split at blanks; what stands in quotes or brackets is one field.
std::vector<std::string_view> fields_of(std::string_view message) {
  std::vector<std::string_view> fields;
  while (fields.size() < kFieldsOfMessageMax) {
    message = trim(message);
    if (message.empty()) break;
    char close = message[0] == '"' ? '"' : message[0] == '[' ? ']' : ' ';
    size_t end = close == ' ' ? message.npos : message.find(close, 1);
    if (end != message.npos) {
      fields.push_back(message.substr(1, end - 1));
      message.remove_prefix(end + 1);
    } else {
      end = std::min(message.find_first_of(" \t\r\n"), message.size());
      fields.push_back(message.substr(0, end));
      message.remove_prefix(end);
    }
  }
  return fields;
}

bool matches_fields(const Fields& pattern, std::string_view message) {
  auto fields = fields_of(message);
  size_t named = pattern.before.size() + pattern.after.size();
  if (pattern.has_rest ? fields.size() < named : fields.size() != named) return false;
  auto passes = [&](const Condition& condition, std::string_view field) {
    return holds(condition, [&](const Condition& leaf) {
      return leaf.kind == Condition::Kind::kAlways || compare_text(leaf, field);
    });
  };
  for (size_t i = 0; i < pattern.before.size(); ++i) {
    if (!passes(pattern.before[i], fields[i])) return false;
  }
  size_t tail = fields.size() - pattern.after.size();
  for (size_t i = 0; i < pattern.after.size(); ++i) {
    if (!passes(pattern.after[i], fields[tail + i])) return false;
  }
  return true;
}

struct Matcher {
  std::string_view message;
  bool operator()(const Terms& terms) const { return matches_terms(terms, message); }
  bool operator()(const JsonCondition& condition) const { return matches_json(condition, message); }
  bool operator()(const Fields& fields) const { return matches_fields(fields, message); }
};

}  // namespace

bool Pattern::matches(std::string_view message) const {
  return std::visit(Matcher{message}, root_->what);
}

}  // namespace suiro::logs
