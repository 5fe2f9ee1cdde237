// SPDX-License-Identifier: Apache-2.0
// Policy: a parsed resource policy document and the decision that it makes about one request. Used
// by the services whose resources carry a policy (queues, functions, buckets).
//
// Invariants:
//  1. What the evaluator does not understand does not parse: an unknown element, principal kind,
//     condition operator or condition key is an error that names it. A service refuses to store
//     such a document, and treats a stored one that no longer parses as a denial.
//  2. An explicit Deny wins over every Allow; without a matching Allow the decision is kNone.
//  3. Matching takes time linear in pattern times text; documents are bounded by kDocumentBytesMax.
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

namespace suiro::policy {

inline constexpr size_t kDocumentBytesMax = 20 * 1024;
inline constexpr size_t kStatementsMax = 100;
// Code of every parse error; services map it to their own.
inline constexpr std::string_view kMalformedPolicy = "MalformedPolicy";

struct Caller {
  enum class Kind : uint8_t { kAccount, kService, kAnonymous } kind = Kind::kAccount;
  std::string account;  // kAccount: twelve digits
  std::string arn;      // kAccount: "arn:aws:iam::000000000000:root"
  std::string service;  // kService: "s3.amazonaws.com"
};

struct Request {
  Caller caller;
  std::string action;    // "sqs:SendMessage"
  std::string resource;  // ARN
  // Condition keys that the request has, by lower-case name: "aws:sourcearn". The keys about the
  // principal (aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalIsAWSService) come from
  // `caller`.
  std::map<std::string, std::string> context = {};
};

enum class Decision : uint8_t { kAllow, kDeny, kNone };

// Whether `text` matches `pattern`, where '*' stands for any characters and '?' for one.
enum class Case : uint8_t { kExact, kIgnore };
bool wildcard_match(std::string_view pattern, std::string_view text, Case letters = Case::kExact);

class Policy {
 public:
  // Errors: kMalformedPolicy with what is wrong and where.
  static Result<Policy> parse(std::string_view document);
  Decision decide(const Request& request) const;

 private:
  enum class Operator : uint8_t { kEquals, kEqualsIgnoreCase, kLike, kArn, kBool, kNull };
  struct Condition {
    Operator op = Operator::kEquals;
    bool negated = false;
    bool if_exists = false;
    std::string key;  // lower case
    std::vector<std::string> values;
  };
  struct Matcher {
    std::vector<std::string> patterns;
    bool negated = false;  // NotAction, NotResource
  };
  struct Statement {
    Decision effect = Decision::kDeny;
    bool anyone = false;
    std::vector<std::string> accounts;  // "arn:aws:iam::<account>:root" is kept as the account
    std::vector<std::string> arns;
    std::vector<std::string> services;
    Matcher actions;
    Matcher resources;
    std::vector<Condition> conditions;
  };
  struct Parser;

  static bool applies(const Statement& statement, const Request& request);
  static bool names_caller(const Statement& statement, const Caller& caller);
  static bool holds(const Condition& condition, const Request& request);
  static bool value_matches(const Condition& condition, const std::string& actual);

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
