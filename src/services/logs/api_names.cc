// SPDX-License-Identifier: Apache-2.0
#include "services/logs/api_names.h"

#include "base/arn.h"
#include "services/logs/logic.h"

namespace suiro::logs {

Result<std::string> group_name_of_arn(const Home& home, std::string_view text) {
  auto arn = Arn::parse(text);
  if (!arn || arn->service != "logs") return invalid("The specified ARN is invalid.");
  constexpr std::string_view kKind = "log-group:";
  std::string_view name = arn->resource;
  bool here = arn->partition == "aws" && arn->region == home.region && arn->account == home.account;
  if (!here || !name.starts_with(kKind)) {
    return fail("ResourceNotFoundException", "The specified resource does not exist.");
  }
  name.remove_prefix(kKind.size());
  if (name.ends_with(":*")) name.remove_suffix(2);
  return std::string(name);
}

Result<std::string> group_name_of(const Home& home, std::string_view identifier) {
  if (identifier.starts_with("arn:")) return group_name_of_arn(home, identifier);
  return std::string(identifier);
}

Result<std::string> one_group(const Home& home, const std::optional<std::string>& name,
                              const std::optional<std::string>& identifier) {
  if (name && identifier) {
    return invalid("LogGroupName and LogGroupIdentifier cannot both be specified.");
  }
  if (name) return *name;
  if (identifier) return group_name_of(home, *identifier);
  return invalid("Either logGroupName or logGroupIdentifier must be specified.");
}

}  // namespace suiro::logs
