// SPDX-License-Identifier: Apache-2.0
// Who reads a group's events besides GetLogEvents and FilterLogEvents: subscription filters, live
// tails, export tasks.
#include <fmt/format.h>

#include <algorithm>

#include "services/logs/api.h"
#include "services/logs/api_names.h"
#include "services/logs/tokens.h"

namespace suiro::logs {

namespace shape = shapes::logs;
namespace op = shapes::logs::op;

namespace {

constexpr size_t kPageDefault = 50;

int64_t millis_of(TimePoint time) {
  return time.time_since_epoch().count();
}

TimePoint time_of(int64_t millis) {
  return TimePoint(Millis(std::clamp<int64_t>(millis, 0, kTimeMillisMax)));
}

// Rows behind the token's name, at most `limit`, and the token of the next page.
template <class Row, class Name>
Result<std::optional<std::string>> cut_page(std::vector<Row>& rows,
                                            const std::optional<std::string>& token,
                                            std::optional<int32_t> limit, Name name) {
  if (token) {
    TRY(std::string after, parse_name_token(*token));
    auto last = std::ranges::find_if(rows, [&](const Row& row) { return name(row) == after; });
    if (last == rows.end()) return invalid("The specified nextToken is invalid.");
    rows.erase(rows.begin(), last + 1);
  }
  auto rows_max = static_cast<size_t>(limit.value_or(kPageDefault));
  if (rows.size() <= rows_max) return std::nullopt;
  rows.resize(rows_max);
  return name_token(name(rows.back()));
}

// A live tail's events: one that says the session began, then one a second.
class TailEvents final : public shapes::EventSource {
 public:
  struct Parts {
    Clock& clock;
    std::shared_ptr<LiveTail> tail;
    shape::LiveTailSessionStart start;
    std::string account;
    std::shared_ptr<Cancellation> cancellation;  // null: the caller stays to the end
  };
  explicit TailEvents(Parts parts)
      : parts_(std::move(parts)), until_(parts_.clock.now() + kTailTime) {}

  Task<Result<std::optional<shapes::Event>>> next() override {
    if (!std::exchange(started_, true)) co_return shapes::event_of("sessionStart", parts_.start);
    if (over()) co_return std::nullopt;
    co_await parts_.clock.sleep_for(kTailInterval);
    if (over()) co_return std::nullopt;
    LiveTail::Update update = parts_.tail->take();
    shape::LiveTailSessionUpdate out;
    out.session_metadata.emplace().sampled = update.sampled;
    out.session_results.emplace();
    for (TailEvent& event : update.events) {
      auto& row = out.session_results->emplace_back();
      row.log_group_identifier = fmt::format("{}:{}", parts_.account, event.group);
      row.log_stream_name = std::move(event.stream);
      row.timestamp = millis_of(event.time);
      row.ingestion_time = millis_of(event.ingested);
      row.message = std::move(event.message);
    }
    co_return shapes::event_of("sessionUpdate", std::move(out));
  }

 private:
  bool over() const {
    return parts_.clock.now() >= until_ ||
           (parts_.cancellation && parts_.cancellation->cancelled());
  }

  Parts parts_;
  TimePoint until_;
  bool started_ = false;
};

struct TailContext {
  event::Kernel& kernel;
  Logic& logic;
};

Task<Result<shape::StartLiveTailResponse>> start_tail(TailContext context, std::string request_id,
                                                      std::shared_ptr<Cancellation> cancellation,
                                                      shape::StartLiveTailRequest in) {
  if (in.log_group_identifiers.size() > kTailGroupsMax) {
    co_return invalid("logGroupIdentifiers names more than 10 log groups.");
  }
  if (in.log_stream_names && in.log_stream_name_prefixes) {
    co_return invalid("logStreamNames and logStreamNamePrefixes cannot both be specified.");
  }
  if ((in.log_stream_names || in.log_stream_name_prefixes) &&
      in.log_group_identifiers.size() != 1) {
    co_return invalid("Log streams can only be named for one log group.");
  }
  LiveTail::Options options;
  for (const std::string& identifier : in.log_group_identifiers) {
    CO_TRY(std::string group,
           group_name_of(Home{context.kernel.region, context.kernel.account}, identifier));
    options.groups.push_back(std::move(group));
  }
  options.streams = in.log_stream_names.value_or(std::vector<std::string>());
  options.prefixes = in.log_stream_name_prefixes.value_or(std::vector<std::string>());
  options.pattern = in.log_event_filter_pattern.value_or("");
  CO_TRY(auto tail, co_await context.logic.start_tail(std::move(options)));
  shape::LiveTailSessionStart start;
  start.session_id = request_id;
  start.request_id = std::move(request_id);
  start.log_group_identifiers = std::move(in.log_group_identifiers);
  start.log_stream_names = std::move(in.log_stream_names);
  start.log_stream_name_prefixes = std::move(in.log_stream_name_prefixes);
  start.log_event_filter_pattern = std::move(in.log_event_filter_pattern);
  shape::StartLiveTailResponse out;
  out.response_stream = std::make_unique<TailEvents>(
      TailEvents::Parts{context.kernel.clock, std::move(tail), std::move(start),
                        context.kernel.account, std::move(cancellation)});
  co_return out;
}

std::string_view status_name(Export::Status status) {
  switch (status) {
    case Export::Status::kRunning:
      return "RUNNING";
    case Export::Status::kCompleted:
      return "COMPLETED";
    case Export::Status::kCancelled:
      return "CANCELLED";
    case Export::Status::kFailed:
      return "FAILED";
  }
  return "FAILED";
}

shape::ExportTask task_shape(const Export& task) {
  shape::ExportTask out;
  out.task_id = task.id;
  if (!task.name.empty()) out.task_name = task.name;
  out.log_group_name = task.group;
  out.from = millis_of(task.from);
  out.to = millis_of(task.to);
  out.destination = task.bucket;
  out.destination_prefix = task.prefix;
  auto& status = out.status.emplace();
  status.code = std::string(status_name(task.status));
  status.message = task.message.empty() && task.status == Export::Status::kCompleted
                       ? "Completed successfully"
                       : task.message;
  auto& info = out.execution_info.emplace();
  info.creation_time = millis_of(task.created);
  if (task.status != Export::Status::kRunning) info.completion_time = millis_of(task.completed);
  return out;
}

}  // namespace

void Api::add_reader_operations(shapes::Registry& registry) {
  add<op::PutSubscriptionFilter>(registry, &Api::put_subscription);
  add<op::DeleteSubscriptionFilter>(registry, &Api::delete_subscription);
  add<op::DescribeSubscriptionFilters>(registry, &Api::describe_subscriptions);
  add<op::CreateExportTask>(registry, &Api::create_export);
  add<op::CancelExportTask>(registry, &Api::cancel_export);
  add<op::DescribeExportTasks>(registry, &Api::describe_exports);
  registry.add<op::StartLiveTail>([this](shapes::Call& call, shape::StartLiveTailRequest in) {
    return start_tail({kernel_, logic_}, call.request_id, call.cancellation, std::move(in));
  });
}

// --- Subscription filters
// --------------------------------------------------------------------------

Api::Answer<op::PutSubscriptionFilter> Api::put_subscription(
    shape::PutSubscriptionFilterRequest in) {
  SubscriptionFilter filter{.name = std::move(in.filter_name),
                            .pattern = std::move(in.filter_pattern),
                            .destination_arn = std::move(in.destination_arn),
                            .role_arn = in.role_arn.value_or("")};
  if (in.distribution.value_or("ByLogStream") == "Random") {
    filter.distribution = SubscriptionFilter::Distribution::kRandom;
  }
  CO_TRY_VOID(co_await logic_.put_subscription(std::move(in.log_group_name), std::move(filter)));
  co_return shape::PutSubscriptionFilterResponse{};
}

Api::Answer<op::DeleteSubscriptionFilter> Api::delete_subscription(
    shape::DeleteSubscriptionFilterRequest in) {
  CO_TRY_VOID(
      co_await logic_.delete_subscription(std::move(in.log_group_name), std::move(in.filter_name)));
  co_return shape::DeleteSubscriptionFilterResponse{};
}

Api::Answer<op::DescribeSubscriptionFilters> Api::describe_subscriptions(
    shape::DescribeSubscriptionFiltersRequest in) {
  CO_TRY(auto filters, co_await logic_.subscriptions(in.log_group_name));
  std::erase_if(filters, [&](const SubscriptionFilter& filter) {
    return !filter.name.starts_with(in.filter_name_prefix.value_or(""));
  });
  std::ranges::sort(filters, {}, &SubscriptionFilter::name);
  shape::DescribeSubscriptionFiltersResponse out;
  CO_TRY(out.next_token, cut_page(filters, in.next_token, in.limit,
                                  [](const auto& filter) { return filter.name; }));
  out.subscription_filters.emplace();
  for (const SubscriptionFilter& filter : filters) {
    auto& row = out.subscription_filters->emplace_back();
    row.filter_name = filter.name;
    row.log_group_name = in.log_group_name;
    row.filter_pattern = filter.pattern;
    row.destination_arn = filter.destination_arn;
    if (!filter.role_arn.empty()) row.role_arn = filter.role_arn;
    bool is_random = filter.distribution == SubscriptionFilter::Distribution::kRandom;
    row.distribution = is_random ? "Random" : "ByLogStream";
    row.creation_time = millis_of(filter.created);
  }
  co_return out;
}

// --- Export tasks
// ----------------------------------------------------------------------------------

Api::Answer<op::CreateExportTask> Api::create_export(shape::CreateExportTaskRequest in) {
  Export task{.name = in.task_name.value_or(""),
              .group = std::move(in.log_group_name),
              .stream_prefix = in.log_stream_name_prefix.value_or(""),
              .from = time_of(in.from),
              .to = time_of(in.to),
              .bucket = std::move(in.destination),
              .prefix = in.destination_prefix.value_or("exportedlogs")};
  shape::CreateExportTaskResponse out;
  CO_TRY(out.task_id, co_await logic_.create_export(std::move(task)));
  co_return out;
}

Api::Answer<op::CancelExportTask> Api::cancel_export(shape::CancelExportTaskRequest in) {
  CO_TRY_VOID(co_await logic_.cancel_export(std::move(in.task_id)));
  co_return shape::CancelExportTaskResponse{};
}

Api::Answer<op::DescribeExportTasks> Api::describe_exports(shape::DescribeExportTasksRequest in) {
  CO_TRY(auto tasks, co_await logic_.exports(in.task_id.value_or("")));
  std::erase_if(tasks, [&](const Export& task) {
    return in.status_code && status_name(task.status) != *in.status_code;
  });
  shape::DescribeExportTasksResponse out;
  CO_TRY(out.next_token,
         cut_page(tasks, in.next_token, in.limit, [](const auto& task) { return task.id; }));
  out.export_tasks.emplace();
  for (const Export& task : tasks) out.export_tasks->push_back(task_shape(task));
  co_return out;
}

}  // namespace suiro::logs
