// SPDX-License-Identifier: Apache-2.0
// Evaluator: one evaluation of a program.
//
// Invariants:
//  1. Whoever receives a failed() value returns it at once; fault() says why.
//  2. Every node evaluated and every turn of a built-in loop is a step(), so that an evaluation
//  ends.
//  3. Natives see arguments that fit their signature.
// Threads: one. Failure: see fault.h.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>

#include "engine/jsonata/expression.h"
#include "engine/jsonata/fault.h"
#include "engine/jsonata/functions.h"
#include "engine/jsonata/node.h"

namespace suiro::jsonata {

// A program within the evaluation; $eval adds more.
struct Unit;

struct Frame {
  Frame* up;
  Unit* unit;
  Value* slots;
  const std::vector<std::string>* names;
};

struct TupleLink {
  const Tuple* tuple;
  const TupleLink* outer;
};

// Where variables are looked for.
struct Scopes {
  Frame* frame = nullptr;
  const TupleLink* tuples = nullptr;
};

struct Unit {
  const Program* program = nullptr;
  Value* globals = nullptr;
  Scopes caller = {};  // of $eval
};

struct Function {
  enum class Kind : uint8_t {
    kNative,
    kLambda,
    kPartial,   // base with arguments; kUnset: to come
    kComposed,  // then(base(x))
    kTransform,
    kRegex,
    kNextMatch,  // of `match`, from a regex
  };
  Kind kind;
  const Native* native = nullptr;
  const Node* node = nullptr;
  Scopes scopes = {};
  Value input = {};
  Function* base = nullptr;
  Function* then = nullptr;
  Value* arguments = nullptr;
  size_t count = 0;
  std::string_view subject = {};
  size_t from = 0;
};

class Evaluator {
 public:
  explicit Evaluator(const Environment& environment)
      : environment_(environment), arena_(environment.limits.built_bytes_max) {}

  Value run(const Program& program, const std::optional<json::Value>& input);

  Value eval(const Node* node, const Value& input, const Scopes& scopes);
  // Calls a function value; `context` is for signatures.
  Value apply(Function* function, std::span<const Value> arguments, const Value& context);
  // With as many of value, key and whole as the function has parameters.
  Value apply_item(Function* function, const Value& item, const Value& key, const Value& whole);
  size_t arity(const Function* function) const;
  // Evaluates a text in the scopes of the caller: $eval.
  Value eval_text(std::string_view text, const Value& input, const Scopes& scopes);

  Arena& arena() { return arena_; }
  const Environment& environment() const { return environment_; }

  // Remembers why; returns failed().
  Value fail(Fault fault);
  Value fail(std::string_view code) { return fail(Fault{.code = std::string(code)}); }
  // The same with the value that the text names.
  Value fail(std::string_view code, const Value& value);
  const Fault& fault() const { return fault_; }
  // After a failure: where nothing else was said, a limit is the reason.
  void explain();
  // False: the limit is reached and the evaluation has failed.
  bool step(uint64_t turns = 1) {
    steps_ += turns;
    if (steps_ <= environment_.limits.steps_max && !arena_.exhausted() && !too_deep_) return true;
    fail_limit();
    return false;
  }
  // What walking a text of so many bytes counts.
  static uint64_t text_turns(size_t bytes) { return bytes / 64 + 1; }
  uint64_t steps() const { return steps_; }
  // Of nested values, for functions that recurse; leave_value() in any case. False: too deep; the
  // next step() fails.
  bool enter_value() {
    too_deep_ |= ++nesting_ > json::kDepthMax;
    return !too_deep_;
  }
  void leave_value() { --nesting_; }

  Array* new_array() { return arena_.make<Array>(); }
  Array* new_sequence() {
    auto* out = arena_.make<Array>();
    out->sequence = true;
    return out;
  }
  // Keeps a JSON value for as long as the evaluation.
  Value adopt(json::Value value) { return Value::of(variables_.emplace_back(std::move(value))); }
  Value text(std::string_view copied) { return Value(arena_.copy(copied)); }

  // JSON text of a value, for messages; cut where it is long.
  std::string shown(const Value& value);
  // $string() as it is; false: failed.
  enum class Layout : uint8_t { kCompact, kPretty };
  bool append_string(TextBuilder& out, const Value& value, Layout layout = Layout::kCompact);

  // JSON of a result; functions are left out. False: failed.
  bool to_json(const Value& value, json::Value& out);

  Value lookup(const Value& input, std::string_view key);
  Value append(const Value& left, const Value& right);
  // Truth as of conditions. An undefined value is false.
  bool truth(const Value& value);
  bool equal(const Value& left, const Value& right);
  // Whether it is a number; an infinite one fails D1001.
  bool numeric(const Value& value);
  Value clone(const Value& value);

 private:
  friend struct MergeSort;

  void fail_limit();
  bool text_to_json(std::string_view text, json::Value& out);
  bool append_json(TextBuilder& out, const Value& value, Layout layout, size_t indent);

  Value eval_kind(const Node* node, const Value& input, const Scopes& scopes);
  Value finish(const Node* node, Value value, const Scopes& scopes);
  Value normalized(const Node* node, const Value& value);

  Value variable(const Node* node, const Value& input, const Scopes& scopes);
  Value global(Unit* unit, int number);
  Value find_named(const Scopes& scopes, std::string_view name);
  Value bind(const Node* node, const Value& input, const Scopes& scopes);
  Value block(const Node* node, const Value& input, Scopes scopes);
  Value array(const Node* node, const Value& input, const Scopes& scopes);
  Value negate(const Node* node, const Value& input, const Scopes& scopes);
  Value condition(const Node* node, const Value& input, const Scopes& scopes);
  Value wildcard(const Value& input);
  Value descendants(const Value& input);
  bool collect_descendants(const Value& input, Array* out);
  bool flatten(const Value& value, Array* out);

  Value binary(const Node* node, const Value& input, const Scopes& scopes);
  Value arithmetic(const Node* node, const Value& left, const Value& right);
  Value compare(const Node* node, const Value& left, const Value& right);
  Value concatenate(const Value& left, const Value& right);
  Value range(const Node* node, const Value& left, const Value& right);
  Value includes(const Value& left, const Value& right);

  Value path(const Node* node, const Value& input, const Scopes& scopes);
  Value names(const Node* node, const Value& input, size_t& done);
  Value step(const Node* node, const Items& input, const Scopes& scopes, bool last);
  Value stages(const Node* node, Value input, const Scopes& scopes);
  Value tuple_step(const Node* node, const Value& input, const Value& tuples, const Scopes& scopes);
  bool add_tuples(const Node* node, const Tuple& from, const Value& value, Array* out);
  Value tuples_of(const Node* node, const Items& items);
  Value filter(const Node* predicate, const Value& input, const Scopes& scopes);
  Value filter_items(const Node* predicate, const Value& input, const Scopes& scopes);
  Value sort(const Node* node, const Value& input, const Scopes& scopes);
  Value group(const Node* node, const Value& input, const Scopes& scopes);
  struct Group {
    std::string_view key;
    size_t pair;
    Value data;
    Array* several;  // once there are two
  };
  bool add_to_group(Group& group, const Value& item);
  Value reduce(const Value& tuples);
  Scopes within(const Scopes& scopes, const Tuple* tuple);

  Value call(const Node* node, const Value& input, const Scopes& scopes, const Value* first);
  Value partial(const Node* node, const Value& input, const Scopes& scopes);
  Value chain(const Node* node, const Value& input, const Scopes& scopes);
  Value lambda(const Node* node, const Value& input, const Scopes& scopes);
  Value apply_at(Function* function, std::span<const Value> arguments, const Value& context,
                 const Scopes& scopes, const Node* where);
  Value apply_once(Function* function, std::span<const Value> arguments, const Value& context,
                   const Scopes& scopes);
  Value apply_lambda(const Function* function, std::span<const Value> arguments);
  Value apply_partial(Function* function, std::span<const Value> arguments, const Value& context);
  Value apply_transform(const Function* function, const Value& value);
  Value transform_match(const Function* function, const Value& match);
  bool is_meant(const Node* node, const Value& input, const Scopes& scopes);

  struct Pending {
    Function* function = nullptr;
    std::span<const Value> arguments = {};
    const Node* node = nullptr;
    Scopes scopes = {};
  };

  const Environment& environment_;
  Arena arena_;
  Fault fault_;
  uint64_t steps_ = 0;
  int depth_ = 0;
  int nesting_ = 0;
  bool too_deep_ = false;
  Pending pending_;
  Value root_input_;
  std::deque<json::Value> variables_;                     // given from outside
  std::vector<std::shared_ptr<const Program>> programs_;  // of $eval
  // Texts of the result so far, by their places: what lies there does not change.
  std::map<std::pair<const char*, size_t>, json::Value> texts_told_;
};

}  // namespace suiro::jsonata
