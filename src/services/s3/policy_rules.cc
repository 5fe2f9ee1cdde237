// SPDX-License-Identifier: Apache-2.0
#include "services/s3/policy_rules.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/arn.h"
#include "base/bytes.h"
#include "engine/policy/policy.h"
#include "services/s3/errors.h"

namespace suiro::s3 {
namespace {

namespace json = boost::json;
using policy::wildcard_match;

// Actions by what they are about. Source: Service Authorization Reference, "Actions, resources, and
// condition keys for Amazon S3".
constexpr std::string_view kObjectActions[] = {
    "AbortMultipartUpload",
    "BypassGovernanceRetention",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "DeleteObjectVersionTagging",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionAttributes",
    "GetObjectVersionForReplication",
    "GetObjectVersionTagging",
    "GetObjectVersionTorrent",
    "InitiateReplication",
    "ListMultipartUploadParts",
    "ObjectOwnerOverrideToBucketOwner",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutObjectVersionAcl",
    "PutObjectVersionTagging",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateTags",
    "RestoreObject",
    "UpdateObjectEncryption",
};
constexpr std::string_view kBucketActions[] = {
    "CreateBucket",
    "CreateBucketMetadataTableConfiguration",
    "DeleteBucket",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketPolicy",
    "DeleteBucketWebsite",
    "GetAccelerateConfiguration",
    "GetAnalyticsConfiguration",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataTableConfiguration",
    "GetBucketNotification",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetIntelligentTieringConfiguration",
    "GetInventoryConfiguration",
    "GetLifecycleConfiguration",
    "GetMetricsConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
    "ListTagsForResource",
    "PutAccelerateConfiguration",
    "PutAnalyticsConfiguration",
    "PutBucketAcl",
    "PutBucketCORS",
    "PutBucketLogging",
    "PutBucketNotification",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutEncryptionConfiguration",
    "PutIntelligentTieringConfiguration",
    "PutInventoryConfiguration",
    "PutLifecycleConfiguration",
    "PutMetricsConfiguration",
    "PutReplicationConfiguration",
    "TagResource",
    "UntagResource",
};
constexpr std::string_view kElements[] = {"Sid",          "Effect",      "Principal",
                                          "NotPrincipal", "Action",      "NotAction",
                                          "Resource",     "NotResource", "Condition"};
constexpr std::string_view kArnPrefix = "arn:aws:s3:::";

using Details = std::vector<std::pair<std::string, std::string>>;

Failure malformed(std::string message, Details details = {}) {
  return Failure(Error{"MalformedPolicy", std::move(message), Retry::kNever, std::move(details)});
}

bool contains(std::span<const std::string_view> list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

// The texts of a string or a list of strings; empty: it is neither.
std::vector<std::string_view> texts_of(const json::value& value) {
  std::vector<std::string_view> out;
  if (value.is_string()) out.emplace_back(value.get_string());
  if (!value.is_array()) return out;
  for (const json::value& one : value.get_array()) {
    if (!one.is_string()) return {};
    out.emplace_back(one.get_string());
  }
  return out;
}

// Which kinds of resources the actions that a pattern means are about.
struct About {
  bool objects = false;
  bool buckets = false;
};

About about(std::string_view pattern) {
  constexpr std::string_view kService = "s3:";
  if (pattern == "*") return {true, true};
  if (!to_lower(pattern.substr(0, kService.size())).starts_with(kService)) return {};
  pattern.remove_prefix(kService.size());
  auto means = [pattern](std::string_view name) {
    return wildcard_match(pattern, name, policy::Case::kIgnore);
  };
  return {std::ranges::any_of(kObjectActions, means), std::ranges::any_of(kBucketActions, means)};
}

bool is_account(std::string_view text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == text.npos;
}

// Everybody, an account, or who is in one. Whether IAM keeps it is not asked: a role may be a name
// alone (docs/decisions/170-roles-of-functions.md).
bool is_identity(std::string_view text) {
  if (text == "*" || is_account(text)) return true;
  auto arn = Arn::parse(text);
  return arn && (arn->service == "iam" || arn->service == "sts") && is_account(arn->account);
}

Result<void> check_principal(const json::value& value) {
  auto invalid = [](std::string_view kind, std::string_view name) {
    return malformed("Invalid principal in policy",
                     {{"Detail", fmt::format("\"{}\" : \"{}\"", kind, name)}});
  };
  if (value.is_string()) {
    if (value.get_string() == "*") return ok();
    return invalid("AWS", std::string_view(value.get_string()));
  }
  if (!value.is_object() || value.get_object().empty()) {
    return malformed("Invalid principal in policy");
  }
  for (const auto& [kind, names] : value.get_object()) {
    auto texts = texts_of(names);
    if (texts.empty() || (kind != "AWS" && kind != "Service")) return invalid(kind, "");
    for (std::string_view text : texts) {
      bool wild = text.find_first_of("*?") != text.npos;
      bool good = kind == "AWS" ? is_identity(text) && (text == "*" || !wild) : !wild;
      if (text.empty() || !good) return invalid(kind, text);
    }
  }
  return ok();
}

// A bucket's policy is about the bucket and what is in it.
bool is_of_bucket(std::string_view resource, std::string_view bucket) {
  if (!resource.starts_with(kArnPrefix)) return false;
  resource.remove_prefix(kArnPrefix.size());
  return wildcard_match(resource.substr(0, resource.find('/')), bucket);
}

// Every pattern of actions means something that the resources are.
Result<void> check_actions(const json::value& value, bool excepts, About resources) {
  auto actions = texts_of(value);
  if (actions.empty()) return malformed("Policy has invalid action");
  for (std::string_view action : actions) {
    const About one = about(action);
    if (!one.objects && !one.buckets) return malformed("Policy has invalid action");
    bool applies = (one.objects && resources.objects) || (one.buckets && resources.buckets);
    if (excepts || applies) continue;
    return malformed("Action does not apply to any resource(s) in statement");
  }
  return ok();
}

Result<About> check_resources(const json::value& value, std::string_view bucket, bool excepts) {
  auto resources = texts_of(value);
  if (resources.empty()) return malformed("Policy has invalid resource");
  About out{excepts, excepts};
  for (std::string_view resource : resources) {
    if (!is_of_bucket(resource, bucket)) return malformed("Policy has invalid resource");
    bool object = resource.find('/') != resource.npos;
    out.objects = out.objects || object || resource.ends_with('*');
    out.buckets = out.buckets || !object;
  }
  return out;
}

Result<void> check_statement(const json::value& value, std::string_view bucket) {
  if (!value.is_object()) return malformed("Invalid policy syntax.");
  const json::object& statement = value.get_object();
  for (const auto& [name, member] : statement) {
    if (!contains(kElements, name))
      return malformed(fmt::format("Unknown field {}", std::string(name)));
  }
  auto element = [&](std::string_view name) -> Result<std::pair<const json::value*, bool>> {
    const json::value* found = statement.if_contains(name);
    const json::value* other = statement.if_contains(fmt::format("Not{}", name));
    if (found != nullptr && other != nullptr) {
      return malformed(fmt::format("Statement/policy already has instance of {}", name));
    }
    if (found == nullptr && other == nullptr) {
      return malformed(fmt::format("Missing required field {}", name));
    }
    return std::pair(found != nullptr ? found : other, found == nullptr);
  };
  const json::value* effect = statement.if_contains("Effect");
  if (effect == nullptr) return malformed("Missing required field Effect");
  if (*effect != "Allow" && *effect != "Deny") {
    return malformed(fmt::format("Invalid effect: {}", effect->is_string()
                                                           ? std::string(effect->get_string())
                                                           : json::serialize(*effect)));
  }
  TRY(auto principal, element("Principal"));
  TRY(auto action, element("Action"));
  TRY(auto resource, element("Resource"));
  TRY_VOID(check_principal(*principal.first));
  TRY(About resources, check_resources(*resource.first, bucket, resource.second));
  return check_actions(*action.first, action.second, resources);
}

}  // namespace

Result<std::string> normal_policy(std::string_view text) {
  if (text.empty() || text.front() != '{') {
    return malformed("Policies must be valid JSON and the first byte must be '{'");
  }
  const std::string too_large = fmt::format(
      "Normalized policy document exceeds the maximum allowed size of {} bytes", kPolicyBytesMax);
  if (text.size() > kPolicyTextBytesMax) return malformed(too_large);
  boost::system::error_code error;
  json::value document = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) return malformed("This policy contains invalid Json");
  std::string out = json::serialize(document);
  if (out.size() > kPolicyBytesMax) return malformed(too_large);
  return out;
}

Result<Publicity> check_policy(std::string_view text, std::string_view bucket) {
  TRY(const std::string normal, normal_policy(text));
  const json::value parsed = json::parse(normal);
  const json::object& document = parsed.get_object();
  for (const auto& [name, member] : document) {
    if (name == "Version" || name == "Id" || name == "Statement") continue;
    return malformed(fmt::format("Unknown field {}", std::string(name)));
  }
  const json::value* version = document.if_contains("Version");
  if (version != nullptr && *version != "2012-10-17" && *version != "2008-10-17") {
    return malformed("The policy must contain a valid version string");
  }
  const json::value* statements = document.if_contains("Statement");
  if (statements == nullptr) return malformed("Missing required field Statement");
  if (statements->is_array()) {
    if (statements->get_array().empty()) {
      return malformed("Could not parse the policy: Statement is empty!");
    }
    for (const json::value& one : statements->get_array()) TRY_VOID(check_statement(one, bucket));
  } else {
    TRY_VOID(check_statement(*statements, bucket));
  }
  TRY(policy::Policy policy, policy::Policy::parse(normal, policy::Form::kBucket));
  return policy.is_public() ? Publicity::kPublic : Publicity::kPrivate;
}

}  // namespace suiro::s3
