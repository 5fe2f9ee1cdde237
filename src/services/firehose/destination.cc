// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/destination.h"

#include <boost/json.hpp>
#include <charconv>

#include "base/arn.h"
#include "services/firehose/errors.h"
#include "shapes/gen/firehose.h"
#include "shapes/json.h"

namespace suiro::firehose {
namespace {

namespace shape = shapes::firehose;
namespace json = boost::json;

constexpr std::string_view kBucketArn = "arn:aws:s3:::";

Result<std::string> bucket_of(const std::string& arn) {
  if (!arn.starts_with(kBucketArn) || arn.size() == kBucketArn.size() ||
      arn.find('/') != arn.npos) {
    return invalid(fmt::format("BucketARN {} is not the ARN of a bucket", arn));
  }
  return arn.substr(kBucketArn.size());
}

template <class Hints>
Result<Buffering> buffering_of(const std::optional<Hints>& hints, uint64_t size_mb_max) {
  Buffering out;
  if (!hints) return out;
  if (hints->size_in_m_bs) {
    auto size_mb = static_cast<uint64_t>(*hints->size_in_m_bs);
    if (size_mb < 1 || size_mb > size_mb_max) {
      return invalid(fmt::format("BufferingHints.SizeInMBs must be from 1 to {}", size_mb_max));
    }
    out.size_bytes = size_mb << 20;
  }
  if (hints->interval_in_seconds) out.interval = std::chrono::seconds(*hints->interval_in_seconds);
  return out;
}

Result<LogPlace> log_of(const std::optional<shape::CloudWatchLoggingOptions>& options) {
  if (!options || !options->enabled.value_or(false)) return LogPlace();
  LogPlace out{options->log_group_name.value_or(""), options->log_stream_name.value_or("")};
  if (out.group.empty() || out.stream.empty()) {
    return invalid(
        "CloudWatchLoggingOptions: LogGroupName and LogStreamName are required where it is "
        "enabled");
  }
  return out;
}

// A key that S3 refuses would hold the lane for ever.
Result<void> check_length(const Prefix& prefix, size_t extension_bytes) {
  // The longest names of month and day, and the longest type of error.
  constexpr auto kLongest =
      std::chrono::sys_days(std::chrono::year(2026) / std::chrono::September / 30);
  SeededRandom random(1);
  PrefixFacts facts{TimePoint(kLongest), "AmazonOpenSearchService-failed"};
  size_t bytes = prefix.evaluate(facts, TimeZone(), random).size();
  if (bytes + kObjectNameBytesMax + extension_bytes <= kObjectKeyBytesMax) return ok();
  return invalid(
      fmt::format("The prefix is too long: with it the names of objects have more than "
                  "{} bytes",
                  kObjectKeyBytesMax));
}

// What S3DestinationConfiguration and ExtendedS3DestinationConfiguration have in common.
template <class Configuration>
Result<S3Target> s3_of(const Configuration& in) {
  S3Target out;
  if (in.encryption_configuration && in.encryption_configuration->kms_encryption_config) {
    return not_supported("EncryptionConfiguration.KMSEncryptionConfig");
  }
  TRY(out.bucket, bucket_of(in.bucket_arn));
  out.role_arn = in.role_arn;
  TRY(out.prefix, Prefix::parse(in.prefix.value_or(""), Prefix::Use::kDelivery));
  std::string errors = in.error_output_prefix.value_or("");
  if (errors.empty()) {
    if (out.prefix.has_expressions()) {
      return invalid("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions");
    }
    errors = in.prefix.value_or("");
  } else if (errors.find("!{") != errors.npos &&
             errors.find("!{firehose:error-output-type}") == errors.npos) {
    return invalid("ErrorOutputPrefix with expressions must contain !{firehose:error-output-type}");
  }
  TRY(out.error_prefix, Prefix::parse(errors, Prefix::Use::kErrors));
  TRY(out.buffering, buffering_of(in.buffering_hints, 128));
  TRY(out.compression, compression_of(in.compression_format.value_or("UNCOMPRESSED")));
  out.extension = extension_of(out.compression);
  TRY_VOID(check_length(out.prefix, out.extension.size()));
  TRY_VOID(check_length(out.error_prefix, out.extension.size()));
  TRY(out.log, log_of(in.cloud_watch_logging_options));
  return out;
}

Result<uint64_t> number_in(const shape::ProcessorParameter& parameter, uint64_t least,
                           uint64_t most) {
  uint64_t value = 0;
  const std::string& text = parameter.parameter_value;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return invalid(fmt::format("Processor parameter {} must be a number from {} to {}",
                               parameter.parameter_name, least, most));
  }
  return value;
}

// "1" to "3", also with a fraction (0.2 is AWS's least).
Result<uint64_t> megabytes_in(const shape::ProcessorParameter& parameter) {
  double value = 0;
  const std::string& text = parameter.parameter_value;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc() || end != text.data() + text.size() || !(value >= 0.2) ||
      value > static_cast<double>(kLambdaSizeMaxMb)) {
    return invalid(fmt::format("Processor parameter BufferSizeInMBs must be from 0.2 to {}",
                               kLambdaSizeMaxMb));
  }
  return static_cast<uint64_t>(value * (1 << 20));
}

Result<LambdaStep> lambda_of(const shape::Processor& processor) {
  LambdaStep out{.buffering = {kLambdaSizeDefaultMb << 20,
                               std::chrono::seconds(kLambdaIntervalDefaultSeconds)}};
  for (const auto& parameter :
       processor.parameters.value_or(std::vector<shape::ProcessorParameter>())) {
    const std::string& name = parameter.parameter_name;
    if (name == "LambdaArn") {
      out.function_arn = parameter.parameter_value;
    } else if (name == "NumberOfRetries") {
      TRY(uint64_t retries, number_in(parameter, 0, 300));
      out.retries = static_cast<uint32_t>(retries);
    } else if (name == "BufferSizeInMBs") {
      TRY(out.buffering.size_bytes, megabytes_in(parameter));
    } else if (name == "BufferIntervalInSeconds") {
      TRY(uint64_t seconds, number_in(parameter, 0, 900));
      out.buffering.interval = std::chrono::seconds(seconds);
    } else if (name != "RoleArn") {
      return invalid(fmt::format("Processor Lambda does not take the parameter {}", name));
    }
  }
  auto arn = Arn::parse(out.function_arn);
  if (!arn || arn->service != "lambda") {
    return invalid("Processor Lambda needs the parameter LambdaArn with the ARN of a function");
  }
  return out;
}

Result<std::string> delimiter_of(const shape::Processor& processor) {
  std::string out = "\\n";
  for (const auto& parameter :
       processor.parameters.value_or(std::vector<shape::ProcessorParameter>())) {
    if (parameter.parameter_name != "Delimiter") {
      return invalid(fmt::format("Processor AppendDelimiterToRecord does not take the parameter {}",
                                 parameter.parameter_name));
    }
    out = parameter.parameter_value;
  }
  if (out != "\\n") return not_supported(fmt::format("The delimiter \"{}\"", out));
  return std::string("\n");
}

Result<void> add_processing(const std::optional<shape::ProcessingConfiguration>& in,
                            Destination& out) {
  if (!in || !in->enabled.value_or(false)) return ok();
  for (const auto& processor : in->processors.value_or(std::vector<shape::Processor>())) {
    if (processor.type == "Lambda") {
      if (out.lambda) return invalid("Only one processor of the type Lambda is allowed");
      TRY(out.lambda, lambda_of(processor));
    } else if (processor.type == "AppendDelimiterToRecord") {
      TRY(out.delimiter, delimiter_of(processor));
      if (out.kind != Kind::kS3) {
        return invalid("AppendDelimiterToRecord is for S3 destinations only");
      }
    } else {
      return not_supported(fmt::format("A processor of the type {}", processor.type));
    }
  }
  return ok();
}

Result<void> compile_s3(const std::string& document, Destination& out) {
  TRY(auto in, shapes::from_json<shape::ExtendedS3DestinationConfiguration>(document));
  if (in.data_format_conversion_configuration &&
      in.data_format_conversion_configuration->enabled.value_or(true)) {
    return not_supported("DataFormatConversionConfiguration");
  }
  if (in.dynamic_partitioning_configuration &&
      in.dynamic_partitioning_configuration->enabled.value_or(false)) {
    return not_supported("DynamicPartitioningConfiguration");
  }
  TRY(out.s3, s3_of(in));
  out.log = out.s3.log;
  auto zone = TimeZone::load(in.custom_time_zone.value_or(""));
  if (!zone) return invalid(fmt::format("CustomTimeZone {} is not known", *in.custom_time_zone));
  out.s3.zone = *std::move(zone);
  if (in.file_extension && !in.file_extension->empty()) out.s3.extension = *in.file_extension;
  TRY_VOID(check_length(out.s3.prefix, out.s3.extension.size()));
  TRY_VOID(check_length(out.s3.error_prefix, out.s3.extension.size()));
  if (in.s3_backup_mode.value_or("Disabled") == "Enabled") {
    if (!in.s3_backup_configuration) {
      return invalid("S3BackupConfiguration is required where S3BackupMode is Enabled");
    }
    TRY(out.backup, s3_of(*in.s3_backup_configuration));
  }
  return add_processing(in.processing_configuration, out);
}

// Plain HTTP has no place between machines.
Result<void> check_url(const std::string& url) {
  if (url.starts_with("https://")) return ok();
  constexpr std::string_view kLoopback[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
  for (std::string_view prefix : kLoopback) {
    if (!url.starts_with(prefix)) continue;
    char next = url.size() > prefix.size() ? url[prefix.size()] : '/';
    if (next == ':' || next == '/') return ok();
  }
  return invalid(fmt::format("{}: only https is supported but for loopback addresses", url));
}

Result<void> compile_http(const std::string& document, Destination& out) {
  TRY(auto in, shapes::from_json<shape::HttpEndpointDestinationConfiguration>(document));
  if (in.secrets_manager_configuration && in.secrets_manager_configuration->enabled) {
    return not_supported("SecretsManagerConfiguration");
  }
  HttpTarget target{.url = in.endpoint_configuration.url,
                    .name = in.endpoint_configuration.name.value_or(""),
                    .access_key = in.endpoint_configuration.access_key.value_or("")};
  TRY_VOID(check_url(target.url));
  TRY(target.buffering, buffering_of(in.buffering_hints, kHttpSizeMaxMb));
  int32_t seconds = kRetrySecondsDefault;
  if (in.retry_options) seconds = in.retry_options->duration_in_seconds.value_or(seconds);
  target.retry = std::chrono::seconds(seconds);
  if (in.request_configuration) {
    const auto& request = *in.request_configuration;
    target.gzip = request.content_encoding.value_or("NONE") == "GZIP";
    for (const auto& attribute :
         request.common_attributes.value_or(std::vector<shape::HttpEndpointCommonAttribute>())) {
      target.attributes.emplace_back(attribute.attribute_name, attribute.attribute_value);
    }
  }
  TRY(out.s3, s3_of(in.s3_configuration));
  if (in.s3_backup_mode.value_or("FailedDataOnly") == "AllData") out.backup = out.s3;
  TRY(out.log, log_of(in.cloud_watch_logging_options));
  out.http = std::move(target);
  return add_processing(in.processing_configuration, out);
}

Result<Rotation> rotation_of(std::string_view name) {
  constexpr std::string_view kNames[] = {"NoRotation", "OneHour", "OneDay", "OneWeek", "OneMonth"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (name == kNames[i]) return static_cast<Rotation>(i);
  }
  return invalid(fmt::format("IndexRotationPeriod {} is not known", name));
}

Result<void> compile_search(const std::string& document, Destination& out) {
  TRY(auto in, shapes::from_json<shape::AmazonopensearchserviceDestinationConfiguration>(document));
  if (in.domain_arn) return not_supported("DomainARN; give ClusterEndpoint instead: it");
  if (in.vpc_configuration) return not_supported("VpcConfiguration");
  if (!in.cluster_endpoint) return invalid("ClusterEndpoint is required");
  SearchTarget target{
      .endpoint = *in.cluster_endpoint, .index = in.index_name, .type = in.type_name.value_or("")};
  while (target.endpoint.ends_with('/')) target.endpoint.pop_back();
  TRY_VOID(check_url(target.endpoint));
  TRY(target.rotation, rotation_of(in.index_rotation_period.value_or("OneDay")));
  TRY(target.buffering, buffering_of(in.buffering_hints, kSearchSizeMaxMb));
  if (in.document_id_options) {
    target.document_ids = in.document_id_options->default_document_id_format == "FIREHOSE_DEFAULT";
  }
  int32_t seconds = kRetrySecondsDefault;
  if (in.retry_options) seconds = in.retry_options->duration_in_seconds.value_or(seconds);
  target.retry = std::chrono::seconds(seconds);
  TRY(out.s3, s3_of(in.s3_configuration));
  if (in.s3_backup_mode.value_or("FailedDocumentsOnly") == "AllDocuments") out.backup = out.s3;
  TRY(out.log, log_of(in.cloud_watch_logging_options));
  out.search = std::move(target);
  return add_processing(in.processing_configuration, out);
}

Result<json::object> object_of(const std::string& text) {
  boost::system::error_code bad;
  json::value value = json::parse(text, bad);
  if (bad || !value.is_object()) {
    return fail(codes::kCorrupt, "the configuration document is not a JSON object");
  }
  return std::move(value.as_object());
}

void set_default(json::object& object, std::string_view name, json::value value) {
  if (!object.contains(name)) object[name] = std::move(value);
}

void complete_s3(json::object& s3) {
  json::object hints;
  if (auto* given = s3.if_contains("BufferingHints")) hints = given->as_object();
  set_default(hints, "SizeInMBs", kSizeDefaultMb);
  set_default(hints, "IntervalInSeconds", kIntervalDefaultSeconds);
  s3["BufferingHints"] = hints;
  set_default(s3, "CompressionFormat", "UNCOMPRESSED");
  set_default(s3, "EncryptionConfiguration", {{"NoEncryptionConfig", "NoEncryption"}});
  set_default(s3, "CloudWatchLoggingOptions", {{"Enabled", false}});
}

void complete_endpoint(json::object& object, std::string_view backup_mode) {
  json::object hints;
  if (auto* given = object.if_contains("BufferingHints")) hints = given->as_object();
  set_default(hints, "SizeInMBs", kSizeDefaultMb);
  set_default(hints, "IntervalInSeconds", kIntervalDefaultSeconds);
  object["BufferingHints"] = hints;
  set_default(object, "RetryOptions", {{"DurationInSeconds", kRetrySecondsDefault}});
  set_default(object, "S3BackupMode", json::value(backup_mode));
  set_default(object, "CloudWatchLoggingOptions", {{"Enabled", false}});
  complete_s3(object["S3Configuration"].as_object());
}

constexpr std::pair<std::string_view, std::string_view> kUpdateNames[] = {
    {"S3BackupUpdate", "S3BackupConfiguration"}, {"S3Update", "S3Configuration"}};
constexpr std::pair<std::string_view, std::string_view> kDescriptionNames[] = {
    {"S3BackupConfiguration", "S3BackupDescription"},
    {"S3Configuration", "S3DestinationDescription"}};

void lay_over(json::object& document, const json::object& update) {
  for (const auto& [name, value] : update) {
    std::string_view target = name;
    bool nested = false;
    for (auto [from, to] : kUpdateNames) {
      if (name == from) target = to, nested = true;
    }
    if (nested && document.contains(target)) {
      lay_over(document[target].as_object(), value.as_object());
    } else {
      document[target] = value;
    }
  }
}

}  // namespace

Result<std::string> complete_document(Kind kind, const std::string& document) {
  TRY(json::object object, object_of(document));
  switch (kind) {
    case Kind::kS3:
      complete_s3(object);
      set_default(object, "S3BackupMode", "Disabled");
      if (auto* backup = object.if_contains("S3BackupConfiguration")) {
        complete_s3(backup->as_object());
      }
      break;
    case Kind::kHttp:
      complete_endpoint(object, "FailedDataOnly");
      break;
    case Kind::kSearch:
      complete_endpoint(object, "FailedDocumentsOnly");
      set_default(object, "IndexRotationPeriod", "OneDay");
      break;
  }
  return json::serialize(object);
}

Result<DestinationPtr> compile(Kind kind, const std::string& document) {
  auto out = std::make_shared<Destination>();
  out->kind = kind;
  switch (kind) {
    case Kind::kS3:
      TRY_VOID(compile_s3(document, *out));
      break;
    case Kind::kHttp:
      TRY_VOID(compile_http(document, *out));
      break;
    case Kind::kSearch:
      TRY_VOID(compile_search(document, *out));
      break;
  }
  return out;
}

Result<std::string> merge_document(const std::string& document, const std::string& update) {
  TRY(json::object base, object_of(document));
  TRY(json::object over, object_of(update));
  lay_over(base, over);
  return json::serialize(base);
}

std::string describe_document(const std::string& document) {
  auto object = object_of(document);
  if (!object) return "{}";
  for (auto [from, to] : kDescriptionNames) {
    auto found = object->find(from);
    if (found == object->end()) continue;
    json::value value = found->value();
    object->erase(found);
    (*object)[to] = std::move(value);
  }
  return json::serialize(*object);
}

}  // namespace suiro::firehose
