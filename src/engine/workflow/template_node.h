// SPDX-License-Identifier: Apache-2.0
// The parts of a compiled template. Internal to engine/workflow. Thread: immutable; any.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "engine/workflow/query.h"

namespace suiro::workflow {

// JSON text of all that one evaluation computes; many parts may be the same large value.
inline constexpr size_t kTemplateResultMax = 16 << 20;

inline constexpr int kTemplateDepthMax = 200;

using TemplateElements = std::vector<std::shared_ptr<const Template::Node>>;

struct TemplateMember {
  std::string key;   // as the definition has it: "a.$"
  std::string name;  // of the result: "a"
  std::shared_ptr<const Template::Node> node;
};

struct TemplateNode {
  // A part in which nothing is computed is one value. A member alone: its value, not an object.
  std::variant<json::Value, Query, TemplateElements, std::vector<TemplateMember>, TemplateMember>
      content;
};
struct Template::Node : TemplateNode {
  explicit Node(TemplateNode node) : TemplateNode(std::move(node)) {}
};

// What a query language takes for a query. Errors: kInvalidArgument.
class TemplateReader {
 public:
  virtual ~TemplateReader() = default;
  // A member that is a query by its key; nullopt: its value is read on.
  virtual Result<std::optional<Query>> of_member(std::string_view key,
                                                 const json::Value& value) = 0;
  // A value that is no array and no object.
  virtual Result<std::optional<Query>> of_value(const json::Value& value) = 0;
};
Result<Template> compile_template(const json::Value& source, TemplateReader& reader);

}  // namespace suiro::workflow
