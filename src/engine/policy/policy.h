// SPDX-License-Identifier: Apache-2.0
// Policy: a parsed policy document and the decision that it makes about one request. Resource
// policies (queues, functions, buckets, repositories), identity policies (users, roles, groups,
// boundaries, sessions) and trust policies of roles.
//
// Invariants:
//  1. What the evaluator does not understand does not parse: an unknown element, principal kind or
//     condition operator, and a condition key whose value Suiro does not know, is an error that
//     names it (keys.h tells which keys are known). A service refuses to store such a document, and
//     treats a stored one that no longer parses as a denial.
//  2. An explicit Deny wins over every Allow; without a matching Allow the decision is kNone.
//  3. What cannot be known of a request (a variable without value, the tags of a resource that the
//     caller of decide() does not have) lets no Allow apply and no Deny fall.
//  4. Matching takes time linear in pattern times text; documents are bounded by kDocumentBytesMax.
//
// Thread: a Policy is immutable; any thread. Failure: Result, code kMalformedPolicy.
// Source of the rules: IAM User Guide, "IAM JSON policy elements reference" and "Policy evaluation
// logic".
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/policy/condition.h"
#include "engine/policy/pattern.h"

namespace suiro::policy {

inline constexpr size_t kDocumentBytesMax = 20 * 1024;
inline constexpr size_t kStatementsMax = 100;
// Code of every parse error; services map it to their own.
inline constexpr std::string_view kMalformedPolicy = "MalformedPolicy";

struct Caller {
  enum class Kind : uint8_t { kAccount, kService, kAnonymous } kind = Kind::kAccount;
  std::string account;   // kAccount: twelve digits
  std::string arn;       // kAccount: "arn:aws:iam::000000000000:root"
  std::string service;   // kService: "s3.amazonaws.com"
  std::string role_arn;  // of an assumed role's session: the role's
  // kSelf: a policy that names the account does not name this caller, because the account's own
  // policies do not allow the request either.
  enum class Trust : uint8_t { kAccount, kSelf } trust = Trust::kAccount;
};

struct Request {
  Caller caller;
  std::string action;    // "sqs:SendMessage"
  std::string resource;  // ARN
  // Condition keys that the request has, by lower-case name: "aws:sourcearn". The keys about the
  // principal (aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalIsAWSService) come from
  // `caller`.
  std::map<std::string, std::string> context = {};
  // Keys of several values: "aws:tagkeys".
  std::map<std::string, std::vector<std::string>> lists = {};
  // Prefixes of keys that the request may have, and of which nothing is known here.
  std::vector<std::string_view> unknown = {};

  // The value of a key with one value; nullopt where it is absent.
  std::optional<std::string> value(const std::string& key) const;
  bool is_unknown(std::string_view key) const;
};

enum class Decision : uint8_t { kAllow, kDeny, kNone };

// kResource: Principal and Resource; the service that keeps the policy asks it, with the few keys
// that every service gives. kIdentity: Resource alone. kTrust: Principal alone.
// Of what stands before the operation, with all keys of a request: kBucket: Principal and Resource;
// kRepository: Principal alone.
enum class Form : uint8_t { kResource, kIdentity, kTrust, kBucket, kRepository };

// What a resource's policy says of a request.
struct Ruling {
  Decision decision = Decision::kNone;
  // An Allow names the user or the role's session itself. Such a one holds although a boundary or
  // a session's policies do not allow the request (IAM User Guide, "Permissions boundaries for IAM
  // entities").
  bool direct = false;
};

class Policy {
 public:
  // Errors: kMalformedPolicy with what is wrong and where.
  static Result<Policy> parse(std::string_view document, Form form = Form::kResource);
  Decision decide(const Request& request) const { return rule(request).decision; }
  Ruling rule(const Request& request) const;
  // Whether an Allow lets in more than fixed principals or, by its conditions, fixed places.
  // Source: Amazon S3 User Guide, "The meaning of public".
  bool is_public() const;
  // The own ARNs of users and roles that its Principal elements name.
  std::vector<std::string> principal_arns() const;
  // Whether an Allow names the service, whatever it asks besides.
  bool names_service(const std::string& service) const;

 private:
  struct Matcher {
    std::vector<Text> patterns;
    bool negated = false;  // NotAction, NotResource
    Truth matches(const Request& request, std::string_view text, Case letters) const;
  };
  struct Statement {
    Decision effect = Decision::kDeny;
    bool anyone = false;
    bool not_principal = false;
    std::vector<std::string> accounts;  // "arn:aws:iam::<account>:root" is kept as the account
    std::vector<std::string> arns;
    std::vector<std::string> services;
    Matcher actions;
    Matcher resources;
    std::vector<Condition> conditions;
  };
  struct Parser;

  bool applies(const Statement& statement, const Request& request) const;
  static bool names_caller(const Statement& statement, const Caller& caller);

  Form form_ = Form::kResource;
  std::vector<Statement> statements_;
};

// Editing for AddPermission and RemovePermission: the document's other statements stay as they are.
// `document` may be empty: then `header` (Version, Id) begins a new one. The statement has a Sid.
// Errors: kMalformedPolicy; kConditionFailed when a statement of this Sid exists.
Result<std::string> add_statement(std::string_view document, boost::json::object header,
                                  boost::json::object statement);
// Empty when no statement is left. Errors: kMalformedPolicy; kNotFound.
Result<std::string> remove_statement(std::string_view document, std::string_view sid);

}  // namespace suiro::policy
