// SPDX-License-Identifier: Apache-2.0
#include "services/states/names.h"

#include <charconv>

#include "base/arn.h"
#include "base/bytes.h"
#include "engine/json/value.h"
#include "services/states/errors.h"
#include "services/states/limits.h"

namespace suiro::states {
namespace {

constexpr size_t kVersionDigitsMax = 18;

// What stands behind "TYPE:" in the ARN's resource.
Result<std::string> resource_of(std::string_view arn, std::string_view type) {
  auto parsed = Arn::parse(arn);
  if (!parsed) return invalid_arn(fmt::format("Invalid ARN prefix: {}", arn));
  const size_t colon = parsed->resource.find(':');
  const std::string given = parsed->resource.substr(0, colon);
  if (parsed->service != "states" || given != type) {
    return invalid_arn(fmt::format("Resource type not valid in this context: {}", given));
  }
  if (colon == std::string::npos || colon + 1 == parsed->resource.size()) {
    return invalid_arn(fmt::format("Resource name is missing: {}", arn));
  }
  return parsed->resource.substr(colon + 1);
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The reason why a text is no JSON, in AWS's words for what people write most.
std::string json_fault(std::string_view text, const Error& error) {
  const std::string_view rest = trim(text);
  if (rest.empty()) return "Invalid execution input.";
  if (is_letter(rest[0])) {
    size_t end = 0;
    while (end < rest.size() && (is_letter(rest[end]) || (rest[end] >= '0' && rest[end] <= '9') ||
                                 rest[end] == '_' || rest[end] == '$')) {
      ++end;
    }
    return fmt::format(
        "Unrecognized token '{}': was expecting (JSON String, Number, Array, Object or token "
        "'null', 'true' or 'false')",
        rest.substr(0, end));
  }
  if (rest[0] == '{') {
    const std::string_view inside = trim(rest.substr(1));
    const char first = inside.empty() ? '\0' : inside[0];
    if (first > ' ' && first < '\x7f' && first != '"' && first != '}') {
      return fmt::format(
          "Unexpected character ('{}' (code {})): was expecting double-quote to start field name",
          first, static_cast<int>(first));
    }
  }
  return error.message;
}

}  // namespace

std::optional<uint64_t> MachineRef::version() const {
  uint64_t number = 0;
  const char* end = qualifier.data() + qualifier.size();
  if (qualifier.size() > kVersionDigitsMax || qualifier.starts_with('0')) return std::nullopt;
  auto [stop, error] = std::from_chars(qualifier.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

Result<MachineRef> parse_machine_arn(std::string_view arn) {
  TRY(std::string rest, resource_of(arn, "stateMachine"));
  MachineRef out;
  if (const size_t colon = rest.find(':'); colon != std::string::npos) {
    out.qualifier = rest.substr(colon + 1);
    rest.resize(colon);
    if (out.qualifier.empty() || out.qualifier.find(':') != std::string::npos) {
      return invalid_arn(fmt::format("Invalid qualifier: {}", arn));
    }
  }
  if (const size_t slash = rest.find('/'); slash != std::string::npos) {
    out.label = rest.substr(slash + 1);
    rest.resize(slash);
  }
  out.name = std::move(rest);
  return out;
}

Result<std::string> parse_activity_arn(std::string_view arn) {
  return resource_of(arn, "activity");
}

std::string activity_arn(const event::Kernel& kernel, std::string_view name) {
  return fmt::format("arn:aws:states:{}:{}:activity:{}", kernel.region, kernel.account, name);
}

Result<void> check_execution_arn(std::string_view arn) {
  TRY(std::string rest, resource_of(arn, "execution"));
  if (rest.find(':') == std::string::npos) {
    return invalid_arn(fmt::format("Execution name is missing: {}", arn));
  }
  return ok();
}

Result<void> check_role_arn(std::string_view arn) {
  auto parsed = Arn::parse(arn);
  if (!parsed) return invalid_arn(fmt::format("Invalid ARN prefix: {}", arn));
  if (parsed->service != "iam" || !parsed->resource.starts_with("role/")) {
    return invalid_arn(fmt::format("Role ARN is not valid: {}", arn));
  }
  return ok();
}

Result<void> check_name(std::string_view name) {
  constexpr std::string_view kForbidden = " <>{}[]?*\"#%\\^|~`$&,;:/\x7f";
  bool is_good = is_valid_utf8(name);
  for (size_t i = 0; i < name.size() && is_good; ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    const auto next = static_cast<unsigned char>(i + 1 < name.size() ? name[i + 1] : '\0');
    const bool is_control = byte < 0x20 || (byte == 0xc2 && next >= 0x80 && next <= 0x9f);
    is_good = !is_control && kForbidden.find(name[i]) == std::string_view::npos;
  }
  const bool has_noncharacter = name.find("\xef\xbf\xbe") != std::string_view::npos ||
                                name.find("\xef\xbf\xbf") != std::string_view::npos;
  if (is_good && !has_noncharacter) return ok();
  return fail("InvalidName", fmt::format("Invalid Name: '{}'", name));
}

Result<void> check_input(const std::string& input) {
  std::string fault;
  if (input.size() > kInputBytesMax) {
    fault = fmt::format("The input has {} bytes; at most {} are allowed.", input.size(),
                        kInputBytesMax);
  } else if (auto parsed = json::parse(input); !parsed) {
    fault = json_fault(input, parsed.error());
  } else {
    return ok();
  }
  return fail("InvalidExecutionInput",
              fmt::format("Invalid State Machine Execution Input: '{}'", fault));
}

}  // namespace suiro::states
