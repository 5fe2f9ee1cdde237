// SPDX-License-Identifier: Apache-2.0
#include "server/timeline_page.h"

#include <fmt/format.h>

#include "base/check.h"
#include "shapes/json.h"

namespace suiro::server {
namespace {

constexpr std::string_view kPlace = "@RUNS@";

int64_t millis_of(TimePoint time) {
  return time.time_since_epoch().count();
}

}  // namespace

std::string make_timeline_page(const std::vector<shapes::suiro::Run>& runs,
                               const TimelinePicture& picture) {
  std::string data = fmt::format(R"({{"since":{},"until":{},"now":{},"late":{},"runs":[)",
                                 millis_of(picture.since), millis_of(picture.until),
                                 millis_of(picture.now), picture.late.count());
  for (size_t i = 0; i < runs.size(); ++i) {
    if (i > 0) data += ',';
    data += shapes::to_json(runs[i]);
  }
  data += "]}";
  std::string page(timeline_page_template());
  size_t at = page.find(kPlace);
  CHECK(at != page.npos);
  std::string safe;
  safe.reserve(data.size());
  // A text may hold "</script>".
  for (char c : data) c == '<' ? safe.append("\\u003c") : safe.append(1, c);
  return page.replace(at, kPlace.size(), safe);
}

}  // namespace suiro::server
