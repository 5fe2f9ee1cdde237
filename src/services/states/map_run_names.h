// SPDX-License-Identifier: Apache-2.0
// Names of map runs and of their children: made from what does not change, so that a run that a
// crash interrupted finds its own again.
//
//   run    arn:aws:states:REGION:ACCOUNT:mapRun:NAME/LABEL:UUID
//   child  arn:aws:states:REGION:ACCOUNT:execution:NAME/LABEL:CHILD     (Standard)
//          arn:aws:states:REGION:ACCOUNT:express:NAME/LABEL:UUID:CHILD  (Express)
//
// CHILD is a UUID whose second half holds the child's index, mixed with the run's: the index is
// read from the name again. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "engine/workflow/plan.h"

namespace suiro::states {

inline constexpr size_t kUuidBytes = 16;

// "01234567-89ab-..." of 16 bytes, and back.
std::string uuid_text(ByteView bytes);
std::optional<Bytes> uuid_bytes(std::string_view text);

// Of 64 hex digits (MapRunCall::key).
Bytes map_run_uuid(std::string_view key);
// The definition's Label, or a UUID that stays the same for this revision of the machine.
std::string map_label(const workflow::State& state, std::string_view machine_arn,
                      std::string_view revision_id);
// `machine_arn`: of the machine of the Map.
std::string map_run_arn(std::string_view machine_arn, std::string_view label, ByteView run);
// The run's UUID in its ARN; nullopt where this is none.
std::optional<Bytes> run_of_arn(std::string_view map_run_arn);
std::string child_name(ByteView run, uint64_t index);
std::optional<uint64_t> child_index(ByteView run, std::string_view name);
std::string child_arn(std::string_view map_run_arn, workflow::MachineType type,
                      std::string_view name);

}  // namespace suiro::states
