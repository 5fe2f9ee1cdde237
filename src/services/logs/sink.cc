// SPDX-License-Identifier: Apache-2.0
#include "services/logs/sink.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/utf8.h"

namespace suiro::logs {
namespace {

// What a program writes may be no text; an event is one.
void add_events(std::vector<NewEvent>& events, event::LogLine line) {
  const std::string message = with_valid_utf8(std::move(line.message));
  std::string_view rest = message;
  do {
    std::string_view piece = utf8_prefix(rest, kSinkLineBytesMax);
    events.push_back({line.time, std::string(piece)});
    rest.remove_prefix(piece.size());
  } while (!rest.empty());
}

}  // namespace

Sink::Sink(event::Kernel& kernel, Logic& logic)
    : kernel_(kernel),
      logic_(logic),
      executor_(kernel.shards.owner("logs.sink")),
      scope_(executor_) {}

void Sink::append(std::string group, std::string stream, std::vector<event::LogLine> lines) {
  if (lines.empty()) return;
  size_t size = 0;
  for (const auto& line : lines) size += event_bytes(line.message);
  Name name(std::move(group), std::move(stream));
  if (bytes_.fetch_add(size) + size <= event::kLogSinkBytesMax) {
    asio::post(executor_, [this, name = std::move(name), lines = std::move(lines), size]() mutable {
      take(std::move(name), std::move(lines), size, 0);
    });
    return;
  }
  bytes_ -= size;
  size_t dropped = lines.size();
  if (notices_.fetch_add(1) >= kSinkNoticesMax) {
    --notices_;
    log::warning("logs: {} lines of {} were dropped", dropped, name.first);
    return;
  }
  asio::post(executor_, [this, name = std::move(name), dropped]() mutable {
    --notices_;
    take(std::move(name), {}, 0, dropped);
  });
}

Task<Result<void>> Sink::write(std::string group, std::string stream,
                               std::vector<event::LogLine> lines, store::Batch also) {
  std::vector<Logic::Lines> parts;
  Logic::Lines& part = parts.emplace_back(std::move(group), std::move(stream));
  for (auto& line : lines) add_events(part.events, std::move(line));
  co_return co_await logic_.write(std::move(parts), std::move(also));
}

void Sink::take(Name name, std::vector<event::LogLine> lines, size_t size_bytes, size_t dropped) {
  if (scope_.closing()) {
    bytes_ -= size_bytes;
    return;
  }
  Waiting& waiting = waiting_[std::move(name)];
  waiting.size_bytes += size_bytes;
  waiting.dropped += dropped;
  for (auto& line : lines) add_events(waiting.events, std::move(line));
  arm();
}

void Sink::arm() {
  if (alarm_ || flushing_ || scope_.closing()) return;
  alarm_ = kernel_.clock.alarm(executor_, kernel_.clock.now() + event::kLogFlushInterval, [this] {
    alarm_.reset();
    flushing_ = true;
    scope_.spawn(flush());
  });
}

Task<void> Sink::flush() {
  co_await write_all();
  flushing_ = false;
  if (!waiting_.empty()) arm();
}

Task<void> Sink::write_all() {
  auto batch = std::exchange(waiting_, {});
  while (!batch.empty()) {
    std::vector<Logic::Lines> lines;
    size_t size = 0, events = 0;
    while (!batch.empty() && size < kSinkCommitBytesMax) {
      auto part = batch.extract(batch.begin());
      Waiting& waiting = part.mapped();
      if (waiting.dropped > 0) {
        waiting.events.push_back(
            {kernel_.clock.now(),
             fmt::format("{} lines were dropped here: more were written than could be stored",
                         waiting.dropped)});
      }
      size += waiting.size_bytes;
      events += waiting.events.size();
      lines.push_back({part.key().first, part.key().second, std::move(waiting.events)});
    }
    auto written = co_await logic_.write(std::move(lines));
    if (!written) log::error("logs: {} lines are lost: {}", events, written.error().message);
    bytes_ -= size;
  }
}

Task<void> Sink::stop() {
  co_await run_on(executor_, [this]() -> Task<void> {
    alarm_.reset();
    co_await scope_.close();
    co_await write_all();
  });
}

}  // namespace suiro::logs
