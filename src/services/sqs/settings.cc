// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/settings.h"

#include <boost/json.hpp>
#include <charconv>

#include "base/check.h"
#include "services/sqs/errors.h"

namespace suiro::sqs {
namespace {

namespace json = boost::json;

struct NumberRule {
  uint64_t least;
  uint64_t most;
  std::string_view preset;
};

const std::map<std::string, NumberRule, std::less<>>& number_rules() {
  static const std::map<std::string, NumberRule, std::less<>> kRules = {
      {"DelaySeconds", {0, 900, "0"}},
      {"MaximumMessageSize", {1024, kMessageBytesMax, "1048576"}},
      {"MessageRetentionPeriod", {60, 1209600, "345600"}},
      {"ReceiveMessageWaitTimeSeconds", {0, 20, "0"}},
      {"VisibilityTimeout", {0, 43200, "30"}},
      {"KmsDataKeyReusePeriodSeconds", {60, 86400, ""}}};
  return kRules;
}

struct ChoiceRule {
  std::vector<std::string_view> choices;  // the first is the default
};

const std::map<std::string, ChoiceRule, std::less<>>& fifo_rules() {
  static const std::map<std::string, ChoiceRule, std::less<>> kRules = {
      {"ContentBasedDeduplication", {{"false", "true"}}},
      {"DeduplicationScope", {{"queue", "messageGroup"}}},
      {"FifoThroughputLimit", {{"perQueue", "perMessageGroupId"}}}};
  return kRules;
}

constexpr std::string_view kReadOnly[] = {"All",
                                          "ApproximateNumberOfMessages",
                                          "ApproximateNumberOfMessagesDelayed",
                                          "ApproximateNumberOfMessagesNotVisible",
                                          "CreatedTimestamp",
                                          "LastModifiedTimestamp",
                                          "QueueArn",
                                          "FifoQueue"};
constexpr std::string_view kDocuments[] = {"Policy", "RedrivePolicy", "RedriveAllowPolicy",
                                           "KmsMasterKeyId"};

std::optional<uint64_t> to_number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Error> bad_attribute(std::string_view name) {
  return fail(kInvalidAttributeValue, fmt::format("Invalid value for the parameter {}.", name));
}

std::unexpected<Error> unknown_attribute(std::string_view name) {
  return fail(kInvalidAttributeName, fmt::format("Unknown Attribute {}.", name));
}

Result<json::object> parse_map(const std::string& text, std::string_view name,
                               std::string_view noun) {
  boost::system::error_code error;
  json::value parsed = json::parse(text, error);
  if (error || !parsed.is_object()) {
    return bad_value(text, name, fmt::format("{} is not a valid JSON map.", noun));
  }
  return std::move(parsed.get_object());
}

std::string string_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

Result<RedrivePolicy> parse_redrive(const std::string& text) {
  constexpr std::string_view kName = "RedrivePolicy";
  TRY(json::object map, parse_map(text, kName, "Redrive policy"));
  for (const auto& [key, value] : map) {
    if (key != "deadLetterTargetArn" && key != "maxReceiveCount") {
      return bad_value(text, kName,
                       fmt::format("Unknown redrive policy attribute: {}.", std::string(key)));
    }
  }
  for (const char* needed : {"deadLetterTargetArn", "maxReceiveCount"}) {
    if (!map.contains(needed)) {
      return bad_value(
          text, kName,
          fmt::format("Redrive policy does not contain mandatory attribute: {}.", needed));
    }
  }
  auto target = Arn::parse(string_of(map["deadLetterTargetArn"]));
  if (!target || target->service != "sqs") {
    return bad_value(text, kName, "Invalid value for deadLetterTargetArn.");
  }
  std::string count = string_of(map["maxReceiveCount"]);
  auto number = to_number(count);
  if (!number || *number < 1 || *number > kReceivesMax) {
    return bad_value(text, kName,
                     fmt::format("Invalid value for maxReceiveCount: {}, valid values are from 1 "
                                 "to {} both inclusive.",
                                 count, kReceivesMax));
  }
  return RedrivePolicy{*target, static_cast<uint32_t>(*number)};
}

Result<RedriveAllowPolicy> parse_redrive_allow(const std::string& text) {
  constexpr std::string_view kName = "RedriveAllowPolicy";
  TRY(json::object map, parse_map(text, kName, "Redrive allow policy"));
  RedriveAllowPolicy policy;
  const json::value* permission = map.if_contains("redrivePermission");
  if (permission == nullptr) {
    return bad_value(text, kName,
                     "Redrive allow policy does not contain mandatory attribute: "
                     "redrivePermission.");
  }
  using Permission = RedriveAllowPolicy::Permission;
  std::string kind = string_of(*permission);
  if (kind == "byQueue") {
    policy.permission = Permission::kByQueue;
  } else if (kind == "denyAll") {
    policy.permission = Permission::kNone;
  } else if (kind != "allowAll") {
    return bad_value(text, kName, "Invalid value for redrivePermission.");
  }
  const json::value* sources = map.if_contains("sourceQueueArns");
  bool wants_sources = policy.permission == Permission::kByQueue;
  if (wants_sources != (sources != nullptr && sources->is_array())) {
    return bad_value(text, kName,
                     "sourceQueueArns is a list of ARNs that goes with redrivePermission byQueue "
                     "alone.");
  }
  if (!wants_sources) return policy;
  for (const json::value& source : sources->get_array()) {
    policy.sources.push_back(string_of(source));
  }
  if (policy.sources.empty() || policy.sources.size() > kRedriveSourcesMax) {
    return bad_value(text, kName,
                     fmt::format("sourceQueueArns has 1 to {} ARNs.", kRedriveSourcesMax));
  }
  return policy;
}

Result<void> check_document(const std::string& name, const std::string& value) {
  if (name == "Policy") {
    auto policy = policy::Policy::parse(value);
    if (!policy) {
      return fail(kInvalidAttributeValue, fmt::format("Invalid value for the parameter Policy. {}.",
                                                      policy.error().message));
    }
  } else if (name == "RedrivePolicy") {
    TRY_VOID(parse_redrive(value));
  } else if (name == "RedriveAllowPolicy") {
    TRY_VOID(parse_redrive_allow(value));
  } else {
    return fail(kUnsupportedOperation,
                "Encryption with a KMS key is not implemented: KmsMasterKeyId is refused.");
  }
  return ok();
}

Result<void> check_attribute(const std::string& name, const std::string& value, QueueKind kind,
                             When when) {
  if (auto rule = number_rules().find(name); rule != number_rules().end()) {
    auto number = to_number(value);
    if (!number || *number < rule->second.least || *number > rule->second.most) {
      return bad_attribute(name);
    }
    return ok();
  }
  if (auto rule = fifo_rules().find(name); rule != fifo_rules().end()) {
    if (kind != QueueKind::kFifo) {
      return fail(kInvalidAttributeName,
                  fmt::format("You can specify the {} only when FifoQueue is set to true.", name));
    }
    bool known = std::ranges::find(rule->second.choices, value) != rule->second.choices.end();
    return known ? ok() : Result<void>(bad_attribute(name));
  }
  if (name == "FifoQueue") {
    if (when == When::kSet || kind != QueueKind::kFifo) return unknown_attribute(name);
    return value == "true" ? ok() : Result<void>(bad_attribute(name));
  }
  if (name == "SqsManagedSseEnabled") {
    if (value == "false") return ok();
    if (value != "true") return bad_attribute(name);
    return fail(kUnsupportedOperation,
                "Encryption at rest is not implemented: SqsManagedSseEnabled can only be false.");
  }
  if (std::ranges::find(kDocuments, name) != std::end(kDocuments)) {
    return value.empty() ? ok() : check_document(name, value);
  }
  return unknown_attribute(name);
}

}  // namespace

bool RedriveAllowPolicy::allows(std::string_view source_arn) const {
  return permission == Permission::kAll ||
         (permission == Permission::kByQueue &&
          std::ranges::find(sources, source_arn) != sources.end());
}

Result<QueueKind> check_queue_name(std::string_view name) {
  bool fifo = name.ends_with(".fifo");
  std::string_view stem = fifo ? name.substr(0, name.size() - 5) : name;
  if (stem.empty() || name.size() > kQueueNameLengthMax ||
      stem.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_-") != std::string_view::npos) {
    return fail(kInvalidParameterValue,
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
                "length");
  }
  return fifo ? QueueKind::kFifo : QueueKind::kStandard;
}

Result<Attributes> changed_attributes(Attributes before, const Attributes& changes, QueueKind kind,
                                      When when) {
  for (const auto& [name, value] : changes) {
    TRY_VOID(check_attribute(name, value, kind, when));
    bool removes = value.empty() && std::ranges::find(kDocuments, name) != std::end(kDocuments);
    if (removes) {
      before.erase(name);
    } else {
      before[name] = value;
    }
  }
  Attributes shown = shown_attributes(before, kind);
  if (kind == QueueKind::kFifo && shown["FifoThroughputLimit"] == "perMessageGroupId" &&
      shown["DeduplicationScope"] != "messageGroup") {
    return fail(kInvalidAttributeValue,
                "The perMessageGroupId value for FifoThroughputLimit is allowed only when the "
                "value for DeduplicationScope is messageGroup.");
  }
  return before;
}

Settings settings_of(const Attributes& attributes, QueueKind kind) {
  Attributes shown = shown_attributes(attributes, kind);
  auto number = [&](const char* name) {
    auto value = to_number(shown[name]);
    CHECK(value.has_value(), name);
    return static_cast<int64_t>(*value);
  };
  auto seconds = [&](const char* name) { return std::chrono::seconds(number(name)); };
  Settings settings;
  settings.kind = kind;
  settings.delay = seconds("DelaySeconds");
  settings.retention = seconds("MessageRetentionPeriod");
  settings.receive_wait = seconds("ReceiveMessageWaitTimeSeconds");
  settings.visibility = seconds("VisibilityTimeout");
  settings.message_bytes_max = static_cast<size_t>(number("MaximumMessageSize"));
  settings.content_deduplication = shown["ContentBasedDeduplication"] == "true";
  if (shown["DeduplicationScope"] == "messageGroup") {
    settings.deduplication_scope = Settings::Scope::kGroup;
  }
  if (auto text = shown.find("RedrivePolicy"); text != shown.end()) {
    auto redrive = parse_redrive(text->second);
    CHECK(redrive.has_value(), "a stored RedrivePolicy parses");
    settings.redrive = *redrive;
  }
  if (auto text = shown.find("RedriveAllowPolicy"); text != shown.end()) {
    auto allow = parse_redrive_allow(text->second);
    CHECK(allow.has_value(), "a stored RedriveAllowPolicy parses");
    settings.redrive_allow = *allow;
  }
  if (auto text = shown.find("Policy"); text != shown.end()) {
    auto policy = policy::Policy::parse(text->second);
    settings.policy_unreadable = !policy.has_value();
    if (policy) settings.policy = *std::move(policy);
  }
  return settings;
}

Attributes shown_attributes(const Attributes& attributes, QueueKind kind) {
  Attributes shown = {{"SqsManagedSseEnabled", "false"}};
  for (const auto& [name, rule] : number_rules()) {
    if (!rule.preset.empty()) shown[name] = rule.preset;
  }
  if (kind == QueueKind::kFifo) {
    shown["FifoQueue"] = "true";
    for (const auto& [name, rule] : fifo_rules()) shown[name] = rule.choices.front();
  }
  for (const auto& [name, value] : attributes) shown[name] = value;
  return shown;
}

bool is_known_attribute(std::string_view name) {
  return number_rules().contains(name) || fifo_rules().contains(name) ||
         name == "SqsManagedSseEnabled" ||
         std::ranges::find(kReadOnly, name) != std::end(kReadOnly) ||
         std::ranges::find(kDocuments, name) != std::end(kDocuments);
}

}  // namespace suiro::sqs
