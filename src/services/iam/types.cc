// SPDX-License-Identifier: Apache-2.0
#include "services/iam/types.h"

#include <algorithm>

#include "base/log.h"

namespace suiro::iam {
namespace {

policy::PolicyPtr parse(std::string_view owner, const std::string& document, policy::Form form) {
  auto parsed = policy::Policy::parse(document, form);
  if (parsed) return std::make_shared<const policy::Policy>(*std::move(parsed));
  log::warning("iam: a policy of {} is not readable and allows nothing: {}", owner,
               parsed.error().message);
  return nullptr;
}

}  // namespace

const PolicyVersion* ManagedPolicy::version(uint32_t number) const {
  auto found = std::ranges::find(versions, number, &PolicyVersion::number);
  return found == versions.end() ? nullptr : &*found;
}

void parse_documents(Holder& holder) {
  holder.parsed.clear();
  for (const auto& [name, document] : holder.inline_policies) {
    holder.parsed.push_back(parse(holder.name, document, policy::Form::kIdentity));
  }
}

void parse_documents(Role& role) {
  parse_documents(static_cast<Holder&>(role));
  role.parsed_trust = parse(role.name, role.trust, policy::Form::kTrust);
}

void parse_documents(ManagedPolicy& managed) {
  const PolicyVersion* version = managed.version(managed.default_version);
  managed.parsed = version == nullptr
                       ? nullptr
                       : parse(managed.name, version->document, policy::Form::kIdentity);
}

}  // namespace suiro::iam
