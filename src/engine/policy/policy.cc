// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/policy.h"

#include <algorithm>

#include "engine/policy/document.h"

namespace suiro::policy {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::ranges::find(list, text) != list.end();
}

}  // namespace

std::optional<std::string> Request::value(const std::string& key) const {
  bool is_account = caller.kind == Caller::Kind::kAccount;
  if (key == "aws:principalarn") {
    if (!is_account) return std::nullopt;
    // Of a session, the role's ARN (IAM User Guide, "aws:PrincipalArn").
    return caller.role_arn.empty() ? caller.arn : caller.role_arn;
  }
  if (key == "aws:principalaccount") {
    return is_account ? std::optional(caller.account) : std::nullopt;
  }
  if (key == "aws:principalisawsservice") {
    return caller.kind == Caller::Kind::kService ? "true" : "false";
  }
  auto found = context.find(key);
  if (found == context.end()) return std::nullopt;
  return found->second;
}

bool Request::is_unknown(std::string_view key) const {
  return std::ranges::any_of(unknown, [&](std::string_view prefix) {
    return key.starts_with(prefix) && !context.contains(std::string(key));
  });
}

Truth Policy::Matcher::matches(const Request& request, std::string_view text, Case letters) const {
  bool complete = true;
  for (const Text& pattern : patterns) {
    auto expanded = pattern.expand(request);
    complete = complete && expanded.has_value();
    if (expanded && policy::matches(*expanded, text, letters)) {
      return negated ? Truth::kFalse : Truth::kTrue;
    }
  }
  // Without its variable a pattern matches nothing: what it would except stays in doubt.
  if (!complete) return negated ? Truth::kUnknown : Truth::kFalse;
  return negated ? Truth::kTrue : Truth::kFalse;
}

Ruling Policy::rule(const Request& request) const {
  Ruling ruling;
  for (const Statement& statement : statements_) {
    if (!applies(statement, request)) continue;
    if (statement.effect == Decision::kDeny) return {.decision = Decision::kDeny};
    ruling.decision = Decision::kAllow;
    ruling.direct = ruling.direct || contains(statement.arns, request.caller.arn);
  }
  return ruling;
}

bool Policy::is_public() const {
  return std::ranges::any_of(statements_, [](const Statement& statement) {
    return statement.effect == Decision::kAllow && statement.anyone &&
           std::ranges::none_of(statement.conditions, &Condition::keeps_public_out);
  });
}

bool Policy::applies(const Statement& statement, const Request& request) const {
  bool unknown = false;
  auto no = [&](Truth truth) {
    unknown = unknown || truth == Truth::kUnknown;
    return truth == Truth::kFalse;
  };
  if (form_ != Form::kIdentity &&
      names_caller(statement, request.caller) == statement.not_principal) {
    return false;
  }
  if (no(statement.actions.matches(request, request.action, Case::kIgnore))) return false;
  if (has_resources(form_) &&
      no(statement.resources.matches(request, request.resource, Case::kExact))) {
    return false;
  }
  for (const Condition& condition : statement.conditions) {
    if (no(condition.holds(request))) return false;
  }
  return !unknown || statement.effect == Decision::kDeny;
}

bool Policy::names_caller(const Statement& statement, const Caller& caller) {
  if (statement.anyone) return true;
  switch (caller.kind) {
    case Caller::Kind::kAccount:
      // A Deny of the account hits everybody of it, allowed by the account or not.
      if (contains(statement.accounts, caller.account) &&
          (caller.trust == Caller::Trust::kAccount ||
           (statement.effect == Decision::kDeny && !statement.not_principal))) {
        return true;
      }
      return contains(statement.arns, caller.arn) ||
             (!caller.role_arn.empty() && contains(statement.arns, caller.role_arn));
    case Caller::Kind::kService:
      return contains(statement.services, caller.service);
    case Caller::Kind::kAnonymous:
      return false;
  }
  return false;
}

// The conditions of an Allow are not asked; a Deny holds unless its conditions are known not to.
bool Policy::names_service(const std::string& service) const {
  Request request;
  request.caller.kind = Caller::Kind::kService;
  request.caller.service = service;
  request.action = "sts:AssumeRole";
  request.unknown = {"aws:sourceaccount", "aws:sourcearn"};
  bool trusted = false;
  for (const Statement& statement : statements_) {
    if (statement.effect == Decision::kDeny) {
      if (applies(statement, request)) return false;
      continue;
    }
    trusted = trusted ||
              (names_caller(statement, request.caller) &&
               statement.actions.matches(request, request.action, Case::kIgnore) == Truth::kTrue);
  }
  return trusted;
}

std::vector<std::string> Policy::principal_arns() const {
  std::vector<std::string> out;
  for (const Statement& statement : statements_) {
    out.insert(out.end(), statement.arns.begin(), statement.arns.end());
  }
  return out;
}

}  // namespace suiro::policy
