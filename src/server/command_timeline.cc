// SPDX-License-Identifier: Apache-2.0
#include "server/command_timeline.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>

#include "server/remote.h"
#include "server/text_files.h"
#include "server/timeline_page.h"
#include "shapes/json.h"

namespace suiro::server {
namespace {

namespace shape = shapes::suiro;

constexpr size_t kColumnsDefault = 100;
constexpr int32_t kPageRuns = 10'000;

struct Fetched {
  std::vector<shape::Run> runs;
  bool cut = false;
};

Result<Fetched> fetch(const ServerAddress& address, shape::ListRunsRequest request) {
  TRY(Remote remote, Remote::connect(address));
  request.max_results = kPageRuns;
  Fetched out;
  while (out.runs.size() < kTimelineRunsMax) {
    TRY(std::string reply, remote.call("ListRuns", shapes::to_json(request)));
    TRY(auto page, shapes::from_json<shape::ListRunsResponse>(reply));
    std::ranges::move(page.runs, std::back_inserter(out.runs));
    if (!page.next_token) return out;
    request.next_token = std::move(page.next_token);
    if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r{} runs read ...", out.runs.size());
  }
  out.cut = true;
  return out;
}

size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kColumnsDefault;
}

}  // namespace

Result<TimePoint> parse_time_argument(std::string_view text, TimePoint now) {
  if (text == "now") return now;
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(end, text.data() + text.size());
  if (error == std::errc() && number >= 0 && number <= 100'000 && unit.size() == 1) {
    if (unit == "m") return now - std::chrono::minutes(number);
    if (unit == "h") return now - std::chrono::hours(number);
    if (unit == "d") return now - std::chrono::hours(24 * number);
  }
  std::string whole(text);
  if (whole.size() == 10) whole += "T00:00:00Z";
  if (auto time = parse_iso8601(whole)) return *time;
  return fail(codes::kInvalidArgument,
              fmt::format("'{}' is no time: now, an age as 90m, 24h or 7d, a day as 2026-11-20, or "
                          "2026-11-20T03:00:00Z",
                          text));
}

void TimelineCommand::add_to(CLI::App* command) {
  command_ = command;
  command->add_option("--since", since_, "Age (90m, 24h, 7d), day or time")->default_str(since_);
  command->add_option("--until", until_, "Likewise")->default_str(until_);
  command->add_option("--task", task_, "Only the runs of this name");
  command->add_option("--html", html_, "Write a page of its own to this file");
  command->add_flag("--json", json_, "Print the runs as JSON, one a line");
  command->add_option("--late-seconds", late_seconds_, "Runs started later than this are late")
      ->default_str("60");
  command->add_option("--columns", columns_, "Width (default: the terminal's)")
      ->check(CLI::Range(40, 1000));
}

Result<void> TimelineCommand::run(const ServerAddress& address) const {
  TimelinePicture picture;
  picture.now = RealClock().now();
  TRY(picture.since, parse_time_argument(since_, picture.now));
  TRY(picture.until, parse_time_argument(until_, picture.now));
  if (picture.since >= picture.until) {
    return fail(codes::kInvalidArgument, "--since must lie before --until");
  }
  picture.late = std::chrono::seconds(late_seconds_);
  picture.columns = columns_ > 0 ? columns_ : terminal_columns();
  if (isatty(STDOUT_FILENO)) picture.colours = TimelinePicture::Colours::kAnsi;
  shape::ListRunsRequest request{.since = picture.since, .until = picture.until};
  if (!task_.empty()) request.name = task_;
  TRY(Fetched fetched, fetch(address, std::move(request)));
  if (fetched.cut) {
    fmt::print(stderr, "only the first {} runs are shown; ask for less time\n",
               fetched.runs.size());
  }
  if (!html_.empty()) {
    TRY_VOID(write_text_file(html_, make_timeline_page(fetched.runs, picture)));
    fmt::print("{}: {} runs\n", html_, fetched.runs.size());
    return ok();
  }
  if (!json_) {
    fmt::print("{}", format_timeline(fetched.runs, picture));
    return ok();
  }
  for (const auto& run : fetched.runs) fmt::print("{}\n", shapes::to_json(run));
  return ok();
}

}  // namespace suiro::server
