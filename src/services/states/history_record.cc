// SPDX-License-Identifier: Apache-2.0
#include "services/states/history_record.h"

#include <cstring>
#include <unordered_map>

#include "base/check.h"
#include "kernel/event/record.h"

namespace suiro::states {
namespace {

using event::RecordReader;
using workflow::EventType;
using workflow::HistoryEvent;

// Version 1 knew no kRepeated.
constexpr uint8_t kVersion = 2;
constexpr uint8_t kVersionFirst = 1;

// Fields of an event, each behind its tag; an event ends with kEnd.
enum class Tag : uint8_t {
  kEnd = 0,
  kName = 1,
  kInput = 2,
  kOutput = 3,
  kParameters = 4,
  kError = 5,
  kCause = 6,
  kResource = 7,
  kResourceType = 8,
  kRegion = 9,
  kTimeout = 10,
  kHeartbeat = 11,
  kCredentials = 12,
  kWorker = 13,
  kIndex = 14,
  kLength = 15,
  kRole = 16,
  kAlias = 17,
  kMachineVersion = 18,
  kMapRun = 19,
  kRedrives = 20,
  kLocation = 21,
  kVariables = 22,
  // With a tag of a payload:
  kRepeated = 0x40,  // the number of a text in this block follows, in the order of their places
  kHashed = 0x80,    // its hash follows
};

class Writer {
 public:
  explicit Writer(workflow::PayloadSink& sink) : sink_(sink) {}

  void number(uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_.push_back(static_cast<char>(value));
  }
  // Small numbers of either sign are short.
  void delta(int64_t value) {
    number((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void byte(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void text(Tag tag, std::string_view value) {
    byte(static_cast<uint8_t>(tag));
    number(value.size());
    out_.append(value);
  }
  void field(Tag tag, const std::string& value) {
    if (!value.empty()) text(tag, value);
  }
  void field(Tag tag, const std::optional<std::string>& value) {
    if (value) text(tag, *value);
  }
  void field(Tag tag, const std::optional<int64_t>& value) {
    if (!value) return;
    byte(static_cast<uint8_t>(tag));
    delta(*value);
  }
  void field(Tag tag, const std::optional<workflow::Payload>& value) {
    if (!value) return;
    if ((*value)->size() <= workflow::kPayloadInlineMax) return inline_text(tag, *value);
    // The output of one state is the input of the next: the same text, hashed once.
    auto [known, is_new] = hashes_.try_emplace(value->get());
    if (is_new) {
      known->second = workflow::payload_hash(**value);
      sink_.put(known->second, *value);
    }
    const workflow::PayloadHash& hash = known->second;
    byte(static_cast<uint8_t>(tag) | static_cast<uint8_t>(Tag::kHashed));
    out_.append(reinterpret_cast<const char*>(hash.data()), hash.size());
  }
  Bytes take() { return std::move(out_); }

 private:
  // For the same reason it stands in the block once.
  void inline_text(Tag tag, const workflow::Payload& value) {
    auto [known, is_new] = texts_.try_emplace(value.get(), texts_.size());
    if (is_new) return text(tag, *value);
    byte(static_cast<uint8_t>(tag) | static_cast<uint8_t>(Tag::kRepeated));
    number(known->second);
  }

  workflow::PayloadSink& sink_;
  std::unordered_map<const std::string*, uint64_t> texts_;
  std::unordered_map<const std::string*, workflow::PayloadHash> hashes_;
  Bytes out_;
};

// Wraps around, as the reader's sum does.
int64_t millis_between(TimePoint before, TimePoint time) {
  return static_cast<int64_t>(static_cast<uint64_t>(time.time_since_epoch().count()) -
                              static_cast<uint64_t>(before.time_since_epoch().count()));
}

void write_event(Writer& out, const HistoryEvent& event, TimePoint before) {
  out.byte(static_cast<uint8_t>(event.type));
  out.delta(static_cast<int64_t>(event.id - event.previous_id));
  out.delta(millis_between(before, event.time));
  out.field(Tag::kName, event.name);
  out.field(Tag::kInput, event.input);
  out.field(Tag::kOutput, event.output);
  out.field(Tag::kParameters, event.parameters);
  out.field(Tag::kError, event.error);
  out.field(Tag::kCause, event.cause);
  out.field(Tag::kResource, event.resource);
  out.field(Tag::kResourceType, event.resource_type);
  out.field(Tag::kRegion, event.region);
  out.field(Tag::kTimeout, event.timeout_seconds);
  out.field(Tag::kHeartbeat, event.heartbeat_seconds);
  out.field(Tag::kCredentials, event.credentials_role_arn);
  out.field(Tag::kWorker, event.worker_name);
  out.field(Tag::kIndex, event.index);
  out.field(Tag::kLength, event.length);
  out.field(Tag::kRole, event.role_arn);
  out.field(Tag::kAlias, event.machine_alias_arn);
  out.field(Tag::kMachineVersion, event.machine_version_arn);
  out.field(Tag::kMapRun, event.map_run_arn);
  out.field(Tag::kRedrives, event.redrive_count);
  out.field(Tag::kLocation, event.location);
  out.field(Tag::kVariables, event.assigned_variables);
  out.byte(static_cast<uint8_t>(Tag::kEnd));
}

uint64_t read_number(RecordReader& in) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint8_t byte = in.u8();
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  in.spoil();
  return 0;
}

int64_t read_delta(RecordReader& in) {
  uint64_t value = read_number(in);
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

std::string read_text(RecordReader& in) {
  return Bytes(in.raw(read_number(in)));
}

std::optional<workflow::PayloadHash>* hash_slot(StoredEvent& stored, Tag tag) {
  switch (tag) {
    case Tag::kInput:
      return &stored.input;
    case Tag::kOutput:
      return &stored.output;
    case Tag::kParameters:
      return &stored.parameters;
    case Tag::kVariables:
      return &stored.assigned_variables;
    default:
      return nullptr;
  }
}

std::optional<workflow::Payload>* payload_slot(HistoryEvent& event, Tag tag) {
  switch (tag) {
    case Tag::kInput:
      return &event.input;
    case Tag::kOutput:
      return &event.output;
    case Tag::kParameters:
      return &event.parameters;
    case Tag::kVariables:
      return &event.assigned_variables;
    default:
      return nullptr;
  }
}

std::string* text_slot(HistoryEvent& event, Tag tag) {
  switch (tag) {
    case Tag::kName:
      return &event.name;
    case Tag::kResource:
      return &event.resource;
    case Tag::kResourceType:
      return &event.resource_type;
    case Tag::kRegion:
      return &event.region;
    case Tag::kWorker:
      return &event.worker_name;
    case Tag::kRole:
      return &event.role_arn;
    case Tag::kAlias:
      return &event.machine_alias_arn;
    case Tag::kMachineVersion:
      return &event.machine_version_arn;
    case Tag::kMapRun:
      return &event.map_run_arn;
    case Tag::kLocation:
      return &event.location;
    case Tag::kError:
      return &event.error.emplace();
    case Tag::kCause:
      return &event.cause.emplace();
    case Tag::kCredentials:
      return &event.credentials_role_arn.emplace();
    default:
      return nullptr;
  }
}

std::optional<int64_t>* number_slot(HistoryEvent& event, Tag tag) {
  switch (tag) {
    case Tag::kTimeout:
      return &event.timeout_seconds;
    case Tag::kHeartbeat:
      return &event.heartbeat_seconds;
    case Tag::kIndex:
      return &event.index;
    case Tag::kLength:
      return &event.length;
    case Tag::kRedrives:
      return &event.redrive_count;
    default:
      return nullptr;
  }
}

// Reads the fields of a block's events.
class FieldReader {
 public:
  FieldReader(RecordReader& in, uint8_t version) : in_(in), version_(version) {}

  // False at the end of the event, or where the bytes are broken.
  bool read(StoredEvent& stored) {
    const uint8_t byte = in_.u8();
    if (byte == 0) return false;
    if (has(byte, Tag::kHashed)) return read_hash(stored, static_cast<Tag>(byte & 0x7F));
    if (version_ > kVersionFirst && has(byte, Tag::kRepeated)) {
      return read_repeated(stored.event, static_cast<Tag>(byte & 0x3F));
    }
    const auto tag = static_cast<Tag>(byte);
    if (auto* slot = payload_slot(stored.event, tag)) {
      *slot = std::make_shared<const std::string>(read_text(in_));
      texts_.push_back(**slot);
    } else if (auto* text = text_slot(stored.event, tag)) {
      *text = read_text(in_);
    } else if (auto* number = number_slot(stored.event, tag)) {
      *number = read_delta(in_);
    } else {
      in_.spoil();
    }
    return !in_.broken();
  }

 private:
  static bool has(uint8_t byte, Tag flag) { return (byte & static_cast<uint8_t>(flag)) != 0; }
  bool spoil() {
    in_.spoil();
    return false;
  }
  bool read_hash(StoredEvent& stored, Tag tag) {
    auto* slot = hash_slot(stored, tag);
    ByteView raw = in_.raw(sizeof(workflow::PayloadHash));
    if (slot == nullptr || raw.size() != sizeof(workflow::PayloadHash)) return spoil();
    memcpy(slot->emplace().data(), raw.data(), raw.size());
    return true;
  }
  bool read_repeated(HistoryEvent& event, Tag tag) {
    auto* slot = payload_slot(event, tag);
    const uint64_t number = read_number(in_);
    if (slot == nullptr || number >= texts_.size()) return spoil();
    *slot = texts_[number];
    return true;
  }

  RecordReader& in_;
  uint8_t version_;
  std::vector<workflow::Payload> texts_;
};

}  // namespace

Bytes encode_history(const std::vector<HistoryEvent>& events, workflow::PayloadSink& sink) {
  Writer out(sink);
  out.byte(kVersion);
  out.number(events.size());
  TimePoint before{};
  for (const HistoryEvent& event : events) {
    write_event(out, event, before);
    before = event.time;
  }
  return out.take();
}

Result<std::vector<StoredEvent>> decode_history(uint64_t first_id, ByteView bytes) {
  RecordReader in(bytes);
  FieldReader fields(in, in.version_of(kVersionFirst, kVersion));
  uint64_t count = read_number(in);
  constexpr size_t kEventBytesMin = 4;
  if (count > bytes.size() / kEventBytesMin) in.spoil();
  std::vector<StoredEvent> events;
  TimePoint time{};
  for (uint64_t i = 0; i < count && !in.broken(); ++i) {
    StoredEvent& stored = events.emplace_back();
    stored.event.id = first_id + i;
    uint8_t type = in.u8();
    if (type > static_cast<uint8_t>(EventType::kWaitStateExited)) in.spoil();
    stored.event.type = static_cast<EventType>(type);
    stored.event.previous_id = stored.event.id - static_cast<uint64_t>(read_delta(in));
    time = TimePoint(
        Millis(static_cast<int64_t>(static_cast<uint64_t>(time.time_since_epoch().count()) +
                                    static_cast<uint64_t>(read_delta(in)))));
    stored.event.time = time;
    while (fields.read(stored)) {
    }
  }
  TRY_VOID(in.end("block of history"));
  return events;
}

}  // namespace suiro::states
