// SPDX-License-Identifier: Apache-2.0
// Records of the event log and keys of timers, as they come from the disk: what is read must be
// written as the same bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "kernel/event/event_log.h"
#include "kernel/event/timer_hand.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro::event;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // Attributes are a map: their order and repetitions are not kept.
  if (auto event = decode_event(input)) {
    auto again = decode_event(encode_event(*event));
    CHECK(again && encode_event(*again) == encode_event(*event), "an event that was read changed");
  }
  auto timer = parse_timer_key(input);
  if (timer && timer->due.time_since_epoch().count() >= 0 && timer->kind.size() <= 64) {
    CHECK(timer_key(*timer).substr(2) == input.substr(2), "a timer's key that was read changed");
  }
  return 0;
}
