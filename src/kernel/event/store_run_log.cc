// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/store_run_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/event/record.h"

namespace suiro::event {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kTimeBytes = 8;
constexpr size_t kPageRows = 1000;

store::Key family(char name) {
  return {'n', 1, name};
}

store::Key with_time(store::Key key, TimePoint time) {
  append_be64(key, static_cast<uint64_t>(std::max<int64_t>(0, time.time_since_epoch().count())));
  return key;
}

store::Key name_prefix(std::string_view name) {
  store::Key key = family('n');
  for (char c : name.substr(0, kRunTextBytesMax)) {
    if (c != '\0') key.push_back(c);
  }
  key.push_back('\0');
  return key;
}

store::Key id_key(std::string_view id) {
  return family('i').append(id);
}

void put_time(RecordWriter& out, std::optional<TimePoint> time) {
  out.u8(time ? 1 : 0);
  out.time(time.value_or(TimePoint()));
}

std::optional<TimePoint> get_time(RecordReader& in) {
  bool present = in.u8() != 0;
  TimePoint time = in.time();
  return present ? std::optional(time) : std::nullopt;
}

// At most kRunTextBytesMax, cut between characters.
std::string_view kept(std::string_view text) {
  if (text.size() <= kRunTextBytesMax) return text;
  size_t end = kRunTextBytesMax;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

Bytes encode_run(const Run& run) {
  RecordWriter out(kVersion);
  for (const auto* text : {&run.id, &run.name, &run.resource, &run.schedule, &run.started_by}) {
    out.text(kept(*text));
  }
  out.u8(static_cast<uint8_t>(run.state));
  out.time(run.created);
  put_time(out, run.planned);
  put_time(out, run.pull_started);
  put_time(out, run.pull_stopped);
  put_time(out, run.started);
  put_time(out, run.stopped);
  out.u8(run.exit_code ? 1 : 0);
  out.u32(static_cast<uint32_t>(run.exit_code.value_or(0)));
  out.text(kept(run.reason));
  out.text(kept(run.image_digest));
  out.u32(run.cpu_units);
  out.u32(run.memory_mb);
  out.text(kept(run.trace_id));
  return out.take();
}

Result<Run> decode_run(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Run run;
  for (auto* text : {&run.id, &run.name, &run.resource, &run.schedule, &run.started_by}) {
    *text = in.text();
  }
  run.state = static_cast<Run::State>(in.u8());
  run.created = in.time();
  run.planned = get_time(in);
  run.pull_started = get_time(in);
  run.pull_stopped = get_time(in);
  run.started = get_time(in);
  run.stopped = get_time(in);
  bool has_exit_code = in.u8() != 0;
  auto exit_code = static_cast<int>(in.u32());
  if (has_exit_code) run.exit_code = exit_code;
  run.reason = in.text();
  run.image_digest = in.text();
  run.cpu_units = in.u32();
  run.memory_mb = in.u32();
  run.trace_id = in.text();
  TRY_VOID(in.end("run"));
  return run;
}

// The range of a query, from kRunLookBack before its start.
store::KeyRange range_of(const RunQuery& query) {
  store::Key prefix = query.name.empty() ? family('r') : name_prefix(query.name);
  return {with_time(prefix, query.since - kRunLookBack), with_time(prefix, query.until)};
}

bool wanted(const Run& run, const RunQuery& query) {
  if (run.at() >= query.since) return true;
  return !run.ended() || (run.stopped && *run.stopped > query.since);
}

}  // namespace

void StoreRunLog::record(store::Batch& batch, const Run& run) {
  batch.put(with_time(family('r'), run.at()) + run.id, encode_run(run));
  batch.put(with_time(name_prefix(run.name), run.at()) + run.id, {});
  RecordWriter place(kVersion);
  place.time(run.at());
  batch.put(id_key(run.id), place.take());
}

Task<Result<Run>> StoreRunLog::find(std::string id) {
  CO_TRY(auto place, co_await store_.get(id_key(id)));
  if (place) {
    RecordReader in(place->value);
    in.version(kVersion);
    TimePoint at = in.time();
    CO_TRY_VOID(in.end("place of a run"));
    CO_TRY(auto entry, co_await store_.get(with_time(family('r'), at) + id));
    if (entry) co_return decode_run(entry->value);
  }
  co_return fail(codes::kNotFound, fmt::format("no run '{}' is known", id));
}

Task<Result<Run>> StoreRunLog::run_of(store::Entry entry, bool by_name) {
  if (!by_name) co_return decode_run(entry.value);
  ByteView key = entry.key;
  size_t at = key.find('\0', family('n').size());
  if (at == key.npos || key.size() < at + 1 + kTimeBytes) {
    co_return fail(codes::kCorrupt, "run: the key of its name is cut off");
  }
  CO_TRY(auto found, co_await store_.get(family('r').append(key.substr(at + 1))));
  if (!found) co_return fail(codes::kCorrupt, "run: its name is known, and it is not");
  co_return decode_run(found->value);
}

Task<Result<RunPage>> StoreRunLog::list(RunQuery query) {
  store::KeyRange range = range_of(query);
  if (!query.after.empty()) {
    auto after = hex_decode(query.after);
    if (!after || *after < range.begin || *after >= range.end) {
      co_return fail(codes::kInvalidArgument, "the token is of another list of runs");
    }
    range.begin = *std::move(after) + '\0';
  }
  size_t runs_max = std::clamp<size_t>(query.runs_max, 1, kRunsPageMax);
  RunPage out;
  for (size_t looked_at = 0; looked_at < kRunRowsLookedAtMax;) {
    CO_TRY(auto page, co_await store_.scan({.range = range, .rows_max = kPageRows}));
    for (auto& entry : page.entries) {
      ++looked_at;
      range.begin = entry.key;
      CO_TRY(auto run, co_await run_of(std::move(entry), !query.name.empty()));
      if (wanted(run, query)) out.runs.push_back(std::move(run));
      if (out.runs.size() < runs_max) continue;
      out.next = hex_encode(range.begin);
      co_return out;
    }
    if (!page.more) {
      out.next.clear();
      co_return out;
    }
    out.next = hex_encode(range.begin);
    range.begin += '\0';
  }
  co_return out;
}

Task<Result<RunDurations>> StoreRunLog::durations(std::string name, size_t runs_max) {
  store::KeyRange range = store::KeyRange::prefix(name_prefix(name));
  std::vector<Millis> durations;
  size_t rows_max = std::clamp<size_t>(runs_max, 1, kPageRows) * 2;
  CO_TRY(auto page,
         co_await store_.scan(
             {.range = range, .rows_max = rows_max, .direction = store::Direction::kBackward}));
  for (auto& entry : page.entries) {
    CO_TRY(auto run, co_await run_of(std::move(entry), true));
    if (run.state != Run::State::kSucceeded || !run.started || !run.stopped) continue;
    durations.push_back(*run.stopped - *run.started);
    if (durations.size() == runs_max) break;
  }
  if (durations.empty()) co_return RunDurations{};
  std::ranges::sort(durations);
  co_return RunDurations{durations.size(), durations[durations.size() / 2], durations.back()};
}

}  // namespace suiro::event
