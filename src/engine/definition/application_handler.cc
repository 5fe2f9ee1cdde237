// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "engine/definition/handlers.h"

namespace suiro::definition {
namespace {

constexpr size_t kCodeBytesMax = 100 << 10;
constexpr size_t kSchemaBytesMax = 1 << 20;
constexpr std::string_view kService = "kinesisanalyticsv2";

Result<json::value> schema_of(const std::string& path) {
  TRY(Bytes text, file_bytes(path, kSchemaBytesMax));
  boost::system::error_code failed;
  json::value schema = json::parse(text, failed);
  if (failed || !schema.is_object()) {
    return fail(codes::kInvalidArgument, fmt::format("{}: expected a schema as JSON", path));
  }
  return schema;
}

// Schemas in place of their paths.
Result<json::object> with_schemas(const json::object& parts) {
  json::object out;
  for (const auto& part : parts) {
    json::object read = part.value().as_object();
    TRY(read["schema"], schema_of(text_at(read, "schema")));
    out.emplace(part.key(), std::move(read));
  }
  return out;
}

Result<json::object> sql_configuration(const Context& context, const json::object& wanted) {
  json::array inputs, references, outputs;
  for (const auto& part : object_at(wanted, "inputs")) {
    const json::object& input = part.value().as_object();
    inputs.push_back(json::object{
        {"NamePrefix", part.key()},
        {"KinesisStreamsInput",
         {{"ResourceARN", context.arn("kinesis", "stream/" + text_at(input, "stream"))}}},
        {"InputSchema", input.at("schema")}});
  }
  for (const auto& part : object_at(wanted, "references")) {
    const json::object& reference = part.value().as_object();
    references.push_back(
        json::object{{"TableName", part.key()},
                     {"S3ReferenceDataSource",
                      {{"BucketARN", "arn:aws:s3:::" + text_at(reference, "bucket")},
                       {"FileKey", text_at(reference, "key")}}},
                     {"ReferenceSchema", reference.at("schema")}});
  }
  for (const auto& part : object_at(wanted, "outputs")) {
    const json::object& output = part.value().as_object();
    json::object made{{"Name", part.key()},
                      {"DestinationSchema", {{"RecordFormatType", text_at(output, "format")}}}};
    auto to = [&](const char* member, const std::string& arn) {
      made[member] = json::object{{"ResourceARN", arn}};
    };
    if (std::string name = text_at(output, "stream"); !name.empty()) {
      to("KinesisStreamsOutput", context.arn("kinesis", "stream/" + name));
    } else if (name = text_at(output, "delivery_stream"); !name.empty()) {
      to("KinesisFirehoseOutput", context.arn("firehose", "deliverystream/" + name));
    } else {
      to("LambdaOutput", context.arn("lambda", "function:" + text_at(output, "function")));
    }
    outputs.push_back(std::move(made));
  }
  return json::object{
      {"Inputs", inputs}, {"ReferenceDataSources", references}, {"Outputs", outputs}};
}

json::object output_of(const json::object& described) {
  json::object out{
      {"format", text_at(object_at(described, "DestinationSchema"), "RecordFormatType")}};
  for (auto [member, field] : {std::pair{"KinesisStreamsOutputDescription", "stream"},
                               {"KinesisFirehoseOutputDescription", "delivery_stream"},
                               {"LambdaOutputDescription", "function"}}) {
    if (described.contains(member)) {
      out[field] = last_part(text_at(object_at(described, member), "ResourceARN"));
    }
  }
  return out;
}

Result<void> start(const Context& context, const std::string& name) {
  TRY(auto described,
      context.calls.call(kService, "DescribeApplication", {{"ApplicationName", name}}));
  const json::object& detail = object_at(described, "ApplicationDetail");
  if (text_at(detail, "ApplicationStatus") != "READY") return ok();
  json::array runs;
  const json::object& sql = object_at(object_at(detail, "ApplicationConfigurationDescription"),
                                      "SqlApplicationConfigurationDescription");
  for (const auto& input : array_at(sql, "InputDescriptions")) {
    runs.push_back(json::object{
        {"InputId", text_at(input.as_object(), "InputId")},
        {"InputStartingPositionConfiguration", {{"InputStartingPosition", "TRIM_HORIZON"}}}});
  }
  TRY_VOID(context.calls.call(
      kService, "StartApplication",
      {{"ApplicationName", name}, {"RunConfiguration", {{"SqlRunConfigurations", runs}}}}));
  return ok();
}

}  // namespace

Result<json::object> ApplicationHandler::wanted(const Resource& resource) const {
  json::object out = resource.properties;
  TRY(out["code"], file_bytes(text_at(out, "code"), kCodeBytesMax));
  TRY(out["inputs"], with_schemas(object_at(out, "inputs")));
  TRY(out["references"], with_schemas(object_at(out, "references")));
  if (out.contains("role")) out["role"] = last_part(text_at(out, "role"));
  return out;
}

Result<std::optional<json::object>> ApplicationHandler::read(const Context& context,
                                                             const std::string& name) const {
  TRY(auto found, context.calls.find(kService, "DescribeApplication", {{"ApplicationName", name}},
                                     {"ResourceNotFoundException"}));
  if (!found) return std::optional<json::object>();
  const json::object& detail = object_at(*found, "ApplicationDetail");
  const json::object& configuration = object_at(detail, "ApplicationConfigurationDescription");
  const json::object& sql = object_at(configuration, "SqlApplicationConfigurationDescription");
  const json::object& code =
      object_at(object_at(configuration, "ApplicationCodeConfigurationDescription"),
                "CodeContentDescription");
  json::object inputs, references, outputs;
  for (const auto& item : array_at(sql, "InputDescriptions")) {
    const json::object& i = item.as_object();
    inputs[text_at(i, "NamePrefix")] = json::object{
        {"stream",
         last_part(text_at(object_at(i, "KinesisStreamsInputDescription"), "ResourceARN"))},
        {"schema", object_at(i, "InputSchema")}};
  }
  for (const auto& item : array_at(sql, "ReferenceDataSourceDescriptions")) {
    const json::object& r = item.as_object();
    const json::object& source = object_at(r, "S3ReferenceDataSourceDescription");
    references[text_at(r, "TableName")] =
        json::object{{"bucket", last_part(text_at(source, "BucketARN"))},
                     {"key", text_at(source, "FileKey")},
                     {"schema", object_at(r, "ReferenceSchema")}};
  }
  for (const auto& item : array_at(sql, "OutputDescriptions")) {
    outputs[text_at(item.as_object(), "Name")] = output_of(item.as_object());
  }
  return std::optional(json::object{{"description", text_at(detail, "ApplicationDescription")},
                                    {"code", text_at(code, "TextContent")},
                                    {"role", last_part(text_at(detail, "ServiceExecutionRole"))},
                                    {"inputs", inputs},
                                    {"references", references},
                                    {"outputs", outputs}});
}

Result<void> ApplicationHandler::create(const Context& context, const Resource& resource) const {
  TRY(json::object w, wanted(resource));
  TRY(json::object sql, sql_configuration(context, w));
  TRY_VOID(context.calls.call(
      kService, "CreateApplication",
      {{"ApplicationName", resource.name},
       {"ApplicationDescription", text_at(w, "description")},
       {"RuntimeEnvironment", "SQL-1_0"},
       {"ServiceExecutionRole", context.role_arn(text_at(w, "role", "suiro-" + resource.name))},
       {"ApplicationConfiguration",
        {{"SqlApplicationConfiguration", sql},
         {"ApplicationCodeConfiguration",
          {{"CodeContentType", "PLAINTEXT"},
           {"CodeContent", {{"TextContent", text_at(w, "code")}}}}}}}}));
  return start(context, resource.name);
}

Result<void> ApplicationHandler::update(const Context& context, const Resource& resource,
                                        const json::object&) const {
  TRY(json::object w, wanted(resource));
  TRY(auto described,
      context.calls.call(kService, "DescribeApplication", {{"ApplicationName", resource.name}}));
  TRY_VOID(context.calls.call(
      kService, "UpdateApplication",
      {{"ApplicationName", resource.name},
       {"CurrentApplicationVersionId",
        integer_at(object_at(described, "ApplicationDetail"), "ApplicationVersionId")},
       {"ApplicationConfigurationUpdate",
        {{"ApplicationCodeConfigurationUpdate",
          {{"CodeContentUpdate", {{"TextContentUpdate", text_at(w, "code")}}}}}}}}));
  return start(context, resource.name);
}

Result<void> ApplicationHandler::remove(const Context& context, const std::string& name) const {
  TRY(auto found, context.calls.find(kService, "DescribeApplication", {{"ApplicationName", name}},
                                     {"ResourceNotFoundException"}));
  if (!found) return ok();
  TRY_VOID(context.calls.call(
      kService, "DeleteApplication",
      {{"ApplicationName", name},
       {"CreateTimestamp", object_at(*found, "ApplicationDetail").at("CreateTimestamp")}}));
  return ok();
}

}  // namespace suiro::definition
