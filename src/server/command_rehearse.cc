// SPDX-License-Identifier: Apache-2.0
#include "server/command_rehearse.h"

#include <fmt/format.h>
#include <unistd.h>

#include "engine/schedule/schedule.h"
#include "engine/statechart/drawing.h"
#include "server/command_timeline.h"
#include "server/rehearsal_text.h"
#include "server/text_files.h"
#include "server/workflow_files.h"
#include "services/scheduler/target.h"

namespace suiro::server {
namespace {

using rehearsal::Rehearsed;
using workflow::ExecutionStatus;

// "arn:...:execution:day:e1" -> "day: e1": an ARN is too long for a title.
std::string execution_title(const std::string& arn) {
  constexpr std::string_view kExecution = ":execution:";
  size_t at = arn.find(kExecution);
  if (at == arn.npos) return arn;
  std::string title = arn.substr(at + kExecution.size());
  if (size_t colon = title.find(':'); colon != title.npos) title.insert(colon + 1, " ");
  return title;
}

// Of a child of a distributed Map, which begins inside of it: what is inside.
std::shared_ptr<const workflow::Plan> plan_of_course(std::shared_ptr<const workflow::Plan> plan,
                                                     const statechart::Looks& looks) {
  if (looks.path.empty()) return plan;
  auto first = plan->by_name.find(looks.path.front());
  if (first == plan->by_name.end() || first->second->group->parent == nullptr) return plan;
  return workflow::child_plan(plan, *first->second->group->parent);
}

// As a schedule would give it to an execution that it starts.
std::string input_at(const std::string& input, const std::string& execution, TimePoint time) {
  scheduler::Occasion occasion;
  occasion.schedule_arn = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/rehearsal";
  occasion.nominal = time;
  occasion.execution_id = execution;
  return scheduler::fill(input, occasion, 1);
}

}  // namespace

void RehearseCommand::add_to(CLI::App* command) {
  command_ = command;
  command->add_option("file", file_, "Definition (Amazon States Language)")->required();
  command->add_option("--input", input_,
                      "File with the execution's input, or the JSON itself "
                      "(default: {}, or the recorded one)");
  command->add_option("--mocks", mocks_, "File: what the tasks answer, and after how long");
  command->add_option("--recorded", recorded_, "ARN of an execution whose tasks' answers are used");
  command->add_option("--save-mocks", save_mocks_, "Write the answers of --recorded to this file");
  command->add_option("--from", from_, "When it starts: a day, a time, or now")->default_str(from_);
  auto* days = command->add_option("--days", days_, "Start it on so many days, at the same time")
                   ->check(CLI::Range(1, 3660));
  command->add_option("--schedule", schedule_, "With --days: cron(...) or rate(...) starts it")
      ->needs(days);
  command->add_option("--timezone", zone_, "Of the schedule and of days (default: UTC)");
  command->add_option("--svg", svg_, "Draw the last execution into this file");
  command->add_option("--expect", expect_, "File: the output must be this JSON");
  command->add_flag("--json", json_, "Print each execution as a line of JSON");
  command->add_option("--seed", seed_, "Of the dice: jitter, $random, UUIDs")->default_str("1");
}

Result<std::vector<TimePoint>> RehearseCommand::starts() const {
  TRY(TimePoint from, parse_time_argument(from_, RealClock().now()));
  if (days_ == 0) return std::vector{from};
  TRY(TimeZone zone, TimeZone::load(zone_));
  TimePoint until = from + std::chrono::days(days_);
  std::vector<TimePoint> out;
  if (schedule_.empty()) {
    CivilTime civil = zone.civil_at(from);
    for (size_t day = 0; day < days_; ++day, civil += std::chrono::days(1)) {
      auto instants = zone.instants_of(civil);
      if (instants.count > 0) out.push_back(instants.first);
    }
    return out;
  }
  TRY(auto expression, schedule::Expression::parse(schedule_, schedule::Dialect::kScheduler));
  schedule::Schedule schedule({.expression = expression, .zone = zone, .rate_from = from});
  for (TimePoint time : schedule.between(from, until)) {
    if (out.size() == kRehearsalsMax) {
      return fail(codes::kTooLarge,
                  fmt::format("the schedule starts more than {} executions", kRehearsalsMax));
    }
    out.push_back(time);
  }
  return out;
}

Result<RehearseCommand::Given> RehearseCommand::given(const ServerAddress& address) const {
  Given given;
  if (!mocks_.empty()) {
    TRY(std::string text, read_text_file(mocks_));
    TRY(given.mocks, rehearsal::Mocks::parse(text));
  }
  if (!recorded_.empty()) {
    TRY(RecordedAnswers recorded, fetch_answers(address, recorded_));
    if (recorded.without_history > 0) {
      fmt::print(stderr, "suiro: {} children of distributed Maps have no history to take from\n",
                 recorded.without_history);
    }
    if (!save_mocks_.empty()) {
      TRY_VOID(write_text_file(save_mocks_, rehearsal::Mocks::text_of(recorded.answers)));
    }
    given.input = std::move(recorded.input);
    given.mocks.set_recorded(std::move(recorded.answers));
  }
  if (!input_.empty()) {
    bool is_json = input_.starts_with('{') || input_.starts_with('[');
    TRY(given.input, is_json ? Result<std::string>(input_) : read_text_file(input_));
  }
  auto parsed = json::parse(given.input);
  if (!parsed) return fail(parsed.error().code, "the input: " + parsed.error().message);
  given.input = json::write(*parsed);
  // Where a server runs, tasks without a time of their own take as long as they took there.
  given.mocks.set_past_duration(past_durations(address));
  return given;
}

Result<std::vector<Rehearsed>> RehearseCommand::rehearse(
    const std::shared_ptr<const workflow::Plan>& plan, const Given& given) const {
  TRY(std::vector<TimePoint> times, starts());
  std::vector<Rehearsed> runs;
  for (TimePoint time : times) {
    rehearsal::Mocks own = given.mocks;
    rehearsal::Rehearsal rehearsal(plan, own);
    std::string name = fmt::format("rehearsal-{}", runs.size() + 1);
    TRY(Rehearsed run, rehearsal.run({.name = name,
                                      .input = input_at(given.input, name, time),
                                      .start = time,
                                      .seed = seed_ + runs.size()}));
    runs.push_back(std::move(run));
    if (times.size() > 1 && isatty(STDERR_FILENO) != 0) {
      fmt::print(stderr, "\r{} of {} executions", runs.size(), times.size());
    }
  }
  if (times.size() > 1 && isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\x1b[K");
  return runs;
}

Result<void> RehearseCommand::show(const workflow::Plan& plan,
                                   const std::vector<Rehearsed>& runs) const {
  if (json_) {
    for (const Rehearsed& run : runs) fmt::print("{}\n", rehearsal_json(run));
  } else {
    fmt::print("{}", rehearsal_text(file_, plan, runs));
  }
  if (svg_.empty() || runs.empty()) return ok();
  TRY(std::string picture,
      statechart::draw_svg(plan, {.title = file_, .looks = &runs.back().looks}));
  return write_text_file(svg_, picture);
}

Result<void> RehearseCommand::judge(const std::vector<Rehearsed>& runs) const {
  std::optional<json::Value> expected;
  if (!expect_.empty()) {
    TRY(std::string text, read_text_file(expect_));
    TRY(expected, json::parse(text));
  }
  for (const Rehearsed& run : runs) {
    if (run.status != ExecutionStatus::kSucceeded) {
      return fail("ExecutionFailed", fmt::format("the execution of {} did not succeed: {} {}",
                                                 format_iso8601(run.begun), run.error, run.cause));
    }
    if (!expected) continue;
    TRY(json::Value output, json::parse(run.output));
    if (output != *expected) {
      return fail("OutputDiffers",
                  fmt::format("the output of {} is not what {} has:\n{}", format_iso8601(run.begun),
                              expect_, first_difference(*expected, output)));
    }
  }
  return ok();
}

Result<void> RehearseCommand::run(const ServerAddress& address) const {
  TRY(auto plan, read_definition(file_));
  TRY(Given given, this->given(address));
  TRY(std::vector<Rehearsed> runs, rehearse(plan, given));
  TRY_VOID(show(*plan, runs));
  return judge(runs);
}

void DrawCommand::add_to(CLI::App* command) {
  command_ = command;
  command->add_option("what", what_, "File of a definition, or ARN of an execution")->required();
  command->add_option("--to", to_, "SVG file")->required();
}

Result<void> DrawCommand::run(const ServerAddress& address) const {
  if (!what_.starts_with("arn:")) {
    TRY(auto plan, read_definition(what_));
    TRY(std::string picture, statechart::draw_svg(*plan, {.title = what_}));
    return write_text_file(to_, picture);
  }
  TRY(RecordedExecution recorded, fetch_execution(address, what_));
  TRY(auto plan, compile_definition(recorded.definition));
  auto looks = statechart::looks_of(recorded.history);
  plan = plan_of_course(std::move(plan), looks);
  TRY(RecordedChildren children, fetch_children(address, what_));
  for (const auto& history : children.histories) {
    statechart::add_child(looks, statechart::looks_of(history));
  }
  if (children.unread > 0) {
    fmt::print(stderr, "suiro: the picture lacks {} children of distributed Maps\n",
               children.unread);
  }
  TRY(std::string picture,
      statechart::draw_svg(*plan, {.title = execution_title(what_), .looks = &looks}));
  return write_text_file(to_, picture);
}

}  // namespace suiro::server
