// SPDX-License-Identifier: Apache-2.0
#include "services/iam/convert.h"

#include "base/bytes.h"

namespace suiro::iam {
namespace {

std::optional<shape::AttachedPermissionsBoundary> boundary_of(const Holder& holder) {
  if (holder.boundary.empty()) return std::nullopt;
  shape::AttachedPermissionsBoundary out;
  out.permissions_boundary_type = "Policy";
  out.permissions_boundary_arn = holder.boundary;
  return out;
}

}  // namespace

std::vector<shape::Tag> to_shape(const std::vector<Tag>& tags) {
  std::vector<shape::Tag> out;
  for (const Tag& tag : tags) {
    shape::Tag& one = out.emplace_back();
    one.key = tag.key;
    one.value = tag.value;
  }
  return out;
}

std::vector<Tag> from_shape(std::vector<shape::Tag> tags) {
  std::vector<Tag> out;
  for (shape::Tag& tag : tags) out.push_back({std::move(tag.key), std::move(tag.value)});
  return out;
}

shape::Role to_shape(const Directory& directory, const Role& role, Detail detail) {
  shape::Role out;
  out.path = role.path;
  out.role_name = role.name;
  out.role_id = role.id;
  out.arn = directory.arn_of(role);
  out.create_date = role.created;
  out.assume_role_policy_document = percent_encode(role.trust);
  if (!role.description.empty()) out.description = role.description;
  out.max_session_duration = static_cast<int32_t>(role.max_session_seconds);
  if (detail == Detail::kBrief) return out;
  out.permissions_boundary = boundary_of(role);
  if (!role.tags.empty()) out.tags = to_shape(role.tags);
  return out;
}

shape::User to_shape(const Directory& directory, const User& user, Detail detail) {
  shape::User out;
  out.path = user.path;
  out.user_name = user.name;
  out.user_id = user.id;
  out.arn = directory.arn_of(user);
  out.create_date = user.created;
  if (detail == Detail::kBrief) return out;
  out.permissions_boundary = boundary_of(user);
  if (!user.tags.empty()) out.tags = to_shape(user.tags);
  return out;
}

shape::Group to_shape(const Directory& directory, const Group& group) {
  shape::Group out;
  out.path = group.path;
  out.group_name = group.name;
  out.group_id = group.id;
  out.arn = directory.arn_of(group);
  out.create_date = group.created;
  return out;
}

shape::Policy to_shape(const Directory& directory, const ManagedPolicy& policy, Detail detail) {
  shape::Policy out;
  out.policy_name = policy.name;
  out.policy_id = policy.id;
  out.arn = directory.arn_of(policy);
  out.path = policy.path;
  out.default_version_id = version_id_of(policy.default_version);
  auto usage = directory.usage_of(*out.arn);
  out.attachment_count = static_cast<int32_t>(usage.attached);
  out.permissions_boundary_usage_count = static_cast<int32_t>(usage.boundaries);
  out.is_attachable = true;
  out.create_date = policy.created;
  out.update_date = policy.updated;
  if (detail == Detail::kBrief) return out;
  if (!policy.description.empty()) out.description = policy.description;
  if (!policy.tags.empty()) out.tags = to_shape(policy.tags);
  return out;
}

shape::PolicyVersion to_shape(const ManagedPolicy& policy, const PolicyVersion& version,
                              WithDocument document) {
  shape::PolicyVersion out;
  if (document == WithDocument::kYes) out.document = percent_encode(version.document);
  out.version_id = version_id_of(version.number);
  out.is_default_version = version.number == policy.default_version;
  out.create_date = version.created;
  return out;
}

shape::InstanceProfile to_shape(const Directory& directory, const InstanceProfile& profile,
                                Detail detail) {
  shape::InstanceProfile out;
  out.path = profile.path;
  out.instance_profile_name = profile.name;
  out.instance_profile_id = profile.id;
  out.arn = directory.arn_of(profile);
  out.create_date = profile.created;
  const Role* role = profile.role.empty() ? nullptr : directory.role(profile.role);
  if (role != nullptr) out.roles.push_back(to_shape(directory, *role, Detail::kBrief));
  if (detail == Detail::kFull && !profile.tags.empty()) out.tags = to_shape(profile.tags);
  return out;
}

Result<std::string> user_of(const shapes::Call& call, const std::optional<std::string>& name) {
  if (name) return *name;
  if (call.principal.kind == shapes::Principal::Kind::kUser) {
    return call.principal.arn.substr(call.principal.arn.rfind('/') + 1);
  }
  return fail(kValidation, "Must specify userName when calling with non-User credentials");
}

std::string marker_of(std::string_view key) {
  return base64_encode(key);
}

Result<std::string> after_marker(const std::optional<std::string>& marker) {
  if (!marker) return std::string();
  auto key = base64_decode(*marker);
  if (key && !key->empty()) return *key;
  return fail(kValidation, fmt::format("Invalid Marker value '{}'.", *marker));
}

}  // namespace suiro::iam
