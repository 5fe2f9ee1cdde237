// SPDX-License-Identifier: Apache-2.0
// Steps of an execution, and what one commit is made of.
#include <algorithm>

#include "base/check.h"
#include "services/states/executions_shard.h"
#include "services/states/history_record.h"

namespace suiro::states {

using workflow::ExecutionStatus;

namespace {

// Until others of the shard have their turn.
constexpr size_t kEventsAtOnce = 200;

}  // namespace

// Puts payloads into the batch, those once that are not on disk yet.
class ExecutionShard::Sink final : public workflow::PayloadSink {
 public:
  Sink(const Live& live, Work& work) : live_(live), work_(work) {}
  void put(const workflow::PayloadHash& hash, const workflow::Payload& text) override {
    if (live_.stored.contains(hash) || !work_.payloads.insert(hash).second) return;
    work_.batch.put(payload_key(live_.id, hash), *text);
  }

 private:
  const Live& live_;
  Work& work_;
};

// --- stepping

bool ExecutionShard::has_room(const Work& work) const {
  return work.items.size() < kCommitItemsMax && work.events.size() < kCommitEventsMax &&
         work.bytes < kCommitBytesMax;
}

// What happens comes before the next part of a chain, so that a chain can be stopped. Others of the
// shard have their turn in between.
Task<void> ExecutionShard::step_items(Live& live, Work& work) {
  size_t events = 0;
  uint64_t computed = 0;
  while (has_room(work) && (live.more || !live.inbox.empty())) {
    if (live.inbox.empty()) {
      step(live, work, workflow::Continue{});
    } else {
      work.items.push_back(std::move(live.inbox.front()));
      live.inbox.pop_front();
      step_item(live, work, work.items.back());
    }
    if (!live.more && work.events.size() - events < kEventsAtOnce &&
        work.computed - computed < parts_.config.limits.step_work_max) {
      continue;
    }
    events = work.events.size();
    computed = work.computed;
    co_await asio::post(executor_, use_task);
  }
}

void ExecutionShard::step_item(Live& live, Work& work, Item& item) {
  Posted& posted = item.posted;
  if (!posted.also_if_awaited) work.batch.merge(std::move(posted.also));
  if (posted.check) {
    if (auto allowed = posted.check(*live.row); !allowed) {
      item.refused = std::move(allowed).error();
      return;
    }
  }
  if (!posted.occurrence) return;
  bool is_redrive = std::holds_alternative<workflow::Redriven>(*posted.occurrence);
  bool is_over = !live.execution || live.execution->status() != ExecutionStatus::kRunning;
  item.stepped.awaited =
      is_redrive || (!is_over && (!posted.effect || live.execution->awaits(*posted.effect)));
  if (!item.stepped.awaited) return;
  if (posted.also_if_awaited) work.batch.merge(std::move(posted.also));
  if (is_redrive) {
    // Its end was written without its cells: end_unread().
    if (!is_over) {
      step(live, work,
           workflow::GivenUp{live.row->error.value_or(""), live.row->cause.value_or("")});
    }
    redrive(live, work, posted.redrive_token);
  }
  step(live, work, *posted.occurrence);
}

void ExecutionShard::step(Live& live, Work& work, const workflow::Occurrence& occurrence) {
  workflow::Moment moment;
  moment.now = kernel_.clock.now();
  moment.random = &kernel_.random;
  moment.token = [&](uint64_t effect) { return parts_.tokens->make({live.id, effect}); };
  moment.activity_exists = [&work](std::string_view arn) {
    return !work.activities_gone.contains(std::string(arn));
  };
  work.stepped = true;
  workflow::Outcome outcome = live.execution->step(occurrence, moment);
  live.more = outcome.more;
  work.computed += outcome.work;
  collect(live, work, std::move(outcome));
}

void ExecutionShard::collect(Live& live, Work& work, workflow::Outcome outcome) {
  work.bytes += outcome.bytes;
  for (auto& event : outcome.history) work.events.push_back(std::move(event));
  for (auto& effect : outcome.effects) work.effects.push_back(std::move(effect));
  for (uint64_t id : outcome.cancelled_effects) {
    // What was asked for in this very commit is nobody's yet.
    size_t erased = std::erase_if(work.effects, [id](const workflow::Effect& effect) {
      return workflow::effect_id(effect) == id;
    });
    if (erased == 0) work.cancelled.push_back(id);
  }
  for (const auto& timer : outcome.timers_set) work.timers.push_back(timer);
  for (const auto& timer : outcome.timers_cancelled) {
    size_t erased = std::erase_if(
        work.timers, [&timer](const workflow::TimerRequest& set) { return set.id == timer.id; });
    if (erased == 0) kernel_.timers.cancel(work.batch, timer_of(live, timer));
  }
  if (outcome.ended) work.ended = std::move(outcome.ended);
}

void ExecutionShard::redrive(Live& live, Work& work, const std::string& token) {
  ExecutionRow& row = *live.row;
  if (row.stop) work.batch.erase(ended_key(*row.stop, live.id));
  row.status = ExecutionStatus::kRunning;
  row.stop.reset();
  row.output.reset();
  row.error.reset();
  row.cause.reset();
  ++row.redrive_count;
  row.redrive_time = kernel_.clock.now();
  row.redrive_token = token;
  work.redriven = true;
  work.ended.reset();
}

event::Timer ExecutionShard::timer_of(const Live& live,
                                      const workflow::TimerRequest& request) const {
  event::Timer timer;
  timer.kind = kTimerKind;
  timer.owner = live.id.view();
  append_be64(timer.id, request.id);
  timer.due = request.due;
  return timer;
}

// --- the batch

void ExecutionShard::write_work(Live& live, Work& work) {
  if (!work.stepped) return;
  Sink sink(live, work);
  for (auto& change : live.execution->take_changes(sink)) {
    store::Key key = cell_key(live.id, change.key);
    if (change.value) {
      work.batch.put(std::move(key), *std::move(change.value));
    } else {
      work.batch.erase(std::move(key));
    }
  }
  if (!work.events.empty()) {
    work.batch.put(history_key(live.id, work.events.front().id), encode_history(work.events, sink));
  }
  for (const auto& timer : work.timers) kernel_.timers.set(work.batch, timer_of(live, timer));
  write_effects(live, work);
  if (live.more) {
    work.batch.put(effect_key({live.id, 0}), encode_continuation());
  } else if (live.has_marker) {
    work.batch.erase(effect_key({live.id, 0}));
  }
  live.has_marker = live.more;
  if (live.is_fresh) {
    if (live.row->input.hash) sink.put(*live.row->input.hash, live.input);
    write_start(live, work);
  }
  if (work.ended) write_end(live, work, sink);
  if (live.is_fresh || work.ended || work.redriven) write_record(live, work);
}

void ExecutionShard::write_record(Live& live, Work& work) {
  work.batch.put(execution_key(live.id), encode_execution(*live.row));
  write_lists(work.batch, live);
  write_span(work.batch, live);
  write_status_event(work.batch, live, work.output);
}

// Its cells stay as they are; a redrive tells them of the end.
Task<Result<bool>> ExecutionShard::end_unread(Live& live, Work& work, Error why) {
  auto given_up = std::ranges::find_if(live.inbox, [](const Item& item) {
    return item.posted.occurrence &&
           std::holds_alternative<workflow::GivenUp>(*item.posted.occurrence);
  });
  const bool is_running = live.row && live.row->status == ExecutionStatus::kRunning;
  if (!is_running || why.retry != Retry::kNever || given_up == live.inbox.end()) co_return false;
  const auto why_ended = std::get<workflow::GivenUp>(*given_up->posted.occurrence);
  CO_TRY(live.machine, co_await machines_.load_record(live.row->machine));
  if (auto input = co_await load_payload(live.id, live.row->input)) live.input = *input;
  CO_TRY(auto page,
         co_await kernel_.store.scan({.range = store::KeyRange::prefix(history_prefix(live.id)),
                                      .rows_max = 1,
                                      .direction = store::Direction::kBackward}));
  workflow::HistoryEvent& event = work.events.emplace_back();
  if (!page.entries.empty()) {
    const store::Entry& block = page.entries[0];
    CO_TRY(auto told, decode_history(first_event_of_key(block.key), block.value));
    if (!told.empty()) event.previous_id = told.back().event.id;
  }
  event.id = event.previous_id + 1;
  event.time = kernel_.clock.now();
  event.type = workflow::EventType::kExecutionFailed;
  event.error = why_ended.error;
  event.cause = why_ended.cause;
  for (Item& item : std::exchange(live.inbox, {})) {
    if (!item.posted.also_if_awaited) work.batch.merge(std::move(item.posted.also));
    if (item.posted.check) {
      auto allowed = item.posted.check(*live.row);
      if (!allowed) item.refused = std::move(allowed).error();
    }
    item.stepped.awaited = false;
    work.items.push_back(std::move(item));
  }
  Sink sink(live, work);
  work.batch.put(history_key(live.id, event.id), encode_history(work.events, sink));
  work.batch.erase(effect_key({live.id, 0}));
  work.ended = workflow::Ending{
      .status = ExecutionStatus::kFailed, .error = event.error, .cause = event.cause};
  write_end(live, work, sink);
  write_record(live, work);
  co_return true;
}

void ExecutionShard::write_start(Live& live, Work& work) {
  if (!live.machine_stored) {
    work.batch.put(machine_key(live.machine->key), encode_machine(live.machine->row));
  }
}

void ExecutionShard::write_effects(Live& live, Work& work) {
  for (const auto& effect : work.effects) {
    EffectKey key{live.id, workflow::effect_id(effect)};
    const auto* task = std::get_if<workflow::TaskEffect>(&effect);
    if (task == nullptr || task->resource.kind != workflow::Resource::Kind::kActivity) {
      work.batch.put(effect_key(key), encode_effect(effect));
      continue;
    }
    ArnHash activity = arn_hash(task->resource.arn);
    store::Key row = activity_key(activity, kernel_.clock.now(), key);
    work.batch.put(effect_key(key), encode_queued_effect(row));
    work.batch.put(std::move(row), encode_activity_work({live.row->arn, task->arguments}));
    work.activities.push_back(activity);
  }
  for (uint64_t id : work.cancelled) effects_.cancel(work.batch, {live.id, id});
}

void ExecutionShard::write_end(Live& live, Work& work, Sink& sink) {
  ExecutionRow& row = *live.row;
  workflow::Ending& end = *work.ended;
  row.status = end.status;
  row.stop = kernel_.clock.now();
  row.events = work.events.back().id;
  row.error = end.error;
  row.cause = end.cause;
  if (end.output) {
    row.output = payload_ref(**end.output);
    if (row.output->hash) sink.put(*row.output->hash, *end.output);
    work.output = **end.output;
  }
  work.batch.put(ended_key(*row.stop, live.id), Bytes(1, 1));
  if (!row.map_run_arn.empty() && parts_.map_runs != nullptr) {
    parts_.map_runs->child_ends(child_end(live, work.output), work.batch);
  }
}

void ExecutionShard::write_lists(store::Batch& batch, const Live& live) const {
  const ExecutionRow& row = *live.row;
  const MachineRow& machine = live.machine->row;
  Bytes entry = encode_list({row.status, row.redrive_count > 0});
  const std::string& own =
      machine.list_arn.empty() ? machine.machine.machine_arn : machine.list_arn;
  ArnHash owner = arn_hash(own);
  for (const std::string* arn : {row.map_run_arn.empty() ? &own : &row.map_run_arn,
                                 &machine.machine.version_arn, &machine.machine.alias_arn}) {
    if (!arn->empty()) batch.put(list_key(arn_hash(*arn), row.start, live.id), entry);
  }
  if (row.status == ExecutionStatus::kRunning) {
    batch.put(running_key(owner, live.id), Bytes(1, 1));
  } else {
    batch.erase(running_key(owner, live.id));
  }
}

ChildEnd ExecutionShard::child_end(const Live& live, const std::string& output) const {
  const ExecutionRow& row = *live.row;
  ChildEnd end;
  end.map_run_arn = row.map_run_arn;
  end.arn = row.arn;
  end.name = row.name;
  end.status = row.status;
  end.input = live.input ? *live.input : row.input.text;
  if (row.output) end.output = output;
  end.error = row.error;
  end.cause = row.cause;
  end.start = row.start;
  end.stop = row.stop.value_or(kernel_.clock.now());
  end.redrive_count = row.redrive_count;
  return end;
}

}  // namespace suiro::states
