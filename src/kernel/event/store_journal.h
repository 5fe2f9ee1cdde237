// SPDX-License-Identifier: Apache-2.0
// StoreJournal: the journal over a store.
//
// Everything lies under the hour of its start, so that expiry is a range delete: spans by time, an
// index from ids (trace, span, request) to spans, counters by minute, and how many bytes each hour
// wrote. An id that tells when its span began (base/trace.h) is not indexed: a look-up tries the
// moments that the id may mean, and for the others the index of every hour that is kept.
//
// Invariants:
//  1. Writing a span never fails its caller and never waits.
//  2. Spans older than kJournalAgeMax, and the oldest hours while all hours together exceed
//     kJournalBytesMax, go at the next expiry: at start, and then every kJournalExpiryInterval in
//     which something is recorded.
//  3. At most kCountersMax counters a minute are in memory; further resources count under "*".
// Threads: any. Bytes on disk: docs/formats/event.md.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "base/random.h"
#include "base/shard.h"
#include "kernel/event/journal.h"

namespace suiro::event {

inline constexpr Millis kJournalAgeMax = std::chrono::hours(24 * 7);
inline constexpr uint64_t kJournalBytesMax = 1ULL << 30;
inline constexpr Millis kJournalExpiryInterval = std::chrono::minutes(10);
inline constexpr Millis kCountersFlushInterval{1000};
inline constexpr size_t kCountersMax = 10'000;
inline constexpr size_t kTraceSpansMax = 10'000;
inline constexpr size_t kRecentSpansScannedMax = 100'000;

class StoreJournal final : public Journal {
 public:
  struct Options {
    Millis age_max = kJournalAgeMax;
    uint64_t bytes_max = kJournalBytesMax;
  };
  StoreJournal(Shards& shards, Clock& clock, Random& random, store::Store& store, Options options);
  ~StoreJournal() override;

  // Reads how full each hour is, and expires. Errors: those of the store.
  Task<Result<void>> start();
  // Writes the counters that are in memory.
  Task<void> stop();

  void record(store::Batch& batch, const Span& span) override;
  void record(const Span& span) override;
  void count(std::string_view kind, std::string_view resource, Span::Status status,
             Micros duration) override;
  Task<Result<std::vector<Span>>> trace(std::string id) override;
  Task<Result<std::vector<Span>>> recent(std::string resource, size_t spans_max) override;
  Task<Result<std::vector<Counter>>> counters(TimePoint from, TimePoint to) override;

  // Deletes what is too old or too much, now.
  Task<Result<void>> expire();

 private:
  using Hour = uint32_t;  // since 1970
  struct CounterName {
    uint32_t minute;  // since 1970
    std::string kind;
    std::string resource;
    Span::Status status;
    using View = std::tuple<uint32_t, std::string_view, std::string_view, Span::Status>;
    View view() const { return {minute, kind, resource, status}; }
  };
  // Looked up without making a name.
  struct CounterOrder {
    using is_transparent = void;
    static CounterName::View view(const CounterName& name) { return name.view(); }
    static CounterName::View view(const CounterName::View& name) { return name; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return view(a) < view(b);
    }
  };
  struct Sum {
    uint64_t count = 0;
    Micros total{0};
    Micros longest{0};
    bool dirty = false;
  };

  void note_bytes(Hour hour, uint64_t bytes);
  void need_flush();
  void flush();
  store::Batch take_dirty();
  Task<void> expire_in_background();
  Task<Result<std::vector<store::Key>>> span_keys(Hour hour, std::string id, size_t keys_max);
  Task<Result<std::string>> trace_id_of(std::string id);
  Task<Result<std::optional<std::string>>> trace_id_by_index(std::string id);
  Task<Result<std::optional<std::string>>> trace_id_by_phase(std::string id);
  Task<Result<std::optional<std::string>>> trace_id_at(TimePoint start, std::string request_id);
  // Adds the spans of the trace that began in the second that its id tells.
  Task<Result<void>> add_first_second(std::string trace_id, std::vector<Span>& spans);
  Hour oldest_kept() const;

  Clock& clock_;
  store::Store& store_;
  Options options_;
  const uint32_t run_;  // tells the counters of this process from those of one before it
  TaskScope scope_;     // on shard 0, like the alarm

  mutable std::mutex mutex_;
  std::map<CounterName, Sum, CounterOrder> counters_;
  std::map<Hour, uint64_t> hour_bytes_;
  std::map<Hour, bool> hour_dirty_;
  TimePoint next_expiry_ = {};
  bool flush_posted_ = false;
  bool stopped_ = true;
  std::unique_ptr<Clock::Alarm> alarm_;  // shard 0
};

}  // namespace suiro::event
