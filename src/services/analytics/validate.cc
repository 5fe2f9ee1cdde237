// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/validate.h"

#include <set>

#include "base/arn.h"
#include "services/analytics/compiler.h"
#include "services/analytics/errors.h"

namespace suiro::analytics {
namespace {

Result<void> check_service(std::string_view text, std::string_view service, std::string_view what) {
  auto arn = Arn::parse(text);
  if (!arn || arn->service != service || arn->resource.empty()) {
    return invalid(fmt::format("{}: {} is not the ARN of a resource of {}", what, text, service));
  }
  return ok();
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  return name.find_first_of("-<>& \t\r\n") == name.npos;
}

Result<void> check_column(const Column& column, Format format) {
  if (column.name.empty() || column.name.size() > kColumnNameMax) {
    return invalid(
        fmt::format("Column name '{}' must have 1 to {} characters", column.name, kColumnNameMax));
  }
  if (column.sql_type.empty() || column.sql_type.size() > kSqlTypeMax) {
    return invalid(
        fmt::format("SqlType of column {} must have 1 to {} characters", column.name, kSqlTypeMax));
  }
  if (column.mapping.size() > kMappingMax) {
    return invalid(
        fmt::format("Mapping of column {} has more than {} characters", column.name, kMappingMax));
  }
  if (format == Format::kJson && column.mapping.empty()) {
    return invalid(fmt::format("Column {} of a JSON schema has no Mapping", column.name));
  }
  return ok();
}

Result<void> check_schema(const Schema& schema, std::string_view what) {
  const RecordFormat& record = schema.record;
  if (record.format == Format::kCsv &&
      (record.row_delimiter.empty() || record.column_delimiter.empty())) {
    return invalid(fmt::format("{}: CSVMappingParameters are required for CSV", what));
  }
  bool has_csv = !record.row_delimiter.empty() || !record.column_delimiter.empty();
  if (record.format == Format::kJson ? has_csv : !record.row_path.empty()) {
    return invalid(
        fmt::format("{}: the MappingParameters are not those of its RecordFormatType", what));
  }
  if (!record.row_path.empty() && !record.row_path.starts_with('$')) {
    return invalid(fmt::format("{}: RecordRowPath must begin with $", what));
  }
  if (schema.columns.empty()) return invalid(fmt::format("{}: no RecordColumns", what));
  std::set<std::string_view> names;
  for (const Column& column : schema.columns) {
    TRY_VOID(check_column(column, record.format));
    if (!names.insert(column.name).second) {
      return invalid(fmt::format("{}: column {} stands twice", what, column.name));
    }
  }
  auto columns = table_columns(schema);
  if (!columns) return invalid(fmt::format("{}: {}", what, columns.error().message));
  auto mapper = sql::InputMapper::create(format_of(schema), *std::move(columns));
  if (!mapper) return invalid(fmt::format("{}: {}", what, mapper.error().message));
  return ok();
}

Result<void> check_input(const Input& input) {
  if (!is_name(input.prefix)) {
    return invalid(
        fmt::format("NamePrefix '{}' must have 1 to {} characters, none of - < > & or "
                    "white space",
                    input.prefix, kNameBytesMax));
  }
  TRY_VOID(check_service(input.stream.arn, "kinesis", "Input"));
  if (input.parallelism < 1 || input.parallelism > kParallelismMax) {
    return invalid(fmt::format("InputParallelism.Count must be between 1 and {}", kParallelismMax));
  }
  if (input.processor) {
    TRY_VOID(check_service(input.processor->arn, "lambda", "InputLambdaProcessor"));
  }
  return check_schema(input.schema, "InputSchema");
}

Result<void> check_output(const Output& output) {
  if (!is_name(output.stream)) {
    return invalid(
        fmt::format("Name '{}' of an output must have 1 to {} characters, none of - < > "
                    "& or white space",
                    output.stream, kNameBytesMax));
  }
  switch (output.kind) {
    case Destination::kStream:
      return check_service(output.target.arn, "kinesis", "KinesisStreamsOutput");
    case Destination::kDelivery:
      return check_service(output.target.arn, "firehose", "KinesisFirehoseOutput");
    case Destination::kFunction:
      return check_service(output.target.arn, "lambda", "LambdaOutput");
  }
  return ok();
}

Result<void> check_reference(const Reference& reference) {
  if (!is_name(reference.table)) {
    return invalid(
        fmt::format("TableName '{}' must have 1 to {} characters, none of - < > & or "
                    "white space",
                    reference.table, kNameBytesMax));
  }
  TRY_VOID(bucket_of(reference.bucket_arn));
  if (reference.key.empty()) return invalid("FileKey must not be empty");
  return check_schema(reference.schema, "ReferenceSchema");
}

Result<void> check_counts(const Configuration& c) {
  auto most = [](size_t count, size_t limit, std::string_view what) -> Result<void> {
    if (count <= limit) return ok();
    return invalid(fmt::format("An application can have at most {} {}", limit, what));
  };
  TRY_VOID(most(c.inputs.size(), kInputsMax, "input"));
  TRY_VOID(most(c.outputs.size(), kOutputsMax, "outputs"));
  TRY_VOID(most(c.references.size(), kReferencesMax, "reference data source"));
  return most(c.logging.size(), kLoggingOptionsMax, "CloudWatch logging option");
}

}  // namespace

Result<std::string> bucket_of(std::string_view text) {
  auto arn = Arn::parse(text);
  if (!arn || arn->service != "s3" || arn->resource.empty() ||
      arn->resource.find('/') != std::string::npos) {
    return invalid(fmt::format("{} is not the ARN of a bucket", text));
  }
  return arn->resource;
}

Result<LogPlace> parse_log_stream(std::string_view text) {
  auto arn = Arn::parse(text);
  constexpr std::string_view kGroup = "log-group:", kStream = ":log-stream:";
  if (arn && arn->service == "logs" && arn->resource.starts_with(kGroup)) {
    std::string_view rest = std::string_view(arn->resource).substr(kGroup.size());
    size_t at = rest.find(kStream);
    if (at != rest.npos && at > 0 && at + kStream.size() < rest.size()) {
      return LogPlace{std::string(rest.substr(0, at)),
                      std::string(rest.substr(at + kStream.size()))};
    }
  }
  return invalid(fmt::format("{} is not the ARN of a log stream", text));
}

Result<void> validate(const Configuration& c) {
  TRY_VOID(check_counts(c));
  if (c.code.size() > kCodeBytesMax) {
    return invalid(fmt::format("The application's code has more than {} bytes", kCodeBytesMax));
  }
  for (const Input& input : c.inputs) TRY_VOID(check_input(input));
  for (const Output& output : c.outputs) TRY_VOID(check_output(output));
  for (const Reference& reference : c.references) TRY_VOID(check_reference(reference));
  for (const LoggingOption& option : c.logging) TRY_VOID(parse_log_stream(option.log_stream_arn));
  return ok();
}

Result<void> validate_tags(const std::map<std::string, std::string>& tags) {
  for (const auto& [key, value] : tags) {
    if (key.starts_with("aws:")) return invalid("Tag keys must not begin with aws:");
  }
  if (tags.size() > kTagsMax) {
    return fail("TooManyTagsException",
                fmt::format("An application can have no more than {} tags", kTagsMax));
  }
  return ok();
}

}  // namespace suiro::analytics
