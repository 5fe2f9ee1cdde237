// SPDX-License-Identifier: Apache-2.0
// Key layout and values of the tasks service: the one place that knows how they lie in the store.
//
// Invariants:
//  1. A task is under live_key or under stopped_key, never under both.
//  2. decode(encode(x)) == x; a value of another version or with bytes left over is kCorrupt.
// Thread: pure functions. Bytes on disk: docs/formats/ecs.md.
#pragma once

#include "kernel/store/store.h"
#include "services/ecs/types.h"

namespace suiro::ecs::storage {

store::Key cluster_key(std::string_view name);
store::Key family_key(std::string_view family);  // its last revision
store::Key definition_key(std::string_view family, uint32_t revision);
store::Key live_key(std::string_view task_id);
store::Key stopped_key(std::string_view task_id);
store::Key expiry_key(TimePoint stopped, std::string_view task_id);
store::Key output_key(std::string_view task_id, std::string_view container);
store::Key token_key(std::string_view cluster, std::string_view token);
store::Key token_expiry_key(TimePoint made, std::string_view cluster, std::string_view token);
store::Key service_key(std::string_view cluster, std::string_view name);
store::Key setting_key(std::string_view principal, std::string_view name);

store::KeyRange clusters();
store::KeyRange families(std::string_view prefix);
store::KeyRange definitions();
store::KeyRange definitions(std::string_view family);
store::KeyRange live_tasks();
store::KeyRange stopped_tasks();
store::KeyRange expired(TimePoint before);
store::KeyRange outputs(std::string_view task_id);
store::KeyRange expired_tokens(TimePoint before);
store::KeyRange services();
store::KeyRange settings();

std::string name_of(ByteView key);  // of clusters, families, live and stopped tasks
struct DefinitionName {
  std::string family;
  uint32_t revision = 0;
};
// Errors: kCorrupt.
Result<DefinitionName> definition_of(ByteView key);
Result<std::string> expired_task_of(ByteView key);
// The token that an expiry key names. Errors: kCorrupt.
struct ExpiredToken {
  store::Key key;
  TimePoint made;
};
Result<ExpiredToken> expired_token_of(ByteView key);
struct SettingName {
  std::string principal;  // empty: the account's default
  std::string name;
};
SettingName setting_of(ByteView key);

Bytes encode(const ClusterRecord& record);
Bytes encode(const Definition& record);
Bytes encode(const TaskRecord& record);
Bytes encode(const ServiceRecord& record);
Bytes encode(const OutputPosition& record);
Bytes encode(const TokenRecord& record);
Bytes encode_revision(uint32_t revision);
Bytes encode_setting(std::string_view value);

// Errors: kCorrupt.
Result<ClusterRecord> decode_cluster(ByteView value);
Result<Definition> decode_definition(ByteView value);
Result<TaskRecord> decode_task(ByteView value);
Result<ServiceRecord> decode_service(ByteView value);
Result<OutputPosition> decode_output(ByteView value);
Result<TokenRecord> decode_token(ByteView value);
Result<uint32_t> decode_revision(ByteView value);
Result<std::string> decode_setting(ByteView value);

}  // namespace suiro::ecs::storage
