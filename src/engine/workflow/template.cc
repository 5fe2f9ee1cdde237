// SPDX-License-Identifier: Apache-2.0
// Payload templates of both query languages.
#include <fmt/format.h>

#include "engine/workflow/query.h"
#include "engine/workflow/query_impl.h"
#include "engine/workflow/template_node.h"

namespace suiro::workflow {
namespace {

using json::Value;

std::unexpected<Error> refused(Error error, std::string message, std::string_view place) {
  error.message = std::move(message);
  error.details.emplace_back("path", std::string(place));
  return fail(std::move(error));
}

Result<std::shared_ptr<const Template::Node>> compiled(const Value& source, TemplateReader& reader,
                                                       std::string& place);

Result<TemplateNode> compiled_array(const Value& source, TemplateReader& reader,
                                    std::string& place) {
  std::vector<std::shared_ptr<const Template::Node>> elements;
  bool computed = false;
  const size_t here = place.size();
  for (size_t i = 0; i < source.as_array().size(); ++i) {
    fmt::format_to(std::back_inserter(place), "[{}]", i);
    TRY(auto element, compiled(source.as_array()[i], reader, place));
    place.resize(here);
    computed = computed || !std::holds_alternative<Value>(element->content);
    elements.push_back(std::move(element));
  }
  if (!computed) return TemplateNode{source};
  return TemplateNode{std::move(elements)};
}

Result<TemplateNode> compiled_object(const Value& source, TemplateReader& reader,
                                     std::string& place) {
  std::vector<TemplateMember> members;
  bool computed = false;
  const size_t here = place.size();
  for (const auto& [key, value] : source.as_object()) {
    auto query = reader.of_member(key, value);
    if (!query) {
      return refused(std::move(query).error(),
                     fmt::format("The value for the field '{}' must be a valid JSONPath or a "
                                 "valid intrinsic function call",
                                 key),
                     place);
    }
    if (query->has_value()) {
      computed = true;
      auto node = std::make_shared<const Template::Node>(TemplateNode{**std::move(query)});
      members.push_back({key, key.substr(0, key.size() - 2), std::move(node)});
      continue;
    }
    place += '/';
    place += key;
    TRY(auto member, compiled(value, reader, place));
    place.resize(here);
    computed = computed || !std::holds_alternative<Value>(member->content);
    members.push_back({key, key, std::move(member)});
  }
  if (!computed) return TemplateNode{source};
  return TemplateNode{std::move(members)};
}

Result<std::shared_ptr<const Template::Node>> compiled(const Value& source, TemplateReader& reader,
                                                       std::string& place) {
  if (source.is_array()) {
    TRY(TemplateNode node, compiled_array(source, reader, place));
    return std::make_shared<const Template::Node>(std::move(node));
  }
  if (source.is_object()) {
    TRY(TemplateNode node, compiled_object(source, reader, place));
    return std::make_shared<const Template::Node>(std::move(node));
  }
  auto query = reader.of_value(source);
  if (!query) {
    std::string message = query.error().message;
    return refused(std::move(query).error(), std::move(message), place);
  }
  if (query->has_value()) {
    return std::make_shared<const Template::Node>(TemplateNode{**std::move(query)});
  }
  return std::make_shared<const Template::Node>(TemplateNode{source});
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
  built_ += json::written_size(out);
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
  std::string place;
  TRY(auto root, compiled(source, reader, place));
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
