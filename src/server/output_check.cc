// SPDX-License-Identifier: Apache-2.0
#include "server/output_check.h"

#include <fmt/format.h>

#include <algorithm>

namespace suiro::server {
namespace {

using shapes::Kind;
using shapes::Shape;

std::unexpected<Error> misfit(std::string message) {
  return fail(codes::kInvalidArgument, std::move(message));
}

std::string sdk_name(std::string_view name) {
  std::string out(name);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z')
    out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

// The shapes bound the depth but for documents, which are not looked into, and recursive ones,
// which json::kDepthMax bounds.
class Checker {
 public:
  explicit Checker(bool is_partial) : is_partial_(is_partial) {}

  Result<void> structure(const Shape& shape, const json::Value& value, std::string_view field,
                         std::span<const std::string> unchecked) const {
    if (!value.is_object()) return wanted("an object", field);
    for (const shapes::Member& member : shape.members) {
      const std::string name = sdk_name(member.name);
      const json::Value* held = value.find(name);
      if (held == nullptr) {
        if (!member.required || is_partial_) continue;
        return misfit(fmt::format("Required field '{}' is missing", name));
      }
      if (std::ranges::find(unchecked, name) != unchecked.end()) continue;
      TRY_VOID(any(*member.shape, *held, name));
    }
    return ok();
  }

 private:
  static std::unexpected<Error> wanted(std::string_view what, std::string_view field) {
    if (field.empty()) return misfit(fmt::format("The result must be {}", what));
    return misfit(fmt::format("Field '{}' must be {}", field, what));
  }

  Result<void> any(const Shape& shape, const json::Value& value, std::string_view field) const {
    switch (shape.kind) {
      case Kind::kString:
        if (!value.is_string()) return wanted("a string", field);
        if (!shape.values.empty() &&
            std::ranges::find(shape.values, value.as_string()) == shape.values.end()) {
          return misfit(fmt::format("Field '{}' is not an expected value", field));
        }
        return ok();
      case Kind::kTimestamp:
      case Kind::kBlob:
      case Kind::kStream:
        if (!value.is_string()) return wanted("a string", field);
        return ok();
      case Kind::kInteger:
      case Kind::kLong:
      case Kind::kDouble:
        if (!value.is_number()) return wanted("a number", field);
        return ok();
      case Kind::kBoolean:
        if (!value.is_bool()) return wanted("a boolean", field);
        return ok();
      case Kind::kDocument:
      case Kind::kEvents:
        return ok();
      case Kind::kStructure:
        return structure(shape, value, field, {});
      case Kind::kList:
        if (!value.is_array()) return wanted("an array", field);
        for (const json::Value& item : value.as_array()) TRY_VOID(any(*shape.element, item, field));
        return ok();
      case Kind::kMap:
        if (!value.is_object()) return wanted("an object", field);
        for (const auto& [key, item] : value.as_object())
          TRY_VOID(any(*shape.element, item, field));
        return ok();
    }
    return ok();
  }

  bool is_partial_;
};

}  // namespace

Result<void> check_output(const Shape& shape, const json::Value& value,
                          const event::OperationCaller::Output& options) {
  return Checker(options.is_partial).structure(shape, value, "", options.unchecked);
}

}  // namespace suiro::server
