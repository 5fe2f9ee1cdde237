// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/errors.h"
#include "services/firehose/logic.h"

namespace suiro::firehose {

std::string record_id(StreamId stream, const RecordPlace& place) {
  return fmt::format("{:016x}{:016x}{:08x}", stream.value(), place.block, place.index);
}

Task<Result<std::vector<std::string>>> Logic::put(std::string name, std::vector<Bytes> records,
                                                  TraceContext cause) {
  size_t bytes = 0;
  for (const Bytes& record : records) {
    if (record.size() > kRecordBytesMax) {
      co_return invalid("Record size exceeds the limit of 1000 KiB");
    }
    bytes += record.size();
  }
  if (bytes > kBatchBytesMax) co_return invalid("Records size exceeds 4 MB limit");
  Executor owner = context_.owner(name);
  auto go = [this, name = std::move(name), records = std::move(records),
             cause = std::move(cause)]() mutable -> Task<Result<std::vector<std::string>>> {
    CO_TRY(StatePtr state, context_.find(name));
    if (state->record.source != SourceType::kDirectPut) {
      co_return invalid(fmt::format(
          "This operation is not permitted on KinesisStreamAsSource delivery stream type."));
    }
    CO_TRY(auto places, co_await intake_.put(state, std::move(records), std::move(cause)));
    std::vector<std::string> ids;
    ids.reserve(places.size());
    for (const RecordPlace& place : places) ids.push_back(record_id(state->record.id, place));
    co_return ids;
  };
  co_return co_await run_on(owner, std::move(go));
}

Task<Result<void>> Logic::append(std::string arn, std::vector<Bytes> records, store::Batch also,
                                 TraceContext cause) {
  for (const Bytes& record : records) {
    if (record.size() > kRecordBytesMax) {
      co_return fail(codes::kTooLarge, "a record of a delivery stream is at most 1000 KiB");
    }
  }
  CO_TRY(std::string name, context_.name_of(arn));
  Executor owner = context_.owner(name);
  auto go = [this, name, records = std::move(records), also = std::move(also),
             cause = std::move(cause)]() mutable -> Task<Result<void>> {
    auto state = context_.find(name);
    if (!state) co_return fail(codes::kNotFound, state.error().message);
    Intake::Arrival arrival{std::move(records), context_.kernel.clock.now(), std::move(cause)};
    co_return co_await intake_.append(*state, std::move(arrival), std::move(also));
  };
  co_return co_await run_on(owner, std::move(go));
}

Task<Result<void>> Logic::check(std::string arn) {
  CO_TRY(std::string name, context_.name_of(arn));
  Executor owner = context_.owner(name);
  auto go = [this, name]() -> Task<Result<void>> {
    auto state = context_.find(name);
    if (!state) co_return fail(codes::kNotFound, state.error().message);
    if ((*state)->record.source != SourceType::kDirectPut) {
      co_return fail(codes::kNotFound, "the delivery stream takes no puts: its source is a stream");
    }
    co_return ok();
  };
  co_return co_await run_on(owner, std::move(go));
}

}  // namespace suiro::firehose
