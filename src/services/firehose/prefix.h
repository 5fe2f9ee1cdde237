// SPDX-License-Identifier: Apache-2.0
// Names of objects: prefixes with expressions, and what AWS puts behind them (Amazon Data Firehose
// Developer Guide, "Understand custom prefixes for Amazon S3 objects", "Configure Amazon S3 object
// name format").
//
// Expressions: !{timestamp:<java.time.format.DateTimeFormatter pattern>},
// !{firehose:random-string},
// !{firehose:error-output-type}. A prefix without any is followed by !{timestamp:yyyy/MM/dd/HH}/.
//
// Thread: immutable. Errors: InvalidArgumentException naming what was not understood.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time_zone.h"

namespace suiro::firehose {

// The letters of Java's DateTimeFormatter that are known here: y u M d D H h m s S a E, quoted text
// and what is not a letter.
class TimePattern {
 public:
  static Result<TimePattern> parse(std::string_view pattern);
  // `local`: the zone's wall clock.
  std::string format(TimePoint local) const;

 private:
  struct Part {
    char letter = 0;  // 0: text
    int count = 0;
    std::string text;
  };
  std::vector<Part> parts_;
};

struct PrefixFacts {
  TimePoint time;  // arrival of the oldest record
  std::string error_output_type;
};

class Prefix {
 public:
  enum class Use { kDelivery, kErrors };
  static Result<Prefix> parse(std::string_view text, Use use);
  std::string evaluate(const PrefixFacts& facts, const TimeZone& zone, Random& random) const;
  bool has_expressions() const { return has_expressions_; }

 private:
  struct Part {
    enum class Kind { kText, kTime, kRandom, kErrorType } kind = Kind::kText;
    std::string text;
    TimePattern pattern;
  };
  Result<void> add_expression(std::string_view space, std::string_view value, Use use);
  std::vector<Part> parts_;
  bool has_expressions_ = false;
};

// "<stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid><extension>"
std::string object_suffix(const std::string& stream, uint32_t version, TimePoint local,
                          const std::string& uuid, const std::string& extension);

}  // namespace suiro::firehose
