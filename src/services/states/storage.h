// SPDX-License-Identifier: Apache-2.0
// Storage of state machines, versions, aliases and activities: keys and bytes. No rules.
// Executions have theirs in storage_execution.h. Key layout: docs/formats/states.md.
// Thread: any. Errors: those of the store, kCorrupt for bytes that are not ours.
#pragma once

#include "kernel/store/store.h"
#include "services/states/types.h"

namespace suiro::states {

namespace keys {
store::Key machine(std::string_view name);
store::Key definition(std::string_view machine, uint64_t revision);
store::Key version(std::string_view machine, uint64_t number);
store::Key alias(std::string_view machine, std::string_view name);
store::Key activity(std::string_view name);

store::KeyRange machines();
store::KeyRange definitions(std::string_view machine);
store::KeyRange versions(std::string_view machine);
store::KeyRange aliases(std::string_view machine);
store::KeyRange activities();
}  // namespace keys

Bytes encode(const Machine& machine);
Bytes encode(const Version& version);
Bytes encode(const Alias& alias);
Bytes encode(const Activity& activity);
Result<Machine> decode_state_machine(ByteView bytes);
Result<Version> decode_version(ByteView bytes);
Result<Alias> decode_alias(ByteView bytes);
Result<Activity> decode_activity(ByteView bytes);
Bytes encode_definition(std::string_view text);
Result<std::string> decode_definition(ByteView bytes);

// A stored thing and the version at which it was read.
template <class T>
struct Stored {
  T value;
  store::Version version;
};
template <class T>
using Read = Task<Result<std::optional<Stored<T>>>>;
Read<Machine> read_machine(store::Store& store, std::string name);
Read<Version> read_version(store::Store& store, std::string machine, uint64_t number);
Read<Alias> read_alias(store::Store& store, std::string machine, std::string name);
Read<Activity> read_activity(store::Store& store, std::string name);
// Errors: kNotFound: the revision went meanwhile.
Task<Result<std::string>> read_definition(store::Store& store, std::string machine,
                                          uint64_t revision);

}  // namespace suiro::states
