// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/item_batch.h"

#include <fmt/format.h>

#include <algorithm>

namespace suiro::workflow {
namespace {

constexpr std::string_view kTail = "]}";

}  // namespace

Result<BatchOptions> batch_options(const State& state, const MapRunEffect& effect) {
  BatchOptions options;
  options.batched = std::get<MapFields>(state.fields).item_batcher.has_value();
  if (!options.batched) return options;
  if (effect.batch_items_max) {
    if (*effect.batch_items_max < 0) {
      return fail("States.Runtime", "MaxItemsPerBatch cannot be negative.");
    }
    options.items_max = static_cast<uint64_t>(std::min(*effect.batch_items_max, 1e9));
  }
  if (effect.batch_bytes_max && *effect.batch_bytes_max > 0) {
    options.bytes_max = static_cast<size_t>(
        std::min(*effect.batch_bytes_max, static_cast<double>(kChildInputBytesMax)));
  }
  options.batch_input = effect.batch_input;
  return options;
}

ItemBatch::ItemBatch(BatchOptions options) : options_(std::move(options)) {
  head_ = "{";
  if (options_.batch_input) {
    head_ += "\"BatchInput\":";
    json::write(head_, *options_.batch_input);
    head_ += ",";
  }
  head_ += "\"Items\":[";
}

Result<void> ItemBatch::add(const json::Value& item, std::vector<ChildInput>& out) {
  std::string text = json::write(item);
  const size_t alone = options_.batched ? head_.size() + text.size() + kTail.size() : text.size();
  if (alone > options_.bytes_max) {
    return fail("States.DataLimitExceeded",
                fmt::format("An item's input of {} bytes exceeds the maximum of {} bytes.", alone,
                            options_.bytes_max));
  }
  if (!options_.batched) {
    out.push_back({std::move(text), 1});
    return ok();
  }
  if (items_ > 0 && text_.size() + 1 + text.size() + kTail.size() > options_.bytes_max) flush(out);
  text_ += items_ == 0 ? head_ : std::string(",");
  text_ += text;
  ++items_;
  if (options_.items_max > 0 && items_ >= options_.items_max) flush(out);
  return ok();
}

void ItemBatch::flush(std::vector<ChildInput>& out) {
  text_ += kTail;
  out.push_back({std::move(text_), items_});
  text_.clear();
  items_ = 0;
}

void ItemBatch::finish(std::vector<ChildInput>& out) {
  if (items_ > 0) flush(out);
}

}  // namespace suiro::workflow
