// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/log_pipe.h"

namespace suiro::sandbox {

namespace {
std::string without_return(std::string line) {
  if (line.ends_with('\r')) line.pop_back();
  return line;
}
}  // namespace

std::vector<std::string> LineSplitter::feed(std::string_view bytes) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    size_t end = bytes.find('\n');
    size_t part = std::min({end, bytes.size(), kLogLineBytesMax - open_.size()});
    open_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
    bool ended = bytes.starts_with('\n');
    if (ended) bytes.remove_prefix(1);
    if (!ended && open_.size() < kLogLineBytesMax) break;
    lines.push_back(without_return(std::exchange(open_, {})));
  }
  return lines;
}

std::string LineSplitter::flush() {
  return without_return(std::exchange(open_, {}));
}

LogQueue::LogQueue(Executor executor, Clock& clock, LogConsumer consumer)
    : clock_(clock), consumer_(std::move(consumer)), changed_(executor), space_(executor) {}

void LogQueue::add(std::string line) {
  tail_.append(line).push_back('\n');
  if (tail_.size() > 4 * kLogTailBytes) tail_.erase(0, tail_.size() - kLogTailBytes);
  if (!consumer_) return;
  queued_bytes_ += line.size() + sizeof(LogLine);
  lines_.push_back({clock_.now(), std::move(line)});
  changed_.notify_all();
}

void LogQueue::add_all(std::vector<std::string> lines) {
  for (auto& line : lines) add(std::move(line));
}

Task<void> LogQueue::wait_for_space() {
  while (full() && !closing_) co_await space_.wait();
}

Task<void> LogQueue::run() {
  while (!closing_ || !lines_.empty()) {
    if (lines_.empty()) {
      co_await changed_.wait();
      continue;
    }
    auto batch = std::exchange(lines_, {});
    queued_bytes_ = 0;
    space_.notify_all();
    co_await consumer_(std::move(batch));
  }
}

void LogQueue::close() {
  closing_ = true;
  changed_.notify_all();
  space_.notify_all();
}

std::string LogQueue::tail() const {
  return tail_.substr(tail_.size() - std::min(tail_.size(), kLogTailBytes));
}

}  // namespace suiro::sandbox
