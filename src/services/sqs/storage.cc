// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/storage.h"

#include "kernel/event/record_parts.h"

namespace suiro::sqs::storage {
namespace {

constexpr char kVersion = 1;
constexpr size_t kIdBytes = 16;
enum Flag : uint8_t { kVisibleAt = 1, kSentAt = 2, kReceived = 4, kGroup = 8 };

void put_text(Bytes& out, ByteView text) {
  append_be32(out, static_cast<uint32_t>(text.size()));
  out += text;
}

void put_time(Bytes& out, TimePoint time) {
  append_be64(out, static_cast<uint64_t>(time.time_since_epoch().count()));
}

void put_map(Bytes& out, const std::map<std::string, std::string>& map) {
  append_be32(out, static_cast<uint32_t>(map.size()));
  for (const auto& [name, value] : map) {
    put_text(out, name);
    put_text(out, value);
  }
}

class Reader : public event::RecordReader {
 public:
  explicit Reader(ByteView bytes) : RecordReader(bytes) { version(kVersion); }
};

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(codes::kCorrupt, fmt::format("the stored {} of a queue is not readable", what));
}

store::Key key_of(char kind, QueueId queue, ByteView rest) {
  store::Key key{'q', kind};
  append_be64(key, queue.value());
  key += rest;
  return key;
}

store::Key numbered(char kind, QueueId queue, uint64_t number) {
  store::Key key{'q', kind};
  append_be64(key, queue.value());
  append_be64(key, number);
  return key;
}

}  // namespace

store::Key queue_key(std::string_view name) {
  return store::Key("qq").append(name);
}
store::Key tombstone_key(std::string_view name) {
  return store::Key("qx").append(name);
}
store::Key state_key(QueueId queue, Sequence sequence) {
  return numbered('s', queue, sequence.value());
}
store::Key body_key(QueueId queue, Sequence sequence) {
  return numbered('b', queue, sequence.value());
}
store::Key dedup_key(QueueId queue, ByteView hash) {
  return key_of('d', queue, hash);
}
store::Key task_key(QueueId queue, uint64_t task) {
  return numbered('m', queue, task);
}

store::KeyRange queues() {
  return store::KeyRange::prefix("qq");
}
store::KeyRange tombstones() {
  return store::KeyRange::prefix("qx");
}
store::KeyRange states(QueueId queue) {
  return store::KeyRange::prefix(key_of('s', queue, {}));
}
store::KeyRange dedups(QueueId queue) {
  return store::KeyRange::prefix(key_of('d', queue, {}));
}
store::KeyRange tasks(QueueId queue) {
  return store::KeyRange::prefix(key_of('m', queue, {}));
}
store::KeyRange bodies_from(QueueId queue, Sequence first) {
  store::KeyRange range = store::KeyRange::prefix(key_of('b', queue, {}));
  range.begin = body_key(queue, first);
  return range;
}

std::string name_of(ByteView key) {
  return std::string(key.substr(2));
}
Sequence sequence_of(ByteView key) {
  return Sequence(read_be64(key.substr(10)));
}
Bytes hash_of(ByteView key) {
  return Bytes(key.substr(10));
}

Bytes encode(const QueueRecord& record) {
  Bytes out(1, kVersion);
  append_be64(out, record.id.value());
  put_time(out, record.created_at);
  put_time(out, record.modified_at);
  put_map(out, record.attributes);
  put_map(out, record.tags);
  return out;
}

Result<QueueRecord> decode_queue(ByteView value) {
  Reader in(value);
  QueueRecord record;
  record.id = QueueId(in.u64());
  record.created_at = in.time();
  record.modified_at = in.time();
  record.attributes = event::read_map(in);
  record.tags = event::read_map(in);
  if (!in.complete()) return corrupt("record");
  return record;
}

Bytes encode(const MessageState& state) {
  uint8_t flags = 0;
  if (state.visible_at != TimePoint{}) flags |= kVisibleAt;
  if (state.sent_at) flags |= kSentAt;
  if (state.receives > 0) flags |= kReceived;
  if (!state.group_id.empty()) flags |= kGroup;
  Bytes out{kVersion, static_cast<char>(flags)};
  if (flags & kVisibleAt) put_time(out, state.visible_at);
  if (flags & kSentAt) put_time(out, *state.sent_at);
  if (flags & kReceived) {
    append_be32(out, state.receives);
    put_time(out, state.first_received_at);
    append_be32(out, state.nonce);
  }
  out += state.group_id;
  return out;
}

Result<MessageState> decode_state(ByteView value) {
  Reader in(value);
  uint8_t flags = in.u8();
  MessageState state;
  if (flags & kVisibleAt) state.visible_at = in.time();
  if (flags & kSentAt) state.sent_at = in.time();
  if (flags & kReceived) {
    state.receives = in.u32();
    state.first_received_at = in.time();
    state.nonce = in.u32();
  }
  if (flags & kGroup) state.group_id = in.rest();
  // A flag without its field's meaning (zero receives) is not ours either.
  if (!in.complete() || encode(state) != value) return corrupt("message state");
  return state;
}

Bytes encode(const Message& message) {
  Bytes out(1, kVersion);
  out.reserve(160 + message.body.size() + message.group_id.size());
  out += message.id;
  put_time(out, message.sent_at);
  out += message.body_md5;
  put_text(out, message.attributes_md5);
  put_text(out, message.sender_id);
  put_text(out, message.group_id);
  put_text(out, message.deduplication_id);
  put_text(out, message.trace_header);
  put_text(out, message.dead_letter_source_arn);
  append_be32(out, message.receives_before);
  put_time(out, message.first_received_before);
  append_be32(out, static_cast<uint32_t>(message.attributes.size()));
  for (const auto& [name, attribute] : message.attributes) {
    put_text(out, name);
    put_text(out, attribute.type);
    put_text(out, attribute.value);
  }
  put_text(out, message.body);
  return out;
}

Result<Message> decode_message(ByteView value) {
  Reader in(value);
  Message message;
  message.id = in.raw(kIdBytes);
  message.sent_at = in.time();
  message.body_md5 = in.raw(kIdBytes);
  message.attributes_md5 = in.text();
  message.sender_id = in.text();
  message.group_id = in.text();
  message.deduplication_id = in.text();
  message.trace_header = in.text();
  message.dead_letter_source_arn = in.text();
  message.receives_before = in.u32();
  message.first_received_before = in.time();
  for (uint32_t left = in.count(12); left > 0; --left) {
    std::string name = in.text();
    MessageAttribute& attribute = message.attributes[std::move(name)];
    attribute.type = in.text();
    attribute.value = in.text();
  }
  message.body = in.text();
  if (!in.complete()) return corrupt("message");
  return message;
}

Bytes encode(const DedupRecord& record) {
  Bytes out(1, kVersion);
  append_be64(out, record.sequence.value());
  out += record.message_id;
  return out;
}

Result<DedupRecord> decode_dedup(ByteView value) {
  Reader in(value);
  DedupRecord record;
  record.sequence = Sequence(in.u64());
  record.message_id = in.raw(kIdBytes);
  if (!in.complete()) return corrupt("deduplication entry");
  return record;
}

Bytes encode(const MoveTaskRecord& record) {
  Bytes out{kVersion, static_cast<char>(record.status)};
  put_text(out, record.destination_arn);
  put_text(out, record.failure);
  append_be32(out, record.per_second_max);
  append_be64(out, record.moved);
  append_be64(out, record.to_move);
  return out;
}

Result<MoveTaskRecord> decode_task(ByteView value) {
  Reader in(value);
  MoveTaskRecord record;
  uint8_t status = in.u8();
  record.status = static_cast<MoveTaskRecord::Status>(status);
  record.destination_arn = in.text();
  record.failure = in.text();
  record.per_second_max = in.u32();
  record.moved = in.u64();
  record.to_move = in.u64();
  if (!in.complete() || status > static_cast<uint8_t>(MoveTaskRecord::Status::kFailed)) {
    return corrupt("move task");
  }
  return record;
}

Bytes encode_time(TimePoint time) {
  Bytes out(1, kVersion);
  put_time(out, time);
  return out;
}

Result<TimePoint> decode_time(ByteView value) {
  Reader in(value);
  TimePoint time = in.time();
  if (!in.complete()) return corrupt("tombstone");
  return time;
}

void put_message(store::Batch& batch, QueueId queue, Sequence sequence, const MessageState& state,
                 Bytes encoded_message) {
  batch.put(state_key(queue, sequence), encode(state));
  batch.put(body_key(queue, sequence), std::move(encoded_message));
}

void erase_message(store::Batch& batch, QueueId queue, Sequence sequence) {
  batch.erase(state_key(queue, sequence));
  batch.erase(body_key(queue, sequence));
}

void erase_messages_below(store::Batch& batch, QueueId queue, Sequence end) {
  batch.erase_range({state_key(queue, Sequence(0)), state_key(queue, end)});
  batch.erase_range({body_key(queue, Sequence(0)), body_key(queue, end)});
}

void erase_contents(store::Batch& batch, QueueId queue) {
  for (char kind : {'s', 'b', 'd', 'm'}) {
    batch.erase_range(store::KeyRange::prefix(key_of(kind, queue, {})));
  }
}

}  // namespace suiro::sqs::storage
