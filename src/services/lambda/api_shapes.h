// SPDX-License-Identifier: Apache-2.0
// Conversions that several api_*.cc share.
#pragma once

#include "services/lambda/api.h"
#include "services/lambda/errors.h"
#include "shapes/gen/lambda.h"

namespace suiro::lambda {

namespace shape = shapes::lambda;

// Registers a coroutine Task<Result<Output>>(Api&, shapes::Call&, Input).
template <class Op, class Function>
void add_operation(shapes::Registry& registry, Api& api, Function function) {
  registry.add<Op>([&api, function](shapes::Call& call, typename Op::Input input) {
    return function(api, call, std::move(input));
  });
}

inline Result<FunctionName> name_of(Api& api, const std::string& name,
                                    const std::optional<std::string>& qualifier = {}) {
  return parse_function_name(name, qualifier, api.context.place);
}

inline PageRequest page_of(const std::optional<std::string>& marker,
                           const std::optional<int32_t>& items, size_t most) {
  PageRequest page{marker.value_or(""), most};
  if (items && *items > 0) page.items_max = std::min<size_t>(most, static_cast<size_t>(*items));
  return page;
}

inline std::optional<std::string> marker_of(std::string marker) {
  if (marker.empty()) return std::nullopt;
  return marker;
}

// Empty text is an absent member.
inline std::optional<std::string> present(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

shape::FunctionConfiguration configuration_of(const View& view);

}  // namespace suiro::lambda
