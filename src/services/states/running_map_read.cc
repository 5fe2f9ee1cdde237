// SPDX-License-Identifier: Apache-2.0
// The reading side of a map run: items become inputs of children, which are committed with how far
// reading came.
#include "services/states/running_map.h"

namespace suiro::states {

Task<void> RunningMap::read() {
  auto done = co_await read_items();
  if (!done && !gone_) machine_.fail({done.error().code, done.error().message});
  reading_ = false;
  wake_.notify_all();
}

Task<Result<void>> RunningMap::read_items() {
  if (progress_.done) co_return ok();
  CO_TRY(auto options, workflow::batch_options(state_, call_.effect));
  workflow::ItemBatch batch(std::move(options));
  ItemStream stream(parts_.kernel, parts_.operations, call_, state_, progress_.listed_key);
  index_ = progress_.listed_items;
  resume_at_ = progress_.items;
  stream.pass_over(resume_at_ - index_);
  while (!is_over()) {
    auto chunk = co_await stream.next();
    if (!chunk && chunk.error().retry == Retry::kLater) {
      co_await parts_.kernel.clock.sleep_for(kBusyPause);
      continue;
    }
    if (!chunk) co_return fail(chunk.error());
    if (progress_.etag.empty()) progress_.etag = stream.first_etag();
    if (!stream.first_etag().empty() && progress_.etag != stream.first_etag()) {
      co_return fail(workflow::kItemReaderFailed,
                     "The data set was replaced while it was being read.");
    }
    CO_TRY(const bool is_last, co_await take_chunk(*std::move(chunk), batch));
    if (is_last) {
      batch.finish(inputs_);
      progress_.done = true;
    }
    CO_TRY_VOID(co_await commit_inputs());
    if (is_last) {
      machine_.reading_ended();
      co_return ok();
    }
    co_await wait_for_room();
  }
  co_return ok();
}

// Whether these were the last items.
Task<Result<bool>> RunningMap::take_chunk(ItemChunk chunk, workflow::ItemBatch& batch) {
  uint64_t items_max = workflow::kItemsMax;
  if (const double asked = call_.effect.items_max.value_or(0); asked >= 1) {
    items_max = std::min(items_max, static_cast<uint64_t>(asked));
  }
  workflow::ItemPlace place{.source = std::move(chunk.source)};
  index_ += chunk.skipped;
  for (const workflow::Item& item : chunk.items) {
    if (index_ >= items_max) co_return true;
    place.index = index_++;
    if (place.index < resume_at_) continue;
    CO_TRY(const json::Value input,
           workflow::select_item(state_, call_.effect, item, place, parts_.kernel.clock.now(),
                                 parts_.kernel.random));
    const size_t before = inputs_.size();
    CO_TRY_VOID(batch.add(input, inputs_));
    const json::Value* key = chunk.are_listed ? item.value.find("Key") : nullptr;
    if (key != nullptr) mark(key->as_string());
    if (inputs_.size() > before) input_bytes_ += inputs_.back().text.size();
    if (inputs_.size() >= kInputsAtOnce || input_bytes_ >= kInputBytesAtOnce) {
      CO_TRY_VOID(co_await commit_inputs());
      co_await wait_for_room();
      if (is_over()) co_return false;
    }
  }
  if (!chunk.ended_key.empty()) mark(chunk.ended_key);
  co_return chunk.last || index_ >= items_max;
}

Task<Result<void>> RunningMap::commit_inputs() {
  std::vector<workflow::ChildInput> inputs = std::exchange(inputs_, {});
  input_bytes_ = 0;
  if (inputs.empty() && !progress_.done) co_return ok();
  store::Batch batch;
  std::vector<uint32_t> sizes;
  for (workflow::ChildInput& input : inputs) {
    sizes.push_back(input.items);
    batch.put(keys::map_run_input(run_, progress_.children++),
              encode(RunInput{input.items, std::move(input.text)}));
    progress_.items += input.items;
  }
  for (; !marks_.empty() && marks_.front().first <= progress_.items; marks_.pop_front()) {
    progress_.listed_items = marks_.front().first;
    progress_.listed_key = std::move(marks_.front().second);
  }
  batch.put(keys::map_run_progress(run_), encode(progress_));
  CO_TRY_VOID(co_await commit(std::move(batch)));
  for (const uint32_t items : sizes) machine_.add_child(items);
  wake_.notify_all();
  co_return ok();
}

Task<void> RunningMap::wait_for_room() {
  while (!is_over() && machine_.children() - machine_.started() > kReadAheadMax) {
    co_await wake_.wait();
  }
}

}  // namespace suiro::states
