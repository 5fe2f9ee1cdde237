// SPDX-License-Identifier: Apache-2.0
// Plan: a state machine's definition, compiled once. The members are the fields of the Amazon
// States Language by their names; what is absent in the definition is nullopt, or the language's
// default.
//
//   text ─► compile() ─► Plan ─► Execution (engine/workflow/execution.h)
//              └─► diagnostics, as ValidateStateMachineDefinition tells them
//
// Threads: immutable; any.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/workflow/query.h"

namespace suiro::workflow {

struct State;

// A number of the definition, or the query that computes it ("TimeoutSecondsPath", "{% %}").
using NumberField = std::variant<double, Query>;
// A text, or what computes it.
using TextField = std::variant<std::string, Query>;

// States that belong together: the machine, a branch, an item processor.
struct StateGroup {
  std::string start_at;
  std::string comment;
  std::vector<std::unique_ptr<State>> states;  // in the definition's order
  std::unordered_map<std::string, const State*> by_name;
  const State* parent = nullptr;  // the Parallel or Map around it
};

struct Assignment {
  std::string name;  // without "$" and ".$"
  Template value;
};

struct Retrier {
  std::vector<std::string> errors;
  double interval_seconds = 1;
  int64_t attempts_max = 3;
  double backoff_rate = 2;
  std::optional<double> delay_seconds_max;
  bool full_jitter = false;
};

struct Catcher {
  std::vector<std::string> errors;
  std::string next;
  std::optional<Query> result_path;  // JSONPath; absent: "$"
  bool discards_result = false;      // ResultPath: null
  std::optional<Template> output;    // JSONata
  std::vector<Assignment> assign;
};

struct ChoiceRule {
  std::string next;
  std::variant<ChoiceCondition, Query> condition;  // JSONPath, or JSONata's Condition
  std::optional<Template> output;                  // JSONata
  std::vector<Assignment> assign;
};

// InputPath, ItemsPath, OutputPath: a path, or null in the definition (then an empty object).
struct PathField {
  bool is_null = false;
  std::optional<Query> path;  // absent: "$"
};

struct PassFields {
  std::optional<json::Value> result;
};
struct TaskFields {
  std::string resource;
  std::optional<NumberField> timeout_seconds;
  std::optional<NumberField> heartbeat_seconds;
  std::optional<Template> credentials;  // {"RoleArn": ...}
};
struct ChoiceFields {
  std::vector<ChoiceRule> rules;
  std::optional<std::string> default_next;
};
struct WaitFields {
  std::optional<NumberField> seconds;
  std::optional<TextField> timestamp;
};
struct SucceedFields {};
struct FailFields {
  std::optional<TextField> error;
  std::optional<TextField> cause;
};
struct ParallelFields {
  std::vector<StateGroup> branches;
};

enum class InputType : uint8_t { kCsv, kJson, kJsonl, kParquet, kManifest };
struct ItemReader {
  std::string resource;  // "arn:aws:states:::s3:getObject", "...:s3:listObjectsV2"
  std::optional<Template> arguments;
  std::optional<InputType> input_type;
  bool load_and_flatten = false;
  bool s3_inventory = false;  // ManifestType S3_INVENTORY; otherwise ATHENA_DATA
  bool manifest_type_given = false;
  char csv_delimiter = ',';
  bool csv_headers_given = false;  // CSVHeaderLocation GIVEN
  std::vector<std::string> csv_headers;
  std::string items_pointer;
  std::optional<NumberField> items_max;
};
struct ItemBatcher {
  std::optional<NumberField> items_max;
  std::optional<NumberField> bytes_max;
  std::optional<Template> batch_input;
};
enum class Transformation : uint8_t { kNone, kCompact, kFlatten };
struct ResultWriter {
  std::string resource;  // empty: no file is written, the results are transformed only
  std::optional<Template> arguments;
  Transformation transformation = Transformation::kNone;
  bool transformation_given = false;
  bool jsonl = false;
};
struct MapFields {
  StateGroup processor;
  json::Value source;  // the processor's object: what child_plan() compiles
  bool distributed = false;
  bool express_children = false;
  bool old_iterator = false;    // "Iterator" instead of "ItemProcessor"
  bool old_parameters = false;  // "Parameters" instead of "ItemSelector"
  PathField items_path;
  std::optional<Template> items;  // JSONata
  std::optional<Template> item_selector;
  std::optional<NumberField> concurrency_max;
  std::optional<NumberField> tolerated_failure_count;
  std::optional<NumberField> tolerated_failure_percentage;
  std::optional<ItemReader> item_reader;
  std::optional<ItemBatcher> item_batcher;
  std::optional<ResultWriter> result_writer;
  std::optional<std::string> label;
};

struct State {
  std::string name;
  std::string comment;
  QueryLanguage language = QueryLanguage::kJsonPath;
  const StateGroup* group = nullptr;
  std::optional<std::string> next;  // absent with `end`, and in Choice, Succeed, Fail
  bool end = false;

  PathField input_path;
  PathField output_path;
  std::optional<Template> parameters;  // Parameters (JSONPath) or Arguments (JSONata)
  std::optional<Template> result_selector;
  std::optional<Query> result_path;  // absent: "$"
  bool discards_result = false;      // ResultPath: null
  std::optional<Template> output;    // JSONata
  std::vector<Assignment> assign;
  std::vector<Retrier> retry;
  std::vector<Catcher> catchers;

  std::variant<PassFields, TaskFields, ChoiceFields, WaitFields, SucceedFields, FailFields,
               ParallelFields, MapFields>
      fields;

  // "Pass", "Task", ...
  std::string_view type() const;
  bool is_terminal() const { return end; }
};

struct Plan {
  StateGroup root;
  QueryLanguage language = QueryLanguage::kJsonPath;
  std::string version;
  std::optional<double> timeout_seconds;
  // A state anywhere in the plan; names are unique in the whole definition.
  std::unordered_map<std::string, const State*> by_name;
  // State (or "StateMachine") -> variables it reads, sorted: DescribeStateMachine's
  // variableReferences.
  std::map<std::string, std::vector<std::string>> variable_references;
};

enum class Severity : uint8_t { kError, kWarning };
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string code;      // "SCHEMA_VALIDATION_FAILED"
  std::string message;   // AWS's
  std::string location;  // "/States/A/Next", "/Branches[0]/States/B"; may be empty
};

enum class MachineType : uint8_t { kStandard, kExpress };

// What the only state of a plan is called. Source: recordings of TestState.
inline constexpr std::string_view kTestedStateName = "StateName";

struct CompileOptions {
  MachineType type = MachineType::kStandard;
  // TestState: one state's object instead of a machine's; Next may name a state that is not there.
  bool single_state = false;
};

struct Compiled {
  std::shared_ptr<const Plan> plan;     // null where there is an error among the diagnostics
  std::vector<Diagnostic> diagnostics;  // in the order in which AWS lists them
  // The errors as CreateStateMachine tells them behind "Invalid State Machine Definition: ":
  // "'SCHEMA_VALIDATION_FAILED: ... at /States/A, MISSING_END_STATE: ... at null'".
  std::string summary() const;
};

// Limits: a definition of at most 1 MiB, names of at most 80 characters, 100 nested groups, 1'000
// diagnostics.
Compiled compile(std::string_view definition, CompileOptions options = {});
// The plan of a distributed Map's children: its item processor as a machine of its own, compiled
// anew (its states are other objects than those of MapFields::processor): keep it for the run.
std::shared_ptr<const Plan> child_plan(std::shared_ptr<const Plan> plan, const State& map_state);

}  // namespace suiro::workflow
