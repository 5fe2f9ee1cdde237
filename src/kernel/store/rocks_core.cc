// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/rocks_core.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/log.h"
#include "kernel/store/wal_check.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// Debian's RocksDB is not built with the sanitizer, which therefore does not see its atomics.
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:librocksdb.so\nrace:librocksdb.so\nrace:rocksdb::\n";
}
#endif
#endif

namespace suiro::store {
namespace {

constexpr char kValueFormat = 1;
constexpr size_t kBlockCacheBytes = 32 << 20;
constexpr size_t kMainMemtableBytes = 16 << 20;
constexpr size_t kBlobMemtableBytes = 32 << 20;
constexpr size_t kArenaBlockBytes = 256 << 10;
// What a start may have to replay.
constexpr uint64_t kWalBytesMax = 96 << 20;
constexpr uint64_t kBlobValueBytesMin = 4 << 10;
constexpr uint64_t kBlobFileBytes = 64 << 20;
// The oldest blob files are rewritten when this share of their bytes is dead.
constexpr double kBlobGarbageShareMax = 0.5;
constexpr size_t kInfoLogBytesMax = 1 << 20;
constexpr size_t kInfoLogFilesMax = 2;
constexpr std::string_view kBlobFamily = "blobs";

// A failure in the background (flush, compaction, a full disk) latches the store too: what is in
// memory only is safe in the log, but nothing more may be promised.
class LatchingListener final : public rocksdb::EventListener {
 public:
  explicit LatchingListener(std::shared_ptr<Latch> latch) : latch_(std::move(latch)) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    latch_->close("the database reports: " + status->ToString());
  }

 private:
  std::shared_ptr<Latch> latch_;
};

Result<std::set<Bytes>> list_blob_files(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family) {
  std::set<Bytes> live;
  rocksdb::ReadOptions options;
  auto range = KeyRange::prefix(Bytes(kBlobFilePrefix));
  rocksdb::Slice upper = slice(range.end);
  options.iterate_upper_bound = &upper;
  std::unique_ptr<rocksdb::Iterator> rows(db.NewIterator(options, family));
  for (rows->Seek(slice(range.begin)); rows->Valid(); rows->Next()) {
    live.emplace(view(rows->key()).substr(kBlobFilePrefix.size()));
  }
  if (!rows->status().ok()) return fail(rocks_error(rows->status(), "cannot list the blobs"));
  return live;
}

// Ends with the state of the log's end. Errors: kCorrupt where its replay would lose commits and
// `options` does not give them up.
Result<WalState::End> check_log(const RocksCore::Options& options) {
  if (options.create == RocksCore::Options::Create::kYes) return WalState::End::kWhole;
  const std::string& database = options.directory->database();
  TRY(WalState state, examine_wal(options.directory->data(), database));
  if (state.end == WalState::End::kTorn && !state.damage) {
    log::info("the log ends within a group of commits that nobody was told of; it is dropped");
  }
  if (!state.damage) return state.end;
  const std::string found = fmt::format(
      "the write-ahead log is damaged: {}/{} at byte {}; {} whole groups of commits "
      "stand behind the damage and cannot be replayed",
      database, state.damage->file, state.damage->offset_bytes, state.damage->records_behind);
  if (options.damage == RocksCore::Options::Damage::kRefuse) {
    return fail(codes::kCorrupt,
                found +
                    ". They were acknowledged. Restore a backup, or keep a copy of the directory "
                    "and start once with --accept-data-loss, which gives them up");
  }
  log::error("{}: they are given up, as --accept-data-loss asks", found);
  return state.end;
}

// Every table and every blob file of the database stays open: the usual limit of 1,024 files is
// reached at some 60 GB. The hard limit is as far as a process may go by itself.
void raise_open_files_limit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log::warning("cannot raise the limit of open files");
}

rocksdb::DBOptions database_options(const RocksCore::Options& options, WalState::End log_end,
                                    std::shared_ptr<Latch> latch) {
  rocksdb::DBOptions db;
  db.env = options.directory->env();
  db.create_if_missing = options.create == RocksCore::Options::Create::kYes;
  db.create_missing_column_families = db.create_if_missing;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // A broken log does not stay: what was replayed becomes tables, and the log goes.
  db.avoid_flush_during_recovery = log_end == WalState::End::kWhole;
  db.max_total_wal_size = kWalBytesMax;
  db.max_background_jobs = 2;
  db.max_open_files = -1;  // a table that is not open cannot be read without the disk
  db.skip_stats_update_on_db_open = true;
  db.skip_checking_sst_file_sizes_on_db_open = true;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.max_log_file_size = kInfoLogBytesMax;
  db.keep_log_file_num = kInfoLogFilesMax;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  // Nothing is retried: a device that failed once may have lost what it reports as written.
  db.max_bgerror_resume_count = 0;
  db.enable_pipelined_write = false;
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;  // one writer: nobody to spin for
  db.listeners.push_back(std::make_shared<LatchingListener>(std::move(latch)));
  return db;
}

rocksdb::ColumnFamilyOptions family_options(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::ColumnFamilyOptions family;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = kMainMemtableBytes;
  family.arena_block_size = kArenaBlockBytes;
  family.compression = rocksdb::kLZ4Compression;
  family.bottommost_compression = rocksdb::kZSTD;
  family.level_compaction_dynamic_level_bytes = true;
  // Compaction does not rewrite larger values; it only drops those that died.
  family.enable_blob_files = true;
  family.min_blob_size = kBlobValueBytesMin;
  family.blob_file_size = kBlobFileBytes;
  family.enable_blob_garbage_collection = true;
  family.blob_garbage_collection_force_threshold = kBlobGarbageShareMax;
  return family;
}

rocksdb::ColumnFamilyOptions blob_family_options(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::ColumnFamilyOptions family = family_options(std::move(cache));
  family.write_buffer_size = kBlobMemtableBytes;
  family.arena_block_size = 1 << 20;
  return family;
}

}  // namespace

void Latch::close(std::string reason) {
  std::lock_guard lock(mutex_);
  if (closed()) return;
  reason_ = std::move(reason);
  closed_.store(true, std::memory_order_release);
  log::error("the store takes no more writes: {}", reason_);
}

std::string Latch::reason() const {
  std::lock_guard lock(mutex_);
  return reason_;
}

Error Latch::error() const {
  return {std::string(codes::kUnavailable), "the store takes no more writes: " + reason(),
          Retry::kLater};
}

Result<std::shared_ptr<RocksCore>> RocksCore::open(Options options) {
  raise_open_files_limit();
  TRY(const WalState::End log_end, check_log(options));
  auto core = std::shared_ptr<RocksCore>(new RocksCore());
  core->directory_ = options.directory;
  auto cache = rocksdb::NewLRUCache(kBlockCacheBytes, 2);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options(cache));
  families.emplace_back(std::string(kBlobFamily), blob_family_options(cache));
  if (options.memtable_bytes != 0) {
    for (auto& family : families) {
      family.options.write_buffer_size = options.memtable_bytes;
      family.options.arena_block_size = options.memtable_bytes / 8;
    }
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(database_options(options, log_end, core->latch_),
                                  options.directory->database(), families, &handles, &db);
  if (!status.ok()) return fail(rocks_error(status, "cannot open the database"));
  core->db_.reset(db);
  core->main_ = handles[0];
  core->blobs_ = handles[1];
  TRY_VOID(core->recover_sequence());
  return core;
}

RocksCore::~RocksCore() {
  if (!db_) return;
  db_->DestroyColumnFamilyHandle(main_);
  db_->DestroyColumnFamilyHandle(blobs_);
  auto status = db_->Close();
  if (!status.ok()) log::warning("closing the database: {}", status.ToString());
}

Result<std::set<Bytes>> RocksCore::live_blob_files() {
  return list_blob_files(*db_, main_);
}

Result<std::set<Bytes>> RocksCore::live_blob_files(const DataDirectory& files,
                                                   const std::string& database) {
  rocksdb::Options options;
  options.env = files.env();
  options.info_log_level = rocksdb::InfoLogLevel::FATAL_LEVEL;
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::OpenForReadOnly(options, database, &db);
  if (!status.ok()) return fail(rocks_error(status, "cannot open the copy"));
  std::unique_ptr<rocksdb::DB> owned(db);
  return list_blob_files(*owned, owned->DefaultColumnFamily());
}

Result<void> RocksCore::recover_sequence() {
  rocksdb::PinnableSlice stored;
  auto status = db_->Get(rocksdb::ReadOptions(), main_, slice(kSequenceKey), &stored);
  if (status.IsNotFound()) return ok();
  if (!status.ok()) return fail(rocks_error(status, "cannot read the commit sequence"));
  TRY(Entry entry, decode_entry(kSequenceKey, view(stored)));
  sequence_ = entry.version.value();
  return ok();
}

void RocksCore::begin_write(uint64_t commit_sequence, uint64_t rocks_writes) {
  std::lock_guard lock(view_mutex_);
  writing_commit_ = commit_sequence;
  writing_rocks_ = db_->GetLatestSequenceNumber() + rocks_writes;
}

void RocksCore::end_write() {
  std::lock_guard lock(view_mutex_);
  writing_rocks_ = UINT64_MAX;
  sequence_.store(writing_commit_, std::memory_order_release);
}

View RocksCore::take_view() {
  // Under the lock at most one write is in progress: either the snapshot holds it or it does not.
  std::lock_guard lock(view_mutex_);
  View result;
  result.snapshot = db_->GetSnapshot();
  bool holds_write = result.snapshot->GetSequenceNumber() >= writing_rocks_;
  result.sequence = holds_write ? writing_commit_ : sequence();
  return result;
}

void RocksCore::drop_view(const View& view) {
  db_->ReleaseSnapshot(view.snapshot);
}

void encode_value_header(char (&header)[kValueHeaderBytes], uint64_t version) {
  header[0] = kValueFormat;
  for (size_t i = 0; i < 8; ++i) header[1 + i] = static_cast<char>(version >> (56 - 8 * i));
}

Result<Entry> decode_entry(ByteView key, ByteView stored) {
  if (stored.size() < kValueHeaderBytes || stored[0] != kValueFormat) {
    return fail(codes::kCorrupt, "a value has an unknown format; key " + hex_encode(key));
  }
  return Entry{Key(key), Bytes(stored.substr(kValueHeaderBytes)),
               Version(read_be64(stored.substr(1)))};
}

Error rocks_error(const rocksdb::Status& status, std::string_view what) {
  auto code = status.IsCorruption() ? codes::kCorrupt : codes::kUnavailable;
  return {std::string(code), std::string(what) + ": " + status.ToString(), Retry::kNever};
}

}  // namespace suiro::store
