// SPDX-License-Identifier: Apache-2.0
// Invoking with a batch or for a window's end, and what the function's answer means.
#include <algorithm>

#include "services/lambda/errors.h"
#include "services/lambda/stream_lane.h"

namespace suiro::lambda {
namespace {

// A batch that failed is retried with the records that it had, and with no later ones.
void keep_end(LaneProgress& progress, uint64_t end) {
  if (progress.ends.empty() || progress.ends.back() != end) progress.ends.push_back(end);
}

}  // namespace

Task<Result<Run>> StreamLane::make_run() {
  FunctionState* function = context_.find(settings_.function_name);
  if (function == nullptr) co_return fail(kResourceNotFound, "The function does not exist.");
  CO_TRY(Resolved target, invoker_.resolve(*function, settings_.qualifier));
  if (function->record.reserved_concurrency == 0U) {
    co_return fail(kTooManyRequests, "The function's reserved concurrency is zero.");
  }
  role_ = target.settings->role;
  co_return Run{
      function, target.settings, target.invoked_arn, context_.kernel.random.uuid(), {}, "", {}};
}

Task<Result<StreamLane::Step>> StreamLane::invoke(Batch batch) {
  CO_TRY(Run run, co_await make_run());
  StreamOrigin from = origin();
  std::vector<Bytes> documents;
  documents.reserve(batch.records.size());
  for (const event::StreamRecord& record : batch.records) {
    bool passes =
        mapping_->pattern.everything() || mapping_->pattern.matches(filter_document(record));
    if (passes) documents.push_back(stream_document(from, record));
  }
  if (documents.empty()) {
    LaneProgress progress = progress_;
    progress.position = batch.next;
    progress.attempts = 0;
    CO_TRY_VOID(co_await checkpoint(std::move(progress), {}));
    co_return Step::kDone;
  }
  run.payload = stream_payload(from, documents, frame(WindowFrame::Kind::kBatch));
  // What keeps the function from running at all is no failure of the batch: it waits.
  CO_TRY(sandbox::Outcome outcome, co_await invoker_.run(run));
  co_return co_await judge(std::move(batch), run, std::move(outcome));
}

Task<Result<StreamLane::Step>> StreamLane::judge(Batch batch, const Run& run,
                                                 sandbox::Outcome outcome) {
  std::optional<StreamReply> reply;
  if (outcome.end == sandbox::Outcome::End::kReturned) {
    reply = stream_reply(outcome.payload,
                         settings_.report_failures ? Failures::kReport : Failures::kIgnore);
  }
  // "If the response does not contain a state property, Lambda considers this a failed invocation."
  bool lacks_state = settings_.tumbling_window_s > 0 && reply && !reply->state;
  if (!reply || lacks_state) co_return co_await failed(std::move(batch), run);
  LaneProgress progress = progress_;
  if (reply->state) progress.window_state = *reply->state;
  if (reply->failed_from.empty()) {
    progress.position = batch.next;
    progress.attempts = 0;
    CO_TRY_VOID(co_await checkpoint(std::move(progress), {}));
    mapping_->last_result = "OK";
    if (progress_.window_open && progress_.window_state.size() > kWindowStateBytesMax) {
      co_return co_await close_window(WindowFrame::Kind::kTerminatedEarly);
    }
    co_return Step::kDone;
  }
  auto first =
      std::ranges::find(batch.records, reply->failed_from, &event::StreamRecord::sequence_number);
  if (first == batch.records.end() || first == batch.records.begin()) {
    co_return co_await failed(std::move(batch), run);
  }
  // What stands before it is done; the rest is retried as it is.
  progress.position = first->position.offset;
  keep_end(progress, batch.next);
  batch.records.erase(batch.records.begin(), first);
  co_return co_await retry(std::move(batch), run, std::move(progress));
}

Task<Result<StreamLane::Step>> StreamLane::failed(Batch batch, const Run& run) {
  mapping_->last_result = "PROBLEM: Function call failed";
  LaneProgress progress = progress_;
  keep_end(progress, batch.next);
  if (settings_.bisect && batch.records.size() > 1) {
    // "Splitting a batch does not count towards the retry quota."
    progress.ends.push_back(batch.records[batch.records.size() / 2].position.offset);
    progress.attempts = 0;
    CO_TRY_VOID(co_await checkpoint(std::move(progress), {}));
    co_return Step::kDone;
  }
  co_return co_await retry(std::move(batch), run, std::move(progress));
}

Task<Result<StreamLane::Step>> StreamLane::retry(Batch batch, const Run& run,
                                                 LaneProgress progress) {
  ++progress.attempts;
  if (!settings_.retries_max || progress.attempts <= *settings_.retries_max) {
    CO_TRY_VOID(co_await checkpoint(std::move(progress), {}));
    co_return Step::kFailed;
  }
  GivenUp what;
  what.request_id = run.request_id;
  what.condition = "RetryAttemptsExhausted";
  what.invocations = progress.attempts;
  what.executed_version = run.settings->version;
  what.answered = true;
  what.records = &batch.records;
  what.size = batch.records.size();
  progress.position = batch.next;
  progress.attempts = 0;
  store::Batch changes;
  emit_given_up(changes, std::move(what));
  CO_TRY_VOID(co_await checkpoint(std::move(progress), std::move(changes)));
  co_return Step::kDone;
}

// The window's last invocation, with what the function made of its records.
Task<Result<StreamLane::Step>> StreamLane::close_window(WindowFrame::Kind kind) {
  CO_TRY(Run run, co_await make_run());
  run.payload = stream_payload(origin(), {}, frame(kind));
  CO_TRY(sandbox::Outcome outcome, co_await invoker_.run(run));
  store::Batch changes;
  LaneProgress progress = progress_;
  if (outcome.end != sandbox::Outcome::End::kReturned) {
    mapping_->last_result = "PROBLEM: Function call failed";
    ++progress.attempts;
    if (!settings_.retries_max || progress.attempts <= *settings_.retries_max) {
      CO_TRY_VOID(co_await checkpoint(std::move(progress), {}));
      co_return Step::kFailed;
    }
    Records none;
    GivenUp what;
    what.request_id = run.request_id;
    what.condition = "RetryAttemptsExhausted";
    what.invocations = progress.attempts;
    what.executed_version = run.settings->version;
    what.answered = true;
    what.records = &none;
    what.size = 0;
    emit_given_up(changes, std::move(what));
  }
  progress.window_open = false;
  progress.window_state.clear();
  progress.attempts = 0;
  CO_TRY_VOID(co_await checkpoint(std::move(progress), std::move(changes)));
  co_return Step::kDone;
}

}  // namespace suiro::lambda
