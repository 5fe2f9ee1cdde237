// SPDX-License-Identifier: Apache-2.0
// Nodes that are neither paths nor calls.
#include <cmath>

#include "base/check.h"
#include "engine/jsonata/evaluator.h"
#include "engine/jsonata/parser.h"

namespace suiro::jsonata {

Value Evaluator::run(const Program& program, const std::optional<json::Value>& input) {
  auto* unit = arena_.make<Unit>();
  unit->program = &program;
  unit->globals = static_cast<Value*>(arena_.take(program.globals.size() * sizeof(Value)));
  std::uninitialized_fill_n(unit->globals, program.globals.size(), Value::unset());
  auto* frame = arena_.make<Frame>();
  *frame = {nullptr, unit, nullptr, &program.slots};
  frame->slots = static_cast<Value*>(arena_.take(program.slots.size() * sizeof(Value)));
  std::uninitialized_fill_n(frame->slots, program.slots.size(), Value::unset());
  Value value = input ? Value::of(*input) : Value();
  root_input_ = value;
  if (value.is_array()) {
    // Taken as one input, not as a sequence of several.
    Array* whole = new_sequence();
    whole->push(arena_, value);
    whole->outer_wrapper = true;
    value = Value(whole);
  }
  Value out = eval(program.root, value, {.frame = frame});
  if (!out.is_failed() && !step(0)) out = Value::failed();
  if (out.is_failed()) explain();
  return out;
}

void Evaluator::explain() {
  if (fault_.code.empty()) fail_limit();
}

Value Evaluator::fail(Fault fault) {
  fault_ = std::move(fault);
  return Value::failed();
}

Value Evaluator::fail(std::string_view code, const Value& value) {
  return fail(Fault{.code = std::string(code), .value = shown(value)});
}

void Evaluator::fail_limit() {
  if (too_deep_) {
    fail("D1011");
  } else if (arena_.exhausted()) {
    fail(Fault{.code = std::string(codes::kTooLarge),
               .message = "The evaluation builds values of more than " +
                          std::to_string(arena_.bytes_max()) + " bytes"});
  } else {
    fail(Fault{.code = "D1012",
               .message = "Evaluation timeout after " +
                          std::to_string(environment_.limits.steps_max) +
                          " steps. Check for infinite loop"});
  }
}

Value Evaluator::eval(const Node* node, const Value& input, const Scopes& scopes) {
  if (node->kind == NodeKind::kLiteral && node->predicates.empty() && node->group == nullptr) {
    return node->constant;
  }
  if (depth_ >= environment_.limits.depth_max) return fail("D1011");
  if (!step()) return Value::failed();
  ++depth_;
  Value out = finish(node, eval_kind(node, input, scopes), scopes);
  --depth_;
  return out;
}

// Predicates and group of what is no step; sequences of one and none.
Value Evaluator::finish(const Node* node, Value value, const Scopes& scopes) {
  for (const Stage& stage : node->predicates) {
    if (value.is_failed()) return value;
    value = filter(stage.filter, value, scopes);
  }
  if (node->group != nullptr && node->kind != NodeKind::kPath && !value.is_failed()) {
    value = group(node->group, value, scopes);
  }
  return value.is_sequence() ? normalized(node, value) : value;
}

Value Evaluator::normalized(const Node* node, const Value& value) {
  Array* sequence = value.array();
  if (sequence->tuples) return value;
  if (node->keep_array) sequence->keep_singleton = true;
  if (sequence->size == 0) return {};
  return sequence->size == 1 && !sequence->keep_singleton ? sequence->items[0] : value;
}

Value Evaluator::eval_kind(const Node* node, const Value& input, const Scopes& scopes) {
  switch (node->kind) {
    case NodeKind::kPath:
      return path(node, input, scopes);
    case NodeKind::kVariable:
      return variable(node, input, scopes);
    case NodeKind::kBinary:
      return binary(node, input, scopes);
    case NodeKind::kCall:
      return call(node, input, scopes, nullptr);
    case NodeKind::kName:
      return lookup(input, node->text);
    case NodeKind::kLiteral:
      return node->constant;
    case NodeKind::kCondition:
    case NodeKind::kDefault:
    case NodeKind::kCoalesce:
      return condition(node, input, scopes);
    case NodeKind::kBlock:
      return block(node, input, scopes);
    case NodeKind::kArray:
      return array(node, input, scopes);
    case NodeKind::kObject:
      return group(node, input, scopes);
    case NodeKind::kBind:
      return bind(node, input, scopes);
    case NodeKind::kNegate:
      return negate(node, input, scopes);
    case NodeKind::kWildcard:
      return wildcard(input);
    case NodeKind::kDescendant:
      return descendants(input);
    case NodeKind::kParent:
      for (const TupleLink* link = scopes.tuples; link != nullptr; link = link->outer) {
        if (const Value* found = link->tuple->find(node->ancestor->symbol)) return *found;
      }
      return {};
    case NodeKind::kApply:
      return chain(node, input, scopes);
    case NodeKind::kPartial:
      return partial(node, input, scopes);
    case NodeKind::kLambda:
    case NodeKind::kTransform:
    case NodeKind::kRegex:
      return lambda(node, input, scopes);
    default:
      CHECK(false, "a node that arrange() leaves nowhere");
      return {};
  }
}

// --- Variables
// ------------------------------------------------------------------------------------

Value Evaluator::variable(const Node* node, const Value& input, const Scopes& scopes) {
  if (node->text.empty()) {
    const bool whole = input.is_array() && input.array() && input.array()->outer_wrapper;
    return whole ? input.array()->items[0] : input;
  }
  for (const Place& place : node->places) {
    if (place.in_tuple) {
      for (const TupleLink* link = scopes.tuples; link != nullptr; link = link->outer) {
        if (const Value* found = link->tuple->find(place.slot)) return *found;
      }
      continue;
    }
    const Frame* frame = scopes.frame;
    for (uint16_t i = 0; i < place.frames_up; ++i) frame = frame->up;
    const Value& slot = frame->slots[place.slot];
    if (!slot.is(Type::kUnset)) return slot;
  }
  return node->global < 0 ? Value() : global(scopes.frame->unit, node->global);
}

Value Evaluator::global(Unit* unit, int number) {
  Value& known = unit->globals[number];
  if (!known.is(Type::kUnset)) return known;
  const std::string& name = unit->program->globals[static_cast<size_t>(number)];
  if (unit->caller.frame != nullptr) return known = find_named(unit->caller, name);
  if (name == "$") return known = root_input_;
  if (environment_.variable) {
    if (auto given = environment_.variable(name)) {
      variables_.push_back(*std::move(given));
      return known = Value::of(variables_.back());
    }
  }
  known = Value();
  if (const Native* native = find_native(name, environment_.library)) {
    auto* function = arena_.make<Function>();
    function->kind = Function::Kind::kNative;
    function->native = native;
    known = Value(function);
  }
  return known;
}

// By name, for texts that $eval compiles.
Value Evaluator::find_named(const Scopes& scopes, std::string_view name) {
  for (const TupleLink* link = scopes.tuples; link != nullptr; link = link->outer) {
    const auto& symbols = scopes.frame->unit->program->symbols;
    for (size_t i = 0; i < symbols.size(); ++i) {
      if (symbols[i] != name) continue;
      if (const Value* found = link->tuple->find(static_cast<int>(i))) return *found;
    }
  }
  for (const Frame* frame = scopes.frame; frame != nullptr; frame = frame->up) {
    for (size_t i = 0; i < frame->names->size(); ++i) {
      if ((*frame->names)[i] == name && !frame->slots[i].is(Type::kUnset)) return frame->slots[i];
    }
  }
  Unit* unit = scopes.frame->unit;
  if (unit->caller.frame != nullptr) return find_named(unit->caller, name);
  const auto& globals = unit->program->globals;
  for (size_t i = 0; i < globals.size(); ++i) {
    if (globals[i] == name) return global(unit, static_cast<int>(i));
  }
  // Unknown to the outer text: asked for this once.
  auto* asked = arena_.make<Unit>();
  auto program = std::make_shared<Program>();
  program->globals.emplace_back(name);
  asked->program = program.get();
  asked->globals = arena_.make<Value>(Value::unset());
  programs_.push_back(std::move(program));
  return global(asked, 0);
}

Value Evaluator::bind(const Node* node, const Value& input, const Scopes& scopes) {
  Value value = eval(node->right, input, scopes);
  if (value.is_failed()) return value;
  for (const Place& place : node->left->places) {
    if (place.in_tuple) continue;
    Frame* frame = scopes.frame;
    for (uint16_t i = 0; i < place.frames_up; ++i) frame = frame->up;
    frame->slots[place.slot] = value;
    break;
  }
  return value;
}

Value Evaluator::block(const Node* node, const Value& input, Scopes scopes) {
  if (node->has_frame) {
    auto* frame = arena_.make<Frame>();
    *frame = {scopes.frame, scopes.frame->unit, nullptr, &node->slots};
    frame->slots = static_cast<Value*>(arena_.take(node->slots.size() * sizeof(Value)));
    std::uninitialized_fill_n(frame->slots, node->slots.size(), Value::unset());
    scopes.frame = frame;
  }
  Value out;
  for (const Node* part : node->children) {
    out = eval(part, input, scopes);
    if (out.is_failed()) break;
  }
  return out;
}

// --- Constructors and operators
// -------------------------------------------------------------------

Value Evaluator::array(const Node* node, const Value& input, const Scopes& scopes) {
  Array* out = new_array();
  if (!out->reserve(arena_, node->children.size())) return Value(out);
  for (const Node* item : node->children) {
    Value value = eval(item, input, scopes);
    if (value.is_failed()) return value;
    if (value.undefined()) continue;
    if (!value.is_array() || item->kind == NodeKind::kArray) {
      out->push(arena_, value);
      continue;
    }
    if (node->children.size() == 1 && item->op == Operator::kRange) {
      out = value.array();  // nobody else has it
      out->sequence = false;
      break;
    }
    const Items items(value);
    if (!step(items.size()) || !out->reserve(arena_, out->size + items.size())) {
      return Value::failed();
    }
    for (size_t i = 0; i < items.size(); ++i) out->push(arena_, items[i]);
  }
  out->constructed = node->constructed;
  return Value(out);
}

Value Evaluator::negate(const Node* node, const Value& input, const Scopes& scopes) {
  Value value = eval(node->left, input, scopes);
  if (value.is_failed() || value.undefined()) return value;
  if (value.is_number() && std::isfinite(value.number())) return Value(-value.number());
  fail("D1002", value);
  fault_.position = node->position;
  return Value::failed();
}

Value Evaluator::condition(const Node* node, const Value& input, const Scopes& scopes) {
  Value tested = eval(node->left, input, scopes);
  if (tested.is_failed()) return tested;
  if (node->kind == NodeKind::kCoalesce) {
    return tested.undefined() ? eval(node->right, input, scopes) : tested;
  }
  const bool yes = truth(tested);
  if (node->kind == NodeKind::kDefault) return yes ? tested : eval(node->right, input, scopes);
  if (yes) return eval(node->right, input, scopes);
  return node->third != nullptr ? eval(node->third, input, scopes) : Value();
}

bool Evaluator::flatten(const Value& value, Array* out) {
  const Items items(value);
  bool good = enter_value() && step(items.size());
  for (size_t i = 0; good && i < items.size(); ++i) {
    Value item = items[i];
    if (item.is_array()) {
      good = flatten(item, out);
    } else {
      out->push(arena_, item);
    }
  }
  leave_value();
  return good;
}

Value Evaluator::wildcard(const Value& given) {
  Value input = given;
  if (input.is_array() && input.array() != nullptr && input.array()->outer_wrapper) {
    input = input.array()->items[0];
  }
  Array* out = new_sequence();
  auto add = [&](const Value& value) {
    if (!value.is_array()) return out->push(arena_, value), true;
    out->sequence = false;  // joined arrays stay one
    return flatten(value, out);
  };
  if (input.is_array()) {
    const Items items(input);
    for (size_t i = 0; i < items.size(); ++i) {
      if (!step() || !add(items[i])) return Value::failed();
    }
  }
  const Members members(input);
  for (size_t i = 0; i < members.size(); ++i) {
    if (!step() || !add(members.value(i))) return Value::failed();
  }
  return Value(out);
}

bool Evaluator::collect_descendants(const Value& input, Array* out) {
  bool good = enter_value() && step();
  if (good && input.is_array()) {
    const Items items(input);
    for (size_t i = 0; good && i < items.size(); ++i) good = collect_descendants(items[i], out);
  } else if (good) {
    out->push(arena_, input);
    const Members members(input);
    for (size_t i = 0; good && i < members.size(); ++i) {
      good = collect_descendants(members.value(i), out);
    }
  }
  leave_value();
  return good;
}

Value Evaluator::descendants(const Value& input) {
  if (input.undefined()) return {};
  Array* out = new_sequence();
  if (!collect_descendants(input, out)) return Value::failed();
  return Value(out);
}

Value Evaluator::binary(const Node* node, const Value& input, const Scopes& scopes) {
  Value left = eval(node->left, input, scopes);
  if (left.is_failed()) return left;
  if (node->op == Operator::kAnd || node->op == Operator::kOr) {
    const bool yes = truth(left);
    if (yes == (node->op == Operator::kOr)) return Value(yes);
    Value right = eval(node->right, input, scopes);
    return right.is_failed() ? right : Value(truth(right));
  }
  Value right = eval(node->right, input, scopes);
  if (right.is_failed()) return right;
  Value out;
  switch (node->op) {
    case Operator::kEqual:
    case Operator::kNotEqual:
      if (left.undefined() || right.undefined()) return Value(false);
      out = Value(equal(left, right) == (node->op == Operator::kEqual));
      break;
    case Operator::kLess:
    case Operator::kLessEqual:
    case Operator::kGreater:
    case Operator::kGreaterEqual:
      out = compare(node, left, right);
      break;
    case Operator::kConcatenate:
      out = concatenate(left, right);
      break;
    case Operator::kRange:
      out = range(node, left, right);
      break;
    case Operator::kIn:
      out = includes(left, right);
      break;
    default:
      out = arithmetic(node, left, right);
  }
  if (out.is_failed()) {
    fault_.position = node->position;
    fault_.token = text_of(node->op);
    fault_.has_token = true;
  }
  return out;
}

bool Evaluator::numeric(const Value& value) {
  return value.is_number() && std::isfinite(value.number());
}

Value Evaluator::arithmetic(const Node* node, const Value& left, const Value& right) {
  for (const Value* side : {&left, &right}) {
    if (side->undefined() || numeric(*side)) continue;
    if (side->is_number() && std::isinf(side->number())) return fail("D1001", *side);
    return fail(side == &left ? "T2001" : "T2002");
  }
  if (left.undefined() || right.undefined()) return {};
  const double a = left.number(), b = right.number();
  switch (node->op) {
    case Operator::kAdd:
      return Value(a + b);
    case Operator::kSubtract:
      return Value(a - b);
    case Operator::kMultiply:
      return Value(a * b);
    case Operator::kDivide:
      return Value(a / b);
    default:
      return Value(std::fmod(a, b));
  }
}

Value Evaluator::compare(const Node* node, const Value& left, const Value& right) {
  for (const Value* side : {&left, &right}) {
    if (!side->undefined() && !side->is_string() && !side->is_number()) return fail("T2010");
  }
  if (left.undefined() || right.undefined()) return {};
  if (left.type() != right.type()) {
    return fail(Fault{.code = "T2009", .value = shown(left), .value2 = shown(right)});
  }
  const bool texts = left.is_string();
  if (texts && !step(text_turns(std::min(left.text().size(), right.text().size())))) {
    return Value::failed();
  }
  const double a = texts ? compare_texts(left.text(), right.text()) : left.number();
  const double b = texts ? 0 : right.number();
  switch (node->op) {
    case Operator::kLess:
      return Value(a < b);
    case Operator::kLessEqual:
      return Value(a <= b);
    case Operator::kGreater:
      return Value(a > b);
    default:
      return Value(a >= b);
  }
}

Value Evaluator::concatenate(const Value& left, const Value& right) {
  if (left.is_string() && right.undefined()) return left;
  if (right.is_string() && left.undefined()) return right;
  TextBuilder out(arena_);
  for (const Value* side : {&left, &right}) {
    if (!side->undefined() && !append_string(out, *side)) return Value::failed();
  }
  return Value(out.view());
}

Value Evaluator::range(const Node*, const Value& left, const Value& right) {
  constexpr double kRangeMax = 1e7;
  auto integral = [](const Value& value) {
    return value.is_number() && std::isfinite(value.number()) &&
           value.number() == std::trunc(value.number());
  };
  if (!left.undefined() && !integral(left)) return fail("T2003");
  if (!right.undefined() && !integral(right)) return fail("T2004");
  if (left.undefined() || right.undefined() || left.number() > right.number()) return {};
  const double size = right.number() - left.number() + 1;
  if (size > kRangeMax) return fail("D2014", Value(size));
  Array* out = new_sequence();
  const auto count = static_cast<size_t>(size);
  if (!step(count) || !out->reserve(arena_, count)) return fail_limit(), Value::failed();
  for (size_t i = 0; i < count; ++i) {
    out->push(arena_, Value(left.number() + static_cast<double>(i)));
  }
  return Value(out);
}

Value Evaluator::includes(const Value& left, const Value& right) {
  if (left.undefined() || right.undefined()) return Value(false);
  const Items items(right);
  if (!step(items.size())) return Value::failed();
  for (size_t i = 0; i < items.size(); ++i) {
    const Value item = items[i];
    if (item.type() != left.type() || item.is_array() || item.is_object()) continue;
    if (equal(item, left)) return Value(true);
  }
  return Value(false);
}

}  // namespace suiro::jsonata
