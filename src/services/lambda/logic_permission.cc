// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/json.hpp>
#include <cctype>

#include "services/lambda/errors.h"
#include "services/lambda/logic.h"
#include "services/lambda/storage.h"

namespace suiro::lambda {
namespace {

std::string policy_key(const FunctionName& name) {
  return name.qualifier == kLatest ? "" : name.qualifier;
}

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c); });
}

// A service ("s3.amazonaws.com"), an account, an ARN, or everyone.
Result<boost::json::value> principal_of(const std::string& principal) {
  if (principal == "*") return boost::json::value("*");
  if (principal.ends_with(".amazonaws.com")) {
    return boost::json::value{{"Service", principal}};
  }
  if (principal.size() == 12 && all_digits(principal)) {
    return boost::json::value{{"AWS", fmt::format("arn:aws:iam::{}:root", principal)}};
  }
  if (principal.starts_with("arn:")) return boost::json::value{{"AWS", principal}};
  return fail(kInvalidParameter,
              "The provided principal was invalid. Please check the principal "
              "and try again.");
}

Result<boost::json::object> statement_of(const Permission& permission, const std::string& arn) {
  if (!permission.action.starts_with("lambda:") && permission.action != "*") {
    return pattern_error(permission.action, "action", "(lambda:[*]|lambda:[a-zA-Z]+|[*])");
  }
  bool word = !permission.statement_id.empty() && permission.statement_id.size() <= 100 &&
              std::ranges::all_of(permission.statement_id, [](unsigned char c) {
                return std::isalnum(c) || c == '-' || c == '_';
              });
  if (!word) return pattern_error(permission.statement_id, "statementId", "([a-zA-Z0-9-_]+)");
  TRY(boost::json::value principal, principal_of(permission.principal));
  boost::json::object statement{{"Sid", permission.statement_id},
                                {"Effect", "Allow"},
                                {"Principal", std::move(principal)},
                                {"Action", permission.action},
                                {"Resource", arn}};
  boost::json::object condition;
  if (permission.source_account) {
    condition["StringEquals"] = {{"AWS:SourceAccount", *permission.source_account}};
  }
  if (permission.source_arn) {
    condition["ArnLike"] = {{"AWS:SourceArn", *permission.source_arn}};
  }
  if (!condition.empty()) statement["Condition"] = std::move(condition);
  return statement;
}

Error translated(Error error) {
  if (error.code == policy::kMalformedPolicy) error.code = kInvalidParameter;
  return error;
}

}  // namespace

Task<Result<void>> Logic::save_policy(FunctionState* function, std::string qualifier,
                                      Policy policy) {
  policy.revision_id = new_revision();
  store::Batch batch;
  if (policy.document.empty()) {
    batch.erase(keys::policy(function->name, qualifier));
  } else {
    batch.put(keys::policy(function->name, qualifier), encode(policy));
  }
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  if (policy.document.empty()) {
    function->policies.erase(qualifier);
  } else {
    function->policies[qualifier] = std::move(policy);
  }
  co_return ok();
}

Task<Result<std::string>> Logic::add_permission(FunctionName name, Permission permission) {
  if (permission.event_source_token) {
    co_return unsupported("The parameter EventSourceToken");
  }
  std::string arn = context_.arn(name.name, policy_key(name));
  CO_TRY(boost::json::object statement, statement_of(permission, arn));
  auto add = [this, name, permission, statement]() -> Task<Result<std::string>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    CO_TRY_VOID(check_qualifier(function, name.qualifier));
    Policy next = function.policies[policy_key(name)];
    if (permission.revision_id && *permission.revision_id != next.revision_id) {
      co_return fail(kPreconditionFailed,
                     "The RevisionId provided does not match the latest RevisionId. Call the "
                     "GetPolicy API to retrieve the latest RevisionId");
    }
    auto document = policy::add_statement(
        next.document, {{"Version", "2012-10-17"}, {"Id", "default"}}, statement);
    if (!document && document.error().code == codes::kConditionFailed) {
      co_return fail(kResourceConflict,
                     fmt::format("The statement id ({}) provided already exists. Please provide a "
                                 "new statement id, or remove the existing statement.",
                                 permission.statement_id));
    }
    if (!document) co_return fail(translated(document.error()));
    if (document->size() > kPolicyBytesMax) {
      co_return fail(kPolicyTooLong, "The permissions policy for the resource is too large.");
    }
    next.document = *std::move(document);
    if (auto parsed = policy::Policy::parse(next.document); !parsed) {
      co_return fail(translated(parsed.error()));
    }
    CO_TRY_VOID(co_await save_policy(&function, policy_key(name), std::move(next)));
    co_return boost::json::serialize(statement);
  };
  co_return co_await run_on(context_.owner(name.name), std::move(add));
}

Task<Result<void>> Logic::remove_permission(FunctionName name, std::string statement_id,
                                            std::optional<std::string> revision_id) {
  auto remove = [this, name, statement_id, revision_id]() -> Task<Result<void>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    auto found = function.policies.find(policy_key(name));
    if (found == function.policies.end() || found->second.document.empty()) {
      co_return fail(kResourceNotFound, "No policy is associated with the given resource.");
    }
    Policy next = found->second;
    if (revision_id && *revision_id != next.revision_id) {
      co_return fail(kPreconditionFailed,
                     "The RevisionId provided does not match the latest RevisionId. Call the "
                     "GetPolicy API to retrieve the latest RevisionId");
    }
    auto document = policy::remove_statement(next.document, statement_id);
    if (!document && document.error().code == codes::kNotFound) {
      co_return fail(kResourceNotFound,
                     fmt::format("Statement {} is not found in resource policy.", statement_id));
    }
    if (!document) co_return fail(translated(document.error()));
    next.document = *std::move(document);
    co_return co_await save_policy(&function, policy_key(name), std::move(next));
  };
  co_return co_await run_on(context_.owner(name.name), std::move(remove));
}

Task<Result<Policy>> Logic::get_policy(FunctionName name) {
  auto get = [this, name]() -> Task<Result<Policy>> {
    CO_TRY(FunctionState * function, existing(name));
    CO_TRY_VOID(check_qualifier(*function, name.qualifier));
    auto found = function->policies.find(policy_key(name));
    if (found == function->policies.end() || found->second.document.empty()) {
      co_return fail(kResourceNotFound, "The resource you requested does not exist.");
    }
    co_return found->second;
  };
  co_return co_await run_on(context_.owner(name.name), get);
}

// Whether the policy of exactly the named resource (function, version or alias) lets a service
// invoke.
Task<Result<void>> Logic::accepts(std::string target_arn, event::Sender sender) {
  Result<FunctionName> name = parse_function_name(target_arn, std::nullopt, context_.place);
  if (!name) co_return fail(codes::kNotFound, name.error().message);
  auto decide = [this, name = *name, target_arn, sender]() -> Task<Result<void>> {
    Result<FunctionState*> function = existing(name);
    if (!function) co_return fail(codes::kNotFound, function.error().message);
    if (Result<void> known = check_qualifier(**function, name.qualifier); !known) {
      co_return fail(codes::kNotFound, known.error().message);
    }
    auto found = (*function)->policies.find(policy_key(name));
    if (found != (*function)->policies.end() && !found->second.document.empty()) {
      policy::Request request{{policy::Caller::Kind::kService, "", "", sender.service_principal},
                              "lambda:InvokeFunction",
                              context_.arn(name.name, policy_key(name))};
      if (!sender.source_arn.empty()) request.context["aws:sourcearn"] = sender.source_arn;
      if (!sender.source_account.empty()) {
        request.context["aws:sourceaccount"] = sender.source_account;
      }
      auto policy = policy::Policy::parse(found->second.document);
      if (policy && policy->decide(request) == policy::Decision::kAllow) co_return ok();
    }
    co_return fail("AccessDenied",
                   fmt::format("{} is not authorized to perform lambda:InvokeFunction on {}: its "
                               "resource policy does not allow it (AddPermission).",
                               sender.service_principal, target_arn));
  };
  co_return co_await run_on(context_.owner(name->name), decide);
}

Task<Result<void>> Logic::permit_invoke(FunctionName name, policy::Request request,
                                        std::string denial) {
  request.action = "lambda:InvokeFunction";
  request.resource = context_.arn(name.name, policy_key(name));
  auto decide = [this, name, request, denial]() -> Task<Result<void>> {
    Result<FunctionState*> function = existing(name);
    if (!function) co_return fail(kAccessDenied, denial);
    auto found = (*function)->policies.find(policy_key(name));
    if (found == (*function)->policies.end()) co_return fail(kAccessDenied, denial);
    auto policy = policy::Policy::parse(found->second.document);
    if (policy && policy->decide(request) == policy::Decision::kAllow) co_return ok();
    co_return fail(kAccessDenied, denial);
  };
  co_return co_await run_on(context_.owner(name.name), decide);
}

}  // namespace suiro::lambda
