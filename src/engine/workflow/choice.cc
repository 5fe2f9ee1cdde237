// SPDX-License-Identifier: Apache-2.0
// The conditions of Choice rules in JSONPath mode.
// Source: Amazon States Language specification, "Choice State"; Step Functions Developer Guide,
// "Choice workflow state".
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/workflow/choice_node.h"
#include "engine/workflow/query_impl.h"
#include "engine/workflow/timestamp.h"

namespace suiro::workflow {
namespace {

using json::Value;

constexpr int kDepthMax = 64;           // And, Or, Not in each other
constexpr size_t kPatternMax = 16'384;  // characters of StringMatches

struct OperatorName {
  std::string_view name;
  ComparedType type;
  Comparison comparison;
};
constexpr std::array<OperatorName, 22> kOperators = {{
    {"StringEquals", ComparedType::kString, Comparison::kEquals},
    {"StringLessThan", ComparedType::kString, Comparison::kLess},
    {"StringGreaterThan", ComparedType::kString, Comparison::kGreater},
    {"StringLessThanEquals", ComparedType::kString, Comparison::kLessEquals},
    {"StringGreaterThanEquals", ComparedType::kString, Comparison::kGreaterEquals},
    {"StringMatches", ComparedType::kString, Comparison::kMatches},
    {"NumericEquals", ComparedType::kNumber, Comparison::kEquals},
    {"NumericLessThan", ComparedType::kNumber, Comparison::kLess},
    {"NumericGreaterThan", ComparedType::kNumber, Comparison::kGreater},
    {"NumericLessThanEquals", ComparedType::kNumber, Comparison::kLessEquals},
    {"NumericGreaterThanEquals", ComparedType::kNumber, Comparison::kGreaterEquals},
    {"BooleanEquals", ComparedType::kBoolean, Comparison::kEquals},
    {"TimestampEquals", ComparedType::kTimestamp, Comparison::kEquals},
    {"TimestampLessThan", ComparedType::kTimestamp, Comparison::kLess},
    {"TimestampGreaterThan", ComparedType::kTimestamp, Comparison::kGreater},
    {"TimestampLessThanEquals", ComparedType::kTimestamp, Comparison::kLessEquals},
    {"TimestampGreaterThanEquals", ComparedType::kTimestamp, Comparison::kGreaterEquals},
    {"IsString", ComparedType::kString, Comparison::kIs},
    {"IsNumeric", ComparedType::kNumber, Comparison::kIs},
    {"IsBoolean", ComparedType::kBoolean, Comparison::kIs},
    {"IsTimestamp", ComparedType::kTimestamp, Comparison::kIs},
    {"IsNull", ComparedType::kNull, Comparison::kIs},
}};
constexpr std::string_view kIsPresent = "IsPresent";
constexpr std::string_view kPathSuffix = "Path";

using Node = ChoiceCondition::Node;
using NodePointer = std::shared_ptr<const Node>;

class Compiler {
 public:
  Result<NodePointer> rule(const Value& rule);

 private:
  std::unexpected<Error> wrong(std::string message) const {
    Error error{std::string(codes::kInvalidArgument), std::move(message)};
    error.details.emplace_back("path", place_);
    return fail(std::move(error));
  }
  std::unexpected<Error> wrong_at(std::string_view member, std::string message) {
    place_ += fmt::format("/{}", member);
    return wrong(std::move(message));
  }
  Result<NodePointer> parts(BooleanOperation operation, std::string_view name, const Value& value);
  Result<NodePointer> comparison(const Value& variable, std::string_view name, const Value& value);
  Result<ComparedOperand> operand(const OperatorName& known, std::string_view name,
                                  const Value& value);
  Result<Query> place_in_input(std::string_view member, const Value& value);

  std::string place_;
  int depth_ = 0;
};

bool is_other_member(std::string_view name) {
  return name == "Next" || name == "Assign" || name == "Output" || name == "Comment";
}

Result<NodePointer> Compiler::rule(const Value& rule) {
  if (depth_ == kDepthMax) return wrong(fmt::format("Rules are nested beyond {}", kDepthMax));
  if (!rule.is_object()) return wrong("Expected value of type Object");
  const Value* variable = nullptr;
  const json::Object::Member* operation = nullptr;
  for (const auto& member : rule.as_object()) {
    const std::string& name = member.first;
    // Nested rules only compare; Next and the others belong to the rule around them.
    if (is_other_member(name) && (depth_ == 0 || name == "Comment")) continue;
    if (name == "Variable") {
      variable = &member.second;
    } else if (is_other_member(name)) {
      return wrong(fmt::format("Field '{}' is not supported", name));
    } else if (operation != nullptr) {
      return wrong(fmt::format("Only one of '{}' and '{}' is allowed", operation->first, name));
    } else {
      operation = &member;
    }
  }
  if (operation == nullptr) return wrong("A comparison operator is required");
  const auto& [name, value] = *operation;
  bool combines = name == "And" || name == "Or" || name == "Not";
  if (combines) {
    if (variable != nullptr) return wrong("Field 'Variable' is not supported");
    return parts(name == "And"  ? BooleanOperation::kAnd
                 : name == "Or" ? BooleanOperation::kOr
                                : BooleanOperation::kNot,
                 name, value);
  }
  if (variable == nullptr) return wrong("These fields are required: [Variable]");
  return comparison(*variable, name, value);
}

Result<NodePointer> Compiler::parts(BooleanOperation operation, std::string_view name,
                                    const Value& value) {
  CombinedCondition out{.operation = operation};
  const size_t here = place_.size();
  ++depth_;
  if (operation == BooleanOperation::kNot) {
    place_ += "/Not";
    TRY(NodePointer part, rule(value));
    out.parts.push_back(std::move(part));
  } else {
    if (!value.is_array() || value.as_array().empty()) {
      return wrong_at(name, "Expected value of type Array with at least one element");
    }
    for (size_t i = 0; i < value.as_array().size(); ++i) {
      fmt::format_to(std::back_inserter(place_), "/{}[{}]", name, i);
      TRY(NodePointer part, rule(value.as_array()[i]));
      place_.resize(here);
      out.parts.push_back(std::move(part));
    }
  }
  --depth_;
  place_.resize(here);
  return std::make_shared<const Node>(std::move(out));
}

Result<Query> Compiler::place_in_input(std::string_view member, const Value& value) {
  if (!value.is_string()) return wrong_at(member, "Expected value of type String");
  auto query = Query::reference_path(value.as_string());
  if (!query) return wrong_at(member, query.error().message);
  return query;
}

Result<NodePointer> Compiler::comparison(const Value& variable, std::string_view name,
                                         const Value& value) {
  TRY(Query query, place_in_input("Variable", variable));
  if (name == kIsPresent) {
    if (!value.is_bool()) return wrong_at(name, "Expected value of type Boolean");
    return std::make_shared<const Node>(PresenceCondition{std::move(query), value.as_bool()});
  }
  std::string_view base = name;
  const bool is_path = name.ends_with(kPathSuffix);
  if (is_path) base.remove_suffix(kPathSuffix.size());
  const auto* known = std::ranges::find(kOperators, base, &OperatorName::name);
  if (known == kOperators.end() || (is_path && (known->comparison == Comparison::kIs ||
                                                known->comparison == Comparison::kMatches))) {
    return wrong(fmt::format("Field '{}' is not supported", name));
  }
  ComparedCondition out{.variable = std::move(query),
                        .type = known->type,
                        .comparison = known->comparison,
                        .operand = Value()};
  if (is_path) {
    TRY(out.operand, place_in_input(name, value));
  } else {
    TRY(out.operand, operand(*known, name, value));
  }
  return std::make_shared<const Node>(std::move(out));
}

Result<ComparedOperand> Compiler::operand(const OperatorName& known, std::string_view name,
                                          const Value& value) {
  if (known.comparison == Comparison::kIs) {
    if (!value.is_bool()) return wrong_at(name, "Expected value of type Boolean");
    return ComparedOperand(value);
  }
  if (known.comparison == Comparison::kMatches) {
    if (!value.is_string()) return wrong_at(name, "Expected value of type String");
    if (value.as_string().size() > kPatternMax) {
      return wrong_at(name, fmt::format("A pattern has at most {} characters", kPatternMax));
    }
    auto pattern = compile_wildcards(value.as_string());
    if (pattern == nullptr) return wrong_at(name, "Invalid pattern");
    return ComparedOperand(std::move(pattern));
  }
  if (known.type == ComparedType::kTimestamp) {
    if (!value.is_string() || !parse_timestamp(value.as_string())) {
      return wrong_at(name, "String does not match RFC3339 timestamp");
    }
  } else if (known.type == ComparedType::kNumber    ? !value.is_number()
             : known.type == ComparedType::kBoolean ? !value.is_bool()
                                                    : !value.is_string()) {
    return wrong_at(name, fmt::format("Expected value of type {}",
                                      known.type == ComparedType::kNumber    ? "Number"
                                      : known.type == ComparedType::kBoolean ? "Boolean"
                                                                             : "String"));
  }
  return ComparedOperand(value);
}

void add_variables(VariableNames& names, const Node& node) {
  auto add = [&](const Query& query) {
    names.insert(names.end(), query.variables().begin(), query.variables().end());
  };
  if (const auto* combined = std::get_if<CombinedCondition>(&node.content)) {
    for (const auto& part : combined->parts) add_variables(names, *part);
  } else if (const auto* presence = std::get_if<PresenceCondition>(&node.content)) {
    add(presence->variable);
  } else {
    const auto& compared = std::get<ComparedCondition>(node.content);
    add(compared.variable);
    if (const auto* path = std::get_if<Query>(&compared.operand)) add(*path);
  }
}

}  // namespace

Result<ChoiceCondition> ChoiceCondition::compile(const Value& rule) {
  TRY(NodePointer root, Compiler().rule(rule));
  return ChoiceCondition(std::move(root));
}

VariableNames ChoiceCondition::variables() const {
  VariableNames out;
  add_variables(out, *root_);
  sort_names(out);
  return out;
}

}  // namespace suiro::workflow
