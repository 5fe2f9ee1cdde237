// SPDX-License-Identifier: Apache-2.0
// Storage: keys and bytes of groups and schedules. No rules. Key layout: docs/formats/scheduler.md.
// Thread: any. Errors: those of the store, kCorrupt for bytes that are not ours.
#pragma once

#include "kernel/store/store.h"
#include "services/scheduler/types.h"

namespace suiro::scheduler {

namespace keys {
store::Key group(std::string_view name);
store::KeyRange groups();
store::Key schedule(std::string_view group, std::string_view name);
// Of one group, or of all where `group` is empty.
store::KeyRange schedules(std::string_view group);
}  // namespace keys

Bytes encode(const Group& group);
Bytes encode(const Record& record);
Result<Group> decode_group(ByteView bytes);
Result<Record> decode_record(ByteView bytes);

// What a run's timer carries.
struct RunTimer {
  uint32_t revision = 0;
  TimePoint nominal = {};
};
Bytes encode(const RunTimer& timer);
Result<RunTimer> decode_run_timer(ByteView bytes);

// A stored thing and the version at which it was read.
template <class T>
struct Stored {
  T value;
  store::Version version;
};
Task<Result<std::optional<Stored<Group>>>> read_group(store::Store& store, std::string name);
Task<Result<std::optional<Stored<Record>>>> read_record(store::Store& store, std::string group,
                                                        std::string name);

}  // namespace suiro::scheduler
