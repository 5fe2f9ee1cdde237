// SPDX-License-Identifier: Apache-2.0
// Paths: steps over sequences, tuples, filters, order-by and group-by.
//
// A path carries a sequence from step to step, and each step's results are joined into the next.
// From the first step on that binds something (`@`, `#`, a parent's context) it carries tuples: the
// context and what was bound on the way to it.
#include <algorithm>
#include <cmath>

#include "engine/jsonata/evaluator.h"
#include "engine/jsonata/merge_sort.h"

namespace suiro::jsonata {

Value Evaluator::lookup(const Value& input, std::string_view key) {
  if (!input.is_array()) return member_of(input, key);
  Array* out = new_sequence();
  const Items items(input);
  const bool good = enter_value() && step(items.size());
  for (size_t i = 0; good && i < items.size(); ++i) {
    Value found = lookup(items[i], key);
    if (found.is_failed()) return leave_value(), found;
    if (found.undefined()) continue;
    const Items several(found);
    for (size_t j = 0; j < several.size(); ++j) out->push(arena_, several[j]);
  }
  leave_value();
  if (!good) return fail_limit(), Value::failed();
  return Value(out);
}

// The leading steps that meet no array.
Value Evaluator::names(const Node* node, const Value& input, size_t& done) {
  Value value = input;
  for (const Node* name : node->children) {
    if (value.is_array()) break;
    value = member_of(value, name->text);
    ++done;
    if (value.undefined()) break;
  }
  return value;
}

Value Evaluator::path(const Node* node, const Value& input, const Scopes& scopes) {
  const auto& steps = node->children;
  Value sequence = input;
  Value tuples;
  size_t first = 0;
  if (node->plain_steps && !input.is_array()) {
    sequence = names(node, input, first);
    const bool done = first == steps.size() || sequence.undefined();
    if (done && !node->keep_singleton_array && node->group == nullptr) return sequence;
    if (sequence.undefined()) first = steps.size();
    if (done && !sequence.undefined() && !sequence.is_array()) {
      Array* one = new_sequence();
      one->push(arena_, sequence);
      sequence = Value(one);
    }
  } else if (input.is_array() && steps[0]->kind == NodeKind::kVariable) {
    Array* one = new_sequence();
    one->push(arena_, input);
    sequence = Value(one);
  }
  for (size_t i = first; i < steps.size(); ++i) {
    const Node* current = steps[i];
    Value result;
    if (i == 0 && current->constructed) {
      result = eval(current, sequence, scopes);
    } else if (current->tuple || !tuples.undefined()) {
      tuples = tuple_step(current, sequence, tuples, scopes);
      result = tuples;
    } else {
      result = step(current, Items(sequence), scopes, i + 1 == steps.size());
    }
    if (result.is_failed()) return result;
    if (!tuples.undefined()) continue;
    const bool none = result.undefined() || (result.is_array() && Items(result).empty());
    if (none || current->focus_symbol < 0) sequence = result;
    if (none) break;
  }
  if (!tuples.undefined()) {
    sequence = tuples;
    if (!node->tuple) {
      Array* contexts = new_sequence();
      const Items items(tuples);
      contexts->reserve(arena_, items.size());
      for (size_t i = 0; i < items.size(); ++i) contexts->push(arena_, items[i].tuple()->context);
      sequence = Value(contexts);
    }
  }
  if (node->keep_singleton_array && sequence.is_array() && sequence.array() != nullptr) {
    Array* kept = sequence.array();
    if (kept->constructed && !kept->sequence) {
      kept = new_sequence();
      kept->push(arena_, sequence);
      sequence = Value(kept);
    }
    kept->keep_singleton = true;
  }
  if (node->group == nullptr) return sequence;
  return group(node->group, tuples.undefined() ? sequence : tuples, scopes);
}

Value Evaluator::step(const Node* node, const Items& input, const Scopes& scopes, bool last) {
  if (node->kind == NodeKind::kSort) {
    Array* all = new_sequence();
    all->reserve(arena_, input.size());
    for (size_t i = 0; i < input.size(); ++i) all->push(arena_, input[i]);
    Value sorted = sort(node, Value(all), scopes);
    return sorted.is_failed() ? sorted : stages(node, sorted, scopes);
  }
  Array* out = new_sequence();
  Value only;  // the first result, while there is but one
  size_t results = 0;
  auto join = [&](const Value& value) {
    const bool whole = !value.is_array() || (value.array() && value.array()->constructed);
    if (whole) return out->push(arena_, value);
    const Items items(value);
    for (size_t i = 0; i < items.size(); ++i) out->push(arena_, items[i]);
  };
  for (size_t i = 0; i < input.size(); ++i) {
    Value result = eval(node, input[i], scopes);
    for (const Stage& stage : node->stages) {
      if (result.is_failed()) return result;
      result = filter(stage.filter, result, scopes);
      if (result.is_sequence() && result.array()->size == 0) {
        // Nothing is left; later stages see none.
      }
    }
    if (result.is_failed()) return result;
    if (result.undefined()) continue;
    if (++results == 1) {
      only = result;
      continue;
    }
    if (results == 2) join(only);
    join(result);
  }
  if (results != 1) return Value(out);
  if (last && only.is_array() && !only.is_sequence()) return only;
  join(only);
  return Value(out);
}

Scopes Evaluator::within(const Scopes& scopes, const Tuple* tuple) {
  auto* link = arena_.make<TupleLink>();
  *link = {tuple, scopes.tuples};
  return {scopes.frame, link};
}

Value Evaluator::stages(const Node* node, Value input, const Scopes& scopes) {
  for (const Stage& stage : node->stages) {
    if (stage.filter != nullptr) {
      input = filter(stage.filter, input, scopes);
      if (input.is_failed()) return input;
      continue;
    }
    const Items items(input);
    for (size_t i = 0; i < items.size(); ++i) {
      const Value item = items[i];
      if (!item.is(Type::kTuple)) continue;
      Tuple* tuple = Tuple::copy(arena_, *item.tuple(), 1);
      tuple->bind(stage.index_symbol, Value(static_cast<double>(i)));
      if (input.array() != nullptr) input.array()->items[i] = Value(tuple);
    }
  }
  return input;
}

Value Evaluator::tuples_of(const Node* node, const Items& items) {
  Array* out = new_sequence();
  out->tuples = true;
  if (!out->reserve(arena_, items.size())) return Value(out);
  const size_t more = node->index_symbol >= 0 ? 1 : 0;
  for (size_t i = 0; i < items.size(); ++i) {
    Tuple* tuple = Tuple::copy(arena_, Tuple{}, more);
    tuple->context = items[i];
    if (more > 0) tuple->bind(node->index_symbol, Value(static_cast<double>(i)));
    out->push(arena_, Value(tuple));
  }
  return Value(out);
}

Value Evaluator::tuple_step(const Node* node, const Value& input, const Value& tuples,
                            const Scopes& scopes) {
  if (node->kind == NodeKind::kSort) {
    Value sorted = sort(node, tuples.undefined() ? input : tuples, scopes);
    if (sorted.is_failed()) return sorted;
    if (tuples.undefined()) sorted = tuples_of(node, Items(sorted));
    return stages(node, sorted, scopes);
  }
  Array* out = new_sequence();
  out->tuples = true;
  const bool begins = tuples.undefined();
  const Items from(begins ? input : tuples);
  const Tuple none;
  for (size_t i = 0; i < from.size(); ++i) {
    Tuple* tuple = nullptr;
    if (begins) {
      tuple = arena_.make<Tuple>(none);
      tuple->context = from[i];
    } else {
      tuple = from[i].tuple();
    }
    Value value = eval(node, tuple->context, within(scopes, tuple));
    if (value.is_failed()) return value;
    if (value.undefined()) continue;
    if (!add_tuples(node, *tuple, value, out)) return Value::failed();
  }
  return stages(node, Value(out), scopes);
}

bool Evaluator::add_tuples(const Node* node, const Tuple& from, const Value& value, Array* out) {
  const Items items(value);
  if (!step(items.size())) return false;
  for (size_t i = 0; i < items.size(); ++i) {
    const Value item = items[i];
    if (item.is(Type::kTuple)) {
      const Tuple* inner = item.tuple();
      Tuple* both = Tuple::copy(arena_, from, inner->size);
      both->context = inner->context;
      for (uint32_t j = 0; j < inner->size; ++j) {
        both->bind(inner->bindings[j].symbol, inner->bindings[j].value);
      }
      out->push(arena_, Value(both));
      continue;
    }
    Tuple* tuple = Tuple::copy(arena_, from, 3);
    if (node->focus_symbol >= 0) {
      tuple->bind(node->focus_symbol, item);
    } else {
      tuple->context = item;
    }
    if (node->index_symbol >= 0) tuple->bind(node->index_symbol, Value(static_cast<double>(i)));
    if (node->ancestor != nullptr) tuple->bind(node->ancestor->symbol, from.context);
    out->push(arena_, Value(tuple));
  }
  return true;
}

Value Evaluator::filter(const Node* predicate, const Value& input, const Scopes& scopes) {
  if (predicate->kind != NodeKind::kLiteral || !predicate->constant.is_number()) {
    return filter_items(predicate, input, scopes);
  }
  const Items items(input);
  double index = std::floor(predicate->constant.number());
  if (index < 0) index += static_cast<double>(items.size());
  Array* out = new_sequence();
  out->tuples = input.is_array() && input.array() && input.array()->tuples;
  if (index < 0 || index >= static_cast<double>(items.size())) return Value(out);
  const Value item = items[static_cast<size_t>(index)];
  if (item.is_array()) return item;
  if (!item.undefined()) out->push(arena_, item);
  return Value(out);
}

Value Evaluator::filter_items(const Node* predicate, const Value& input, const Scopes& scopes) {
  const Items items(input);
  Array* out = new_sequence();
  out->tuples = input.is_array() && input.array() && input.array()->tuples;
  // How often an array of numbers names this item.
  auto named = [&](const Value& numbers, size_t at, size_t& times) {
    const Items all(numbers);
    for (size_t i = 0; i < all.size(); ++i) {
      const Value number = all[i];
      if (!number.is_number() || std::isnan(number.number())) return false;
      double index = std::floor(number.number());
      if (index < 0) index += static_cast<double>(items.size());
      if (index == static_cast<double>(at)) ++times;
    }
    return true;
  };
  for (size_t i = 0; i < items.size(); ++i) {
    const Value item = items[i];
    const bool is_tuple = item.is(Type::kTuple);
    const Value chosen = is_tuple
                             ? eval(predicate, item.tuple()->context, within(scopes, item.tuple()))
                             : eval(predicate, item, scopes);
    if (chosen.is_failed()) return chosen;
    size_t times = 0;
    if ((chosen.is_number() || chosen.is_array()) && named(chosen, i, times)) {
      if (chosen.is_array() && !step(Items(chosen).size())) return Value::failed();
      for (; times > 0; --times) out->push(arena_, item);
    } else if (truth(chosen)) {
      out->push(arena_, item);
    }
  }
  return Value(out);
}

// --- Order-by
// -------------------------------------------------------------------------------------

namespace {

// Terms are evaluated when they are first compared; 0: equal, 1: right first.
struct Key {
  Value item;
  Value* terms;
};

}  // namespace

Value Evaluator::sort(const Node* node, const Value& input, const Scopes& scopes) {
  const Items items(input);
  if (items.size() <= 1) return input;
  const size_t terms = node->children.size();
  std::vector<Key> keys(items.size());
  if (!arena_.room(items.size() * terms * sizeof(Value)) || !step(items.size())) {
    return fail_limit(), Value::failed();
  }
  for (size_t i = 0; i < items.size(); ++i) {
    keys[i].item = items[i];
    keys[i].terms = static_cast<Value*>(arena_.take(terms * sizeof(Value)));
    std::uninitialized_fill_n(keys[i].terms, terms, Value::unset());
  }
  auto term = [&](Key& key, size_t number) {
    Value& known = key.terms[number];
    if (!known.is(Type::kUnset)) return known;
    const Node* by = node->children[number]->left;
    if (!key.item.is(Type::kTuple)) return known = eval(by, key.item, scopes);
    const Tuple* tuple = key.item.tuple();
    return known = eval(by, tuple->context, within(scopes, tuple));
  };
  bool failed = false;
  auto refuse = [&](Fault fault) {
    fault.position = node->position;
    fail(std::move(fault));
    failed = true;
    return false;
  };
  auto after = [&](Key& left, Key& right) {
    for (size_t i = 0; i < terms && !failed; ++i) {
      const Value a = term(left, i);
      const Value b = a.is_failed() ? a : term(right, i);
      if (b.is_failed()) return !(failed = true);
      if (a.undefined() && b.undefined()) continue;
      if (a.undefined() || b.undefined()) return a.undefined();
      for (const Value* side : {&a, &b}) {
        if (!side->is_string() && !side->is_number()) {
          return refuse(Fault{.code = "T2008", .value = shown(*side)});
        }
      }
      if (a.type() != b.type()) {
        return refuse(Fault{.code = "T2007", .value = shown(a), .value2 = shown(b)});
      }
      if (a.is_string()) steps_ += text_turns(std::min(a.text().size(), b.text().size()));
      int order = a.is_string()             ? compare_texts(a.text(), b.text())
                  : a.number() < b.number() ? -1
                                            : a.number() > b.number();
      if (order != 0) return (node->children[i]->descending ? -order : order) > 0;
    }
    return false;
  };
  merge_sort(keys, [&](Key& left, Key& right) { return !failed && after(left, right); });
  if (failed) return Value::failed();
  Array* out = new_array();
  out->tuples = input.array() != nullptr && input.array()->tuples;
  out->sequence = out->tuples;
  if (!out->reserve(arena_, keys.size())) return Value(out);
  for (const Key& key : keys) out->push(arena_, key.item);
  return Value(out);
}

// --- Group-by and object constructors
// -------------------------------------------------------------

bool Evaluator::add_to_group(Group& group, const Value& item) {
  if (item.undefined()) return true;
  if (group.data.undefined()) {
    group.data = item;
    return true;
  }
  if (group.several == nullptr) {
    group.several = new_array();
    const Items before(group.data);
    for (size_t i = 0; i < before.size(); ++i) group.several->push(arena_, before[i]);
    group.data = Value(group.several);
  }
  const Items items(item);
  if (!step(items.size())) return false;
  for (size_t i = 0; i < items.size(); ++i) group.several->push(arena_, items[i]);
  return true;
}

// One tuple of many: each binding is all of theirs.
Value Evaluator::reduce(const Value& tuples) {
  if (!tuples.is_array()) return tuples;
  const Items items(tuples);
  Tuple* out = Tuple::copy(arena_, *items[0].tuple(), 0);
  auto joined = [&](auto&& pick) {
    Group all{.data = {}, .several = nullptr};
    for (size_t i = 0; i < items.size(); ++i) {
      const Value* value = pick(items[i].tuple());
      if (value != nullptr) add_to_group(all, *value);
    }
    return all.data;
  };
  out->context = joined([](const Tuple* tuple) { return &tuple->context; });
  for (uint32_t i = 0; i < out->size; ++i) {
    const int symbol = out->bindings[i].symbol;
    out->bindings[i].value = joined([&](const Tuple* tuple) { return tuple->find(symbol); });
  }
  return Value(out);
}

Value Evaluator::group(const Node* node, const Value& input, const Scopes& scopes) {
  const bool reduces = input.is_array() && input.array() && input.array()->tuples;
  Array none;
  Value single;
  none.items = &single;
  none.size = 1;
  const bool empty = input.is_array() && Items(input).empty();
  const Items items(empty && !reduces ? Value(&none) : input);
  auto refuse = [&](std::string_view code, const Value& value) {
    fail(code, value);
    fault_.position = node->position;
    return Value::failed();
  };
  std::vector<Group> groups;
  auto* places = arena_.make<Object>();
  const size_t pairs = node->children.size() / 2;
  for (size_t i = 0; i < items.size(); ++i) {
    const Value item = items[i];
    const Tuple* tuple = item.is(Type::kTuple) ? item.tuple() : nullptr;
    const Scopes around = tuple != nullptr ? within(scopes, tuple) : scopes;
    for (size_t pair = 0; pair < pairs; ++pair) {
      const Value key =
          eval(node->children[2 * pair], tuple != nullptr ? tuple->context : item, around);
      if (key.is_failed()) return key;
      if (key.undefined()) continue;
      if (!key.is_string()) return refuse("T1003", key);
      const Value* known = places->find(key.text());
      if (known == nullptr) {
        places->set(arena_, key.text(), Value(static_cast<double>(groups.size())));
        groups.push_back({key.text(), pair, item, nullptr});
        continue;
      }
      Group& found = groups[static_cast<size_t>(known->number())];
      if (found.pair != pair) return refuse("D1009", key);
      if (!add_to_group(found, item)) return Value::failed();
    }
  }
  auto* out = arena_.make<Object>();
  for (const Group& found : groups) {
    const Node* value_node = node->children[2 * found.pair + 1];
    Value value;
    if (reduces) {
      const Tuple* tuple = reduce(found.data).tuple();
      value = eval(value_node, tuple->context, within(scopes, tuple));
    } else {
      value = eval(value_node, found.data, scopes);
    }
    if (value.is_failed()) return value;
    if (!value.undefined()) out->set(arena_, found.key, value);
  }
  return Value(out);
}

}  // namespace suiro::jsonata
