// SPDX-License-Identifier: Apache-2.0
#include "services/relay/storage.h"

#include "kernel/event/record.h"

namespace suiro::relay {
namespace {

constexpr uint8_t kCheckpointVersion = 2;  // 1: without the generation
constexpr uint8_t kOriginVersion = 1;

store::Key of_relay(char name, std::string_view relay) {
  return store::Key{'r', 1, name}.append(relay);
}

}  // namespace

store::Key checkpoint_key(std::string_view relay, std::string_view shard) {
  return of_relay('p', relay).append(1, '\0').append(shard);
}

store::KeyRange checkpoints(std::string_view relay) {
  return store::KeyRange::prefix(checkpoint_key(relay, ""));
}

store::Key origin_key(std::string_view relay) {
  return of_relay('o', relay);
}

Bytes encode(const Checkpoint& checkpoint) {
  event::RecordWriter out(kCheckpointVersion);
  out.text(checkpoint.source);
  out.u64(checkpoint.position.offset);
  out.u8(checkpoint.position.ended ? 1 : 0);
  out.u64(checkpoint.position.generation.value());
  return out.take();
}

Result<Checkpoint> decode_checkpoint(ByteView bytes) {
  event::RecordReader in(bytes);
  uint8_t version = in.version_of(1, kCheckpointVersion);
  Checkpoint checkpoint;
  checkpoint.source = in.text();
  checkpoint.position.offset = in.u64();
  checkpoint.position.ended = in.u8() != 0;
  if (version > 1) checkpoint.position.generation = event::StreamGeneration(in.u64());
  TRY_VOID(in.end("checkpoint of a relay"));
  return checkpoint;
}

Bytes encode(const Origin& origin) {
  event::RecordWriter out(kOriginVersion);
  out.text(origin.source);
  out.time(origin.began);
  return out.take();
}

Result<Origin> decode_origin(ByteView bytes) {
  event::RecordReader in(bytes);
  in.version(kOriginVersion);
  Origin origin;
  origin.source = in.text();
  origin.began = in.time();
  TRY_VOID(in.end("origin of a relay"));
  return origin;
}

}  // namespace suiro::relay
