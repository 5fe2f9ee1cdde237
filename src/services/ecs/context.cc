// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/context.h"

#include <fmt/format.h>

#include <charconv>

#include "base/arn.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "services/ecs/errors.h"

namespace suiro::ecs {

std::string Context::arn(std::string_view kind, std::string_view rest) const {
  return fmt::format("arn:aws:ecs:{}:{}:{}/{}", kernel.region, kernel.account, kind, rest);
}

std::string Context::task_arn(std::string_view cluster, std::string_view id) const {
  return arn("task", fmt::format("{}/{}", cluster, id));
}

std::string Context::service_arn(std::string_view cluster, std::string_view name) const {
  return arn("service", fmt::format("{}/{}", cluster, name));
}

std::string Context::definition_arn(std::string_view family, uint32_t revision) const {
  return fmt::format("arn:aws:ecs:{}:{}:task-definition/{}:{}", kernel.region, kernel.account,
                     family, revision);
}

std::string Context::instance_id() const {
  return hex_encode(md5(fmt::format("instance/{}/{}", kernel.region, kernel.account)));
}

std::string Context::instance_arn(std::string_view cluster) const {
  return arn("container-instance", fmt::format("{}/{}", cluster, instance_id()));
}

std::string Context::root_arn() const {
  return fmt::format("arn:aws:iam::{}:root", kernel.account);
}

namespace {

// The last part of "kind/name", "kind/cluster/name"; nullopt where the text is no such ARN.
std::optional<std::string> arn_tail(std::string_view text, std::string_view kind) {
  auto arn = Arn::parse(text);
  if (!arn || arn->service != "ecs") return std::nullopt;
  std::string_view resource = arn->resource;
  if (!resource.starts_with(kind) || resource.size() <= kind.size() ||
      resource[kind.size()] != '/') {
    return std::nullopt;
  }
  return std::string(resource.substr(resource.rfind('/') + 1));
}

}  // namespace

Result<std::string> cluster_name(std::string_view text) {
  if (text.empty()) return std::string("default");
  if (!text.starts_with("arn:")) return std::string(text);
  if (auto name = arn_tail(text, "cluster")) return *name;
  return invalid(fmt::format("Invalid identifier: {}", text));
}

std::string task_id(std::string_view text) {
  std::string id(text);
  if (text.starts_with("arn:")) id = arn_tail(text, "task").value_or("");
  bool is_id = id.size() == 32 && id.find_first_not_of("0123456789abcdef") == id.npos;
  return is_id ? id : "";
}

std::string service_name(std::string_view text) {
  if (!text.starts_with("arn:")) return std::string(text);
  return arn_tail(text, "service").value_or("");
}

Result<DefinitionRef> definition_ref(std::string_view text) {
  if (text.starts_with("arn:")) {
    constexpr std::string_view kKind = "task-definition/";
    size_t at = text.find(kKind);
    if (at == text.npos) return client_error(fmt::format("Invalid identifier: {}", text));
    text = text.substr(at + kKind.size());
  }
  size_t colon = text.rfind(':');
  if (colon == text.npos) return DefinitionRef{std::string(text), std::nullopt};
  uint32_t revision = 0;
  std::string_view digits = text.substr(colon + 1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), revision);
  if (error != std::errc() || end != digits.data() + digits.size() || revision == 0) {
    return client_error(fmt::format("Invalid revision number. Number: {}", digits));
  }
  return DefinitionRef{std::string(text.substr(0, colon)), revision};
}

std::string new_task_id(Random& random) {
  return hex_encode(random.bytes(16));
}

}  // namespace suiro::ecs
