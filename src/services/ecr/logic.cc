// SPDX-License-Identifier: Apache-2.0
// Repositories and their tags.
#include "services/ecr/logic.h"

#include "engine/image/reference.h"
#include "services/ecr/settle.h"

namespace suiro::ecr {

Logic::Logic(event::Kernel& kernel, policy::ResourcePolicies* policies)
    : kernel_(kernel), policies_(policies), storage_(kernel.store) {
  for (size_t i = 0; i < kernel.shards.size(); ++i) turns_.emplace_back(kernel.shards.executor(i));
}

std::unexpected<Error> Logic::no_repository(std::string_view name) const {
  return fail(kRepositoryNotFound,
              fmt::format("The repository with name '{}' does not exist in the registry with id "
                          "'{}'",
                          name, kernel_.account));
}

std::unexpected<Error> Logic::no_image(const ImageId& id, std::string_view repository) const {
  auto quoted = [](std::string_view text) { return text.empty() ? "null" : text; };
  return fail(kImageNotFound,
              fmt::format("The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not "
                          "exist within the repository with name '{}' in the registry with id "
                          "'{}'",
                          quoted(id.digest), quoted(id.tag), repository, kernel_.account));
}

Task<Result<void>> Logic::commit(store::Batch batch) {
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  co_return ok();
}

Task<Result<Logic::FoundRepository>> Logic::existing(std::string name) {
  CO_TRY(auto found, co_await storage_.repository(name));
  if (!found) co_return no_repository(name);
  co_return std::move(*found);
}

Task<Result<Repository>> Logic::repository(std::string name) {
  CO_TRY(FoundRepository found, co_await existing(std::move(name)));
  co_return std::move(found.record);
}

// AWS's rules for tags (ECR API Reference, "Tag").
Result<void> Logic::check_tags(const Tags& tags) {
  constexpr size_t kKeyMax = 128;
  constexpr size_t kValueMax = 256;
  if (tags.size() > kResourceTagsMax) {
    return fail(kTooManyTags,
                fmt::format("The number of tags exceeds the limit of {}", kResourceTagsMax));
  }
  for (const auto& [key, value] : tags) {
    if (key.empty() || key.size() > kKeyMax || value.size() > kValueMax ||
        key.starts_with("aws:")) {
      return fail(kInvalidTagParameter, fmt::format("Invalid tag: '{}'", key));
    }
  }
  return ok();
}

Task<Result<Repository>> Logic::create_repository(NewRepository wanted) {
  CO_TRY_VOID(check_tags(wanted.tags));
  if (wanted.name.size() < 2 || !image::is_repository(wanted.name)) {
    co_return fail(kInvalidParameter,
                   "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must "
                   "satisfy regular expression "
                   "'(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''");
  }
  Repository repository;
  repository.id = RepositoryId(kernel_.random.next());
  repository.name = wanted.name;
  repository.created = kernel_.clock.now();
  repository.mutability = wanted.mutability;
  repository.exclusions = std::move(wanted.exclusions);
  repository.tags = std::move(wanted.tags);
  store::Batch batch;
  batch.require_absent(keys::repository(wanted.name));
  batch.put(keys::repository(wanted.name), encode(repository));
  auto done = co_await commit(std::move(batch));
  if (!done && done.error().code == codes::kConditionFailed) {
    co_return fail(kRepositoryExists,
                   fmt::format("The repository with name '{}' already exists in the registry with "
                               "id '{}'",
                               wanted.name, kernel_.account));
  }
  if (!done) co_return fail(std::move(done).error());
  co_return repository;
}

Task<Result<Logic::RepositoryPage>> Logic::repositories(std::string after, size_t rows_max) {
  store::KeyRange range = keys::repositories();
  if (!after.empty()) range.begin = keys::repository(after) + '\0';
  RepositoryPage out;
  CO_TRY(auto page, co_await kernel_.store.scan({.range = range, .rows_max = rows_max}));
  for (const auto& entry : page.entries) {
    CO_TRY(Repository repository, decode_repository(entry.value));
    out.rows.push_back(std::move(repository));
  }
  out.more = page.more;
  co_return out;
}

Task<Result<Repository>> Logic::delete_repository(std::string name, Images images) {
  CO_TRY(Repository gone, co_await settle([this, name, images]() -> Task<Result<Repository>> {
           CO_TRY(FoundRepository found, co_await existing(name));
           const Repository& repository = found.record;
           CO_TRY(bool has_images, co_await storage_.any(keys::images(repository.id)));
           if (has_images && images == Images::kMustBeNone) {
             co_return fail(
                 kRepositoryNotEmpty,
                 fmt::format("The repository with name '{}' in registry with id '{}' cannot be "
                             "deleted because it still contains images",
                             name, kernel_.account));
           }
           store::Batch batch;
           batch.require_version(keys::repository(name), found.version);
           batch.erase(keys::repository(name));
           // The owners of layers go with the sweep, which finds their links gone.
           for (auto& range : keys::all_of(repository.id)) batch.erase_range(std::move(range));
           cancel_lifecycle_timer(batch, repository);
           CO_TRY_VOID(co_await commit(std::move(batch)));
           co_return repository;
         }));
  if (!gone.policy.empty()) co_await tell_policy(name);
  co_return gone;
}

Task<Result<Repository>> Logic::update(std::string name, Change change) {
  co_return co_await settle([this, name, change]() -> Task<Result<Repository>> {
    CO_TRY(FoundRepository found, co_await existing(name));
    store::Batch batch;
    CO_TRY_VOID(change(found.record, batch));
    batch.require_version(keys::repository(name), found.version);
    batch.put(keys::repository(name), encode(found.record));
    CO_TRY_VOID(co_await commit(std::move(batch)));
    co_return std::move(found.record);
  });
}

}  // namespace suiro::ecr
