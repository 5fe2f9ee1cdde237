// SPDX-License-Identifier: Apache-2.0
// The commit of a step, what follows from it, and what others are told in it.
#include "base/log.h"
#include "services/states/executions_shard.h"
#include "services/states/history_log.h"
#include "services/states/status_event.h"

namespace suiro::states {

using workflow::ExecutionStatus;

void ExecutionShard::write_span(store::Batch& batch, const Live& live) const {
  kernel_.journal.record(batch, execution_span(*live.row, kernel_.clock.now()));
}

void ExecutionShard::write_status_event(store::Batch& batch, const Live& live,
                                        const std::string& output) const {
  std::string bus =
      fmt::format("arn:aws:events:{}:{}:event-bus/default", kernel_.region, kernel_.account);
  if (!kernel_.targets.target(bus)) return;  // no buses are wired
  if (parts_.listeners != nullptr && !parts_.listeners->listens(kStatusEventSource)) return;
  const ExecutionRow& row = *live.row;
  auto emit = [&](const ExecutionRow& told) {
    ExecutionTexts texts{.input = live.input.get(), .output = told.output ? &output : nullptr};
    event::emit(batch,
                {.source_arn = told.arn,
                 .kind = "Step Functions Execution Status Change",
                 .target_arn = bus,
                 .payload = status_event(kernel_, parts_.config, told, live.machine->row, texts),
                 .cause = {told.trace_id, told.span_id},
                 .at = kernel_.clock.now()},
                kernel_.random);
  };
  if (live.is_fresh && row.status != ExecutionStatus::kRunning) {
    ExecutionRow began = row;
    began.status = ExecutionStatus::kRunning;
    began.stop.reset();
    began.output.reset();
    began.error.reset();
    began.cause.reset();
    emit(began);
  }
  emit(row);
}

Task<Result<void>> ExecutionShard::commit(Live& live, Work& work) {
  // An execution that is over and was not loaded has nothing to log.
  if (live.machine && kernel_.logs != nullptr && !live.row->log_stream.empty()) {
    const LogSettings& settings = live.machine->logs;
    std::vector<event::LogLine> lines;
    for (const auto& event : work.events) {
      if (!is_logged(settings.level, event.type)) continue;
      lines.push_back(
          {event.time, log_line(event, live.row->arn, live.row->redrive_count, settings)});
    }
    if (!lines.empty()) {
      co_return co_await kernel_.logs->write(settings.group, live.row->log_stream, std::move(lines),
                                             std::move(work.batch));
    }
  }
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(work.batch)));
  co_return ok();
}

void ExecutionShard::after_commit(Live& live, Work& work) {
  if (live.is_fresh) {
    live.is_fresh = false;
    machines_.stored(live.machine->key);
    ++parts_.open_executions;
  } else if (work.redriven) {
    ++parts_.open_executions;
  }
  if (live.stored.size() + work.payloads.size() > kStoredHashesMax) live.stored.clear();
  live.stored.merge(work.payloads);
  EffectRunner::Owner owner{.execution = live.id, .row = &*live.row, .machine = live.machine};
  for (auto& effect : work.effects) {
    const auto* task = std::get_if<workflow::TaskEffect>(&effect);
    bool is_queued = task != nullptr && task->resource.kind == workflow::Resource::Kind::kActivity;
    if (!is_queued) effects_.release(owner, std::move(effect));
  }
  for (uint64_t id : work.cancelled) effects_.cancelled({live.id, id});
  for (const ArnHash& activity : work.activities) {
    activities_[kernel_.shards.owner_index(activity.view())]->added(activity);
  }
  for (Item& item : work.items) {
    item.stepped.status = live.row->status;
    item.stepped.stop = live.row->stop;
    item.stepped.redriven = live.row->redrive_time;
    if (item.answer == nullptr) continue;
    if (item.refused) {
      item.answer->give(fail(*std::move(item.refused)));
    } else {
      item.answer->give(std::move(item.stepped));
    }
  }
  if (work.ended) after_end(live, work);
}

void ExecutionShard::after_end(Live& live, const Work& work) {
  --parts_.open_executions;
  if (!live.row->map_run_arn.empty() && parts_.map_runs != nullptr) {
    parts_.map_runs->child_ended(child_end(live, work.output));
  }
  if (auto ends = ends_.find(live.id); ends != ends_.end()) {
    ++ends->second->count;
    ends->second->signal.notify_all();
  }
  // Nothing more happens to it, but for a redrive, which loads it again.
  live.execution.reset();
}

// What is in memory is not what is on disk any more.
void ExecutionShard::after_failure(Live& live, Work& work, const Error& error) {
  bool had_chain = live.has_marker || live.more;
  bool was_fresh = live.is_fresh;
  live.execution.reset();
  live.row.reset();
  live.stored.clear();
  live.more = live.has_marker = live.is_fresh = false;
  for (Item& item : work.items) {
    if (item.answer != nullptr) item.answer->give(fail(error));
  }
  if (error.code != codes::kThrottled && error.code != codes::kUnavailable) {
    log::error("states: a step of an execution cannot be committed: {}", error.message);
  }
  if (error.code == codes::kTooLarge && !was_fresh) {
    // The same step would be the same size again.
    workflow::GivenUp given_up{.error = "States.DataLimitExceeded",
                               .cause = "The data of one step exceeds what can be stored at once."};
    scope_.spawn(post_after(live.id, Millis(0), std::move(given_up)));
    return;
  }
  // Where the chain's record is not on disk, Continue finds nothing to go on with.
  if (had_chain && !was_fresh && error.code != codes::kUnavailable) {
    continue_later(live.id, kCommitRetryFirst);
  }
}

}  // namespace suiro::states
