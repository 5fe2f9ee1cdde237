// SPDX-License-Identifier: Apache-2.0
// TimeZone: the civil clock of a zone of the IANA database, from the system's TZif files (RFC
// 8536).
//
// Behind a file's last change its footer holds, a rule in POSIX's TZ form: all later years are
// right, too. The rule is unrolled over one Gregorian cycle (400 years) when the file is read.
//
// Civil times are not all there, and not all once: where a clock jumps forward, those in the gap
// have no instant; where it goes back, those of the repeated hour have two. instants_of() says so.
//
// Thread: immutable after load(); copies share one table. Errors: kNotFound, kCorrupt.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace suiro {

// What a clock on the wall of some zone shows, in milliseconds.
using CivilTime = std::chrono::local_time<Millis>;

class TimeZone {
 public:
  // UTC.
  TimeZone() = default;
  // "UTC", "Asia/Tokyo", ...; empty: UTC. Reads a file.
  static Result<TimeZone> load(std::string_view name);
  // The bytes of a TZif file.
  static Result<TimeZone> parse(ByteView bytes);

  // How far the zone's clock is ahead of UTC.
  std::chrono::seconds offset_at(TimePoint time) const;
  CivilTime civil_at(TimePoint time) const {
    return CivilTime(time.time_since_epoch() + offset_at(time));
  }

  // When the clock shows a civil time: never, once or twice; the earlier instant is `first`.
  struct Instants {
    size_t count = 0;
    TimePoint first = {};
    TimePoint second = {};
  };
  Instants instants_of(CivilTime civil) const;

  // A moment at which the offset changes.
  struct Change {
    TimePoint at;
    std::chrono::seconds before;
    std::chrono::seconds after;
  };
  // The earliest change after `time`; nullopt: none any more.
  std::optional<Change> next_change(TimePoint time) const;
  // The latest change at or before `time`; nullopt: there was none.
  std::optional<Change> last_change(TimePoint time) const;

 private:
  struct Step {
    int64_t at = 0;  // Unix seconds
    int32_t offset_s = 0;
  };
  struct Table {
    std::vector<Step> steps;  // ascending; neighbours differ in their offset
    int32_t first_offset_s = 0;
    // From here on the steps of the last 400 years are repeated; int64 max: they are not.
    int64_t repeats_from = INT64_MAX;
  };
  // How many seconds (whole cycles) before `seconds` the table has its answer.
  int64_t cycles_before(int64_t seconds) const;
  Change change(size_t step, int64_t cycles) const;

  std::shared_ptr<const Table> table_;  // null: UTC
};

}  // namespace suiro
