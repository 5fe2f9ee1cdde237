// SPDX-License-Identifier: Apache-2.0
// What the children of a distributed Map take in: items as ItemSelector makes them, alone or in
// batches.
// Source: Step Functions Developer Guide, "ItemSelector (Map)", "ItemBatcher (Map)".
// Threads: one at a time. Failure: errors are those of the workflow, by name.
#pragma once

#include <string>
#include <vector>

#include "engine/workflow/execution.h"
#include "engine/workflow/item_source.h"

namespace suiro::workflow {

inline constexpr size_t kChildInputBytesMax = 262'144;

// $$.Map.Item
struct ItemPlace {
  uint64_t index = 0;
  // "STATE_DATA", "S3://bucket", "S3://bucket/key"; empty: an inline Map, which tells none
  std::string source;
};
// The item as ItemSelector makes it; without one item_as_input(). `effect` tells the state's input,
// its variables and its context.
Result<json::Value> select_item(const State& state, const MapRunEffect& effect, const Item& item,
                                const ItemPlace& place, TimePoint now, Random& random);

struct ChildInput {
  std::string text;  // JSON
  uint32_t items = 1;
};

struct BatchOptions {
  bool batched = false;
  uint64_t items_max = 0;  // 0: as many as fit
  size_t bytes_max = kChildInputBytesMax;
  std::optional<json::Value> batch_input;
};
// Errors: States.Runtime for numbers below one.
Result<BatchOptions> batch_options(const State& state, const MapRunEffect& effect);

class ItemBatch {
 public:
  explicit ItemBatch(BatchOptions options);
  // Appends the inputs that are complete now. Errors: States.DataLimitExceeded for an item that
  // fits into no input.
  Result<void> add(const json::Value& item, std::vector<ChildInput>& out);
  void finish(std::vector<ChildInput>& out);

 private:
  void flush(std::vector<ChildInput>& out);

  BatchOptions options_;
  std::string head_;  // up to the first item
  std::string text_;
  uint32_t items_ = 0;
};

}  // namespace suiro::workflow
