// SPDX-License-Identifier: Apache-2.0
#include "server/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "kernel/event/trace_tree.h"

namespace suiro::server {
namespace {

using shapes::suiro::Run;

constexpr size_t kNameWidthMax = 28;
constexpr size_t kColumnsMin = 20;
constexpr size_t kTickColumns = 12;

// What a column shows, the worst last.
enum class Mark {
  kNone,
  kPlanned,
  kWaiting,
  kPulling,
  kRunning,
  kSucceeded,
  kStarted,
  kSkipped,
  kStopped,
  kLate,
  kMissed,
  kFailed
};

struct Look {
  std::string_view glyph;
  std::string_view colour;  // ANSI
};

Look look_of(Mark mark) {
  switch (mark) {
    case Mark::kNone:
      return {" ", ""};
    case Mark::kPlanned:
      return {"·", "2"};
    case Mark::kWaiting:
      return {"░", "33"};
    case Mark::kPulling:
      return {"▒", "36"};
    case Mark::kRunning:
      return {"▓", "34"};
    case Mark::kSucceeded:
      return {"█", "32"};
    case Mark::kStarted:
      return {"▪", "32"};
    case Mark::kSkipped:
      return {"-", "33"};
    case Mark::kStopped:
      return {"■", "33"};
    case Mark::kLate:
      return {"!", "33"};
    case Mark::kMissed:
      return {"○", "31"};
    case Mark::kFailed:
      return {"✗", "31"};
  }
  return {"?", ""};
}

std::string painted(std::string_view text, std::string_view colour,
                    TimelinePicture::Colours colours) {
  if (colours == TimelinePicture::Colours::kNone || colour.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", colour, text);
}

Mark final_mark(const Run& run) {
  if (run.state == "failed") return Mark::kFailed;
  if (run.state == "missed") return Mark::kMissed;
  if (run.state == "skipped") return Mark::kSkipped;
  if (run.state == "stopped") return Mark::kStopped;
  if (run.state == "started") return Mark::kStarted;
  return run.state == "succeeded" ? Mark::kSucceeded : Mark::kRunning;
}

TimePoint place_of(const Run& run) {
  return run.planned_at.value_or(run.created_at);
}

// One task's line.
class Row {
 public:
  Row(const TimelinePicture& picture, size_t width) : picture_(picture), marks_(width) {}

  void add(const Run& run) {
    ++runs_;
    Mark last = final_mark(run);
    if (run.planned_at) mark(*run.planned_at, *run.planned_at, Mark::kPlanned);
    TimePoint begin = place_of(run);
    bool happened = run.started_at || run.pull_started_at || run.state == "waiting";
    if (!happened) {
      mark(begin, begin, last);
      return;
    }
    TimePoint end = run.stopped_at.value_or(picture_.now);
    TimePoint started = run.started_at.value_or(end);
    TimePoint pulled = run.pull_started_at.value_or(started);
    mark(begin, pulled, Mark::kWaiting);
    if (run.pull_started_at) mark(pulled, run.pull_stopped_at.value_or(started), Mark::kPulling);
    if (run.started_at) {
      bool is_bad = last == Mark::kFailed || last == Mark::kStopped;
      mark(started, end, is_bad ? Mark::kRunning : last);
      if (is_bad) mark(end, end, last);
    }
    if (lateness(run, picture_.now) > picture_.late) mark(started, started, Mark::kLate);
  }

  size_t runs() const { return runs_; }
  std::string str() const {
    std::string out;
    for (Mark mark : marks_) {
      Look look = look_of(mark);
      out += painted(look.glyph, look.colour, picture_.colours);
    }
    return out;
  }

 private:
  void mark(TimePoint from, TimePoint to, Mark mark) {
    if (to < picture_.since || from >= picture_.until) return;
    for (size_t i = column(from), end = column(to); i <= end; ++i) {
      marks_[i] = std::max(marks_[i], mark);
    }
  }
  size_t column(TimePoint time) const {
    auto whole = (picture_.until - picture_.since).count();
    auto part = std::clamp<int64_t>((time - picture_.since).count(), 0, whole - 1);
    return static_cast<size_t>(part) * marks_.size() / static_cast<size_t>(whole);
  }

  const TimelinePicture& picture_;
  std::vector<Mark> marks_;
  size_t runs_ = 0;
};

// Code points, not bytes: names may hold anything.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

// Exactly `width` wide; what is cut off is told by a tilde.
std::string fitted(std::string_view text, size_t width) {
  size_t whole = width_of(text);
  if (whole <= width) return std::string(text) + std::string(width - whole, ' ');
  size_t used = 0;
  auto is_behind = [&](char c) {
    return (static_cast<uint8_t>(c) & 0xC0) != 0x80 && used++ == width - 1;
  };
  auto end = std::ranges::find_if(text, is_behind);
  return std::string(text.begin(), end) + "~";
}

std::string scale(const TimelinePicture& picture, size_t width) {
  bool days = picture.until - picture.since > std::chrono::hours(49);
  bool seconds = picture.until - picture.since < std::chrono::minutes(15);
  std::string out;
  for (size_t column = 0; column + kTickColumns <= width; column += kTickColumns) {
    auto part = (picture.until - picture.since) * static_cast<int64_t>(column) /
                static_cast<int64_t>(width);
    std::string text = format_iso8601(picture.since + part);
    out += fmt::format("{:<{}}", days ? text.substr(5, 8) + "h" : text.substr(11, seconds ? 8 : 5),
                       kTickColumns);
  }
  return out;
}

std::string trouble_of(const Run& run, const TimelinePicture& picture) {
  Millis late = lateness(run, picture.now);
  bool is_late = late > picture.late;
  bool is_bad = run.state == "failed" || run.state == "missed" || run.state == "skipped" ||
                run.state == "stopped";
  if (!is_bad && !is_late) return "";
  std::string out =
      fmt::format("  {}  {}  {}", format_iso8601(place_of(run)).substr(0, 19), run.name, run.state);
  if (run.exit_code) out += fmt::format("  exit code {}", *run.exit_code);
  if (is_late) out += fmt::format("  {} late", event::format_duration(late));
  if (run.reason) out += "  " + *run.reason;
  if (run.trace_id) out += fmt::format("  (suiro trace {})", *run.trace_id);
  return out + "\n";
}

std::string legend(const TimelinePicture& picture) {
  std::string out;
  using enum Mark;
  for (auto [mark, name] : {std::pair{kPlanned, "planned"},
                            {kWaiting, "waiting"},
                            {kPulling, "pulling"},
                            {kRunning, "running"},
                            {kSucceeded, "succeeded"},
                            {kStarted, "handed over"},
                            {kStopped, "stopped"},
                            {kSkipped, "skipped"},
                            {kLate, "late"},
                            {kMissed, "missed"},
                            {kFailed, "failed"}}) {
    Look look = look_of(mark);
    out += fmt::format("{} {}  ", painted(look.glyph, look.colour, picture.colours), name);
  }
  return out + "\n";
}

}  // namespace

Millis lateness(const Run& run, TimePoint now) {
  if (!run.planned_at || run.state == "missed" || run.state == "skipped") return Millis(0);
  TimePoint started = run.started_at.value_or(
      run.state == "started" ? run.created_at : run.stopped_at.value_or(now));
  return std::max(Millis(0), started - *run.planned_at);
}

std::string format_timeline(const std::vector<Run>& runs, const TimelinePicture& picture) {
  if (runs.empty()) return "no runs in this time\n";
  size_t name_width = 4;
  for (const Run& run : runs) name_width = std::max(name_width, width_of(run.name));
  name_width = std::min(name_width, kNameWidthMax);
  size_t used = name_width + 10;
  size_t width = std::max(kColumnsMin, picture.columns > used ? picture.columns - used : 0);
  std::map<std::string, Row> rows;
  std::map<std::string_view, size_t> states;
  std::vector<const Run*> in_order;
  for (const Run& run : runs) {
    rows.try_emplace(run.name, picture, width).first->second.add(run);
    ++states[run.state];
    in_order.push_back(&run);
  }
  std::string out = fmt::format("{} to {} (UTC)\n\n", format_iso8601(picture.since).substr(0, 19),
                                format_iso8601(picture.until).substr(0, 19));
  for (const auto& [name, row] : rows) {
    out += fmt::format("{} {:>7}  {}\n", fitted(name, name_width), row.runs(), row.str());
  }
  out += std::string(used, ' ') + scale(picture, width) + "\n\n" + legend(picture) + "\n";
  out += fmt::format("{} runs:", runs.size());
  for (const auto& [state, count] : states) {
    // What became of it afterwards is not the schedule's: the legend's word.
    out += fmt::format("  {} {}", count, state == "started" ? "handed over" : state);
  }
  out += "\n";
  std::ranges::sort(in_order, {},
                    [](const Run* run) { return std::pair(place_of(*run), run->run_id); });
  size_t troubles = 0;
  std::string list;
  for (const Run* run : in_order) {
    std::string line = trouble_of(*run, picture);
    if (!line.empty() && ++troubles <= kTimelineTroubleMax) list += line;
  }
  if (troubles == 0) return out + "all went as planned\n";
  out += "not as planned:\n" + list;
  if (troubles > kTimelineTroubleMax) {
    out += fmt::format("  and {} more: --json lists all\n", troubles - kTimelineTroubleMax);
  }
  return out;
}

}  // namespace suiro::server
