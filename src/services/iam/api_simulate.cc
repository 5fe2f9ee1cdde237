// SPDX-License-Identifier: Apache-2.0
// SimulateCustomPolicy and SimulatePrincipalPolicy: the evaluator, asked about calls that nobody
// makes.
#include "base/arn.h"
#include "services/iam/api.h"
#include "services/iam/convert.h"

namespace suiro::iam {
namespace {

using Documents = std::optional<std::vector<std::string>>;

Result<std::vector<policy::PolicyPtr>> parse_all(const Documents& documents) {
  std::vector<policy::PolicyPtr> out;
  if (!documents) return out;
  for (const std::string& document : *documents) {
    auto parsed = policy::Policy::parse(document, policy::Form::kIdentity);
    if (!parsed) return fail(kInvalidInput, parsed.error().message);
    out.push_back(std::make_shared<const policy::Policy>(*std::move(parsed)));
  }
  return out;
}

template <class Input>
Result<policy::Request> request_of(const Directory& now, const Input& in, std::string caller) {
  policy::Request request;
  request.caller.account = now.account;
  request.caller.arn = in.caller_arn.value_or(std::move(caller));
  request.unknown = {"aws:resourcetag/", "iam:resourcetag/"};
  if (!in.context_entries) return request;
  for (const shape::ContextEntry& entry : *in.context_entries) {
    if (!entry.context_key_name || !entry.context_key_values) {
      return fail(kInvalidInput, "A context entry needs ContextKeyName and ContextKeyValues");
    }
    std::string key = to_lower(*entry.context_key_name);
    const auto& values = *entry.context_key_values;
    if (entry.context_key_type && entry.context_key_type->ends_with("List")) {
      request.lists[key] = values;
    } else if (values.size() == 1) {
      request.context[key] = values.front();
    } else {
      return fail(kInvalidInput, fmt::format("The context key {} takes one value", key));
    }
  }
  return request;
}

shape::EvaluationResult result_of(const policy::Grants& grants, const policy::Policy* resource,
                                  const policy::Request& request) {
  policy::Verdict verdict = policy::evaluate(grants, request);
  policy::Decision own = resource == nullptr ? policy::Decision::kNone : resource->decide(request);
  bool explicitly = verdict.decision == policy::Decision::kDeny || own == policy::Decision::kDeny;
  bool boundary_only =
      verdict.decision == policy::Decision::kNone && verdict.layer != policy::Layer::kIdentity;
  bool allowed =
      !explicitly && !boundary_only && (verdict.allowed() || own == policy::Decision::kAllow);
  shape::EvaluationResult out;
  out.eval_action_name = request.action;
  out.eval_resource_name = request.resource;
  out.eval_decision = allowed ? "allowed" : explicitly ? "explicitDeny" : "implicitDeny";
  if (grants.boundary) {
    shape::PermissionsBoundaryDecisionDetail detail;
    detail.allowed_by_permissions_boundary =
        *grants.boundary != nullptr &&
        (*grants.boundary)->decide(request) == policy::Decision::kAllow;
    out.permissions_boundary_decision_detail = detail;
  }
  return out;
}

bool is_user_arn(const std::string& text) {
  auto arn = Arn::parse(text);
  return arn && arn->service == "iam" && arn->resource.starts_with("user/");
}

// Grants plus what the request itself brings.
template <class Input>
Result<shape::SimulatePolicyResponse> simulate(const Directory& now, const Input& in,
                                               policy::Grants grants, std::string caller) {
  if (in.caller_arn && !is_user_arn(*in.caller_arn)) {
    return fail(kInvalidInput, fmt::format("CallerArn {} is not that of a user", *in.caller_arn));
  }
  if (in.resource_policy && !is_user_arn(in.caller_arn.value_or(caller))) {
    return fail(kInvalidInput, "CallerArn is required where ResourcePolicy is given");
  }
  if (in.resource_owner && in.resource_owner != fmt::format("arn:aws:iam::{}:root", now.account)) {
    return fail(kInvalidInput, "ResourceOwner must be the root of this account");
  }
  TRY(auto boundaries, parse_all(in.permissions_boundary_policy_input_list));
  if (boundaries.size() > 1) return fail(kInvalidInput, "There can be one permissions boundary");
  if (!boundaries.empty()) grants.boundary = boundaries.front();
  std::optional<policy::Policy> resource;
  if (in.resource_policy) {
    auto parsed = policy::Policy::parse(*in.resource_policy, policy::Form::kResource);
    if (!parsed) return fail(kInvalidInput, parsed.error().message);
    resource = *std::move(parsed);
  }
  TRY(policy::Request request, request_of(now, in, std::move(caller)));
  std::vector<std::string> resources = in.resource_arns.value_or(std::vector<std::string>{"*"});
  if (in.action_names.size() * resources.size() > kSimulationsMax) {
    return quota("SimulationResults", kSimulationsMax);
  }
  std::vector<Row<shape::EvaluationResult>> rows;
  for (const std::string& action : in.action_names) {
    if (action.find(':') == std::string::npos) {
      return fail(kInvalidInput, fmt::format("Invalid Action {}", action));
    }
    for (const std::string& arn : resources) {
      request.action = action;
      request.resource = arn;
      rows.push_back({fmt::format("{:06}", rows.size()),
                      result_of(grants, resource ? &*resource : nullptr, request)});
    }
  }
  return page_of(in, std::move(rows), &shape::SimulatePolicyResponse::evaluation_results);
}

// The policies of whom an ARN names.
Result<policy::Grants> grants_of(const Directory& now, const std::string& arn) {
  auto parsed = Arn::parse(arn);
  if (!parsed || parsed->service != "iam" || parsed->account != now.account) {
    return fail(kInvalidInput, fmt::format("Invalid Entity Arn: {}", arn));
  }
  std::string_view resource = parsed->resource;
  std::string_view name = resource.substr(resource.rfind('/') + 1);
  if (resource.starts_with("user/")) {
    TRY(const User* user, need_user(now, name));
    return now.grants(*user);
  }
  if (resource.starts_with("role/")) {
    TRY(const Role* role, need_role(now, name));
    return now.grants(*role);
  }
  if (!resource.starts_with("group/")) {
    return fail(kInvalidInput, fmt::format("Invalid Entity Arn: {}", arn));
  }
  TRY(const Group* group, need_group(now, name));
  return now.grants(*group);
}

}  // namespace

void Api::add_simulations(shapes::Registry& registry) {
  using shapes::Call;
  using Output = Result<shape::SimulatePolicyResponse>;
  add_read<op::SimulateCustomPolicy>(
      registry,
      [](const Directory& now, const Call&, shape::SimulateCustomPolicyRequest in) -> Output {
        policy::Grants grants;
        TRY(grants.identity, parse_all(in.policy_input_list));
        return simulate(now, in, std::move(grants),
                        fmt::format("arn:aws:iam::{}:root", now.account));
      });
  add_read<op::SimulatePrincipalPolicy>(
      registry,
      [](const Directory& now, const Call&, shape::SimulatePrincipalPolicyRequest in) -> Output {
        TRY(policy::Grants grants, grants_of(now, in.policy_source_arn));
        TRY(auto more, parse_all(in.policy_input_list));
        grants.identity.insert(grants.identity.end(), more.begin(), more.end());
        return simulate(now, in, std::move(grants), in.policy_source_arn);
      });
}

}  // namespace suiro::iam
