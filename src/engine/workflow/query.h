// SPDX-License-Identifier: Apache-2.0
// Query and Template: what a workflow's fields compute with, in both query languages.
//
//   Query     "$.a[0]", "$$.State.Name", "$v.x", "States.Format('{}', $.a)"   or   "{% ... %}"
//   Template  a JSON value with queries in it: keys that end in ".$"          or   "{% ... %}"
//   texts
//
// Both are compiled once, with the definition, and evaluated against a Scope.
// Failure of an evaluation: Error whose code is the name of the workflow's error and whose message
// is the whole inner sentence of AWS's cause. Who evaluates adds nothing but the frame in front of
// it: "An error occurred while executing the state 'X' (entered at the event id #2). " The field
// that the sentences name is told by the caller:
//
//   JSONPath, field told   States.Runtime   The JSONPath '$.x' specified for the field 'ErrorPath'
//                                           could not be found in the input '{...}'
//   JSONPath, no field     States.Runtime   Invalid path '$.x' : No results for path: $['x']
//                                           (InputPath and OutputPath tell no field)
//   intrinsic function     States.Runtime   The function 'States.Format('{}', $.x)' had the
//                                           following error: The JsonPath argument for the field
//                                           '$.x' could not be found in the input '{...}'
//                          States.IntrinsicFailure   for every other failure of a function
//   in a payload template  as with a field: the key, "value.$"
//   Choice's Variable      States.Runtime   Invalid path '$.x': The choice state's condition path
//                                           references an invalid value.
//   JSONata                States.QueryEvaluationError   The JSONata expression '$x' specified for
//                                           the field 'Output/result' returned nothing (undefined).
//                                           ... threw an error during evaluation. T2001: ...
//
// What is larger than kQueryResultMax fails with States.DataLimitExceeded, what is nested beyond
// json::kDepthMax with States.Runtime: values share their parts, so that few steps can make texts
// that no memory holds.
// An error of JSONata has the detail "location" ("Output/result[0]", "Choices[1]/Condition"): the
// member of history's EvaluationFailed.
// Source: Amazon States Language specification; Step Functions Developer Guide.
// Threads: immutable once compiled; any.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "engine/json/value.h"

namespace suiro::workflow {

enum class QueryLanguage : uint8_t { kJsonPath, kJsonata };

// JSON text of what one query gives: what is larger than a payload is of use within a function
// only.
inline constexpr size_t kQueryResultMax = 2 << 20;

// What evaluations count: steps of JSONata, values that paths visit.
struct Work {
  uint64_t used = 0;
  uint64_t used_max = UINT64_MAX;  // JSONata fails beyond
};

// What a query may read. Borrowed for one evaluation.
struct Scope {
  json::Value input;                        // "$"; $states.input
  std::optional<json::Value> result;        // $states.result, where the field has one
  std::optional<json::Value> error_output;  // $states.errorOutput, in a catcher
  // "$$"; $states.context. Built when asked: most queries do not.
  std::function<json::Value()> context;
  // A variable of the workflow by name, without its "$"; inner scopes first.
  std::function<std::optional<json::Value>(std::string_view)> variable;
  TimePoint now;
  Random* random = nullptr;
  Work* work = nullptr;  // grows; null: nobody counts
};

// The names of the workflow's variables that something reads, without "$"; sorted, each once: as
// DescribeStateMachine's variableReferences lists them.
using VariableNames = std::vector<std::string>;

// One expression.
class Query {
 public:
  enum class Form : uint8_t {
    kPath,           // "$..." "$$..." "$v..."
    kReferencePath,  // a path without @ , : ? * ..: exactly one place
    kIntrinsic,      // "States.X(...)"
    kJsonata,        // "{% ... %}"
  };
  // Whether JSONPath mode allows intrinsic functions here, too.
  static Result<Query> json_path(std::string_view text);
  static Result<Query> path(std::string_view text);
  static Result<Query> reference_path(std::string_view text);
  // `text` with its delimiters. Errors have the code of AWS's diagnostic:
  // INVALID_JSONATA_EXPRESSION, UNSUPPORTED_JSONATA_EXPRESSION.
  static Result<Query> jsonata(std::string_view text);
  // Whether a text stands between "{%" and "%}".
  static bool is_jsonata(std::string_view text);

  // A path that selects nothing is an error; a path with several matches gives an array. `field`:
  // the state's field by its name ("ErrorPath", "Items", "Condition"), for the sentences above.
  Result<json::Value> evaluate(const Scope& scope, std::string_view field = {}) const;
  // Without error where there is nothing: IsPresent, optional fields.
  Result<std::optional<json::Value>> find(const Scope& scope) const;

  Form form() const;
  const std::string& text() const;
  // What AWS's sentences quote: JSONata without its delimiters and blanks, otherwise text().
  std::string_view expression() const;
  const VariableNames& variables() const;

  struct Impl;  // query_impl.h
  explicit Query(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

// Sets `value` at a reference path ("$.a.b[0]", "$") of `root`: ResultPath. Errors:
// States.ResultPathMatchFailure.
Result<json::Value> put_at(const Query& reference_path, json::Value root, json::Value value);

// A result of JSONata that has another type than its field wants ("array", "number", "string",
// "boolean", "object"): States.QueryEvaluationError with AWS's sentence and the detail "location".
Error unexpected_type(std::string_view expression, std::string_view field,
                      std::string_view expected, const json::Value& value);

// A JSON value some of whose parts are computed.
class Template {
 public:
  // Keys that end in ".$" hold queries. Errors: kInvalidArgument, AWS's sentence, with the place as
  // detail "path": of the object whose member is wrong ("", "/a[0]"), as AWS tells it behind "at
  // /States/X/Parameters"; of jsonata() the place of the text itself.
  static Result<Template> json_path(const json::Value& source);
  // Texts between "{%" and "%}", at any depth.
  static Result<Template> jsonata(const json::Value& source);
  // Nothing in it is computed.
  static Template constant(json::Value value);
  // The value of one query: what stands behind a key that ends in ".$" (Assign's "x.$"). `key` is
  // for the sentences.
  static Template computed(Query query, std::string key);

  // `field`: the state's field that holds the template ("Output", "Arguments"): the first part of
  // JSONata's locations ("Output/result[0]"). Sentences of JSONPath name the key alone.
  Result<json::Value> evaluate(const Scope& scope, std::string_view field = {}) const;
  const json::Value& source() const;
  VariableNames variables() const;
  // The query which is the whole template ("{% $x %}"); null where it is none.
  const Query* query() const;

  struct Node;
  explicit Template(std::shared_ptr<const Node> root, json::Value source)
      : root_(std::move(root)), source_(std::move(source)) {}

 private:
  std::shared_ptr<const Node> root_;
  json::Value source_;
};

// The condition of a Choice rule in JSONPath mode (Variable with an operator, And, Or, Not).
class ChoiceCondition {
 public:
  // `rule`: the rule's object; Next, Assign, Output and Comment are ignored. Errors:
  // kInvalidArgument, AWS's sentence, detail "path".
  static Result<ChoiceCondition> compile(const json::Value& rule);
  // A comparison of different types is false. Errors: States.Runtime for a Variable that is not
  // there (except IsPresent).
  Result<bool> holds(const Scope& scope) const;
  VariableNames variables() const;

  struct Node;
  explicit ChoiceCondition(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

 private:
  std::shared_ptr<const Node> root_;
};

}  // namespace suiro::workflow
