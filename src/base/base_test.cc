// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/arn.h"
#include "base/bytes.h"
#include "base/cancellation.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/shard.h"
#include "base/task.h"

namespace suiro {
namespace {

TEST(Bytes, TextFormsRoundTrip) {
  SeededRandom random(1);
  for (size_t size = 0; size < 70; ++size) {
    Bytes bytes = random.bytes(size);
    EXPECT_EQ(*hex_decode(hex_encode(bytes)), bytes);
    EXPECT_EQ(*base64_decode(base64_encode(bytes)), bytes);
    EXPECT_EQ(*percent_decode(percent_encode(bytes)), bytes);
  }
  EXPECT_EQ(base64_encode("any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
  EXPECT_EQ(percent_encode("a/b c", Slash::kKeep), "a/b%20c");
  EXPECT_FALSE(percent_decode("%4"));
  EXPECT_FALSE(base64_decode("abc"));
  EXPECT_TRUE(is_valid_utf8("水路"));
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xE6\xB0"));
}

TEST(Arn, ParsesAndPrints) {
  auto arn = Arn::parse("arn:aws:lambda:us-east-1:000000000000:function:f:1");
  ASSERT_TRUE(arn);
  EXPECT_EQ(arn->resource, "function:f:1");
  EXPECT_EQ(arn->str(), "arn:aws:lambda:us-east-1:000000000000:function:f:1");
  EXPECT_FALSE(Arn::parse("arn:aws:s3"));
}

TEST(Time, TextFormsRoundTrip) {
  auto time = parse_iso8601("2026-02-28T23:59:59.250Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(format_iso8601(*time), "2026-02-28T23:59:59.250Z");
  EXPECT_EQ(format_http_date(*time), "Sat, 28 Feb 2026 23:59:59 GMT");
  for (auto text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                    "Sun Nov  6 08:49:37 1994"}) {
    auto parsed = parse_http_date(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(format_iso8601(*parsed), "1994-11-06T08:49:37.000Z");
  }
  EXPECT_EQ(*parse_iso8601("2026-01-01T09:00:00+09:00"), *parse_iso8601("2026-01-01T00:00:00Z"));
  EXPECT_FALSE(parse_iso8601("2026-02-30T00:00:00Z"));
}

TEST(Shards, RunOnResumesTheCallerOnItsOwnShard) {
  Shards shards(2);
  size_t inner = 9, outer = 9;
  TaskScope scope(shards.executor(0));
  auto visit = [&]() -> Task<void> {
    inner =
        co_await run_on(shards.executor(1), [&]() -> Task<size_t> { co_return shards.current(); });
    outer = shards.current();
  };
  scope.spawn(visit());
  shards.poll();
  EXPECT_EQ(inner, 1u);
  EXPECT_EQ(outer, 0u);
}

TEST(VirtualClock, AMonthPassesAtOnce) {
  Shards shards(1);
  VirtualClock clock(*parse_iso8601("2026-01-01T00:00:00Z"));
  int days = 0;
  TaskScope scope(shards.executor(0));
  scope.spawn([](Clock& time, int& count) -> Task<void> {
    while (count < 31) {
      co_await time.sleep_for(std::chrono::hours(24));
      ++count;
    }
  }(clock, days));
  shards.poll();
  while (auto next = clock.next_alarm()) {
    clock.advance_to(*next);
    shards.poll();
  }
  EXPECT_EQ(days, 31);
  EXPECT_EQ(format_iso8601(clock.now()), "2026-02-01T00:00:00.000Z");
}

TEST(Signal, WakesOrTimesOut) {
  Shards shards(1);
  VirtualClock clock(TimePoint{});
  Signal signal(shards.executor(0));
  std::vector<Signal::Wake> wakes;
  TaskScope scope(shards.executor(0));
  auto wait = [](Signal& s, Clock& c, std::vector<Signal::Wake>& out) -> Task<void> {
    out.push_back(co_await s.wait_until(c, c.now() + Millis(20)));
  };
  scope.spawn(wait(signal, clock, wakes));
  scope.spawn(wait(signal, clock, wakes));
  shards.poll();
  EXPECT_TRUE(signal.notify_one());
  shards.poll();
  ASSERT_EQ(wakes.size(), 1u);
  EXPECT_EQ(wakes[0], Signal::Wake::kNotified);
  clock.advance_to(clock.now() + Millis(20));
  shards.poll();
  ASSERT_EQ(wakes.size(), 2u);
  EXPECT_EQ(wakes[1], Signal::Wake::kTimeout);
}

TEST(Cancellation, RingsEachSubscriberOnceOnItsExecutor) {
  Shards shards(1);
  int asked = 0, rung = 0, late = 0, gone = 0;
  Cancellation cancellation([&] { ++asked; });
  auto first = cancellation.subscribe(shards.executor(0), [&] { ++rung; });
  auto ended = cancellation.subscribe(shards.executor(0), [&] { ++gone; });
  EXPECT_EQ(asked, 2);
  ended.reset();
  cancellation.cancel();
  cancellation.cancel();
  EXPECT_TRUE(cancellation.cancelled());
  EXPECT_EQ(rung, 0);
  shards.poll();
  EXPECT_EQ(rung, 1);
  EXPECT_EQ(gone, 0);
  auto after = cancellation.subscribe(shards.executor(0), [&] { ++late; });
  shards.poll();
  EXPECT_EQ(late, 1);
}

}  // namespace
}  // namespace suiro
