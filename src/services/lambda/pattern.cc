// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/pattern.h"

#include <boost/json.hpp>

#include "services/lambda/errors.h"

namespace suiro::lambda {
namespace {

namespace json = boost::json;

std::unexpected<Error> invalid(std::string_view why) {
  return fail(kInvalidParameter, fmt::format("Invalid filter pattern definition: {}", why));
}

}  // namespace

Result<Pattern> Pattern::parse(const std::vector<std::string>& filters) {
  if (filters.size() > kFiltersMax) return invalid("there are more than 5 filters.");
  Pattern pattern;
  for (const std::string& text : filters) {
    if (text.size() > kPatternBytesMax) return invalid("it is longer than 4096 characters.");
    auto compiled = event_pattern::Pattern::compile(text);
    if (!compiled) return invalid(compiled.error().message);
    pattern.filters_.push_back(*std::move(compiled));
  }
  return pattern;
}

bool Pattern::matches(ByteView record) const {
  if (filters_.empty()) return true;
  json::parse_options options;
  options.max_depth = event_pattern::kEventDepthMax;
  boost::system::error_code failed;
  json::value value = json::parse(record, failed, {}, options);
  if (failed || !value.is_object()) return false;
  if (json::value* body = value.get_object().if_contains("body"); body && body->is_string()) {
    json::value inner = json::parse(body->get_string(), failed, {}, options);
    if (!failed && inner.is_object()) *body = std::move(inner);
  }
  event_pattern::Event event(std::move(value));
  return std::ranges::any_of(filters_, [&](const auto& filter) { return filter.matches(event); });
}

}  // namespace suiro::lambda
