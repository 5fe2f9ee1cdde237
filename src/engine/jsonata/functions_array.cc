// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/jsonata/evaluator.h"
#include "engine/jsonata/merge_sort.h"

namespace suiro::jsonata {
namespace {

Value fn_count(const Call& call) {
  return Value(call[0].undefined() ? 0.0 : static_cast<double>(Items(call[0]).size()));
}

Value fn_map(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  const Items items(call[0]);
  Array* out = evaluator.new_sequence();
  for (size_t i = 0; i < items.size(); ++i) {
    const Value key(static_cast<double>(i));
    Value result = evaluator.apply_item(call[1].function(), items[i], key, call[0]);
    if (result.is_failed()) return result;
    if (!result.undefined()) out->push(evaluator.arena(), result);
  }
  return Value(out);
}

Value fn_filter(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  const Items items(call[0]);
  Array* out = evaluator.new_sequence();
  for (size_t i = 0; i < items.size(); ++i) {
    const Value item = items[i], key(static_cast<double>(i));
    const Value chosen = evaluator.apply_item(call[1].function(), item, key, call[0]);
    if (chosen.is_failed()) return chosen;
    if (evaluator.truth(chosen)) out->push(evaluator.arena(), item);
  }
  return Value(out);
}

Value fn_single(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  const Items items(call[0]);
  Value found;
  bool any = false;
  for (size_t i = 0; i < items.size(); ++i) {
    const Value item = items[i], key(static_cast<double>(i));
    bool matches = true;
    if (call[1].is_function()) {
      const Value chosen = evaluator.apply_item(call[1].function(), item, key, call[0]);
      if (chosen.is_failed()) return chosen;
      matches = evaluator.truth(chosen);
    }
    if (!matches) continue;
    if (any) return evaluator.fail("D3138");
    any = true;
    found = item;
  }
  return any ? found : evaluator.fail("D3139");
}

Value fn_reduce(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  Function* function = call[1].function();
  const size_t arity = evaluator.arity(function);
  if (arity < 2) return evaluator.fail("D3050");
  const Items items(call[0]);
  const bool from_first = call[2].undefined() && !items.empty();
  Value out = from_first ? items[0] : call[2];
  for (size_t i = from_first ? 1 : 0; i < items.size(); ++i) {
    const Value arguments[] = {out, items[i], Value(static_cast<double>(i)), call[0]};
    out = evaluator.apply(function, {arguments, std::min<size_t>(arity, 4)}, Value::null());
    if (out.is_failed()) return out;
  }
  return out;
}

Value fn_zip(const Call& call) {
  Evaluator& evaluator = call.evaluator;
  size_t length = SIZE_MAX;
  for (const Value& list : call.arguments) {
    length = std::min(length, list.is_array() ? Items(list).size() : 0);
  }
  if (call.arguments.empty()) length = 0;
  Array* out = evaluator.new_array();
  for (size_t i = 0; i < length; ++i) {
    if (!evaluator.step(call.arguments.size())) return Value::failed();
    Array* row = evaluator.new_array();
    for (const Value& list : call.arguments) row->push(evaluator.arena(), Items(list)[i]);
    out->push(evaluator.arena(), Value(row));
  }
  return Value(out);
}

Value fn_append(const Call& call) {
  return call.evaluator.append(call[0], call[1]);
}

Value fn_exists(const Call& call) {
  return Value(!call[0].undefined());
}

Value fn_reverse(const Call& call) {
  const Items items(call[0]);
  if (call[0].undefined() || items.size() <= 1) return call[0];
  Evaluator& evaluator = call.evaluator;
  Array* out = evaluator.new_array();
  if (!evaluator.step(items.size()) || !out->reserve(evaluator.arena(), items.size())) return {};
  for (size_t i = items.size(); i-- > 0;) out->push(evaluator.arena(), items[i]);
  return Value(out);
}

bool all_of_type(const Items& items, Type type) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is(type)) return false;
  }
  return true;
}

Value fn_sort(const Call& call) {
  const Items items(call[0]);
  if (call[0].undefined() || items.size() <= 1) return call[0];
  Evaluator& evaluator = call.evaluator;
  if (!evaluator.step(items.size())) return Value::failed();
  std::vector<Value> list;
  list.reserve(items.size());
  for (size_t i = 0; i < items.size(); ++i) list.push_back(items[i]);
  if (call[1].is_function()) {
    bool failed = false;
    merge_sort(list, [&](const Value& left, const Value& right) {
      if (failed) return false;
      const Value arguments[] = {left, right};
      const Value after = evaluator.apply(call[1].function(), arguments, Value::null());
      failed = after.is_failed();
      return !failed && evaluator.truth(after);
    });
    if (failed) return Value::failed();
  } else if (all_of_type(items, Type::kNumber)) {
    merge_sort(
        list, [](const Value& left, const Value& right) { return left.number() > right.number(); });
  } else if (all_of_type(items, Type::kString)) {
    merge_sort(list, [&evaluator](const Value& left, const Value& right) {
      // Beyond the limit the evaluation has failed, whatever the order.
      (void)evaluator.step(
          Evaluator::text_turns(std::min(left.text().size(), right.text().size())));
      return compare_texts(left.text(), right.text()) > 0;
    });
  } else {
    return evaluator.fail("D3070");
  }
  Array* out = evaluator.new_array();
  if (!out->reserve(evaluator.arena(), list.size())) return {};
  for (const Value& value : list) out->push(evaluator.arena(), value);
  return Value(out);
}

Value fn_shuffle(const Call& call) {
  const Items items(call[0]);
  if (call[0].undefined() || items.size() <= 1) return call[0];
  Evaluator& evaluator = call.evaluator;
  Array* out = evaluator.new_array();
  if (!evaluator.step(items.size()) || !out->reserve(evaluator.arena(), items.size())) return {};
  for (size_t i = 0; i < items.size(); ++i) {
    const size_t other = evaluator.environment().random->below(i + 1);
    out->push(evaluator.arena(), items[i]);
    std::swap(out->items[other], out->items[i]);
  }
  return Value(out);
}

// A text that equal values have in common and others do not, for finding them again.
Value fn_distinct(const Call& call) {
  const Value& value = call[0];
  if (!value.is_array() || Items(value).size() <= 1) return value;
  Evaluator& evaluator = call.evaluator;
  const Items items(value);
  Array* out = value.is_sequence() ? evaluator.new_sequence() : evaluator.new_array();
  auto* scalars = evaluator.arena().make<Object>();
  for (size_t i = 0; i < items.size(); ++i) {
    const Value item = items[i];
    if (item.is_string() || item.is_number()) {
      std::string key = item.is_string() ? "s" : "n";
      key += item.is_string() ? std::string(item.text()) : number_text(item.number());
      if (!evaluator.step()) return Value::failed();
      if (scalars->find(key) != nullptr) continue;
      scalars->set(evaluator.arena(), evaluator.arena().copy(key), Value(true));
    } else {
      bool known = false;
      if (!evaluator.step(out->size + 1)) return Value::failed();
      for (uint32_t j = 0; !known && j < out->size; ++j) {
        known = evaluator.equal(item, out->items[j]);
      }
      if (known) continue;
    }
    out->push(evaluator.arena(), item);
  }
  return Value(out);
}

constexpr NativeEntry kArrayFunctions[] = {
    {"count", "<a:n>", 1, fn_count},      {"map", "<af>", 2, fn_map},
    {"filter", "<af>", 2, fn_filter},     {"single", "<af?>", 2, fn_single},
    {"reduce", "<afj?:j>", 3, fn_reduce}, {"zip", "<a+>", 0, fn_zip},
    {"append", "<xx:a>", 2, fn_append},   {"exists", "<x:b>", 1, fn_exists},
    {"reverse", "<a:a>", 1, fn_reverse},  {"sort", "<af?:a>", 2, fn_sort},
    {"shuffle", "<a:a>", 1, fn_shuffle},  {"distinct", "<x:x>", 1, fn_distinct},
};

}  // namespace

std::span<const NativeEntry> array_functions() {
  return kArrayFunctions;
}

}  // namespace suiro::jsonata
