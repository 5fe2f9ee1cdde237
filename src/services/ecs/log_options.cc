// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/log_options.h"

#include <re2/re2.h>

#include <set>

#include "services/ecs/errors.h"

namespace suiro::ecs {
namespace {

constexpr int64_t kPatternMemoryBytes = 1 << 20;
constexpr size_t kPatternBytesMax = 4096;

using Options = std::map<std::string, std::string>;

std::string option(const Options& options, const std::string& name) {
  auto found = options.find(name);
  return found == options.end() ? "" : found->second;
}

Result<std::shared_ptr<const re2::RE2>> compile(const std::string& pattern) {
  if (pattern.size() > kPatternBytesMax) return client_error("A log pattern is too long.");
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemoryBytes);
  auto made = std::make_shared<const re2::RE2>(pattern, options);
  if (!made->ok()) {
    return client_error(fmt::format("awslogs could not parse multiline pattern \"{}\": {}", pattern,
                                    made->error()));
  }
  return made;
}

// Null: no multiline option is given.
Result<std::shared_ptr<const re2::RE2>> first_line_of(const Options& options) {
  std::string pattern = option(options, "awslogs-multiline-pattern");
  std::string format = option(options, "awslogs-datetime-format");
  if (!pattern.empty() && !format.empty()) {
    return client_error(
        "you cannot configure log opt 'awslogs-datetime-format' and "
        "'awslogs-multiline-pattern' at the same time");
  }
  if (!format.empty()) {
    TRY(pattern, datetime_pattern(format));
  }
  if (pattern.empty()) return std::shared_ptr<const re2::RE2>();
  return compile(pattern);
}

Result<void> check_buffer(const Options& options) {
  std::string mode = option(options, "mode");
  if (!mode.empty() && mode != "blocking" && mode != "non-blocking") {
    return client_error(fmt::format("logger: invalid mode: {}", mode));
  }
  std::string size = option(options, "max-buffer-size");
  static const re2::RE2 kSize("(?i)[0-9]+(\\.[0-9]+)?\\s?([kmgt]?i?b?)?");
  if (!size.empty() && !re2::RE2::FullMatch(size, kSize)) {
    return client_error(fmt::format("invalid size: '{}'", size));
  }
  if (!size.empty() && mode != "non-blocking") {
    return client_error(
        "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  return ok();
}

}  // namespace

Result<std::string> datetime_pattern(std::string_view format) {
  static const std::map<char, std::string_view> kConversions = {
      {'A', "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"},
      {'a', "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"},
      {'B',
       "(?:January|February|March|April|May|June|July|August|September|October|November|"
       "December)"},
      {'b', "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"},
      {'d', "(?:0[1-9]|[12][0-9]|3[01])"},
      {'f', "[0-9]{6}"},
      {'H', "(?:[01][0-9]|2[0-3])"},
      {'I', "(?:0[1-9]|1[0-2])"},
      {'j', "(?:00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])"},
      {'L', "\\.[0-9]{3}"},
      {'m', "(?:0[1-9]|1[0-2])"},
      {'M', "[0-5][0-9]"},
      {'p', "[AP]M"},
      {'S', "(?:[0-5][0-9]|60)"},
      {'w', "[0-6]"},
      {'y', "[0-9]{2}"},
      {'Y', "[0-9]{4}"},
      {'z', "[+-][0-9]{4}"},
      {'Z', "[A-Z]{1,4}T"},
  };
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += re2::RE2::QuoteMeta(std::string(1, format[i]));
      continue;
    }
    if (++i == format.size()) return client_error("awslogs-datetime-format ends with a '%'.");
    if (format[i] == '%') {
      out += '%';
      continue;
    }
    auto found = kConversions.find(format[i]);
    if (found == kConversions.end()) {
      return client_error(
          fmt::format("awslogs-datetime-format: '%{}' is not a known conversion.", format[i]));
    }
    out += found->second;
  }
  return out;
}

Result<void> check_log_configuration(const std::optional<shape::LogConfiguration>& configuration,
                                     StreamPrefix prefix) {
  if (!configuration) return ok();
  if (configuration->log_driver != "awslogs") {
    return not_supported(fmt::format("The log driver {}", configuration->log_driver));
  }
  if (configuration->secret_options && !configuration->secret_options->empty()) {
    return client_error("Log driver awslogs disallows options: secretOptions");
  }
  Options options = configuration->options ? *configuration->options : Options();
  static const std::set<std::string> kKnown = {"awslogs-group",
                                               "awslogs-region",
                                               "awslogs-stream-prefix",
                                               "awslogs-create-group",
                                               "awslogs-stream",
                                               "awslogs-datetime-format",
                                               "awslogs-multiline-pattern",
                                               "mode",
                                               "max-buffer-size"};
  for (const auto& [name, value] : options) {
    if (!kKnown.contains(name) || name == "awslogs-stream") {
      return client_error(fmt::format("Log driver awslogs disallows options: {}", name));
    }
  }
  std::string missing;
  auto require = [&](const std::string& name) {
    if (!option(options, name).empty()) return;
    missing += (missing.empty() ? "" : ", ") + name;
  };
  require("awslogs-region");
  require("awslogs-group");
  if (prefix == StreamPrefix::kRequired) require("awslogs-stream-prefix");
  if (!missing.empty()) {
    return client_error(fmt::format("Log driver awslogs requires options: {}", missing));
  }
  std::string create = option(options, "awslogs-create-group");
  if (!create.empty() && create != "true" && create != "false") {
    return client_error("awslogs-create-group must be true or false.");
  }
  TRY_VOID(check_buffer(options));
  TRY(auto pattern, first_line_of(options));
  return ok();
}

LogPlan log_plan(const shape::ContainerDefinition& container, const std::string& task_id,
                 const std::string& default_group) {
  std::string name = container.name.value_or("");
  if (!container.log_configuration) {
    return {default_group, fmt::format("{}/{}", name, task_id), nullptr};
  }
  Options options =
      container.log_configuration->options ? *container.log_configuration->options : Options();
  std::string prefix = option(options, "awslogs-stream-prefix");
  LogPlan plan;
  plan.group = option(options, "awslogs-group");
  plan.stream = prefix.empty() ? fmt::format("{}/{}", name, task_id)
                               : fmt::format("{}/{}/{}", prefix, name, task_id);
  if (auto pattern = first_line_of(options)) plan.first_line = *std::move(pattern);
  return plan;
}

bool is_first_line(const LogPlan& plan, std::string_view line) {
  return !plan.first_line ||
         re2::RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), *plan.first_line);
}

}  // namespace suiro::ecs
