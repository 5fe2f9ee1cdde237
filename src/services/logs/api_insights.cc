// SPDX-License-Identifier: Apache-2.0
// CloudWatch Logs Insights: StartQuery, GetQueryResults, StopQuery, DescribeQueries, GetLogRecord.
#include <fmt/format.h>

#include <algorithm>

#include "services/logs/api.h"

namespace suiro::logs {

namespace shape = shapes::logs;
namespace op = shapes::logs::op;

namespace {

constexpr std::string_view kLanguage = "CWLI";
constexpr size_t kQueriesPageMax = 1000;
// Times are told in seconds; what would be beyond the year 5138 is milliseconds, as the console of
// AWS sends them.
constexpr int64_t kSecondsMax = 100'000'000'000;

TimePoint time_of(int64_t value) {
  int64_t millis = value < kSecondsMax ? std::max<int64_t>(value, 0) * 1000 : value;
  return TimePoint(Millis(std::min(millis, kTimeMillisMax)));
}

// "StartQuery": exactly one way to name the groups.
Result<std::vector<std::string>> groups_of(const Home& home, shape::StartQueryRequest& in) {
  int ways = int(in.log_group_name.has_value()) + int(in.log_group_names.has_value()) +
             int(in.log_group_identifiers.has_value());
  if (ways != 1) {
    return invalid(
        "Exactly one of logGroupName, logGroupNames, logGroupIdentifiers must be specified.");
  }
  std::vector<std::string> out;
  if (in.log_group_name) out.push_back(std::move(*in.log_group_name));
  if (in.log_group_names) out = std::move(*in.log_group_names);
  for (const auto& identifier : in.log_group_identifiers.value_or(std::vector<std::string>())) {
    TRY(std::string name, group_name_of(home, identifier));
    out.push_back(std::move(name));
  }
  // A group that is named twice is read once.
  std::ranges::sort(out);
  auto twice = std::ranges::unique(out);
  out.erase(twice.begin(), twice.end());
  return out;
}

Result<size_t> parse_offset(const std::optional<std::string>& token) {
  if (!token) return 0;
  size_t offset = 0;
  for (char c : *token) {
    if (c < '0' || c > '9' || token->size() > 6) {
      return invalid("The specified nextToken is invalid.");
    }
    offset = offset * 10 + static_cast<size_t>(c - '0');
  }
  return offset;
}

std::vector<shape::ResultField> fields_of(const QueryResults& results, size_t row) {
  std::vector<shape::ResultField> out;
  const auto& cells = results.table.lines[row].values;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i]) continue;
    out.push_back({.field = results.table.columns[i], .value = *cells[i]});
  }
  if (!results.pointers.empty()) out.push_back({.field = "@ptr", .value = results.pointers[row]});
  return out;
}

shape::QueryInfo info_of(const QueryState& state, TimePoint now) {
  shape::QueryInfo out;
  out.query_language = std::string(kLanguage);
  out.query_id = state.id;
  out.query_string = state.text;
  out.status = std::string(name_of(state.status));
  out.create_time = state.created.time_since_epoch().count();
  out.log_group_name = state.groups.front();
  TimePoint until = state.ended == TimePoint{} ? now : state.ended;
  out.query_duration = (until - state.created).count();
  out.bytes_scanned = static_cast<double>(state.bytes_scanned);
  return out;
}

}  // namespace

void Api::add_query_operations(shapes::Registry& registry) {
  add<op::StartQuery>(registry, &Api::start_query);
  add<op::GetQueryResults>(registry, &Api::query_results);
  add<op::StopQuery>(registry, &Api::stop_query);
  add<op::DescribeQueries>(registry, &Api::describe_queries);
  add<op::GetLogRecord>(registry, &Api::get_record);
}

Api::Answer<op::StartQuery> Api::start_query(shape::StartQueryRequest in) {
  if (in.query_language.value_or(std::string(kLanguage)) != kLanguage) {
    co_return fail(codes::kNotImplemented,
                   "Query languages other than CWLI are not supported by "
                   "Suiro");
  }
  QueryRequest request{.text = std::move(in.query_string), .groups = {}, .window = {}};
  CO_TRY(request.groups, groups_of(home(), in));
  // Both ends are included.
  request.window.begin = time_of(in.start_time);
  request.window.end = time_of(in.end_time) + Millis(1);
  if (in.limit) {
    if (static_cast<size_t>(*in.limit) > log_query::kResultsMax) {
      co_return invalid(
          fmt::format("Suiro answers a query with at most {} results.", log_query::kResultsMax));
    }
    request.rows_max = static_cast<size_t>(*in.limit);
  }
  shape::StartQueryResponse out;
  CO_TRY(out.query_id, co_await insights_.start(std::move(request)));
  co_return out;
}

Api::Answer<op::GetQueryResults> Api::query_results(shape::GetQueryResultsRequest in) {
  CO_TRY(size_t begin, parse_offset(in.next_token));
  CO_TRY(QueryState state, co_await insights_.find(std::move(in.query_id)));
  shape::GetQueryResultsResponse out;
  out.query_language = std::string(kLanguage);
  out.status = std::string(name_of(state.status));
  auto& statistics = out.statistics.emplace();
  statistics.records_matched = static_cast<double>(state.records_matched);
  statistics.records_scanned = static_cast<double>(state.records_scanned);
  statistics.bytes_scanned = static_cast<double>(state.bytes_scanned);
  statistics.estimated_records_skipped = 0;
  statistics.estimated_bytes_skipped = 0;
  statistics.log_groups_scanned = static_cast<double>(state.groups.size());
  out.results.emplace();
  if (state.results == nullptr) co_return out;
  size_t count = state.results->table.lines.size();
  size_t page = in.max_items.value_or(0) > 0 ? static_cast<size_t>(*in.max_items) : count;
  size_t end = std::min(count, begin + page);
  for (size_t row = begin; row < end; ++row) {
    out.results->push_back(fields_of(*state.results, row));
  }
  if (begin < end && end < count) out.next_token = fmt::format("{}", end);
  co_return out;
}

Api::Answer<op::StopQuery> Api::stop_query(shape::StopQueryRequest in) {
  CO_TRY_VOID(co_await insights_.stop(std::move(in.query_id)));
  shape::StopQueryResponse out;
  out.success = true;
  co_return out;
}

Api::Answer<op::DescribeQueries> Api::describe_queries(shape::DescribeQueriesRequest in) {
  CO_TRY(size_t begin, parse_offset(in.next_token));
  shape::DescribeQueriesResponse out;
  out.queries.emplace();
  if (in.query_language.value_or(std::string(kLanguage)) != kLanguage) co_return out;
  auto states = co_await insights_.list();
  std::erase_if(states, [&](const QueryState& state) {
    bool is_other = in.log_group_name &&
                    std::ranges::find(state.groups, *in.log_group_name) == state.groups.end();
    return is_other || (in.status && name_of(state.status) != *in.status);
  });
  size_t page = static_cast<size_t>(in.max_results.value_or(kQueriesPageMax));
  size_t end = std::min(states.size(), begin + page);
  for (size_t i = begin; i < end; ++i) {
    out.queries->push_back(info_of(states[i], kernel_.clock.now()));
  }
  if (begin < end && end < states.size()) out.next_token = fmt::format("{}", end);
  co_return out;
}

Api::Answer<op::GetLogRecord> Api::get_record(shape::GetLogRecordRequest in) {
  shape::GetLogRecordResponse out;
  CO_TRY(out.log_record, co_await insights_.record(std::move(in.log_record_pointer)));
  co_return out;
}

}  // namespace suiro::logs
