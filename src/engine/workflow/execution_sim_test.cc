// SPDX-License-Identifier: Apache-2.0
// Random machines whose tasks answer at random, once without and once with mishaps: crashes between
// any two steps, steps that are lost before their commit, occurrences that come twice and late.
// Both runs tell the same history. A failure prints its seed: SUIRO_WORKFLOW_SEED=n plays it alone,
// SUIRO_WORKFLOW_ROUNDS=n more of them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/workflow/drive.h"
#include "engine/workflow/history_json.h"

namespace suiro::workflow {
namespace {

constexpr uint64_t kRounds = 50;
const TimePoint kStart = parse_iso8601("2026-01-01T00:00:00Z").value();

// A definition of random states. Every state gives {"items": [...], "n": ...} on, with more.
class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  json::Value machine() {
    json::Object machine = group(2);
    if (chance(10)) machine.set("TimeoutSeconds", static_cast<int64_t>(1 + random_.below(20)));
    return machine;
  }

 private:
  bool chance(uint64_t percent) { return random_.below(100) < percent; }
  std::string name() { return fmt::format("S{}", ++names_); }

  json::Object group(int depth) {
    const size_t count = 1 + random_.below(4);
    std::vector<std::string> names;
    for (size_t index = 0; index < count; ++index) names.push_back(name());
    json::Object states;
    for (size_t index = 0; index < count; ++index) {
      const std::string& next = index + 1 < count ? names[index + 1] : "";
      states.set(names[index], state(next, depth));
    }
    json::Object made;
    made.set("StartAt", names[0]);
    made.set("States", std::move(states));
    return made;
  }

  json::Value state(const std::string& next, int depth) {
    const uint64_t kind = random_.below(depth > 0 ? 10 : 6);
    json::Object state;
    if (kind == 0 && !next.empty()) return choice(next);
    if (kind == 1 && next.empty() && chance(40)) {
      state.set("Type", "Fail");
      if (chance(80)) state.set("Error", chance(50) ? "E1" : "E2");
      return state;
    }
    if (kind <= 1) {
      pass(state);
    } else if (kind == 2) {
      state.set("Type", "Wait");
      state.set("Seconds", static_cast<int64_t>(random_.below(4)));
    } else if (kind <= 5) {
      task(state, next);
    } else if (kind <= 7) {
      parallel(state, next, depth);
    } else {
      map(state, next, depth);
    }
    if (chance(20)) state.set("Assign", assigned());
    if (next.empty()) {
      state.set("End", true);
    } else {
      state.set("Next", next);
    }
    return state;
  }

  json::Value assigned() {
    json::Object variables;
    variables.set(fmt::format("v{}_{}", names_, random_.below(2)), static_cast<int64_t>(names_));
    return variables;
  }

  json::Value choice(const std::string& next) {
    json::Object rule;
    rule.set("Variable", "$.n");
    rule.set("NumericGreaterThan", static_cast<int64_t>(random_.below(3)));
    rule.set("Next", next);
    json::Object state;
    state.set("Type", "Choice");
    state.set("Choices", json::Array{rule});
    if (chance(80)) state.set("Default", next);
    return state;
  }

  void pass(json::Object& state) {
    state.set("Type", "Pass");
    if (chance(30)) return;
    if (chance(30)) return jsonata_pass(state);
    json::Object parameters;
    parameters.set("items.$", "$.items");
    parameters.set("n.$", "States.MathAdd($.n, 1)");
    // Sometimes too long to stand in a cell.
    if (chance(30)) parameters.set("pad", std::string(300, 'x'));
    state.set("Parameters", std::move(parameters));
  }

  void jsonata_pass(json::Object& state) {
    json::Object output;
    output.set("items", "{% $states.input.items %}");
    output.set("n", chance(90) ? "{% $states.input.n + 1 %}" : "{% $states.input.none %}");
    output.set("dice", "{% $random() %}");
    output.set("entered", "{% $states.context.State.EnteredTime %}");
    state.set("QueryLanguage", "JSONata");
    state.set("Output", std::move(output));
  }

  void task(json::Object& state, const std::string& next) {
    state.set("Type", "Task");
    const uint64_t kind = random_.below(4);
    state.set("Resource", kind == 0   ? "arn:aws:lambda:us-east-1:000000000000:function:f"
                          : kind == 1 ? "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
                          : kind == 2 ? "arn:aws:states:us-east-1:000000000000:activity:a"
                                      : "arn:aws:states:::lambda:invoke");
    if (kind == 1 || kind == 3) {
      json::Object message;
      message.set("Retries.$", "$$.State.RetryCount");
      if (kind == 1) message.set("Token.$", "$$.Task.Token");
      json::Object parameters;
      parameters.set(kind == 1 ? "QueueUrl" : "FunctionName", "target");
      parameters.set(kind == 1 ? "MessageBody" : "Payload", std::move(message));
      state.set("Parameters", std::move(parameters));
    }
    state.set("ResultPath", "$.task");
    state.set("TimeoutSeconds", static_cast<int64_t>(2 + random_.below(5)));
    if (chance(30)) state.set("HeartbeatSeconds", int64_t{1});
    handlers(state, next);
  }

  void handlers(json::Object& state, const std::string& next) {
    if (chance(50)) {
      json::Object retrier;
      retrier.set("ErrorEquals", json::Array{chance(50) ? "E1" : "States.Timeout", "E3"});
      retrier.set("MaxAttempts", static_cast<int64_t>(random_.below(3)));
      retrier.set("MaxDelaySeconds", int64_t{3});
      if (chance(50)) retrier.set("JitterStrategy", "FULL");
      state.set("Retry", json::Array{retrier});
    }
    if (!next.empty() && chance(50)) {
      json::Object catcher;
      catcher.set("ErrorEquals", json::Array{chance(70) ? "States.ALL" : "E2"});
      catcher.set("ResultPath", "$.error");
      catcher.set("Next", next);
      state.set("Catch", json::Array{catcher});
    }
  }

  void parallel(json::Object& state, const std::string& next, int depth) {
    state.set("Type", "Parallel");
    json::Array branches;
    const size_t count = 1 + random_.below(3);
    for (size_t index = 0; index < count; ++index) branches.emplace_back(group(depth - 1));
    state.set("Branches", std::move(branches));
    state.set("ResultPath", chance(30) ? json::Value("$.results") : json::Value());
    handlers(state, next);
  }

  void map(json::Object& state, const std::string& next, int depth) {
    state.set("Type", "Map");
    json::Object processor = group(depth - 1);
    json::Object config;
    const bool is_distributed = chance(20);
    config.set("Mode", is_distributed ? "DISTRIBUTED" : "INLINE");
    if (is_distributed) config.set("ExecutionType", "STANDARD");
    processor.set("ProcessorConfig", std::move(config));
    state.set("ItemProcessor", std::move(processor));
    state.set("ItemsPath", "$.items");
    if (chance(60)) state.set("MaxConcurrency", static_cast<int64_t>(random_.below(3)));
    json::Object selector;
    selector.set("items.$", "$.items");
    selector.set("n.$", "$$.Map.Item.Index");
    state.set("ItemSelector", std::move(selector));
    state.set("ResultPath", chance(30) ? json::Value("$.results") : json::Value());
    handlers(state, next);
  }

  SeededRandom random_;
  int names_ = 0;
};

// What an effect is answered depends on the seed and the effect alone.
MockAnswer answer_of(uint64_t seed, const Effect& effect) {
  SeededRandom random(seed * 1'000'003 + effect_id(effect));
  MockAnswer answer{.started_after = Millis(random.below(500)),
                    .worker_name = "worker",
                    .map_run_arn = "arn:map-run",
                    .answered_after = Millis(random.below(5000))};
  for (uint64_t beat = random.below(8); beat > 0; --beat) {
    answer.heartbeats_after.emplace_back(beat * 700);
  }
  if (random.below(2) == 0) answer.submitted = R"({"id":1})";
  const uint64_t end = random.below(10);
  if (end < 7) {
    answer.output = fmt::format(R"({{"result":{},"pad":"{}"}})", random.below(100),
                                std::string(random.below(2) * 300, 'y'));
  } else if (end < 9 || std::holds_alternative<MapRunEffect>(effect)) {
    answer.failure =
        EffectFailed{.error = fmt::format("E{}", 1 + random.below(3)), .cause = "because"};
  }
  return answer;
}

struct Store : PayloadSink {
  std::map<Bytes, Bytes> cells;
  Payloads payloads;

  void put(const PayloadHash& hash, const Payload& text) override { payloads[hash] = text; }
  void take(Execution& execution) {
    for (CellChange& change : execution.take_changes(*this)) {
      if (change.value) {
        cells[change.key] = *change.value;
      } else {
        EXPECT_EQ(cells.erase(change.key), 1) << "only what is there is erased";
      }
    }
  }
  std::vector<Cell> all() const {
    std::vector<Cell> list;
    for (const auto& [key, value] : cells) list.push_back({key, value});
    return list;
  }
};

struct World {
  std::shared_ptr<const Plan> plan;
  ExecutionInfo info;
  ExecutionLimits limits;

  Execution load(const Store& store) const {
    auto wanted = Execution::payloads_of(store.all());
    EXPECT_TRUE(wanted) << wanted.error().message;
    Payloads payloads;
    for (const PayloadHash& hash : *wanted) {
      EXPECT_TRUE(store.payloads.contains(hash));
      payloads[hash] = store.payloads.at(hash);
    }
    auto loaded = Execution::load(plan, info, limits, store.all(), payloads);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? std::move(*loaded) : Execution(plan, info, limits);
  }
};

World world_of(uint64_t seed) {
  Maker maker(seed);
  const std::string definition = json::write(maker.machine());
  const Compiled compiled = compile(definition);
  EXPECT_NE(compiled.plan, nullptr) << compiled.summary() << definition;
  World world{.plan = compiled.plan};
  world.info.start = kStart;
  world.info.input = std::make_shared<const std::string>(R"({"items":[1,2,3],"n":1})");
  world.limits.inline_concurrency_max = 1 + seed % 3;
  if (seed % 10 == 0) world.limits.events_max = 60;
  return world;
}

void plan_interventions(Drive& drive, uint64_t seed) {
  SeededRandom random(seed ^ 0x5eed);
  if (random.below(10) == 0) {
    drive.plan(kStart + Millis(random.below(8000)), Stopped{.error = "stopped"});
  }
  if (random.below(2) == 0) drive.plan(kStart + std::chrono::minutes(10), Redriven{});
  if (random.below(4) == 0) drive.plan(kStart + std::chrono::minutes(20), Redriven{});
}

std::vector<std::string> told(const Drive& drive) {
  std::vector<std::string> lines;
  for (const HistoryEvent& event : drive.history())
    lines.push_back(json::write(history_json(event)));
  if (drive.ending()) {
    lines.push_back(fmt::format("ended {} {} {}", static_cast<int>(drive.ending()->status),
                                drive.ending()->error.value_or("-"),
                                drive.ending()->output ? **drive.ending()->output : "-"));
  }
  return lines;
}

Drive drive_of(const World& world, uint64_t seed) {
  return Drive(Execution(world.plan, world.info, world.limits),
               {.start = kStart, .seed = seed, .mock = [seed](const Effect& effect) {
                  return answer_of(seed, effect);
                }});
}

// A step that is lost with the process before its commit: it leaves nothing.
void lose_step(const World& world, const Store& store, const Drive& drive) {
  if (drive.planned().empty() || store.cells.empty()) return;
  SeededRandom dice(1);
  Execution doomed = world.load(store);
  Store elsewhere;
  doomed.step(drive.planned().begin()->second,
              {.now = drive.planned().begin()->first, .random = &dice});
  doomed.take_changes(elsewhere);
}

// Another heartbeat is a heartbeat; a stop and a redrive are requests of their own.
bool comes_twice(const Occurrence& occurrence) {
  return !std::holds_alternative<Heartbeat>(occurrence) &&
         !std::holds_alternative<Stopped>(occurrence) &&
         !std::holds_alternative<Redriven>(occurrence);
}

std::vector<std::string> run_with_mishaps(const World& world, uint64_t seed) {
  SeededRandom random(seed ^ 0xbad);
  Store store;
  std::vector<Occurrence> past;
  Drive drive = Drive(Execution(world.plan, world.info, world.limits),
                      {.start = kStart,
                       .seed = seed,
                       .mock = [seed](const Effect& effect) { return answer_of(seed, effect); },
                       .stepped =
                           [&](Drive& running, const Outcome&) {
                             store.take(running.execution());
                             if (random.below(3) == 0) running.replace(world.load(store));
                           }});
  plan_interventions(drive, seed);
  do {
    if (random.below(5) == 0) lose_step(world, store, drive);
    if (drive.planned().empty()) break;
    const auto [at, next] = *drive.planned().begin();
    if (comes_twice(next)) past.push_back(next);
    if (random.below(3) == 0) {
      drive.plan(at + Millis(random.below(3000)), past[random.below(past.size())]);
    }
  } while (drive.advance() && drive.steps() < 20'000);
  if (drive.execution().status() == ExecutionStatus::kSucceeded) {
    EXPECT_EQ(store.cells.size(), 1) << "nothing but the header stays";
  }
  return told(drive);
}

void check_history(const std::vector<HistoryEvent>& history) {
  for (size_t index = 0; index < history.size(); ++index) {
    EXPECT_EQ(history[index].id, index + 1);
    EXPECT_LT(history[index].previous_id, history[index].id);
  }
}

TEST(ExecutionSim, MishapsChangeNothing) {
  const char* given = std::getenv("SUIRO_WORKFLOW_SEED");
  const char* rounds = std::getenv("SUIRO_WORKFLOW_ROUNDS");
  const uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  const uint64_t count = given != nullptr    ? 1
                         : rounds != nullptr ? std::strtoull(rounds, nullptr, 10)
                                             : kRounds;
  std::map<ExecutionStatus, int> endings;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(fmt::format("SUIRO_WORKFLOW_SEED={}", seed));
    const World world = world_of(seed);
    if (!world.plan) return;
    Drive twin = drive_of(world, seed);
    plan_interventions(twin, seed);
    ASSERT_TRUE(twin.run());
    ++endings[twin.execution().status()];
    check_history(twin.history());
    const std::vector<std::string> wanted = told(twin);
    const std::vector<std::string> came = run_with_mishaps(world, seed);
    for (size_t line = 0; line < std::min(wanted.size(), came.size()); ++line) {
      ASSERT_EQ(wanted[line], came[line]);
    }
    ASSERT_EQ(wanted.size(), came.size());
    if (testing::Test::HasFailure()) return;
  }
  if (count < kRounds) return;
  EXPECT_GT(endings[ExecutionStatus::kSucceeded], 5);
  EXPECT_GT(endings[ExecutionStatus::kFailed], 5);
  EXPECT_GT(endings[ExecutionStatus::kTimedOut], 0);
  EXPECT_EQ(endings[ExecutionStatus::kRunning], 0) << "every execution ends";
}

}  // namespace
}  // namespace suiro::workflow
