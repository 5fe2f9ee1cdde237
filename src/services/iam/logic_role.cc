// SPDX-License-Identifier: Apache-2.0
// Roles and instance profiles.
#include <algorithm>
#include <cctype>

#include "services/iam/logic.h"

namespace suiro::iam {
namespace {

constexpr std::string_view kLinkedPath = "/aws-service-role/";

// Names of service-linked roles that differ from their service's (IAM User Guide, "AWS services
// that work with IAM").
std::string linked_word(std::string_view service) {
  constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
      {"ecs", "ECS"},
      {"ecs.application-autoscaling", "ApplicationAutoScaling_ECSService"},
      {"elasticloadbalancing", "ElasticLoadBalancing"},
      {"autoscaling", "AutoScaling"},
      {"batch", "Batch"},
      {"events", "CloudWatchEvents"},
      {"replication.ecr", "ECRReplication"},
      {"spot", "EC2Spot"}};
  auto found =
      std::ranges::find(kKnown, service, &std::pair<std::string_view, std::string_view>::first);
  if (found != std::end(kKnown)) return std::string(found->second);
  std::string out;
  bool upper = true;
  for (char c : service) {
    if (c == '.' || c == '-') {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out;
}

Result<void> check_duration(std::optional<int32_t> seconds) {
  if (!seconds || (*seconds >= 3'600 && *seconds <= 43'200)) return ok();
  return fail(kValidation,
              fmt::format("1 validation error detected: Value '{}' at 'maxSessionDuration' failed "
                          "to satisfy constraint: Member must have value {}",
                          *seconds,
                          *seconds < 3'600 ? "greater than or equal to 3600"
                                           : "less than or equal to 43200"));
}

Result<void> check_modifiable(const Role& role) {
  if (role.service.empty()) return ok();
  return fail(kUnmodifiable,
              fmt::format("Cannot perform the operation on the protected role '{}' - this role is "
                          "only modifiable by AWS",
                          role.name));
}

Result<void> check_new(const Directory& now, const std::string& name) {
  if (now.role(name) != nullptr) {
    return fail(kAlreadyExists, fmt::format("Role with name {} already exists.", name));
  }
  if (now.roles.size() >= kRolesMax) return quota("RolesPerAccount", kRolesMax);
  return ok();
}

}  // namespace

Result<void> create_role(Draft& draft, NewRole in) {
  TRY_VOID(check_name(in.name, "roleName", 64));
  Role role;
  TRY(role.path, checked_path(in.path));
  if (role.path.starts_with(kLinkedPath)) {
    return fail(kValidation, "The path /aws-service-role/ is reserved for service-linked roles.");
  }
  TRY_VOID(check_duration(in.max_session_seconds));
  TRY_VOID(check_new(draft.now(), in.name));
  TRY_VOID(check_trust(draft.now(), in.trust));
  TRY_VOID(check_boundary(draft.now(), in.boundary));
  TRY_VOID(apply_tags(role.tags, std::move(in.tags), {}));
  role.name = std::move(in.name);
  role.id = draft.new_id("AROA");
  role.created = draft.time();
  role.trust = std::move(in.trust);
  role.description = std::move(in.description);
  role.boundary = std::move(in.boundary);
  role.max_session_seconds =
      static_cast<uint32_t>(in.max_session_seconds.value_or(kSessionSecondsDefault));
  draft.put(std::move(role));
  return ok();
}

Result<std::string> service_linked_name(std::string_view service, std::string_view suffix) {
  constexpr std::string_view kDomain = ".amazonaws.com";
  std::string_view word = service;
  if (!word.ends_with(kDomain) || word.size() == kDomain.size()) {
    return fail(kInvalidInput,
                fmt::format("Service role name for {} is not valid: expected SERVICE.amazonaws.com",
                            service));
  }
  word.remove_suffix(kDomain.size());
  std::string name = "AWSServiceRoleFor" + linked_word(word);
  if (!suffix.empty()) name.append("_").append(suffix);
  return name;
}

Result<void> create_service_linked_role(Draft& draft, std::string service, std::string description,
                                        std::string suffix) {
  Role role;
  TRY(role.name, service_linked_name(service, suffix));
  TRY_VOID(check_name(role.name, "roleName", 64));
  if (draft.now().role(role.name) != nullptr) {
    return fail(kInvalidInput,
                fmt::format("Service role name {} has been taken in this account, please try a "
                            "different suffix.",
                            role.name));
  }
  TRY_VOID(check_new(draft.now(), role.name));
  role.path = fmt::format("{}{}/", kLinkedPath, service);
  role.id = draft.new_id("AROA");
  role.created = draft.time();
  role.trust = fmt::format(
      R"({{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{}"}},)"
      R"("Action":"sts:AssumeRole"}}]}})",
      service);
  TRY_VOID(check_document(role.trust, policy::Form::kTrust));
  role.description = std::move(description);
  role.service = std::move(service);
  draft.put(std::move(role));
  return ok();
}

Result<void> update_role(Draft& draft, std::string name, std::optional<std::string> description,
                         std::optional<int32_t> max_session_seconds) {
  TRY(const Role* found, need_role(draft.now(), name));
  TRY_VOID(check_duration(max_session_seconds));
  Role role = *found;
  if (max_session_seconds) TRY_VOID(check_modifiable(role));
  if (description) role.description = *std::move(description);
  if (max_session_seconds) role.max_session_seconds = static_cast<uint32_t>(*max_session_seconds);
  draft.put(std::move(role));
  return ok();
}

Result<void> update_trust(Draft& draft, std::string name, std::string document) {
  TRY(const Role* found, need_role(draft.now(), name));
  TRY_VOID(check_modifiable(*found));
  TRY_VOID(check_trust(draft.now(), document));
  Role role = *found;
  role.trust = std::move(document);
  draft.put(std::move(role));
  return ok();
}

Result<void> delete_role(Draft& draft, std::string name, Linked linked) {
  TRY(const Role* found, need_role(draft.now(), name));
  if (linked == Linked::kNo) {
    TRY_VOID(check_modifiable(*found));
  } else if (found->service.empty()) {
    return fail(kInvalidInput, fmt::format("{} is not a service-linked role.", name));
  }
  for (const auto& [key, profile] : draft.now().profiles) {
    if (!equal_ignore_case(profile->role, name)) continue;
    return fail(kDeleteConflict,
                "Cannot delete entity, must remove roles from instance profile first.");
  }
  if (!found->attached.empty()) {
    return fail(kDeleteConflict, "Cannot delete entity, must detach all policies first.");
  }
  if (!found->inline_policies.empty()) {
    return fail(kDeleteConflict, "Cannot delete entity, must delete policies first.");
  }
  return draft.erase(Role(*found));
}

Result<void> create_profile(Draft& draft, std::string name, std::string path,
                            std::vector<Tag> tags) {
  TRY_VOID(check_name(name, "instanceProfileName", 128));
  InstanceProfile profile;
  TRY(profile.path, checked_path(path));
  if (draft.now().profile(name) != nullptr) {
    return fail(kAlreadyExists, fmt::format("Instance Profile {} already exists.", name));
  }
  if (draft.now().profiles.size() >= kInstanceProfilesMax) {
    return quota("InstanceProfilesPerAccount", kInstanceProfilesMax);
  }
  TRY_VOID(apply_tags(profile.tags, std::move(tags), {}));
  profile.name = std::move(name);
  profile.id = draft.new_id("AIPA");
  profile.created = draft.time();
  draft.put(std::move(profile));
  return ok();
}

Result<void> delete_profile(Draft& draft, std::string name) {
  TRY(const InstanceProfile* found, need_profile(draft.now(), name));
  if (!found->role.empty()) {
    return fail(kDeleteConflict,
                "Cannot delete entity, must remove roles from instance profile first.");
  }
  draft.erase(InstanceProfile(*found));
  return ok();
}

Result<void> add_role_to_profile(Draft& draft, std::string profile, std::string role) {
  TRY(const InstanceProfile* found, need_profile(draft.now(), profile));
  TRY(const Role* member, need_role(draft.now(), role));
  if (!found->role.empty()) return quota("InstanceSessionsPerInstanceProfile", 1);
  InstanceProfile copy = *found;
  copy.role = member->name;
  draft.put(std::move(copy));
  return ok();
}

Result<void> remove_role_from_profile(Draft& draft, std::string profile, std::string role) {
  TRY(const InstanceProfile* found, need_profile(draft.now(), profile));
  if (found->role.empty() || !equal_ignore_case(found->role, role)) {
    return fail(kNoSuchEntity, fmt::format("The role with name {} cannot be found.", role));
  }
  InstanceProfile copy = *found;
  copy.role.clear();
  draft.put(std::move(copy));
  return ok();
}

Result<void> change_profile_tags(Draft& draft, std::string name, std::vector<Tag> add,
                                 std::vector<std::string> remove) {
  TRY(const InstanceProfile* found, need_profile(draft.now(), name));
  InstanceProfile copy = *found;
  TRY_VOID(apply_tags(copy.tags, std::move(add), remove));
  draft.put(std::move(copy));
  return ok();
}

}  // namespace suiro::iam
