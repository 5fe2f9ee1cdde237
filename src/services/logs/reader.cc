// SPDX-License-Identifier: Apache-2.0
#include "services/logs/reader.h"

#include <algorithm>

namespace suiro::logs {

ForwardReader::ForwardReader(Storage& storage, GroupId group, Stream stream, Window window,
                             Size size)
    : storage_(storage),
      window_(std::move(window)),
      scan_{.group = group,
            .stream = stream.id,
            .to = window_.end == TimePoint::max() ? window_.end : window_.end - Millis(1),
            .rows_max = size.rows,
            .bytes_max = size.bytes} {
  TimePoint begin = window_.begin;
  if (window_.after) begin = std::max(begin, window_.after->time);
  // Earlier blocks may reach into the window.
  scan_.from = std::max(TimePoint{}, begin - stream.block_span);
}

Task<Result<bool>> ForwardReader::fill() {
  while (!exhausted_ && (buffer_.empty() || buffer_.begin()->at.time >= read_to_)) {
    CO_TRY(auto page, co_await storage_.blocks(scan_));
    for (auto& block : page.blocks) {
      read_to_ = block.first;
      scan_.after = std::move(block.key);
      for (auto& event : block.events) {
        if (window_.holds(event.at)) buffer_.insert(std::move(event));
      }
    }
    exhausted_ = !page.more;
  }
  co_return !buffer_.empty();
}

Task<Result<std::vector<LogEvent>>> read_first(Storage& storage, GroupId group, Stream stream,
                                               Window window, ReadLimit limit) {
  ForwardReader reader(storage, group, std::move(stream), std::move(window), {});
  std::vector<LogEvent> events;
  size_t bytes = 0;
  while (events.size() < limit.events) {
    CO_TRY(bool there, co_await reader.fill());
    if (!there) break;
    bytes += event_bytes(reader.head().message);
    if (bytes > limit.bytes && !events.empty()) break;
    events.push_back(reader.pop());
  }
  co_return events;
}

namespace {

// The last events of `found` that fit, in order of time.
std::vector<LogEvent> last_that_fit(std::vector<LogEvent> found, ReadLimit limit) {
  std::ranges::sort(found, {}, &LogEvent::at);
  size_t bytes = 0, first = found.size();
  while (first > 0 && found.size() - first < limit.events) {
    bytes += event_bytes(found[first - 1].message);
    if (bytes > limit.bytes && first < found.size()) break;
    --first;
  }
  found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(first));
  return found;
}

}  // namespace

Task<Result<std::vector<LogEvent>>> read_last(Storage& storage, GroupId group, Stream stream,
                                              Window window, ReadLimit limit) {
  TimePoint last = window.end == TimePoint::max() ? window.end : window.end - Millis(1);
  if (window.before) last = std::min(last, window.before->time);
  Storage::BlockScan scan{.group = group,
                          .stream = stream.id,
                          .from = std::max(TimePoint{}, window.begin - stream.block_span),
                          .to = last,
                          .direction = store::Direction::kBackward};
  std::vector<LogEvent> found;
  for (;;) {
    CO_TRY(auto page, co_await storage.blocks(scan));
    for (auto& block : page.blocks) {
      for (auto& event : block.events) {
        if (window.holds(event.at)) found.push_back(std::move(event));
      }
      scan.after = std::move(block.key);
    }
    if (!page.more || page.blocks.empty()) break;
    // Events that no unread block can precede into the page.
    TimePoint sure = page.blocks.back().first + stream.block_span;
    size_t count = 0, bytes = 0;
    for (const LogEvent& event : found) {
      if (event.at.time <= sure) continue;
      ++count;
      bytes += event_bytes(event.message);
    }
    if (count >= limit.events || bytes > limit.bytes) break;
  }
  co_return last_that_fit(std::move(found), limit);
}

}  // namespace suiro::logs
