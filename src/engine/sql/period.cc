// SPDX-License-Identifier: Apache-2.0
// Predicates of two periods, each from its start to (not with) its end:
// PERIOD_<name>(start1, end1, start2, end2); PERIOD_CONTAINS also (start, end, time).
//
//   EQUALS                both ends are the same
//   CONTAINS              the second lies within the first; STRICTLY: and touches neither end
//   OVERLAPS              they have time in common; STRICTLY: and each has time of its own
//   PRECEDES, SUCCEEDS    the first ends before, begins after the second; STRICTLY: with a gap;
//                         IMMEDIATELY: without one
//   LEADS                 the first begins before the second and ends within it; STRICTLY: before
//                         its end; IMMEDIATELY: at its end
//   LAGS                  the first begins within the second and ends after it; STRICTLY: after its
//                         start; IMMEDIATELY: at its start
// The page gives pictures only: docs/decisions/133-patterns-and-periods.md.
#include <array>

#include "engine/sql/library.h"

namespace suiro::sql {
namespace {

struct Period {
  int64_t start;
  int64_t end;
};

using Holds = bool (*)(Period a, Period b);

struct Predicate {
  std::string_view name;
  Holds holds;
};

bool overlaps(Period a, Period b) {
  return a.start < b.end && b.start < a.end;
}

constexpr std::array<Predicate, 17> kPredicates = {{
    {"PERIOD_EQUALS", [](Period a, Period b) { return a.start == b.start && a.end == b.end; }},
    {"PERIOD_CONTAINS", [](Period a, Period b) { return a.start <= b.start && b.end <= a.end; }},
    {"PERIOD_STRICTLY_CONTAINS",
     [](Period a, Period b) { return a.start < b.start && b.end < a.end; }},
    {"PERIOD_OVERLAPS", overlaps},
    {"PERIOD_STRICTLY_OVERLAPS",
     [](Period a, Period b) {
       return (a.start < b.start && b.start < a.end && a.end < b.end) ||
              (b.start < a.start && a.start < b.end && b.end < a.end);
     }},
    {"PERIOD_PRECEDES", [](Period a, Period b) { return a.end <= b.start; }},
    {"PERIOD_STRICTLY_PRECEDES", [](Period a, Period b) { return a.end < b.start; }},
    {"PERIOD_IMMEDIATELY_PRECEDES", [](Period a, Period b) { return a.end == b.start; }},
    {"PERIOD_SUCCEEDS", [](Period a, Period b) { return a.start >= b.end; }},
    {"PERIOD_STRICTLY_SUCCEEDS", [](Period a, Period b) { return a.start > b.end; }},
    {"PERIOD_IMMEDIATELY_SUCCEEDS", [](Period a, Period b) { return a.start == b.end; }},
    {"PERIOD_LEADS",
     [](Period a, Period b) { return a.start < b.start && b.start < a.end && a.end <= b.end; }},
    {"PERIOD_STRICTLY_LEADS",
     [](Period a, Period b) { return a.start < b.start && b.start < a.end && a.end < b.end; }},
    {"PERIOD_IMMEDIATELY_LEADS",
     [](Period a, Period b) { return a.start < b.start && b.start < a.end && a.end == b.end; }},
    {"PERIOD_LAGS",
     [](Period a, Period b) { return b.start <= a.start && a.start < b.end && b.end < a.end; }},
    {"PERIOD_STRICTLY_LAGS",
     [](Period a, Period b) { return b.start < a.start && a.start < b.end && b.end < a.end; }},
    {"PERIOD_IMMEDIATELY_LAGS",
     [](Period a, Period b) { return b.start == a.start && a.start < b.end && b.end < a.end; }},
}};

Result<void> expect_times(std::string_view name, Arguments args) {
  for (size_t i = 0; i < args.size(); ++i) {
    const auto& type = args[i].type;
    if (type.kind == TypeKind::kNull) continue;
    if (!type.is_datetime()) {
      return refuse("{} needs DATEs, TIMEs or TIMESTAMPs, not {}", name, type.text());
    }
    if (args[0].type.kind != TypeKind::kNull && type.kind != args[0].type.kind) {
      return refuse("{} needs times of one type, not {} and {}", name, args[0].type.text(),
                    type.text());
    }
  }
  return ok();
}

Registry::Scalar predicate(const Predicate& what) {
  return [what](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    const bool strict = what.name == "PERIOD_STRICTLY_CONTAINS";
    const size_t least = strict || what.name == "PERIOD_CONTAINS" ? 3 : 4;
    TRY_VOID(expect_count(what.name, args, least, 4));
    TRY_VOID(expect_times(what.name, args));
    BoundFunction out;
    out.type = simple_type(TypeKind::kBoolean);
    out.eval = [strict, holds = what.holds](std::span<const Value> values,
                                            EvalContext&) -> Result<Value> {
      const Period a{values[0].integer, values[1].integer};
      if (values.size() == 3) {
        const int64_t at = values[2].integer;
        const bool begun = strict ? a.start < at : a.start <= at;
        return Value::of_integer(begun && at < a.end ? 1 : 0);
      }
      return Value::of_integer(holds(a, {values[2].integer, values[3].integer}) ? 1 : 0);
    };
    return out;
  };
}

}  // namespace

void add_periods(Registry& to) {
  for (const auto& what : kPredicates) to.scalars[std::string(what.name)] = predicate(what);
}

}  // namespace suiro::sql
