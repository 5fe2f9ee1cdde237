// SPDX-License-Identifier: Apache-2.0
// compile(): the machine, its groups of states, and what all states have in common.
#include <fmt/format.h>

#include <array>

#include "base/check.h"
#include "engine/workflow/definition_fields.h"

namespace suiro::workflow {
namespace {

constexpr std::array kQueryLanguages = {std::string_view("JSONPath"), std::string_view("JSONata")};
constexpr std::array kVersions = {std::string_view("1.0")};

constexpr FieldRule kGroupFields[] = {{"StartAt"}, {"States"}, {"Comment"}};
constexpr FieldRule kMachineFields[] = {{"Version"}, {"TimeoutSeconds"}, {"QueryLanguage"}};

constexpr FieldRule kStateFields[] = {{"Type"}, {"Comment"}, {"QueryLanguage"}};
constexpr FieldRule kPassFields[] = {{"InputPath", In::kJsonPath},
                                     {"OutputPath", In::kJsonPath},
                                     {"Parameters", In::kJsonPath},
                                     {"ResultPath", In::kJsonPath},
                                     {"Result", In::kJsonPath},
                                     {"Output", In::kJsonata},
                                     {"Assign"},
                                     {"Next"},
                                     {"End"}};
constexpr FieldRule kTaskFields[] = {{"InputPath", In::kJsonPath},
                                     {"OutputPath", In::kJsonPath},
                                     {"Parameters", In::kJsonPath},
                                     {"ResultSelector", In::kJsonPath},
                                     {"ResultPath", In::kJsonPath},
                                     {"TimeoutSecondsPath", In::kJsonPath},
                                     {"HeartbeatSecondsPath", In::kJsonPath},
                                     {"Arguments", In::kJsonata},
                                     {"Output", In::kJsonata},
                                     {"Resource"},
                                     {"TimeoutSeconds"},
                                     {"HeartbeatSeconds"},
                                     {"Credentials"},
                                     {"Retry"},
                                     {"Catch"},
                                     {"Assign"},
                                     {"Next"},
                                     {"End"}};
constexpr FieldRule kChoiceFields[] = {{"InputPath", In::kJsonPath},
                                       {"OutputPath", In::kJsonPath},
                                       {"Output", In::kJsonata},
                                       {"Choices"},
                                       {"Default"},
                                       {"Assign"}};
constexpr FieldRule kWaitFields[] = {{"InputPath", In::kJsonPath},
                                     {"OutputPath", In::kJsonPath},
                                     {"SecondsPath", In::kJsonPath},
                                     {"TimestampPath", In::kJsonPath},
                                     {"Output", In::kJsonata},
                                     {"Seconds"},
                                     {"Timestamp"},
                                     {"Assign"},
                                     {"Next"},
                                     {"End"}};
constexpr FieldRule kSucceedFields[] = {
    {"InputPath", In::kJsonPath}, {"OutputPath", In::kJsonPath}, {"Output", In::kJsonata}};
constexpr FieldRule kFailFields[] = {
    {"Error"}, {"Cause"}, {"ErrorPath", In::kJsonPath}, {"CausePath", In::kJsonPath}};
constexpr FieldRule kParallelFields[] = {{"InputPath", In::kJsonPath},
                                         {"OutputPath", In::kJsonPath},
                                         {"Parameters", In::kJsonPath},
                                         {"ResultSelector", In::kJsonPath},
                                         {"ResultPath", In::kJsonPath},
                                         {"Arguments", In::kJsonata},
                                         {"Output", In::kJsonata},
                                         {"Branches"},
                                         {"Retry"},
                                         {"Catch"},
                                         {"Assign"},
                                         {"Next"},
                                         {"End"}};
constexpr FieldRule kMapFields[] = {{"InputPath", In::kJsonPath},
                                    {"OutputPath", In::kJsonPath},
                                    {"ItemsPath", In::kJsonPath},
                                    {"Parameters", In::kJsonPath},
                                    {"ResultSelector", In::kJsonPath},
                                    {"ResultPath", In::kJsonPath},
                                    {"MaxConcurrencyPath", In::kJsonPath},
                                    {"ToleratedFailureCountPath", In::kJsonPath},
                                    {"ToleratedFailurePercentagePath", In::kJsonPath},
                                    {"Items", In::kJsonata},
                                    {"Output", In::kJsonata},
                                    {"ItemProcessor"},
                                    {"Iterator"},
                                    {"ItemSelector"},
                                    {"ItemReader"},
                                    {"ItemBatcher"},
                                    {"ResultWriter"},
                                    {"MaxConcurrency"},
                                    {"ToleratedFailureCount"},
                                    {"ToleratedFailurePercentage"},
                                    {"Label"},
                                    {"Retry"},
                                    {"Catch"},
                                    {"Assign"},
                                    {"Next"},
                                    {"End"}};

struct StateType {
  std::string_view name;
  std::span<const FieldRule> fields;
  void (*compile)(Fields& fields, State& state);
};
// In the order of State::fields.
constexpr StateType kStateTypes[] = {{"Pass", kPassFields, compile_pass},
                                     {"Task", kTaskFields, compile_task},
                                     {"Choice", kChoiceFields, compile_choice},
                                     {"Wait", kWaitFields, compile_wait},
                                     {"Succeed", kSucceedFields, compile_succeed},
                                     {"Fail", kFailFields, compile_fail},
                                     {"Parallel", kParallelFields, compile_parallel},
                                     {"Map", kMapFields, compile_map}};
constexpr auto kTypeNames = [] {
  std::array<std::string_view, std::size(kStateTypes)> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kStateTypes[i].name;
  return names;
}();

// The language is JSONPath where the field is exactly that, JSONata for any other value: what is
// wrong with the value is told by itself.
QueryLanguage declared_language(const json::Object& object, QueryLanguage inherited) {
  const json::Value* value = object.find("QueryLanguage");
  if (value == nullptr) return inherited;
  bool path = value->is_string() && value->as_string() == kQueryLanguages[0];
  return path ? QueryLanguage::kJsonPath : QueryLanguage::kJsonata;
}

void read_transition(Fields& fields, State& state) {
  if (!fields.has("Next") && !fields.has("End")) {
    fields.exactly_one({"Next", "End"});
    return;
  }
  state.next = fields.text("Next");
  state.end = fields.boolean("End").value_or(false);
  if (state.next && state.end) fields.at_most_one({"Next", "End"});
  if (!fields.has("Next") && fields.find("End")->is_bool() && !state.end) {
    fields.compilation().error(
        "This object should have only one of the following fields: [Next, "
        "End]",
        fields.place());
  }
}

bool has_transition(std::span<const FieldRule> rules) {
  for (const FieldRule& rule : rules) {
    if (rule.name == "Next") return true;
  }
  return false;
}

}  // namespace

std::unique_ptr<State> compile_state(Compilation& compilation, const std::string& name,
                                     const json::Value& value, const Place& place,
                                     FieldContext context) {
  if (!value.is_object()) {
    compilation.error("Expected value of type [OBJECT]", place);
    return nullptr;
  }
  const json::Object& object = value.as_object();
  std::set<std::string> variables;
  context.variables = &variables;
  context.language = declared_language(object, context.machine_language);
  bool downgrade = context.machine_language == QueryLanguage::kJsonata && !context.is_jsonata();
  if (downgrade) {
    compilation.error(
        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", place);
    context.language = QueryLanguage::kJsonata;
  }
  Fields fields(compilation, object, place, context);
  if (!fields.require({"Type"})) return nullptr;
  std::optional<size_t> index = fields.one_of("Type", kTypeNames);
  if (!index) return nullptr;
  const StateType& type = kStateTypes[*index];
  // Which fields the refused language has is not told on top of the refusal.
  if (!downgrade) fields.allow(kStateFields, type.fields);
  fields.one_of("QueryLanguage", kQueryLanguages);

  auto state = std::make_unique<State>();
  state->name = name;
  state->language = context.language;
  state->comment = fields.text("Comment").value_or("");
  if (has_transition(type.fields)) read_transition(fields, *state);
  compile_input_output(fields, *state);
  type.compile(fields, *state);
  CHECK(state->fields.index() == *index);
  if (!variables.empty()) {
    compilation.plan().variable_references[name] = {variables.begin(), variables.end()};
  }
  return state;
}

void compile_group(Fields& fields, StateGroup& group) {
  Compilation& compilation = fields.compilation();
  if (fields.context().depth > kGroupDepthMax) {
    compilation.error("TOO_DEEPLY_NESTED", "The states are too deeply nested.", fields.place());
    return;
  }
  fields.require({"StartAt", "States"});
  group.start_at = fields.text("StartAt").value_or("");
  group.comment = fields.text("Comment").value_or("");
  const json::Object* states = fields.object_of("States");
  if (states == nullptr) return;
  Place place = fields.at("States");
  if (states->empty()) compilation.error("Value cannot be empty", place);
  for (const auto& [name, value] : *states) {
    std::unique_ptr<State> state =
        compile_state(compilation, name, value, Place(place, name), fields.context());
    if (state == nullptr) continue;
    state->group = &group;
    group.by_name.emplace(name, state.get());
    compilation.plan().by_name.emplace(name, state.get());
    group.states.push_back(std::move(state));
  }
}

namespace {

void compile_machine(Compilation& compilation, const json::Object& machine, MachineType type) {
  Plan& plan = compilation.plan();
  FieldContext context;
  context.type = type;
  context.machine_language = declared_language(machine, QueryLanguage::kJsonPath);
  context.language = context.machine_language;
  plan.language = context.machine_language;
  Place root;
  Fields fields(compilation, machine, root, context);
  fields.allow(kGroupFields, kMachineFields);
  fields.one_of("QueryLanguage", kQueryLanguages);
  if (fields.one_of("Version", kVersions)) plan.version = kVersions[0];
  if (std::optional<int64_t> seconds = fields.integer("TimeoutSeconds", {0, kSecondsMax})) {
    plan.timeout_seconds = static_cast<double>(*seconds);
  }
  compile_group(fields, plan.root);
  check_machine(compilation, machine);
}

// TestState: the plan's only state; where it leads is told by Next, and not looked up.
void compile_single_state(Compilation& compilation, const json::Value& value, MachineType type) {
  Plan& plan = compilation.plan();
  FieldContext context;
  context.type = type;
  Place root;
  const std::string name(kTestedStateName);
  std::unique_ptr<State> state = compile_state(compilation, name, value, root, context);
  check_single_state(compilation, value.as_object());
  if (state == nullptr) return;
  plan.language = state->language;
  state->group = &plan.root;
  plan.root.start_at = state->name;
  plan.root.by_name.emplace(name, state.get());
  plan.by_name.emplace(name, state.get());
  plan.root.states.push_back(std::move(state));
}

Compiled refuse(Diagnostic diagnostic) {
  Compiled compiled;
  compiled.diagnostics.push_back(std::move(diagnostic));
  return compiled;
}

}  // namespace

Compiled compile(std::string_view definition, CompileOptions options) {
  if (definition.size() > kDefinitionBytesMax) {
    return refuse(
        {Severity::kError, "SCHEMA_VALIDATION_FAILED",
         fmt::format("The definition exceeds the limit of {} bytes allowed by the service",
                     kDefinitionBytesMax),
         "/"});
  }
  if (definition.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return refuse(
        {Severity::kError, "MISSING_DESCRIPTION", "Received a null or empty workflow input.", ""});
  }
  Result<json::Value> value = json::parse(definition);
  if (!value) {
    if (auto diagnostic = describe_json_error(definition)) return refuse(std::move(*diagnostic));
    return refuse(
        {Severity::kError, "INVALID_JSON_DESCRIPTION", std::move(value.error().message), ""});
  }
  if (!value->is_object()) {
    return refuse(
        {Severity::kError, "SCHEMA_VALIDATION_FAILED", "Expected value of type [OBJECT]", "/"});
  }
  auto plan = std::make_shared<Plan>();
  Compilation compilation(plan.get());
  if (options.single_state) {
    compile_single_state(compilation, *value, options.type);
  } else {
    compile_machine(compilation, value->as_object(), options.type);
  }
  Compiled compiled;
  compiled.diagnostics = compilation.take();
  for (const Diagnostic& diagnostic : compiled.diagnostics) {
    if (diagnostic.severity == Severity::kError) return compiled;
  }
  compiled.plan = std::move(plan);
  return compiled;
}

std::shared_ptr<const Plan> child_plan(std::shared_ptr<const Plan> plan, const State& map_state) {
  const MapFields& map = std::get<MapFields>(map_state.fields);
  auto child = std::make_shared<Plan>();
  child->language = plan->language;
  child->version = plan->version;
  Compilation compilation(child.get());
  FieldContext context;
  context.machine_language = plan->language;
  context.language = plan->language;
  context.type = map.express_children ? MachineType::kExpress : MachineType::kStandard;
  Place root;
  Fields fields(compilation, map.source.as_object(), root, context);
  compile_group(fields, child->root);
  // It was compiled without an error as a part of `plan`.
  for (const Diagnostic& diagnostic : compilation.take()) {
    CHECK(diagnostic.severity != Severity::kError);
  }
  return child;
}

std::string Compiled::summary() const {
  std::string out = "'";
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != Severity::kError) continue;
    if (out.size() > 1) out += ", ";
    out += fmt::format("{}: {} at {}", diagnostic.code, diagnostic.message,
                       diagnostic.location.empty() ? "null" : diagnostic.location);
  }
  return out + "'";
}

std::string_view State::type() const {
  return kStateTypes[fields.index()].name;
}

}  // namespace suiro::workflow
