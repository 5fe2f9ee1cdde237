// SPDX-License-Identifier: Apache-2.0
#include "engine/rehearsal/rehearsal.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "engine/workflow/item_batch.h"
#include "engine/workflow/map_run.h"
#include "engine/workflow/result_files.h"

namespace suiro::rehearsal {

using workflow::Effect;
using workflow::EventType;
using workflow::ExecutionStatus;
using workflow::HistoryEvent;
using workflow::MapRunEffect;
using workflow::MockAnswer;
using workflow::TaskEffect;

namespace {

constexpr std::string_view kMachineArn =
    "arn:aws:states:us-east-1:000000000000:stateMachine:rehearsal";

// AWS counts a transition for each state entered, each retry, and the start of the execution.
uint64_t transitions_of(const statechart::Looks& looks) {
  uint64_t count = 1;
  for (const auto& [name, look] : looks.states) count += look.visits + look.retries;
  return count;
}

workflow::ChildStatus child_status(ExecutionStatus status) {
  switch (status) {
    case ExecutionStatus::kSucceeded:
      return workflow::ChildStatus::kSucceeded;
    case ExecutionStatus::kTimedOut:
      return workflow::ChildStatus::kTimedOut;
    case ExecutionStatus::kAborted:
      return workflow::ChildStatus::kAborted;
    default:
      return workflow::ChildStatus::kFailed;
  }
}

MockAnswer failed(const Effect& effect, std::string error, std::string cause) {
  MockAnswer answer;
  answer.failure = {
      .effect = effect_id(effect), .error = std::move(error), .cause = std::move(cause)};
  return answer;
}

std::vector<workflow::Item> as_items(const json::Value& value) {
  std::vector<workflow::Item> out;
  if (value.is_array()) {
    for (const json::Value& item : value.as_array()) out.push_back({item, std::nullopt});
  } else if (value.is_object()) {
    for (const auto& [name, item] : value.as_object()) out.push_back({item, name});
  }
  return out;
}

// One child, from its start to its end.
struct ChildRun {
  uint64_t index = 0;
  TimePoint end;
  ExecutionStatus status = ExecutionStatus::kRunning;
  friend bool operator<(const ChildRun& left, const ChildRun& right) {  // the earliest end on top
    return std::pair(left.end, left.index) > std::pair(right.end, right.index);
  }
};

}  // namespace

// What the executions of one rehearsal share.
struct Rehearsal::Course {
  SeededRandom random;
  statechart::Looks looks;  // of children
  uint64_t transitions = 0;
  uint64_t children = 0;
  Millis task_time{0};
  std::string unanswered;      // the last state that was
  std::optional<Error> error;  // of the rehearsal, not of the workflow
};

Result<Rehearsed> Rehearsal::run(const Options& options) {
  Course course{.random = SeededRandom(options.seed)};
  Rehearsed out;
  TRY_VOID(run_machine(course, {.plan = plan_, .place = {}}, options, out));
  statechart::add_child(out.looks, course.looks);
  out.transitions += course.transitions;
  out.children = course.children;
  out.task_time = course.task_time;
  return out;
}

Result<void> Rehearsal::run_machine(Course& course, const Machine& machine, const Options& options,
                                    Rehearsed& out) {
  workflow::ExecutionInfo info;
  info.execution_name = options.name;
  info.execution_arn =
      fmt::format("arn:aws:states:us-east-1:000000000000:execution:rehearsal:{}", options.name);
  info.machine_arn = kMachineArn;
  info.machine_name = "rehearsal";
  info.role_arn = "arn:aws:iam::000000000000:role/rehearsal";
  info.region = "us-east-1";
  info.start = options.start;
  info.input = std::make_shared<const std::string>(options.input);
  workflow::Drive* running = nullptr;
  workflow::Drive drive(
      workflow::Execution(machine.plan, std::move(info), workflow::ExecutionLimits{}),
      {.start = options.start, .seed = course.random.next(), .mock = [&](const Effect& effect) {
         Place place = machine.place;
         std::ranges::copy(running->execution().iterations_of(effect_id(effect)),
                           std::back_inserter(place));
         return answer(course, effect, {machine, std::move(place), running->now()});
       }});
  running = &drive;
  auto ran = drive.run();
  if (course.error) return fail(*course.error);
  TRY_VOID(std::move(ran));
  out.history = drive.history();
  out.looks = statechart::looks_of(out.history);
  out.transitions = transitions_of(out.looks);
  out.begun = options.start;
  out.ended = out.looks.ended.value_or(drive.now());
  out.status = drive.execution().status();
  if (!drive.ending()) {
    return fail(codes::kNotFound, fmt::format("the state '{}' never gets an answer, and nothing "
                                              "ends that it waits",
                                              course.unanswered));
  }
  const workflow::Ending& ending = *drive.ending();
  if (ending.output) out.output = **ending.output;
  out.error = ending.error.value_or("");
  out.cause = ending.cause.value_or("");
  return ok();
}

MockAnswer Rehearsal::answer(Course& course, const Effect& effect, const Asked& asked) {
  Result<MockAnswer> answer = MockAnswer{};
  if (const auto* task = std::get_if<TaskEffect>(&effect)) {
    answer = mocks_.answer(*task, asked.place, asked.now, course.random);
    if (answer) course.task_time += answer->answered_after;
    if (answer && !answer->output && !answer->failure) course.unanswered = task->state;
  } else {
    answer = run_map(course, std::get<MapRunEffect>(effect), asked);
  }
  if (answer) return std::move(*answer);
  // The first thing that goes wrong ends the rehearsal: nothing more is answered.
  if (!course.error) course.error = answer.error();
  return failed(effect, "States.Runtime", "the rehearsal ends here");
}

// The inputs of a Map's children, or the workflow's error.
static Result<std::vector<workflow::ChildInput>> child_inputs(const workflow::State& state,
                                                              const MapRunEffect& effect,
                                                              std::vector<workflow::Item> items,
                                                              TimePoint now, Random& random) {
  if (effect.items_max && *effect.items_max < static_cast<double>(items.size())) {
    items.resize(static_cast<size_t>(*effect.items_max));
  }
  TRY(workflow::BatchOptions options, workflow::batch_options(state, effect));
  workflow::ItemBatch batch(std::move(options));
  std::vector<workflow::ChildInput> inputs;
  workflow::ItemPlace place{.index = 0, .source = "STATE_DATA"};
  for (const workflow::Item& item : items) {
    TRY(json::Value selected, select_item(state, effect, item, place, now, random));
    TRY_VOID(batch.add(selected, inputs));
    ++place.index;
  }
  batch.finish(inputs);
  return inputs;
}

// The Map's result from its children's.
static std::string map_output(const workflow::State& state, const MapRunEffect& effect,
                              const std::string& run_arn,
                              const std::vector<workflow::ChildResult>& children) {
  const auto& writer = std::get<workflow::MapFields>(state.fields).result_writer;
  if (writer && !writer->resource.empty()) {
    auto member = [&](std::string_view name) {
      const json::Value* value =
          effect.writer_arguments ? effect.writer_arguments->find(name) : nullptr;
      return value != nullptr && value->is_string() ? value->as_string() : std::string();
    };
    return workflow::writer_result(
        run_arn, member("Bucket"),
        workflow::result_folder(member("Prefix"), "rehearsal") + "manifest.json");
  }
  auto transformation = writer && writer->transformation_given ? writer->transformation
                                                               : workflow::Transformation::kCompact;
  workflow::ResultText text(workflow::ResultForm::kJson);
  for (const workflow::ChildResult& child : children) {
    if (child.status != workflow::ChildStatus::kSucceeded) continue;
    for (const std::string& entry : result_entries(child, transformation)) text.add(entry);
  }
  return text.take();
}

// What children were given once: their items are counted in it.
static Result<std::vector<workflow::ChildInput>> told_inputs(
    const workflow::State& state, const std::vector<workflow::Item>& told) {
  const bool batched = std::get<workflow::MapFields>(state.fields).item_batcher.has_value();
  std::vector<workflow::ChildInput> inputs;
  for (const workflow::Item& input : told) {
    const json::Value* items = batched ? input.value.find("Items") : nullptr;
    bool counted = items != nullptr && items->is_array();
    inputs.push_back({.text = json::write(input.value),
                      .items = counted ? static_cast<uint32_t>(items->as_array().size()) : 1});
  }
  return inputs;
}

Result<MockAnswer> Rehearsal::run_map(Course& course, const MapRunEffect& effect,
                                      const Asked& asked) {
  const workflow::Plan& plan = *asked.machine.plan;
  const workflow::State& state = *plan.by_name.at(effect.state);
  const TimePoint now = asked.now;
  Mocks::Read read;
  if (!effect.items) {
    TRY(read, mocks_.read(effect, asked.place, now, course.random));
  }
  auto items = as_items(effect.items ? *effect.items : json::Value(std::move(read.items)));
  auto inputs = read.are_inputs ? told_inputs(state, items)
                                : child_inputs(state, effect, std::move(items), now, course.random);
  if (!inputs) return failed(effect, inputs.error().code, inputs.error().message);
  course.children += inputs->size();
  if (course.children > kChildrenMax) {
    return fail(codes::kTooLarge,
                fmt::format("a rehearsal has at most {} children of Maps", kChildrenMax));
  }
  workflow::MapRun run(
      {.concurrency_max = static_cast<int64_t>(effect.concurrency_max.value_or(0)),
       .tolerated_failure_count = static_cast<int64_t>(effect.tolerated_failure_count),
       .tolerated_failure_percentage = effect.tolerated_failure_percentage},
      kChildrenAtOnceMax);
  for (const workflow::ChildInput& input : *inputs) run.add_child(input.items);
  run.reading_ended();

  // `plan` lives as long as the rehearsal's own: a child's plan shares it.
  auto child = workflow::child_plan({plan_, &plan}, state);
  std::vector<workflow::ChildResult> results(inputs->size());
  std::priority_queue<ChildRun> ends;
  TimePoint time = now;
  while (run.phase() != workflow::MapRun::Phase::kWriting) {
    for (uint64_t index : run.take_starts(kChildrenAtOnceMax)) {
      Rehearsed part;
      Place place = asked.place;
      place.push_back({effect.state, index});
      TRY_VOID(run_machine(course, {.plan = child, .place = std::move(place)},
                           {.name = fmt::format("{}-{}", effect.state, index),
                            .input = (*inputs)[index].text,
                            .start = time},
                           part));
      statechart::add_child(course.looks, part.looks);
      course.transitions += part.transitions;
      results[index] = {.status = child_status(part.status), .output = part.output};
      ends.push({index, part.ended, part.status});
    }
    if (ends.empty()) break;
    const ChildRun next = ends.top();
    ends.pop();
    bool stopping = run.phase() == workflow::MapRun::Phase::kStopping;
    // What runs when the Map gives up is aborted at that moment.
    time = stopping ? time : std::max(time, next.end);
    run.child_ended(next.index,
                    stopping ? workflow::ChildStatus::kAborted : results[next.index].status);
  }
  const std::string arn = std::string(kMachineArn) + "/" + effect.state + ":rehearsal";
  MockAnswer answer;
  if (run.verdict() == workflow::MapRunStatus::kSucceeded) {
    answer.output = map_output(state, effect, arn, results);
  } else {
    auto why = run.failure().value_or(workflow::MapRunFailure{"States.Runtime", ""});
    answer = failed(effect, why.error, why.cause);
  }
  answer.map_run_arn = arn;
  answer.answered_after = time - now;
  return answer;
}

}  // namespace suiro::rehearsal
