// SPDX-License-Identifier: Apache-2.0
// The opaque texts that clients hand back: positions and names. A text that this service did not
// make is InvalidParameterException.
#pragma once

#include "base/result.h"
#include "services/logs/types.h"

namespace suiro::logs {

// 44 hexadecimal digits.
std::string position_token(const Position& at);
Result<Position> parse_position_token(std::string_view token);

std::string name_token(std::string_view name);
Result<std::string> parse_name_token(std::string_view token);

// GetLogEvents: "f/<position>/s" goes on after it, "b/<position>/s" before it.
struct PageToken {
  enum class Way { kForward, kBackward } way;
  Position at;
};
std::string page_token(PageToken::Way way, const Position& at);
Result<PageToken> parse_page_token(std::string_view token);

// 56 digits, unique among all events, in their order.
std::string event_id(const Position& at);

// Where an event is, as @ptr of Insights tells it.
struct RecordPointer {
  Position at;
  std::string group;
  std::string stream;
};
std::string record_pointer(const RecordPointer& place);
Result<RecordPointer> parse_record_pointer(std::string_view pointer);

}  // namespace suiro::logs
