// SPDX-License-Identifier: Apache-2.0
#include "services/events/document.h"

#include <fmt/chrono.h>

#include <array>
#include <boost/json.hpp>
#include <charconv>

#include "shapes/json.h"

namespace suiro::events {
namespace {

namespace json = boost::json;
using shapes::append_json_string;

constexpr std::array<std::string_view, 5> kReserved = {
    "aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time",
    "aws.events.event", "aws.events.event.json"};

std::unexpected<Error> invalid_argument(std::string message) {
  return fail(codes::kInvalidArgument, std::move(message));
}

void append(std::string& out, const json::value& value);

void append(std::string& out, const json::object& object) {
  out += '{';
  bool first = true;
  for (const auto& [name, member] : object) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, name);
    out += ':';
    append(out, member);
  }
  out += '}';
}

void append(std::string& out, const json::value& value) {
  if (value.is_object()) return append(out, value.get_object());
  if (value.is_array()) {
    out += '[';
    bool first = true;
    for (const json::value& element : value.get_array()) {
      if (!first) out += ',';
      first = false;
      append(out, element);
    }
    out += ']';
  } else if (value.is_string()) {
    append_json_string(out, value.get_string());
  } else if (value.is_double()) {
    std::string text = fmt::format("{}", value.get_double());
    if (text.find_first_of(".en") == std::string::npos) text += ".0";
    out += text;
  } else {
    out += json::serialize(value);
  }
}

// The inside of a JSON string literal.
std::string escaped(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out.substr(1, out.size() - 2);
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

}  // namespace

std::string second_text(TimePoint time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::floor<std::chrono::seconds>(time));
}

std::string json_text(const json::value& value) {
  std::string out;
  append(out, value);
  return out;
}

std::string plain_text(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json_text(value);
}

std::string event_text(const Envelope& envelope, std::string_view detail) {
  std::string out = R"({"version":"0")";
  auto member = [&](std::string_view name, std::string_view value) {
    out.append(",\"").append(name).append("\":");
    append_json_string(out, value);
  };
  member("id", envelope.id);
  member("detail-type", envelope.detail_type);
  member("source", envelope.source);
  member("account", envelope.account);
  member("time", envelope.time);
  member("region", envelope.region);
  out += R"(,"resources":[)";
  for (size_t i = 0; i < envelope.resources.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, envelope.resources[i]);
  }
  out.append(R"(],"detail":)").append(detail).append("}");
  return out;
}

// --- paths --------------------------------------------------------------------------------------

Result<JsonPath> JsonPath::compile(std::string_view text) {
  auto bad = [&] { return invalid_argument(fmt::format("Invalid JsonPath: {}", text)); };
  if (!text.starts_with('$') || text.size() > kPathBytesMax) return bad();
  JsonPath path;
  std::string_view rest = text.substr(1);
  while (!rest.empty()) {
    if (path.steps_.size() >= kPathStepsMax) return bad();
    Step step{Step::Kind::kName, "", 0};
    if (rest.starts_with("['") || rest.starts_with("[\"")) {
      size_t end = rest.find(std::string{rest[1], ']'}, 2);
      if (end == rest.npos || end == 2) return bad();
      step.name = rest.substr(2, end - 2);
      rest.remove_prefix(end + 2);
    } else if (rest.starts_with('[')) {
      size_t end = rest.find(']');
      if (end == rest.npos) return bad();
      std::string_view inner = rest.substr(1, end - 1);
      step.kind = inner == "*" ? Step::Kind::kAll : Step::Kind::kIndex;
      auto [stop, failed] = std::from_chars(inner.data(), inner.data() + inner.size(), step.index);
      bool is_number = failed == std::errc() && stop == inner.data() + inner.size();
      if (inner != "*" && !is_number) return bad();
      rest.remove_prefix(end + 1);
    } else if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      size_t end = std::min(rest.find_first_of(".["), rest.size());
      if (end == 0) return bad();
      step.name = rest.substr(0, end);
      if (step.name == "*") step.kind = Step::Kind::kAll;
      rest.remove_prefix(end);
    } else {
      return bad();
    }
    path.steps_.push_back(std::move(step));
  }
  return path;
}

std::optional<json::value> JsonPath::of(const json::value& document) const {
  std::vector<const json::value*> here = {&document};
  bool is_list = false;
  for (const Step& step : steps_) {
    std::vector<const json::value*> next;
    for (const json::value* value : here) {
      if (step.kind == Step::Kind::kName) {
        const json::value* member =
            value->is_object() ? value->get_object().if_contains(step.name) : nullptr;
        if (member != nullptr) next.push_back(member);
      } else if (step.kind == Step::Kind::kIndex) {
        bool has = value->is_array() && step.index < value->get_array().size();
        if (has) next.push_back(&value->get_array()[step.index]);
      } else if (value->is_array()) {
        for (const json::value& element : value->get_array()) next.push_back(&element);
      } else if (value->is_object()) {
        for (const auto& member : value->get_object()) next.push_back(&member.value());
      }
    }
    is_list = is_list || step.kind == Step::Kind::kAll;
    here = std::move(next);
  }
  if (!is_list) return here.empty() ? std::nullopt : std::optional<json::value>(*here.front());
  json::array out;
  for (const json::value* value : here) out.push_back(*value);
  return out;
}

// --- templates ----------------------------------------------------------------------------------

Result<Template> Template::compile(const std::map<std::string, std::string>& paths,
                                   std::string_view text) {
  Template out;
  for (const auto& [name, path] : paths) {
    if (name.starts_with("aws.") || name.starts_with("AWS.")) {
      return invalid_argument(fmt::format("InputPathsMap has the reserved name {}", name));
    }
    TRY(JsonPath compiled, JsonPath::compile(path));
    out.paths_.emplace(name, std::move(compiled));
  }
  using Where = Piece::Where;
  size_t start = text.find_first_not_of(" \t\r\n");
  bool is_text = start != text.npos && std::string_view("{[\"<").find(text[start]) == text.npos;
  Piece piece;
  bool quoted = false;
  for (size_t at = 0; at < text.size();) {
    size_t end = text[at] == '<' ? text.find('>', at) : text.npos;
    std::string_view name = end == text.npos ? "" : text.substr(at + 1, end - at - 1);
    if (!is_variable_name(name)) {
      if (text[at] == '\\' && at + 1 < text.size()) piece.text += text[at++];
      if (text[at] == '"' && (at == 0 || text[at - 1] != '\\')) quoted = !quoted;
      piece.text += text[at++];
      continue;
    }
    piece.variable = name;
    piece.where = is_text ? Where::kText : quoted ? Where::kQuoted : Where::kJson;
    bool is_known = out.paths_.contains(piece.variable) ||
                    std::ranges::find(kReserved, name) != kReserved.end();
    if (!is_known) {
      return invalid_argument(fmt::format("the placeholder <{}> is not defined", name));
    }
    out.pieces_.push_back(std::exchange(piece, {}));
    at = end + 1;
  }
  out.pieces_.push_back(std::move(piece));
  return out;
}

std::string Template::value_of(const Piece& piece, const json::value& document,
                               std::string_view document_text, const Reserved& reserved) const {
  std::optional<json::value> value;
  const std::string& name = piece.variable;
  if (name == "aws.events.event.json") return std::string(document_text);
  if (name == "aws.events.event") {
    json::object without = document.get_object();
    without.erase("detail");
    return json_text(without);
  }
  if (name == "aws.events.rule-arn") {
    value = json::value(reserved.rule_arn);
  } else if (name == "aws.events.rule-name") {
    value = json::value(reserved.rule_name);
  } else if (name == "aws.events.event.ingestion-time") {
    value = json::value(reserved.ingestion_time);
  } else {
    value = paths_.at(name).of(document);
  }
  using Where = Piece::Where;
  if (!value) return piece.where == Where::kJson ? "\"\"" : "";
  if (piece.where == Where::kText) return plain_text(*value);
  return piece.where == Where::kQuoted ? escaped(plain_text(*value)) : json_text(*value);
}

Result<std::string> Template::fill(const json::value& document, std::string_view document_text,
                                   const Reserved& reserved) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    out += piece.text;
    if (!piece.variable.empty()) out += value_of(piece, document, document_text, reserved);
    if (out.size() > kInputBytesMax) {
      return fail(
          std::string(kInputTooLarge),
          fmt::format("the input that the template makes is over {} bytes", kInputBytesMax));
    }
  }
  return out;
}

}  // namespace suiro::events
