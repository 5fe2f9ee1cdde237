// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/lane.h"

#include "base/check.h"
#include "services/firehose/limits.h"

namespace suiro::firehose {

void Lane::commit(const Held& block) {
  CHECK(in_flight_.erase(block.number) == 1);
  hold(block, UINT64_MAX);
  grown.notify_all();
}

void Lane::abort(uint64_t number) {
  CHECK(in_flight_.erase(number) == 1);
  grown.notify_all();
}

void Lane::load(const Held& block, uint64_t boundary) {
  if (boundary != UINT64_MAX) sealed_ = std::max(sealed_, boundary);
  hold(block, boundary);
  next_ = std::max(next_, block.number + 1);
}

void Lane::hold(const Held& block, uint64_t boundary) {
  bytes_ += block.bytes;
  // Commits end in the order in which they began, but for rare neighbours.
  auto at = segments_.end();
  while (at != segments_.begin() && std::prev(at)->first > block.number) --at;
  if (at != segments_.begin() && at == segments_.end()) {
    Segment& before = *std::prev(at);
    auto between = [&](uint64_t end) { return before.last <= end && block.number > end; };
    bool crosses = between(boundary) || between(sealed_);
    // What is in flight below must not come to lie inside a segment.
    if (!crosses && before.last < block.number && before.bytes + block.bytes <= kSegmentBytes &&
        limit() > block.number) {
      before.last = block.number;
      before.bytes += block.bytes;
      before.arrived = std::min(before.arrived, block.arrived);
      before.queued = std::min(before.queued, block.queued);
      return;
    }
  }
  segments_.insert(at, {block.number, block.number, block.bytes, block.arrived, block.queued});
}

std::optional<Cut> Lane::cut(uint64_t bytes) {
  std::optional<Cut> out;
  for (const Segment& segment : segments_) {
    if (segment.last >= limit()) break;
    if (!out) out = Cut{segment.first, segment.last, 0, segment.arrived};
    out->last = segment.last;
    out->bytes += segment.bytes;
    out->arrived = std::min(out->arrived, segment.arrived);
    if (out->bytes >= bytes) break;
  }
  if (out) sealed_ = std::max(sealed_, out->last);
  return out;
}

std::optional<Cut> Lane::cut_until(uint64_t last) {
  std::optional<Cut> out;
  for (const Segment& segment : segments_) {
    if (segment.last > last) break;
    if (!out) out = Cut{segment.first, segment.last, 0, segment.arrived};
    out->last = segment.last;
    out->bytes += segment.bytes;
    out->arrived = std::min(out->arrived, segment.arrived);
  }
  if (out) sealed_ = std::max(sealed_, out->last);
  return out;
}

void Lane::drop(const Cut& cut) {
  while (!segments_.empty() && segments_.front().last <= cut.last) {
    bytes_ -= segments_.front().bytes;
    segments_.pop_front();
  }
}

std::optional<TimePoint> Lane::oldest() const {
  if (segments_.empty()) return std::nullopt;
  return segments_.front().queued;
}

}  // namespace suiro::firehose
