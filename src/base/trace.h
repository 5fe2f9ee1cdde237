// SPDX-License-Identifier: Apache-2.0
// TraceContext: which trace a piece of work belongs to and which span caused it. Carried in
// requests as X-Amzn-Trace-Id ("Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=1", AWS X-Ray
// Developer Guide, "Tracing header"), in events, timers and journal spans.
#pragma once

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

// 16 lower-case hex digits.
std::string new_span_id(Random& random);

}  // namespace suiro
