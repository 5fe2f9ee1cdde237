// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/test_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/workflow/item_batch.h"
#include "engine/workflow/machine.h"

namespace suiro::workflow {
namespace {

constexpr std::string_view kExceeded = "States.ExceedToleratedFailureThreshold";
constexpr std::string_view kExceededCause =
    "The specified tolerated failure threshold was exceeded";

std::unexpected<Error> invalid(std::string message) {
  return fail("ValidationException", std::move(message));
}

// Which stages a state of this type tells of. Source: recordings.
bool shows(const State& state, std::string_view stage) {
  if (stage == "variables") return true;
  const bool is_jsonata = state.language == QueryLanguage::kJsonata;
  const bool after_work = stage == "afterResultSelector" || stage == "afterResultPath";
  switch (type_of(state)) {
    case StateType::kPass: {
      if (is_jsonata) return false;
      const bool given = std::get<PassFields>(state.fields).result.has_value();
      return after_work || (stage == "result") == given;
    }
    case StateType::kTask:
      return true;
    case StateType::kParallel:
      return after_work;
    case StateType::kMap:
      return stage != "result" && stage != "afterParameters" && stage != "afterArguments";
    case StateType::kChoice:
    case StateType::kWait:
    case StateType::kSucceed:
    case StateType::kFail:
      return stage == "afterInputPath" && !is_jsonata;
  }
  return false;
}

ExecutionInfo info_of(const State& state, const TestSettings& settings) {
  ExecutionInfo info = settings.info;
  auto presets = std::make_shared<Presets>();
  presets->context = settings.context;
  presets->variables = settings.variables;
  presets->retries = settings.retries;
  presets->state = &state;
  info.presets = std::move(presets);
  return info;
}

Result<void> check_members(const json::Value& object, std::string_view name,
                           std::span<const std::string_view> known) {
  if (!object.is_object()) {
    return invalid(
        fmt::format("Invalid Context object provided: {} must be a JSON object",
                    name.empty() ? std::string("the context") : fmt::format("Field '{}'", name)));
  }
  for (const auto& [member, value] : object.as_object()) {
    if (std::ranges::find(known, member) == known.end()) {
      return invalid(
          fmt::format("Invalid Context object provided: Field '{}' is not allowed", member));
    }
  }
  return ok();
}

}  // namespace

const State* tested_state(const Plan& plan, const std::optional<std::string>& name) {
  if (!name) return plan.root.by_name.at(plan.root.start_at);
  const auto found = plan.by_name.find(*name);
  return found == plan.by_name.end() ? nullptr : found->second;
}

// Source of the members: Developer Guide, "Accessing execution data from the Context object".
Result<json::Value> parse_test_context(std::string_view text) {
  static constexpr std::string_view kRoot[] = {"Execution", "State", "StateMachine", "Task", "Map"};
  static constexpr std::string_view kExecution[] = {
      "Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"};
  static constexpr std::string_view kState[] = {"Name", "EnteredTime", "RetryCount"};
  static constexpr std::string_view kMachine[] = {"Id", "Name"};
  static constexpr std::string_view kTask[] = {"Token"};
  static constexpr std::string_view kMap[] = {"Item"};
  static constexpr std::string_view kItem[] = {"Index", "Value", "Key", "Source"};
  auto parsed = json::parse(text);
  if (!parsed) return invalid("Invalid Context object provided: it must be valid JSON");
  TRY_VOID(check_members(*parsed, "", kRoot));
  const std::pair<std::string_view, std::span<const std::string_view>> kParts[] = {
      {"Execution", kExecution},
      {"State", kState},
      {"StateMachine", kMachine},
      {"Task", kTask},
      {"Map", kMap}};
  for (const auto& [name, known] : kParts) {
    if (const json::Value* part = parsed->find(name)) TRY_VOID(check_members(*part, name, known));
  }
  const json::Value* map = parsed->find("Map");
  const json::Value* item = map == nullptr ? nullptr : map->find("Item");
  if (item != nullptr) TRY_VOID(check_members(*item, "Item", kItem));
  return *std::move(parsed);
}

Result<void> check_mocked_children(const State& state, const json::Value& result) {
  if (const auto* map = std::get_if<MapFields>(&state.fields)) {
    // What a writer leaves behind tells where the files are.
    const bool writes = map->result_writer && !map->result_writer->resource.empty();
    if (writes && !result.is_object()) return invalid("Mocked result must be a JSON object.");
    if (!map->result_writer && !result.is_array()) {
      return invalid("Mocked result must be an array.");
    }
  }
  if (const auto* parallel = std::get_if<ParallelFields>(&state.fields)) {
    if (!result.is_array()) return invalid("Mocked result must be an array.");
    if (result.as_array().size() != parallel->branches.size()) {
      return invalid(
          "Mocked result must contain the same number of items as number of Parallel branches.");
    }
  }
  return ok();
}

TestRun::TestRun(std::shared_ptr<const Plan> plan, const State& state, TestSettings settings,
                 Random& random)
    : plan_(std::move(plan)),
      state_(state),
      settings_(std::move(settings)),
      random_(random),
      execution_(plan_, info_of(state_, settings_), {}) {
  told_.stages["input"] = *settings_.info.input;
  if (!settings_.variables.empty()) told_.stages["variables"] = json::write(settings_.variables);
}

TestRun::~TestRun() = default;

Result<void> TestRun::step(Occurrence occurrence, TimePoint now) {
  if (const auto* fired = std::get_if<TimerFired>(&occurrence)) timers_.erase(fired->timer);
  Moment moment;
  moment.now = now;
  moment.random = &random_;
  moment.token = [this](uint64_t) { return random_.uuid(); };
  moment.inspector = this;
  std::optional<Occurrence> next = std::move(occurrence);
  while (next && !answer_) {
    const Outcome outcome = execution_.step(*next, moment);
    take(outcome);
    next.reset();
    if (outcome.more) next = Continue{};
    if (outcome.effects.empty() || answer_) continue;
    TRY(next, answer_effect(outcome.effects.front(), now));
  }
  return ok();
}

void TestRun::take(const Outcome& outcome) {
  for (const TimerRequest& timer : outcome.timers_set) timers_[timer.id] = timer.due;
  for (const TimerRequest& timer : outcome.timers_cancelled) timers_.erase(timer.id);
  if (told_.retrier) {
    told_.status = TestStatus::kRetriable;
    told_.error = error_->error;
    told_.cause = error_->cause;
    answer_ = std::move(told_);
  } else if (outcome.ended) {
    finish(*outcome.ended);
  }
}

void TestRun::finish(const Ending& ending) {
  told_.next_state = ending.next_state;
  if (ending.status != ExecutionStatus::kSucceeded) {
    told_.status = TestStatus::kFailed;
    told_.error = ending.error;
    told_.cause = ending.cause;
    told_.catcher.reset();
  } else {
    if (ending.output) told_.output = **ending.output;
    if (told_.catcher) {
      told_.status = TestStatus::kCaughtError;
      told_.error = error_->error;
      told_.cause = error_->cause;
    }
  }
  answer_ = std::move(told_);
}

void TestRun::time_out() {
  if (answer_) return;
  told_.status = TestStatus::kFailed;
  told_.error = "States.Timeout";
  answer_ = std::move(told_);
}

std::optional<TimerRequest> TestRun::next_timer() const {
  const auto first = std::ranges::min_element(
      timers_, [](const auto& left, const auto& right) { return left.second < right.second; });
  if (first == timers_.end()) return std::nullopt;
  return TimerRequest{.id = first->first, .due = first->second};
}

void TestRun::show(std::string stage, const json::Value& value) {
  told_.stages[std::move(stage)] = json::write(value);
}

void TestRun::saw(const State& state, std::string_view stage, const json::Value& value) {
  if (!shows(state, stage)) return;
  if (value.is_number() && (stage == "maxConcurrency" || stage.starts_with("tolerated"))) {
    told_.numbers[std::string(stage)] = value.as_double();
    return;
  }
  if (state.language == QueryLanguage::kJsonata && stage.starts_with("after") &&
      stage != "afterArguments") {
    return;
  }
  show(std::string(stage), value);
}

void TestRun::retries(const State&, const StateError& error, size_t retrier, Millis delay) {
  error_ = error;
  told_.retrier = retrier;
  told_.retry_delay = delay;
}

void TestRun::caught(const State&, const StateError& error, size_t catcher) {
  error_ = error;
  told_.catcher = catcher;
}

// --- effects

// nullopt: somebody has to perform it.
Result<std::optional<Occurrence>> TestRun::answer_effect(const Effect& effect, TimePoint now) {
  if (const auto* task = std::get_if<TaskEffect>(&effect)) {
    if (settings_.mock) return std::optional<Occurrence>(mocked(task->id));
    task_ = *task;
    return std::optional<Occurrence>();
  }
  const auto& run = std::get<MapRunEffect>(effect);
  if (!settings_.mock) return invalid("A mock must be specified for Map and Parallel states.");
  if (type_of(state_) == StateType::kParallel) return std::optional<Occurrence>(mocked(run.id));
  TRY(Occurrence answer, answer_map(run, now));
  return std::optional<Occurrence>(std::move(answer));
}

Occurrence TestRun::mocked(uint64_t effect) const {
  const TestMock& mock = *settings_.mock;
  if (mock.result) return EffectSucceeded{.effect = effect, .output = *mock.result};
  return EffectFailed{.effect = effect, .error = mock.error->error, .cause = mock.error->cause};
}

Result<Occurrence> TestRun::answer_map(const MapRunEffect& effect, TimePoint now) {
  TRY(const std::optional<std::vector<Item>> items, this->items(effect));
  if (items && settings_.failed_items.value_or(0) > items->size()) {
    return invalid(fmt::format("mapIterationFailureCount is {}, but the Map has {} items.",
                               *settings_.failed_items, items->size()));
  }
  if (items) {
    if (auto shown = show_items(effect, *items, now); !shown) {
      return EffectFailed{
          .effect = effect.id, .error = shown.error().code, .cause = shown.error().message};
    }
  }
  if (settings_.mock->result && exceeds_tolerated(items)) {
    return EffectFailed{
        .effect = effect.id, .error = std::string(kExceeded), .cause = std::string(kExceededCause)};
  }
  return mocked(effect.id);
}

// Without a threshold in the definition none is exceeded. Source: recordings.
bool TestRun::exceeds_tolerated(const std::optional<std::vector<Item>>& items) const {
  const auto failed = static_cast<double>(settings_.failed_items.value_or(0));
  const auto count = told_.numbers.find("toleratedFailureCount");
  if (count != told_.numbers.end() && failed > count->second) return true;
  const auto percentage = told_.numbers.find("toleratedFailurePercentage");
  if (percentage == told_.numbers.end() || !items || items->empty()) return false;
  return failed * 100 > percentage->second * static_cast<double>(items->size());
}

Result<std::optional<std::vector<Item>>> TestRun::items(const MapRunEffect& effect) const {
  std::vector<Item> items;
  if (effect.items) {
    if (effect.items->is_array()) {
      for (const json::Value& value : effect.items->as_array()) items.push_back({.value = value});
    } else {
      for (const auto& [key, value] : effect.items->as_object()) {
        items.push_back({.value = value, .key = key});
      }
    }
    return std::optional(std::move(items));
  }
  if (!settings_.item_data) return std::optional<std::vector<Item>>();
  const ItemReader& reader = *std::get<MapFields>(state_.fields).item_reader;
  std::unique_ptr<ItemParser> parser;
  const InputType type = reader.input_type.value_or(InputType::kJson);
  if (type == InputType::kCsv) {
    CsvOptions options{.delimiter = reader.csv_delimiter};
    if (reader.csv_headers_given) options.headers = reader.csv_headers;
    parser = csv_items(std::move(options));
  } else if (type == InputType::kJsonl) {
    parser = json_lines_items();
  } else if (type == InputType::kJson) {
    auto made = json_items(reader.items_pointer);
    if (!made) return invalid(made.error().message);
    parser = *std::move(made);
  } else {
    return invalid("Suiro reads mapItemReaderData of CSV, JSON and JSONL alone.");
  }
  auto read = parser->feed(*settings_.item_data, items);
  if (read) read = parser->finish(items);
  if (!read) return invalid("Invalid mapItemReaderData: " + read.error().message);
  if (effect.items_max && *effect.items_max > 0 &&
      *effect.items_max < static_cast<double>(items.size())) {
    items.resize(static_cast<size_t>(*effect.items_max));
  }
  return std::optional(std::move(items));
}

Result<void> TestRun::show_items(const MapRunEffect& effect, const std::vector<Item>& items,
                                 TimePoint now) {
  const auto& fields = std::get<MapFields>(state_.fields);
  ItemPlace place;
  if (fields.distributed) place.source = "STATE_DATA";
  if (fields.item_reader && effect.reader_arguments) {
    const json::Value* bucket = effect.reader_arguments->find("Bucket");
    const json::Value* key = effect.reader_arguments->find("Key");
    place.source =
        fmt::format("S3://{}", bucket != nullptr && bucket->is_string() ? bucket->as_string() : "");
    if (key != nullptr && key->is_string()) place.source += "/" + key->as_string();
  }
  json::Array read;
  json::Array selected;
  for (const Item& item : items) {
    read.push_back(item_as_input(item));
    TRY(json::Value value, select_item(state_, effect, item, place, now, random_));
    selected.push_back(std::move(value));
    ++place.index;
  }
  if (fields.item_reader && !fields.item_reader->items_pointer.empty()) {
    show("afterItemsPointer", json::Value(std::move(read)));
  }
  if (fields.item_selector) show("afterItemSelector", json::Value(selected));
  if (!fields.item_batcher) return ok();
  TRY(BatchOptions options, batch_options(state_, effect));
  ItemBatch batch(std::move(options));
  std::vector<ChildInput> inputs;
  for (const json::Value& item : selected) TRY_VOID(batch.add(item, inputs));
  batch.finish(inputs);
  std::string text = "[";
  for (const ChildInput& input : inputs) {
    if (text.size() > 1) text += ',';
    text += input.text;
  }
  told_.stages["afterItemBatcher"] = text + "]";
  return ok();
}

}  // namespace suiro::workflow
