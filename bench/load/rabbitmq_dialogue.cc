// SPDX-License-Identifier: Apache-2.0
// AMQP 0-9-1 (www.amqp.org, "AMQP 0-9-1 specification") as far as the cycle needs it.
#include <fmt/format.h>

#include <set>

#include "base/bytes.h"
#include "bench/load/dialogues.h"

namespace suiro::bench {
namespace {

// Frame types and (class, method) numbers of the specification.
constexpr char kMethodFrame = 1, kHeaderFrame = 2, kBodyFrame = 3;
constexpr uint8_t kFrameEnd = 0xCE;
constexpr uint32_t kFrameBytesMax = 131072;

constexpr uint32_t method(uint16_t group, uint16_t number) {
  return static_cast<uint32_t>(group) << 16 | number;
}
constexpr uint32_t kStart = method(10, 10), kStartOk = method(10, 11), kTune = method(10, 30),
                   kTuneOk = method(10, 31), kOpen = method(10, 40), kOpenOk = method(10, 41),
                   kChannelOpen = method(20, 10), kChannelOpenOk = method(20, 11),
                   kDeclare = method(50, 10), kDeclareOk = method(50, 11),
                   kConfirm = method(85, 10), kConfirmOk = method(85, 11),
                   kPublish = method(60, 40), kGet = method(60, 70), kGetOk = method(60, 71),
                   kGetEmpty = method(60, 72), kAck = method(60, 80), kNack = method(60, 120);

std::string short_text(std::string_view text) {
  return std::string(1, static_cast<char>(text.size())) + std::string(text);
}
std::string long_text(std::string_view text) {
  std::string out;
  append_be32(out, static_cast<uint32_t>(text.size()));
  return out += text;
}

std::string frame(char type, uint16_t channel, std::string_view payload) {
  std::string out(1, type);
  append_be16(out, channel);
  append_be32(out, static_cast<uint32_t>(payload.size()));
  out += payload;
  out.push_back(static_cast<char>(kFrameEnd));
  return out;
}

std::string method_frame(uint16_t channel, uint32_t id, std::string_view arguments) {
  std::string payload;
  append_be32(payload, id);
  payload += arguments;
  return frame(kMethodFrame, channel, payload);
}

std::string be16(uint16_t value) {
  std::string out;
  append_be16(out, value);
  return out;
}

std::string start_ok() {
  using namespace std::string_literals;
  return method_frame(
      0, kStartOk,
      "\0\0\0\0"s + short_text("PLAIN") + long_text("\0guest\0guest"s) + short_text("en_US"));
}

std::string tune_ok_and_open() {
  std::string tune = be16(2047);
  append_be32(tune, kFrameBytesMax);
  tune += be16(0);  // no heartbeats
  return method_frame(0, kTuneOk, tune) +
         method_frame(0, kOpen, short_text("/") + short_text("") + '\0');
}

std::string declare(std::string_view queue) {
  constexpr char kDurable = 2;
  std::string arguments = short_text("x-queue-type") + 'S' + long_text("quorum");
  return method_frame(1, kDeclare, be16(0) + short_text(queue) + kDurable + long_text(arguments));
}

std::string publish(std::string_view queue, std::string_view body) {
  std::string header = be16(60) + be16(0);
  append_be64(header, body.size());
  header += be16(0x1000);  // delivery mode follows
  header.push_back(2);     // persistent
  return method_frame(1, kPublish, be16(0) + short_text("") + short_text(queue) + '\0') +
         frame(kHeaderFrame, 1, header) + frame(kBodyFrame, 1, body);
}

class RabbitmqDialogue final : public Dialogue {
 public:
  explicit RabbitmqDialogue(const QueueLoad& load)
      : queue_(load.queue),
        only_send_(load.send_only),
        publish_(publish(load.queue, std::string(load.body_bytes, 'x'))),
        get_(method_frame(1, kGet, be16(0) + short_text(load.queue) + '\0')) {}

  void begin(std::string& out) override { out.append("AMQP\0\0\x09\x01", 8); }

  Step reply(std::string& in, std::string& out) override {
    constexpr size_t kHeadBytes = 7;
    if (in.size() < kHeadBytes) return Step::kIncomplete;
    size_t size = read_be32(std::string_view(in).substr(3)) + kHeadBytes + 1;
    if (in.size() < size) return Step::kIncomplete;
    Step step = Step::kContinue;
    std::string payload = in.substr(kHeadBytes, size - kHeadBytes - 1);
    if (in[0] == kMethodFrame) step = on_method(payload, out);
    if (in[0] == kBodyFrame) {  // the message is complete: acknowledge it, and begin again
      std::string tag;
      append_be64(tag, delivery_tag_);
      out += method_frame(1, kAck, tag + '\0');
      send(1, out);
      step = Step::kCycle;
    }
    in.erase(0, size);
    return step;
  }

 private:
  Step on_method(std::string_view payload, std::string& out) {
    switch (read_be32(payload)) {
      case kStart:
        out += start_ok();
        break;
      case kTune:
        out += tune_ok_and_open();
        break;
      case kOpenOk:
        out += method_frame(1, kChannelOpen, short_text(""));
        break;
      case kChannelOpenOk:
        out += declare(queue_);
        break;
      case kDeclareOk:
        out += method_frame(1, kConfirm, std::string(1, '\0'));
        break;
      case kConfirmOk:
        send(only_send_ ? kPipelined : 1, out);
        break;
      case kAck:
        if (confirmed(payload); only_send_) return next_batch(out);
        out += get_;
        break;
      case kGetEmpty:
        out += get_;
        break;
      case kNack:  // the queue has no leader yet: again
        send(confirmed(payload), out);
        break;
      case kGetOk:
        delivery_tag_ = read_be64(payload.substr(4));
        break;
      default:
        error_ = fmt::format("method {:#x}: {}", read_be32(payload), payload.substr(4));
        return Step::kFailed;
    }
    return Step::kContinue;
  }

  void send(size_t count, std::string& out) {
    for (size_t i = 0; i < count; ++i) {
      out += publish_;
      unconfirmed_.insert(++published_);
    }
  }
  // How many messages a confirm or a refusal is about: that of its tag, or all up to it.
  size_t confirmed(std::string_view payload) {
    const uint64_t tag = read_be64(payload.substr(4));
    const bool all = payload.size() > 12 && (payload[12] & 1) != 0;
    const size_t before = unconfirmed_.size();
    const auto end = unconfirmed_.upper_bound(tag);
    unconfirmed_.erase(all ? unconfirmed_.begin() : unconfirmed_.lower_bound(tag), end);
    return before - unconfirmed_.size();
  }
  Step next_batch(std::string& out) {
    if (!unconfirmed_.empty()) return Step::kContinue;
    send(kPipelined, out);
    return Step::kCycle;
  }

  std::string queue_;
  bool only_send_;
  std::string publish_, get_;
  uint64_t delivery_tag_ = 0;
  uint64_t published_ = 0;
  std::set<uint64_t> unconfirmed_;
};

}  // namespace

MakeDialogue rabbitmq_dialogue(QueueLoad load) {
  return [=](size_t) { return std::make_unique<RabbitmqDialogue>(load); };
}

}  // namespace suiro::bench
