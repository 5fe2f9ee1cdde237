// SPDX-License-Identifier: Apache-2.0
// TraceContext: which trace a piece of work belongs to and which span caused it. Carried in
// requests as X-Amzn-Trace-Id ("Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=1", AWS X-Ray
// Developer Guide, "Tracing header"), in events, timers and journal spans.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"

namespace suiro {

struct TraceContext {
  std::string trace_id;  // "1-<8 hex: Unix seconds>-<24 hex>"; empty: none
  std::string
      span_id;  // 16 hex: the span under which the work runs, and which new spans name as cause

  // A new trace without a span.
  static TraceContext begin(TimePoint now, Random& random);
  // An absent or malformed header gives an empty context: tracing never refuses a request.
  static TraceContext parse_header(std::string_view header);
  std::string header() const;
};

// Ids that Suiro makes begin with their phase: the last kIdPhaseBits bits of the time in
// milliseconds. The journal finds a span that began with its id by the phase, without an index.
inline constexpr int kIdPhaseBits = 20;  // they repeat every 17.5 minutes
uint32_t id_phase(TimePoint time);

// 16 lower-case hex digits. Without a time: the journal indexes it.
std::string new_span_id(TimePoint now, Random& random);
std::string new_span_id(Random& random);
// A request's id: a UUID, or in S3's manner 16 of "0123456789ABCDEFGHJKMNPQRSTVWXYZ".
std::string new_request_uuid(TimePoint now, Random& random);
std::string new_request_word(TimePoint now, Random& random);

// The phases that a text may tell: more than one where it has the form of several kinds of id, none
// where it has that of none. Foreign ids tell one too, by chance.
struct IdPhases {
  std::optional<uint32_t> span;     // 16 hex digits
  std::optional<uint32_t> request;  // a UUID, or S3's form
};
IdPhases phases_of(std::string_view id);
// The second in a trace id.
std::optional<TimePoint> second_of_trace(std::string_view trace_id);

}  // namespace suiro
