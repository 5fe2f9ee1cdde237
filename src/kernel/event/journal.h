// SPDX-License-Identifier: Apache-2.0
// The journal: what happened, when, for how long, why, and how it ended. A trace is a tree of
// spans.
//
// Invariants:
//  1. A span that belongs to a change is written in the same batch as the change: the journal costs
//  no
//     commit of its own. Spans of their own go with the next group.
//  2. Spans expire (kJournalAgeMax) and are bounded by their share of the disk; expiry is by time
//  range.
//  3. Hot paths (queue sends and receives, reads) are counted per minute, resource and outcome, not
//     recorded one by one, unless they arrive with a trace header.
//
// Bytes on disk: docs/formats/event.md.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/trace.h"
#include "kernel/store/store.h"

namespace suiro::event {

struct Span {
  std::string trace_id;
  std::string span_id;
  std::string parent_id;  // the cause; empty: the root of its trace
  std::string kind;       // "s3:PutObject", "event", "lambda:Invoke", ...
  std::string resource;   // ARN
  std::string request_id = {};
  TimePoint start = {};
  Millis duration{0};
  enum class Status : uint8_t { kOk = 0, kError = 1, kRunning = 2 } status = Status::kOk;
  // Why, or how it ended, for a person. A journal keeps kSpanDetailBytesMax of it: a function's
  // error text can be megabytes.
  std::string detail = {};
};
inline constexpr size_t kSpanDetailBytesMax = 1024;

// What count() summed up: one minute of one kind, resource and outcome.
struct Counter {
  TimePoint minute;
  std::string kind;
  std::string resource;
  Span::Status status = Span::Status::kOk;
  uint64_t count = 0;
  Micros total{0};
  Micros longest{0};
};

class Journal {
 public:
  virtual ~Journal() = default;
  // A span of its own. A later record with the same ids replaces it (kRunning -> kOk).
  virtual void record(store::Batch& batch, const Span& span) = 0;
  // Without a batch at hand; durable with the next group.
  virtual void record(const Span& span) = 0;
  // One more occurrence on a hot path. Cheap: memory only, flushed every second.
  virtual void count(std::string_view kind, std::string_view resource, Span::Status status,
                     Micros duration) = 0;
  // The spans of a trace in order of their start. `id`: a trace id, a request id or a span id.
  // Errors: kNotFound.
  virtual Task<Result<std::vector<Span>>> trace(std::string id) = 0;
  // The newest spans first, at most `spans_max`, of one resource or of all (empty).
  virtual Task<Result<std::vector<Span>>> recent(std::string resource, size_t spans_max) = 0;
  // The counters of the minutes in [from, to), by minute.
  virtual Task<Result<std::vector<Counter>>> counters(TimePoint from, TimePoint to) = 0;
};

}  // namespace suiro::event
