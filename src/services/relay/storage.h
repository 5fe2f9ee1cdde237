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
// When a relay first read its source: what came later is sent.
store::Key origin_key(std::string_view relay);
store::KeyRange checkpoints(std::string_view relay);

struct Origin {
  std::string source;
  TimePoint began;
};
Bytes encode(const Origin& origin);
Result<Origin> decode_origin(ByteView bytes);

Bytes encode(const Checkpoint& checkpoint);
Result<Checkpoint> decode_checkpoint(ByteView bytes);

}  // namespace suiro::relay
