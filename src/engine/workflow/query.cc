// SPDX-License-Identifier: Apache-2.0
// Queries of JSONPath mode, and put_at(). Those of JSONata are in query_jsonata.cc.
#include "engine/workflow/query.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "engine/workflow/intrinsic.h"
#include "engine/workflow/path_filter.h"
#include "engine/workflow/query_impl.h"
#include "engine/workflow/scope.h"

namespace suiro::workflow {
namespace {

using json::Value;

void add_variable(VariableNames& names, const Path& path) {
  if (path.root == PathRoot::kVariable) names.push_back(path.variable);
}

void add_variables(VariableNames& names, const Intrinsic& call) {
  for (const IntrinsicArgument& argument : call.arguments) {
    if (const auto* path = std::get_if<Path>(&argument)) add_variable(names, *path);
    if (const auto* nested = std::get_if<std::shared_ptr<const Intrinsic>>(&argument)) {
      add_variables(names, **nested);
    }
  }
}

struct PathQuery final : Query::Impl {
  explicit PathQuery(Path path)
      : Impl(path.is_reference() ? Query::Form::kReferencePath : Query::Form::kPath, path.text),
        path_(std::move(path)) {
    add_variable(variables, path_);
  }

  Result<Value> evaluate(const Scope& scope, std::string_view field) const override {
    TRY(Lookup found, look_up(path_, scope));
    if (found.selection.value) return *std::move(found.selection.value);
    if (field.empty()) {
      return fail("States.Runtime",
                  fmt::format("Invalid path '{}' : {}", text, found.selection.missing));
    }
    return fail("States.Runtime",
                fmt::format("The JSONPath '{}' specified for the field '{}' could not be found in "
                            "the input '{}'",
                            text, field, input_text(path_, scope)));
  }
  Result<std::optional<Value>> find(const Scope& scope) const override {
    TRY(Lookup found, look_up(path_, scope));
    return std::move(found.selection.value);
  }
  const Path* path() const override { return &path_; }

  Path path_;
};

struct IntrinsicQuery final : Query::Impl {
  explicit IntrinsicQuery(std::shared_ptr<const Intrinsic> call)
      : Impl(Query::Form::kIntrinsic, call->text), call_(std::move(call)) {
    add_variables(variables, *call_);
    sort_names(variables);
  }

  Result<Value> evaluate(const Scope& scope, std::string_view) const override {
    return call_intrinsic(*call_, scope);
  }
  Result<std::optional<Value>> find(const Scope& scope) const override {
    TRY(Value value, call_intrinsic(*call_, scope));
    return std::optional(std::move(value));
  }

  std::shared_ptr<const Intrinsic> call_;
};

std::unexpected<Error> refused(std::string_view sentence, Error reason) {
  Error out{std::string(codes::kInvalidArgument), std::string(sentence)};
  out.details.emplace_back("reason", std::move(reason.message));
  return fail(std::move(out));
}

std::unexpected<Error> mismatch(const PathStep& step, const Value& value) {
  std::string name;
  if (const auto* names = std::get_if<NameStep>(&step)) {
    name = names->names.front();
  } else {
    name = std::to_string(std::get<IndexStep>(step).indices.front());
  }
  return fail("States.ResultPathMatchFailure",
              fmt::format("Unable to apply step \"{}\" to input {}", name, json::write(value)));
}

Result<void> put(Value& place, const std::vector<PathStep>& steps, size_t at, Value value) {
  if (at == steps.size()) {
    place = std::move(value);
    return ok();
  }
  const PathStep& step = steps[at];
  if (const auto* names = std::get_if<NameStep>(&step)) {
    if (!place.is_object()) return mismatch(step, place);
    const std::string& name = names->names.front();
    json::Object& object = place.edit_object();
    if (!object.contains(name)) object.set(name, json::Object{});
    return put(*object.find(name), steps, at + 1, std::move(value));
  }
  // Elements are replaced, arrays do not grow.
  int64_t index = std::get<IndexStep>(step).indices.front();
  if (!place.is_array()) return mismatch(step, place);
  int64_t size = static_cast<int64_t>(place.as_array().size());
  if (index < 0) index += size;
  if (index < 0 || index >= size) return mismatch(step, place);
  return put(place.edit_array()[static_cast<size_t>(index)], steps, at + 1, std::move(value));
}

}  // namespace

void sort_names(VariableNames& names) {
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
}

Result<void> check_result(const Value& value, std::string_view expression, size_t bytes_max) {
  switch (json::fit(value, bytes_max)) {
    case json::Fit::kFits:
      return ok();
    case json::Fit::kTooLarge:
      return fail("States.DataLimitExceeded",
                  fmt::format("'{}' gives more than {} bytes", expression, bytes_max));
    case json::Fit::kTooDeep:
      return fail("States.Runtime", fmt::format("'{}' gives a value nested deeper than {} levels",
                                                expression, json::kDepthMax));
  }
  return ok();
}

std::string_view kind_name(const Value& value) {
  switch (value.kind()) {
    case json::Kind::kNull:
      return "null";
    case json::Kind::kBool:
      return "boolean";
    case json::Kind::kInteger:
    case json::Kind::kDouble:
      return "number";
    case json::Kind::kString:
      return "string";
    case json::Kind::kArray:
      return "array";
    case json::Kind::kObject:
      return "object";
  }
  return "";
}

Result<Lookup> look_up(const Path& path, const Scope& scope) {
  Lookup out;
  if (path.root == PathRoot::kVariable) {
    auto value = scope.variable ? scope.variable(path.variable) : std::nullopt;
    if (!value) {
      out.selection.missing = fmt::format("The variable '{}' is not assigned", path.variable);
      return out;
    }
    out.root = *std::move(value);
  } else if (path.root == PathRoot::kContext) {
    out.root = scope.context ? scope.context() : Value(json::Object{});
  } else {
    out.root = scope.input;
  }
  size_t visits = 0;
  auto selection = select_within(path, out.root, out.root, visits);
  if (scope.work != nullptr) scope.work->used += visits;
  if (!selection) return fail(std::move(selection).error());
  // What one place holds is no larger than the root.
  if (selection->value && !path.is_definite()) {
    TRY_VOID(check_result(*selection->value, path.text));
  }
  out.selection = *std::move(selection);
  return out;
}

std::string input_text(const Path& path, const Scope& scope) {
  if (path.root == PathRoot::kContext && scope.context) return json::write(scope.context());
  return json::write(scope.input);
}

Result<Query> Query::path(std::string_view text) {
  auto parsed = parse_path(text);
  if (!parsed) return refused("Value is not a valid JSONPath", std::move(parsed).error());
  return Query(std::make_shared<PathQuery>(*std::move(parsed)));
}

Result<Query> Query::reference_path(std::string_view text) {
  auto parsed = parse_path(text);
  if (!parsed) return refused("Value is not a Reference Path", std::move(parsed).error());
  if (!parsed->is_reference()) {
    return refused("Value is not a Reference Path",
                   {"", fmt::format("'{}' may name more than one place", text)});
  }
  return Query(std::make_shared<PathQuery>(*std::move(parsed)));
}

Result<Query> Query::json_path(std::string_view text) {
  constexpr std::string_view kSentence =
      "Value must be a valid JSONPath or a valid intrinsic function call";
  if (!text.starts_with("States.")) {
    auto parsed = parse_path(text);
    if (!parsed) return refused(kSentence, std::move(parsed).error());
    return Query(std::make_shared<PathQuery>(*std::move(parsed)));
  }
  auto call = parse_intrinsic(text);
  if (!call) return refused(kSentence, std::move(call).error());
  return Query(std::make_shared<IntrinsicQuery>(*std::move(call)));
}

bool Query::is_jsonata(std::string_view text) {
  return text.size() >= 4 && text.starts_with("{%") && text.ends_with("%}");
}

Result<Value> Query::evaluate(const Scope& scope, std::string_view field) const {
  return impl_->evaluate(scope, field);
}

Result<std::optional<Value>> Query::find(const Scope& scope) const {
  return impl_->find(scope);
}

Query::Form Query::form() const {
  return impl_->form;
}

const std::string& Query::text() const {
  return impl_->text;
}

std::string_view Query::expression() const {
  return impl_->expression();
}

const VariableNames& Query::variables() const {
  return impl_->variables;
}

Result<Value> put_at(const Query& reference_path, Value root, Value value) {
  const Path* path = reference_path.impl().path();
  CHECK(path != nullptr && path->is_reference(), "put_at() needs a reference path");
  if (path->root != PathRoot::kInput) {
    return fail("States.ResultPathMatchFailure",
                fmt::format("'{}' is not a place in the input", path->text));
  }
  TRY_VOID(put(root, path->steps, 0, std::move(value)));
  return root;
}

}  // namespace suiro::workflow
