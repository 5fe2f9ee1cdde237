// SPDX-License-Identifier: Apache-2.0
#include "services/relay/storage.h"

#include "kernel/event/record.h"

namespace suiro::relay {
namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

store::Key checkpoint_key(std::string_view relay, std::string_view shard) {
  store::Key key{'r', 1, 'p'};
  key += relay;
  key += '\0';
  key += shard;
  return key;
}

Bytes encode(const Checkpoint& checkpoint) {
  event::RecordWriter out(kVersion);
  out.text(checkpoint.source);
  out.u64(checkpoint.position.offset);
  out.u8(checkpoint.position.ended ? 1 : 0);
  return out.take();
}

Result<Checkpoint> decode_checkpoint(ByteView bytes) {
  event::RecordReader in(bytes);
  in.version(kVersion);
  Checkpoint checkpoint;
  checkpoint.source = in.text();
  checkpoint.position.offset = in.u64();
  checkpoint.position.ended = in.u8() != 0;
  TRY_VOID(in.end("checkpoint of a relay"));
  return checkpoint;
}

}  // namespace suiro::relay
