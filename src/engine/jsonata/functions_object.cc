// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/evaluator.h"

namespace suiro::jsonata {
namespace {

bool collect_keys(Evaluator& evaluator, const Value& value, Object* out) {
  bool good = evaluator.enter_value() && evaluator.step();
  if (value.is_array()) {
    const Items items(value);
    for (size_t i = 0; good && i < items.size(); ++i) good = collect_keys(evaluator, items[i], out);
  } else {
    const Members members(value);
    for (size_t i = 0; good && i < members.size(); ++i) {
      out->set(evaluator.arena(), members.name(i), Value(true));
    }
  }
  evaluator.leave_value();
  return good;
}

Value fn_keys(const Call& call) {
  Evaluator& evaluator = call.evaluator;
  auto* names = evaluator.arena().make<Object>();
  if (!collect_keys(evaluator, call[0], names)) return evaluator.step(0), Value::failed();
  Array* out = evaluator.new_sequence();
  for (uint32_t i = 0; i < names->size; ++i) {
    out->push(evaluator.arena(), Value(names->members[i].name));
  }
  return Value(out);
}

Value fn_lookup(const Call& call) {
  return call.evaluator.lookup(call[0], call[1].is_string() ? call[1].text() : "");
}

Value spread(Evaluator& evaluator, const Value& value) {
  if (!evaluator.step()) return Value::failed();
  if (value.is_array()) {
    Array* out = evaluator.new_array();
    const Items items(value);
    bool good = evaluator.enter_value();
    for (size_t i = 0; good && i < items.size(); ++i) {
      const Value inner = spread(evaluator, items[i]);
      good = !inner.is_failed() && evaluator.step();
      if (!good || inner.undefined()) continue;
      const Items several(inner);
      for (size_t j = 0; j < several.size(); ++j) out->push(evaluator.arena(), several[j]);
    }
    evaluator.leave_value();
    out->sequence = out->size == 0;
    return good ? Value(out) : Value::failed();
  }
  if (!value.is_object()) return value;
  Array* out = evaluator.new_sequence();
  const Members members(value);
  for (size_t i = 0; i < members.size(); ++i) {
    auto* one = evaluator.arena().make<Object>();
    one->set(evaluator.arena(), members.name(i), members.value(i));
    out->push(evaluator.arena(), Value(one));
  }
  return Value(out);
}

Value fn_spread(const Call& call) {
  return spread(call.evaluator, call[0]);
}

Value fn_merge(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  auto* out = evaluator.arena().make<Object>();
  const Items items(call[0]);
  for (size_t i = 0; i < items.size(); ++i) {
    const Value item = items[i];
    const Members members(item);
    if (!evaluator.step(members.size() + 1)) return Value::failed();
    for (size_t j = 0; j < members.size(); ++j) {
      out->set(evaluator.arena(), members.name(j), members.value(j));
    }
  }
  return Value(out);
}

Value fn_each(const Call& call) {
  Evaluator& evaluator = call.evaluator;
  const Members members(call[0]);
  Array* out = evaluator.new_sequence();
  for (size_t i = 0; i < members.size(); ++i) {
    Value result =
        evaluator.apply_item(call[1].function(), members.value(i), Value(members.name(i)), call[0]);
    if (result.is_failed()) return result;
    if (!result.undefined()) out->push(evaluator.arena(), result);
  }
  return Value(out);
}

Value fn_sift(const Call& call) {
  Evaluator& evaluator = call.evaluator;
  const Members members(call[0]);
  auto* out = evaluator.arena().make<Object>();
  for (size_t i = 0; i < members.size(); ++i) {
    const Value name(members.name(i));
    bool chosen = evaluator.truth(members.value(i));
    if (call[1].is_function()) {
      const Value result =
          evaluator.apply_item(call[1].function(), members.value(i), name, call[0]);
      if (result.is_failed()) return result;
      chosen = evaluator.truth(result);
    }
    if (chosen) out->set(evaluator.arena(), name.text(), members.value(i));
  }
  return out->size == 0 ? Value() : Value(out);
}

Value fn_error(const Call& call) {
  const bool given = call[0].is_string() && !call[0].text().empty();
  return call.evaluator.fail(
      Fault{.code = "D3137",
            .message = given ? std::string(call[0].text()) : "$error() function evaluated"});
}

Value fn_assert(const Call& call) {
  if (call[0].is(Type::kBool) && call[0].truth()) return {};
  const bool given = call[1].is_string() && !call[1].text().empty();
  return call.evaluator.fail(
      Fault{.code = "D3141",
            .message = given ? std::string(call[1].text()) : "$assert() statement failed"});
}

Value fn_type(const Call& call) {
  switch (call[0].type()) {
    case Type::kNull:
      return Value(std::string_view("null"));
    case Type::kNumber:
      return Value(std::string_view("number"));
    case Type::kString:
      return Value(std::string_view("string"));
    case Type::kBool:
      return Value(std::string_view("boolean"));
    case Type::kArray:
      return Value(std::string_view("array"));
    case Type::kFunction:
      return Value(std::string_view("function"));
    case Type::kObject:
      return Value(std::string_view("object"));
    default:
      return {};
  }
}

Value fn_clone(const Call& call) {
  return call.evaluator.clone(call[0]);
}

Value fn_eval(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  Value input = call[1].undefined() ? call.context : call[1];
  if (input.is_array() && !input.is_sequence()) {
    Array* whole = evaluator.new_sequence();
    whole->push(evaluator.arena(), input);
    whole->outer_wrapper = true;
    input = Value(whole);
  }
  return evaluator.eval_text(call[0].text(), input, call.scopes);
}

Value fn_random(const Call& call) {
  return Value(call.evaluator.environment().random->unit());
}

constexpr NativeEntry kObjectFunctions[] = {
    {"keys", "<x-:a<s>>", 1, fn_keys},     {"lookup", "<x-s:x>", 2, fn_lookup},
    {"spread", "<x-:a<o>>", 1, fn_spread}, {"merge", "<a<o>:o>", 1, fn_merge},
    {"each", "<o-f:a>", 2, fn_each},       {"sift", "<o-f?:o>", 2, fn_sift},
    {"error", "<s?:x>", 1, fn_error},      {"assert", "<bs?:x>", 2, fn_assert},
    {"type", "<x:s>", 1, fn_type},         {"clone", "<(oa)-:o>", 1, fn_clone},
};

constexpr NativeEntry kStandardOnly[] = {
    {"eval", "<sx?:x>", 2, fn_eval},
    {"random", "<:n>", 0, fn_random},
};

}  // namespace

std::span<const NativeEntry> object_functions() {
  return kObjectFunctions;
}
std::span<const NativeEntry> standard_only_functions() {
  return kStandardOnly;
}

}  // namespace suiro::jsonata
