// SPDX-License-Identifier: Apache-2.0
// Expression: a compiled JSONata 2.x expression, and its evaluation with limits.
//
// Invariants:
//  1. Evaluation has no effects and reads no clock and no dice but those of its Environment: equal
//     arguments give equal results.
//  2. No input makes it use more than its Limits: depth, steps, bytes of what it builds.
//
// Source of the rules: docs.jsonata.org and the official test suite; the additions of workflows:
// Step Functions Developer Guide, "Transforming data with JSONata".
// Threads: immutable once compiled; any. Failure: Error{code "T2001", message in JSONata's words}.
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

namespace suiro::jsonata {

struct Limits {
  int depth_max = 500;                   // nested evaluations (D-code of stack overflow beyond)
  uint64_t steps_max = 10'000'000;       // evaluated nodes and turns of built-in loops: its time
  size_t built_bytes_max = 64ull << 20;  // of all values and texts built
};

// Which functions exist beside the standard library.
enum class Library : uint8_t {
  kStandard,   // JSONata 2.x
  kWorkflows,  // without $eval; with $partition $range $hash $random([seed]) $uuid $parse
};

struct Environment {
  TimePoint now;   // $now() and $millis(), the same throughout one evaluation
  Random* random;  // borrowed
  Library library = Library::kStandard;
  Limits limits = {};
  // Where not null: grows by the steps that an evaluation made, whether it failed or not.
  uint64_t* steps_used = nullptr;
  // The value of $name; nullopt: not bound. Asked once a name and evaluation.
  std::function<std::optional<json::Value>(std::string_view name)> variable = nullptr;
};

// A variable that the text uses and does not bind itself: "$states.input.a" is {"states",
// {"input", "a"}}; the path ends at the first step that is no plain name.
struct Reference {
  std::string name;
  std::vector<std::string> path;
};

class Program;  // the syntax tree

class Expression {
 public:
  // Errors: JSONata's codes S0101... with its texts; the detail "position" is the offset of the
  // place behind the token, in UTF-16 units, as JSONata counts.
  static Result<Expression> compile(std::string_view text);

  // nullopt in: the input is undefined; nullopt out: nothing was selected. A result that is or
  // holds a function is undefined, as JSON has none. Integral numbers come out as integers.
  Result<std::optional<json::Value>> evaluate(const std::optional<json::Value>& input,
                                              const Environment& environment) const;

  // In order of their places in the text; without the names of functions of the library.
  const std::vector<Reference>& references() const { return references_; }
  // What it reads of the input by itself, outside of any path's steps: "a" (of "a.b"), "$", "$$",
  // "*", "**".
  const std::vector<std::string>& input_reads() const { return input_reads_; }
  const std::string& text() const;

 private:
  std::shared_ptr<const Program> program_;
  std::vector<Reference> references_;
  std::vector<std::string> input_reads_;
};

}  // namespace suiro::jsonata
