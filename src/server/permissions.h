// SPDX-License-Identifier: Apache-2.0
// Permissions: which actions an operation needs, and on which resources, as a table of facts.
//
// Invariants:
//  1. An operation that is not in the table is nobody's but root's.
//  2. A row that finds no resource in the input asks for "*", unless it is optional.
// Thread: constant; any. Source: Service Authorization Reference, one page a service.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/iam/directory.h"
#include "shapes/value.h"

namespace suiro::server {

// Operations of one service that need their actions on the same kind of resource.
struct PermissionRow {
  std::string_view service;  // the model's id
  // Alternatives between '|': the first whose members the input has. "{Member}", "{A.B}",
  // "{List[].Member}", "{region}", "{account}"; "{Member:form}" puts a name into a form (see
  // Form in permissions.cc). "{Member?text}" is the text where the member is absent;
  // "{List[Other].Member}" are the entries that have the other member, "{List[!Other].Member}"
  // those without it. A leading '?' makes the row optional.
  std::string_view resource;
  // "GetItem HeadItem=GetItem Pass=iam:PassRole GetObject=GetObject/GetObjectVersion": operation,
  // action where its name differs, and the action where the input names a version. A leading '+':
  // the resource's own policy may allow it too, and the service asks it.
  std::string_view operations;
};

std::span<const PermissionRow> lake_permissions();      // S3, queues, logs
std::span<const PermissionRow> stream_permissions();    // streams, delivery streams, applications
std::span<const PermissionRow> compute_permissions();   // functions, tasks, schedules, workflows
std::span<const PermissionRow> identity_permissions();  // IAM and STS

struct Check {
  std::string_view action_service;  // "s3"
  std::string_view action;          // "GetObject"
  std::string_view versioned;       // empty: the same
  std::string_view resource;
  bool optional = false;
  bool resource_policy = false;
};

// nullptr: not in the table. An empty list: no permission is needed.
const std::vector<Check>* find_checks(std::string_view service, std::string_view operation);

// What a request is about, for the forms of resources.
struct Subject {
  const shapes::Value& input;
  const iam::Directory& directory;
  std::string_view region;
  std::string caller = {};  // the user's name and path, of users: "team/ann"
};

struct Need {
  std::string action;    // "s3:GetObject"
  std::string resource;  // ARN or "*"
};
std::vector<Need> needs_of(const Check& check, const Subject& subject);

// The texts that a path of members ("A.B", "List[].Member") finds in a value.
std::vector<std::string> texts_at(const shapes::Value& value, std::string_view path);

}  // namespace suiro::server
