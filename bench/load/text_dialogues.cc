// SPDX-License-Identifier: Apache-2.0
// Redis and beanstalkd: line protocols.
#include <fmt/format.h>

#include <charconv>

#include "bench/load/dialogues.h"

namespace suiro::bench {
namespace {

std::string command(std::initializer_list<std::string_view> words) {
  std::string out = fmt::format("*{}\r\n", words.size());
  for (auto word : words) out += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return out;
}

// One RESP reply: its size in bytes, 0 when incomplete. Bulk strings and simple replies only.
size_t resp_size(std::string_view in, std::string_view& value) {
  size_t line = in.find("\r\n");
  if (line == in.npos) return 0;
  if (in[0] != '$') {
    value = in.substr(1, line - 1);
    return line + 2;
  }
  long length = 0;
  std::from_chars(in.data() + 1, in.data() + line, length);
  if (length < 0) {
    value = {};
    return line + 2;
  }
  size_t size = line + 2 + static_cast<size_t>(length) + 2;
  if (in.size() < size) return 0;
  value = in.substr(line + 2, static_cast<size_t>(length));
  return size;
}

class RedisDialogue final : public Dialogue {
 public:
  RedisDialogue(QueueLoad load, size_t connection)
      : list_(load.queue),
        processing_(fmt::format("{}:processing:{}", load.queue, connection)),
        only_send_(load.send_only) {
    // Bodies differ, so that LREM removes the message that was taken.
    body_ = fmt::format("{}-", connection);
    body_.resize(load.body_bytes, 'x');
    push_ = command({"LPUSH", list_, body_});
    if (only_send_) {  // one command of many values
      push_ =
          fmt::format("*{}\r\n$5\r\nLPUSH\r\n${}\r\n{}\r\n", kPipelined + 2, list_.size(), list_);
      for (size_t i = 0; i < kPipelined; ++i) {
        push_ += fmt::format("${}\r\n{}\r\n", body_.size(), body_);
      }
    }
    move_ = command({"LMOVE", list_, processing_, "RIGHT", "LEFT"});
  }
  void begin(std::string& out) override { out += push_; }
  Step reply(std::string& in, std::string& out) override {
    std::string_view value;
    size_t size = resp_size(in, value);
    if (size == 0) return Step::kIncomplete;
    if (in[0] == '-') {
      error_ = in.substr(0, size);
      return Step::kFailed;
    }
    Step step = Step::kContinue;
    if (state_ == 0 && !only_send_) {
      out += move_;
      state_ = 1;
    } else if (state_ == 1) {
      if (value.empty()) {
        out += move_;
      } else {
        out += command({"LREM", processing_, "1", value});
        state_ = 2;
      }
    } else {
      out += push_;
      state_ = 0;
      step = Step::kCycle;
    }
    in.erase(0, size);
    return step;
  }

 private:
  std::string list_, processing_, body_, push_, move_;
  bool only_send_;
  int state_ = 0;
};

class BeanstalkdDialogue final : public Dialogue {
 public:
  explicit BeanstalkdDialogue(QueueLoad load) : tube_(load.queue), only_send_(load.send_only) {
    const std::string put =
        fmt::format("put 0 0 60 {}\r\n{}\r\n", load.body_bytes, std::string(load.body_bytes, 'x'));
    for (size_t i = 0; i < (only_send_ ? kPipelined : 1); ++i) put_ += put;
  }
  void begin(std::string& out) override {
    out += fmt::format("use {}\r\nwatch {}\r\n", tube_, tube_);
    greetings_ = 2;
    out += put_;
  }
  Step reply(std::string& in, std::string& out) override {
    size_t line = in.find("\r\n");
    if (line == in.npos) return Step::kIncomplete;
    std::string_view head = std::string_view(in).substr(0, line);
    size_t size = line + 2;
    if (greetings_ > 0) {
      --greetings_;
      in.erase(0, size);
      return Step::kContinue;
    }
    Step step = Step::kContinue;
    if (only_send_ && head.starts_with("INSERTED") && ++inserted_ % kPipelined != 0) {
      in.erase(0, size);
      return step;
    }
    if (head.starts_with("INSERTED") && !only_send_) {
      out += "reserve\r\n";
    } else if (head.starts_with("RESERVED ")) {
      size_t space = head.find(' ', 9);
      size_t length = 0;
      std::from_chars(head.data() + space + 1, head.data() + head.size(), length);
      size += length + 2;
      if (in.size() < size) return Step::kIncomplete;
      out += fmt::format("delete {}\r\n", head.substr(9, space - 9));
    } else if (head == "DELETED" || head.starts_with("INSERTED")) {
      out += put_;
      step = Step::kCycle;
    } else {
      error_ = head;
      return Step::kFailed;
    }
    in.erase(0, size);
    return step;
  }

 private:
  std::string tube_, put_;
  bool only_send_;
  size_t inserted_ = 0;
  int greetings_ = 0;
};

}  // namespace

MakeDialogue redis_dialogue(QueueLoad load) {
  return [=](size_t connection) { return std::make_unique<RedisDialogue>(load, connection); };
}

MakeDialogue beanstalkd_dialogue(QueueLoad load) {
  return [=](size_t) { return std::make_unique<BeanstalkdDialogue>(load); };
}

}  // namespace suiro::bench
