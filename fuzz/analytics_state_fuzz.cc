// SPDX-License-Identifier: Apache-2.0
// Stored values of SQL applications and answers of functions: what is not ours is refused, what is
// read is written as it was. The first byte chooses.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "services/analytics/discover.h"
#include "services/analytics/records.h"
#include "services/analytics/run_state.h"

namespace {

using namespace suiro;
using namespace suiro::analytics;

// JSON has many forms of one record: what is written of it is stable.
template <class T>
void stable(std::string_view bytes) {
  auto first = decode<T>(bytes);
  if (!first) return;
  Bytes written = encode(*first);
  auto second = decode<T>(written);
  CHECK(second && encode(*second) == written, "read otherwise than written");
}

void log_of_steps(std::string_view bytes) {
  auto steps = decode_steps(bytes);
  if (!steps) return;
  LogWriter again;
  for (const Step& step : *steps) again.add(step);
  CHECK(again.entry() == bytes, "written otherwise than read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      stable<Application>(text);
      break;
    case 1:
      stable<VersionRecord>(text);
      break;
    case 2:
      stable<Operation>(text);
      break;
    case 3:
      // Earlier versions are written as this one, and what nobody reads any more as zeros: what is
      // written stays the same.
      if (auto run = decode_run(text)) {
        Bytes written = encode(*run);
        auto again = decode_run(written);
        CHECK(again && encode(*again) == written, "written otherwise than read");
      }
      break;
    case 4:
      log_of_steps(text);
      break;
    case 5:
      if (auto delivered = decode_delivered(text)) {
        CHECK(encode(*delivered) == text, "written otherwise than read");
      }
      break;
    default:
      (void)discover({Bytes(text)});
      break;
  }
  return 0;
}
