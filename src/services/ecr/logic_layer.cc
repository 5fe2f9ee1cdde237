// SPDX-License-Identifier: Apache-2.0
// Layers: one in the store whatever number of repositories have it, and the sweep of those that
// nobody uses.
#include "base/log.h"
#include "services/ecr/logic.h"
#include "services/ecr/settle.h"

namespace suiro::ecr {
namespace {

constexpr std::string_view kSweepTimer = "ecr.sweep";

}  // namespace

Task<Result<void>> Logic::add_layer(std::string repository, Digest digest,
                                    store::PendingBlob blob) {
  return link(std::move(repository), std::move(digest),
              std::make_shared<store::PendingBlob>(std::move(blob)));
}

Task<Result<void>> Logic::mount(std::string repository, Digest digest, std::string from) {
  CO_TRY(FoundRepository source, co_await existing(std::move(from)));
  CO_TRY(auto there, co_await storage_.link(source.record.id, digest));
  if (!there)
    co_return fail(kLayersNotFound, fmt::format("{} has no {}", source.record.name, digest));
  co_return co_await link(std::move(repository), std::move(digest), nullptr);
}

// Gives the repository the layer; `blob` is used where no repository has it yet.
Task<Result<void>> Logic::link(std::string name, Digest digest,
                               std::shared_ptr<store::PendingBlob> blob) {
  co_return co_await settle([this, name, digest, blob]() -> Task<Result<void>> {
    CO_TRY(FoundRepository repository, co_await existing(name));
    CO_TRY(auto layer, co_await storage_.layer(digest));
    if (!layer && blob == nullptr) co_return fail(kLayersNotFound, digest + " was removed");
    const RepositoryId id = repository.record.id;
    store::Batch batch;
    batch.require_version(keys::repository(name), repository.version);
    batch.require_version(keys::layer(digest), layer ? layer->version : store::Version());
    // Written in any case: a sweep that saw no owner loses against this.
    batch.put(keys::layer(digest), encode_layer(layer ? layer->record : batch.adopt(blob)));
    batch.put(keys::link(id, digest), encode_link(kernel_.clock.now()));
    batch.put(keys::owner(digest, id), encode_bytes(""));
    co_return co_await commit(std::move(batch));
  });
}

Task<Result<std::optional<uint64_t>>> Logic::layer_size(std::string name, Digest digest) {
  using Answer = Result<std::optional<uint64_t>>;
  co_return co_await settle([this, name, digest]() -> Task<Answer> {
    CO_TRY(FoundRepository repository, co_await existing(name));
    const RepositoryId id = repository.record.id;
    CO_TRY(auto link, co_await storage_.link(id, digest));
    if (!link) co_return std::optional<uint64_t>();
    CO_TRY(auto layer, co_await storage_.layer(digest));
    if (!layer) co_return std::optional<uint64_t>();
    TimePoint now = kernel_.clock.now();
    if (link->record + kLayerGrace / 2 < now) {
      store::Batch batch;
      batch.require_version(keys::link(id, digest), link->version);
      batch.put(keys::link(id, digest), encode_link(now));
      CO_TRY_VOID(co_await commit(std::move(batch)));
    }
    co_return std::optional<uint64_t>(layer->record.size_bytes);
  });
}

Task<Result<std::unique_ptr<store::BlobReader>>> Logic::open_layer(std::string name,
                                                                   Digest digest) {
  CO_TRY(FoundRepository repository, co_await existing(name));
  CO_TRY(auto link, co_await storage_.link(repository.record.id, digest));
  std::optional<Found<store::BlobRef>> layer;
  if (link) {
    CO_TRY(layer, co_await storage_.layer(digest));
  }
  if (!layer) {
    co_return fail(kLayerInaccessible,
                   fmt::format("Layer with digest '{}' does not exist in the repository with name "
                               "'{}' in the registry with id '{}'",
                               digest, name, kernel_.account));
  }
  co_return co_await kernel_.store.open_blob(std::move(layer->record));
}

Task<Result<uint64_t>> Logic::stored_bytes() {
  uint64_t total = 0;
  store::KeyRange range = keys::layers();
  for (;;) {
    CO_TRY(auto page, co_await kernel_.store.scan({.range = range}));
    for (const auto& entry : page.entries) {
      CO_TRY(store::BlobRef blob, decode_layer(entry.value));
      total += blob.size_bytes;
    }
    if (!page.more) co_return total;
    range.begin = page.entries.back().key + '\0';
  }
}

// --- The sweep: some layers at a time, in the order of their digests, then from the start again

void Logic::register_timers() {
  kernel_.timers.handle(std::string(kSweepTimer), [this](event::Timer timer, store::Batch consume) {
    return on_sweep(std::move(timer), std::move(consume));
  });
  kernel_.timers.handle(std::string(kLifecycleTimer),
                        [this](event::Timer timer, store::Batch consume) {
                          return on_lifecycle(std::move(timer), std::move(consume));
                        });
}

void Logic::set_sweep(store::Batch& batch, TimePoint due, store::Key from) {
  kernel_.timers.set(batch, {.kind = std::string(kSweepTimer),
                             .owner = std::string(kSweepTimer),
                             .id = "all",
                             .due = due,
                             .payload = std::move(from)});
}

Task<Result<void>> Logic::start() {
  CO_TRY(auto secret, co_await kernel_.store.get(keys::secret()));
  if (secret) {
    CO_TRY(secret_, decode_bytes(secret->value));
  } else {
    constexpr size_t kSecretBytes = 32;
    secret_ = kernel_.random.bytes(kSecretBytes);
    store::Batch batch;
    batch.require_absent(keys::secret());
    batch.put(keys::secret(), encode_bytes(secret_));
    CO_TRY_VOID(co_await commit(std::move(batch)));
  }
  CO_TRY_VOID(co_await tell_policies());
  CO_TRY(auto swept, co_await kernel_.store.get(keys::sweep()));
  if (swept) co_return ok();
  store::Batch batch;
  batch.put(keys::sweep(), encode_bytes("set"));
  set_sweep(batch, kernel_.clock.now() + kSweepInterval, "");
  co_return co_await commit(std::move(batch));
}

Task<Result<void>> Logic::on_sweep(event::Timer timer, store::Batch consume) {
  store::KeyRange range = keys::layers();
  if (!timer.payload.empty()) range.begin = timer.payload + '\0';
  CO_TRY(auto page,
         co_await kernel_.store.scan({.range = std::move(range), .rows_max = kSweepLayersMax}));
  store::Key last = page.more ? page.entries.back().key : store::Key();
  for (auto& entry : page.entries) {
    auto swept = co_await sweep_layer(std::move(entry));
    // Somebody uses it just now.
    if (!swept && swept.error().code != codes::kConditionFailed) {
      log::warning("sweep of layers: {}", swept.error().message);
    }
  }
  Millis pause = last.empty() ? kSweepInterval : kSweepStep;
  set_sweep(consume, kernel_.clock.now() + pause, std::move(last));
  co_return co_await commit(std::move(consume));
}

// One commit takes away the owners that no longer link or use the layer, and the layer with the
// last one.
Task<Result<void>> Logic::sweep_layer(store::Entry entry) {
  constexpr size_t kOwnersMax = 1000;
  Digest digest = keys::digest_of_layer(entry.key);
  CO_TRY(auto owners,
         co_await kernel_.store.scan({.range = keys::owners(digest), .rows_max = kOwnersMax}));
  store::Batch batch;
  size_t gone = 0;
  for (const auto& owner : owners.entries) {
    RepositoryId id = keys::owner_of(owner.key);
    CO_TRY(auto link, co_await storage_.link(id, digest));
    if (link) {
      CO_TRY(bool is_used, co_await storage_.any(keys::uses(id, digest)));
      if (is_used || link->record + kLayerGrace > kernel_.clock.now()) continue;
    }
    batch.require_version(keys::link(id, digest), link ? link->version : store::Version());
    batch.erase(keys::link(id, digest));
    batch.erase(owner.key);
    ++gone;
  }
  if (gone == owners.entries.size() && !owners.more) {
    CO_TRY(store::BlobRef blob, decode_layer(entry.value));
    batch.require_version(entry.key, entry.version);
    batch.erase(entry.key);
    batch.release(blob);
  }
  if (batch.empty()) co_return ok();
  co_return co_await commit(std::move(batch));
}

}  // namespace suiro::ecr
