// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/validate.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>

#include "base/arn.h"
#include "services/lambda/errors.h"

namespace suiro::lambda {
namespace {

constexpr std::string_view kRuntimes[] = {"nodejs18.x", "nodejs20.x", "provided.al2023",
                                          "python3.11"};
constexpr std::string_view kRolePattern =
    "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";

// Those that Lambda sets itself (Developer Guide, "Defined runtime environment variables").
constexpr std::string_view kReserved[] = {"_HANDLER",
                                          "_X_AMZN_TRACE_ID",
                                          "AWS_ACCESS_KEY",
                                          "AWS_ACCESS_KEY_ID",
                                          "AWS_DEFAULT_REGION",
                                          "AWS_EXECUTION_ENV",
                                          "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                                          "AWS_LAMBDA_FUNCTION_NAME",
                                          "AWS_LAMBDA_FUNCTION_VERSION",
                                          "AWS_LAMBDA_INITIALIZATION_TYPE",
                                          "AWS_LAMBDA_LOG_GROUP_NAME",
                                          "AWS_LAMBDA_LOG_STREAM_NAME",
                                          "AWS_LAMBDA_RUNTIME_API",
                                          "AWS_REGION",
                                          "AWS_SECRET_ACCESS_KEY",
                                          "AWS_SESSION_TOKEN",
                                          "LAMBDA_RUNTIME_DIR",
                                          "LAMBDA_TASK_ROOT"};

Result<void> check_runtime(const std::string& runtime) {
  if (std::ranges::find(kRuntimes, runtime) != std::end(kRuntimes)) return ok();
  return fail(kInvalidParameter, fmt::format("Value {} at 'runtime' failed to satisfy constraint: "
                                             "Member must satisfy enum value set: [{}] or be a "
                                             "valid ARN",
                                             runtime, fmt::join(kRuntimes, ", ")));
}

Result<void> check_role(const std::string& role) {
  Result<Arn> arn = Arn::parse(role);
  auto role_char = [](unsigned char c) {
    return std::isalnum(c) || std::string_view("_+=,.@-/").contains(static_cast<char>(c));
  };
  bool good = arn && arn->service == "iam" && arn->region.empty() && arn->account.size() == 12 &&
              std::ranges::all_of(arn->account, [](unsigned char c) { return std::isdigit(c); }) &&
              arn->resource.starts_with("role") && arn->resource.size() > 5 &&
              std::ranges::all_of(arn->resource, role_char);
  if (!good) return pattern_error(role, "role", kRolePattern);
  return ok();
}

Result<void> check_environment(const std::map<std::string, std::string>& variables) {
  size_t bytes = 0;
  std::vector<std::string> reserved;
  for (const auto& [name, value] : variables) {
    bool good =
        name.size() >= 2 && std::isalpha(static_cast<unsigned char>(name[0])) &&
        std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
    if (std::ranges::find(kReserved, name) != std::end(kReserved)) {
      reserved.push_back(name);
    } else if (!good) {
      return pattern_error(name, "environment.variables", "[a-zA-Z]([a-zA-Z0-9_])+");
    }
    if (value.contains('\0')) {
      return fail(kInvalidParameter,
                  fmt::format("The value of the environment variable {} holds a NUL.", name));
    }
    bytes += name.size() + value.size();
  }
  constexpr std::string_view kUnable =
      "Lambda was unable to configure your environment variables because the environment "
      "variables you have provided ";
  if (!reserved.empty()) {
    return fail(kInvalidParameter,
                fmt::format("{}contains reserved keys that are currently not supported for "
                            "modification. Reserved keys used in this request: {}",
                            kUnable, fmt::join(reserved, ", ")));
  }
  if (bytes > kEnvironmentBytesMax) {
    return fail(kInvalidParameter, fmt::format("{}exceeded the 4KB limit.", kUnable));
  }
  return ok();
}

Result<void> check_range(std::string_view member, int64_t value, int64_t low, int64_t high) {
  if (value < low) {
    return range_error(std::to_string(value), member,
                       fmt::format("greater than or equal to {}", low));
  }
  if (value > high) {
    return range_error(std::to_string(value), member,
                       fmt::format("less than or equal to {}", high));
  }
  return ok();
}

Result<void> check_dead_letter(const std::string& target) {
  if (target.empty()) return ok();
  Result<Arn> arn = Arn::parse(target);
  if (!arn) return pattern_error(target, "deadLetterConfig.targetArn", "(arn:...)|()");
  if (arn->service != "sqs") return unsupported("A dead-letter target other than an SQS queue");
  return ok();
}

Result<void> check_handler(const std::string& handler) {
  bool good = !handler.empty() && handler.size() <= kHandlerBytesMax &&
              std::ranges::none_of(handler, [](unsigned char c) { return std::isspace(c); });
  if (!good) return pattern_error(handler, "handler", "[^\\s]+");
  return ok();
}

Result<void> check_sizes(const SettingsChange& change) {
  if (change.memory_mb) {
    TRY_VOID(check_range("memorySize", *change.memory_mb, kMemoryMbMin, kMemoryMbMax));
  }
  if (change.timeout_s) {
    TRY_VOID(check_range("timeout", *change.timeout_s, 1, kTimeoutSecondsMax));
  }
  if (change.ephemeral_mb) {
    TRY_VOID(check_range("ephemeralStorage.size", *change.ephemeral_mb, kEphemeralMbMin,
                         kEphemeralMbMax));
  }
  return ok();
}

Result<void> check_texts(const SettingsChange& change) {
  if (change.description && change.description->size() > kDescriptionBytesMax) {
    return range_error(*change.description, "description", "with length less than or equal to 256");
  }
  if (change.tracing_mode && *change.tracing_mode != "Active" &&
      *change.tracing_mode != "PassThrough") {
    return fail(kValidation,
                "1 validation error detected: Value at 'tracingConfig.mode' failed "
                "to satisfy constraint: Member must satisfy enum value set: [Active, "
                "PassThrough]");
  }
  if (change.log_group) {
    auto good = [](unsigned char c) {
      return std::isalnum(c) || std::string_view(".-_/#").contains(static_cast<char>(c));
    };
    if (change.log_group->size() > 512 || !std::ranges::all_of(*change.log_group, good)) {
      return pattern_error(*change.log_group, "loggingConfig.logGroup", "[\\.\\-_/#A-Za-z0-9]+");
    }
  }
  return ok();
}

template <class To, class From>
void assign(To& to, const std::optional<From>& from) {
  if (from) to = static_cast<To>(*from);
}

}  // namespace

Result<Settings> with_change(Settings settings, const SettingsChange& change) {
  TRY_VOID(check_sizes(change));
  TRY_VOID(check_texts(change));
  if (change.runtime) TRY_VOID(check_runtime(*change.runtime));
  if (change.role) TRY_VOID(check_role(*change.role));
  if (change.handler) TRY_VOID(check_handler(*change.handler));
  if (change.environment) TRY_VOID(check_environment(*change.environment));
  if (change.dead_letter_arn) TRY_VOID(check_dead_letter(*change.dead_letter_arn));
  assign(settings.description, change.description);
  assign(settings.handler, change.handler);
  assign(settings.runtime, change.runtime);
  assign(settings.role, change.role);
  assign(settings.tracing_mode, change.tracing_mode);
  assign(settings.log_group, change.log_group);
  assign(settings.dead_letter_arn, change.dead_letter_arn);
  assign(settings.memory_mb, change.memory_mb);
  assign(settings.timeout_s, change.timeout_s);
  assign(settings.ephemeral_mb, change.ephemeral_mb);
  assign(settings.environment, change.environment);
  return settings;
}

Result<void> check_tags(const std::map<std::string, std::string>& tags) {
  if (tags.size() > kTagsMax) {
    return fail(kInvalidParameter, "A function can have at most 50 tags.");
  }
  for (const auto& [key, value] : tags) {
    if (key.empty() || key.size() > 128 || value.size() > 256 || key.starts_with("aws:")) {
      return fail(kInvalidParameter, fmt::format("The tag \"{}\" is invalid.", key));
    }
  }
  return ok();
}

std::string_view host_architecture() {
#if defined(__aarch64__)
  return "arm64";
#else
  return "x86_64";
#endif
}

}  // namespace suiro::lambda
