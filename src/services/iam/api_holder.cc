// SPDX-License-Identifier: Apache-2.0
// What users, groups and roles share on the wire: inline and attached policies, boundaries, tags.
// And the lists of what Suiro never has, as AWS answers them where there is none.
#include "services/iam/api.h"
#include "services/iam/convert.h"

namespace suiro::iam {
namespace {

using shapes::Call;

template <class Input>
HolderName holder_of(const Input& in) {
  if constexpr (requires { in.role_name; }) return {HolderKind::kRole, in.role_name};
  if constexpr (requires { in.user_name; }) return {HolderKind::kUser, in.user_name};
  if constexpr (requires { in.group_name; }) return {HolderKind::kGroup, in.group_name};
}

// The name of the holder, in an output that repeats it.
template <class Output>
void set_name(Output& out, const HolderName& holder) {
  if constexpr (requires { out.role_name; }) out.role_name = holder.name;
  if constexpr (requires { out.user_name; }) out.user_name = holder.name;
  if constexpr (requires { out.group_name; }) out.group_name = holder.name;
}

constexpr auto kPutInline = [](Draft& draft, auto in) {
  return put_inline(draft, holder_of(in), in.policy_name, in.policy_document);
};
constexpr auto kDeleteInline = [](Draft& draft, auto in) {
  return delete_inline(draft, holder_of(in), in.policy_name);
};
constexpr auto kAttach = [](Draft& draft, auto in) {
  return attach(draft, holder_of(in), in.policy_arn);
};
constexpr auto kDetach = [](Draft& draft, auto in) {
  return detach(draft, holder_of(in), in.policy_arn);
};

template <class Op>
Result<typename Op::Output> get_inline(const Directory& now, const Call&, typename Op::Input in) {
  HolderName holder = holder_of(in);
  TRY(std::string document, inline_of(now, holder, in.policy_name));
  typename Op::Output out;
  set_name(out, holder);
  out.policy_name = in.policy_name;
  out.policy_document = percent_encode(document);
  return out;
}

template <class Op>
Result<typename Op::Output> list_inline(const Directory& now, const Call&, typename Op::Input in) {
  TRY(const Holder* holder, need_holder(now, holder_of(in)));
  std::vector<Row<std::string>> rows;
  for (const auto& [name, document] : holder->inline_policies) rows.push_back({name, name});
  return page_of(in, std::move(rows), &Op::Output::policy_names);
}

template <class Op>
Result<typename Op::Output> list_attached(const Directory& now, const Call&,
                                          typename Op::Input in) {
  TRY(const Holder* holder, need_holder(now, holder_of(in)));
  std::vector<Row<shape::AttachedPolicy>> rows;
  for (const std::string& arn : holder->attached) {
    const ManagedPolicy* policy = now.policy(arn);
    if (policy == nullptr || !is_below(policy->path, in.path_prefix)) continue;
    rows.push_back({arn, {.policy_name = policy->name, .policy_arn = arn}});
  }
  return page_of(in, std::move(rows), &Op::Output::attached_policies);
}

// Suiro has none of these for anybody; the user must be there.
template <class Op>
Result<typename Op::Output> list_none(const Directory& now, const Call& call,
                                      typename Op::Input in) {
  if constexpr (requires { in.user_name; }) {
    TRY(std::string name, user_of(call, in.user_name));
    TRY_VOID(need_user(now, name));
  }
  TRY_VOID(after_marker(in.marker));
  typename Op::Output out;
  out.is_truncated = false;
  return out;
}

std::unexpected<Error> no_login_profile(std::string_view user) {
  return fail(kNoSuchEntity, fmt::format("Login Profile for User {} cannot be found.", user));
}

template <class Op>
Result<typename Op::Output> no_profile(const Directory& now, const Call& call,
                                       typename Op::Input in) {
  TRY(std::string name, user_of(call, in.user_name));
  TRY_VOID(need_user(now, name));
  return no_login_profile(name);
}

std::vector<Row<shape::Tag>> tag_rows(const std::vector<Tag>& tags) {
  std::vector<Row<shape::Tag>> rows;
  for (shape::Tag& tag : to_shape(tags)) rows.push_back({tag.key, tag});
  return rows;
}

template <class Op>
Result<typename Op::Output> list_tags(const Directory& now, const Call&, typename Op::Input in) {
  TRY(const Holder* holder, need_holder(now, holder_of(in)));
  return page_of(in, tag_rows(holder->tags), &Op::Output::tags);
}

constexpr auto kTag = [](Draft& draft, auto in) {
  return change_tags(draft, holder_of(in), from_shape(std::move(in.tags)), {});
};
constexpr auto kUntag = [](Draft& draft, auto in) {
  return change_tags(draft, holder_of(in), {}, std::move(in.tag_keys));
};

}  // namespace

void Api::add_holders(shapes::Registry& registry) {
  add_change<op::PutRolePolicy>(registry, kPutInline);
  add_change<op::PutUserPolicy>(registry, kPutInline);
  add_change<op::PutGroupPolicy>(registry, kPutInline);
  add_change<op::DeleteRolePolicy>(registry, kDeleteInline);
  add_change<op::DeleteUserPolicy>(registry, kDeleteInline);
  add_change<op::DeleteGroupPolicy>(registry, kDeleteInline);
  add_read<op::GetRolePolicy>(registry, get_inline<op::GetRolePolicy>);
  add_read<op::GetUserPolicy>(registry, get_inline<op::GetUserPolicy>);
  add_read<op::GetGroupPolicy>(registry, get_inline<op::GetGroupPolicy>);
  add_read<op::ListRolePolicies>(registry, list_inline<op::ListRolePolicies>);
  add_read<op::ListUserPolicies>(registry, list_inline<op::ListUserPolicies>);
  add_read<op::ListGroupPolicies>(registry, list_inline<op::ListGroupPolicies>);
  add_change<op::AttachRolePolicy>(registry, kAttach);
  add_change<op::AttachUserPolicy>(registry, kAttach);
  add_change<op::AttachGroupPolicy>(registry, kAttach);
  add_change<op::DetachRolePolicy>(registry, kDetach);
  add_change<op::DetachUserPolicy>(registry, kDetach);
  add_change<op::DetachGroupPolicy>(registry, kDetach);
  add_read<op::ListAttachedRolePolicies>(registry, list_attached<op::ListAttachedRolePolicies>);
  add_read<op::ListAttachedUserPolicies>(registry, list_attached<op::ListAttachedUserPolicies>);
  add_read<op::ListAttachedGroupPolicies>(registry, list_attached<op::ListAttachedGroupPolicies>);
  auto set = [](Draft& draft, auto in) {
    return set_boundary(draft, holder_of(in), in.permissions_boundary);
  };
  auto unset = [](Draft& draft, auto in) { return set_boundary(draft, holder_of(in), ""); };
  add_change<op::PutRolePermissionsBoundary>(registry, set);
  add_change<op::PutUserPermissionsBoundary>(registry, set);
  add_change<op::DeleteRolePermissionsBoundary>(registry, unset);
  add_change<op::DeleteUserPermissionsBoundary>(registry, unset);
}

void Api::add_tags(shapes::Registry& registry) {
  add_change<op::TagRole>(registry, kTag);
  add_change<op::TagUser>(registry, kTag);
  add_change<op::UntagRole>(registry, kUntag);
  add_change<op::UntagUser>(registry, kUntag);
  add_read<op::ListRoleTags>(registry, list_tags<op::ListRoleTags>);
  add_read<op::ListUserTags>(registry, list_tags<op::ListUserTags>);
  add_change<op::TagPolicy>(registry, [](Draft& draft, shape::TagPolicyRequest in) {
    return change_policy_tags(draft, in.policy_arn, from_shape(std::move(in.tags)), {});
  });
  add_change<op::UntagPolicy>(registry, [](Draft& draft, shape::UntagPolicyRequest in) {
    return change_policy_tags(draft, in.policy_arn, {}, in.tag_keys);
  });
  add_read<op::ListPolicyTags>(
      registry,
      [](const Directory& now, const Call&,
         shape::ListPolicyTagsRequest in) -> Result<shape::ListPolicyTagsResponse> {
        TRY(const ManagedPolicy* policy, need_policy(now, in.policy_arn));
        return page_of(in, tag_rows(policy->tags), &shape::ListPolicyTagsResponse::tags);
      });
  add_change<op::TagInstanceProfile>(registry, [](Draft& draft,
                                                  shape::TagInstanceProfileRequest in) {
    return change_profile_tags(draft, in.instance_profile_name, from_shape(std::move(in.tags)), {});
  });
  add_change<op::UntagInstanceProfile>(
      registry, [](Draft& draft, shape::UntagInstanceProfileRequest in) {
        return change_profile_tags(draft, in.instance_profile_name, {}, in.tag_keys);
      });
  add_read<op::ListInstanceProfileTags>(
      registry,
      [](const Directory& now, const Call&, shape::ListInstanceProfileTagsRequest in)
          -> Result<shape::ListInstanceProfileTagsResponse> {
        TRY(const InstanceProfile* profile, need_profile(now, in.instance_profile_name));
        return page_of(in, tag_rows(profile->tags), &shape::ListInstanceProfileTagsResponse::tags);
      });
}

void Api::add_empty_lists(shapes::Registry& registry) {
  add_read<op::ListAccountAliases>(registry, list_none<op::ListAccountAliases>);
  add_read<op::ListMFADevices>(registry, list_none<op::ListMFADevices>);
  add_read<op::ListVirtualMFADevices>(registry, list_none<op::ListVirtualMFADevices>);
  add_read<op::ListSSHPublicKeys>(registry, list_none<op::ListSSHPublicKeys>);
  add_read<op::ListSigningCertificates>(registry, list_none<op::ListSigningCertificates>);
  add_read<op::ListServiceSpecificCredentials>(registry,
                                               list_none<op::ListServiceSpecificCredentials>);
  add_read<op::GetLoginProfile>(registry, no_profile<op::GetLoginProfile>);
  add_read<op::DeleteLoginProfile>(registry, no_profile<op::DeleteLoginProfile>);
}

}  // namespace suiro::iam
