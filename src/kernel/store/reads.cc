// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/reads.h"

#include "base/check.h"

namespace suiro::store {
namespace {

rocksdb::ReadOptions read_options(const rocksdb::Snapshot* snapshot, Tier tier) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  options.read_tier = tier == Tier::kMemory ? rocksdb::kBlockCacheTier : rocksdb::kReadAllTier;
  return options;
}

Error read_error(const rocksdb::Status& status) {
  return rocks_error(status, "a read failed");
}

}  // namespace

std::optional<GetResult> get_entry(RocksCore& core, const rocksdb::Snapshot* snapshot, ByteView key,
                                   Tier tier) {
  rocksdb::PinnableSlice stored;
  auto status = core.db().Get(read_options(snapshot, tier), core.main(), slice(key), &stored);
  // RocksDB 7.8 answers an empty value, not "incomplete", for a table that it has not opened yet.
  if (status.ok() && tier == Tier::kMemory && stored.empty()) return std::nullopt;
  if (status.ok()) {
    auto entry = decode_entry(key, view(stored));
    if (!entry) return GetResult(fail(std::move(entry).error()));
    return GetResult(std::optional<Entry>(*std::move(entry)));
  }
  if (status.IsNotFound()) return GetResult(std::optional<Entry>());
  if (status.IsIncomplete() && tier == Tier::kMemory) return std::nullopt;
  return GetResult(fail(read_error(status)));
}

Result<ScanPage> scan_page(RocksCore& core, const rocksdb::Snapshot* snapshot,
                           const ScanOptions& options) {
  ScanPage page;
  if (options.range.begin >= options.range.end) return page;
  auto read = read_options(snapshot, Tier::kDisk);
  rocksdb::Slice lower = slice(options.range.begin), upper = slice(options.range.end);
  read.iterate_lower_bound = &lower;
  read.iterate_upper_bound = &upper;
  std::unique_ptr<rocksdb::Iterator> rows(core.db().NewIterator(read, core.main()));
  bool forward = options.direction == Direction::kForward;
  size_t bytes = 0;
  for (forward ? rows->SeekToFirst() : rows->SeekToLast(); rows->Valid();
       forward ? rows->Next() : rows->Prev()) {
    if (page.entries.size() >= options.rows_max || bytes >= options.bytes_max) {
      page.more = true;
      break;
    }
    TRY(Entry entry, decode_entry(view(rows->key()), view(rows->value())));
    bytes += entry.key.size() + entry.value.size();
    page.entries.push_back(std::move(entry));
  }
  if (!rows->status().ok()) return fail(read_error(rows->status()));
  return page;
}

RocksSnapshot::RocksSnapshot(std::shared_ptr<RocksCore> core, std::shared_ptr<IoPool> pool)
    : core_(std::move(core)), pool_(std::move(pool)), view_(core_->take_view()) {}

RocksSnapshot::~RocksSnapshot() {
  core_->drop_view(view_);
}

Task<Result<std::optional<Entry>>> RocksSnapshot::get(Key key) const {
  if (auto fast = get_entry(*core_, view_.snapshot, key, Tier::kMemory)) co_return *std::move(fast);
  co_return co_await pool_->run([this, key = std::move(key)] {
    return *get_entry(*core_, view_.snapshot, key, Tier::kDisk);
  });
}

Task<Result<ScanPage>> RocksSnapshot::scan(ScanOptions options) const {
  auto read = [this, options = std::move(options)] {
    return scan_page(*core_, view_.snapshot, options);
  };
  co_return co_await pool_->run(std::move(read));
}

}  // namespace suiro::store
