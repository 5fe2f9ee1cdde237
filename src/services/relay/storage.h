// SPDX-License-Identifier: Apache-2.0
// Storage: the checkpoints of relays. Bytes: docs/formats/relay.md. Thread: any.
// Errors: kCorrupt.
#pragma once

#include "kernel/event/stream_follower.h"

namespace suiro::relay {

// The checkpoint of one shard of one relay's source.
store::Key checkpoint_key(std::string_view relay, std::string_view shard);

struct Checkpoint {
  std::string source;  // the ARN: another source under the same name begins anew
  event::FollowPosition position;
};
Bytes encode(const Checkpoint& checkpoint);
Result<Checkpoint> decode_checkpoint(ByteView bytes);

}  // namespace suiro::relay
