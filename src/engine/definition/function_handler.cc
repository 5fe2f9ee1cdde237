// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/digest.h"
#include "engine/definition/handlers.h"

namespace suiro::definition {
namespace {

constexpr size_t kMappingsMax = 1000;

json::object settings_of(const Context& context, const Resource& resource) {
  const json::object& p = resource.properties;
  return {{"FunctionName", resource.name},
          {"Runtime", text_at(p, "runtime")},
          {"Handler", text_at(p, "handler")},
          {"Role", context.role_arn(text_at(p, "role", "suiro-" + resource.name))},
          {"Description", text_at(p, "description")},
          {"MemorySize", integer_at(p, "memory")},
          {"Timeout", integer_at(p, "timeout")},
          {"Environment", {{"Variables", object_at(p, "environment")}}}};
}

Result<std::vector<json::object>> mappings(const Calls& calls, const std::string& function) {
  std::vector<json::object> out;
  json::object input{{"FunctionName", function}};
  while (out.size() < kMappingsMax) {
    TRY(auto page, calls.call("lambda", "ListEventSourceMappings", input));
    for (const auto& item : array_at(page, "EventSourceMappings")) out.push_back(item.as_object());
    if (text_at(page, "NextMarker").empty()) break;
    input["Marker"] = text_at(page, "NextMarker");
  }
  return out;
}

// A mapping as a definition file says it.
json::object source_of(const json::object& mapping) {
  std::string arn = text_at(mapping, "EventSourceArn");
  json::object out;
  out[arn.find(":kinesis:") != arn.npos ? "stream" : "queue"] = last_part(arn);
  out["batch_size"] = integer_at(mapping, "BatchSize");
  out["batch_window"] = integer_at(mapping, "MaximumBatchingWindowInSeconds");
  out["partial_failures"] = !array_at(mapping, "FunctionResponseTypes").empty();
  return out;
}

// In the order of source_of(), with AWS's default sizes of a batch.
json::object wanted_source(const json::object& source) {
  json::object out;
  bool is_stream = source.contains("stream");
  const char* name = is_stream ? "stream" : "queue";
  out[name] = text_at(source, name);
  out["batch_size"] = integer_at(source, "batch_size", is_stream ? 100 : 10);
  out["batch_window"] = integer_at(source, "batch_window");
  out["partial_failures"] = boolean_at(source, "partial_failures");
  return out;
}

std::string source_name(const json::object& source) {
  return source.contains("stream") ? "stream:" + text_at(source, "stream")
                                   : "queue:" + text_at(source, "queue");
}

json::object mapping_input(const json::object& source) {
  json::array types;
  if (boolean_at(source, "partial_failures")) types.emplace_back("ReportBatchItemFailures");
  return {{"BatchSize", integer_at(source, "batch_size")},
          {"MaximumBatchingWindowInSeconds", integer_at(source, "batch_window")},
          {"FunctionResponseTypes", types}};
}

}  // namespace

Result<json::object> FunctionHandler::wanted(const Resource& resource) const {
  json::object out = resource.properties;
  TRY(Bytes code, packed(text_at(out, "code")));
  out["code"] = base64_encode(sha256(code));
  if (out.contains("role")) out["role"] = last_part(text_at(out, "role"));
  json::array sources;
  for (const auto& source : out["sources"].as_array()) {
    const json::object& s = source.as_object();
    if (s.contains("stream") == s.contains("queue")) {
      return fail(codes::kInvalidArgument,
                  fmt::format("function {}: a source is a queue or a stream", resource.name));
    }
    sources.push_back(wanted_source(s));
  }
  out["sources"] = sorted(std::move(sources));
  return out;
}

Result<std::optional<json::object>> FunctionHandler::read(const Context& context,
                                                          const std::string& name) const {
  TRY(auto found, context.calls.find("lambda", "GetFunctionConfiguration", {{"FunctionName", name}},
                                     {"ResourceNotFoundException"}));
  if (!found) return std::optional<json::object>();
  json::object out{
      {"description", text_at(*found, "Description")}, {"runtime", text_at(*found, "Runtime")},
      {"handler", text_at(*found, "Handler")},         {"code", text_at(*found, "CodeSha256")},
      {"memory", integer_at(*found, "MemorySize")},    {"timeout", integer_at(*found, "Timeout")},
      {"role", last_part(text_at(*found, "Role"))}};
  json::object variables = object_at(object_at(*found, "Environment"), "Variables");
  std::vector<std::pair<std::string, json::value>> entries;
  for (auto& entry : variables) entries.emplace_back(entry.key(), entry.value());
  std::ranges::sort(entries, {}, &std::pair<std::string, json::value>::first);
  out["environment"] = json::object(entries.begin(), entries.end());
  TRY(auto found_mappings, mappings(context.calls, name));
  json::array sources;
  for (const auto& mapping : found_mappings) sources.push_back(source_of(mapping));
  out["sources"] = sorted(std::move(sources));
  return std::optional(std::move(out));
}

Result<void> FunctionHandler::create(const Context& context, const Resource& resource) const {
  json::object input = settings_of(context, resource);
  TRY(Bytes code, packed(text_at(resource.properties, "code")));
  input["Code"] = json::object{{"ZipFile", base64_encode(code)}};
  TRY_VOID(context.calls.call("lambda", "CreateFunction", input));
  return ok();
}

Result<void> FunctionHandler::update(const Context& context, const Resource& resource,
                                     const json::object& actual) const {
  TRY(auto digest, wanted(resource));
  if (text_at(digest, "code") != text_at(actual, "code")) {
    TRY(Bytes code, packed(text_at(resource.properties, "code")));
    TRY_VOID(
        context.calls.call("lambda", "UpdateFunctionCode",
                           {{"FunctionName", resource.name}, {"ZipFile", base64_encode(code)}}));
  }
  json::object settings = settings_of(context, resource);
  if (!resource.properties.contains("role")) settings.erase("Role");
  TRY_VOID(context.calls.call("lambda", "UpdateFunctionConfiguration", settings));
  return ok();
}

Result<void> FunctionHandler::connect(const Context& context, const Resource& resource) const {
  const Calls& calls = context.calls;
  std::map<std::string, json::object> sources;
  for (const auto& source : array_at(resource.properties, "sources")) {
    json::object wanted = wanted_source(source.as_object());
    sources.emplace(source_name(wanted), std::move(wanted));
  }
  TRY(auto present, mappings(calls, resource.name));
  for (const auto& mapping : present) {
    std::string id = text_at(mapping, "UUID");
    auto source = sources.find(source_name(source_of(mapping)));
    if (source == sources.end()) {
      TRY_VOID(calls.call("lambda", "DeleteEventSourceMapping", {{"UUID", id}}));
      continue;
    }
    if (source->second != source_of(mapping)) {
      json::object input = mapping_input(source->second);
      input["UUID"] = id;
      TRY_VOID(calls.call("lambda", "UpdateEventSourceMapping", input));
    }
    sources.erase(source);
  }
  for (const auto& [name, source] : sources) {
    json::object input = mapping_input(source);
    input["FunctionName"] = resource.name;
    bool is_stream = source.contains("stream");
    input["EventSourceArn"] = is_stream
                                  ? context.arn("kinesis", "stream/" + text_at(source, "stream"))
                                  : context.arn("sqs", text_at(source, "queue"));
    if (is_stream) input["StartingPosition"] = "TRIM_HORIZON";
    TRY_VOID(calls.call("lambda", "CreateEventSourceMapping", input));
  }
  return ok();
}

Result<void> FunctionHandler::remove(const Context& context, const std::string& name) const {
  TRY(auto present, mappings(context.calls, name));
  for (const auto& mapping : present) {
    TRY_VOID(context.calls.call("lambda", "DeleteEventSourceMapping",
                                {{"UUID", text_at(mapping, "UUID")}}));
  }
  TRY_VOID(context.calls.find("lambda", "DeleteFunction", {{"FunctionName", name}},
                              {"ResourceNotFoundException"}));
  return ok();
}

}  // namespace suiro::definition
