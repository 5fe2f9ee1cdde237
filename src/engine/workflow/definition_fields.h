// SPDX-License-Identifier: Apache-2.0
// Fields: the members of one object of a definition, read with AWS's checks and sentences. Used by
// definition*.cc alone.
//
//   Fields fields(compilation, object, place, context);
//   fields.allow(kRetrier);                       "Field 'X' is not supported"
//   fields.require({"ErrorEquals"});              "These fields are required: [ErrorEquals]"
//   auto attempts = fields.integer("MaxAttempts", {0, 99'999'999});
//
// What is wrong becomes a diagnostic; the reader then answers as if the field were absent, and goes
// on: a definition's errors are told together.
// Threads: one. Failure: none but diagnostics.
#pragma once

#include <initializer_list>
#include <limits>
#include <set>
#include <span>

#include "engine/workflow/plan.h"

namespace suiro::workflow {

inline constexpr size_t kDefinitionBytesMax = 1 << 20;
inline constexpr size_t kDiagnosticsMax = 1'000;  // errors; as many warnings
inline constexpr size_t kStateNameMax = 80;
inline constexpr size_t kVariableNameMax = 80;
inline constexpr size_t kLabelMax = 40;
inline constexpr int kGroupDepthMax = 100;
inline constexpr double kSecondsMax = 99'999'999;
inline constexpr std::string_view kNoExpression =
    "JSONata string must start with {% and end with %}";

// Where a value stands. Points at its parents: they live as long as it does.
class Place {
 public:
  Place() = default;
  Place(const Place& parent, std::string_view member) : parent_(&parent), member_(member) {}
  Place(const Place& parent, size_t element) : parent_(&parent), element_(element) {}
  std::string text() const;  // "/", "/States/A/Choices[0]"

 private:
  void append(std::string& out) const;

  const Place* parent_ = nullptr;
  std::string_view member_;
  std::optional<size_t> element_;
};

// One call of compile(): what all its parts add to.
class Compilation {
 public:
  explicit Compilation(Plan* plan) : plan_(plan) {}
  void error(std::string_view code, std::string message, const Place& place);
  void error(std::string message, const Place& place);  // SCHEMA_VALIDATION_FAILED
  void warn(std::string_view code, std::string message, const Place& place);
  void add(Diagnostic diagnostic);
  Plan& plan() { return *plan_; }
  std::vector<Diagnostic> take() { return std::move(diagnostics_); }

 private:
  Plan* plan_;
  std::vector<Diagnostic> diagnostics_;
  size_t errors_ = 0;
  size_t warnings_ = 0;
};

// What the fields of a state are read with.
struct FieldContext {
  QueryLanguage language = QueryLanguage::kJsonPath;  // of the state
  QueryLanguage machine_language = QueryLanguage::kJsonPath;
  MachineType type = MachineType::kStandard;   // of the machine that runs the state
  int depth = 0;                               // of the group around it
  std::set<std::string>* variables = nullptr;  // that the state reads
  bool has_error_output = false;               // $states.errorOutput: in a catcher

  bool is_jsonata() const { return language == QueryLanguage::kJsonata; }
};

enum class In : uint8_t { kBoth, kJsonPath, kJsonata };
struct FieldRule {
  std::string_view name;
  In language = In::kBoth;
};

struct Range {
  double min = 0;
  double max = std::numeric_limits<double>::infinity();
};
enum class NumberKind : uint8_t { kInteger, kDouble };
// A number, as a constant, as an expression (JSONata), or by a path in a field of its own.
struct NumberRule {
  std::string_view name;
  std::string_view path_name;
  Range range;
  NumberKind kind = NumberKind::kInteger;
};

class Fields {
 public:
  Fields(Compilation& compilation, const json::Object& object, const Place& place,
         FieldContext context)
      : compilation_(compilation), object_(object), place_(place), context_(context) {}
  Fields(const Fields&) = delete;  // sub-places point at place_
  Fields& operator=(const Fields&) = delete;

  // Members that no rule names, and those of the other query language.
  void allow(std::span<const FieldRule> common, std::span<const FieldRule> own = {});
  bool require(std::initializer_list<std::string_view> names);
  // At most one of them; false where there are more.
  bool at_most_one(std::initializer_list<std::string_view> names);
  bool exactly_one(std::initializer_list<std::string_view> names);

  const json::Value* find(std::string_view name) const { return object_.find(name); }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  const json::Object& object() const { return object_; }
  const Place& place() const { return place_; }
  Place at(std::string_view name) const { return Place(place_, name); }
  const FieldContext& context() const { return context_; }
  Compilation& compilation() { return compilation_; }

  std::optional<std::string> text(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  const json::Object* object_of(std::string_view name);
  const json::Array* array_of(std::string_view name);
  // Texts of a non-empty array.
  std::vector<std::string> texts(std::string_view name);
  // The place of the text among `values`.
  std::optional<size_t> one_of(std::string_view name, std::span<const std::string_view> values);
  std::optional<int64_t> integer(std::string_view name, Range range);
  std::optional<double> number(std::string_view name, Range range);

  std::optional<NumberField> number_or_query(const NumberRule& rule);
  PathField path(std::string_view name);
  std::optional<Query> reference(std::string_view name);
  // ResultPath: true where it is null.
  bool result_path(std::optional<Query>& out);
  // A path or an intrinsic function: ErrorPath, CausePath.
  std::optional<Query> path_or_function(std::string_view name);
  // A constant text, or an expression (JSONata).
  std::optional<TextField> text_or_query(std::string_view name);
  std::optional<Template> payload(std::string_view name);
  std::vector<Assignment> assign();
  // An expression: "{% ... %}". `value` is a text.
  std::optional<Query> expression(const std::string& text, const Place& place);

  // Notes what a query reads.
  void reads(const VariableNames& names);

 private:
  bool check_range(double value, Range range, NumberKind kind, const Place& place);
  std::optional<Template> payload_of(const json::Value& value, const Place& place);
  // false: an expression of `value` was refused.
  bool check_expressions(const json::Value& value, const Place& place);
  void warn_of_constants(const json::Value& value, const Place& place);
  // An expression that does not compile.
  void refuse(const Error& error, const Place& place);
  bool check_error_output(const std::string& text, const Place& place);
  bool variable_name(std::string_view name, const Place& place);

  Compilation& compilation_;
  const json::Object& object_;
  Place place_;
  FieldContext context_;
};

// Each reads the fields that one type of state has beside those of all states.
void compile_pass(Fields& fields, State& state);
void compile_task(Fields& fields, State& state);
void compile_choice(Fields& fields, State& state);
void compile_wait(Fields& fields, State& state);
void compile_succeed(Fields& fields, State& state);
void compile_fail(Fields& fields, State& state);
void compile_parallel(Fields& fields, State& state);
void compile_map(Fields& fields, State& state);

// Retry and Catch.
void compile_error_handlers(Fields& fields, State& state);
// InputPath and OutputPath, or Output.
void compile_input_output(Fields& fields, State& state);
// Parameters or Arguments, ResultSelector and ResultPath.
void compile_payloads(Fields& fields, State& state);

// StartAt and States of a machine, a branch or an item processor. `fields` are those of its object.
void compile_group(Fields& fields, StateGroup& group);
std::unique_ptr<State> compile_state(Compilation& compilation, const std::string& name,
                                     const json::Value& value, const Place& place,
                                     FieldContext context);

// Names, transitions and labels of the whole definition, by its JSON: also where states are wrong.
void check_machine(Compilation& compilation, const json::Object& machine);
// The same below one state: TestState.
void check_single_state(Compilation& compilation, const json::Object& state);

// Characters of a text in UTF-8.
size_t characters(std::string_view text);
// A path or a function where none is evaluated: worth a warning.
bool looks_like_query(std::string_view text);

// Why a text is no JSON, as AWS's parser tells it; nullopt: it sees nothing wrong.
std::optional<Diagnostic> describe_json_error(std::string_view text);

}  // namespace suiro::workflow
