// SPDX-License-Identifier: Apache-2.0
// MachineCache: the machines of one shard's executions, compiled once.
//
// Invariant: a machine's key is the hash of its record: equal machines are stored once.
// Thread: one shard's. Memory: kMachinesCachedMax machines.
#pragma once

#include <unordered_map>

#include "services/states/executions_parts.h"

namespace suiro::states {

class MachineCache {
 public:
  explicit MachineCache(store::Store& store) : store_(store) {}

  struct Started {
    MachinePtr machine;
    bool is_stored = false;  // false: its record belongs into the batch of the start
  };
  // The machine of a start. `machine.plan` may be null: it is compiled then. Errors: kCorrupt for a
  // definition that does not compile.
  Result<Started> of_start(MachineAtStart machine, std::string map_state, std::string list_arn);
  // From now on the record is on disk.
  void stored(const ArnHash& key);
  Task<Result<MachinePtr>> load(ArnHash key);
  // Without its plan, and not kept: of executions that are only told or taken away.
  Task<Result<MachinePtr>> load_record(ArnHash key);

 private:
  struct Entry {
    MachinePtr machine;
    bool is_stored = false;
  };
  void keep(Entry entry);

  store::Store& store_;
  std::unordered_map<ArnHash, Entry, ArnHasher> by_key_;
  // What tells starts apart without a look at the definition: its plan's address and the settings.
  // Holds the plan, so that no other plan gets its address.
  struct Name {
    ArnHash key;
    std::shared_ptr<const workflow::Plan> plan;
  };
  std::unordered_map<std::string, Name> by_start_;
};

}  // namespace suiro::states
