// SPDX-License-Identifier: Apache-2.0
// Checks that several rules share. Source: IAM API Reference, "Common parameters" of each
// operation.
#include <algorithm>
#include <cctype>

#include "base/arn.h"
#include "services/iam/logic.h"

namespace suiro::iam {
namespace {

std::unexpected<Error> invalid(std::string_view value, std::string_view member,
                               std::string_view rule) {
  return fail(kValidation,
              fmt::format("1 validation error detected: Value '{}' at '{}' failed to satisfy "
                          "constraint: {}",
                          value, member, rule));
}

}  // namespace

Result<void> check_name(std::string_view name, std::string_view member, size_t chars_max) {
  bool good = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("_+=,.@-").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!good) {
    return fail(kValidation,
                fmt::format("The specified value for {} is invalid. It must contain only "
                            "alphanumeric characters and/or the following: +=,.@_-",
                            member));
  }
  if (name.size() <= chars_max) return ok();
  return invalid(name, member,
                 fmt::format("Member must have length less than or equal to {}", chars_max));
}

Result<std::string> checked_path(std::string_view path) {
  if (path.empty()) return std::string("/");
  bool printable = std::ranges::all_of(path, [](char c) { return c > ' ' && c < '\x7f'; });
  if (printable && path.starts_with('/') && path.ends_with('/') && path.size() <= 512) {
    return std::string(path);
  }
  return fail(kValidation,
              "The specified value for path is invalid. It must begin and end with / and contain "
              "only alphanumeric characters and/or / characters.");
}

Result<void> check_document(std::string_view document, policy::Form form) {
  auto parsed = policy::Policy::parse(document, form);
  if (parsed) return ok();
  return fail(kMalformedDocument, parsed.error().message);
}

size_t policy_chars(std::string_view document) {
  return static_cast<size_t>(
      std::ranges::count_if(document, [](unsigned char c) { return !std::isspace(c); }));
}

Result<void> check_trust(const Directory& directory, const std::string& document) {
  if (policy_chars(document) > kTrustPolicyCharsMax) {
    return quota("ACLSizePerRole", kTrustPolicyCharsMax);
  }
  auto parsed = policy::Policy::parse(document, policy::Form::kTrust);
  if (!parsed) return fail(kMalformedDocument, parsed.error().message);
  for (const std::string& text : parsed->principal_arns()) {
    auto arn = Arn::parse(text);
    if (!arn || arn->account != directory.account || arn->service != "iam") continue;
    std::string_view resource = arn->resource;
    std::string_view name = resource.substr(resource.rfind('/') + 1);
    bool there = false;
    if (resource.starts_with("role/")) there = directory.role(name) != nullptr;
    if (resource.starts_with("user/")) there = directory.user(name) != nullptr;
    if (there) continue;
    return fail(kMalformedDocument,
                fmt::format("Invalid principal in policy: \"AWS\":\"{}\"", text));
  }
  return ok();
}

Result<void> apply_tags(std::vector<Tag>& tags, std::vector<Tag> add,
                        const std::vector<std::string>& remove) {
  for (const std::string& key : remove) {
    std::erase_if(tags, [&](const Tag& tag) { return equal_ignore_case(tag.key, key); });
  }
  for (size_t i = 0; i < add.size(); ++i) {
    if (add[i].key.starts_with("aws:")) {
      return fail(kInvalidInput, "The system tag prefix 'aws:' is reserved for AWS use.");
    }
    for (size_t j = 0; j < i; ++j) {
      if (!equal_ignore_case(add[i].key, add[j].key)) continue;
      return fail(kInvalidInput,
                  "Duplicate tag keys found. Please note that Tag keys are case "
                  "insensitive.");
    }
  }
  for (Tag& tag : add) {
    auto found = std::ranges::find_if(
        tags, [&](const Tag& old) { return equal_ignore_case(old.key, tag.key); });
    if (found == tags.end()) {
      tags.push_back(std::move(tag));
    } else {
      *found = std::move(tag);
    }
  }
  if (tags.size() > kTagsMax) {
    return fail(kLimitExceeded, fmt::format("The number of tags has reached the maximum limit of "
                                            "{}.",
                                            kTagsMax));
  }
  return ok();
}

Result<void> check_boundary(const Directory& directory, const std::string& arn) {
  if (arn.empty() || directory.policy(arn) != nullptr) return ok();
  if (arn.find(":policy/") == std::string::npos) {
    return fail(kInvalidInput, fmt::format("ARN {} is not valid.", arn));
  }
  return fail(kNoSuchEntity,
              fmt::format("Scope ARN: {} does not exist or is not attachable.", arn));
}

Result<const Role*> need_role(const Directory& directory, std::string_view name) {
  if (const Role* found = directory.role(name)) return found;
  return fail(kNoSuchEntity, fmt::format("The role with name {} cannot be found.", name));
}
Result<const User*> need_user(const Directory& directory, std::string_view name) {
  if (const User* found = directory.user(name)) return found;
  return fail(kNoSuchEntity, fmt::format("The user with name {} cannot be found.", name));
}
Result<const Group*> need_group(const Directory& directory, std::string_view name) {
  if (const Group* found = directory.group(name)) return found;
  return fail(kNoSuchEntity, fmt::format("The group with name {} cannot be found.", name));
}
Result<const InstanceProfile*> need_profile(const Directory& directory, std::string_view name) {
  if (const InstanceProfile* found = directory.profile(name)) return found;
  return fail(kNoSuchEntity, fmt::format("Instance Profile {} cannot be found.", name));
}

Result<const ManagedPolicy*> need_policy(const Directory& directory, std::string_view arn) {
  if (const ManagedPolicy* found = directory.policy(arn)) return found;
  auto parsed = Arn::parse(arn);
  if (!parsed || parsed->service != "iam" || !parsed->resource.starts_with("policy/")) {
    return fail(kInvalidInput, fmt::format("ARN {} is not valid.", arn));
  }
  return fail(kNoSuchEntity, fmt::format("Policy {} was not found.", arn));
}

std::string version_id_of(uint32_t number) {
  return fmt::format("v{}", number);
}

Result<const PolicyVersion*> need_version(const ManagedPolicy& policy, std::string_view arn,
                                          std::string_view version_id) {
  for (const PolicyVersion& version : policy.versions) {
    if (version_id_of(version.number) == version_id) return &version;
  }
  return fail(
      kNoSuchEntity,
      fmt::format("Policy {} version {} does not exist or is not attachable.", arn, version_id));
}

}  // namespace suiro::iam
