// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/environment.h"

#include <algorithm>
#include <boost/json.hpp>

#include "services/ecs/errors.h"
#include "services/ecs/limits.h"

namespace suiro::ecs {
namespace {

constexpr std::string_view kObjectArn = "arn:aws:s3:::";

// Sets or replaces.
void set(Variables& variables, std::string name, std::string value) {
  auto found = std::ranges::find_if(variables, [&](const auto& v) { return v.name == name; });
  if (found != variables.end()) {
    found->value = std::move(value);
  } else {
    variables.push_back({std::move(name), std::move(value)});
  }
}

void set_all(Variables& variables, const std::optional<std::vector<shape::KeyValuePair>>& pairs) {
  if (!pairs) return;
  for (const auto& pair : *pairs) {
    set(variables, pair.name.value_or(""), pair.value.value_or(""));
  }
}

std::vector<shape::EnvironmentFile> files_of(const ContainerParts& parts) {
  if (parts.override != nullptr && parts.override->environment_files) {
    return *parts.override->environment_files;
  }
  return parts.definition->environment_files.value_or(std::vector<shape::EnvironmentFile>());
}

std::unexpected<Error> resource_error(std::string_view what, std::string_view why) {
  return fail("ResourceInitializationError",
              fmt::format("ResourceInitializationError: {}: {}", what, why));
}

}  // namespace

Variables parse_environment_file(std::string_view text) {
  Variables out;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    size_t equals = line.find('=');
    if (line.starts_with('#') || equals == line.npos || equals == 0) continue;
    std::string name(trim(line.substr(0, equals)));
    if (name.empty() || line.find('\0') != line.npos) continue;
    out.push_back({std::move(name), std::string(line.substr(equals + 1))});
  }
  return out;
}

Task<Result<std::string>> read_object(event::ObjectReader* lake, std::string arn,
                                      size_t bytes_max) {
  std::string what = fmt::format("unable to retrieve {}", arn);
  if (lake == nullptr) co_return resource_error(what, "there is no lake");
  if (!arn.starts_with(kObjectArn)) co_return resource_error(what, "it is not an object's ARN");
  std::string_view rest = std::string_view(arn).substr(kObjectArn.size());
  size_t slash = rest.find('/');
  if (slash == rest.npos) co_return resource_error(what, "it has no key");
  auto object = co_await lake->read(std::string(rest.substr(0, slash)),
                                    std::string(rest.substr(slash + 1)), "");
  if (!object) {
    if (is_passing(object.error())) co_return fail(std::move(object).error());
    co_return resource_error(what,
                             fmt::format("{}: {}", object.error().code, object.error().message));
  }
  uint64_t size = object->bytes->size_bytes();
  if (size > bytes_max) {
    co_return resource_error(what, fmt::format("it has more than {} bytes", bytes_max));
  }
  auto bytes = co_await object->bytes->read(0, size);
  if (!bytes && is_passing(bytes.error())) co_return fail(std::move(bytes).error());
  if (!bytes) co_return resource_error(what, bytes.error().message);
  co_return *std::move(bytes);
}

Task<Result<std::optional<container::RegistryCredentials>>> registry_credentials_of(
    event::ObjectReader* lake, const shape::ContainerDefinition* definition) {
  if (!definition->repository_credentials) co_return std::nullopt;
  std::string arn = definition->repository_credentials->credentials_parameter;
  CO_TRY(std::string text, co_await read_object(lake, arn, kSecretBytesMax));
  boost::system::error_code error;
  boost::json::value document = boost::json::parse(text, error);
  const auto* object = error ? nullptr : document.if_object();
  const auto* user = object == nullptr ? nullptr : object->if_contains("username");
  const auto* password = object == nullptr ? nullptr : object->if_contains("password");
  if (user == nullptr || password == nullptr || !user->is_string() || !password->is_string()) {
    co_return resource_error(arn, "it is not {\"username\": ..., \"password\": ...}");
  }
  co_return container::RegistryCredentials{std::string(user->as_string()),
                                           std::string(password->as_string())};
}

Task<Result<Variables>> environment_of(event::ObjectReader* lake, ContainerParts parts,
                                       Variables given) {
  Variables out = std::move(given);
  Variables from_files;
  for (const auto& file : files_of(parts)) {
    CO_TRY(std::string text, co_await read_object(lake, file.value, kEnvironmentFileBytesMax));
    for (auto& variable : parse_environment_file(text)) {
      // "If a variable is in several files, the first one counts."
      bool is_new = std::ranges::none_of(
          from_files, [&](const auto& present) { return present.name == variable.name; });
      if (is_new) from_files.push_back(std::move(variable));
    }
  }
  for (auto& variable : from_files) set(out, std::move(variable.name), std::move(variable.value));
  set_all(out, parts.definition->environment);
  for (const auto& secret : parts.definition->secrets.value_or(std::vector<shape::Secret>())) {
    CO_TRY(std::string value, co_await read_object(lake, secret.value_from, kSecretBytesMax));
    if (value.find('\0') != value.npos) {
      co_return resource_error(secret.value_from, "it holds a NUL byte");
    }
    set(out, secret.name, std::move(value));
  }
  if (parts.override != nullptr) set_all(out, parts.override->environment);
  co_return out;
}

}  // namespace suiro::ecs
