// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/committer.h"

#include <pthread.h>
#include <rocksdb/write_batch.h>

#include <boost/asio/post.hpp>

#include "base/check.h"
#include "base/log.h"
#include "kernel/store/group_encoder.h"
#include "kernel/store/overlay.h"
#include "kernel/store/reads.h"

namespace suiro::store {
namespace {

// How long the committer waits for company: a share of the last write, and never less than a timer
// can do or more than a client would notice.
constexpr int kCompanyShare = 8;
constexpr std::chrono::microseconds kCompanyWaitMin{100};
constexpr std::chrono::microseconds kCompanyWaitMax{2000};
constexpr size_t kWriteBatchBytesKept = 2 << 20;

Error condition_failed(const Condition& condition) {
  std::string_view what = condition.kind == Condition::Kind::kAbsent    ? "is absent"
                          : condition.kind == Condition::Kind::kVersion ? "has the version"
                                                                        : "has the value";
  return {std::string(codes::kConditionFailed),
          fmt::format("the condition '{}' fails for key {}", what, hex_encode(condition.key))};
}

bool holds(const Condition& condition, bool present, uint64_t version, ByteView value) {
  switch (condition.kind) {
    case Condition::Kind::kAbsent:
      return !present;
    case Condition::Kind::kVersion:
      return present && version == condition.version.value();
    case Condition::Kind::kValue:
      return present && value == condition.value;
  }
  return false;
}

void check(const rocksdb::Status& status) {
  CHECK(status.ok(), status.ToString());
}

bool has_conditions(const std::vector<Committer::Pending>& group) {
  return std::ranges::any_of(group, [](const auto& pending) {
    return !BatchAccess::parts(pending.batch).conditions.empty();
  });
}

void keep_files(const Batch& batch) {
  for (const Operation& operation : BatchAccess::parts(batch).operations) {
    if (operation.kind == Operation::Kind::kAdoptFile) {
      BatchAccess::blob(*operation.blob).file->keep();
    }
  }
}

}  // namespace

Committer::Committer(std::shared_ptr<RocksCore> core, Threads threads, ReleaseFiles release_files)
    : core_(std::move(core)),
      release_files_(std::move(release_files)),
      write_batch_(std::make_unique<rocksdb::WriteBatch>()),
      inline_(threads == Threads::kNone) {
  if (inline_) return;
  thread_ = std::thread([this] { loop(); });
  pthread_setname_np(thread_.native_handle(), "store-commit");
}

Committer::~Committer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Committer::observe(Watch watch, Key prefix, Store::AppendObserver observer) {
  observers_.push_back({watch, std::move(prefix), std::move(observer)});
}

void Committer::submit(Pending pending) {
  size_t bytes = pending.batch.size_bytes();
  std::unique_lock lock(mutex_);
  if (queue_.size() >= kQueueBatchesMax || queue_bytes_ + bytes > kQueueBytesMax) {
    lock.unlock();
    pending.result =
        fail(codes::kThrottled, "too many commits wait; try again later", Retry::kLater);
    std::vector<Pending> refused;
    refused.push_back(std::move(pending));
    return resume_all(refused);
  }
  queue_.push_back(std::move(pending));
  queue_bytes_ += bytes;
  if (!inline_) {
    bool wake = queue_.size() == 1 || queue_.size() == last_group_;
    lock.unlock();
    if (wake) wake_.notify_one();
    return;
  }
  if (inline_busy_) return;
  inline_busy_ = true;
  while (!queue_.empty()) {
    auto group = take_group();
    lock.unlock();
    commit_group(std::move(group));
    lock.lock();
  }
  inline_busy_ = false;
}

void Committer::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    await_company(lock);
    auto group = take_group();
    last_group_ = group.size();
    lock.unlock();
    commit_group(std::move(group));
    lock.lock();
  }
}

void Committer::await_company(std::unique_lock<std::mutex>& lock) {
  auto patience = std::min<std::chrono::nanoseconds>(last_write_ / kCompanyShare, kCompanyWaitMax);
  if (patience < kCompanyWaitMin) return;
  wake_.wait_for(lock, patience, [this] { return stopping_ || queue_.size() >= last_group_; });
}

std::vector<Committer::Pending> Committer::take_group() {
  std::vector<Pending> group;
  size_t bytes = 0;
  while (!queue_.empty() && group.size() < kGroupBatchesMax) {
    size_t next = queue_.front().batch.size_bytes();
    if (!group.empty() && bytes + next > kGroupBytesMax) break;
    bytes += next;
    queue_bytes_ -= next;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

void Committer::commit_group(std::vector<Pending> group) {
  Result<void> written =
      core_->latch()->closed() ? fail(core_->latch()->error()) : write_group(group);
  if (!written) {
    for (Pending& pending : group) {
      // What was handed to the disk may or may not survive: its blob files stay for the sweep at
      // the next start, which knows.
      if (pending.written) keep_files(pending.batch);
      pending.written = false;
      pending.result = fail(written.error());
    }
  }
  settle(group);
  resume_all(group);
  tell_observers(group);
}

Result<void> Committer::write_group(std::vector<Pending>& group) {
  bool conditional = has_conditions(group);
  Overlay overlay;
  // Kept: memory of this size would come from the system and go back to it with every group.
  rocksdb::WriteBatch& out = *write_batch_;
  if (out.Data().capacity() > kWriteBatchBytesKept) out = rocksdb::WriteBatch();
  out.Clear();
  GroupEncoder encoder;
  uint64_t sequence = core_->sequence();
  for (Pending& pending : group) {
    const BatchParts& parts = BatchAccess::parts(pending.batch);
    auto verdict = evaluate(parts, conditional ? &overlay : nullptr);
    if (!verdict) {
      pending.result = fail(std::move(verdict).error());
      continue;
    }
    encoder.add(pending.batch, ++sequence);
    pending.written = true;
    pending.sequence = sequence;
    pending.result = CommitReceipt{sequence};
    if (conditional) overlay.apply(parts, sequence);
  }
  if (sequence == core_->sequence()) return ok();
  encoder.write(*core_, out);
  char header[kValueHeaderBytes];
  encode_value_header(header, sequence);
  check(out.Put(core_->main(), slice(kSequenceKey), {header, sizeof header}));
  rocksdb::WriteOptions options;
  options.sync = true;
  core_->begin_write(sequence, out.Count());
  auto begun = std::chrono::steady_clock::now();
  auto status = core_->db().Write(options, &out);
  last_write_ = std::chrono::steady_clock::now() - begun;
  if (!status.ok()) {
    core_->latch()->close("a write failed: " + status.ToString());
    return fail(core_->latch()->error());
  }
  core_->end_write();
  for (const Pending& pending : group) {
    if (pending.written) known_.apply(BatchAccess::parts(pending.batch), pending.sequence);
  }
  return ok();
}

Result<bool> Committer::holds_on_disk(const Condition& condition) {
  if (condition.kind != Condition::Kind::kValue) {
    if (auto version = known_.find(condition.key)) {
      return holds(condition, *version != 0, *version, {});
    }
  }
  TRY(std::optional<Entry> entry, *get_entry(*core_, nullptr, condition.key, Tier::kDisk));
  known_.learn(condition.key, entry ? entry->version.value() : 0);
  return entry ? holds(condition, true, entry->version.value(), entry->value)
               : holds(condition, false, 0, {});
}

Result<void> Committer::evaluate(const BatchParts& parts, const Overlay* overlay) {
  for (const Condition& condition : parts.conditions) {
    if (auto state = overlay->find(condition.key)) {
      if (!holds(condition, state->present, state->version, state->value)) {
        return fail(condition_failed(condition));
      }
      continue;
    }
    TRY(bool good, holds_on_disk(condition));
    if (!good) return fail(condition_failed(condition));
  }
  return ok();
}

// After the outcome is known: files of committed batches stay, files that they released go.
void Committer::settle(std::vector<Pending>& group) {
  std::vector<Bytes> released;
  for (Pending& pending : group) {
    if (!pending.written) continue;
    keep_files(pending.batch);
    for (Operation& operation : BatchAccess::parts(pending.batch).operations) {
      if (operation.kind == Operation::Kind::kReleaseFile) released.push_back(operation.key);
    }
  }
  if (!released.empty()) release_files_(std::move(released));
}

void Committer::resume_all(std::vector<Pending>& group) {
  struct Wake {
    Executor executor;
    std::vector<std::pair<Resume, Result<CommitReceipt>>> waiters;
  };
  std::vector<Wake> wakes;
  for (Pending& pending : group) {
    if (!pending.executor) {
      if (!pending.result) log::warning("a commit failed: {}", pending.result.error().message);
      continue;
    }
    auto at = std::ranges::find(wakes, *pending.executor, &Wake::executor);
    if (at == wakes.end()) at = wakes.insert(at, Wake{*pending.executor, {}});
    at->waiters.emplace_back(std::move(pending.resume), std::move(pending.result));
  }
  for (Wake& wake : wakes) {
    asio::post(wake.executor, [waiters = std::move(wake.waiters)]() mutable {
      for (auto& [resume, result] : waiters) resume(std::move(result));
    });
  }
}

void Committer::tell_observers(const std::vector<Pending>& group) {
  for (auto& [watch, prefix, observer] : observers_) {
    std::vector<AppendedRecord> records;
    for (const Pending& pending : group) {
      if (!pending.written) continue;
      size_t appended = 0;
      for (const Operation& operation : BatchAccess::parts(pending.batch).operations) {
        bool is_append = operation.kind == Operation::Kind::kAppend;
        if (!is_append && operation.kind != Operation::Kind::kPut) continue;
        size_t index = is_append ? appended++ : 0;
        if (is_append != (watch == Watch::kAppends) || !operation.key.starts_with(prefix)) continue;
        Key key = is_append ? append_key(operation.key, pending.sequence, index) : operation.key;
        records.push_back({std::move(key), operation.value});
      }
    }
    if (!records.empty()) observer(std::move(records));
  }
}

}  // namespace suiro::store
