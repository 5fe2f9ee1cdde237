// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/rocks_store.h"

#include "base/check.h"
#include "base/log.h"
#include "kernel/store/backup.h"
#include "kernel/store/blobs.h"
#include "kernel/store/committer.h"
#include "kernel/store/data_directory.h"
#include "kernel/store/reads.h"
#include "kernel/store/rocks_core.h"

namespace suiro::store {
namespace {

SystemRandom& system_random() {
  static SystemRandom random;
  return random;
}

// Errors: kTooLarge. A key in the store's own space, or an empty one, is a bug of the caller.
Result<void> check_batch(const Batch& batch) {
  const BatchParts& parts = BatchAccess::parts(batch);
  if (parts.size_bytes > kBatchBytesMax ||
      parts.conditions.size() + parts.operations.size() > kBatchOperationsMax ||
      parts.appends > kBatchAppendsMax) {
    return fail(codes::kTooLarge, "a change is too large to be committed at once");
  }
  for (const Operation& operation : parts.operations) {
    if (operation.kind >= Operation::Kind::kAdoptInline) continue;
    CHECK(!operation.key.empty() && operation.key[0] != kInternalSpace, "a key in a foreign space");
    if (operation.kind == Operation::Kind::kEraseRange) {
      CHECK(operation.value <= Key(1, static_cast<char>(operation.key[0] + 1)),
            "a range over several key spaces");
    }
    if (operation.key.size() > kKeyBytesMax) return fail(codes::kTooLarge, "a key is too long");
  }
  return ok();
}

}  // namespace

// What outlives the store (a snapshot, a reader, a pending blob in a coroutine's frame) shares what
// it needs: the directory stays open and locked until that is gone too.
struct RocksStore::Parts {
  std::shared_ptr<DataDirectory> directory;
  std::shared_ptr<RocksCore> core;
  std::shared_ptr<IoPool> readers;
  std::shared_ptr<IoPool> writers;
  std::shared_ptr<BlobFiles> files;
  std::unique_ptr<Blobs> blobs;
  std::unique_ptr<Committer> committer;
};

Result<std::unique_ptr<RocksStore>> RocksStore::open(StoreOptions options) {
  auto parts = std::make_unique<Parts>();
  TRY(parts->directory, DataDirectory::open({.path = std::move(options.directory),
                                             .key_file = std::move(options.key_file),
                                             .layer = std::move(options.file_layer)}));
  DataDirectory& directory = *parts->directory;
  using Create = RocksCore::Options::Create;
  using Damage = RocksCore::Options::Damage;
  const bool give_up = options.damage == StoreOptions::Damage::kGiveUp;
  TRY(parts->core, RocksCore::open({.directory = parts->directory,
                                    .create = directory.is_new() ? Create::kYes : Create::kNo,
                                    .memtable_bytes = options.memtable_bytes,
                                    .damage = give_up ? Damage::kGiveUp : Damage::kRefuse}));
  if (directory.is_new()) TRY_VOID(directory.finish_making());
  parts->readers = std::make_shared<IoPool>(options.threads, "store-read");
  parts->writers = std::make_shared<IoPool>(options.threads, "store-write");
  parts->files = std::make_shared<BlobFiles>(parts->directory, parts->core->latch(), parts->readers,
                                             parts->writers);
  TRY(size_t swept, parts->files->sweep(*parts->core));
  if (swept != 0) log::info("the store removed {} blob files that nothing names", swept);
  Random& random = options.random != nullptr ? *options.random : system_random();
  parts->blobs =
      std::make_unique<Blobs>(parts->core, parts->files, random, options.inline_blob_bytes_max);
  auto release = [files = parts->files.get()](std::vector<Bytes> ids) {
    files->unlink_later(std::move(ids));
  };
  parts->committer = std::make_unique<Committer>(parts->core, options.threads, std::move(release));
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(parts)));
}

RocksStore::RocksStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

RocksStore::~RocksStore() {
  parts_->committer.reset();
  parts_->readers->stop();
  parts_->writers->stop();
}

Task<Result<std::optional<Entry>>> RocksStore::get(Key key) {
  RocksCore& core = *parts_->core;
  if (auto fast = get_entry(core, nullptr, key, Tier::kMemory)) co_return *std::move(fast);
  auto read = [&core, key = std::move(key)] { return *get_entry(core, nullptr, key, Tier::kDisk); };
  co_return co_await parts_->readers->run(std::move(read));
}

Task<Result<ScanPage>> RocksStore::scan(ScanOptions options) {
  auto read = [&core = *parts_->core, options = std::move(options)] {
    return scan_page(core, nullptr, options);
  };
  co_return co_await parts_->readers->run(std::move(read));
}

std::shared_ptr<const Snapshot> RocksStore::snapshot() {
  return std::make_shared<RocksSnapshot>(parts_->core, parts_->readers);
}

Task<Result<CommitReceipt>> RocksStore::commit(Batch batch) {
  if (parts_->core->latch()->closed()) co_return fail(parts_->core->latch()->error());
  CO_TRY_VOID(check_batch(batch));
  Executor executor = co_await asio::this_coro::executor;
  auto start = [this, executor](auto handler, Batch moved) {
    parts_->committer->submit(
        {.batch = std::move(moved), .executor = executor, .resume = std::move(handler)});
  };
  asio::use_awaitable_t<Executor> token;
  co_return co_await asio::async_initiate<asio::use_awaitable_t<Executor>,
                                          void(Result<CommitReceipt>)>(std::move(start), token,
                                                                       std::move(batch));
}

void RocksStore::commit_later(Batch batch) {
  auto good = check_batch(batch);
  CHECK(good, "a batch that nobody waits for is too large");
  parts_->committer->submit({.batch = std::move(batch)});
}

std::unique_ptr<BlobWriter> RocksStore::write_blob() {
  return parts_->blobs->write();
}

Task<Result<std::unique_ptr<BlobReader>>> RocksStore::open_blob(BlobRef blob) {
  return parts_->blobs->open(std::move(blob));
}

void RocksStore::observe_appends(Key prefix, AppendObserver observer) {
  parts_->committer->observe(Committer::Watch::kAppends, std::move(prefix), std::move(observer));
}

void RocksStore::observe_puts(Key prefix, AppendObserver observer) {
  parts_->committer->observe(Committer::Watch::kPuts, std::move(prefix), std::move(observer));
}

Task<Result<void>> RocksStore::backup(std::string to) {
  auto work = [core = parts_->core, files = parts_->files, to = std::move(to)] {
    return backup_store(*core, *files, to);
  };
  co_return co_await parts_->writers->run(std::move(work));
}

void RocksStore::flush_for_measurement() {
  RocksCore& core = *parts_->core;
  auto status = core.db().Flush(rocksdb::FlushOptions(), {core.main(), core.blobs()});
  CHECK(status.ok(), status.ToString());
}

std::string RocksStore::latched() const {
  return parts_->core->latch()->reason();
}

}  // namespace suiro::store
