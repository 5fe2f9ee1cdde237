// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/own_arns.h"

#include <fmt/format.h>

#include "base/arn.h"
#include "services/ecs/errors.h"

namespace suiro::ecs {
namespace {

enum class In : uint8_t { kAccount, kCluster };

struct Naming {
  std::string_view member;
  std::string_view kind;  // "task"; empty: any
  In in;
};
constexpr Naming kNamings[] = {
    {"cluster", "cluster", In::kAccount},
    {"clusters", "cluster", In::kAccount},
    {"taskDefinition", "task-definition", In::kAccount},
    {"taskDefinitions", "task-definition", In::kAccount},
    {"resourceArn", "", In::kAccount},
    {"task", "task", In::kCluster},
    {"tasks", "task", In::kCluster},
    {"service", "service", In::kCluster},
    {"services", "service", In::kCluster},
    {"serviceName", "service", In::kCluster},
    {"containerInstance", "container-instance", In::kCluster},
    {"containerInstances", "container-instance", In::kCluster},
};

// A text, or a list of texts.
std::vector<std::string> texts_of(const shapes::Shape& shape, const void* input,
                                  std::string_view name) {
  std::vector<std::string> out;
  const shapes::Member* member = shape.find(name);
  const void* found = member == nullptr ? nullptr : member->get(input);
  if (found == nullptr) return out;
  using Kind = shapes::Kind;
  const shapes::Shape& kind = *member->shape;
  if (kind.kind == Kind::kString) out.push_back(*static_cast<const std::string*>(found));
  if (kind.kind != Kind::kList || kind.element->kind != Kind::kString) return out;
  for (size_t i = 0; i < kind.list->size(found); ++i) {
    out.push_back(*static_cast<const std::string*>(kind.list->at(found, i)));
  }
  return out;
}

std::unexpected<Error> refused(const Naming& naming, std::string_view text) {
  std::string message = fmt::format("Invalid identifier: {}", text);
  if (naming.kind == "task-definition") return client_error(std::move(message));
  return invalid(std::move(message));
}

Result<void> check_one(const event::Kernel& kernel, const Naming& naming, std::string_view text,
                       std::string_view cluster) {
  if (!text.starts_with("arn:")) return ok();
  auto arn = Arn::parse(text);
  bool own = arn && arn->partition == "aws" && arn->service == "ecs" &&
             arn->region == kernel.region && arn->account == kernel.account;
  if (!own) return refused(naming, text);
  if (naming.kind.empty()) return ok();
  std::string_view rest = arn->resource;
  if (!rest.starts_with(naming.kind) || rest.size() < naming.kind.size() + 2 ||
      rest[naming.kind.size()] != '/') {
    return refused(naming, text);
  }
  rest.remove_prefix(naming.kind.size() + 1);
  size_t slash = rest.find('/');
  if (slash == rest.npos) return ok();
  std::string_view its = rest.substr(0, slash);
  std::string_view name = rest.substr(slash + 1);
  bool nested = naming.in == In::kCluster && !name.empty() && name.find('/') == name.npos;
  if (!nested) return refused(naming, text);
  if (its == cluster) return ok();
  return invalid(fmt::format("Identifier is for cluster {}. Your cluster is {}", its, cluster));
}

}  // namespace

Result<void> check_own_arns(const event::Kernel& kernel, const shapes::Shape& shape,
                            const void* input) {
  std::string cluster = "default";
  for (const std::string& text : texts_of(shape, input, "cluster")) {
    if (!text.empty()) cluster = text.substr(text.rfind('/') + 1);
  }
  for (const Naming& naming : kNamings) {
    for (const std::string& text : texts_of(shape, input, naming.member)) {
      TRY_VOID(check_one(kernel, naming, text, cluster));
    }
  }
  return ok();
}

}  // namespace suiro::ecs
