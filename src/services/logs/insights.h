// SPDX-License-Identifier: Apache-2.0
// Queries of CloudWatch Logs Insights: started, run beside everything else, and kept with their
// results for a while ("StartQuery", Amazon CloudWatch Logs API Reference).
//
//   start() ─► scheduled ─execute()─► running ─► complete
//                  │ stop() ──► cancelled │ stop() ──► cancelled
//                                         ├─ kQueryTime passed ──► timeout
//                                         └─ too many rows or groups, store failed ──► failed
//
// Invariants:
//  1. Queries and results are in memory alone: after a restart their ids are unknown.
//  2. Events are read block page by block page; each page is evaluated on a thread of its own pool,
//     so that no shard is held up by a query. A query that is stopped leaves the thread behind the
//     event that it works on.
//  3. At most kQueriesKeptMax queries and kQueriesBytesMax bytes of results are kept; the oldest
//     that ended go first.
// Threads: any; the state belongs to one shard.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <deque>

#include "engine/log_query/program.h"
#include "kernel/event/kernel.h"
#include "services/logs/reader.h"
#include "services/logs/tokens.h"

namespace suiro::logs {

// "StartQuery": 50 groups, an hour. "CloudWatch Logs quotas": 100 queries at a time, results kept
// for 7 days.
inline constexpr size_t kQueryGroupsMax = 50;
inline constexpr Millis kQueryTime = std::chrono::hours(1);
inline constexpr size_t kQueriesOpenMax = 100;   // scheduled or running
inline constexpr size_t kQueriesRunningMax = 4;  // the others are scheduled
inline constexpr size_t kQueriesKeptMax = 1'000;
inline constexpr Millis kQueryKeptTime = std::chrono::hours(24 * 7);
inline constexpr size_t kQueryMemoryMax = 64 << 20;    // rows and groups of one that runs
inline constexpr size_t kResultsBytesMax = 16 << 20;   // results of one
inline constexpr size_t kQueriesBytesMax = 128 << 20;  // results of all
inline constexpr size_t kQueryPageBytes = 256 << 10;   // read and evaluated at a time
inline constexpr size_t kQueryThreads = 1;

enum class QueryStatus : uint8_t { kScheduled, kRunning, kComplete, kFailed, kCancelled, kTimeout };
std::string_view name_of(QueryStatus status);

struct QueryRequest {
  std::string text;
  std::vector<std::string> groups;
  Window window;
  size_t rows_max = log_query::kResultsMax;
};

struct QueryResults {
  log_query::Table table;
  std::vector<std::string> pointers;  // of the rows; empty: they are no events
};

struct QueryState {
  std::string id;
  std::string text;
  std::vector<std::string> groups;
  QueryStatus status = QueryStatus::kScheduled;
  TimePoint created;
  TimePoint ended = {};
  uint64_t bytes_scanned = 0;
  uint64_t records_scanned = 0;
  uint64_t records_matched = 0;
  std::shared_ptr<const QueryResults> results;  // null: none (yet)
};

class Insights {
 public:
  // Whether events are evaluated on threads of their own, or, under a virtual clock, by the shard.
  enum class Threads : uint8_t { kOwn, kNone };
  Insights(event::Kernel& kernel, Threads threads);
  ~Insights();

  // The query's id. Errors: MalformedQueryException, InvalidParameterException,
  // ResourceNotFoundException, LimitExceededException.
  Task<Result<std::string>> start(QueryRequest request);
  // Errors: ResourceNotFoundException, and for stop() InvalidParameterException where the query
  // has ended.
  Task<Result<QueryState>> find(std::string id);
  Task<Result<void>> stop(std::string id);
  // All, the newest first; without results.
  Task<std::vector<QueryState>> list();

  // All fields of the event that a result's @ptr names. Errors: InvalidParameterException,
  // ResourceNotFoundException.
  Task<Result<std::map<std::string, std::string>>> record(std::string pointer);

  // Ends what runs.
  Task<void> close();

 private:
  struct Query {
    QueryState state;
    Window window;
    size_t rows_max = 0;
    std::shared_ptr<const log_query::Program> program;
    std::atomic<bool> is_stopped = false;  // for the thread that evaluates
  };
  using QueryPtr = std::shared_ptr<Query>;
  struct Scan;

  Task<Result<std::string>> admit(QueryPtr query);
  void forget_old();
  void begin_next();
  Task<void> close_here();
  Task<void> execute(QueryPtr query);
  Task<Result<void>> scan(Scan& scan);
  Task<Result<void>> scan_group(Scan& scan, std::string name);
  Task<Result<void>> scan_stream(Scan& scan, const Found<Group>& group, Found<Stream> stream);
  Task<Result<void>> evaluate(Scan& scan, std::vector<BlockEvents> blocks);
  Result<void> may_go_on(const Query& query) const;
  Result<std::shared_ptr<const QueryResults>> finish(Scan& scan);
  void end(Query& query, Result<std::shared_ptr<const QueryResults>> results);
  std::string log_of(std::string_view group) const;

  event::Kernel& kernel_;
  Storage storage_;
  Executor executor_;
  TaskScope scope_;
  std::unique_ptr<asio::thread_pool> pool_;  // null: Threads::kNone
  std::deque<QueryPtr> queries_;             // in the order in which they were started
  size_t running_ = 0;
};

}  // namespace suiro::logs
