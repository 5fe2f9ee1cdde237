// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/trace_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace suiro::event {
namespace {

// Deeper spans are printed at this depth: a chain that feeds itself must not fill the line.
constexpr size_t kDepthMax = 40;

std::string_view status_name(Span::Status status) {
  switch (status) {
    case Span::Status::kOk:
      return "ok";
    case Span::Status::kError:
      return "error";
    case Span::Status::kRunning:
      return "running";
  }
  return "unknown";
}

class Tree {
 public:
  explicit Tree(std::vector<Span> spans) : spans_(std::move(spans)) {
    std::ranges::sort(spans_, {}, [](const Span& s) { return std::pair(s.start, s.span_id); });
    std::set<std::string_view> ids;
    for (const Span& span : spans_) ids.insert(span.span_id);
    for (size_t i = 0; i < spans_.size(); ++i) {
      const std::string& parent = spans_[i].parent_id;
      bool is_root = parent.empty() || parent == spans_[i].span_id || !ids.contains(parent);
      children_[is_root ? std::string() : parent].push_back(i);
    }
  }

  std::string print() {
    print_children("", 0);
    // What only refers to itself in a circle.
    for (size_t i = 0; i < spans_.size(); ++i) {
      if (!printed_.contains(i)) print_span(i, 0);
    }
    return std::move(out_);
  }

 private:
  void print_children(std::string_view parent, size_t depth) {
    auto place = children_.find(parent);
    if (place == children_.end()) return;
    for (size_t i : place->second) {
      if (!printed_.contains(i)) print_span(i, depth);
    }
  }

  void print_span(size_t i, size_t depth) {
    printed_.insert(i);
    const Span& span = spans_[i];
    out_.append(2 * std::min(depth, kDepthMax), ' ');
    std::string reason = span.detail;
    if (span.kind == "event") {
      // An event's detail begins with what happened: "s3:ObjectCreated:Put: why".
      size_t end = span.detail.find(": ");
      reason = end == span.detail.npos ? "" : span.detail.substr(end + 2);
      out_ += fmt::format("event {} -> {}", span.detail.substr(0, end), span.resource);
    } else {
      out_ += fmt::format("{} {}", span.kind, span.resource);
    }
    if (Millis offset = span.start - spans_.front().start; depth > 0 || offset.count() > 0) {
      out_ += "  +" + format_duration(offset);
    }
    out_ += fmt::format("  {}  {}", format_duration(span.duration), status_name(span.status));
    if (!reason.empty()) out_ += fmt::format(" ({})", reason);
    out_ += '\n';
    print_children(span.span_id, depth + 1);
  }

  std::vector<Span> spans_;
  std::map<std::string, std::vector<size_t>, std::less<>> children_;
  std::set<size_t> printed_;
  std::string out_;
};

}  // namespace

std::string format_duration(Millis duration) {
  int64_t ms = duration.count();
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{}.{:03} s", ms / 1000, ms % 1000);
  int64_t seconds = ms / 1000;
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string format_tree(std::vector<Span> spans) {
  return Tree(std::move(spans)).print();
}

}  // namespace suiro::event
