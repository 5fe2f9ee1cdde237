// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/event_stream.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "protocol/aws/cbor.h"
#include "shapes/json.h"

namespace suiro::aws {
namespace {

constexpr size_t kPayloadBytesMax = 16 << 20;
constexpr size_t kValueBytesMax = 32 << 10;
constexpr size_t kFrameBytes = 16;  // prelude with its checksum, and the message's
constexpr char kStringType = 7;

void append_big_endian(Bytes& out, uint32_t number, size_t bytes) {
  for (size_t i = bytes; i-- > 0;) out += static_cast<char>(number >> (8 * i));
}

class EventBody final : public shapes::ByteSource {
 public:
  EventBody(shapes::Events events, EventFormat format, Bytes initial)
      : events_(std::move(events)), format_(std::move(format)), initial_(std::move(initial)) {}

  std::optional<uint64_t> length() const override { return {}; }

  Task<Result<Bytes>> read(size_t) override {
    if (ended_) co_return Bytes();
    if (!std::exchange(begun_, true)) co_return message("initial-response", initial_);
    auto event = co_await events_->next();
    if (!event) {
      ended_ = true;
      co_return exception(event.error());
    }
    if (!*event) {
      ended_ = true;
      co_return Bytes();
    }
    Bytes payload;
    if (format_.protocol == shapes::Protocol::kCbor)
      write_cbor(payload, *(*event)->shape, (*event)->value.get());
    else if (format_.protocol == shapes::Protocol::kTargetCbor)
      write_cbor(payload, *(*event)->shape, (*event)->value.get(), {}, CborTime::kMillis);
    else
      shapes::write_json(payload, *(*event)->shape, (*event)->value.get(), shapes::Dialect::kWire);
    co_return message((*event)->name, payload);
  }

 private:
  Bytes message(std::string_view type, ByteView payload) const {
    const EventHeader headers[] = {{":message-type", "event"},
                                   {":event-type", type},
                                   {":content-type", format_.document_type}};
    return event_message(headers, payload);
  }

  Bytes exception(const Error& error) const {
    Bytes payload;
    if (format_.protocol == shapes::Protocol::kCbor ||
        format_.protocol == shapes::Protocol::kTargetCbor) {
      append_cbor_map(payload, 1);
      append_cbor_text(payload, "message");
      append_cbor_text(payload, error.message);
    } else {
      payload = "{\"message\":";
      shapes::append_json_string(payload, error.message);
      payload += '}';
    }
    const EventHeader headers[] = {{":message-type", "exception"},
                                   {":exception-type", error.code},
                                   {":content-type", format_.document_type}};
    return event_message(headers, payload);
  }

  shapes::Events events_;
  EventFormat format_;
  Bytes initial_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

Bytes event_message(std::span<const EventHeader> headers, ByteView payload) {
  Bytes head;
  for (const auto& [name, value] : headers) {
    CHECK(name.size() < 256 && value.size() < kValueBytesMax, "a header that is too long");
    append_big_endian(head, static_cast<uint32_t>(name.size()), 1);
    head += name;
    head += kStringType;
    append_big_endian(head, static_cast<uint32_t>(value.size()), 2);
    head += value;
  }
  CHECK(payload.size() < kPayloadBytesMax, "an event that is too long");
  Bytes out;
  out.reserve(kFrameBytes + head.size() + payload.size());
  append_big_endian(out, static_cast<uint32_t>(kFrameBytes + head.size() + payload.size()), 4);
  append_big_endian(out, static_cast<uint32_t>(head.size()), 4);
  append_big_endian(out, crc32(0, out), 4);
  out += head;
  out += payload;
  append_big_endian(out, crc32(0, out), 4);
  return out;
}

shapes::Body event_stream(shapes::Events events, EventFormat format, Bytes initial) {
  return std::make_unique<EventBody>(std::move(events), std::move(format), std::move(initial));
}

}  // namespace suiro::aws
