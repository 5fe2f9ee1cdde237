// SPDX-License-Identifier: Apache-2.0
// What IAM keeps: users, groups, roles, managed policies, instance profiles. Plain values; the
// parsed policies beside their documents are made by parse_documents() and never persisted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/policy/verdict.h"

namespace suiro::iam {

struct Tag {
  std::string key;
  std::string value;
};

// What users, groups and roles have in common.
struct Holder {
  std::string name;
  std::string path = "/";
  std::string id;  // "AROA..."
  TimePoint created{};
  std::vector<Tag> tags;
  std::map<std::string, std::string> inline_policies;  // name -> document as it was written
  std::vector<std::string> attached;                   // ARNs of managed policies, in order
  std::string boundary;                                // ARN; empty: none
  std::vector<policy::PolicyPtr> parsed;               // of inline_policies
};

struct Role : Holder {
  std::string trust;
  std::string description;
  uint32_t max_session_seconds = 3'600;
  std::string service;  // of a service-linked role: "ecs.amazonaws.com"
  policy::PolicyPtr parsed_trust;
};

struct AccessKey {
  std::string id;
  std::string secret;
  bool active = true;
  TimePoint created{};
};

struct User : Holder {
  std::vector<AccessKey> keys;
};

struct Group : Holder {
  std::vector<std::string> users;  // names as the users have them
};

struct PolicyVersion {
  uint32_t number = 1;
  std::string document;
  TimePoint created{};
};

struct ManagedPolicy {
  std::string name;
  std::string path = "/";
  std::string id;
  std::string description;
  TimePoint created{};
  TimePoint updated{};
  std::vector<Tag> tags;
  std::vector<PolicyVersion> versions;  // by number
  uint32_t default_version = 1;
  uint32_t last_version = 1;  // numbers are not used twice
  bool by_aws = false;
  policy::PolicyPtr parsed;  // of the default version

  const PolicyVersion* version(uint32_t number) const;
};

struct InstanceProfile {
  std::string name;
  std::string path = "/";
  std::string id;
  TimePoint created{};
  std::vector<Tag> tags;
  std::string role;  // empty: none
};

// Documents to policies. A stored document that no longer parses becomes null: it allows nothing,
// and a line in the log says so.
void parse_documents(Holder& holder);
void parse_documents(Role& role);
void parse_documents(ManagedPolicy& managed);

}  // namespace suiro::iam
