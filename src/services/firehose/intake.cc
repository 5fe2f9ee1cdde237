// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/intake.h"

#include "base/check.h"
#include "services/firehose/errors.h"

namespace suiro::firehose {
namespace {

uint64_t bytes_of(const std::vector<Bytes>& records) {
  uint64_t bytes = 0;
  for (const Bytes& record : records) bytes += record.size();
  return bytes;
}

}  // namespace

uint64_t Intake::Write::add(store::Batch& batch, LaneKind kind, const BlockBuilder& block,
                            TimePoint arrived, const TraceContext& cause) {
  uint64_t number = state_->lane(kind).begin();
  StreamId id = state_->record.id;
  batch.put(keys::block(id, kind, number), block.finish(arrived, now_, cause));
  batch.put(keys::facts(id, kind, number), encode(BlockFacts{block.record_bytes(), arrived, now_}));
  blocks_.push_back({kind, {number, block.record_bytes(), arrived, now_}});
  return number;
}

void Intake::Write::add(store::Batch& batch, LaneKind kind, const std::vector<Bytes>& records,
                        TimePoint arrived, const TraceContext& cause) {
  BlockBuilder block;
  for (const Bytes& record : records) {
    if (!block.empty() && block.record_bytes() + record.size() > kBlockBytesMax) {
      add(batch, kind, std::exchange(block, {}), arrived, cause);
    }
    block.add(record);
  }
  if (!block.empty()) add(batch, kind, block, arrived, cause);
}

void Intake::Write::hold() {
  for (const auto& [kind, held] : blocks_) state_->lane(kind).commit(held);
  blocks_.clear();
}

void Intake::Write::abort() {
  for (const auto& [kind, held] : blocks_) state_->lane(kind).abort(held.number);
  blocks_.clear();
}

Result<void> Intake::check_room(const StreamState& state, uint64_t bytes) const {
  if (state.waiting_bytes + bytes > kWaitingBytesMax ||
      state.backlog_bytes() + bytes > kBacklogBytesMax) {
    return std::unexpected(Error{"ServiceUnavailableException",
                                 "Slow down: the delivery stream holds more than it can deliver.",
                                 Retry::kLater});
  }
  return ok();
}

Task<Result<std::vector<RecordPlace>>> Intake::put(StatePtr state, std::vector<Bytes> records,
                                                   TraceContext cause) {
  uint64_t bytes = bytes_of(records);
  CO_TRY_VOID(check_room(*state, bytes));
  std::shared_ptr<Group> group = state->open;
  bool joins = group && group->builder.record_bytes() + bytes <= kBlockBytesMax;
  if (!joins) {
    group = std::make_shared<Group>(context_.shard().scope.executor());
    group->cause = std::move(cause);
    state->open = group;
  }
  auto base = static_cast<uint32_t>(group->builder.count());
  for (const Bytes& record : records) group->builder.add(record);
  state->waiting_bytes += bytes;
  if (!joins) {
    co_await lead(state, group);
  } else {
    while (!group->outcome) co_await group->done.wait();
  }
  state->waiting_bytes -= bytes;
  if (!*group->outcome) co_return fail(group->outcome->error());
  std::vector<RecordPlace> places;
  places.reserve(records.size());
  for (uint32_t i = 0; i < records.size(); ++i) places.push_back({group->number, base + i});
  co_return places;
}

Task<void> Intake::lead(StatePtr state, std::shared_ptr<Group> group) {
  Running running(state);
  while (state->committing >= kCommitsAtOnce) co_await state->turn.wait();
  if (state->open == group) state->open = nullptr;
  ++state->committing;
  group->outcome = co_await commit(state, *group);
  --state->committing;
  state->turn.notify_one();
  group->done.notify_all();
}

Task<Result<void>> Intake::commit(StatePtr state, Group& group) {
  TimePoint now = context_.kernel.clock.now();
  store::Batch batch;
  Write write(state, now);
  group.number = write.add(batch, state->destination->entry(), group.builder, now, group.cause);
  if (state->destination->backup) {
    write.add(batch, LaneKind::kBackup, group.builder, now, group.cause);
  }
  auto done = co_await context_.kernel.store.commit(std::move(batch));
  if (!done) {
    write.abort();
    co_return fail(std::move(done).error());
  }
  write.hold();
  co_return ok();
}

Task<Result<void>> Intake::append(StatePtr state, Arrival arrival, store::Batch also) {
  CO_TRY_VOID(check_room(*state, bytes_of(arrival.records)));
  Running running(state);
  Write write(state, context_.kernel.clock.now());
  write.add(also, state->destination->entry(), arrival.records, arrival.arrived, arrival.cause);
  if (state->destination->backup) {
    write.add(also, LaneKind::kBackup, arrival.records, arrival.arrived, arrival.cause);
  }
  auto done = co_await context_.kernel.store.commit(std::move(also));
  if (!done) {
    write.abort();
    co_return fail(std::move(done).error());
  }
  write.hold();
  co_return ok();
}

}  // namespace suiro::firehose
