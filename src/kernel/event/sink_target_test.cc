// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/sink_target.h"

#include <gtest/gtest.h>

#include "kernel/event/log_target.h"
#include "kernel/event/stream_follower.h"
#include "kernel/event/testing.h"

namespace suiro::event {
namespace {

const std::string kStream = "arn:aws:kinesis:ap-northeast-1:000000000000:stream/s";

// Keeps its records in the store, as streams do.
class RowSink final : public RecordSink {
 public:
  explicit RowSink(SimKernel& sim) : sim_(sim) {}
  Task<Result<void>> append(std::string arn, std::vector<SinkRecord> records, store::Batch also,
                            TraceContext) override {
    if (refusals > 0) {
      --refusals;
      co_return fail(codes::kThrottled, "full", Retry::kLater);
    }
    for (auto& record : records) {
      also.append("x/" + arn + "/", record.partition_key + "=" + record.data);
    }
    auto committed = co_await sim_.store().commit(std::move(also));
    if (!committed) co_return std::unexpected(committed.error());
    co_return ok();
  }
  Task<Result<void>> check(std::string arn) override {
    if (arn != kStream) co_return fail(codes::kNotFound, "no such stream");
    co_return ok();
  }
  int refusals = 0;

 private:
  SimKernel& sim_;
};

struct SinkTargetTest : testing::Test {
  void wire() {
    sink.emplace(sim);
    target.emplace(&*sink);
    sim.kernel().targets.add_target("kinesis", &*target);
    sim.start();
  }
  void emit_one(std::string payload, std::map<std::string, std::string> attributes) {
    store::Batch batch;
    emit(batch,
         {.id = "id-" + payload,
          .kind = "test",
          .target_arn = kStream,
          .payload = payload,
          .attributes = std::move(attributes),
          .at = sim.clock().now()},
         sim.random());
    ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  }
  std::vector<std::string> rows() {
    auto page = sim.run(sim.store().scan({.range = store::KeyRange::prefix("x/")}));
    std::vector<std::string> out;
    for (auto& entry : page->entries) out.push_back(entry.value);
    return out;
  }

  SimKernel sim;
  std::optional<RowSink> sink;
  std::optional<SinkTarget> target;
};

TEST_F(SinkTargetTest, AnEventIsARecordUnderItsKeyOrItsId) {
  wire();
  emit_one("a", {{"PartitionKey", "k"}});
  emit_one("b", {});
  sim.advance(Millis(10));
  EXPECT_EQ(rows(), (std::vector<std::string>{"k=a", "id-b=b"}));
}

TEST_F(SinkTargetTest, AFullSinkIsTriedAgain) {
  wire();
  sink->refusals = 2;
  emit_one("a", {});
  EXPECT_TRUE(rows().empty());
  sim.advance(std::chrono::minutes(1));
  EXPECT_EQ(rows().size(), 1u);
}

TEST_F(SinkTargetTest, ARecordWhoseAnswerWasLostIsNotWrittenAgain) {
  wire();
  sim.store().crash_after(2);  // the event's own commit, then the delivery's
  store::Batch batch;
  emit(batch, {.kind = "test", .target_arn = kStream, .payload = "a", .at = sim.clock().now()},
       sim.random());
  (void)sim.run(sim.store().commit(std::move(batch)));
  sim.advance(std::chrono::seconds(1));
  sim.crash();
  sim.stop();
  sim.reopen();
  wire();
  sim.advance(std::chrono::hours(1));
  EXPECT_EQ(rows().size(), 1u);
}

TEST_F(SinkTargetTest, AcceptsWhatTheSinkHas) {
  wire();
  EXPECT_TRUE(sim.run(target->accepts(kStream, {})));
  EXPECT_EQ(sim.run(target->accepts(kStream + "2", {})).error().code, codes::kNotFound);
}

TEST(LogTargetTest, KnowsTheGroupOfAnArn) {
  const std::string arn = "arn:aws:logs:ap-northeast-1:000000000000:log-group:/aws/events/x";
  EXPECT_EQ(*log_group_of(arn), "/aws/events/x");
  EXPECT_EQ(*log_group_of(arn + ":*"), "/aws/events/x");
  EXPECT_FALSE(log_group_of("arn:aws:logs:ap-northeast-1:000000000000:log-group:"));
  EXPECT_FALSE(log_group_of("arn:aws:logs:ap-northeast-1:000000000000:destination:x"));
}

TEST(Reminder, TellsAtOnceAndThenLessAndLessOften) {
  using std::chrono::minutes;
  Reminder reminder;
  const TimePoint start{minutes(1'000'000)};
  std::vector<int64_t> told;
  for (int minute = 0; minute <= 4 * 60; ++minute) {
    if (reminder.is_due(start + minutes(minute))) told.push_back(minute);
  }
  EXPECT_EQ(told, (std::vector<int64_t>{0, 1, 3, 7, 15, 31, 63, 123, 183}));
  reminder.reset();
  EXPECT_TRUE(reminder.is_due(start + minutes(4 * 60)));
  EXPECT_FALSE(reminder.is_due(start + minutes(4 * 60)));
}

}  // namespace
}  // namespace suiro::event
