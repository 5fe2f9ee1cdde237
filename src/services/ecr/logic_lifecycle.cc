// SPDX-License-Identifier: Apache-2.0
// Lifecycle policies of repositories: a durable timer each, which rings when the policy is put and
// then every kLifecycleInterval (AWS promises a day).
#include "base/log.h"
#include "services/ecr/logic.h"
#include "services/ecr/settle.h"

namespace suiro::ecr {

event::Timer Logic::lifecycle_timer(const Repository& repository) const {
  Bytes id;
  append_be64(id, repository.id.value());
  return {.kind = std::string(kLifecycleTimer),
          .owner = repository.name,
          .id = hex_encode(id),
          .due = repository.lifecycle_due,
          .payload = ""};
}

void Logic::cancel_lifecycle_timer(store::Batch& batch, const Repository& repository) {
  if (repository.lifecycle_due != TimePoint()) {
    kernel_.timers.cancel(batch, lifecycle_timer(repository));
  }
}

void Logic::set_lifecycle_timer(store::Batch& batch, Repository& repository, TimePoint due) {
  cancel_lifecycle_timer(batch, repository);
  repository.lifecycle_due = due;
  kernel_.timers.set(batch, lifecycle_timer(repository));
}

Task<Result<Repository>> Logic::put_lifecycle(std::string name, std::string text) {
  auto rules = parse_lifecycle(text);
  if (!rules) co_return fail(std::move(rules).error());
  co_return co_await update(std::move(name),
                            [this, text](Repository& repository, store::Batch& batch) {
                              repository.lifecycle = text;
                              set_lifecycle_timer(batch, repository, kernel_.clock.now());
                              return ok();
                            });
}

Task<Result<Repository>> Logic::delete_lifecycle(std::string name) {
  Repository before;
  auto done = co_await update(
      name, [this, &before](Repository& repository, store::Batch& batch) -> Result<void> {
        if (repository.lifecycle.empty()) {
          return fail(kLifecycleNotFound,
                      fmt::format("Lifecycle policy does not exist for the repository with name "
                                  "'{}' in the registry with id '{}'",
                                  repository.name, kernel_.account));
        }
        before = repository;
        cancel_lifecycle_timer(batch, repository);
        repository.lifecycle.clear();
        repository.lifecycle_due = {};
        repository.lifecycle_evaluated = {};
        return ok();
      });
  if (!done) co_return done;
  co_return before;
}

Task<Result<std::vector<Expired>>> Logic::preview(std::string name, std::string text) {
  CO_TRY(FoundRepository repository, co_await existing(std::move(name)));
  CO_TRY(auto rules, parse_lifecycle(text));
  std::vector<Image> all;
  Digest after;
  for (bool more = true; more;) {
    constexpr size_t kPageRows = 1000;
    CO_TRY(auto page, co_await images(repository.record.id, after, kPageRows));
    for (auto& image : page.rows) all.push_back(std::move(image));
    more = page.more;
    if (all.size() > kImagesPerRepositoryMax) {
      co_return fail(kLimitExceeded,
                     fmt::format("A repository holds at most {} images", kImagesPerRepositoryMax));
    }
    if (!all.empty()) after = all.back().digest;
  }
  co_return evaluate(rules, std::move(all), kernel_.clock.now());
}

Task<Result<void>> Logic::on_lifecycle(event::Timer timer, store::Batch consume) {
  CO_TRY(auto found, co_await storage_.repository(timer.owner));
  // Of another life of the repository, or of a policy that is gone.
  bool is_current = found && lifecycle_timer(found->record).id == timer.id &&
                    found->record.lifecycle_due == timer.due && !found->record.lifecycle.empty();
  if (!is_current) co_return co_await commit(std::move(consume));
  Repository repository = std::move(found->record);
  CO_TRY_VOID(co_await expire_images(repository));
  TimePoint now = kernel_.clock.now();
  repository.lifecycle_evaluated = now;
  repository.lifecycle_due = now + kLifecycleInterval;
  kernel_.timers.set(consume, lifecycle_timer(repository));
  consume.require_version(keys::repository(repository.name), found->version);
  consume.put(keys::repository(repository.name), encode(repository));
  auto done = co_await commit(std::move(consume));
  // Somebody changed the repository: the timer is still there and rings again.
  co_return done;
}

Task<Result<void>> Logic::expire_images(Repository repository) {
  CO_TRY(auto expired, co_await preview(repository.name, repository.lifecycle));
  for (const Expired& one : expired) {
    auto removed =
        co_await remove_image(repository.name, {one.image.digest, ""}, LastTag::kTakesImage);
    if (removed) {
      log::info("lifecycle policy of {}: removed {} (rule {})", repository.name, one.image.digest,
                one.priority);
      continue;
    }
    // Gone meanwhile, or taken up by an index.
    if (removed.error().code == kImageNotFound || removed.error().code == kImageReferenced)
      continue;
    co_return fail(std::move(removed).error());
  }
  co_return ok();
}

}  // namespace suiro::ecr
