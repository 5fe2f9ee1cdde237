// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/definition_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace suiro::workflow {
namespace {

constexpr std::string_view kSchema = "SCHEMA_VALIDATION_FAILED";

std::string list(std::span<const std::string_view> names) {
  return fmt::format("[{}]", fmt::join(names, ", "));
}

std::string_view language_name(QueryLanguage language) {
  return language == QueryLanguage::kJsonata ? "JSONata" : "JSONPath";
}

const FieldRule* rule_of(std::string_view name, std::span<const FieldRule> rules) {
  for (const FieldRule& rule : rules) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

}  // namespace

size_t characters(std::string_view text) {
  size_t count = 0;
  for (char byte : text) count += (byte & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

bool looks_like_query(std::string_view text) {
  return text == "$" || text.starts_with("$.") || text.starts_with("$[") ||
         text.starts_with("$$.") || (text.starts_with("States.") && text.ends_with(")"));
}

std::string Place::text() const {
  std::string out;
  append(out);
  return out.empty() ? "/" : out;
}

void Place::append(std::string& out) const {
  if (parent_ == nullptr) return;
  parent_->append(out);
  if (element_) {
    out += fmt::format("[{}]", *element_);
  } else {
    out += '/';
    out += member_;
  }
}

void Compilation::add(Diagnostic diagnostic) {
  size_t& count = diagnostic.severity == Severity::kError ? errors_ : warnings_;
  if (count == kDiagnosticsMax) return;
  ++count;
  diagnostics_.push_back(std::move(diagnostic));
}
void Compilation::error(std::string_view code, std::string message, const Place& place) {
  if (errors_ == kDiagnosticsMax) return;
  add({Severity::kError, std::string(code), std::move(message), place.text()});
}
void Compilation::error(std::string message, const Place& place) {
  error(kSchema, std::move(message), place);
}
void Compilation::warn(std::string_view code, std::string message, const Place& place) {
  if (warnings_ == kDiagnosticsMax) return;
  add({Severity::kWarning, std::string(code), std::move(message), place.text()});
}

void Fields::allow(std::span<const FieldRule> common, std::span<const FieldRule> own) {
  for (const auto& [name, value] : object_) {
    const FieldRule* rule = rule_of(name, common);
    if (rule == nullptr) rule = rule_of(name, own);
    if (rule == nullptr) {
      compilation_.error(fmt::format("Field '{}' is not supported", name), place_);
      continue;
    }
    if (rule->language == In::kBoth) continue;
    QueryLanguage needed =
        rule->language == In::kJsonata ? QueryLanguage::kJsonata : QueryLanguage::kJsonPath;
    if (needed == context_.language) continue;
    compilation_.error(
        fmt::format("The QueryLanguage is set to '{}', but field '{}' is only supported for the "
                    "'{}' QueryLanguage",
                    language_name(context_.language), name, language_name(needed)),
        place_);
  }
}

bool Fields::require(std::initializer_list<std::string_view> names) {
  std::vector<std::string_view> missing;
  for (std::string_view name : names) {
    if (!has(name)) missing.push_back(name);
  }
  if (missing.empty()) return true;
  compilation_.error("These fields are required: " + list(missing), place_);
  return false;
}

bool Fields::at_most_one(std::initializer_list<std::string_view> names) {
  size_t count = 0;
  for (std::string_view name : names) count += has(name) ? 1 : 0;
  if (count <= 1) return true;
  compilation_.error(
      "There should only be one of the following fields: " + list({names.begin(), names.end()}),
      place_);
  return false;
}

bool Fields::exactly_one(std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    if (has(name)) return at_most_one(names);
  }
  compilation_.error("This object should have only one of the following fields: " +
                         list({names.begin(), names.end()}),
                     place_);
  return false;
}

std::optional<std::string> Fields::text(std::string_view name) {
  const json::Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->as_string();
  compilation_.error("Expected value of type [STRING]", at(name));
  return std::nullopt;
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const json::Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->as_bool();
  compilation_.error("Expected value of type [BOOLEAN]", at(name));
  return std::nullopt;
}

const json::Object* Fields::object_of(std::string_view name) {
  const json::Value* value = find(name);
  if (value == nullptr) return nullptr;
  if (value->is_object()) return &value->as_object();
  compilation_.error("Expected value of type [OBJECT]", at(name));
  return nullptr;
}

const json::Array* Fields::array_of(std::string_view name) {
  const json::Value* value = find(name);
  if (value == nullptr) return nullptr;
  if (value->is_array()) return &value->as_array();
  compilation_.error("Expected value of type [ARRAY]", at(name));
  return nullptr;
}

std::vector<std::string> Fields::texts(std::string_view name) {
  const json::Array* array = array_of(name);
  std::vector<std::string> out;
  if (array == nullptr) return out;
  Place list_place = at(name);
  if (array->empty()) compilation_.error("Value cannot be empty", list_place);
  for (size_t i = 0; i < array->size(); ++i) {
    if ((*array)[i].is_string()) {
      out.push_back((*array)[i].as_string());
    } else {
      compilation_.error("Expected value of type [STRING]", Place(list_place, i));
    }
  }
  return out;
}

std::optional<size_t> Fields::one_of(std::string_view name,
                                     std::span<const std::string_view> values) {
  std::optional<std::string> value = text(name);
  if (!value) return std::nullopt;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == *value) return i;
  }
  compilation_.error("Value should be one of the following: " + list(values), at(name));
  return std::nullopt;
}

bool Fields::check_range(double value, Range range, NumberKind kind, const Place& place) {
  auto show = [&](double limit) {
    return kind == NumberKind::kInteger ? fmt::format("{}", static_cast<int64_t>(limit))
                                        : fmt::format("{:.1f}", limit);
  };
  if (value < range.min) {
    compilation_.error("Minimum value is " + show(range.min), place);
    return false;
  }
  if (value > range.max) {
    compilation_.error("Maximum value is " + show(range.max), place);
    return false;
  }
  return true;
}

std::optional<int64_t> Fields::integer(std::string_view name, Range range) {
  const json::Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_integer()) {
    compilation_.error("Expected value of type Integer", at(name));
    return std::nullopt;
  }
  int64_t number = value->as_integer();
  if (!check_range(static_cast<double>(number), range, NumberKind::kInteger, at(name))) {
    return std::nullopt;
  }
  return number;
}

std::optional<double> Fields::number(std::string_view name, Range range) {
  const json::Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    compilation_.error("Expected value of type [NUMBER]", at(name));
    return std::nullopt;
  }
  if (!check_range(value->as_double(), range, NumberKind::kDouble, at(name))) return std::nullopt;
  return value->as_double();
}

std::optional<NumberField> Fields::number_or_query(const NumberRule& rule) {
  if (!rule.path_name.empty() && !at_most_one({rule.name, rule.path_name})) return std::nullopt;
  const json::Value* value = find(rule.name);
  if (value != nullptr && value->is_string() && context_.is_jsonata()) {
    std::optional<Query> query = expression(value->as_string(), at(rule.name));
    if (query) return NumberField(std::move(*query));
    return std::nullopt;
  }
  if (value != nullptr) {
    if (rule.kind == NumberKind::kInteger) {
      std::optional<int64_t> constant = integer(rule.name, rule.range);
      if (constant) return NumberField(static_cast<double>(*constant));
    } else {
      std::optional<double> constant = number(rule.name, rule.range);
      if (constant) return NumberField(*constant);
    }
    return std::nullopt;
  }
  if (rule.path_name.empty() || context_.is_jsonata()) return std::nullopt;
  std::optional<Query> query = reference(rule.path_name);
  if (query) return NumberField(std::move(*query));
  return std::nullopt;
}

void Fields::reads(const VariableNames& names) {
  if (context_.variables != nullptr) context_.variables->insert(names.begin(), names.end());
}

PathField Fields::path(std::string_view name) {
  PathField field;
  const json::Value* value = find(name);
  if (value == nullptr || context_.is_jsonata()) return field;
  if (value->is_null()) {
    field.is_null = true;
    return field;
  }
  std::optional<std::string> source = text(name);
  if (!source) return field;
  Result<Query> query = Query::path(*source);
  if (!query || !source->starts_with('$')) {
    compilation_.error("Value must be a valid JSONPath.", at(name));
    return field;
  }
  reads(query->variables());
  field.path = *std::move(query);
  return field;
}

std::optional<Query> Fields::reference(std::string_view name) {
  std::optional<std::string> source = text(name);
  if (!source) return std::nullopt;
  if (!source->starts_with('$') || !Query::path(*source)) {
    compilation_.error("Value must be a valid JSONPath.", at(name));
    return std::nullopt;
  }
  Result<Query> query = Query::reference_path(*source);
  if (!query) {
    compilation_.error("Value is not a Reference Path", at(name));
    return std::nullopt;
  }
  reads(query->variables());
  return *std::move(query);
}

bool Fields::result_path(std::optional<Query>& out) {
  const json::Value* value = find("ResultPath");
  if (value == nullptr || context_.is_jsonata()) return false;
  if (value->is_null()) return true;
  // It names a place of the input: neither the context nor a variable.
  if (value->is_string() && value->as_string().starts_with('$') && value->as_string() != "$" &&
      !value->as_string().starts_with("$.") && !value->as_string().starts_with("$[")) {
    compilation_.error("Value is not a Reference Path", at("ResultPath"));
    return false;
  }
  out = reference("ResultPath");
  return false;
}

std::optional<Query> Fields::path_or_function(std::string_view name) {
  std::optional<std::string> source = text(name);
  if (!source || context_.is_jsonata()) return std::nullopt;
  Result<Query> query = Query::json_path(*source);
  if (!query) {
    compilation_.error(
        fmt::format("The value for the field '{}' must be a valid JSONPath or a valid intrinsic "
                    "function call",
                    name),
        place_);
    return std::nullopt;
  }
  reads(query->variables());
  return *std::move(query);
}

std::optional<TextField> Fields::text_or_query(std::string_view name) {
  std::optional<std::string> source = text(name);
  if (!source) return std::nullopt;
  if (context_.is_jsonata() && source->starts_with("{%")) {
    std::optional<Query> query = expression(*source, at(name));
    if (query) return TextField(std::move(*query));
    return std::nullopt;
  }
  if (!context_.is_jsonata() && looks_like_query(*source)) {
    compilation_.warn("NO_PATH",
                      "Field value looks like a path, but field name does not end with 'Path'.",
                      at(name));
  }
  return TextField(std::move(*source));
}

std::optional<Query> Fields::expression(const std::string& text, const Place& place) {
  if (!check_expressions(json::Value(text), place)) return std::nullopt;
  if (!Query::is_jsonata(text)) {
    compilation_.error(std::string(kNoExpression), place);
    return std::nullopt;
  }
  Result<Query> query = Query::jsonata(text);
  if (!query) {
    refuse(query.error(), place);
    return std::nullopt;
  }
  reads(query->variables());
  return *std::move(query);
}

}  // namespace suiro::workflow
