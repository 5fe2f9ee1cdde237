// SPDX-License-Identifier: Apache-2.0
// Schedule expressions and POSIX zone rules. Input: an expression, a newline, a rule.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/posix_zone.h"
#include "engine/schedule/schedule.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro;
  using namespace suiro::schedule;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view text = input.substr(0, end);
  const TimePoint now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 28);
  auto expression = Expression::parse(text, Dialect::kScheduler);
  CHECK(expression || !Expression::parse(text, Dialect::kRule), "rules know no more forms");
  if (expression) {
    const Schedule schedule({.expression = *expression, .rate_from = now});
    if (const auto next = schedule.next(now)) {
      CHECK(*next > now, "the next time is later");
      const auto back = schedule.previous(*next);
      CHECK(!back || *back <= now, "there is no time between now and the next");
    }
  }
  if (auto rule = PosixZone::parse(input.substr(std::min(end + 1, input.size())))) {
    if (rule->summer) {
      const auto steps = rule->steps_of(std::chrono::year(2026));
      CHECK(steps[0].at <= steps[1].at, "changes are in order");
    }
  }
  return 0;
}
