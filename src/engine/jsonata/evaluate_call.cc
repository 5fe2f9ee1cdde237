// SPDX-License-Identifier: Apache-2.0
// Functions: calls, partial application, chains, lambdas with tail calls, transforms.
//
// A call in tail position does not nest: it leaves itself in pending_ and returns tail_call();
// apply_at() goes on with it.
#include <array>

#include "engine/jsonata/evaluator.h"
#include "engine/jsonata/parser.h"
#include "engine/jsonata/regex.h"

namespace suiro::jsonata {
namespace {

// Argument lists up to this need no memory of the arena.
constexpr size_t kFewArguments = 6;

}  // namespace

bool Evaluator::is_meant(const Node* node, const Value& input, const Scopes& scopes) {
  if (node->meant == nullptr) return false;
  return !variable(node->meant, input, scopes).undefined();
}

Value Evaluator::call(const Node* node, const Value& input, const Scopes& scopes,
                      const Value* first) {
  const Value function = eval(node->left, input, scopes);
  if (function.is_failed()) return function;
  const size_t before = first != nullptr ? 1 : 0;
  const size_t count = node->children.size() + before;
  std::array<Value, kFewArguments> few;
  Value* arguments = few.data();
  if (count > kFewArguments || node->tail) {
    arguments = static_cast<Value*>(arena_.take(count * sizeof(Value)));
  }
  if (function.undefined() && is_meant(node, input, scopes)) {
    return fail(Fault{.code = "T1005", .position = node->position}.with_token(node->text));
  }
  if (first != nullptr) arguments[0] = *first;
  for (size_t i = 0; i < node->children.size(); ++i) {
    Value argument = eval(node->children[i], input, scopes);
    if (argument.is_failed()) return argument;
    new (&arguments[i + before]) Value(argument);
  }
  if (!function.is_function()) {
    return fail(Fault{.code = "T1006", .position = node->position}.with_token(node->text));
  }
  if (node->tail && first == nullptr) {
    pending_ = {function.function(), {arguments, count}, node, scopes};
    return Value::tail_call();
  }
  return apply_at(function.function(), {arguments, count}, input, scopes, node);
}

Value Evaluator::apply_at(Function* function, std::span<const Value> arguments,
                          const Value& context, const Scopes& scopes, const Node* where) {
  Value out = apply_once(function, arguments, context, scopes);
  while (out.is(Type::kTailCall)) {
    if (!step()) return Value::failed();
    const Pending next = pending_;
    where = next.node;
    out = apply_once(next.function, next.arguments, context, next.scopes);
  }
  if (out.is_failed() && where != nullptr) {
    fault_.position = where->position;
    if (!fault_.has_token) {
      fault_.token = where->left != nullptr ? where->text : "";
      fault_.has_token = true;
    }
  }
  return out;
}

Value Evaluator::apply(Function* function, std::span<const Value> arguments, const Value& context) {
  if (depth_ >= environment_.limits.depth_max) return fail("D1011");
  if (!step()) return Value::failed();
  ++depth_;
  Value out = apply_at(function, arguments, context, function->scopes, nullptr);
  --depth_;
  return out;
}

Value Evaluator::apply_item(Function* function, const Value& item, const Value& key,
                            const Value& whole) {
  const Value arguments[] = {item, key, whole};
  const size_t count = std::min<size_t>(std::max<size_t>(arity(function), 1), 3);
  return apply(function, {arguments, count}, Value::null());
}

size_t Evaluator::arity(const Function* function) const {
  switch (function->kind) {
    case Function::Kind::kNative:
      return function->native->entry.arity;
    case Function::Kind::kLambda:
      return function->node->children.size();
    case Function::Kind::kPartial: {
      size_t open = 0;
      for (size_t i = 0; i < function->count; ++i) {
        open += function->arguments[i].is(Type::kUnset) ? 1 : 0;
      }
      return open;
    }
    case Function::Kind::kNextMatch:
      return 0;
    default:
      return 1;
  }
}

Value Evaluator::apply_once(Function* function, std::span<const Value> arguments,
                            const Value& context, const Scopes& scopes) {
  switch (function->kind) {
    case Function::Kind::kNative: {
      std::vector<Value> fitted;
      fitted.reserve(4);
      auto fault = function->native->signature.fit(arguments, context, arena_, fitted);
      if (fault) return fail(*std::move(fault));
      uint64_t turns = 0;
      for (const Value& argument : fitted) {
        if (argument.is_string()) turns += text_turns(argument.text().size());
      }
      if (!step(turns)) return Value::failed();
      return function->native->entry.function({*this, fitted, context, scopes});
    }
    case Function::Kind::kLambda: {
      const auto& signature = function->node->signature;
      if (!signature) return apply_lambda(function, arguments);
      std::vector<Value> fitted;
      auto fault = signature->fit(arguments, context, arena_, fitted);
      if (fault) return fail(*std::move(fault));
      return apply_lambda(function, fitted);
    }
    case Function::Kind::kPartial:
      return apply_partial(function, arguments, context);
    case Function::Kind::kComposed: {
      const Value middle =
          apply(function->base, arguments.first(std::min<size_t>(arguments.size(), 1)), context);
      if (middle.is_failed()) return middle;
      return apply(function->then, {&middle, 1}, context);
    }
    case Function::Kind::kTransform:
      return apply_transform(function, arguments.empty() ? Value() : arguments[0]);
    case Function::Kind::kRegex:
      return apply_regex(*this, function, arguments.empty() ? Value() : arguments[0]);
    case Function::Kind::kNextMatch:
      return next_match(*this, function);
  }
  return {};
}

Value Evaluator::apply_lambda(const Function* function, std::span<const Value> arguments) {
  const Node* node = function->node;
  auto* frame = arena_.make<Frame>();
  *frame = {function->scopes.frame, function->scopes.frame->unit, nullptr, &node->slots};
  const size_t slots = node->slots.size(), parameters = node->children.size();
  frame->slots = static_cast<Value*>(arena_.take(slots * sizeof(Value)));
  for (size_t i = 0; i < slots; ++i) {
    Value initial = i >= parameters        ? Value::unset()
                    : i < arguments.size() ? arguments[i]
                                           : Value();
    new (&frame->slots[i]) Value(initial);
  }
  return eval(node->left, function->input, {frame, function->scopes.tuples});
}

Value Evaluator::apply_partial(Function* function, std::span<const Value> arguments,
                               const Value& context) {
  std::vector<Value> all(function->arguments, function->arguments + function->count);
  size_t next = 0;
  for (Value& argument : all) {
    if (!argument.is(Type::kUnset)) continue;
    argument = next < arguments.size() ? arguments[next] : Value();
    ++next;
  }
  Function* base = function->base;
  // What was given was not checked against the types, as in the reference.
  if (base->kind == Function::Kind::kLambda) {
    all.resize(base->node->children.size());
    return apply_lambda(base, all);
  }
  return apply(base, all, context);
}

Value Evaluator::partial(const Node* node, const Value& input, const Scopes& scopes) {
  auto* out = arena_.make<Function>();
  out->kind = Function::Kind::kPartial;
  out->scopes = scopes;
  out->count = node->children.size();
  out->arguments = static_cast<Value*>(arena_.take(out->count * sizeof(Value)));
  for (size_t i = 0; i < out->count; ++i) {
    const Node* argument = node->children[i];
    Value value =
        argument->kind == NodeKind::kPlaceholder ? Value::unset() : eval(argument, input, scopes);
    if (value.is_failed()) return value;
    new (&out->arguments[i]) Value(value);
  }
  const Value base = eval(node->left, input, scopes);
  if (base.is_failed()) return base;
  if (!base.is_function()) {
    const bool meant = base.undefined() && is_meant(node, input, scopes);
    return fail(Fault{.code = meant ? "T1007" : "T1008", .position = node->position}.with_token(
        node->text));
  }
  out->base = base.function();
  return Value(out);
}

Value Evaluator::chain(const Node* node, const Value& input, const Scopes& scopes) {
  const Value left = eval(node->left, input, scopes);
  if (left.is_failed()) return left;
  const Node* right = node->right;
  if (right->kind == NodeKind::kCall) {
    if (depth_ >= environment_.limits.depth_max) return fail("D1011");
    ++depth_;
    Value out = call(right, input, scopes, &left);
    // The predicates of the call are its own: f(x)[0].
    if (!out.is_failed() && !right->predicates.empty()) out = finish(right, out, scopes);
    --depth_;
    return out;
  }
  const Value function = eval(right, input, scopes);
  if (function.is_failed()) return function;
  if (!function.is_function()) {
    return fail(Fault{.code = "T2006", .position = node->position}.with_value(shown(function)));
  }
  if (!left.is_function()) {
    return apply_at(function.function(), {&left, 1}, Value::null(), scopes, nullptr);
  }
  auto* composed = arena_.make<Function>();
  composed->kind = Function::Kind::kComposed;
  composed->base = left.function();
  composed->then = function.function();
  composed->scopes = scopes;
  return Value(composed);
}

Value Evaluator::lambda(const Node* node, const Value& input, const Scopes& scopes) {
  auto* out = arena_.make<Function>();
  out->kind = node->kind == NodeKind::kLambda      ? Function::Kind::kLambda
              : node->kind == NodeKind::kTransform ? Function::Kind::kTransform
                                                   : Function::Kind::kRegex;
  out->node = node;
  out->input = input;
  out->scopes = scopes;
  return Value(out);
}

// --- Transforms
// -----------------------------------------------------------------------------------

Value Evaluator::clone(const Value& value) {
  if (!step()) return Value::failed();
  if (!value.is_array() && !value.is_object()) {
    return value.is_function() ? Value(std::string_view()) : value;
  }
  Value out;
  if (!enter_value()) return leave_value(), Value::failed();
  if (value.is_array()) {
    const Items items(value);
    Array* copy = new_array();
    for (size_t i = 0; i < items.size(); ++i) {
      Value item = clone(items[i]);
      if (item.is_failed()) return leave_value(), item;
      copy->push(arena_, item.undefined() ? Value::null() : item);
    }
    out = Value(copy);
  } else {
    const Members members(value);
    auto* copy = arena_.make<Object>();
    for (size_t i = 0; i < members.size(); ++i) {
      Value member = clone(members.value(i));
      if (member.is_failed()) return leave_value(), member;
      if (!member.undefined()) copy->set(arena_, members.name(i), member);
    }
    out = Value(copy);
  }
  leave_value();
  return out;
}

Value Evaluator::transform_match(const Function* function, const Value& match) {
  const Node* node = function->node;
  const Value update = eval(node->right, match, function->scopes);
  if (update.is_failed()) return update;
  if (!update.undefined()) {
    if (!update.is_object()) {
      return fail(
          Fault{.code = "T2011", .position = node->right->position}.with_value(shown(update)));
    }
    const Members members(update);
    for (size_t i = 0; match.is_object() && match.object() && i < members.size(); ++i) {
      match.object()->set(arena_, members.name(i), members.value(i));
    }
  }
  if (node->third == nullptr) return {};
  const Value names = eval(node->third, match, function->scopes);
  if (names.is_failed() || names.undefined()) return names;
  const Items items(names);
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_string()) {
      return fail(
          Fault{.code = "T2012", .position = node->third->position}.with_value(shown(names)));
    }
  }
  for (size_t i = 0; match.is_object() && match.object() && i < items.size(); ++i) {
    if (!step(match.object()->size)) return Value::failed();
    match.object()->erase(arena_, items[i].text());
  }
  return {};
}

Value Evaluator::apply_transform(const Function* function, const Value& value) {
  if (value.undefined()) return {};
  if (!value.is_array() && !value.is_object()) return fail(Fault{.code = "T0410", .index = 1});
  // What is changed in place is the copy.
  const Value copy = clone(value);
  if (copy.is_failed()) return copy;
  const Value matches = eval(function->node->left, copy, function->scopes);
  if (matches.is_failed()) return matches;
  if (matches.undefined()) return copy;
  const Items items(matches);
  for (size_t i = 0; i < items.size(); ++i) {
    const Value done = transform_match(function, items[i]);
    if (done.is_failed()) return done;
  }
  return copy;
}

// --- $eval
// ----------------------------------------------------------------------------------------

Value Evaluator::eval_text(std::string_view text, const Value& input, const Scopes& scopes) {
  auto compiled = compile_program(text, nullptr);
  if (!compiled) {
    return fail(Fault{.code = "D3120", .value = quoted(message_of(compiled.error()))});
  }
  programs_.push_back(*compiled);
  const Program& program = **compiled;
  auto* unit = arena_.make<Unit>();
  unit->program = &program;
  unit->caller = scopes;
  unit->globals = static_cast<Value*>(arena_.take(program.globals.size() * sizeof(Value)));
  std::uninitialized_fill_n(unit->globals, program.globals.size(), Value::unset());
  auto* frame = arena_.make<Frame>();
  *frame = {nullptr, unit, nullptr, &program.slots};
  frame->slots = static_cast<Value*>(arena_.take(program.slots.size() * sizeof(Value)));
  std::uninitialized_fill_n(frame->slots, program.slots.size(), Value::unset());
  Value out = eval(program.root, input, {.frame = frame});
  if (out.is_failed() && step(0)) {
    return fail(Fault{.code = "D3121", .value = quoted(message_of(fault_))});
  }
  return out;
}

}  // namespace suiro::jsonata
