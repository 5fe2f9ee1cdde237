// SPDX-License-Identifier: Apache-2.0
// Rivals of PutRecords: as many records go out in one piece, and all of them are acknowledged
// before the next. Redis streams (XADD), NATS JetStream (publishes with a reply each).
#include <fmt/format.h>

#include "bench/load/dialogues.h"

namespace suiro::bench {
namespace {

// A reply that ends with its line; of `replies` together the next piece follows.
class LineReplies : public Dialogue {
 protected:
  // Takes whole replies off `in` until the piece is acknowledged.
  template <class Take>
  Step take_all(std::string& in, std::string& out, const std::string& piece, Take take) {
    size_t at = 0;
    while (left_ > 0) {
      size_t size = take(std::string_view(in).substr(at));
      if (!error_.empty()) return Step::kFailed;
      if (size == 0) break;
      at += size;
    }
    in.erase(0, at);
    if (left_ > 0) return Step::kIncomplete;
    left_ = kPutRecords;
    out += piece;
    return Step::kCycle;
  }
  size_t left_ = kPutRecords;
};

class RedisStream final : public LineReplies {
 public:
  explicit RedisStream(const QueueLoad& load) {
    std::string body(load.body_bytes, 'x');
    std::string add =
        fmt::format("*5\r\n$4\r\nXADD\r\n${}\r\n{}\r\n$1\r\n*\r\n$1\r\nd\r\n${}\r\n{}\r\n",
                    load.queue.size(), load.queue, body.size(), body);
    for (size_t i = 0; i < kPutRecords; ++i) piece_ += add;
  }
  void begin(std::string& out) override { out += piece_; }
  Step reply(std::string& in, std::string& out) override {
    // "$15\r\n1700000000000-0\r\n"
    return take_all(in, out, piece_, [this](std::string_view from) -> size_t {
      size_t line = from.find("\r\n");
      if (line == from.npos) return 0;
      if (from[0] != '$') {
        error_ = from.substr(0, line);
        return 0;
      }
      size_t end = from.find("\r\n", line + 2);
      if (end == from.npos) return 0;
      --left_;
      return end + 2;
    });
  }

 private:
  std::string piece_;
};

// The stream is made by the first connection; `bench` takes the subject bench.
class JetStream final : public LineReplies {
 public:
  JetStream(const QueueLoad& load, size_t connection)
      : inbox_(fmt::format("_INBOX.{}", connection)) {
    std::string body(load.body_bytes, 'x');
    std::string publish =
        fmt::format("PUB {} {}.a {}\r\n{}\r\n", load.queue, inbox_, body.size(), body);
    for (size_t i = 0; i < kPutRecords; ++i) piece_ += publish;
    std::string make =
        fmt::format(R"({{"name":"{0}","subjects":["{0}"],"storage":"file"}})", load.queue);
    begin_ = fmt::format("CONNECT {{\"verbose\":false}}\r\nSUB {}.* 1\r\n", inbox_);
    begin_ += fmt::format("PUB $JS.API.STREAM.CREATE.{} {}.made {}\r\n{}\r\n", load.queue, inbox_,
                          make.size(), make);
  }
  void begin(std::string& out) override { out += begin_; }
  Step reply(std::string& in, std::string& out) override {
    if (!made_) return await_stream(in, out);
    return take_all(in, out, piece_, [&](std::string_view from) { return take(from, out); });
  }

 private:
  // One message or line off the input; 0: not whole.
  size_t take(std::string_view from, std::string& out) {
    size_t line = from.find("\r\n");
    if (line == from.npos) return 0;
    std::string_view head = from.substr(0, line);
    if (head == "PING") out += "PONG\r\n";
    if (head.starts_with("-ERR")) error_ = head;
    if (!head.starts_with("MSG ")) return line + 2;
    size_t size = std::stoul(std::string(head.substr(head.rfind(' ') + 1)));
    if (from.size() < line + 2 + size + 2) return 0;
    std::string_view body = from.substr(line + 2, size);
    bool is_ack = head.find(".a ") != head.npos;
    if (is_ack && body.find("\"error\"") != body.npos) error_ = body;
    if (is_ack) --left_;
    made_ = made_ || !is_ack;
    return line + 2 + size + 2;
  }
  Step await_stream(std::string& in, std::string& out) {
    size_t at = 0;
    while (!made_) {
      size_t size = take(std::string_view(in).substr(at), out);
      if (!error_.empty()) return Step::kFailed;
      if (size == 0) break;
      at += size;
    }
    in.erase(0, at);
    if (!made_) return Step::kIncomplete;
    out += piece_;
    return Step::kContinue;
  }

  std::string inbox_, begin_, piece_;
  bool made_ = false;
};

}  // namespace

MakeDialogue redis_stream_dialogue(QueueLoad load) {
  return [=](size_t) { return std::make_unique<RedisStream>(load); };
}

MakeDialogue nats_dialogue(QueueLoad load) {
  return [=](size_t connection) { return std::make_unique<JetStream>(load, connection); };
}

}  // namespace suiro::bench
