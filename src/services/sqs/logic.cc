// SPDX-License-Identifier: Apache-2.0
// Start, stop, access and the sweep.
#include "services/sqs/logic.h"

#include "base/log.h"

namespace suiro::sqs {
namespace {

constexpr size_t kScanRows = 10'000;

// Calls `each(entry)` for every row of `range`; it returns a Result<void>.
template <class Each>
Task<Result<void>> for_each_row(store::Store& from, store::KeyRange range, Each each) {
  store::ScanOptions options{.range = std::move(range), .rows_max = kScanRows};
  while (true) {
    CO_TRY(store::ScanPage page, co_await from.scan(options));
    for (const store::Entry& entry : page.entries) CO_TRY_VOID(each(entry));
    if (!page.more || page.entries.empty()) co_return ok();
    options.range.begin = page.entries.back().key + '\0';
  }
}

// What the owner may do whatever the policy says: else a policy could lock everyone out.
bool is_reserved_to_owner(std::string_view action) {
  return action == "sqs:SetQueueAttributes" || action == "sqs:RemovePermission" ||
         action == "sqs:DeleteQueue";
}

std::unexpected<Error> access_denied(const Access& access, std::string_view action,
                                     std::string_view resource) {
  if (!access.denial.empty()) return fail(kAccessDenied, access.denial);
  return fail(
      kAccessDenied,
      fmt::format("User: {} is not authorized to perform: {} on resource: {}",
                  access.caller.arn.empty() ? "anonymous" : access.caller.arn, action, resource));
}

}  // namespace

Logic::Logic(event::Kernel& kernel, Config config) : kernel_(kernel), config_(config) {
  size_t shards = kernel.shards.size();
  for (size_t i = 0; i < shards; ++i) {
    parts_.push_back(
        std::make_unique<Part>(kernel.shards.executor(i), config.cache_bytes_max / shards));
  }
}

Logic::~Logic() = default;

Access Logic::owner_access() const {
  Access access;
  access.caller.account = kernel_.account;
  access.caller.arn = fmt::format("arn:aws:iam::{}:root", kernel_.account);
  return access;
}

std::string Logic::arn_of(std::string_view name) const {
  std::string arn = "arn:aws:sqs:";
  arn.reserve(arn.size() + kernel_.region.size() + kernel_.account.size() + name.size() + 2);
  arn.append(kernel_.region).append(":").append(kernel_.account).append(":").append(name);
  return arn;
}

Result<std::string> Logic::name_of(std::string_view arn) const {
  auto parsed = Arn::parse(arn);
  if (!parsed || parsed->service != "sqs" || parsed->region != kernel_.region ||
      parsed->account != kernel_.account) {
    return no_such_queue();
  }
  return parsed->resource;
}

Result<QueuePtr> Logic::find(std::string_view queue) {
  auto& queues = part(queue).queues;
  auto found = queues.find(queue);
  if (found == queues.end() || found->second->deleted) return no_such_queue();
  return found->second;
}

Result<void> Logic::authorize(const Queue& queue, std::string_view action,
                              const Access& access) const {
  policy::Decision decision = policy::Decision::kNone;
  if (queue.settings.policy) {
    policy::Request request{access.caller, std::string(action), queue.arn, {}};
    request.context = {{"aws:sourceip", access.source_ip},
                       {"aws:useragent", access.user_agent},
                       {"aws:securetransport", access.secure ? "true" : "false"}};
    decision = queue.settings.policy->decide(request);
  }
  bool denied = decision == policy::Decision::kDeny && !is_reserved_to_owner(action);
  if (is_owner(access) ? !denied : decision == policy::Decision::kAllow) return ok();
  return access_denied(access, action, queue.arn);
}

bool Logic::is_owner(const Access& access) const {
  return access.caller.kind == policy::Caller::Kind::kAccount &&
         access.caller.account == kernel_.account && access.denial.empty();
}

Result<void> Logic::authorize_owner(std::string_view action, const Access& access) const {
  if (is_owner(access)) return ok();
  return access_denied(access, action, arn_of("*"));
}

Task<Result<void>> Logic::check_access(std::string queue, std::string action,
                                       policy::Request request) {
  auto there = [&]() -> Task<Result<void>> {
    CO_TRY(QueuePtr found, find(queue));
    request.action = action;
    request.resource = found->arn;
    bool allowed = found->settings.policy &&
                   found->settings.policy->decide(request) == policy::Decision::kAllow;
    if (allowed) co_return ok();
    co_return fail(kAccessDenied,
                   fmt::format("{} may not {} on {}: the queue's policy does not allow it",
                               request.caller.service, action, found->arn));
  };
  co_return co_await run_on(kernel_.shards.owner(queue), there);
}

// --- start
// -----------------------------------------------------------------------------------------

Task<Result<void>> Logic::start() {
  std::vector<std::pair<std::string, QueueRecord>> records;
  auto keep = [&](const store::Entry& entry) -> Result<void> {
    TRY(QueueRecord record, storage::decode_queue(entry.value));
    records.emplace_back(storage::name_of(entry.key), std::move(record));
    return ok();
  };
  CO_TRY_VOID(co_await for_each_row(kernel_.store, storage::queues(), keep));
  std::vector<std::pair<std::string, TimePoint>> tombstones;
  auto bury = [&](const store::Entry& entry) -> Result<void> {
    TRY(TimePoint time, storage::decode_time(entry.value));
    tombstones.emplace_back(storage::name_of(entry.key), time);
    return ok();
  };
  CO_TRY_VOID(co_await for_each_row(kernel_.store, storage::tombstones(), bury));
  for (auto& [name, record] : records) {
    auto there = [&]() -> Task<Result<void>> {
      co_return co_await load_queue(std::move(name), std::move(record));
    };
    CO_TRY_VOID(co_await run_on(kernel_.shards.owner(name), there));
  }
  for (size_t i = 0; i < parts_.size(); ++i) {
    auto there = [&]() -> Task<void> {
      for (const auto& [name, time] : tombstones) {
        if (kernel_.shards.owner_index(name) == i) parts_[i]->deleted_at[name] = time;
      }
      for (const auto& [name, queue] : parts_[i]->queues) resume_tasks(queue);
      parts_[i]->scope.spawn(sweep(*parts_[i]));
      co_return;
    };
    co_await run_on(kernel_.shards.executor(i), there);
  }
  co_return ok();
}

QueuePtr Logic::make_queue(std::string name, QueueRecord record, QueueKind kind) {
  std::string arn = arn_of(name);
  Executor executor = kernel_.shards.owner(name);
  return std::make_shared<Queue>(executor, std::move(name), std::move(arn), std::move(record),
                                 kind);
}

Task<Result<void>> Logic::load_queue(std::string name, QueueRecord record) {
  CO_TRY(QueueKind kind, check_queue_name(name));
  QueuePtr queue = make_queue(name, std::move(record), kind);
  if (queue->settings.policy_unreadable) {
    log::warning("sqs: the policy of queue {} is not readable; only its owner is let in", name);
  }
  CO_TRY_VOID(co_await restore_messages(queue));
  if (queue->is_fifo()) CO_TRY_VOID(co_await restore_deduplication(queue));
  CO_TRY_VOID(co_await restore_tasks(queue));
  part(name).queues[name] = queue;
  co_return ok();
}

Task<Result<void>> Logic::restore_messages(QueuePtr queue) {
  TimePoint now = kernel_.clock.now();
  auto each = [&](const store::Entry& entry) -> Result<void> {
    TRY(MessageState state, storage::decode_state(entry.value));
    queue->index.restore(storage::sequence_of(entry.key), state, queue->settings.delay, now);
    return ok();
  };
  co_return co_await for_each_row(kernel_.store, storage::states(queue->id()), each);
}

Task<Result<void>> Logic::restore_deduplication(QueuePtr queue) {
  auto each = [&](const store::Entry& entry) -> Result<void> {
    TRY(DedupRecord record, storage::decode_dedup(entry.value));
    Bytes hash = storage::hash_of(entry.key);
    queue->deduplication.by_age.emplace_back(record.sequence, hash);
    queue->deduplication.entries[std::move(hash)] = {record.sequence, true};
    queue->index.reserve(record.sequence);
    return ok();
  };
  CO_TRY_VOID(co_await for_each_row(kernel_.store, storage::dedups(queue->id()), each));
  std::ranges::sort(queue->deduplication.by_age);
  co_return ok();
}

Task<Result<void>> Logic::restore_tasks(QueuePtr queue) {
  auto each = [&](const store::Entry& entry) -> Result<void> {
    TRY(MoveTaskRecord record, storage::decode_task(entry.value));
    uint64_t id = storage::sequence_of(entry.key).value();
    queue->tasks[id] = {id, std::move(record), entry.value};
    return ok();
  };
  co_return co_await for_each_row(kernel_.store, storage::tasks(queue->id()), each);
}

// Once every queue is loaded: the destination of a task may be any.
void Logic::resume_tasks(const QueuePtr& queue) {
  for (const auto& [id, task] : queue->tasks) {
    using Status = MoveTaskRecord::Status;
    if (task.record.status == Status::kRunning || task.record.status == Status::kCancelling) {
      part(queue->name).scope.spawn(run_move(queue, id));
    }
  }
}

// --- stop
// ------------------------------------------------------------------------------------------

Task<void> Logic::stop() {
  for (size_t i = 0; i < parts_.size(); ++i) {
    auto there = [&]() -> Task<void> { co_await stop_part(*parts_[i]); };
    co_await run_on(kernel_.shards.executor(i), there);
  }
}

Task<void> Logic::stop_part(Part& own) {
  own.closing = true;
  own.stopping.notify_all();
  for (const auto& [name, queue] : own.queues) queue->arrived.notify_all();
  co_await own.scope.close();
}

// --- sweep
// -----------------------------------------------------------------------------------------

// Erases what has expired: messages past their retention, deduplication ids, names of deleted
// queues.
Task<void> Logic::sweep(Part& own) {
  while (!own.closing) {
    co_await own.stopping.wait_until(kernel_.clock, kernel_.clock.now() + kSweepInterval);
    if (own.closing) co_return;
    std::vector<QueuePtr> queues;
    for (const auto& [name, queue] : own.queues) queues.push_back(queue);
    for (const QueuePtr& queue : queues) {
      if (own.closing) co_return;
      auto swept = co_await sweep_queue(queue);
      if (!swept) {
        log::warning("sqs: expired messages of {} stay for now: {}", queue->name,
                     swept.error().message);
      }
    }
    store::Batch batch;
    TimePoint now = kernel_.clock.now();
    std::erase_if(own.deleted_at, [&](const auto& entry) {
      if (entry.second + kRecreateInterval > now) return false;
      batch.erase(storage::tombstone_key(entry.first));
      return true;
    });
    if (!batch.empty()) kernel_.store.commit_later(std::move(batch));
  }
}

Task<Result<void>> Logic::sweep_queue(QueuePtr queue) {
  for (size_t round = 0; round < kSweepRounds && !queue->deleted; ++round) {
    TimePoint now = kernel_.clock.now();
    while (!queue->attempts_by_age.empty() && queue->attempts_by_age.front().first <= now) {
      queue->attempts.erase(queue->attempts_by_age.front().second);
      queue->attempts_by_age.pop_front();
    }
    store::Batch batch;
    expire_deduplication(*queue, batch, kSweepMessages);
    queue->index.advance(now);
    auto expired = queue->index.take_expired(kSweepMessages, now - queue->settings.retention);
    for (Sequence sequence : expired) {
      storage::erase_message(batch, queue->id(), sequence);
      part(queue->name).cache.drop(queue->id(), sequence);
    }
    if (batch.empty()) co_return ok();
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
    if (expired.size() < kSweepMessages) co_return ok();
  }
  co_return ok();
}

}  // namespace suiro::sqs
