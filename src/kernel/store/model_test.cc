// SPDX-License-Identifier: Apache-2.0
// Random batches against a std::map: conditions, range deletes, appends, snapshots, restarts.
#include "kernel/store/model.h"

#include <gtest/gtest.h>

#include "kernel/store/power_loss_fs.h"
#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

struct FrozenView {
  std::shared_ptr<const Snapshot> snapshot;
  ModelState state;
  uint64_t sequence;
};

Task<Result<void>> compare(const FrozenView& frozen, Random& random) {
  EXPECT_EQ(frozen.snapshot->sequence(), frozen.sequence);
  CO_TRY(ModelState state, co_await read_state(*frozen.snapshot, random));
  EXPECT_TRUE(state == frozen.state);
  Key key = fmt::format("k/{:02}", random.below(30));
  CO_TRY(auto entry, co_await frozen.snapshot->get(key));
  EXPECT_EQ(entry.has_value(), frozen.state.contains(key));
  co_return ok();
}

void run_seed(uint64_t seed) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Shards shards(1);
  SeededRandom random(seed);
  TestStore store({.file_layer = std::make_shared<PowerLossFs>(seed),
                   .threads = Threads::kNone,
                   .memtable_bytes = 64 << 10});
  ModelState state;
  uint64_t sequence = 0;
  std::vector<FrozenView> frozen;
  for (int step = 0; step < 400; ++step) {
    Intent intent = random_intent(random, state);
    auto receipt = run_polling(shards, store->commit(intent.batch()));
    ASSERT_EQ(receipt.has_value(), intent.holds(state)) << step;
    if (receipt) {
      ASSERT_EQ(receipt->sequence, ++sequence) << step;
      intent.apply(state, sequence);
    }
    if (random.below(20) == 0) frozen.push_back({store->snapshot(), state, sequence});
    if (random.below(20) == 0 && !frozen.empty()) {
      size_t which = random.below(frozen.size());
      ASSERT_TRUE(run_polling(shards, compare(frozen[which], random)));
      frozen.erase(frozen.begin() + static_cast<ptrdiff_t>(which));
    }
    if (random.below(100) == 0) {
      frozen.clear();
      store.reopen();
    }
  }
  FrozenView last{store->snapshot(), state, sequence};
  ASSERT_TRUE(run_polling(shards, compare(last, random)));
}

TEST(StoreModel, RandomBatchesDoWhatAMapDoes) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    run_seed(seed);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace suiro::store
