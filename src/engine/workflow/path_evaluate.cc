// SPDX-License-Identifier: Apache-2.0
// The selection of paths.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/workflow/path.h"
#include "engine/workflow/path_filter.h"
#include "engine/workflow/query_impl.h"

namespace suiro::workflow {
namespace {

using json::Value;

std::unexpected<Error> runtime(std::string message) {
  return fail("States.Runtime", std::move(message));
}

// The element at an index that may count from the end.
const Value* element_at(const json::Array& array, int64_t index) {
  int64_t size = static_cast<int64_t>(array.size());
  if (index < 0) index += size;
  return index < 0 || index >= size ? nullptr : &array[static_cast<size_t>(index)];
}

Value number_of(double value) {
  constexpr double kExact = 9'007'199'254'740'992.0;
  if (std::nearbyint(value) == value && std::fabs(value) < kExact) {
    return static_cast<int64_t>(value);
  }
  return value;
}

Result<Value> aggregate(PathFunction function, const json::Array& array) {
  std::vector<double> numbers;
  for (const Value& element : array) {
    if (element.is_number()) numbers.push_back(element.as_double());
  }
  if (numbers.empty()) {
    return runtime("Aggregation function attempted to calculate value using empty array");
  }
  double sum = 0;
  for (double number : numbers) sum += number;
  double count = static_cast<double>(numbers.size());
  switch (function) {
    case PathFunction::kMin:
      return number_of(*std::ranges::min_element(numbers));
    case PathFunction::kMax:
      return number_of(*std::ranges::max_element(numbers));
    case PathFunction::kSum:
      return number_of(sum);
    case PathFunction::kAverage:
      return Value(sum / count);
    default: {
      double squares = 0;
      for (double number : numbers) squares += (number - sum / count) * (number - sum / count);
      return Value(std::sqrt(squares / count));
    }
  }
}

Result<Value> apply(PathFunction function, const Value& value) {
  if (function == PathFunction::kLength) {
    if (value.is_array()) return Value(static_cast<int64_t>(value.as_array().size()));
    if (value.is_object()) return Value(static_cast<int64_t>(value.as_object().size()));
    return runtime(fmt::format("length() takes an array or an object, not a {}", kind_name(value)));
  }
  if (function == PathFunction::kKeys) {
    if (!value.is_object()) {
      return runtime(fmt::format("keys() takes an object, not a {}", kind_name(value)));
    }
    json::Array keys;
    for (const auto& [name, member] : value.as_object()) keys.emplace_back(name);
    return Value(std::move(keys));
  }
  if (!value.is_array()) {
    return runtime("Aggregation function attempted to calculate value using empty array");
  }
  return aggregate(function, value.as_array());
}

// ['a','b'] at the end of a path: those members, as an object.
Value merged(const NameStep& step, const json::Object& object) {
  json::Object out;
  for (const std::string& name : step.names) {
    if (const Value* member = object.find(name)) out.set(name, *member);
  }
  return out;
}

}  // namespace

// Walks one path through one value; the budget of visits is shared with the filters' paths.
class PathWalk {
 public:
  PathWalk(const Path& path, const Value& root, size_t& visits)
      : path_(path), root_(root), visits_(visits) {}

  Result<Selection> definite(const Value& from);
  Result<void> all(size_t at, const Value& value);
  json::Array take() { return std::move(matches_); }

 private:
  Result<void> count() {
    if (++visits_ > kPathVisitsMax) {
      return runtime(
          fmt::format("The path '{}' visits more than {} values", path_.text, kPathVisitsMax));
    }
    return ok();
  }
  std::string up_to(size_t steps) const;
  Selection misfit(size_t at, const Value& value) const;
  Result<void> names(size_t at, const NameStep& step, const Value& value);
  Result<void> indices(size_t at, const IndexStep& step, const Value& value);
  Result<void> slice(size_t at, const SliceStep& step, const Value& value);
  Result<void> children(size_t at, const Value& value);
  Result<void> scan(size_t at, const Value& value);
  Result<void> filtered(size_t at, const FilterStep& step, const Value& value);
  Result<void> filtered_object(size_t at, const FilterStep& step, const Value& value);

  const Path& path_;
  const Value& root_;
  size_t& visits_;
  json::Array matches_;
};

// The path up to a step, as Jayway's errors have it.
std::string PathWalk::up_to(size_t steps) const {
  std::string out = path_.root == PathRoot::kCurrent ? "@" : "$";
  for (size_t i = 0; i < steps; ++i) append_step(out, path_.steps[i]);
  return out;
}

Selection PathWalk::misfit(size_t at, const Value& value) const {
  std::string step;
  append_step(step, path_.steps[at]);
  if (std::holds_alternative<NameStep>(path_.steps[at])) {
    return {std::nullopt,
            fmt::format("Expected to find an object with property {} in path {} but found '{}'.",
                        step, up_to(at), kind_name(value))};
  }
  return {std::nullopt,
          fmt::format("Filter: {} can only be applied to arrays. Current context is: {}", step,
                      json::write(value))};
}

Result<Selection> PathWalk::definite(const Value& from) {
  const Value* value = &from;
  for (size_t i = 0; i < path_.steps.size(); ++i) {
    TRY_VOID(count());
    const PathStep& step = path_.steps[i];
    if (const auto* function = std::get_if<FunctionStep>(&step)) {
      TRY(Value result, apply(function->function, *value));
      return Selection{std::move(result), ""};
    }
    if (const auto* name = std::get_if<NameStep>(&step)) {
      if (!value->is_object()) return misfit(i, *value);
      if (name->names.size() > 1) return Selection{merged(*name, value->as_object()), ""};
      value = value->find(name->names.front());
      if (value == nullptr && i + 1 != path_.steps.size()) {
        return Selection{std::nullopt, "Missing property in path " + up_to(i + 1)};
      }
    } else {
      if (!value->is_array()) return misfit(i, *value);
      value = element_at(value->as_array(), std::get<IndexStep>(step).indices.front());
    }
    if (value == nullptr) {
      return Selection{std::nullopt, "No results for path: " + up_to(path_.steps.size())};
    }
  }
  return Selection{*value, ""};
}

Result<void> PathWalk::all(size_t at, const Value& value) {
  TRY_VOID(count());
  if (at == path_.steps.size()) {
    matches_.push_back(value);
    return ok();
  }
  const PathStep& step = path_.steps[at];
  if (const auto* name = std::get_if<NameStep>(&step)) return names(at, *name, value);
  if (const auto* index = std::get_if<IndexStep>(&step)) return indices(at, *index, value);
  if (const auto* range = std::get_if<SliceStep>(&step)) return slice(at, *range, value);
  if (std::holds_alternative<WildcardStep>(step)) return children(at, value);
  if (std::holds_alternative<ScanStep>(step)) return scan(at, value);
  if (const auto* filter = std::get_if<FilterStep>(&step)) {
    return filtered(at, *filter, value);
  }
  TRY(Value result, apply(std::get<FunctionStep>(step).function, value));
  matches_.push_back(std::move(result));
  return ok();
}

Result<void> PathWalk::names(size_t at, const NameStep& step, const Value& value) {
  if (!value.is_object()) return ok();
  if (step.names.size() > 1 && at + 1 == path_.steps.size()) {
    matches_.push_back(merged(step, value.as_object()));
    return ok();
  }
  for (const std::string& name : step.names) {
    if (const Value* member = value.find(name)) TRY_VOID(all(at + 1, *member));
  }
  return ok();
}

Result<void> PathWalk::indices(size_t at, const IndexStep& step, const Value& value) {
  if (!value.is_array()) return ok();
  for (int64_t index : step.indices) {
    if (const Value* element = element_at(value.as_array(), index)) {
      TRY_VOID(all(at + 1, *element));
    }
  }
  return ok();
}

Result<void> PathWalk::slice(size_t at, const SliceStep& step, const Value& value) {
  if (!value.is_array()) return ok();
  const json::Array& array = value.as_array();
  int64_t size = static_cast<int64_t>(array.size());
  int64_t from = step.from.value_or(0);
  int64_t to = step.to.value_or(size);
  if (!step.to && from < 0) from = std::max<int64_t>(0, size + from);
  if (!step.from && to < 0) to += size;
  from = std::max(from, -size);
  to = std::min(to, size);
  for (int64_t i = from; i < to; ++i) {
    if (const Value* element = element_at(array, i)) TRY_VOID(all(at + 1, *element));
  }
  return ok();
}

Result<void> PathWalk::children(size_t at, const Value& value) {
  if (value.is_array()) {
    for (const Value& element : value.as_array()) TRY_VOID(all(at + 1, element));
  } else if (value.is_object()) {
    for (const auto& [name, member] : value.as_object()) TRY_VOID(all(at + 1, member));
  }
  return ok();
}

// First the step behind ".." at this value, then the same below it.
Result<void> PathWalk::scan(size_t at, const Value& value) {
  if (!value.is_array() && !value.is_object()) return ok();
  if (const auto* filter = std::get_if<FilterStep>(&path_.steps[at + 1])) {
    // Each object is met by itself, not as an element, too.
    TRY_VOID(filtered_object(at + 1, *filter, value));
  } else {
    TRY_VOID(all(at + 1, value));
  }
  TRY_VOID(count());
  if (value.is_array()) {
    for (const Value& element : value.as_array()) TRY_VOID(scan(at, element));
  } else {
    for (const auto& [name, member] : value.as_object()) TRY_VOID(scan(at, member));
  }
  return ok();
}

Result<void> PathWalk::filtered_object(size_t at, const FilterStep& step, const Value& value) {
  if (!value.is_object()) return ok();
  TRY(bool holds, filter_holds(*step.filter, value, root_, visits_));
  return holds ? all(at + 1, value) : ok();
}

// Of an array its elements are tried, an object is tried itself.
Result<void> PathWalk::filtered(size_t at, const FilterStep& step, const Value& value) {
  if (!value.is_array()) return filtered_object(at, step, value);
  for (const Value& element : value.as_array()) {
    TRY_VOID(count());
    TRY(bool holds, filter_holds(*step.filter, element, root_, visits_));
    if (holds) TRY_VOID(all(at + 1, element));
  }
  return ok();
}

Result<Selection> select_within(const Path& path, const Value& from, const Value& root,
                                size_t& visits) {
  if (path.is_definite()) return PathWalk(path, root, visits).definite(from);
  // A function behind ".." is of all that was found.
  const auto* function =
      path.steps.empty() ? nullptr : std::get_if<FunctionStep>(&path.steps.back());
  bool scans = std::ranges::any_of(
      path.steps, [](const PathStep& step) { return std::holds_alternative<ScanStep>(step); });
  if (function != nullptr && scans) {
    Path found = path;
    found.steps.pop_back();
    PathWalk walk(found, root, visits);
    TRY_VOID(walk.all(0, from));
    TRY(Value result, apply(function->function, Value(walk.take())));
    return Selection{std::move(result), ""};
  }
  PathWalk walk(path, root, visits);
  TRY_VOID(walk.all(0, from));
  return Selection{Value(walk.take()), ""};
}

Result<Selection> select(const Path& path, const Value& root) {
  size_t visits = 0;
  return select_within(path, root, root, visits);
}

}  // namespace suiro::workflow
