// SPDX-License-Identifier: Apache-2.0
// Records of schedules and groups, timers, and tags as policies.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "services/scheduler/policy.h"
#include "services/scheduler/storage.h"
#include "services/scheduler/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro;
  using namespace suiro::scheduler;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (auto record = decode_record(input)) {
    CHECK(encode(*record).size() == input.size(), "a record is written as it was read");
  }
  if (auto group = decode_group(input)) {
    (void)check_tags(group->tags);
    (void)policy_of(group->tags, group->name, {});
  }
  (void)decode_run_timer(input);
  (void)universal_name(input);
  const size_t end = std::min(input.find('='), input.size());
  Policy policy;
  if (policy.set(input.substr(0, end), input.substr(std::min(end + 1, input.size())))) {
    CHECK(policy.jitter <= kJitterMax && policy.max_delay <= kMaxDelayMax, "within its bounds");
  }
  return 0;
}
