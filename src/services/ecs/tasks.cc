// SPDX-License-Identifier: Apache-2.0
// Memory, commits, the queue for the machine, the sweeper.
#include "services/ecs/tasks.h"

#include <algorithm>
#include <ranges>

#include "base/check.h"
#include "base/log.h"
#include "base/utf8.h"
#include "services/ecs/errors.h"
#include "services/ecs/storage.h"
#include "services/ecs/tags.h"
#include "shapes/json.h"

namespace suiro::ecs {

Tasks::Tasks(Context& context, Definitions& definitions)
    : context_(context),
      definitions_(definitions),
      outputs_(context, scope_),
      scope_(context.executor) {}

Tasks::~Tasks() = default;

// --- start and stop

Task<Result<void>> Tasks::load() {
  store::KeyRange range = storage::live_tasks();
  for (;;) {
    CO_TRY(auto page, co_await context_.kernel.store.scan({.range = range, .rows_max = kScanRows}));
    for (const auto& entry : page.entries) {
      auto live = std::make_shared<Live>();
      CO_TRY(live->record, storage::decode_task(entry.value));
      const TaskRecord& record = live->record;
      next_number_ = std::max(next_number_, record.queue_number + 1);
      if (record.placed) reserve(*live);
      live->committed = true;
      enter(live);
    }
    if (!page.more) break;
    range.begin = page.entries.back().key + '\0';
  }
  // Earlier runs may have come after later ones.
  std::erase_if(queue_,
                [this](const auto& row) { return is_blocked(find_live(row.second)->record); });
  ready_ = true;
  co_return ok();
}

Task<Result<void>> Tasks::start() {
  co_return co_await run_on(context_.executor, [this]() -> Task<Result<void>> {
    CO_TRY_VOID(co_await load());
    total_ = {context_.config.cpu_units, context_.config.memory_mb};
    if (context_.config.runner != nullptr) {
      CO_TRY_VOID(co_await context_.config.runner->start(this));
      const auto& probe = context_.config.runner->probe();
      if (total_.cpu_units == 0) total_.cpu_units = probe.cpu_units;
      if (total_.memory_mb == 0) {
        uint32_t reserve = std::max(kReserveMbMin, probe.memory_mb / kReservePart);
        total_.memory_mb = probe.memory_mb - std::min(probe.memory_mb, reserve);
      }
      std::vector<std::string> ids;
      for (const auto& [id, live] : live_) ids.push_back(id);
      co_await context_.config.runner->keep_only(std::move(ids));
    }
    take_up();
    arm_sweeper();
    co_return ok();
  });
}

void Tasks::take_up() {
  if (context_.config.runner == nullptr) return;
  std::vector<std::string> placed;
  for (const auto& [id, live] : live_) {
    if (live->record.placed) placed.push_back(id);
  }
  scope_.spawn(take_up_placed(std::move(placed)));
  std::vector<TaskRecord> replacing;
  for (const auto& [key, runs] : runs_) {
    // The latest that replaces stops all before it.
    auto latest = std::ranges::find_if(runs | std::views::reverse, [](const auto& run) {
      return (*run.second.begin())->record.overlap == Overlap::kReplace;
    });
    if (latest != runs.rend()) replacing.push_back((*latest->second.begin())->record);
  }
  for (const auto& record : replacing) stop_replaced(record);
  pump();
}

// What was placed before the restart and the runner did not find is run; what was to be stopped is
// stopped. Asking a runner that cannot tell to run what it has does no harm, but files and keys are
// asked for once more.
Task<void> Tasks::take_up_placed(std::vector<std::string> ids) {
  auto known = co_await context_.config.runner->known();
  std::set<std::string> found;
  if (known) found.insert(known->begin(), known->end());
  for (auto& id : ids) {
    LivePtr live = find_live(id);
    if (!live || stopping_) continue;
    live->held = live->held || found.contains(id);
    if (live->record.stop_wanted()) {
      scope_.spawn(stop_in_runner(std::move(id)));
    } else if (!live->held && !live->reported) {
      scope_.spawn(launch(std::move(id)));
    }
  }
}

Task<void> Tasks::stop() {
  co_await run_on(context_.executor, [this]() -> Task<void> {
    stopping_ = true;
    sweeper_.reset();
    outputs_.stop();
    if (context_.config.runner != nullptr) co_await context_.config.runner->detach();
    co_await scope_.close();
    outputs_.stop();
  });
}

// --- one change

Tasks::LivePtr Tasks::find_live(const std::string& id) const {
  auto found = live_.find(id);
  return found == live_.end() ? nullptr : found->second;
}

Task<Result<DefinitionPtr>> Tasks::definition_of(LivePtr live) {
  if (!live->definition) {
    auto found = co_await definitions_.find(live->record.task.task_definition_arn.value_or(""));
    if (!found && found.error().code != kClient) co_return fail(found.error());
    // A definition that was deleted meanwhile: what runs goes on, without names of its containers.
    live->definition = found ? *found : std::make_shared<const Definition>();
  }
  co_return live->definition;
}

void Tasks::write_change(store::Batch& batch, const TaskRecord* before, const TaskRecord& after) {
  if (after.stopped()) {
    batch.erase(storage::live_key(after.id));
    batch.put(storage::stopped_key(after.id), storage::encode(after));
    TimePoint stopped = after.task.stopped_at.value_or(context_.kernel.clock.now());
    batch.put(storage::expiry_key(stopped, after.id), "\1");
    outputs_.erase(batch, after.id);
  } else {
    batch.put(storage::live_key(after.id), storage::encode(after));
  }
  context_.kernel.runs.record(batch, run_of(after));
  bool is_told = before == nullptr || before->task.last_status != after.task.last_status ||
                 before->task.desired_status != after.task.desired_status ||
                 before->task.health_status != after.task.health_status;
  if (is_told) write_event(batch, after);
  if (before != nullptr && !after.stopped()) return;
  event::Run run = run_of(after);
  event::Span span{.trace_id = after.cause.trace_id,
                   .span_id = after.span_id,
                   .parent_id = after.cause.span_id,
                   .kind = "ecs:Task",
                   .resource = after.task.task_arn.value_or("")};
  span.start = after.task.created_at.value_or(TimePoint{});
  span.status = event::Span::Status::kRunning;
  if (after.stopped()) {
    span.duration = after.task.stopped_at.value_or(span.start) - span.start;
    span.status = run.state == event::Run::State::kFailed ? event::Span::Status::kError
                                                          : event::Span::Status::kOk;
    span.detail = run.reason;
  }
  context_.kernel.journal.record(batch, span);
}

// Amazon ECS Developer Guide, "Amazon ECS task state change events".
void Tasks::write_event(store::Batch& batch, const TaskRecord& record) {
  auto& kernel = context_.kernel;
  std::string bus =
      fmt::format("arn:aws:events:{}:{}:event-bus/default", kernel.region, kernel.account);
  if (!kernel.targets.target(bus)) return;  // no buses are wired
  TimePoint now = kernel.clock.now();
  std::string arn = record.task.task_arn.value_or("");
  std::string detail = shapes::to_json(record.task);
  shapes::append_json_member(detail, "updatedAt", format_iso8601(now));
  std::string document = "{}";
  shapes::append_json_member(document, "version", "0");
  shapes::append_json_member(document, "id", kernel.random.uuid());
  shapes::append_json_member(document, "detail-type", "ECS Task State Change");
  shapes::append_json_member(document, "source", "aws.ecs");
  shapes::append_json_member(document, "account", kernel.account);
  shapes::append_json_member(document, "time", format_iso8601(now));
  shapes::append_json_member(document, "region", kernel.region);
  document.pop_back();
  document.append(",\"resources\":[");
  shapes::append_json_string(document, arn);
  document.append("],\"detail\":").append(detail).append("}");
  event::emit(batch,
              {.source_arn = arn,
               .kind = "ECS Task State Change",
               .target_arn = std::move(bus),
               .payload = std::move(document),
               .cause = {record.cause.trace_id, record.span_id},
               .at = now},
              kernel.random);
}

Task<Result<bool>> Tasks::change(std::string id, Edit edit) {
  std::string name = "task:" + id;
  co_await context_.turns.take(name);
  Turn turn(context_.turns, name);
  LivePtr live = find_live(id);
  if (!live || !live->committed) co_return false;
  TaskRecord next = live->record;
  if (!edit(next)) co_return false;
  next.task.version = next.task.version.value_or(0) + 1;
  store::Batch batch;
  write_change(batch, &live->record, next);
  auto dropped = dropped_keys(live->record, next);
  for (const auto& key : dropped) {
    if (context_.config.revoke_with) context_.config.revoke_with(batch, key);
  }
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  for (auto& key : dropped) {
    if (context_.kernel.roles != nullptr) context_.kernel.roles->revoke(std::move(key));
  }
  live->record = std::move(next);
  after_change(live);
  co_return true;
}

std::vector<std::string> Tasks::dropped_keys(const TaskRecord& before, const TaskRecord& after) {
  if (after.stopped()) return after.access_key_ids;
  std::vector<std::string> out;
  for (const auto& key : before.access_key_ids) {
    if (std::ranges::find(after.access_key_ids, key) == after.access_key_ids.end()) {
      out.push_back(key);
    }
  }
  return out;
}

Task<void> Tasks::change_surely(std::string id, Edit edit) {
  while (!scope_.closing()) {
    auto done = co_await change(id, edit);
    if (done) co_return;
    log::warning("ecs: task {}: {}", id, done.error().message);
    co_await context_.kernel.clock.sleep_for(kCommitRetry);
  }
}

void Tasks::after_change(const LivePtr& live) {
  const TaskRecord& record = live->record;
  if (record.stopped()) {
    leave(live);
    outputs_.drop(record.id);
    if (record.placed) scope_.spawn(forget(record.id));
  }
  if (listener_) listener_(record);
  if (record.stopped()) pump();
}

Task<void> Tasks::forget(std::string id) {
  if (context_.config.runner != nullptr) co_await context_.config.runner->forget(std::move(id));
}

void Tasks::finish(TaskRecord& record, std::string code, std::string reason) const {
  TimePoint now = context_.kernel.clock.now();
  shape::Task& task = record.task;
  task.last_status = "STOPPED";
  task.desired_status = "STOPPED";
  if (!task.stop_code) task.stop_code = std::move(code);
  if (!task.stopped_reason) {
    task.stopped_reason = with_valid_utf8(std::string(utf8_prefix(reason, kStopReasonBytesMax)));
  }
  if (!task.stopping_at) task.stopping_at = now;
  if (!task.execution_stopped_at) task.execution_stopped_at = now;
  task.stopped_at = now;
  task.attributes.emplace();
  if (!task.containers) return;
  for (auto& container : *task.containers) container.last_status = "STOPPED";
}

// --- the machine

bool Tasks::fits(const Capacity& need) const {
  return placed_ < context_.config.placed_max && need.cpu_units <= total_.cpu_units &&
         used_.cpu_units <= total_.cpu_units - need.cpu_units &&
         need.memory_mb <= total_.memory_mb && used_.memory_mb <= total_.memory_mb - need.memory_mb;
}

void Tasks::reserve(Live& live) {
  CHECK(!live.reserved);
  live.reserved = true;
  used_.cpu_units += live.record.cpu_units;
  used_.memory_mb += live.record.memory_mb;
  ++placed_;
}

void Tasks::release(Live& live) {
  if (!std::exchange(live.reserved, false)) return;
  const TaskRecord& record = live.record;
  CHECK(used_.cpu_units >= record.cpu_units && used_.memory_mb >= record.memory_mb);
  used_.cpu_units -= record.cpu_units;
  used_.memory_mb -= record.memory_mb;
  --placed_;
}

void Tasks::enter(const LivePtr& live) {
  const TaskRecord& record = live->record;
  live_[record.id] = live;
  runs_[record.overlap_key][record.run_number].insert(live);
  if (!live->reserved && !is_blocked(record)) queue_[record.queue_number] = record.id;
}

void Tasks::leave(const LivePtr& live) {
  const TaskRecord& record = live->record;
  release(*live);
  queue_.erase(record.queue_number);
  live_.erase(record.id);
  auto of_key = runs_.find(record.overlap_key);
  Runs& runs = of_key->second;
  auto run = runs.find(record.run_number);
  run->second.erase(live);
  if (!run->second.empty()) return;
  bool was_first = run == runs.begin();
  runs.erase(run);
  if (runs.empty()) {
    runs_.erase(of_key);
  } else if (was_first) {
    for (const auto& next : runs.begin()->second) {
      if (!next->reserved) queue_[next->record.queue_number] = next->record.id;
    }
  }
}

bool Tasks::is_blocked(const TaskRecord& record) const {
  if (record.overlap != Overlap::kQueue && record.overlap != Overlap::kReplace) return false;
  auto found = runs_.find(record.overlap_key);
  return found != runs_.end() && found->second.begin()->first < record.run_number;
}

bool Tasks::any_live(const std::string& overlap_key) const {
  return runs_.contains(overlap_key);
}

std::string Tasks::refusal() const {
  if (context_.config.runner == nullptr) return "no task runner is configured";
  return context_.config.runner->probe().refusal;
}

std::vector<const TaskRecord*> Tasks::live() const {
  std::vector<const TaskRecord*> out;
  out.reserve(live_.size());
  for (const auto& [id, live] : live_) {
    if (live->committed) out.push_back(&live->record);
  }
  return out;
}

void Tasks::pump() {
  if (stopping_ || !refusal().empty()) return;
  for (auto next = queue_.begin(); next != queue_.end();) {
    LivePtr live = find_live(next->second);
    CHECK(live);
    if (!live->committed) return;  // add() pumps again
    if (!fits({live->record.cpu_units, live->record.memory_mb})) return;
    reserve(*live);
    std::string id = next->second;
    next = queue_.erase(next);
    scope_.spawn(place(std::move(id)));
  }
}

// --- what ended long ago

void Tasks::arm_sweeper() {
  if (scope_.closing()) return;
  sweeper_ =
      context_.kernel.clock.alarm(context_.executor, context_.kernel.clock.now() + kSweepInterval,
                                  [this] { scope_.spawn(sweep()); });
}

Task<void> Tasks::sweep() {
  for (bool more = true; more && !scope_.closing();) {
    auto done = co_await sweep_some();
    if (!done) log::warning("ecs: stopped tasks are not swept: {}", done.error().message);
    more = done.value_or(false);
  }
  arm_sweeper();
}

Task<Result<bool>> Tasks::sweep_some() {
  auto& store = context_.kernel.store;
  TimePoint now = context_.kernel.clock.now();
  store::Batch batch;
  CO_TRY(auto tasks,
         co_await store.scan({.range = storage::expired(now - context_.config.keep_stopped),
                              .rows_max = kSweepRows}));
  for (const auto& entry : tasks.entries) {
    CO_TRY(std::string id, storage::expired_task_of(entry.key));
    batch.erase(storage::stopped_key(id));
    batch.erase(entry.key);
  }
  CO_TRY(auto tokens, co_await store.scan({.range = storage::expired_tokens(now - kClientTokenLife),
                                           .rows_max = kSweepRows}));
  for (const auto& entry : tokens.entries) {
    CO_TRY(storage::ExpiredToken expired, storage::expired_token_of(entry.key));
    batch.erase(entry.key);
    CO_TRY(auto row, co_await store.get(expired.key));
    if (!row) continue;
    CO_TRY(TokenRecord token, storage::decode_token(row->value));
    // It was given again since the scan: this is the token of a later request.
    if (token.made != expired.made) continue;
    batch.require_version(expired.key, row->version);
    batch.erase(std::move(expired.key));
  }
  if (batch.empty()) co_return false;
  CO_TRY_VOID(co_await store.commit(std::move(batch)));
  co_return tasks.more || tokens.more;
}

// --- reading

Task<Result<std::optional<TaskRecord>>> Tasks::find(std::string id) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<std::optional<TaskRecord>>> {
    if (LivePtr live = find_live(id); live && live->committed) co_return live->record;
    CO_TRY(auto row, co_await context_.kernel.store.get(storage::stopped_key(id)));
    if (!row) co_return std::nullopt;
    CO_TRY(TaskRecord record, storage::decode_task(row->value));
    co_return record;
  });
}

namespace {

bool matches(const TaskRecord& record, const Tasks::ListQuery& query) {
  if (record.cluster != query.cluster) return false;
  if (record.task.desired_status != query.desired_status) return false;
  if (!query.started_by.empty() && record.task.started_by != query.started_by) return false;
  if (!query.service.empty() && record.service != query.service) return false;
  if (!query.launch_type.empty() && record.task.launch_type != query.launch_type) return false;
  if (query.family.empty()) return true;
  auto ref = definition_ref(record.task.task_definition_arn.value_or(""));
  return ref && ref->family == query.family;
}

}  // namespace

Task<Result<Tasks::ListAnswer>> Tasks::list(ListQuery query) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<ListAnswer>> {
    // Live and stopped ones, merged by their ids.
    std::map<std::string, bool> found;
    for (const auto& [id, live] : live_) {
      if (live->committed && id > query.after && matches(live->record, query)) found[id] = true;
    }
    store::KeyRange range = storage::stopped_tasks();
    if (!query.after.empty()) range.begin = storage::stopped_key(query.after) + '\0';
    size_t stopped = 0;
    for (bool more = query.desired_status == "STOPPED"; more && stopped <= query.rows_max;) {
      CO_TRY(auto page,
             co_await context_.kernel.store.scan({.range = range, .rows_max = kScanRows}));
      for (const auto& entry : page.entries) {
        CO_TRY(TaskRecord record, storage::decode_task(entry.value));
        if (!matches(record, query)) continue;
        found[record.id] = true;
        ++stopped;
      }
      more = page.more;
      if (more) range.begin = page.entries.back().key + '\0';
    }
    ListAnswer answer;
    for (const auto& [id, present] : found) {
      if (answer.ids.size() == query.rows_max) {
        answer.more = true;
        break;
      }
      answer.ids.push_back(id);
    }
    co_return answer;
  });
}

}  // namespace suiro::ecs
