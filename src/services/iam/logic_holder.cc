// SPDX-License-Identifier: Apache-2.0
// What users, groups and roles share: inline and attached policies, boundary, tags.
#include <algorithm>

#include "services/iam/logic.h"

namespace suiro::iam {
namespace {

std::string_view word_of(HolderKind kind) {
  switch (kind) {
    case HolderKind::kUser:
      return "user";
    case HolderKind::kGroup:
      return "group";
    case HolderKind::kRole:
      return "role";
  }
  return "entity";
}

struct InlineQuota {
  std::string_view name;
  size_t chars;
};
InlineQuota inline_quota_of(HolderKind kind) {
  switch (kind) {
    case HolderKind::kUser:
      return {"user", kUserInlineCharsMax};
    case HolderKind::kGroup:
      return {"group", kGroupInlineCharsMax};
    case HolderKind::kRole:
      return {"role", kRoleInlineCharsMax};
  }
  return {};
}

std::string_view attached_quota_of(HolderKind kind) {
  switch (kind) {
    case HolderKind::kUser:
      return "PoliciesPerUser";
    case HolderKind::kGroup:
      return "PoliciesPerGroup";
    case HolderKind::kRole:
      return "PoliciesPerRole";
  }
  return {};
}

Result<void> check_own(const Role& role) {
  if (role.service.empty()) return ok();
  return fail(kUnmodifiable,
              fmt::format("Cannot perform the operation on the protected role '{}' - this role is "
                          "only modifiable by AWS",
                          role.name));
}
Result<void> check_own(const Holder&) {
  return ok();
}

// Edits a copy of the holder and puts it back. `edit`: Result<void>(Holder&).
template <class Function>
Result<void> edit_holder(Draft& draft, const HolderName& holder, Function edit) {
  auto apply = [&](const auto& found) -> Result<void> {
    TRY_VOID(check_own(found));
    auto copy = found;
    TRY_VOID(edit(copy));
    draft.put(std::move(copy));
    return ok();
  };
  switch (holder.kind) {
    case HolderKind::kUser: {
      TRY(const User* user, need_user(draft.now(), holder.name));
      return apply(*user);
    }
    case HolderKind::kGroup: {
      TRY(const Group* group, need_group(draft.now(), holder.name));
      return apply(*group);
    }
    case HolderKind::kRole: {
      TRY(const Role* role, need_role(draft.now(), holder.name));
      return apply(*role);
    }
  }
  return ok();
}

std::unexpected<Error> no_inline(HolderKind kind, std::string_view policy) {
  return fail(kNoSuchEntity,
              fmt::format("The {} policy with name {} cannot be found.", word_of(kind), policy));
}

}  // namespace

Result<const Holder*> need_holder(const Directory& directory, const HolderName& holder) {
  switch (holder.kind) {
    case HolderKind::kUser: {
      TRY(const Holder* user, need_user(directory, holder.name));
      return user;
    }
    case HolderKind::kGroup: {
      TRY(const Holder* group, need_group(directory, holder.name));
      return group;
    }
    case HolderKind::kRole:
      break;
  }
  TRY(const Holder* role, need_role(directory, holder.name));
  return role;
}

Result<void> put_inline(Draft& draft, HolderName holder, std::string policy, std::string document) {
  TRY_VOID(check_name(policy, "policyName", 128));
  TRY_VOID(need_holder(draft.now(), holder));
  TRY_VOID(check_document(document, policy::Form::kIdentity));
  return edit_holder(draft, holder, [&](Holder& copy) -> Result<void> {
    copy.inline_policies[policy] = document;
    size_t chars = 0;
    for (const auto& [name, text] : copy.inline_policies) chars += policy_chars(text);
    InlineQuota most = inline_quota_of(holder.kind);
    if (chars <= most.chars) return ok();
    return fail(kLimitExceeded, fmt::format("Maximum policy size of {} bytes exceeded for {} {}",
                                            most.chars, most.name, copy.name));
  });
}

Result<void> delete_inline(Draft& draft, HolderName holder, std::string policy) {
  return edit_holder(draft, holder, [&](Holder& copy) -> Result<void> {
    if (copy.inline_policies.erase(policy) == 0) return no_inline(holder.kind, policy);
    return ok();
  });
}

Result<std::string> inline_of(const Directory& directory, const HolderName& holder,
                              const std::string& policy) {
  TRY(const Holder* found, need_holder(directory, holder));
  auto document = found->inline_policies.find(policy);
  if (document == found->inline_policies.end()) return no_inline(holder.kind, policy);
  return document->second;
}

Result<void> attach(Draft& draft, HolderName holder, std::string arn) {
  auto known = need_policy(draft.now(), arn);
  if (!known && known.error().code == kNoSuchEntity) {
    return fail(kNoSuchEntity, fmt::format("Policy {} does not exist or is not attachable.", arn));
  }
  TRY_VOID(std::move(known));
  return edit_holder(draft, holder, [&](Holder& copy) -> Result<void> {
    if (std::ranges::find(copy.attached, arn) != copy.attached.end()) return ok();
    if (copy.attached.size() >= kAttachedMax) {
      return quota(attached_quota_of(holder.kind), kAttachedMax);
    }
    copy.attached.push_back(arn);
    return ok();
  });
}

Result<void> detach(Draft& draft, HolderName holder, std::string arn) {
  return edit_holder(draft, holder, [&](Holder& copy) -> Result<void> {
    if (std::erase(copy.attached, arn) != 0) return ok();
    return fail(kNoSuchEntity, fmt::format("Policy {} was not found.", arn));
  });
}

Result<void> set_boundary(Draft& draft, HolderName holder, std::string arn) {
  TRY_VOID(check_boundary(draft.now(), arn));
  return edit_holder(draft, holder, [&](Holder& copy) -> Result<void> {
    if (arn.empty() && copy.boundary.empty()) {
      return fail(kNoSuchEntity, fmt::format("{} {} does not have a permissions boundary.",
                                             word_of(holder.kind), copy.name));
    }
    copy.boundary = arn;
    return ok();
  });
}

Result<void> change_tags(Draft& draft, HolderName holder, std::vector<Tag> add,
                         std::vector<std::string> remove) {
  return edit_holder(draft, holder,
                     [&](Holder& copy) { return apply_tags(copy.tags, std::move(add), remove); });
}

}  // namespace suiro::iam
