// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "kernel/event/trace_tree.h"

namespace suiro::event {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr char kTrace[] = "1-69558d00-0123456789abcdef01234567";
constexpr char kObject[] = "arn:aws:s3:::lake/raw/a.gz";
constexpr char kFunction[] = "arn:aws:lambda:ap-northeast-1:000000000000:function:parse";

class JournalTest : public testing::Test {
 protected:
  JournalTest() : JournalTest(SimOptions()) {}
  explicit JournalTest(SimOptions options) : sim(options) { sim.start(); }
  ~JournalTest() override { sim.stop(); }

  Span span(std::string id, std::string parent, std::string kind, std::string resource) {
    return {.trace_id = kTrace,
            .span_id = std::move(id),
            .parent_id = std::move(parent),
            .kind = std::move(kind),
            .resource = std::move(resource),
            .start = sim.clock().now(),
            .duration = Millis(12)};
  }
  Journal& journal() { return sim.kernel().journal; }
  size_t rows() {
    auto page =
        sim.run(sim.store().scan({.range = store::KeyRange::prefix("j"), .rows_max = 1'000'000}));
    return page->entries.size();
  }

  SimKernel sim;
};

TEST_F(JournalTest, FindsATraceByEachOfItsIds) {
  Span root = span("aaaaaaaaaaaaaaaa", "", "s3:PutObject", kObject);
  root.request_id = "request-1";
  journal().record(root);
  sim.advance(hours(2));  // another hour of the index
  journal().record(span("bbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaa", "lambda:Invoke", kFunction));
  for (auto id : {kTrace, "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "request-1"}) {
    auto spans = sim.run(journal().trace(id));
    ASSERT_TRUE(spans) << id;
    ASSERT_EQ(spans->size(), 2u) << id;
    EXPECT_EQ((*spans)[0].kind, "s3:PutObject");
    EXPECT_EQ((*spans)[1].kind, "lambda:Invoke");
  }
  EXPECT_EQ(sim.run(journal().trace("aaaaaaaa")).error().code, codes::kNotFound);
  EXPECT_EQ(sim.run(journal().trace("")).error().code, codes::kNotFound);
}

TEST_F(JournalTest, ALongDetailIsCutBetweenCharacters) {
  Span one = span("aaaaaaaaaaaaaaaa", "", "lambda:Invoke", kFunction);
  one.detail = "x";
  for (int i = 0; i < 1'000'000; ++i) one.detail += "\u00e9";
  journal().record(one);
  auto spans = sim.run(journal().trace(kTrace));
  ASSERT_TRUE(spans);
  EXPECT_EQ((*spans)[0].detail, one.detail.substr(0, kSpanDetailBytesMax - 1));
}

TEST_F(JournalTest, IdsThatTellTheirTimeAreFoundWithoutAnIndex) {
  sim.advance(minutes(100));
  TimePoint now = sim.clock().now();
  auto made = [&](std::string request_id) {
    Span made = span(new_span_id(now, sim.random()), "", "s3:PutObject", kObject);
    made.trace_id = TraceContext::begin(now, sim.random()).trace_id;
    made.request_id = std::move(request_id);
    return made;
  };
  Span word = made(new_request_word(now, sim.random()));
  Span uuid = made(new_request_uuid(now, sim.random()));
  journal().record(word);
  journal().record(uuid);
  sim.advance(Millis(1));
  EXPECT_EQ(rows(), 2u);
  sim.advance(hours(5));
  Span child = span("bbbbbbbbbbbbbbbb", word.span_id, "lambda:Invoke", kFunction);
  child.trace_id = word.trace_id;
  journal().record(child);
  for (const auto& id : {word.trace_id, word.span_id, word.request_id, child.span_id}) {
    auto spans = sim.run(journal().trace(id));
    ASSERT_TRUE(spans) << id;
    ASSERT_EQ(spans->size(), 2u) << id;
    EXPECT_EQ((*spans)[0].span_id, word.span_id);
    EXPECT_EQ((*spans)[1].kind, "lambda:Invoke");
  }
  EXPECT_EQ(sim.run(journal().trace(uuid.request_id))->size(), 1u);
  for (const auto& id : {new_span_id(now, sim.random()), new_request_word(now, sim.random()),
                         new_request_uuid(now, sim.random()),
                         TraceContext::begin(now, sim.random()).trace_id}) {
    EXPECT_EQ(sim.run(journal().trace(id)).error().code, codes::kNotFound) << id;
  }
}

TEST_F(JournalTest, ALaterRecordReplacesTheSpan) {
  Span running = span("aaaaaaaaaaaaaaaa", "", "lambda:Invoke", kFunction);
  running.status = Span::Status::kRunning;
  store::Batch batch;
  journal().record(batch, running);
  ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  sim.advance(seconds(5));
  running.status = Span::Status::kError;
  running.duration = Millis(5000);
  journal().record(running);
  auto spans = sim.run(journal().trace(kTrace));
  ASSERT_EQ(spans->size(), 1u);
  EXPECT_EQ((*spans)[0].status, Span::Status::kError);
  EXPECT_EQ((*spans)[0].duration, Millis(5000));
}

TEST_F(JournalTest, RecentSpansNewestFirstOfOneResource) {
  for (int i = 0; i < 20; ++i) {
    journal().record(span(fmt::format("{:016}", i), "", "k", i % 2 == 0 ? kObject : kFunction));
    sim.advance(Millis(10));
  }
  auto spans = sim.run(journal().recent(kFunction, 3));
  ASSERT_EQ(spans->size(), 3u);
  EXPECT_EQ((*spans)[0].span_id, fmt::format("{:016}", 19));
  EXPECT_EQ((*spans)[2].span_id, fmt::format("{:016}", 15));
  EXPECT_EQ(sim.run(journal().recent("", 100))->size(), 20u);
}

TEST_F(JournalTest, CountersAreSummedByMinuteAndSurviveARestart) {
  TimePoint start = sim.clock().now();
  auto count = [&](Millis took) {
    journal().count("sqs:SendMessage", "queue", Span::Status::kOk, took);
  };
  count(Millis(1));
  count(Millis(3));
  sim.advance(seconds(10));
  sim.stop();
  sim.reopen();
  sim.start();
  count(Millis(2));
  sim.advance(minutes(1));
  count(Millis(7));
  sim.advance(seconds(2));
  auto counters = sim.run(journal().counters(start, start + minutes(2)));
  ASSERT_TRUE(counters);
  ASSERT_EQ(counters->size(), 2u);
  EXPECT_EQ((*counters)[0].count, 3u);
  EXPECT_EQ((*counters)[0].total, Millis(6));
  EXPECT_EQ((*counters)[0].longest, Millis(3));
  EXPECT_EQ((*counters)[0].kind, "sqs:SendMessage");
  EXPECT_EQ((*counters)[1].minute, start + minutes(1));
  EXPECT_EQ((*counters)[1].count, 1u);
}

TEST_F(JournalTest, TooManyResourcesCountTogether) {
  TimePoint start = sim.clock().now();
  for (size_t i = 0; i < kCountersMax + 10; ++i) {
    journal().count("k", fmt::format("r{}", i), Span::Status::kOk, Micros(1));
  }
  sim.advance(seconds(2));
  auto counters = sim.run(journal().counters(start, start + minutes(1)));
  ASSERT_EQ(counters->size(), kCountersMax + 1);
  auto rest = std::ranges::find(*counters, "*", &Counter::resource);
  ASSERT_NE(rest, counters->end());
  EXPECT_EQ(rest->count, 10u);
}

TEST_F(JournalTest, ExpiresByAge) {
  journal().record(span("aaaaaaaaaaaaaaaa", "", "k", kObject));
  journal().count("k", "r", Span::Status::kOk, Micros(1));
  sim.advance(kJournalAgeMax + hours(2));
  journal().record(span("bbbbbbbbbbbbbbbb", "", "k", kObject));
  sim.advance(minutes(1));
  auto spans = sim.run(journal().trace(kTrace));
  ASSERT_TRUE(spans);
  ASSERT_EQ(spans->size(), 1u);
  EXPECT_EQ((*spans)[0].span_id, "bbbbbbbbbbbbbbbb");
  EXPECT_EQ(rows(), 4u);  // the span, its two ids, the bytes of its hour
}

class SmallJournalTest : public JournalTest {
 protected:
  SmallJournalTest() : JournalTest(SimOptions{.journal = {.bytes_max = 100'000}}) {}
};

TEST_F(SmallJournalTest, ExpiresTheOldestHoursByItsShareOfTheDisk) {
  for (int hour = 0; hour < 20; ++hour) {
    for (int i = 0; i < 50; ++i) {
      Span one = span(fmt::format("{:08}{:08}", hour, i), "", "k", kObject);
      one.detail = std::string(200, 'x');
      journal().record(one);
    }
    sim.advance(hours(1));
    if (hour == 10) {  // the bytes of each hour are known again after a restart
      sim.stop();
      sim.reopen();
      sim.start();
    }
  }
  journal().record(span("aaaaaaaaaaaaaaaa", "", "k", kObject));
  sim.advance(minutes(1));
  auto page =
      sim.run(sim.store().scan({.range = store::KeyRange::prefix("j"), .rows_max = 1'000'000}));
  size_t bytes = 0;
  for (auto& entry : page->entries) bytes += entry.key.size() + entry.value.size();
  EXPECT_LT(bytes, 110'000u);
  EXPECT_GT(bytes, 50'000u);
  auto recent = sim.run(journal().recent("", 10'000));
  EXPECT_EQ((*recent)[0].span_id, "aaaaaaaaaaaaaaaa");
  EXPECT_EQ((*recent)[1].span_id.substr(0, 8), "00000019");
}

TEST(TraceTree, PrintsAnIndentedTree) {
  TimePoint start(Millis(1'000'000));
  std::vector<Span> spans = {
      {.trace_id = kTrace,
       .span_id = "4",
       .parent_id = "3",
       .kind = "s3:PutObject",
       .resource = "arn:aws:s3:::lake/out",
       .start = start + Millis(80),
       .duration = Millis(4)},
      {.span_id = "1",
       .kind = "s3:PutObject",
       .resource = kObject,
       .start = start,
       .duration = Millis(12)},
      {.span_id = "2",
       .parent_id = "1",
       .kind = "event",
       .resource = kFunction,
       .start = start + Millis(13),
       .duration = Millis(2),
       .detail = "s3:ObjectCreated:Put"},
      {.span_id = "3",
       .parent_id = "2",
       .kind = "lambda:Invoke",
       .resource = kFunction,
       .start = start + Millis(15),
       .duration = Millis(1085),
       .status = Span::Status::kError,
       .detail = "cold start 61 ms"},
      {.span_id = "5",
       .parent_id = "lost",
       .kind = "sqs:SendMessage",
       .resource = "q",
       .start = start + Millis(90'000),
       .status = Span::Status::kRunning},
      {.span_id = "6", .parent_id = "7", .kind = "loop", .start = start + Millis(90'001)},
      {.span_id = "7", .parent_id = "6", .kind = "loop", .start = start + Millis(90'002)},
  };
  EXPECT_EQ(format_tree(spans),
            "s3:PutObject arn:aws:s3:::lake/raw/a.gz  12 ms  ok\n"
            "  event s3:ObjectCreated:Put -> "
            "arn:aws:lambda:ap-northeast-1:000000000000:function:parse  +13 ms  2 ms  ok\n"
            "    lambda:Invoke arn:aws:lambda:ap-northeast-1:000000000000:function:parse"
            "  +15 ms  1.085 s  error (cold start 61 ms)\n"
            "      s3:PutObject arn:aws:s3:::lake/out  +80 ms  4 ms  ok\n"
            "sqs:SendMessage q  +1 min 30 s  0 ms  running\n"
            "loop   +1 min 30 s  0 ms  ok\n"
            "  loop   +1 min 30 s  0 ms  ok\n");
}

}  // namespace
}  // namespace suiro::event
