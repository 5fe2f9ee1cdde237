// SPDX-License-Identifier: Apache-2.0
// What is told of executions: one, lists, history.

#include <algorithm>

#include "services/states/executions_durable.h"
#include "services/states/history_record.h"
#include "services/states/status_event.h"
#include "services/states/storage_map_run.h"

namespace suiro::states {

namespace {

std::unexpected<Error> invalid_page() {
  return fail("InvalidToken", "Invalid Token: 'Invalid token'");
}

// Pages go on behind a key, which is no secret: what it ranges over is named by the request.
std::string page_token(ByteView rest) {
  return base64_encode(Bytes(1, 1) + Bytes(rest));
}

Result<Bytes> read_page_token(std::string_view token, size_t size) {
  auto bytes = base64_decode(token);
  if (!bytes || bytes->size() != size + 1 || bytes->front() != 1) return invalid_page();
  return bytes->substr(1);
}

bool is_wanted(const ListRequest& request, const ListRow& row) {
  if (request.pending_redrive) return false;  // nothing waits for its redrive
  if (request.status && row.status != *request.status) return false;
  return !request.redriven || row.redriven == *request.redriven;
}

}  // namespace

// --- one

Task<Result<ExecutionRow>> DurableExecutions::find(std::string arn) {
  CO_TRY(auto entry, co_await kernel_.store.get(execution_key(arn_hash(arn))));
  if (!entry) co_return no_execution(arn);
  co_return decode_execution(entry->value);
}

Task<Result<MachinePtr>> DurableExecutions::machine_of(const ExecutionRow& row) {
  MachineCache& cache = shards_[kernel_.shards.current()].executions->machines();
  auto machine = co_await cache.load(row.machine);
  // What is only told needs no plan.
  if (!machine && machine.error().retry == Retry::kNever) {
    machine = co_await cache.load_record(row.machine);
  }
  co_return machine;
}

Task<Result<std::string>> DurableExecutions::text_of(const ArnHash& execution,
                                                     const PayloadRef& ref) {
  if (!ref.hash) co_return ref.text;
  CO_TRY(auto entry, co_await kernel_.store.get(payload_key(execution, *ref.hash)));
  if (!entry) co_return fail(codes::kCorrupt, "a payload of an execution is not there");
  co_return std::move(entry->value);
}

ExecutionRecord DurableExecutions::summary_of(const ExecutionRow& row,
                                              const MachineRow& machine) const {
  ExecutionRecord record;
  record.arn = row.arn;
  record.name = row.name;
  record.machine = machine.machine;
  if (!machine.list_arn.empty()) record.machine.machine_arn = machine.list_arn;
  record.status = row.status;
  record.start = row.start;
  record.stop = row.stop;
  record.error = row.error;
  record.cause = row.cause;
  record.trace_header = row.trace_header;
  record.map_run_arn = row.map_run_arn;
  record.redrive_count = row.redrive_count;
  record.redrive_time = row.redrive_time;
  record.started_by = {row.trace_id, row.parent_span_id};
  RedriveStatus redrive = redrive_status_of(row, parts_.config, kernel_.clock.now());
  record.redrive_status = std::move(redrive.status);
  record.redrive_status_reason = std::move(redrive.reason);
  return record;
}

Task<Result<ExecutionRecord>> DurableExecutions::record_of(ExecutionRow row, MachinePtr machine) {
  ArnHash id = arn_hash(row.arn);
  ExecutionRecord record = summary_of(row, machine->row);
  CO_TRY(record.input, co_await text_of(id, row.input));
  if (row.output) {
    CO_TRY(record.output, co_await text_of(id, *row.output));
  }
  co_return record;
}

Task<Result<ExecutionRecord>> DurableExecutions::describe(std::string arn) {
  CO_TRY(ExecutionRow row, co_await find(std::move(arn)));
  CO_TRY(MachinePtr machine, co_await machine_of(row));
  co_return co_await record_of(std::move(row), std::move(machine));
}

Task<Result<ExecutionRecord>> DurableExecutions::ended(std::string arn,
                                                       std::shared_ptr<Cancellation> cancellation) {
  ArnHash id = arn_hash(arn);
  ExecutionShard& shard = *shards_[owner_of(id)].executions;
  auto done = co_await run_on(shard.executor(), [&] { return shard.ended(id, cancellation); });
  if (!done && done.error().code == "ExecutionDoesNotExist") co_return no_execution(arn);
  if (!done) co_return fail(std::move(done).error());
  co_return co_await describe(std::move(arn));
}

Task<Result<bool>> DurableExecutions::any_running(std::string machine_arn) {
  CO_TRY(auto page, co_await kernel_.store.scan(
                        {.range = store::KeyRange::prefix(running_prefix(arn_hash(machine_arn))),
                         .rows_max = 1}));
  co_return !page.entries.empty();
}

// --- lists

Task<Result<ListPage>> DurableExecutions::list(ListRequest request) {
  if (!request.map_run_arn.empty()) {
    CO_TRY_VOID(co_await read_run(kernel_.store, request.map_run_arn));
  }
  const std::string& of = request.map_run_arn.empty() ? request.machine_arn : request.map_run_arn;
  const store::Key prefix = list_prefix(arn_hash(of));
  constexpr size_t kRestBytes = 8 + 16;
  store::KeyRange range = store::KeyRange::prefix(prefix);
  if (!request.next_token.empty()) {
    CO_TRY(Bytes rest, read_page_token(request.next_token, kRestBytes));
    range.end = prefix + rest;
  }
  const size_t wanted = std::clamp<size_t>(request.results_max, 1, kPageMax);
  ListPage page;
  bool more = true;
  for (size_t seen = 0; more && seen < kListRowsMax && page.executions.size() < wanted;) {
    CO_TRY(auto rows,
           co_await kernel_.store.scan(
               {.range = range, .rows_max = kPageMax, .direction = store::Direction::kBackward}));
    more = rows.more;
    for (auto& entry : rows.entries) {
      if (page.executions.size() >= wanted) {
        more = true;
        break;
      }
      ++seen;
      range.end = entry.key;
      CO_TRY(ListRow row, decode_list(entry.value));
      if (!is_wanted(request, row)) continue;
      ArnHash id = execution_of_list_key(entry.key);
      CO_TRY(auto found, co_await kernel_.store.get(execution_key(id)));
      if (!found) continue;  // swept meanwhile
      CO_TRY(ExecutionRow execution, decode_execution(found->value));
      CO_TRY(MachinePtr machine, co_await machine_of(execution));
      page.executions.push_back(summary_of(execution, machine->row));
      page.executions.back().machine.definition.clear();
    }
  }
  if (more) page.next_token = page_token(ByteView(range.end).substr(prefix.size()));
  co_return page;
}

// --- history

namespace {

// Walks the blocks of one execution's history.
class HistoryWalk {
 public:
  HistoryWalk(store::Store& store, ArnHash execution) : store_(store), execution_(execution) {}

  // The events from `first` on, or from it downwards: at least one block; empty at the end.
  Task<Result<std::vector<StoredEvent>>> block(uint64_t from, bool backward) {
    // The block that holds an event is the last one that begins at or before it.
    CO_TRY(auto page, co_await store_.scan(
                          {.range = {history_key(execution_, 0), history_key(execution_, from + 1)},
                           .rows_max = 1,
                           .direction = store::Direction::kBackward}));
    if (page.entries.empty()) co_return std::vector<StoredEvent>();
    CO_TRY(auto events,
           decode_history(first_event_of_key(page.entries[0].key), page.entries[0].value));
    std::erase_if(events, [&](const StoredEvent& stored) {
      return backward ? stored.event.id > from : stored.event.id < from;
    });
    if (backward) std::ranges::reverse(events);
    co_return events;
  }

  Task<Result<size_t>> fill(StoredEvent& stored) {
    size_t bytes = 0;
    for (auto [hash, slot] :
         {std::pair(&stored.input, &stored.event.input),
          std::pair(&stored.output, &stored.event.output),
          std::pair(&stored.parameters, &stored.event.parameters),
          std::pair(&stored.assigned_variables, &stored.event.assigned_variables)}) {
      if (*hash) {
        CO_TRY(*slot, co_await payload(**hash));
      }
      if (*slot) bytes += (**slot)->size();
    }
    co_return bytes;
  }

 private:
  Task<Result<workflow::Payload>> payload(workflow::PayloadHash hash) {
    auto [slot, is_new] = payloads_.try_emplace(hash);
    if (!is_new) co_return slot->second;
    CO_TRY(auto entry, co_await store_.get(payload_key(execution_, hash)));
    if (!entry) co_return fail(codes::kCorrupt, "a payload of a history is not there");
    slot->second = std::make_shared<const std::string>(std::move(entry->value));
    co_return slot->second;
  }

  store::Store& store_;
  ArnHash execution_;
  workflow::Payloads payloads_;  // of one page
};

}  // namespace

Task<Result<HistoryPage>> DurableExecutions::history(HistoryRequest request) {
  CO_TRY_VOID(co_await find(request.execution_arn));
  uint64_t from = request.newest_first ? UINT64_MAX - 1 : 1;
  if (!request.next_token.empty()) {
    CO_TRY(Bytes rest, read_page_token(request.next_token, 9));
    if ((rest[0] == 1) != request.newest_first) co_return invalid_page();
    from = read_be64(ByteView(rest).substr(1));
  }
  const size_t wanted = std::clamp<size_t>(request.results_max, 1, kPageMax);
  HistoryWalk walk(kernel_.store, arn_hash(request.execution_arn));
  HistoryPage page;
  size_t bytes = 0;
  bool has_more = true;
  while (has_more && page.events.size() < wanted && bytes < kHistoryPageBytesMax) {
    CO_TRY(auto block, co_await walk.block(from, request.newest_first));
    has_more = !block.empty();
    for (auto& stored : block) {
      if (page.events.size() >= wanted || bytes >= kHistoryPageBytesMax) break;
      CO_TRY(size_t size, co_await walk.fill(stored));
      bytes += size;
      from = request.newest_first ? stored.event.id - 1 : stored.event.id + 1;
      page.events.push_back(std::move(stored.event));
    }
    if (request.newest_first && from == 0) has_more = false;
  }
  if (has_more) {
    CO_TRY(auto next, co_await walk.block(from, request.newest_first));
    if (!next.empty()) {
      Bytes rest(1, request.newest_first ? 1 : 0);
      append_be64(rest, from);
      page.next_token = page_token(rest);
    }
  }
  co_return page;
}

}  // namespace suiro::states
