// SPDX-License-Identifier: Apache-2.0
// Payload templates and assignments of definition_fields.h.
#include <fmt/format.h>

#include "engine/jsonata/expression.h"
#include "engine/workflow/definition_fields.h"

namespace suiro::workflow {
namespace {

constexpr std::string_view kSchema = "SCHEMA_VALIDATION_FAILED";
constexpr std::string_view kQuerySuffix = ".$";
constexpr std::string_view kReservedVariable = "states";
constexpr std::string_view kErrorOutput = "errorOutput";

std::string detail(const Error& error, std::string_view name) {
  for (const auto& [key, value] : error.details) {
    if (key == name) return value;
  }
  return {};
}

// A member or an element below `place`: as text, because its Place is gone.
std::string below(const Place& place, std::string_view path) {
  std::string text = place.text();
  return text == "/" ? std::string(path) : text + std::string(path);
}

// Unicode identifiers; of characters beyond ASCII all are taken.
bool is_identifier(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (char byte : name) {
    bool word = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                (byte >= '0' && byte <= '9') || byte == '_' || (byte & 0x80) != 0;
    if (!word) return false;
  }
  return true;
}

}  // namespace

void Fields::refuse(const Error& error, const Place& place) {
  compilation_.add(
      {Severity::kError, error.code, error.message, below(place, detail(error, "path"))});
}

// There is an error's output in a catcher alone.
bool Fields::check_error_output(const std::string& text, const Place& place) {
  if (context_.has_error_output || text.find(kErrorOutput) == std::string::npos) return true;
  Result<Query> query = Query::jsonata(text);
  if (!query) return true;  // told by who compiles it for good
  auto expression = jsonata::Expression::compile(query->expression());
  if (!expression) return true;
  for (const jsonata::Reference& reference : expression->references()) {
    if (reference.name != kReservedVariable || reference.path.empty()) continue;
    if (reference.path[0] != kErrorOutput) continue;
    compilation_.error("UNSUPPORTED_JSONATA_EXPRESSION",
                       "Field '$states.errorOutput' does not exist.", place);
    return false;
  }
  return true;
}

// A text that opens an expression closes it, too, at any depth.
bool Fields::check_expressions(const json::Value& value, const Place& place) {
  bool fine = true;
  if (value.is_string()) {
    const std::string& text = value.as_string();
    if (Query::is_jsonata(text)) return check_error_output(text, place);
    if (!text.starts_with("{%")) return true;
    compilation_.error(std::string(kNoExpression), place);
    return false;
  }
  if (value.is_object()) {
    for (const auto& [name, member] : value.as_object()) {
      fine = check_expressions(member, Place(place, name)) && fine;
    }
  } else if (value.is_array()) {
    const json::Array& array = value.as_array();
    for (size_t i = 0; i < array.size(); ++i) {
      fine = check_expressions(array[i], Place(place, i)) && fine;
    }
  }
  return fine;
}

void Fields::warn_of_constants(const json::Value& value, const Place& place) {
  if (value.is_array()) {
    const json::Array& array = value.as_array();
    for (size_t i = 0; i < array.size(); ++i) warn_of_constants(array[i], Place(place, i));
    return;
  }
  if (!value.is_object()) return;
  for (const auto& [name, member] : value.as_object()) {
    Place member_place(place, name);
    if (!member.is_string()) {
      warn_of_constants(member, member_place);
    } else if (!name.ends_with(kQuerySuffix) && looks_like_query(member.as_string())) {
      compilation_.warn("NO_DOLLAR",
                        "No .$ on a field that appears to be a JSONPath or Intrinsic Function.",
                        member_place);
    }
  }
}

std::optional<Template> Fields::payload_of(const json::Value& value, const Place& place) {
  if (context_.is_jsonata()) {
    if (!check_expressions(value, place)) return std::nullopt;
    Result<Template> compiled = Template::jsonata(value);
    if (!compiled) {
      refuse(compiled.error(), place);
      return std::nullopt;
    }
    reads(compiled->variables());
    return *std::move(compiled);
  }
  warn_of_constants(value, place);
  Result<Template> compiled = Template::json_path(value);
  if (!compiled) {
    compilation_.add({Severity::kError, std::string(kSchema), compiled.error().message,
                      below(place, detail(compiled.error(), "path"))});
    return std::nullopt;
  }
  reads(compiled->variables());
  return *std::move(compiled);
}

std::optional<Template> Fields::payload(std::string_view name) {
  const json::Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  return payload_of(*value, at(name));
}

bool Fields::variable_name(std::string_view name, const Place& place) {
  if (name == kReservedVariable) {
    compilation_.error("RESERVED_VARIABLE_NAME", "Cannot assign to reserved variable '$states'.",
                       place);
    return false;
  }
  if (!is_identifier(name)) {
    compilation_.error(
        "INVALID_VARIABLE_NAME",
        fmt::format("Invalid variable name '{}': the variable name contains invalid characters.",
                    name),
        place);
    return false;
  }
  if (characters(name) > kVariableNameMax) {
    compilation_.error("INVALID_VARIABLE_NAME",
                       fmt::format("Invalid variable name '{}': the variable name exceeds the "
                                   "{}-character limit allowed by the service",
                                   name, kVariableNameMax),
                       place);
    return false;
  }
  return true;
}

std::vector<Assignment> Fields::assign() {
  std::vector<Assignment> out;
  const json::Object* object = object_of("Assign");
  if (object == nullptr) return out;
  Place place = at("Assign");
  std::set<std::string_view> names;
  for (const auto& [key, value] : *object) {
    std::string_view name = key;
    bool is_query = !context_.is_jsonata() && name.ends_with(kQuerySuffix);
    if (is_query) name.remove_suffix(kQuerySuffix.size());
    Place member(place, key);
    if (!variable_name(name, member)) continue;
    if (!names.insert(name).second) {
      compilation_.error(fmt::format("Variable '{}' is assigned more than once", name), place);
      continue;
    }
    if (is_query) {
      Result<Query> query = fail(codes::kInvalidArgument, "");
      if (value.is_string()) query = Query::json_path(value.as_string());
      if (!query) {
        compilation_.error(fmt::format("The value for the field '{}' must be a valid JSONPath or "
                                       "a valid intrinsic function call",
                                       key),
                           place);
        continue;
      }
      reads(query->variables());
      out.push_back({std::string(name), Template::computed(*std::move(query), key)});
    } else if (std::optional<Template> compiled = payload_of(value, member)) {
      out.push_back({std::string(name), *std::move(compiled)});
    }
  }
  return out;
}

}  // namespace suiro::workflow
