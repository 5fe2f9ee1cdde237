// SPDX-License-Identifier: Apache-2.0
// The contract of Execution beyond what the golden documents tell: steps, occurrences that nobody
// waits for, cells, payloads, what is asked of the driver.
#include "engine/workflow/execution.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/workflow/drive.h"

namespace suiro::workflow {
namespace {

using testing::ElementsAre;

constexpr std::string_view kTask =
    R"({"StartAt":"T","States":{"T":{"Type":"Task","End":true,"TimeoutSeconds":9,
        "HeartbeatSeconds":3,"Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters":{"QueueUrl":"q","MessageBody":{"t.$":"$$.Task.Token"}}}}})";

std::shared_ptr<const Plan> plan_of(std::string_view definition) {
  Compiled compiled = compile(definition);
  EXPECT_NE(compiled.plan, nullptr) << compiled.summary();
  return compiled.plan;
}

struct Sink : PayloadSink {
  void put(const PayloadHash& hash, const Payload& text) override {
    EXPECT_EQ(hash, payload_hash(*text));
    ++puts;
    payloads[hash] = text;
  }
  int puts = 0;
  Payloads payloads;
};

class ExecutionTest : public testing::Test {
 protected:
  Execution make(std::string_view definition, std::string input = "{}") {
    info_.input = std::make_shared<const std::string>(std::move(input));
    return Execution(plan_of(definition), info_, limits_);
  }
  Outcome step(Execution& execution, const Occurrence& occurrence, int64_t at_ms = 0) {
    Moment moment{.now = TimePoint(Millis(at_ms)), .random = &random_};
    moment.token = [](uint64_t effect) { return fmt::format("token-{}", effect); };
    return execution.step(occurrence, moment);
  }
  static std::vector<EventType> types(const Outcome& outcome) {
    std::vector<EventType> types;
    for (const HistoryEvent& event : outcome.history) types.push_back(event.type);
    return types;
  }
  static bool is_empty(const Outcome& outcome) {
    return outcome.history.empty() && outcome.effects.empty() && outcome.timers_set.empty() &&
           outcome.timers_cancelled.empty() && outcome.cancelled_effects.empty() &&
           !outcome.ended && !outcome.more;
  }

  ExecutionInfo info_;
  ExecutionLimits limits_;
  SeededRandom random_{1};
};

TEST_F(ExecutionTest, ATaskAsksForWorkAndTimers) {
  Execution execution = make(kTask);
  const Outcome begun = step(execution, Started{}, 1000);
  ASSERT_EQ(begun.effects.size(), 1);
  const auto& effect = std::get<TaskEffect>(begun.effects[0]);
  EXPECT_EQ(effect.state, "T");
  EXPECT_EQ(effect.resource.service, "sqs");
  EXPECT_EQ(effect.token, fmt::format("token-{}", effect.id));
  EXPECT_EQ(effect.arguments,
            fmt::format(R"({{"QueueUrl":"q","MessageBody":{{"t":"{}"}}}})", effect.token));
  EXPECT_EQ(effect.timeout_seconds, 9);
  EXPECT_EQ(effect.heartbeat_seconds, 3);
  ASSERT_EQ(begun.timers_set.size(), 2);
  EXPECT_EQ(begun.timers_set[0].due, TimePoint(Millis(10'000)));
  EXPECT_EQ(begun.timers_set[1].due, TimePoint(Millis(4000)));
  EXPECT_TRUE(execution.awaits(effect.id));
  EXPECT_FALSE(execution.awaits(effect.id + 100));

  const Outcome done = step(execution, EffectSucceeded{.effect = effect.id, .output = "1"}, 2000);
  EXPECT_THAT(types(done),
              ElementsAre(EventType::kTaskStarted, EventType::kTaskSucceeded,
                          EventType::kTaskStateExited, EventType::kExecutionSucceeded));
  EXPECT_EQ(done.timers_cancelled.size(), 2);
  EXPECT_TRUE(done.cancelled_effects.empty());
  ASSERT_TRUE(done.ended);
  EXPECT_EQ(**done.ended->output, "1");
  EXPECT_EQ(execution.status(), ExecutionStatus::kSucceeded);
  EXPECT_FALSE(execution.awaits(effect.id));
}

TEST_F(ExecutionTest, WhatNobodyWaitsForChangesNothing) {
  Execution execution = make(kTask);
  EXPECT_TRUE(is_empty(step(execution, TimerFired{.timer = 7})));
  EXPECT_TRUE(is_empty(step(execution, Stopped{})));
  const Outcome begun = step(execution, Started{});
  const uint64_t effect = effect_id(begun.effects.at(0));
  EXPECT_TRUE(is_empty(step(execution, Started{})));
  EXPECT_TRUE(is_empty(step(execution, Redriven{})));
  EXPECT_TRUE(is_empty(step(execution, EffectFailed{.effect = effect + 50})));
  EXPECT_TRUE(is_empty(step(execution, MapRunBegan{.effect = effect})));
  step(execution, EffectFailed{.effect = effect, .error = "E"});
  EXPECT_EQ(execution.status(), ExecutionStatus::kFailed);
  EXPECT_TRUE(is_empty(step(execution, EffectSucceeded{.effect = effect, .output = "1"})));
  EXPECT_TRUE(is_empty(step(execution, TimerFired{begun.timers_set[0].id})));
  EXPECT_TRUE(is_empty(step(execution, Heartbeat{effect})));
  EXPECT_TRUE(is_empty(step(execution, Stopped{})));
}

TEST_F(ExecutionTest, AHeartbeatPutsItsTimerOff) {
  Execution execution = make(kTask);
  const Outcome begun = step(execution, Started{});
  const uint64_t effect = effect_id(begun.effects.at(0));
  const Outcome beat = step(execution, Heartbeat{effect}, 2000);
  ASSERT_EQ(beat.timers_set.size(), 1);
  EXPECT_EQ(beat.timers_set[0].due, TimePoint(Millis(5000)));
  ASSERT_EQ(beat.timers_cancelled.size(), 1);
  EXPECT_EQ(beat.timers_cancelled[0].id, begun.timers_set[1].id);
  EXPECT_TRUE(beat.history.empty());
  const Outcome late = step(execution, TimerFired{beat.timers_set[0].id}, 5000);
  EXPECT_THAT(late.cancelled_effects, ElementsAre(effect));
  EXPECT_THAT(types(late), ElementsAre(EventType::kTaskTimedOut, EventType::kExecutionFailed));
}

TEST_F(ExecutionTest, ALongChainComesInSeveralSteps) {
  limits_.events_max = 2500;
  Execution execution = make(
      R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"C"},"C":{"Type":"Choice","Choices":
          [{"Variable":"$.x","IsPresent":true,"Next":"E"}],"Default":"A"},
          "E":{"Type":"Succeed"}}})");
  Outcome outcome = step(execution, Started{});
  size_t events = outcome.history.size();
  EXPECT_GE(events, kStepEventsMax);
  EXPECT_LE(events, kStepEventsMax + 2);
  int steps = 1;
  while (outcome.more) {
    outcome = step(execution, Continue{});
    events += outcome.history.size();
    ++steps;
  }
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(events, 2500);
  EXPECT_EQ(execution.events(), 2500);
  EXPECT_EQ(outcome.ended->status, ExecutionStatus::kFailed);
}

TEST_F(ExecutionTest, ExpressExecutionsHaveNoQuotaOfEvents) {
  limits_.events_max = 5;
  info_.type = MachineType::kExpress;
  Execution execution = make(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},
      "B":{"Type":"Pass","End":true}}})");
  EXPECT_EQ(step(execution, Started{}).ended->status, ExecutionStatus::kSucceeded);
  EXPECT_EQ(execution.events(), 6);
}

TEST_F(ExecutionTest, WorkAskedForAndCancelledInOneStepIsNotAskedFor) {
  Execution execution = make(
      R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"T","States":{"T":{"Type":"Task","End":true,"TimeoutSeconds":5,
          "Resource":"arn:aws:lambda:us-east-1:000000000000:function:f"}}},
        {"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}]}}})");
  const Outcome outcome = step(execution, Started{});
  EXPECT_TRUE(outcome.effects.empty());
  EXPECT_TRUE(outcome.cancelled_effects.empty());
  EXPECT_TRUE(outcome.timers_set.empty());
  EXPECT_TRUE(outcome.timers_cancelled.empty());
  EXPECT_EQ(outcome.ended->error, "E");
}

TEST_F(ExecutionTest, JitterStaysBelowTheDelay) {
  Execution execution = make(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","End":true,
        "Resource":"arn:aws:lambda:us-east-1:000000000000:function:f",
        "Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":4,"BackoffRate":1,
                  "MaxAttempts":50,"JitterStrategy":"FULL"}]}}})");
  uint64_t effect = effect_id(step(execution, Started{}).effects.at(0));
  std::set<Millis> delays;
  for (int attempt = 0; attempt < 50; ++attempt) {
    const Outcome failed = step(execution, EffectFailed{.effect = effect, .error = "E"});
    ASSERT_EQ(failed.timers_set.size(), 1);
    const Millis delay = failed.timers_set[0].due.time_since_epoch();
    EXPECT_GE(delay, Millis(0));
    EXPECT_LE(delay, Millis(4000));
    delays.insert(delay);
    effect = effect_id(step(execution, TimerFired{failed.timers_set[0].id}).effects.at(0));
  }
  EXPECT_GT(delays.size(), 40);
}

TEST_F(ExecutionTest, NoIntervalStaysNoDelay) {
  Execution execution = make(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","End":true,
        "Resource":"arn:aws:lambda:us-east-1:000000000000:function:f",
        "Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":0,"BackoffRate":1e308}]}}})");
  uint64_t effect = effect_id(step(execution, Started{}).effects.at(0));
  for (int attempt = 0; attempt < 3; ++attempt) {
    const Outcome failed = step(execution, EffectFailed{.effect = effect, .error = "E"});
    ASSERT_EQ(failed.timers_set.size(), 1);
    EXPECT_EQ(failed.timers_set[0].due.time_since_epoch(), Millis(0)) << attempt;
    effect = effect_id(step(execution, TimerFired{failed.timers_set[0].id}).effects.at(0));
  }
}

TEST_F(ExecutionTest, TextsThatPassThroughAreShared) {
  const std::string input = fmt::format(R"({{"pad": "{}"}})", std::string(1000, 'x'));
  Execution execution = make(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"W"},
      "W":{"Type":"Wait","Seconds":5,"Next":"B"},"B":{"Type":"Succeed"}}})",
                             input);
  const Outcome begun = step(execution, Started{});
  for (const HistoryEvent& event : begun.history) {
    const auto& text = event.input ? event.input : event.output;
    EXPECT_EQ(*text, info_.input) << "the very same text, not a copy";
  }
  Sink sink;
  EXPECT_FALSE(execution.take_changes(sink).empty());
  EXPECT_EQ(sink.puts, 1);
  EXPECT_TRUE(execution.take_changes(sink).empty()) << "nothing changed since";
  step(execution, TimerFired{begun.timers_set[0].id});
  execution.take_changes(sink);
  EXPECT_EQ(sink.puts, 1) << "a text is told once";
}

TEST_F(ExecutionTest, LoadRefusesWhatDoesNotBelongTogether) {
  const auto plan = plan_of(kTask);
  info_.input = std::make_shared<const std::string>(R"({"x":")" + std::string(300, 'x') + "\"}");
  Execution execution(plan, info_, limits_);
  step(execution, Started{});
  Sink sink;
  std::vector<Cell> cells;
  for (CellChange& change : execution.take_changes(sink)) {
    cells.push_back({change.key, change.value.value()});
  }
  ASSERT_EQ(cells.size(), 2);
  EXPECT_EQ(Execution::payloads_of(cells)->size(), 1);
  EXPECT_TRUE(Execution::load(plan, info_, limits_, cells, sink.payloads));
  EXPECT_FALSE(Execution::load(plan, info_, limits_, cells, {})) << "the text is missing";
  EXPECT_FALSE(Execution::load(plan, info_, limits_, {cells[1]}, sink.payloads)) << "no header";
  const auto other = plan_of(R"({"StartAt":"A","States":{"A":{"Type":"Succeed"}}})");
  EXPECT_FALSE(Execution::load(other, info_, limits_, cells, sink.payloads)) << "another plan";
  for (size_t place = 0; place < cells.size(); ++place) {
    for (size_t size = 0; size < cells[place].value.size(); ++size) {
      std::vector<Cell> damaged = cells;
      damaged[place].value.resize(size);
      EXPECT_FALSE(Execution::load(plan, info_, limits_, damaged, sink.payloads)) << size;
    }
  }
}

TEST_F(ExecutionTest, AMapOfManyItemsRewritesWhatChanged) {
  std::string items = "[0";
  for (int index = 1; index < 500; ++index) items += fmt::format(",{}", index);
  Execution execution = make(
      R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"MaxConcurrency":2,"ItemProcessor":
        {"StartAt":"T","States":{"T":{"Type":"Task","End":true,
          "Resource":"arn:aws:lambda:us-east-1:000000000000:function:f"}}}}}})",
      items + "]");
  Outcome outcome = step(execution, Started{});
  Sink sink;
  execution.take_changes(sink);
  const uint64_t effect = effect_id(outcome.effects.at(0));
  step(execution, EffectSucceeded{.effect = effect, .output = R"({"r":1})"});
  size_t bytes = 0;
  const auto changes = execution.take_changes(sink);
  for (const CellChange& change : changes) bytes += change.value ? change.value->size() : 0;
  EXPECT_EQ(changes.size(), 5) << "header, Map, its new result, a new iteration; one is erased";
  EXPECT_LT(bytes, 400);
}

// What TestState shows.
TEST_F(ExecutionTest, TheInspectorSeesTheStages) {
  struct Stages : Inspector {
    void saw(const State&, std::string_view stage, const json::Value& value) override {
      seen.push_back(fmt::format("{} {}", stage, json::write(value)));
    }
    void retries(const State&, const StateError&, size_t retrier, Millis delay) override {
      seen.push_back(fmt::format("retrier {} {}", retrier, delay.count()));
    }
    void caught(const State&, const StateError&, size_t catcher) override {
      seen.push_back(fmt::format("catcher {}", catcher));
    }
    std::vector<std::string> seen;
  };
  const Compiled compiled = compile(
      R"({"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f",
          "InputPath":"$.in","Parameters":{"p.$":"$.a"},"ResultSelector":{"s.$":"$.r"},
          "ResultPath":"$.out","OutputPath":"$.out","Next":"Elsewhere",
          "Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],
          "Catch":[{"ErrorEquals":["X"],"Next":"X"},{"ErrorEquals":["E"],"Next":"Y"}]})",
      {.single_state = true});
  ASSERT_NE(compiled.plan, nullptr) << compiled.summary();
  info_.input = std::make_shared<const std::string>(R"({"in":{"a":1}})");
  Stages stages;
  int effects = 0;
  const auto mock = [&effects](const Effect&) {
    MockAnswer answer;
    if (++effects == 1) {
      answer.failure = EffectFailed{.error = "E"};
    } else {
      answer.output = R"({"r":2})";
    }
    return answer;
  };
  Drive drive(Execution(compiled.plan, info_, limits_), {.mock = mock, .inspector = &stages});
  ASSERT_TRUE(drive.run());
  EXPECT_THAT(stages.seen, ElementsAre(R"(afterInputPath {"a":1})", R"(afterParameters {"p":1})",
                                       "retrier 0 1000", R"(afterInputPath {"a":1})",
                                       R"(afterParameters {"p":1})", R"(result {"r":2})",
                                       R"(afterResultSelector {"s":2})",
                                       R"(afterResultPath {"in":{"a":1},"out":{"s":2}})"));
  ASSERT_TRUE(drive.ending());
  EXPECT_EQ(drive.ending()->next_state, "Elsewhere");
  EXPECT_EQ(**drive.ending()->output, R"({"s":2})");
}

TEST_F(ExecutionTest, PresetsTellThePast) {
  Presets presets{.context = json::parse(R"({"a":1})").value(), .retries = 2};
  presets.variables.set("v", 7);
  info_.presets = std::make_shared<const Presets>(presets);
  Execution execution = make(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","End":true,
        "Resource":"arn:aws:lambda:us-east-1:000000000000:function:f",
        "Parameters":{"context.$":"$$.a","variable.$":"$v"},
        "Retry":[{"ErrorEquals":["E"],"MaxAttempts":3}]}}})");
  const Outcome begun = step(execution, Started{});
  const auto& effect = std::get<TaskEffect>(begun.effects.at(0));
  EXPECT_EQ(effect.arguments, R"({"context":1,"variable":7})");
  const Outcome failed = step(execution, EffectFailed{.effect = effect.id, .error = "E"});
  ASSERT_EQ(failed.timers_set.size(), 1);
  EXPECT_EQ(failed.timers_set[0].due, TimePoint(Millis(4000))) << "1 s, doubled twice";
}

TEST(EventTypes, HaveTheirNames) {
  EXPECT_EQ(event_type_name(EventType::kActivityFailed), "ActivityFailed");
  EXPECT_EQ(event_type_name(EventType::kMapRunRedriven), "MapRunRedriven");
  EXPECT_EQ(event_type_name(EventType::kWaitStateExited), "WaitStateExited");
  EXPECT_EQ(event_type_of("TaskSubmitted"), EventType::kTaskSubmitted);
  EXPECT_EQ(event_type_of("Nothing"), std::nullopt);
}

}  // namespace
}  // namespace suiro::workflow
