// SPDX-License-Identifier: Apache-2.0
// Payload templates of both query languages.
#include <fmt/format.h>

#include "engine/workflow/query.h"
#include "engine/workflow/query_impl.h"
#include "engine/workflow/template_node.h"

namespace suiro::workflow {
namespace {

using json::Value;
using NodePointer = std::shared_ptr<const Template::Node>;

std::unexpected<Error> refused(Error error, std::string message, std::string_view place) {
  error.message = std::move(message);
  error.details.emplace_back("path", std::string(place));
  return fail(std::move(error));
}

class Compiler {
 public:
  explicit Compiler(TemplateReader& reader) : reader_(reader) {}

  Result<NodePointer> compiled(const Value& source);

 private:
  Result<TemplateNode> array(const Value& source);
  Result<TemplateNode> object(const Value& source);
  Result<TemplateNode> scalar(const Value& source);

  TemplateReader& reader_;
  std::string place_;
  int depth_ = 0;
};

Result<TemplateNode> Compiler::array(const Value& source) {
  TemplateElements elements;
  bool computed = false;
  const size_t here = place_.size();
  for (size_t i = 0; i < source.as_array().size(); ++i) {
    fmt::format_to(std::back_inserter(place_), "[{}]", i);
    TRY(NodePointer element, compiled(source.as_array()[i]));
    place_.resize(here);
    computed = computed || !std::holds_alternative<Value>(element->content);
    elements.push_back(std::move(element));
  }
  if (!computed) return TemplateNode{source};
  return TemplateNode{std::move(elements)};
}

Result<TemplateNode> Compiler::object(const Value& source) {
  std::vector<TemplateMember> members;
  bool computed = false;
  const size_t here = place_.size();
  for (const auto& [key, value] : source.as_object()) {
    auto query = reader_.of_member(key, value);
    if (!query) {
      return refused(std::move(query).error(),
                     fmt::format("The value for the field '{}' must be a valid JSONPath or a "
                                 "valid intrinsic function call",
                                 key),
                     place_);
    }
    if (query->has_value()) {
      computed = true;
      auto node = std::make_shared<const Template::Node>(TemplateNode{**std::move(query)});
      members.push_back({key, key.substr(0, key.size() - 2), std::move(node)});
      continue;
    }
    place_ += '/';
    place_ += key;
    TRY(NodePointer member, compiled(value));
    place_.resize(here);
    computed = computed || !std::holds_alternative<Value>(member->content);
    members.push_back({key, key, std::move(member)});
  }
  if (!computed) return TemplateNode{source};
  return TemplateNode{std::move(members)};
}

Result<TemplateNode> Compiler::scalar(const Value& source) {
  auto query = reader_.of_value(source);
  if (!query) {
    std::string message = query.error().message;
    return refused(std::move(query).error(), std::move(message), place_);
  }
  if (query->has_value()) return TemplateNode{**std::move(query)};
  return TemplateNode{source};
}

Result<NodePointer> Compiler::compiled(const Value& source) {
  if (++depth_ > kTemplateDepthMax) {
    return refused({std::string(codes::kInvalidArgument), {}},
                   fmt::format("A payload template is nested at most {} deep", kTemplateDepthMax),
                   {});
  }
  TRY(TemplateNode node, source.is_array()    ? array(source)
                         : source.is_object() ? object(source)
                                              : scalar(source));
  --depth_;
  return std::make_shared<const Template::Node>(std::move(node));
}

// Keys that end in ".$".
class JsonPathReader final : public TemplateReader {
 public:
  Result<std::optional<Query>> of_member(std::string_view key, const Value& value) override {
    if (!key.ends_with(".$")) return std::nullopt;
    if (!value.is_string()) {
      return fail(codes::kInvalidArgument, "not a string");
    }
    TRY(Query query, Query::json_path(value.as_string()));
    return std::optional(std::move(query));
  }
  Result<std::optional<Query>> of_value(const Value&) override { return std::nullopt; }
};

// One evaluation; bounds what it builds.
class Evaluation {
 public:
  Evaluation(const Scope& scope, std::string_view field) : scope_(scope), place_(field) {}

  // `key`: of the member that holds the node, for JSONPath's sentences.
  Result<Value> value(const Template::Node& node, std::string_view key);

 private:
  Result<Value> computed(const Query& query, std::string_view key);

  const Scope& scope_;
  std::string place_;
  size_t built_ = 0;
};

Result<Value> Evaluation::computed(const Query& query, std::string_view key) {
  TRY(Value out,
      query.evaluate(scope_,
                     query.form() == Query::Form::kJsonata ? std::string_view(place_) : key));
  built_ += json::written_size(out, kTemplateResultMax);
  if (built_ > kTemplateResultMax) {
    return fail("States.DataLimitExceeded",
                fmt::format("A payload template gives more than {} bytes", kTemplateResultMax));
  }
  return out;
}

Result<Value> Evaluation::value(const Template::Node& node, std::string_view key) {
  if (const auto* constant = std::get_if<Value>(&node.content)) return *constant;
  if (const auto* query = std::get_if<Query>(&node.content)) return computed(*query, key);
  if (const auto* member = std::get_if<TemplateMember>(&node.content)) {
    return value(*member->node, member->key);
  }
  const size_t here = place_.size();
  if (const auto* elements = std::get_if<TemplateElements>(&node.content)) {
    json::Array out;
    out.reserve(elements->size());
    for (size_t i = 0; i < elements->size(); ++i) {
      fmt::format_to(std::back_inserter(place_), "[{}]", i);
      TRY(Value element, value(*(*elements)[i], key));
      place_.resize(here);
      out.push_back(std::move(element));
    }
    return Value(std::move(out));
  }
  json::Object out;
  for (const TemplateMember& member : std::get<std::vector<TemplateMember>>(node.content)) {
    if (!place_.empty()) place_ += '/';
    place_ += member.key;
    TRY(Value next, value(*member.node, member.key));
    place_.resize(here);
    out.set(member.name, std::move(next));
  }
  return Value(std::move(out));
}

void add_variables(VariableNames& names, const Template::Node& node) {
  if (const auto* query = std::get_if<Query>(&node.content)) {
    names.insert(names.end(), query->variables().begin(), query->variables().end());
  } else if (const auto* elements = std::get_if<TemplateElements>(&node.content)) {
    for (const auto& element : *elements) add_variables(names, *element);
  } else if (const auto* members = std::get_if<std::vector<TemplateMember>>(&node.content)) {
    for (const TemplateMember& member : *members) add_variables(names, *member.node);
  } else if (const auto* member = std::get_if<TemplateMember>(&node.content)) {
    add_variables(names, *member->node);
  }
}

}  // namespace

Result<Template> compile_template(const Value& source, TemplateReader& reader) {
  TRY(NodePointer root, Compiler(reader).compiled(source));
  return Template(std::move(root), source);
}

Result<Template> Template::json_path(const Value& source) {
  JsonPathReader reader;
  return compile_template(source, reader);
}

Template Template::constant(Value value) {
  return Template(std::make_shared<const Node>(TemplateNode{value}), value);
}

Template Template::computed(Query query, std::string key) {
  Value source(query.text());
  auto node = std::make_shared<const Node>(TemplateNode{std::move(query)});
  return Template(std::make_shared<const Node>(TemplateNode{TemplateMember{key, {}, node}}),
                  std::move(source));
}

Result<Value> Template::evaluate(const Scope& scope, std::string_view field) const {
  return Evaluation(scope, field).value(*root_, {});
}

const Value& Template::source() const {
  return source_;
}

VariableNames Template::variables() const {
  VariableNames out;
  add_variables(out, *root_);
  sort_names(out);
  return out;
}

const Query* Template::query() const {
  return std::get_if<Query>(&root_->content);
}

}  // namespace suiro::workflow
