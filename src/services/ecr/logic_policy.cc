// SPDX-License-Identifier: Apache-2.0
// Policies of repositories: what is kept, and what those who ask them are told
// (docs/decisions/246-policies-of-buckets-and-repositories.md).
#include "services/ecr/logic.h"

namespace suiro::ecr {
namespace {

constexpr size_t kScanRows = 1000;

}  // namespace

std::string Logic::arn_of(std::string_view repository) const {
  return fmt::format("arn:aws:ecr:{}:{}:repository/{}", kernel_.region, kernel_.account,
                     repository);
}

std::unexpected<Error> Logic::no_policy(std::string_view repository) const {
  return fail(kPolicyNotFound,
              fmt::format("Repository policy does not exist for the repository with name '{}' in "
                          "the registry with id '{}'",
                          repository, kernel_.account));
}

Task<Result<Repository>> Logic::put_policy(std::string name, std::string text) {
  if (auto parsed = policy::Policy::parse(text, policy::Form::kRepository); !parsed) {
    co_return fail(kInvalidParameter,
                   fmt::format("Invalid parameter at 'PolicyText' failed to satisfy constraint: "
                               "'Invalid repository policy provided': {}",
                               parsed.error().message));
  }
  CO_TRY(Repository changed,
         co_await update(name, [text](Repository& repository, store::Batch&) -> Result<void> {
           repository.policy = text;
           return ok();
         }));
  co_await tell_policy(std::move(name));
  co_return changed;
}

Task<Result<std::string>> Logic::delete_policy(std::string name) {
  std::string before;
  auto change = [this, &before](Repository& repository, store::Batch&) -> Result<void> {
    if (repository.policy.empty()) return no_policy(repository.name);
    before = std::exchange(repository.policy, {});
    return ok();
  };
  CO_TRY_VOID(co_await update(name, change));
  co_await tell_policy(std::move(name));
  co_return before;
}

void Logic::tell(const std::string& name, const std::string& policy) {
  if (policies_ == nullptr) return;
  if (policy.empty()) return policies_->erase(arn_of(name));
  policies_->put(arn_of(name), policy, policy::Form::kRepository);
}

// The policy as it is now, in the order of its changes: each of them reads after its commit, and
// one reads after the other.
Task<void> Logic::tell_policy(std::string name) {
  if (policies_ == nullptr) co_return;
  auto read_and_tell = [this, name]() -> Task<void> {
    Turns& turns = turns_[kernel_.shards.owner_index(name)];
    co_await turns.take(name);
    Turn turn(turns, name);
    auto found = co_await storage_.repository(name);
    if (!found) {
      policies_->put_unreadable(arn_of(name));
    } else {
      tell(name, *found ? (*found)->record.policy : "");
    }
  };
  co_await run_on(kernel_.shards.owner(name), read_and_tell);
}

Task<Result<void>> Logic::tell_policies() {
  std::string after;
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await repositories(after, kScanRows));
    for (const Repository& repository : page.rows) tell(repository.name, repository.policy);
    more = page.more && !page.rows.empty();
    if (more) after = page.rows.back().name;
  }
  co_return ok();
}

}  // namespace suiro::ecr
