// SPDX-License-Identifier: Apache-2.0
#include "server/request_context.h"

#include "base/bytes.h"
#include "server/permissions.h"
#include "services/lambda/names.h"

namespace suiro::server {
namespace {

using Kind = shapes::Principal::Kind;

const iam::Role* role_of(const shapes::Principal& caller, const iam::Directory& directory) {
  if (caller.kind != Kind::kRole || caller.session == nullptr) return nullptr;
  const std::string& arn = caller.session->role_arn;
  const iam::Role* role = directory.role(iam::role_name_of(arn));
  if (role == nullptr || directory.arn_of(*role) != arn) return nullptr;
  const std::string& id = caller.session->role_id;
  return id.empty() || role->id == id ? role : nullptr;
}

const iam::User* user_of(const shapes::Principal& caller, const iam::Directory& directory) {
  if (caller.kind != Kind::kUser) return nullptr;
  const iam::User* user = directory.user(caller.arn.substr(caller.arn.rfind('/') + 1));
  return user != nullptr && user->id == caller.user_id ? user : nullptr;
}

void add_tags(policy::Request& request, std::string_view prefix,
              const std::vector<iam::Tag>& tags) {
  for (const iam::Tag& tag : tags) {
    request.context[fmt::format("{}{}", prefix, to_lower(tag.key))] = tag.value;
  }
}

void add_session(policy::Request& request, const shapes::Session& session) {
  request.context["aws:tokenissuetime"] = format_iso8601(session.issued_at);
  request.context["aws:multifactorauthpresent"] = "false";
  if (!session.source_identity.empty()) {
    request.context["aws:sourceidentity"] = session.source_identity;
  }
  for (const auto& [key, value] : session.tags) {
    request.context["aws:principaltag/" + to_lower(key)] = value;
  }
}

struct InputKey {
  std::string_view service;
  std::string_view key;
  std::string_view member;
};
constexpr InputKey kInputKeys[] = {
    {"s3", "s3:prefix", "Prefix"},
    {"s3", "s3:delimiter", "Delimiter"},
    {"s3", "s3:max-keys", "MaxKeys"},
    {"s3", "s3:versionid", "VersionId"},
    {"s3", "s3:x-amz-acl", "ACL"},
    {"s3", "s3:x-amz-copy-source", "CopySource"},
    {"s3", "s3:x-amz-metadata-directive", "MetadataDirective"},
    {"s3", "s3:x-amz-server-side-encryption", "ServerSideEncryption"},
    {"s3", "s3:x-amz-storage-class", "StorageClass"},
    {"iam", "iam:awsservicename", "AWSServiceName"},
    {"iam", "iam:permissionsboundary", "PermissionsBoundary"},
    {"iam", "iam:policyarn", "PolicyArn"},
    {"lambda", "lambda:principal", "Principal"},
    {"sts", "sts:externalid", "ExternalId"},
    {"sts", "sts:rolesessionname", "RoleSessionName"},
    {"sts", "sts:sourceidentity", "SourceIdentity"},
};

// Services to which an operation hands a role (iam:PassedToService).
constexpr std::pair<std::string_view, std::string_view> kPassedTo[] = {
    {"lambda", "lambda.amazonaws.com"},
    {"logs", "logs.amazonaws.com"},
    {"ecs", "ecs-tasks.amazonaws.com"},
    {"events", "events.amazonaws.com"},
    {"scheduler", "scheduler.amazonaws.com"},
    {"states", "states.amazonaws.com"},
    {"firehose", "firehose.amazonaws.com"},
    {"iam", "ec2.amazonaws.com"},
    {"kinesisanalytics", "kinesisanalytics.amazonaws.com"},
    {"kinesisanalyticsv2", "kinesisanalytics.amazonaws.com"},
};

// The function's ARN, however the request names it.
void add_function(policy::Request& request, const shapes::Value& input) {
  const lambda::Place place{request.context["aws:requestedregion"],
                            request.context["aws:resourceaccount"]};
  for (const std::string& text : texts_at(input, "FunctionName")) {
    auto name = lambda::parse_function_name(text, std::nullopt, place);
    if (!name) continue;
    request.context["lambda:functionarn"] =
        lambda::function_arn(place, name->name, name->qualifier);
  }
}

struct MapVisit {
  policy::Request& request;
  std::vector<std::string>& keys;
  const shapes::Shape& value;
};

// "Tags": a list of pairs of key and value, or a map.
void add_request_tags(policy::Request& request, const shapes::Value& input) {
  std::vector<std::string> keys;
  for (std::string_view names : {"Tags", "tags", "TagSet"}) {
    const shapes::Member* member = input.shape().find(names);
    const void* data = member == nullptr ? nullptr : member->get(input.data());
    if (data == nullptr) continue;
    if (member->shape->kind == shapes::Kind::kMap) {
      MapVisit visit{request, keys, *member->shape->element};
      member->shape->map->each(data, &visit,
                               [](void* context, std::string_view key, const void* value) {
                                 auto& at = *static_cast<MapVisit*>(context);
                                 at.keys.emplace_back(key);
                                 if (at.value.kind != shapes::Kind::kString) return;
                                 at.request.context["aws:requesttag/" + to_lower(key)] =
                                     *static_cast<const std::string*>(value);
                               });
      continue;
    }
    for (auto [key_name, value_name] :
         {std::pair("Key", "Value"), std::pair("key", "value"), std::pair("TagKey", "TagValue")}) {
      auto names_found = texts_at(input, fmt::format("{}[].{}", names, key_name));
      auto values = texts_at(input, fmt::format("{}[].{}", names, value_name));
      for (size_t i = 0; i < names_found.size(); ++i) {
        request.context["aws:requesttag/" + to_lower(names_found[i])] =
            i < values.size() ? values[i] : "";
        keys.push_back(names_found[i]);
      }
    }
  }
  for (std::string_view member : {"TagKeys", "tagKeys"}) {
    for (std::string& key : texts_at(input, member)) keys.push_back(std::move(key));
  }
  if (!keys.empty()) request.lists["aws:tagkeys"] = std::move(keys);
}

}  // namespace

policy::Request request_of(const shapes::Call& call, const iam::Directory& directory) {
  const shapes::Principal& caller = call.principal;
  policy::Request out;
  out.caller.account = caller.account;
  out.caller.arn = caller.arn;
  if (caller.kind == Kind::kAnonymous) out.caller.kind = policy::Caller::Kind::kAnonymous;
  if (caller.kind == Kind::kService) {
    out.caller.kind = policy::Caller::Kind::kService;
    out.caller.service = caller.arn;
  }
  // A call by name crosses no network.
  const bool secure = call.secure || call.source_ip.empty();
  out.context = {
      {"aws:currenttime", format_iso8601(call.now)},
      {"aws:epochtime", std::to_string(call.now.time_since_epoch().count() / 1000)},
      {"aws:principaltype", caller.kind == Kind::kUser   ? "User"
                            : caller.kind == Kind::kRole ? "AssumedRole"
                                                         : "Account"},
      {"aws:requestedregion", call.region},
      {"aws:resourceaccount", call.account},
      {"aws:securetransport", secure ? "true" : "false"},
      {"aws:sourceip", call.source_ip},
      {"aws:userid", caller.user_id},
      {"aws:viaawsservice", "false"},
  };
  if (!call.user_agent.empty()) out.context["aws:useragent"] = call.user_agent;
  for (const auto& [name, value] : call.request_headers) {
    if (name == "referer") out.context["aws:referer"] = value;
  }
  if (const iam::User* user = user_of(caller, directory)) {
    out.context["aws:username"] = user->name;
    add_tags(out, "aws:principaltag/", user->tags);
  }
  if (const iam::Role* role = role_of(caller, directory)) {
    out.caller.role_arn = directory.arn_of(*role);
    add_tags(out, "aws:principaltag/", role->tags);
  }
  if (caller.session != nullptr) add_session(out, *caller.session);
  return out;
}

void add_input_keys(policy::Request& request, const shapes::Operation& operation,
                    const shapes::Value& input) {
  std::string_view service = operation.service->id;
  for (const InputKey& one : kInputKeys) {
    if (one.service != service) continue;
    auto texts = texts_at(input, one.member);
    if (!texts.empty()) request.context[std::string(one.key)] = texts.front();
  }
  for (const auto& [id, name] : kPassedTo) {
    if (id == service) request.context["iam:passedtoservice"] = name;
  }
  if (service == "lambda") add_function(request, input);
  add_request_tags(request, input);
}

void set_resource_tags(policy::Request& request, const iam::Directory& directory,
                       const std::string& resource) {
  std::erase_if(request.context, [](const auto& entry) {
    return entry.first.starts_with("aws:resourcetag/") ||
           entry.first.starts_with("iam:resourcetag/");
  });
  request.unknown = {"aws:resourcetag/", "iam:resourcetag/"};
  if (!resource.starts_with("arn:aws:iam::")) return;
  std::string_view name = std::string_view(resource).substr(resource.rfind('/') + 1);
  const std::vector<iam::Tag>* tags = nullptr;
  auto take = [&](std::string_view kind, const auto* found) {
    if (resource.find(kind) != resource.npos && found != nullptr) tags = &found->tags;
  };
  take(":role/", directory.role(name));
  take(":user/", directory.user(name));
  take(":instance-profile/", directory.profile(name));
  take(":policy/", directory.policy(resource));
  request.unknown.clear();
  if (tags == nullptr) return;
  add_tags(request, "aws:resourcetag/", *tags);
  add_tags(request, "iam:resourcetag/", *tags);
}

policy::Grants grants_of(const shapes::Principal& caller, const iam::Directory& directory) {
  policy::Grants out;
  if (const iam::User* user = user_of(caller, directory)) out = directory.grants(*user);
  const iam::Role* role = role_of(caller, directory);
  if (role == nullptr) return out;
  out = directory.grants(*role);
  const shapes::Session& session = *caller.session;
  if (session.policy.empty() && session.policy_arns.empty()) return out;
  out.session.emplace();
  for (const std::string& arn : session.policy_arns) {
    const iam::ManagedPolicy* managed = directory.policy(arn);
    out.session->push_back(managed == nullptr ? nullptr : managed->parsed);
  }
  if (session.policy.empty()) return out;
  auto parsed = policy::Policy::parse(session.policy, policy::Form::kIdentity);
  out.session->push_back(parsed ? std::make_shared<const policy::Policy>(*std::move(parsed))
                                : nullptr);
  return out;
}

}  // namespace suiro::server
