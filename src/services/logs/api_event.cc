// SPDX-License-Identifier: Apache-2.0
// Events: PutLogEvents, GetLogEvents, FilterLogEvents.

#include <algorithm>

#include "base/utf8.h"
#include "services/logs/api.h"
#include "services/logs/api_names.h"
#include "services/logs/tokens.h"

namespace suiro::logs {

namespace shape = shapes::logs;
namespace op = shapes::logs::op;

namespace {

// What lies beyond the years that can be stored is as far as they reach.
TimePoint time_of(int64_t millis) {
  return TimePoint(Millis(std::clamp<int64_t>(millis, 0, kTimeMillisMax)));
}

int64_t millis_of(TimePoint time) {
  return time.time_since_epoch().count();
}

// Older versions of Suiro kept lines of programs as they were.
std::string text_of(std::string message) {
  return with_valid_utf8(std::move(message));
}

}  // namespace

Api::Answer<op::PutLogEvents> Api::put_events(shape::PutLogEventsRequest in) {
  std::vector<NewEvent> events;
  events.reserve(in.log_events.size());
  for (auto& event : in.log_events) {
    events.push_back({time_of(event.timestamp), std::move(event.message)});
  }
  CO_TRY(auto rejected, co_await logic_.put(std::move(in.log_group_name),
                                            std::move(in.log_stream_name), std::move(events)));
  shape::PutLogEventsResponse out;
  // Sequence tokens are no longer needed, and still returned ("PutLogEvents").
  out.next_sequence_token = event_id({.time = kernel_.clock.now()});
  if (rejected.too_new_from || rejected.too_old_until || rejected.expired_until) {
    auto& info = out.rejected_log_events_info.emplace();
    auto number = [](std::optional<size_t> index) {
      return index ? std::optional(static_cast<int32_t>(*index)) : std::nullopt;
    };
    info.too_new_log_event_start_index = number(rejected.too_new_from);
    info.too_old_log_event_end_index = number(rejected.too_old_until);
    info.expired_log_event_end_index = number(rejected.expired_until);
  }
  if (in.entity) out.rejected_entity_info.emplace().error_type = "UnsupportedLogGroupType";
  co_return out;
}

Api::Answer<op::GetLogEvents> Api::get_events(shape::GetLogEventsRequest in) {
  CO_TRY(std::string group, one_group(home(), in.log_group_name, in.log_group_identifier));
  using From = Logic::GetQuery::From;
  using Way = PageToken::Way;
  Logic::GetQuery query{.group = std::move(group),
                        .stream = std::move(in.log_stream_name),
                        .window = {.begin = time_of(in.start_time.value_or(0))},
                        .from = in.start_from_head.value_or(false) ? From::kHead : From::kTail,
                        .events_max = static_cast<size_t>(in.limit.value_or(kReadEventsMax))};
  if (in.end_time) query.window.end = time_of(*in.end_time);
  // Where an empty first page stands: whatever comes later is after it.
  Position first{.time = query.window.begin}, last = first;
  if (in.next_token) {
    CO_TRY(PageToken token, parse_page_token(*in.next_token));
    bool is_forward = token.way == Way::kForward;
    query.from = is_forward ? From::kHead : From::kTail;
    (is_forward ? query.window.after : query.window.before) = token.at;
    first = last = token.at;
  }
  CO_TRY(auto events, co_await logic_.get(std::move(query)));
  if (!events.empty()) {
    first = events.front().at;
    last = events.back().at;
  }
  shape::GetLogEventsResponse out;
  out.next_forward_token = page_token(Way::kForward, last);
  out.next_backward_token = page_token(Way::kBackward, first);
  out.events.emplace();
  for (auto& event : events) {
    auto& row = out.events->emplace_back();
    row.timestamp = millis_of(event.at.time);
    row.message = text_of(std::move(event.message));
    row.ingestion_time = millis_of(event.ingested);
  }
  co_return out;
}

Api::Answer<op::FilterLogEvents> Api::filter_events(shape::FilterLogEventsRequest in) {
  CO_TRY(std::string group, one_group(home(), in.log_group_name, in.log_group_identifier));
  if (in.log_stream_names && in.log_stream_name_prefix) {
    co_return invalid("logStreamNamePrefix and logStreamNames cannot both be specified.");
  }
  Logic::FilterQuery query{
      .group = std::move(group),
      .streams = std::move(in.log_stream_names).value_or(std::vector<std::string>()),
      .prefix = in.log_stream_name_prefix.value_or(""),
      .window = {.begin = time_of(in.start_time.value_or(0))},
      .pattern = in.filter_pattern.value_or(""),
      .events_max = static_cast<size_t>(in.limit.value_or(kReadEventsMax))};
  // Unlike that of GetLogEvents, this end is part of the range.
  if (in.end_time) query.window.end = time_of(*in.end_time) + Millis(1);
  if (in.next_token) {
    CO_TRY(query.window.after, parse_position_token(*in.next_token));
  }
  CO_TRY(auto answer, co_await logic_.filter(std::move(query)));
  shape::FilterLogEventsResponse out;
  out.events.emplace();
  out.searched_log_streams.emplace();  // "FilterLogEvents": always empty
  for (auto& found : answer.events) {
    auto& row = out.events->emplace_back();
    row.log_stream_name = std::move(found.stream);
    row.timestamp = millis_of(found.event.at.time);
    row.message = text_of(std::move(found.event.message));
    row.ingestion_time = millis_of(found.event.ingested);
    row.event_id = event_id(found.event.at);
  }
  if (answer.next) out.next_token = position_token(*answer.next);
  co_return out;
}

}  // namespace suiro::logs
