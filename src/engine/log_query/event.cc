// SPDX-License-Identifier: Apache-2.0
#include "engine/log_query/event.h"

namespace suiro::log_query {
namespace {

constexpr size_t kFieldsMax = 1000;  // of one event in all()

// Where the JSON object that begins `text` ends; npos: nowhere.
size_t end_of_object(std::string_view text) {
  int depth = 0;
  bool is_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (is_text) {
      if (c == '\\') ++i;
      is_text = c != '"';
    } else if (c == '"') {
      is_text = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return text.npos;
}

json::Value parse_document(const Event& event) {
  size_t begin = event.message.find('{');
  if (begin == std::string_view::npos) return {};
  std::string_view text = event.message.substr(begin);
  bool is_whole = event.message.find_first_not_of(" \t\r\n") == begin;
  if (!is_whole || event.source == Event::Source::kLambda) {
    if (event.source != Event::Source::kLambda) return {};
    text = text.substr(0, end_of_object(text));
  }
  auto parsed = json::parse(text);
  return parsed && parsed->is_object() ? *std::move(parsed) : json::Value();
}

std::string_view word_after(std::string_view text, std::string_view label) {
  size_t at = text.find(label);
  if (at == text.npos) return {};
  text.remove_prefix(at + label.size());
  return text.substr(0, text.find_first_of(" \t\r\n"));
}

void put_number(std::map<std::string, Value, std::less<>>& out, std::string name,
                std::string_view word, double factor) {
  if (auto number = parse_number(word)) out[std::move(name)] = value_of(*number * factor);
}

void add_members(std::map<std::string, std::string>& out, const std::string& name,
                 const json::Value& value) {
  if (out.size() >= kFieldsMax) return;
  if (value.is_object()) {
    for (const auto& [key, member] : value.as_object()) {
      add_members(out, name.empty() ? key : name + "." + key, member);
    }
  } else if (value.is_array()) {
    size_t index = 0;
    for (const json::Value& item : value.as_array()) {
      if (out.size() >= kFieldsMax) return;
      add_members(out, name + "." + std::to_string(index++), item);
    }
  } else if (!value.is_null()) {
    out.emplace(name, text_of(value_of(value)));
  }
}

}  // namespace

std::map<std::string, Value, std::less<>> report_fields(std::string_view message) {
  constexpr double kMegabyte = 1'000'000;
  std::map<std::string, Value, std::less<>> out;
  for (std::string_view type : {"START", "END", "REPORT"}) {
    if (!message.starts_with(std::string(type) + " RequestId: ")) continue;
    out["@type"] = std::string(type);
    out["@requestId"] = std::string(word_after(message, "RequestId: "));
  }
  if (!message.starts_with("REPORT ") || out.empty()) return out;
  put_number(out, "@duration", word_after(message, "\tDuration: "), 1);
  put_number(out, "@billedDuration", word_after(message, "\tBilled Duration: "), 1);
  put_number(out, "@initDuration", word_after(message, "\tInit Duration: "), 1);
  put_number(out, "@memorySize", word_after(message, "\tMemory Size: "), kMegabyte);
  put_number(out, "@maxMemoryUsed", word_after(message, "\tMax Memory Used: "), kMegabyte);
  std::string_view trace = word_after(message, "XRAY TraceId: ");
  if (!trace.empty()) out["@xrayTraceId"] = std::string(trace);
  std::string_view segment = word_after(message, "SegmentId: ");
  if (!segment.empty()) out["@xraySegmentId"] = std::string(segment);
  return out;
}

const json::Value& EventFields::document() {
  if (!document_) document_ = parse_document(event_);
  return *document_;
}

const std::map<std::string, Value, std::less<>>& EventFields::report() {
  if (!report_) {
    report_.emplace();
    if (event_.source == Event::Source::kLambda) report_ = report_fields(event_.message);
  }
  return *report_;
}

Value EventFields::find(const FieldName& field) {
  if (field.text == "@timestamp") return event_.time;
  if (field.text == "@ingestionTime") return event_.ingested;
  if (field.text == "@message") return std::string(event_.message);
  if (field.text == "@logStream") return std::string(event_.stream);
  if (field.text == "@log") return std::string(event_.log);
  if (field.text.starts_with('@')) {
    auto found = report().find(field.text);
    if (found != report().end()) return found->second;
  }
  const json::Value* found = find_path(document(), field.path);
  // A member whose own name has points in it.
  if (found == nullptr) found = document().find(field.text);
  return found == nullptr ? Value() : value_of(*found);
}

std::map<std::string, std::string> EventFields::all() {
  std::map<std::string, std::string> out;
  for (const char* name : {"@timestamp", "@ingestionTime", "@message", "@logStream", "@log"}) {
    Value value = find({.text = name, .path = {}});
    const auto* time = std::get_if<TimePoint>(&value);
    out[name] = time != nullptr ? std::to_string(time->time_since_epoch().count()) : text_of(value);
  }
  for (const auto& [name, value] : report()) out[name] = text_of(value);
  add_members(out, "", document());
  return out;
}

}  // namespace suiro::log_query
