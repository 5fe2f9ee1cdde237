// SPDX-License-Identifier: Apache-2.0
#include "services/states/executions_effects.h"

#include "base/check.h"
#include "base/log.h"
#include "services/states/executions_shard.h"
#include "services/states/limits.h"

namespace suiro::states {
namespace {

constexpr event::Backoff kBackoff{kCommitRetryFirst, kCommitRetryLongest};

using Call = std::variant<std::monostate, TaskCall, MapRunCall>;

Call call_of(const EffectRunner::Owner& owner, workflow::Effect effect) {
  uint64_t id = workflow::effect_id(effect);
  std::string key = effect_call_key(*owner.row, id);
  const MachineAtStart& machine = owner.machine->row.machine;
  if (auto* task = std::get_if<workflow::TaskEffect>(&effect)) {
    TaskCall call;
    call.execution_arn = owner.row->arn;
    call.machine_arn = machine.machine_arn;
    call.role_arn = machine.role_arn;
    call.express = machine.type == workflow::MachineType::kExpress;
    call.effect = std::move(*task);
    call.key = std::move(key);
    call.cause = {owner.row->trace_id, owner.row->span_id};
    return call;
  }
  MapRunCall call;
  call.execution_arn = owner.row->arn;
  call.machine = machine;
  call.machine.plan = owner.machine->plan;
  call.effect = std::move(std::get<workflow::MapRunEffect>(effect));
  call.key = std::move(key);
  call.cause = {owner.row->trace_id, owner.row->span_id};
  return call;
}

// What a call takes in memory, roughly.
size_t bytes_of(const workflow::Effect& effect) {
  const auto* task = std::get_if<workflow::TaskEffect>(&effect);
  return sizeof(TaskCall) + (task != nullptr ? task->arguments.size() : kInputBytesMax);
}

bool may_be_tried_again(const Error& error) {
  return error.retry == Retry::kLater && error.code != codes::kUnavailable &&
         error.code != codes::kClosed;
}

}  // namespace

EffectRunner::EffectRunner(RuntimeParts& parts, ExecutionShard& shard, Executor executor)
    : parts_(parts), shard_(shard), executor_(executor), scope_(executor), stop_signal_(executor) {}

EffectRunner::~EffectRunner() = default;

void EffectRunner::release(const Owner& owner, workflow::Effect effect) {
  EffectKey key{owner.execution, workflow::effect_id(effect)};
  // Beyond what is performed soon, only the key stays in memory.
  const size_t bytes = bytes_of(effect);
  const bool is_full =
      waiting_.size() >= kPerformingMax || waiting_bytes_ + bytes > kWaitingBytesMax;
  if (!waiting_.empty() && is_full) {
    waiting_.push_back(key);
    return;
  }
  auto performing = std::make_shared<Performing>(*this, key);
  performing->call_ = call_of(owner, std::move(effect));
  performing->waiting_bytes_ = bytes;
  waiting_bytes_ += bytes;
  enqueue(std::move(performing));
}

void EffectRunner::found(EffectKey key) {
  waiting_.push_back(key);
  pump();
}

void EffectRunner::found_cancelled(EffectKey key) {
  auto performing = std::make_shared<Performing>(*this, key);
  performing->has_cancel_record_ = true;
  performing->is_cancelled_ = true;
  enqueue(std::move(performing));
}

void EffectRunner::enqueue(Pointer effect) {
  waiting_.push_back(effect->key_);
  known_[effect->key_] = std::move(effect);
  pump();
}

void EffectRunner::pump() {
  // What begins here may give its slot at once.
  if (std::exchange(pumping_, true)) return;
  while (!stopping_ && slots_taken_ < parts_.config.performing_max && !waiting_.empty()) {
    EffectKey key = waiting_.front();
    waiting_.pop_front();
    auto [slot, is_new] = known_.try_emplace(key);
    if (is_new) {
      slot->second = std::make_shared<Performing>(*this, key);
      slot->second->is_found_ = true;
    }
    if (std::exchange(slot->second->is_running_, true)) continue;  // it is here twice
    waiting_bytes_ -= std::exchange(slot->second->waiting_bytes_, 0);
    slot->second->has_slot_ = true;
    ++slots_taken_;
    scope_.spawn(run(slot->second));
  }
  pumping_ = false;
}

Task<void> EffectRunner::run(Pointer effect) {
  auto is_there = co_await load_surely(*effect);
  if (!is_there && stopping()) {
    // After the next start.
  } else if (!is_there) {
    co_await give_up(*effect, is_there.error());
  } else if (*is_there) {
    if (!effect->is_cancelled_) co_await perform(*effect);
    // What was cancelled is ended; when the server stops, after the next start.
    if (effect->is_cancelled_ && !stopping()) co_await end_work(*effect);
  }
  known_.erase(effect->key_);
  give_slot(*effect);
}

void EffectRunner::give_slot(Performing& effect) {
  if (!std::exchange(effect.has_slot_, false)) return;
  --slots_taken_;
  pump();
}

Task<Result<bool>> EffectRunner::load_surely(Performing& effect) {
  for (uint32_t failures = 1;; ++failures) {
    auto is_there = co_await load(effect);
    if (is_there || stopping() || !may_be_tried_again(is_there.error())) co_return is_there;
    co_await pause(failures);
  }
}

Task<void> EffectRunner::pause(uint32_t failures) {
  const TimePoint due = parts_.kernel.clock.now() + kBackoff.after(failures, parts_.kernel.random);
  while (!stopping() && parts_.kernel.clock.now() < due) {
    co_await stop_signal_.wait_until(parts_.kernel.clock, due);
  }
}

Task<Result<bool>> EffectRunner::load(Performing& effect) {
  if (!std::holds_alternative<std::monostate>(effect.call_)) co_return true;
  auto& store = parts_.kernel.store;
  CO_TRY(auto entry, co_await store.get(effect_key(effect.key_)));
  if (!entry) {
    if (effect.has_cancel_record_) {
      store::Batch done;
      done.erase(cancel_key(effect.key_));
      co_await commit_surely(std::move(done));
    }
    co_return false;
  }
  CO_TRY(store::Key queued, decode_queued_effect(entry->value));
  if (!queued.empty()) {  // of an activity: cancelled, or it waits for a worker
    if (effect.has_cancel_record_) {
      store::Batch done;
      done.erase(queued);
      done.erase(effect_key(effect.key_));
      done.erase(cancel_key(effect.key_));
      co_await commit_surely(std::move(done));
    }
    co_return false;
  }
  CO_TRY(workflow::Effect decoded, decode_effect(entry->value));
  CO_TRY(auto execution, co_await store.get(execution_key(effect.key_.execution)));
  if (!execution) co_return false;
  CO_TRY(ExecutionRow row, decode_execution(execution->value));
  CO_TRY(MachinePtr machine, co_await shard_.machines().load(row.machine));
  CO_TRY(auto notes, co_await store.get(notes_key(effect.key_)));
  Owner owner{.execution = effect.key_.execution, .row = &row, .machine = machine};
  effect.call_ = call_of(owner, std::move(decoded));
  if (notes) {
    if (auto* task = std::get_if<TaskCall>(&effect.call_)) task->saved = std::move(notes->value);
  }
  co_return true;
}

Task<void> EffectRunner::perform(Performing& effect) {
  if (auto* task = std::get_if<TaskCall>(&effect.call_)) {
    co_await parts_.performer.perform(*task, effect);
  } else if (parts_.map_runs != nullptr) {
    effect.follows();
    co_await parts_.map_runs->perform(std::get<MapRunCall>(effect.call_), effect);
  } else {
    static_cast<void>(co_await effect.report(workflow::EffectFailed{
        effect.key_.effect, "States.Runtime", "Distributed Map states are not available here",
        workflow::FailureStage::kRun}));
  }
}

// What can never be performed: its execution would wait for ever.
Task<void> EffectRunner::give_up(Performing& effect, const Error& why) {
  log::error("states: an effect cannot be read: {}", why.message);
  if (why.retry != Retry::kNever) co_return;
  for (uint32_t failures = 1; !effect.is_cancelled_; ++failures) {
    Posted posted{.effect = effect.key_.effect};
    posted.occurrence = workflow::GivenUp{
        .error = "States.Runtime",
        .cause = fmt::format("What the execution waits for cannot be read: {}", why.message)};
    auto done = co_await shard_.post(effect.key_.execution, std::move(posted));
    if (done || done.error().code == "ExecutionDoesNotExist") break;
    if (stopping() || !may_be_tried_again(done.error())) co_return;
    co_await pause(failures);
  }
  co_await forget(effect.key_);
}

// Stops what goes on elsewhere, and forgets the effect.
Task<void> EffectRunner::end_work(Performing& effect) {
  if (!effect.must_be_ended()) {
    if (!effect.has_cancel_record_) co_return;  // it was erased with the commit that cancelled it
  } else if (auto* task = std::get_if<TaskCall>(&effect.call_)) {
    if (!co_await end_surely(effect, [&]() -> Task<Result<void>> {
          CO_TRY(auto notes, co_await parts_.kernel.store.get(notes_key(effect.key_)));
          if (notes) task->saved = std::move(notes->value);
          co_return co_await parts_.performer.cancel(*task);
        })) {
      co_return;
    }
  } else if (parts_.map_runs != nullptr) {
    if (!co_await end_surely(
            effect, [&] { return parts_.map_runs->cancel(std::get<MapRunCall>(effect.call_)); })) {
      co_return;
    }
  }
  co_await forget(effect.key_);
}

Task<void> EffectRunner::forget(EffectKey key) {
  store::Batch done;
  done.erase(effect_key(key));
  done.erase(notes_key(key));
  done.erase(cancel_key(key));
  co_await commit_surely(std::move(done));
}

Task<bool> EffectRunner::end_surely(Performing& effect,
                                    std::function<Task<Result<void>>()> attempt) {
  for (uint32_t failures = 1;; ++failures) {
    auto done = co_await attempt();
    if (done) co_return true;
    if (done.error().retry == Retry::kNever) {
      log::warning("states: work of {} cannot be stopped: {}", effect.execution_arn(),
                   done.error().message);
      co_return true;
    }
    if (stopping() || !may_be_tried_again(done.error())) co_return false;
    give_slot(effect);
    co_await pause(failures);
    if (stopping()) co_return false;
  }
}

Task<void> EffectRunner::commit_surely(store::Batch batch) {
  for (uint32_t failures = 1;; ++failures) {
    auto done = co_await parts_.kernel.store.commit(batch.clone());
    if (done || stopping() || !may_be_tried_again(done.error())) co_return;
    co_await pause(failures);
  }
}

void EffectRunner::cancel(store::Batch& batch, EffectKey key) {
  auto known = known_.find(key);
  bool is_plain = known != known_.end() &&
                  !std::holds_alternative<std::monostate>(known->second->call_) &&
                  !known->second->must_be_ended();
  if (is_plain) {
    batch.erase(effect_key(key));
    batch.erase(notes_key(key));
  } else {
    if (known != known_.end()) known->second->has_cancel_record_ = true;
    batch.put(cancel_key(key), Bytes(1, 1));
  }
}

void EffectRunner::cancelled(EffectKey key) {
  auto known = known_.find(key);
  if (known == known_.end()) return found_cancelled(key);
  // It may have become known after cancel(), which then left a record.
  if (known->second->is_found_) known->second->has_cancel_record_ = true;
  known->second->is_cancelled_ = true;
  known->second->wake();
}

void EffectRunner::settled(EffectKey key) {
  auto known = known_.find(key);
  if (known == known_.end()) return;
  known->second->is_settled_ = true;
  known->second->wake();
}

void EffectRunner::begin_stop() {
  stopping_ = true;
  stop_signal_.notify_all();
  for (auto& [key, effect] : known_) effect->wake();
}

Task<void> EffectRunner::stop() {
  begin_stop();
  co_await scope_.close();
  known_.clear();
  waiting_.clear();
}

// --- what a Performer sees

void Performing::wake() {
  wake_.notify_all();
  cancellation_->cancel();
}

std::string Performing::execution_arn() const {
  if (const auto* task = std::get_if<TaskCall>(&call_)) return task->execution_arn;
  const auto* map_run = std::get_if<MapRunCall>(&call_);
  return map_run != nullptr ? map_run->execution_arn : "";
}

bool Performing::must_be_ended() const {
  if (std::holds_alternative<MapRunCall>(call_)) return true;
  const auto* task = std::get_if<TaskCall>(&call_);
  if (task == nullptr) return false;
  auto pattern = task->effect.resource.pattern;
  return pattern == workflow::Pattern::kSync || pattern == workflow::Pattern::kSync2;
}

// After a result, or where only a callback is still to come, there is nothing more to perform.
bool Performing::ends_with(const workflow::Occurrence& occurrence) const {
  if (std::holds_alternative<workflow::EffectSucceeded>(occurrence) ||
      std::holds_alternative<workflow::EffectFailed>(occurrence)) {
    return true;
  }
  const auto* task = std::get_if<TaskCall>(&call_);
  return task != nullptr && std::holds_alternative<workflow::EffectSubmitted>(occurrence) &&
         task->effect.resource.pattern == workflow::Pattern::kWaitForTaskToken;
}

Task<Result<void>> Performing::report(workflow::Occurrence occurrence) {
  return report_with(std::move(occurrence), std::nullopt);
}

Task<Result<void>> Performing::save(Bytes notes) {
  for (uint32_t failures = 1; !cancelled(); ++failures) {
    store::Batch batch;
    batch.put(notes_key(key_), notes);
    auto done = co_await runner_.parts_.kernel.store.commit(std::move(batch));
    if (done) {
      has_notes_ = true;
      co_return ok();
    }
    if (!may_be_tried_again(done.error())) co_return fail(std::move(done).error());
    co_await wait(kBackoff.after(failures, runner_.parts_.kernel.random));
  }
  co_return fail(codes::kClosed, "nobody waits for this task any more");
}

Task<Result<void>> Performing::report_and_save(workflow::Occurrence occurrence, Bytes notes) {
  return report_with(std::move(occurrence), std::move(notes));
}

Task<Result<void>> Performing::report_with(workflow::Occurrence occurrence,
                                           std::optional<Bytes> notes) {
  for (uint32_t failures = 1; !is_cancelled_; ++failures) {
    Posted posted{.occurrence = occurrence, .effect = key_.effect};
    if (ends_with(occurrence)) {
      posted.also.erase(effect_key(key_));
      const auto* task = std::get_if<TaskCall>(&call_);
      if (has_notes_ || (task != nullptr && !task->saved.empty())) {
        posted.also.erase(notes_key(key_));
      }
    } else if (notes) {
      // Nobody would erase those of an effect that is over.
      posted.also_if_awaited = true;
      posted.also.put(notes_key(key_), *notes);
    }
    auto done = co_await runner_.shard_.post(key_.execution, std::move(posted));
    if (done) {
      if (notes) has_notes_ = true;
      if (!done->awaited) break;
      co_return ok();
    }
    if (!may_be_tried_again(done.error()) || runner_.stopping()) {
      co_return fail(std::move(done).error());
    }
    co_await wait(kBackoff.after(failures, runner_.parts_.kernel.random));
  }
  co_return fail(codes::kClosed, "nobody waits for this task any more");
}

void Performing::follows() {
  runner_.give_slot(*this);
}

Task<void> Performing::wait(Millis duration) {
  const TimePoint due = runner_.parts_.kernel.clock.now() + duration;
  while (!cancelled() && runner_.parts_.kernel.clock.now() < due) {
    co_await wake_.wait_until(runner_.parts_.kernel.clock, due);
  }
}

}  // namespace suiro::states
