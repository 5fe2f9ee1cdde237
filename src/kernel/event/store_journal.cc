// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/store_journal.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "kernel/event/record.h"

namespace suiro::event {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kPageRows = 1000;
constexpr int64_t kMillisPerHour = 3'600'000;
constexpr int64_t kMillisPerMinute = 60'000;
constexpr size_t kFamilyBytes = 3;  // 'j', 1, family

store::Key family(char name) {
  return {'j', 1, name};
}

uint64_t millis_of(TimePoint time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, time.time_since_epoch().count()));
}

uint32_t hour_of(TimePoint time) {
  return static_cast<uint32_t>(millis_of(time) / kMillisPerHour);
}

uint32_t minute_of(TimePoint time) {
  return static_cast<uint32_t>(millis_of(time) / kMillisPerMinute);
}

TimePoint second_of(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

store::Key under_number(char name, uint32_t number) {
  store::Key key = family(name);
  append_be32(key, number);
  return key;
}

store::Key span_key(TimePoint start, std::string_view span_id) {
  store::Key key = family('s');
  append_be64(key, millis_of(start));
  key += span_id;
  return key;
}

store::Key index_prefix(uint32_t hour, std::string_view id) {
  store::Key key = under_number('i', hour);
  key += id;
  key.push_back('\0');
  return key;
}

// At most kSpanDetailBytesMax, cut between characters.
std::string_view kept_detail(std::string_view detail) {
  if (detail.size() <= kSpanDetailBytesMax) return detail;
  size_t end = kSpanDetailBytesMax;
  while (end > 0 && (static_cast<uint8_t>(detail[end]) & 0xC0) == 0x80) --end;
  return detail.substr(0, end);
}

Bytes encode_span(const Span& span) {
  RecordWriter out(kVersion);
  out.text(span.trace_id);
  out.text(span.span_id);
  out.text(span.parent_id);
  out.text(span.kind);
  out.text(span.resource);
  out.text(span.request_id);
  out.time(span.start);
  out.u64(static_cast<uint64_t>(span.duration.count()));
  out.u8(static_cast<uint8_t>(span.status));
  out.text(kept_detail(span.detail));
  return out.take();
}

Result<Span> decode_span(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Span span;
  span.trace_id = in.text();
  span.span_id = in.text();
  span.parent_id = in.text();
  span.kind = in.text();
  span.resource = in.text();
  span.request_id = in.text();
  span.start = in.time();
  span.duration = Millis(static_cast<int64_t>(in.u64()));
  span.status = static_cast<Span::Status>(in.u8());
  span.detail = in.text();
  TRY_VOID(in.end("span"));
  return span;
}

Result<Counter> decode_counter(ByteView key, ByteView value) {
  Counter counter;
  size_t kind_at = kFamilyBytes + 8;
  size_t kind_end = key.find('\0', kind_at);
  if (key.size() < kind_at || kind_end == key.npos || key.size() < kind_end + 3) {
    return fail(codes::kCorrupt, "counter: its key is cut off");
  }
  counter.minute = TimePoint(Millis(read_be32(key.substr(kFamilyBytes)) * kMillisPerMinute));
  counter.kind = key.substr(kind_at, kind_end - kind_at);
  counter.resource = key.substr(kind_end + 1, key.size() - kind_end - 3);
  counter.status = static_cast<Span::Status>(key.back());
  RecordReader in(value);
  in.version(kVersion);
  counter.count = in.u64();
  counter.total = Micros(static_cast<int64_t>(in.u64()));
  counter.longest = Micros(static_cast<int64_t>(in.u64()));
  TRY_VOID(in.end("counter"));
  return counter;
}

std::unexpected<Error> not_found(std::string_view id) {
  return fail(codes::kNotFound,
              fmt::format("no trace, span or request '{}' is in the journal", id));
}

// Adds up neighbours that differ in the run alone.
void add_counter(std::map<std::tuple<std::string, std::string, Span::Status>, Counter>& sums,
                 Counter counter) {
  auto [place, is_new] =
      sums.try_emplace({counter.kind, counter.resource, counter.status}, counter);
  if (is_new) return;
  place->second.count += counter.count;
  place->second.total += counter.total;
  place->second.longest = std::max(place->second.longest, counter.longest);
}

}  // namespace

StoreJournal::StoreJournal(Shards& shards, Clock& clock, Random& random, store::Store& store,
                           Options options)
    : clock_(clock),
      store_(store),
      options_(options),
      run_(static_cast<uint32_t>(random.next())),
      scope_(shards.executor(0)) {}

StoreJournal::~StoreJournal() = default;

// --- Writing
// ---------------------------------------------------------------------------------------

void StoreJournal::record(store::Batch& batch, const Span& span) {
  size_t before = batch.size_bytes();
  store::Key key = span_key(span.start, span.span_id);
  uint32_t hour = hour_of(span.start);
  auto index = [&](const std::string& id) {
    if (!id.empty()) batch.put(index_prefix(hour, id) + key.substr(kFamilyBytes), {});
  };
  uint32_t phase = id_phase(span.start);
  if (second_of_trace(span.trace_id) != second_of(span.start)) index(span.trace_id);
  if (phases_of(span.span_id).span != phase) index(span.span_id);
  if (phases_of(span.request_id).request != phase) index(span.request_id);
  batch.put(std::move(key), encode_span(span));
  note_bytes(hour, batch.size_bytes() - before);
}

void StoreJournal::record(const Span& span) {
  store::Batch batch;
  record(batch, span);
  store_.commit_later(std::move(batch));
}

void StoreJournal::note_bytes(Hour hour, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  hour_bytes_[hour] += bytes;
  hour_dirty_[hour] = true;
  need_flush();
}

void StoreJournal::count(std::string_view kind, std::string_view resource, Span::Status status,
                         Micros duration) {
  std::lock_guard lock(mutex_);
  CounterName::View name{minute_of(clock_.now()), kind, resource, status};
  auto place = counters_.find(name);
  if (place == counters_.end()) {
    if (counters_.size() >= kCountersMax) resource = "*";
    CounterName made{std::get<0>(name), std::string(kind), std::string(resource), status};
    place = counters_.try_emplace(std::move(made)).first;
  }
  Sum& sum = place->second;
  ++sum.count;
  sum.total += duration;
  sum.longest = std::max(sum.longest, duration);
  sum.dirty = true;
  need_flush();
}

// Under mutex_.
void StoreJournal::need_flush() {
  if (flush_posted_ || stopped_) return;
  flush_posted_ = true;
  asio::post(scope_.executor(), [this] {
    if (scope_.closing()) return;
    alarm_ =
        clock_.alarm(scope_.executor(), clock_.now() + kCountersFlushInterval, [this] { flush(); });
  });
}

store::Batch StoreJournal::take_dirty() {
  std::lock_guard lock(mutex_);
  flush_posted_ = false;
  store::Batch batch;
  uint32_t minute = minute_of(clock_.now());
  for (auto place = counters_.begin(); place != counters_.end();) {
    const auto& [name, sum] = *place;
    if (sum.dirty) {
      store::Key key = under_number('c', name.minute);
      append_be32(key, run_);
      key += name.kind + '\0' + name.resource + '\0';
      key.push_back(static_cast<char>(name.status));
      RecordWriter out(kVersion);
      out.u64(sum.count);
      out.u64(static_cast<uint64_t>(sum.total.count()));
      out.u64(static_cast<uint64_t>(sum.longest.count()));
      batch.put(std::move(key), out.take());
    }
    place->second.dirty = false;
    place = name.minute < minute ? counters_.erase(place) : std::next(place);
  }
  for (const auto& [hour, is_dirty] : std::exchange(hour_dirty_, {})) {
    RecordWriter out(kVersion);
    out.u64(hour_bytes_[hour]);
    batch.put(under_number('b', hour), out.take());
  }
  return batch;
}

void StoreJournal::flush() {
  store::Batch batch = take_dirty();
  if (!batch.empty()) store_.commit_later(std::move(batch));
  {
    std::lock_guard lock(mutex_);
    if (clock_.now() < next_expiry_) return;
    next_expiry_ = clock_.now() + kJournalExpiryInterval;
  }
  scope_.spawn(expire_in_background());
}

// --- Expiry
// ----------------------------------------------------------------------------------------

Task<void> StoreJournal::expire_in_background() {
  auto expired = co_await expire();
  if (!expired) log::warning("journal: cannot expire: {}", expired.error().message);
}

Task<Result<void>> StoreJournal::expire() {
  Hour first_kept = hour_of(clock_.now() - options_.age_max);
  Hour first_written = 0;
  {
    std::lock_guard lock(mutex_);
    uint64_t total = 0;
    for (const auto& [hour, bytes] : hour_bytes_) {
      if (hour >= first_kept) total += bytes;
    }
    // The hour that is being written stays, however large.
    for (const auto& [hour, bytes] : hour_bytes_) {
      if (total <= options_.bytes_max || hour >= hour_of(clock_.now())) break;
      if (hour < first_kept) continue;
      total -= bytes;
      first_kept = hour + 1;
    }
    if (hour_bytes_.empty() || hour_bytes_.begin()->first >= first_kept) co_return ok();
    first_written = hour_bytes_.begin()->first;
    hour_bytes_.erase(hour_bytes_.begin(), hour_bytes_.lower_bound(first_kept));
    hour_dirty_.erase(hour_dirty_.begin(), hour_dirty_.lower_bound(first_kept));
  }
  TimePoint first_time{Millis(first_kept * kMillisPerHour)};
  store::Batch batch;
  batch.erase_range({family('s'), span_key(first_time, "")});
  batch.erase_range({family('i'), under_number('i', first_kept)});
  batch.erase_range({family('c'), under_number('c', first_kept * 60)});
  batch.erase_range({family('b'), under_number('b', first_kept)});
  CO_TRY_VOID(co_await store_.commit(std::move(batch)));
  log::info("journal: {} hours expired", first_kept - first_written);
  co_return ok();
}

Task<Result<void>> StoreJournal::start() {
  store::KeyRange range = store::KeyRange::prefix(family('b'));
  for (;;) {
    CO_TRY(auto page, co_await store_.scan({.range = range, .rows_max = kPageRows}));
    std::unique_lock lock(mutex_);
    for (const auto& entry : page.entries) {
      if (entry.key.size() != kFamilyBytes + 4 || entry.value.size() != 9) continue;
      hour_bytes_[read_be32(ByteView(entry.key).substr(kFamilyBytes))] +=
          read_be64(ByteView(entry.value).substr(1));
    }
    if (!page.more || page.entries.empty()) break;
    range.begin = page.entries.back().key + '\0';
  }
  {
    std::lock_guard lock(mutex_);
    stopped_ = false;
    next_expiry_ = clock_.now() + kJournalExpiryInterval;
    if (!counters_.empty() || !hour_dirty_.empty()) need_flush();
  }
  co_return co_await expire();
}

Task<void> StoreJournal::stop() {
  co_await run_on(scope_.executor(), [this]() -> Task<void> {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    alarm_.reset();
    co_await scope_.close();
    auto committed = co_await store_.commit(take_dirty());
    if (!committed) log::warning("journal: counters are lost: {}", committed.error().message);
  });
}

// --- Reading
// ---------------------------------------------------------------------------------------

StoreJournal::Hour StoreJournal::oldest_kept() const {
  std::lock_guard lock(mutex_);
  Hour by_age = hour_of(clock_.now() - options_.age_max);
  return hour_bytes_.empty() ? by_age : std::max(by_age, hour_bytes_.begin()->first);
}

Task<Result<std::vector<store::Key>>> StoreJournal::span_keys(Hour hour, std::string id,
                                                              size_t keys_max) {
  store::Key prefix = index_prefix(hour, id);
  CO_TRY(auto page,
         co_await store_.scan({.range = store::KeyRange::prefix(prefix), .rows_max = keys_max}));
  std::vector<store::Key> keys;
  for (const auto& entry : page.entries)
    keys.push_back(family('s') + entry.key.substr(prefix.size()));
  co_return keys;
}

Task<Result<std::optional<std::string>>> StoreJournal::trace_id_by_index(std::string id) {
  for (Hour hour = hour_of(clock_.now()) + 1; hour + 1 > oldest_kept(); --hour) {
    CO_TRY(auto keys, co_await span_keys(hour, id, 1));
    if (keys.empty()) continue;
    CO_TRY(auto entry, co_await store_.get(keys.front()));
    if (!entry) continue;
    CO_TRY(Span span, decode_span(entry->value));
    co_return span.trace_id;
  }
  co_return std::nullopt;
}

Task<Result<std::optional<std::string>>> StoreJournal::trace_id_at(TimePoint start,
                                                                   std::string request_id) {
  store::ScanOptions options{.range = store::KeyRange::prefix(span_key(start, "")),
                             .rows_max = kPageRows};
  for (;;) {
    CO_TRY(auto page, co_await store_.scan(options));
    for (const auto& entry : page.entries) {
      CO_TRY(Span span, decode_span(entry.value));
      if (span.request_id == request_id) co_return span.trace_id;
    }
    if (!page.more || page.entries.empty()) co_return std::nullopt;
    options.range.begin = page.entries.back().key + '\0';
  }
}

// Every moment with the id's phase is tried, the newest first: 577 in a week.
Task<Result<std::optional<std::string>>> StoreJournal::trace_id_by_phase(std::string id) {
  constexpr int64_t kPeriod = int64_t{1} << kIdPhaseBits;
  IdPhases phases = phases_of(id);
  int64_t now = clock_.now().time_since_epoch().count();
  int64_t oldest = oldest_kept() * kMillisPerHour;
  auto newest = [&](uint32_t phase) {
    return now - ((now - static_cast<int64_t>(phase)) % kPeriod + kPeriod) % kPeriod;
  };
  for (int64_t at = phases.span ? newest(*phases.span) : -1; at >= oldest; at -= kPeriod) {
    CO_TRY(auto entry, co_await store_.get(span_key(TimePoint(Millis(at)), id)));
    if (!entry) continue;
    CO_TRY(Span span, decode_span(entry->value));
    co_return span.trace_id;
  }
  for (int64_t at = phases.request ? newest(*phases.request) : -1; at >= oldest; at -= kPeriod) {
    CO_TRY(auto found, co_await trace_id_at(TimePoint(Millis(at)), id));
    if (found) co_return found;
  }
  co_return std::nullopt;
}

Task<Result<std::string>> StoreJournal::trace_id_of(std::string id) {
  if (second_of_trace(id)) co_return id;
  if (id.find('\0') == id.npos) {
    CO_TRY(auto found, co_await trace_id_by_phase(id));
    if (!found) {
      CO_TRY(found, co_await trace_id_by_index(id));
    }
    if (found) co_return *std::move(found);
  }
  co_return not_found(id);
}

Task<Result<void>> StoreJournal::add_first_second(std::string trace_id, std::vector<Span>& spans) {
  auto second = second_of_trace(trace_id);
  if (!second || hour_of(*second) < oldest_kept()) co_return ok();
  store::ScanOptions options{
      .range = {span_key(*second, ""), span_key(*second + std::chrono::seconds(1), "")},
      .rows_max = kPageRows};
  while (spans.size() < kTraceSpansMax) {
    CO_TRY(auto page, co_await store_.scan(options));
    for (const auto& entry : page.entries) {
      if (entry.value.find(trace_id) == entry.value.npos) continue;
      CO_TRY(Span span, decode_span(entry.value));
      if (span.trace_id == trace_id && spans.size() < kTraceSpansMax) {
        spans.push_back(std::move(span));
      }
    }
    if (!page.more || page.entries.empty()) break;
    options.range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

Task<Result<std::vector<Span>>> StoreJournal::trace(std::string id) {
  CO_TRY(std::string trace_id, co_await trace_id_of(id));
  std::vector<Span> spans;
  CO_TRY_VOID(co_await add_first_second(trace_id, spans));
  Hour last = hour_of(clock_.now()) + 1;
  for (Hour hour = oldest_kept(); hour <= last && spans.size() < kTraceSpansMax; ++hour) {
    CO_TRY(auto keys, co_await span_keys(hour, trace_id, kTraceSpansMax - spans.size()));
    for (auto& key : keys) {
      CO_TRY(auto entry, co_await store_.get(std::move(key)));
      if (!entry) continue;
      CO_TRY(Span span, decode_span(entry->value));
      spans.push_back(std::move(span));
    }
  }
  auto place = [](const Span& s) { return std::pair(s.start, s.span_id); };
  std::ranges::sort(spans, {}, place);
  // Earlier versions indexed every span.
  auto repeated = std::ranges::unique(spans, {}, place);
  spans.erase(repeated.begin(), repeated.end());
  if (spans.empty()) co_return not_found(id);
  co_return spans;
}

Task<Result<std::vector<Span>>> StoreJournal::recent(std::string resource, size_t spans_max) {
  std::vector<Span> spans;
  store::ScanOptions options{.range = store::KeyRange::prefix(family('s')),
                             .rows_max = kPageRows,
                             .direction = store::Direction::kBackward};
  size_t scanned = 0;
  while (spans.size() < spans_max && scanned < kRecentSpansScannedMax) {
    CO_TRY(auto page, co_await store_.scan(options));
    scanned += page.entries.size();
    for (const auto& entry : page.entries) {
      CO_TRY(Span span, decode_span(entry.value));
      if (!resource.empty() && span.resource != resource) continue;
      spans.push_back(std::move(span));
      if (spans.size() == spans_max) break;
    }
    if (!page.more || page.entries.empty()) break;
    options.range.end = page.entries.back().key;
  }
  co_return spans;
}

Task<Result<std::vector<Counter>>> StoreJournal::counters(TimePoint from, TimePoint to) {
  std::map<std::tuple<std::string, std::string, Span::Status>, Counter> sums;
  std::vector<Counter> counters;
  auto take = [&] {
    for (auto& [name, sum] : sums) counters.push_back(std::move(sum));
    sums.clear();
  };
  store::KeyRange range{under_number('c', minute_of(from)),
                        under_number('c', minute_of(to + Millis(kMillisPerMinute - 1)))};
  TimePoint minute{};
  for (;;) {
    CO_TRY(auto page, co_await store_.scan({.range = range, .rows_max = kPageRows}));
    for (const auto& entry : page.entries) {
      CO_TRY(Counter counter, decode_counter(entry.key, entry.value));
      if (std::exchange(minute, counter.minute) != counter.minute) take();
      add_counter(sums, std::move(counter));
    }
    if (!page.more || page.entries.empty()) break;
    range.begin = page.entries.back().key + '\0';
  }
  take();
  co_return counters;
}

}  // namespace suiro::event
