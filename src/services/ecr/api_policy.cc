// SPDX-License-Identifier: Apache-2.0
// Policies of repositories: who may use them, and what is removed from them.
#include "services/ecr/api.h"

namespace suiro::ecr {

namespace shape = shapes::ecr;
namespace op = shapes::ecr::op;

Api::Answer<op::SetRepositoryPolicy> Api::set_policy(shape::SetRepositoryPolicyRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(Repository repository,
         co_await logic_.put_policy(in.repository_name, std::move(in.policy_text)));
  shape::SetRepositoryPolicyResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  out.policy_text = repository.policy;
  co_return out;
}

Api::Answer<op::GetRepositoryPolicy> Api::get_policy(shape::GetRepositoryPolicyRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(Repository repository, co_await logic_.repository(in.repository_name));
  if (repository.policy.empty()) co_return logic_.no_policy(repository.name);
  shape::GetRepositoryPolicyResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  out.policy_text = repository.policy;
  co_return out;
}

Api::Answer<op::DeleteRepositoryPolicy> Api::delete_policy(
    shape::DeleteRepositoryPolicyRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(std::string before, co_await logic_.delete_policy(in.repository_name));
  shape::DeleteRepositoryPolicyResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = in.repository_name;
  out.policy_text = std::move(before);
  co_return out;
}

// --- Lifecycle

std::unexpected<Error> Api::no_lifecycle(std::string_view repository) const {
  return fail(kLifecycleNotFound,
              fmt::format("Lifecycle policy does not exist for the repository with name '{}' in "
                          "the registry with id '{}'",
                          repository, kernel_.account));
}

Api::Answer<op::PutLifecyclePolicy> Api::put_lifecycle(shape::PutLifecyclePolicyRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(Repository repository,
         co_await logic_.put_lifecycle(in.repository_name, in.lifecycle_policy_text));
  shape::PutLifecyclePolicyResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  out.lifecycle_policy_text = repository.lifecycle;
  co_return out;
}

Api::Answer<op::GetLifecyclePolicy> Api::get_lifecycle(shape::GetLifecyclePolicyRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(Repository repository, co_await logic_.repository(in.repository_name));
  if (repository.lifecycle.empty()) co_return no_lifecycle(repository.name);
  shape::GetLifecyclePolicyResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  out.lifecycle_policy_text = repository.lifecycle;
  out.last_evaluated_at = repository.lifecycle_evaluated;
  co_return out;
}

Api::Answer<op::DeleteLifecyclePolicy> Api::delete_lifecycle(
    shape::DeleteLifecyclePolicyRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(Repository before, co_await logic_.delete_lifecycle(in.repository_name));
  shape::DeleteLifecyclePolicyResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = before.name;
  out.lifecycle_policy_text = before.lifecycle;
  out.last_evaluated_at = before.lifecycle_evaluated;
  co_return out;
}

Api::Answer<op::StartLifecyclePolicyPreview> Api::start_preview(
    shape::StartLifecyclePolicyPreviewRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  if (in.lifecycle_policy_text) {
    auto rules = parse_lifecycle(*in.lifecycle_policy_text);
    if (!rules) co_return fail(std::move(rules).error());
  }
  CO_TRY(Repository repository,
         co_await logic_.update(
             in.repository_name,
             [this, text = in.lifecycle_policy_text](Repository& r, store::Batch&) -> Result<void> {
               r.preview = text.value_or(r.lifecycle);
               if (r.preview.empty()) return no_lifecycle(r.name);
               return ok();
             }));
  shape::StartLifecyclePolicyPreviewResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  out.lifecycle_policy_text = repository.preview;
  out.status = "IN_PROGRESS";
  co_return out;
}

namespace {

bool is_wanted(const Expired& one, const shape::GetLifecyclePolicyPreviewRequest& in) {
  if (in.filter && in.filter->tag_status && *in.filter->tag_status != "ANY" &&
      (*in.filter->tag_status == "TAGGED") == one.image.tags.empty()) {
    return false;
  }
  if (!in.image_ids) return true;
  return std::ranges::any_of(*in.image_ids, [&](const shape::ImageIdentifier& id) {
    if (id.image_digest && *id.image_digest != one.image.digest) return false;
    return !id.image_tag || std::ranges::binary_search(one.image.tags, *id.image_tag);
  });
}

}  // namespace

// The images as they are now: the preview is made when it is asked for.
Api::Answer<op::GetLifecyclePolicyPreview> Api::get_preview(
    shape::GetLifecyclePolicyPreviewRequest in) {
  constexpr int32_t kRowsDefault = 100;
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(Repository repository, co_await logic_.repository(in.repository_name));
  if (repository.preview.empty()) {
    co_return fail(kPreviewNotFound,
                   fmt::format("Lifecycle policy preview does not exist for the repository with "
                               "name '{}' in the registry with id '{}'",
                               repository.name, kernel_.account));
  }
  if (in.image_ids && (in.next_token || in.max_results)) {
    co_return fail(kInvalidParameter,
                   "Invalid parameter at 'imageIds' failed to satisfy constraint: 'goes without "
                   "nextToken and maxResults'");
  }
  CO_TRY(auto expired, co_await logic_.preview(repository.name, repository.preview));
  shape::GetLifecyclePolicyPreviewResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  out.lifecycle_policy_text = repository.preview;
  out.status = "COMPLETE";
  out.summary.emplace().expiring_image_total_count = static_cast<int32_t>(expired.size());
  out.preview_results.emplace();
  std::string after;
  if (in.next_token) {
    CO_TRY(after, parse_page_token(*in.next_token));
  }
  bool is_behind = after.empty();
  auto rows = static_cast<size_t>(in.max_results.value_or(kRowsDefault));
  for (const Expired& one : expired) {
    bool is_new = is_behind;
    is_behind = is_behind || one.image.digest == after;
    if (!is_new || !is_wanted(one, in)) continue;
    if (out.preview_results->size() == rows) {
      out.next_token = page_token(*out.preview_results->back().image_digest);
      break;
    }
    shape::LifecyclePolicyPreviewResult& row = out.preview_results->emplace_back();
    row.image_tags = one.image.tags;
    row.image_digest = one.image.digest;
    row.image_pushed_at = one.image.pushed;
    row.action.emplace().type = "EXPIRE";
    row.applied_rule_priority = static_cast<int32_t>(one.priority);
  }
  co_return out;
}

}  // namespace suiro::ecr
