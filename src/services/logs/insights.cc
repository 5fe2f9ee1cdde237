// SPDX-License-Identifier: Apache-2.0
#include "services/logs/insights.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/blocking.h"
#include "base/log.h"
#include "services/logs/logic.h"

namespace suiro::logs {
namespace {

namespace log_query = suiro::log_query;

constexpr std::string_view kCancelled = "Cancelled";

bool is_open(QueryStatus status) {
  return status == QueryStatus::kScheduled || status == QueryStatus::kRunning;
}

std::unexpected<Error> no_such_query() {
  return fail("ResourceNotFoundException", "The specified query does not exist.");
}

std::unexpected<Error> stopped() {
  return fail(kCancelled, "the query was stopped");
}

log_query::Event::Source source_of(std::string_view group) {
  using Source = log_query::Event::Source;
  return group.starts_with("/aws/lambda/") ? Source::kLambda : Source::kOther;
}

Position position_of(TimePoint time, const log_query::Handle& handle) {
  return {.time = time,
          .sequence = handle.sequence,
          .batch_index = static_cast<uint16_t>(handle.batch_index),
          .event_index = handle.event_index};
}

}  // namespace

std::string_view name_of(QueryStatus status) {
  switch (status) {
    case QueryStatus::kScheduled:
      return "Scheduled";
    case QueryStatus::kRunning:
      return "Running";
    case QueryStatus::kComplete:
      return "Complete";
    case QueryStatus::kFailed:
      return "Failed";
    case QueryStatus::kCancelled:
      return "Cancelled";
    case QueryStatus::kTimeout:
      return "Timeout";
  }
  return "Unknown";
}

// A query as it runs.
struct Insights::Scan {
  struct Source {
    size_t group = 0;  // of the query's
    std::string stream;
  };
  QueryPtr query;
  log_query::Run run;
  size_t group = 0;
  std::string log;
  std::vector<Source> sources;  // of events, by Handle::source
};

Insights::Insights(event::Kernel& kernel, Threads threads)
    : kernel_(kernel),
      storage_(kernel.store),
      executor_(kernel.shards.owner("logs.insights")),
      scope_(executor_) {
  if (threads == Threads::kOwn) pool_ = std::make_unique<asio::thread_pool>(kQueryThreads);
}

Insights::~Insights() {
  if (pool_) pool_->join();
}

Task<void> Insights::close() {
  co_await run_on(executor_, [this] { return close_here(); });
}

Task<void> Insights::close_here() {
  for (const QueryPtr& query : queries_) query->is_stopped = true;
  co_await scope_.close();
}

std::string Insights::log_of(std::string_view group) const {
  return fmt::format("{}:{}", kernel_.account, group);
}

// --- Starting and asking

Task<Result<std::string>> Insights::start(QueryRequest request) {
  CO_TRY(auto program, log_query::Program::compile(request.text));
  if (request.groups.empty() || request.groups.size() > kQueryGroupsMax) {
    co_return invalid(fmt::format("A query reads 1 to {} log groups.", kQueryGroupsMax));
  }
  if (request.window.begin >= request.window.end) {
    co_return invalid("The start time of a query must not be later than its end time.");
  }
  for (const std::string& name : request.groups) {
    CO_TRY(auto group, co_await storage_.group(name));
    if (!group) co_return no_such_group();
  }
  auto query = std::make_shared<Query>();
  query->state = {.id = kernel_.random.uuid(),
                  .text = std::move(request.text),
                  .groups = std::move(request.groups),
                  .created = kernel_.clock.now(),
                  .results = nullptr};
  query->window = request.window;
  query->rows_max = request.rows_max;
  query->program = std::move(program);
  co_return co_await run_on(executor_, [&] { return admit(std::move(query)); });
}

Task<Result<std::string>> Insights::admit(QueryPtr query) {
  if (scope_.closing()) {
    co_return fail("ServiceUnavailableException", "Suiro is shutting down.", Retry::kLater);
  }
  auto open = std::ranges::count_if(
      queries_, [](const QueryPtr& known) { return is_open(known->state.status); });
  if (static_cast<size_t>(open) >= kQueriesOpenMax) {
    co_return fail("LimitExceededException",
                   fmt::format("{} queries are running already.", kQueriesOpenMax), Retry::kLater);
  }
  std::string id = query->state.id;
  queries_.push_back(std::move(query));
  forget_old();
  begin_next();
  co_return id;
}

void Insights::forget_old() {
  size_t bytes = 0;
  for (const QueryPtr& query : queries_) {
    if (query->state.results) bytes += query->state.results->table.bytes;
  }
  size_t count = queries_.size();
  TimePoint oldest = kernel_.clock.now() - kQueryKeptTime;
  std::erase_if(queries_, [&](const QueryPtr& query) {
    const QueryState& state = query->state;
    bool stays = count <= kQueriesKeptMax && bytes <= kQueriesBytesMax && state.created >= oldest;
    if (stays || is_open(state.status)) return false;
    --count;
    if (state.results) bytes -= state.results->table.bytes;
    return true;
  });
}

void Insights::begin_next() {
  for (const QueryPtr& query : queries_) {
    if (running_ >= kQueriesRunningMax) return;
    if (query->state.status != QueryStatus::kScheduled) continue;
    query->state.status = QueryStatus::kRunning;
    ++running_;
    scope_.spawn(execute(query));
  }
}

Task<Result<QueryState>> Insights::find(std::string id) {
  co_return co_await run_on(executor_, [&]() -> Task<Result<QueryState>> {
    for (const QueryPtr& query : queries_) {
      if (query->state.id == id) co_return query->state;
    }
    co_return no_such_query();
  });
}

Task<Result<void>> Insights::stop(std::string id) {
  co_return co_await run_on(executor_, [&]() -> Task<Result<void>> {
    for (const QueryPtr& query : queries_) {
      if (query->state.id != id) continue;
      if (!is_open(query->state.status)) {
        co_return invalid("The specified query is not in a running state.");
      }
      // What runs finds this behind its event.
      query->is_stopped = true;
      query->state.status = QueryStatus::kCancelled;
      query->state.ended = kernel_.clock.now();
      co_return ok();
    }
    co_return no_such_query();
  });
}

Task<std::vector<QueryState>> Insights::list() {
  co_return co_await run_on(executor_, [&]() -> Task<std::vector<QueryState>> {
    std::vector<QueryState> out;
    for (const QueryPtr& query : queries_) {
      out.push_back(query->state);
      out.back().results.reset();
    }
    std::ranges::reverse(out);
    co_return out;
  });
}

// --- Running

Task<void> Insights::execute(QueryPtr query) {
  Scan job{.query = query,
           .run = log_query::Run(query->program, {.rows_max = query->rows_max,
                                                  .bytes_max = kQueryMemoryMax,
                                                  .now = kernel_.clock.now()}),
           .group = 0,
           .log = {},
           .sources = {}};
  auto done = co_await scan(job);
  Result<std::shared_ptr<const QueryResults>> results = nullptr;
  if (done) {
    results = co_await on_pool(pool_.get(), [&] { return finish(job); });
  } else {
    results = fail(done.error());
  }
  end(*query, std::move(results));
  --running_;
  forget_old();
  if (!scope_.closing()) begin_next();
}

void Insights::end(Query& query, Result<std::shared_ptr<const QueryResults>> results) {
  QueryState& state = query.state;
  if (state.status != QueryStatus::kRunning) return;  // stopped meanwhile
  state.ended = kernel_.clock.now();
  if (results) {
    state.status = QueryStatus::kComplete;
    state.results = *std::move(results);
    return;
  }
  bool is_late = results.error().code == codes::kTimeout;
  state.status = is_late ? QueryStatus::kTimeout : QueryStatus::kFailed;
  log::warning("logs: query {} ended: {}", state.id, results.error().message);
}

Result<void> Insights::may_go_on(const Query& query) const {
  if (scope_.closing() || query.state.status != QueryStatus::kRunning) {
    return stopped();
  }
  if (kernel_.clock.now() - query.state.created > kQueryTime) {
    return fail(codes::kTimeout, "the query ran for more than an hour");
  }
  return ok();
}

Task<Result<void>> Insights::scan(Scan& scan) {
  const auto& groups = scan.query->state.groups;
  for (scan.group = 0; scan.group < groups.size(); ++scan.group) {
    scan.log = log_of(groups[scan.group]);
    CO_TRY_VOID(co_await scan_group(scan, groups[scan.group]));
  }
  co_return ok();
}

Task<Result<void>> Insights::scan_group(Scan& scan, std::string name) {
  CO_TRY(auto group, co_await storage_.group(name));
  if (!group) co_return no_such_group();
  const Window& window = scan.query->window;
  TimePoint begin = std::max(window.begin, horizon_of(group->record, kernel_.clock.now()));
  Storage::Listing listing;
  for (;;) {
    CO_TRY_VOID(may_go_on(*scan.query));
    CO_TRY(auto page, co_await storage_.streams(group->record.id, listing));
    for (auto& stream : page.rows) {
      listing.after = stream.name;
      const Stream& record = stream.record;
      bool is_out =
          record.bytes == 0 || record.last_event < begin || record.first_event >= window.end;
      if (!is_out) CO_TRY_VOID(co_await scan_stream(scan, *group, std::move(stream)));
    }
    if (!page.more || page.rows.empty()) co_return ok();
  }
}

Task<Result<void>> Insights::scan_stream(Scan& scan, const Found<Group>& group,
                                         Found<Stream> stream) {
  if (scan.sources.size() >= kStreamsListedMax) {
    co_return fail(codes::kTooLarge,
                   fmt::format("The query reads more than {} log streams.", kStreamsListedMax));
  }
  Window window = scan.query->window;
  window.begin = std::max(window.begin, horizon_of(group.record, kernel_.clock.now()));
  // Earlier blocks may reach into the window.
  Storage::BlockScan blocks{.group = group.record.id,
                            .stream = stream.record.id,
                            .from = std::max(TimePoint{}, window.begin - stream.record.block_span),
                            .to = window.end - Millis(1),
                            .bytes_max = kQueryPageBytes};
  scan.sources.push_back({scan.group, std::move(stream.name)});
  for (;;) {
    CO_TRY_VOID(may_go_on(*scan.query));
    CO_TRY(auto page, co_await storage_.blocks(blocks));
    if (page.blocks.empty()) co_return ok();
    blocks.after = page.blocks.back().key;
    for (auto& block : page.blocks) {
      std::erase_if(block.events, [&](const LogEvent& event) { return !window.holds(event.at); });
    }
    CO_TRY_VOID(co_await evaluate(scan, std::move(page.blocks)));
    if (!page.more) co_return ok();
  }
}

Task<Result<void>> Insights::evaluate(Scan& scan, std::vector<BlockEvents> blocks) {
  auto source = scan.sources.size() - 1;
  auto work = [&]() -> Result<void> {
    for (const BlockEvents& block : blocks) {
      for (const LogEvent& event : block.events) {
        if (scan.query->is_stopped) return stopped();
        TRY_VOID(scan.run.add({.time = event.at.time,
                               .ingested = event.ingested,
                               .message = event.message,
                               .stream = scan.sources[source].stream,
                               .log = scan.log,
                               .source = source_of(scan.query->state.groups[scan.group]),
                               .handle = {.source = source,
                                          .sequence = event.at.sequence,
                                          .batch_index = event.at.batch_index,
                                          .event_index = event.at.event_index}}));
      }
    }
    return ok();
  };
  CO_TRY_VOID(co_await on_pool(pool_.get(), work));
  QueryState& state = scan.query->state;
  for (const BlockEvents& block : blocks) {
    state.records_scanned += block.events.size();
    for (const LogEvent& event : block.events) state.bytes_scanned += event.message.size();
  }
  state.records_matched = scan.run.matched();
  // Without threads the shard evaluates: it does something else between two pages.
  if (pool_ == nullptr) co_await asio::post(executor_, use_task);
  co_return ok();
}

Result<std::shared_ptr<const QueryResults>> Insights::finish(Scan& scan) {
  auto out = std::make_shared<QueryResults>();
  TRY(out->table, scan.run.finish());
  if (!scan.query->program->is_grouped) {
    for (const auto& row : out->table.lines) {
      const Scan::Source& source = scan.sources[row.handle.source];
      out->pointers.push_back(record_pointer({.at = position_of(row.time, row.handle),
                                              .group = scan.query->state.groups[source.group],
                                              .stream = source.stream}));
      out->table.bytes += out->pointers.back().size();
    }
  }
  if (out->table.bytes > kResultsBytesMax) {
    return fail(codes::kTooLarge, fmt::format("The results are larger than {} bytes; name fewer "
                                              "fields, or a smaller limit.",
                                              kResultsBytesMax));
  }
  return std::shared_ptr<const QueryResults>(std::move(out));
}

// --- One event

Task<Result<std::map<std::string, std::string>>> Insights::record(std::string pointer) {
  CO_TRY(RecordPointer place, parse_record_pointer(pointer));
  CO_TRY(auto group, co_await storage_.group(place.group));
  if (!group) co_return no_such_group();
  CO_TRY(auto stream, co_await storage_.stream(group->record.id, place.stream));
  if (!stream) co_return no_such_stream();
  TimePoint horizon = horizon_of(group->record, kernel_.clock.now());
  Window window{.begin = std::max(place.at.time, horizon), .end = place.at.time + Millis(1)};
  ForwardReader reader(storage_, group->record.id, stream->record, window, {});
  for (;;) {
    CO_TRY(bool there, co_await reader.fill());
    if (!there) break;
    LogEvent event = reader.pop();
    if (event.at != place.at) continue;
    std::string log = log_of(place.group);
    log_query::Event found{.time = event.at.time,
                           .ingested = event.ingested,
                           .message = event.message,
                           .stream = place.stream,
                           .log = log,
                           .source = source_of(place.group),
                           .handle = {}};
    auto fields = log_query::EventFields(found).all();
    fields["@ptr"] = pointer;
    co_return fields;
  }
  co_return fail("ResourceNotFoundException", "The specified log record does not exist.");
}

}  // namespace suiro::logs
