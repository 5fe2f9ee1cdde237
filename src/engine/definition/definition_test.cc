// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/definition/report.h"

namespace suiro::definition {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Millis kHour = std::chrono::hours(1);

Result<Document> parse_text(std::string text) {
  return parse({{"shop.yaml", std::move(text)}});
}

std::string error_of(std::string text) {
  auto parsed = parse_text(std::move(text));
  return parsed ? "no error" : parsed.error().message;
}

TimePoint at(std::string_view text) {
  return *parse_iso8601(text);
}

TEST(Document, FillsInDefaultsAndNormalises) {
  auto document = parse_text(R"(
name: shop
timezone: Asia/Tokyo
queues:
  work: {visibility_timeout: 2m, dead_letter: {queue: dead}}
tasks:
  report:
    description: Adds up.
    image: batch/report:latest
    command: [report, --day, 1]
    schedules:
      - expression: cron(0 3 * * ? *)
      - {expression: rate(1 hour), timezone: UTC, name: hourly, command: quick}
)");
  ASSERT_TRUE(document) << document.error().message;
  ASSERT_EQ(document->resources.size(), 4U);
  const json::object& queue = document->resources[0].properties;
  EXPECT_EQ(queue.at("visibility_timeout"), 120);
  EXPECT_EQ(queue.at("retention"), 345600);
  EXPECT_EQ(queue.at("dead_letter"), (json::object{{"queue", "dead"}, {"after", 3}}));
  const Resource& task = document->resources[1];
  EXPECT_EQ(task.kind, Kind::kTask);
  EXPECT_EQ(task.properties.at("command"), (json::array{"report", "--day", "1"}));
  EXPECT_FALSE(task.properties.contains("role") && task.properties.at("role") != "");
  const Resource& first = document->resources[2];
  EXPECT_EQ(first.name, "report");
  EXPECT_EQ(first.properties.at("timezone"), "Asia/Tokyo");
  EXPECT_EQ(first.properties.at("description"), "Adds up.");
  const Resource& second = document->resources[3];
  EXPECT_EQ(second.name, "hourly");
  EXPECT_EQ(second.properties.at("timezone"), "UTC");
  EXPECT_EQ(second.properties.at("command"), (json::array{"quick"}));
}

TEST(Document, ErrorsNameThePlaceAndWhatWasExpected) {
  EXPECT_EQ(error_of("queues: {}"),
            "shop.yaml: a file must say 'name:', under which its resources are kept");
  EXPECT_THAT(error_of("name: a\nqueus: {}"), HasSubstr("shop.yaml:2:1: 'queus' is not known"));
  EXPECT_THAT(error_of("name: a\nqueues:\n  q: {delai: 1}"),
              HasSubstr("shop.yaml:3:7: 'delai' is not known here; known: description, fifo"));
  EXPECT_THAT(error_of("name: a\ntasks:\n  t: {image: x, memry: 5}"),
              HasSubstr("shop.yaml:3:17: 'memry' is not known here; known: description, image"));
  EXPECT_THAT(error_of("name: a\ntasks:\n  t: {image: x, memry: 5}"),
              HasSubstr(", log_group, schedules"));
  EXPECT_EQ(error_of("name: a\nqueues:\n  q: {delay: soon}"),
            "shop.yaml:3:14: delay: expected a duration as 90s, 5m, 2h or 7d");
  EXPECT_EQ(error_of("name: a\nqueues:\n  q: {fifo: maybe}"),
            "shop.yaml:3:13: fifo: expected true or false");
  EXPECT_EQ(error_of("name: a\ntasks:\n  t: {cpu: 1}"), "shop.yaml:3:6: 'image' is missing");
  EXPECT_EQ(error_of("name: a\nqueues:\n  q: {}\n  q: {}"), "shop.yaml:4:3: 'q' is there twice");
  EXPECT_EQ(error_of("name: a b"),
            "shop.yaml:1:7: name: expected 1 to 64 of letters, digits, - "
            "and _");
  EXPECT_THAT(error_of("name: a\nschedules:\n  s: {expression: rate(1 day)}"),
              HasSubstr("a schedule has one target"));
  EXPECT_THAT(error_of("name: a\nschedules:\n  s: {expression: rate(1 day), task: t, overlap: x}"),
              HasSubstr("overlap: expected one of allow|forbid|queue|replace"));
  EXPECT_THAT(error_of("name: [a"), HasSubstr("shop.yaml:1:"));
}

TEST(Document, SeveralFilesAreOneDocument) {
  auto document =
      parse({{"a.yaml", "name: shop\nqueues: {q: {}}"}, {"b.yaml", "buckets: {b: {}}"}});
  ASSERT_TRUE(document);
  ASSERT_EQ(document->resources.size(), 2U);
  EXPECT_EQ(document->resources[0].kind, Kind::kBucket);
  auto twice = parse({{"a.yaml", "name: shop\nqueues: {q: {}}"}, {"b.yaml", "queues: {q: {}}"}});
  EXPECT_THAT(twice.error().message, HasSubstr("b.yaml:1:10: queue 'q' is there twice"));
}

Planned planned(std::string name, std::string expression, std::string zone = "UTC") {
  return {.schedule = name,
          .target = name,
          .expression = std::move(expression),
          .zone = std::move(zone)};
}

TEST(ForecastTest, CountsRunsOverlapsAndPeaks) {
  std::map<std::string, Load> loads{
      {"long", {.cpu_units = 512, .memory_mb = 100, .duration = 2 * kHour, .longest = 7 * kHour}},
      {"short", {.cpu_units = 256, .memory_mb = 50, .duration = kHour, .longest = kHour}},
      {"new", {.cpu_units = 9999, .memory_mb = 9999}}};
  auto result =
      forecast({planned("long", "cron(0 0,6 * * ? *)"), planned("short", "cron(0 1 * * ? *)"),
                planned("new", "cron(0 1 * * ? *)")},
               loads, at("2026-11-01T00:00:00Z"), at("2026-11-02T00:00:00Z"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->runs["long"].size(), 2U);
  ASSERT_EQ(result->overlaps.size(), 1U);
  EXPECT_EQ(result->overlaps[0].schedule, "long");
  EXPECT_EQ(result->overlaps[0].at, at("2026-11-01T06:00:00Z"));
  EXPECT_EQ(result->cpu_units.value, 768U);
  EXPECT_EQ(result->cpu_units.at, at("2026-11-01T01:00:00Z"));
  EXPECT_EQ(result->memory_mb.value, 150U);
  EXPECT_EQ(result->unknown, std::vector<std::string>{"new"});
}

TEST(ForecastTest, TellsWhatClockChangesDo) {
  // 2026-03-29 02:00 to 03:00 is skipped in Berlin; on 2026-10-25 it is shown twice.
  auto spring = forecast({planned("a", "cron(30 2 * * ? *)", "Europe/Berlin"),
                          planned("b", "cron(0 12 * * ? *)", "Europe/Berlin")},
                         {}, at("2026-03-28T00:00:00Z"), at("2026-03-31T00:00:00Z"));
  ASSERT_TRUE(spring);
  EXPECT_EQ(spring->runs["a"].size(), 2U);
  ASSERT_EQ(spring->clock_changes.size(), 2U);
  EXPECT_EQ(spring->clock_changes[0].at, at("2026-03-29T01:00:00Z"));
  EXPECT_EQ(spring->clock_changes[0].what,
            "the clock skips 60 minutes: 1 planned in them left out");
  EXPECT_EQ(spring->clock_changes[1].what, "the clock skips 60 minutes: no run of it lies there");
  auto autumn = forecast({planned("a", "cron(30 2 * * ? *)", "Europe/Berlin")}, {},
                         at("2026-10-24T22:00:00Z"), at("2026-10-26T00:00:00Z"));
  EXPECT_EQ(autumn->runs["a"].size(), 1U);
  EXPECT_EQ(autumn->clock_changes[0].what,
            "the clock shows 60 minutes twice: 1 in them start once, at the first");
}

TEST(ForecastTest, ComparesTwoSets) {
  TimePoint from = at("2026-11-01T00:00:00Z"), to = at("2026-11-04T00:00:00Z");
  auto before = forecast({planned("a", "cron(0 3 * * ? *)"), planned("b", "cron(0 5 * * ? *)")}, {},
                         from, to);
  auto after = forecast({planned("a", "cron(0 4 * * ? *)"), planned("c", "cron(0 5 2 * ? *)")}, {},
                        from, to);
  auto differences = compare(*before, *after);
  ASSERT_EQ(differences.size(), 3U);
  EXPECT_EQ(differences[0].moved.size(), 3U);
  EXPECT_EQ(differences[0].moved[0].to, at("2026-11-01T04:00:00Z"));
  EXPECT_EQ(differences[1].dropped.size(), 3U);
  EXPECT_EQ(differences[2].added, std::vector<TimePoint>{at("2026-11-02T05:00:00Z")});
}

TEST(ForecastTest, ErrorsNameTheSchedule) {
  auto wrong = forecast({planned("a", "cron(0 3 * * * *)")}, {}, TimePoint(), TimePoint() + kHour);
  EXPECT_THAT(wrong.error().message, HasSubstr("schedule a: "));
  auto zone =
      forecast({planned("a", "rate(1 day)", "Asia/Edo")}, {}, TimePoint(), TimePoint() + kHour);
  EXPECT_THAT(zone.error().message, HasSubstr("schedule a: "));
}

// A server of queues alone.
class FakeServer {
 public:
  Calls calls() {
    return Calls([this](std::string_view service, std::string_view operation, std::string input) {
      log.push_back(std::string(operation));
      return answer(service, operation, json::parse(input).as_object());
    });
  }
  std::map<std::string, json::object> queues;
  std::string record;
  std::string fails;  // an operation
  std::vector<std::string> log;

 private:
  Result<std::string> answer(std::string_view, std::string_view operation, json::object input) {
    if (operation == fails) return fail("InvalidAttributeValue", "no");
    if (operation == "PutDefinition") record = text_at(input, "Document");
    if (operation == "GetDefinition") {
      if (record.empty()) return fail("ResourceNotFoundException", "none");
      return json::serialize(json::object{{"Document", record}});
    }
    std::string name = text_at(input, "QueueName", text_at(input, "QueueUrl"));
    if (operation == "GetQueueUrl") {
      if (!queues.contains(name)) return fail("QueueDoesNotExist", "none");
      return json::serialize(json::object{{"QueueUrl", name}});
    }
    if (operation == "GetQueueAttributes") {
      return json::serialize(json::object{{"Attributes", queues[name]}});
    }
    if (operation == "DeleteQueue") queues.erase(name);
    if (operation == "CreateQueue" || operation == "SetQueueAttributes") {
      for (const auto& entry : object_at(input, "Attributes"))
        queues[name][entry.key()] = entry.value();
    }
    return "{}";
  }
};

class PlanTest : public ::testing::Test {
 protected:
  Plan plan(std::string text, Prune prune = Prune::kNo) {
    auto made = make_plan(context, *parse_text("name: shop\nqueues:\n" + text), prune);
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }
  Result<void> apply_text(std::string text, Prune prune = Prune::kNo) {
    return apply(context, plan(std::move(text), prune), [](size_t, size_t, const Change&) {});
  }

  FakeServer server;
  Calls calls = server.calls();
  Context context{calls, "ap-northeast-1", "000000000000", "shop"};
};

TEST_F(PlanTest, AppliesAndThenFindsNothingToChange) {
  std::string text = "  a: {delay: 5s, dead_letter: {queue: b}}\n  b: {description: dead ones}";
  EXPECT_EQ(plan(text).changes[0].action, Action::kCreate);
  ASSERT_TRUE(apply_text(text));
  EXPECT_EQ(server.queues["a"]["DelaySeconds"], "5");
  EXPECT_TRUE(plan(text).empty());
  Plan changed = plan("  a: {delay: 6s, dead_letter: {queue: b}}\n  b: {description: dead ones}");
  ASSERT_EQ(changed.changes[0].fields.size(), 1U);
  EXPECT_EQ(changed.changes[0].fields[0].name, "delay");
  EXPECT_EQ(changed.changes[0].fields[0].before, 5);
}

TEST_F(PlanTest, RemovesOnlyItsOwnAndOnlyWhenAsked) {
  server.queues["foreign"] = {};
  ASSERT_TRUE(apply_text("  a: {}\n  b: {}"));
  EXPECT_EQ(plan("  a: {}").changes[1].action, Action::kLeave);
  EXPECT_TRUE(plan("  a: {}").empty());
  ASSERT_TRUE(apply_text("  a: {}", Prune::kYes));
  EXPECT_FALSE(server.queues.contains("b"));
  EXPECT_TRUE(server.queues.contains("foreign"));
  EXPECT_TRUE(plan("  a: {}", Prune::kYes).empty());
}

TEST_F(PlanTest, WhatWasThereBeforeIsNeverRemoved) {
  server.queues["mine"] = {{"VisibilityTimeout", "30"}};
  ASSERT_TRUE(apply_text("  mine: {delay: 5s}\n  made: {}"));
  EXPECT_EQ(server.queues["mine"]["DelaySeconds"], "5");
  ASSERT_TRUE(apply_text("  other: {}", Prune::kYes));
  EXPECT_TRUE(server.queues.contains("mine"));
  EXPECT_FALSE(server.queues.contains("made"));
}

TEST_F(PlanTest, WhatCouldNotBeMadeIsNotItsOwn) {
  server.fails = "CreateQueue";
  EXPECT_FALSE(apply_text("  a: {}"));
  server.fails.clear();
  server.queues["a"] = {};
  ASSERT_TRUE(apply_text("  b: {}", Prune::kYes));
  EXPECT_TRUE(server.queues.contains("a"));
}

TEST_F(PlanTest, WhatWasMadeBeforeAFailureIsKnownAsItsOwn) {
  server.fails = "SetQueueAttributes";
  EXPECT_FALSE(apply_text("  a: {dead_letter: {queue: b}}\n  b: {}"));
  server.fails.clear();
  ASSERT_TRUE(apply_text("  b: {}", Prune::kYes));
  EXPECT_FALSE(server.queues.contains("a"));
}

TEST_F(PlanTest, AFieldThatCannotChangeIsToldBeforeAnythingIsDone) {
  ASSERT_TRUE(apply_text("  a: {}"));
  auto made = make_plan(context, *parse_text("name: shop\nqueues:\n  a: {fifo: true}"), Prune::kNo);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("queue a: fifo cannot change"));
}

TEST_F(PlanTest, TheReportIsReadable) {
  Plan made = plan("  a: {description: Orders, visibility_timeout: 2m}");
  std::vector<Planned> schedules{planned("nightly", "cron(0 3 * * ? *)", "Asia/Tokyo")};
  TimePoint from = at("2026-11-01T00:00:00Z"), to = at("2026-11-03T00:00:00Z");
  Forecast none;
  auto after = forecast(
      schedules, {{"nightly", {.cpu_units = 2048, .memory_mb = 64, .duration = kHour}}}, from, to);
  Report report{made, schedules, none, *after, from, to, 1024, 512};
  std::string text = format_report(report, Format::kText);
  EXPECT_THAT(text, HasSubstr("  + queue a: Orders\n      visibility_timeout: 2m\n"));
  EXPECT_THAT(text, Not(HasSubstr("retention")));
  EXPECT_THAT(text,
              HasSubstr("nightly (cron(0 3 * * ? *) in Asia/Tokyo): 2 added, 0 moved, 0 dropped"));
  EXPECT_THAT(text, HasSubstr("added: 2026-11-01T18:00Z, 2026-11-02T18:00Z"));
  EXPECT_THAT(text, HasSubstr("CPU: 2048 units at 2026-11-01T18:00Z (before: 0), the machine has "
                              "1024: runs will wait"));
  EXPECT_THAT(format_report(report, Format::kMarkdown), HasSubstr("- + queue `a`: Orders\n"));
  json::value data = json::parse(format_report(report, Format::kJson));
  EXPECT_EQ(data.at("changes").at(0).at("action"), "create");
  EXPECT_EQ(data.at("schedules").at(0).at("runs").at(1), "2026-11-02T18:00:00.000Z");
  EXPECT_EQ(data.at("peak").at("cpu").at("value"), 2048);
}

}  // namespace
}  // namespace suiro::definition
