// SPDX-License-Identifier: Apache-2.0
#include "engine/container/kubernetes_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/container/kubernetes_json.h"

namespace suiro::container::kubernetes {

namespace {

namespace json = boost::json;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr std::string_view kPullError = "CannotPullContainerError: ";
constexpr std::string_view kStartError = "CannotStartContainerError: ";

std::optional<TimePoint> time_at(const json::value& value,
                                 std::initializer_list<std::string_view> path) {
  auto time = parse_iso8601(text_at(value, path));
  if (!time) return std::nullopt;
  return *time;
}

void note(ContainerReport& container, std::string reason) {
  if (container.reason.empty()) container.reason = std::move(reason);
}

// Reasons of a waiting container: Kubernetes' kubelet, "Images" and "Debug Pods".
void apply_waiting(const json::value& waiting, ContainerReport& container) {
  std::string reason = text_at(waiting, {"reason"});
  std::string message = text_at(waiting, {"message"});
  if (message.empty()) message = reason;
  constexpr std::array kPull = {"ErrImagePull",      "ImagePullBackOff",  "InvalidImageName",
                                "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable"};
  constexpr std::array kStart = {"CreateContainerConfigError", "CreateContainerError",
                                 "RunContainerError", "CrashLoopBackOff"};
  if (std::ranges::find(kPull, reason) != kPull.end()) {
    note(container, fmt::format("{}{}", kPullError, message));
  } else if (std::ranges::find(kStart, reason) != kStart.end()) {
    note(container, fmt::format("{}{}", kStartError, message));
  }
}

void apply_terminated(const json::value& terminated, ContainerReport& container) {
  container.state = ContainerState::kStopped;
  container.started = time_at(terminated, {"startedAt"});
  container.stopped = time_at(terminated, {"finishedAt"});
  std::string reason = text_at(terminated, {"reason"});
  if (reason == "StartError" || reason == "ContainerCannotRun") {
    note(container, fmt::format("{}{}", kStartError, text_at(terminated, {"message"})));
    container.started.reset();
    return;
  }
  const auto* code = value_at(terminated, {"exitCode"});
  const auto* number = code == nullptr ? nullptr : code->if_int64();
  if (number != nullptr) container.exit_code = static_cast<int>(*number);
  if (reason == "OOMKilled") {
    container.out_of_memory = true;
    note(container, "OutOfMemoryError: Container killed due to memory usage");
  }
}

void apply_status(const json::value& status, ContainerReport& container) {
  // What ended stays ended: a Job's containers are not started again.
  if (container.state == ContainerState::kStopped) return;
  std::string image = text_at(status, {"imageID"});
  if (size_t at = image.rfind("sha256:"); at != image.npos)
    container.image_digest = image.substr(at);
  container.runtime_id = text_at(status, {"containerID"});
  if (const auto* waiting = value_at(status, {"state", "waiting"})) {
    apply_waiting(*waiting, container);
  } else if (const auto* running = value_at(status, {"state", "running"})) {
    container.state = ContainerState::kRunning;
    container.started = time_at(*running, {"startedAt"});
    // A pull that succeeded after all.
    if (container.reason.starts_with(kPullError)) container.reason.clear();
  } else if (const auto* terminated = value_at(status, {"state", "terminated"})) {
    if (container.reason.starts_with(kPullError)) container.reason.clear();
    apply_terminated(*terminated, container);
  }
}

std::string picture(const ContainerReport& c) {
  auto time = [](const auto& at) { return at ? at->time_since_epoch().count() : -1; };
  return fmt::format("{}|{}|{}|{}|{}|{}|{}", static_cast<int>(c.state), c.exit_code.value_or(-1),
                     c.reason, c.image_digest, c.runtime_id, time(c.started), time(c.stopped));
}

struct LogLine {
  uint64_t nanoseconds = 0;
  std::string_view text;
};

// "2016-10-06T00:17:09.669794202Z text": RFC 3339 with up to nine digits of a second.
std::optional<LogLine> parse_line(std::string_view line) {
  size_t space = line.find(' ');
  std::string_view stamp = line.substr(0, space);
  if (stamp.size() < 20) return std::nullopt;
  size_t zone = stamp.find_first_of("Z+-", 19);
  if (zone == stamp.npos) return std::nullopt;
  auto seconds = parse_iso8601(std::string(stamp.substr(0, 19)) + std::string(stamp.substr(zone)));
  if (!seconds || seconds->time_since_epoch().count() < 0) return std::nullopt;
  uint64_t fraction = 0, unit = kSecond;
  for (size_t i = 20; i < zone; ++i) {
    if (stamp[i] < '0' || stamp[i] > '9' || unit == 1) return std::nullopt;
    unit /= 10;
    fraction += unit * static_cast<uint64_t>(stamp[i] - '0');
  }
  uint64_t whole = static_cast<uint64_t>(seconds->time_since_epoch().count()) / 1000;
  if (whole > UINT64_MAX / kSecond - 2) return std::nullopt;
  return LogLine{whole * kSecond + fraction,
                 space == line.npos ? std::string_view() : line.substr(space + 1)};
}

}  // namespace

PodView view_of(const json::value& pod) {
  PodView view;
  view.name = text_at(pod, {"metadata", "name"});
  view.leaving = value_at(pod, {"metadata", "deletionTimestamp"}) != nullptr;
  std::string phase = text_at(pod, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") view.phase = PodPhase::kEnded;
  std::string reason = text_at(pod, {"status", "reason"});
  if (phase == "Failed" && !reason.empty()) {
    view.reason = fmt::format("{}: {}", reason, text_at(pod, {"status", "message"}));
  }
  return view;
}

bool apply(const json::value& pod, const std::vector<Part>& parts, TaskReport& report) {
  bool changed = false;
  for (std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
    for (const auto& status : list_at(pod, {"status", list})) {
      auto part = std::ranges::find(parts, text_at(status, {"name"}), &Part::as);
      if (part == parts.end()) continue;
      auto& container = report.containers[static_cast<size_t>(part - parts.begin())];
      std::string before = picture(container);
      apply_status(status, container);
      changed = changed || before != picture(container);
    }
  }
  return changed;
}

bool cannot_start(const ContainerReport& container) {
  return container.reason.starts_with(kPullError) || container.reason.starts_with(kStartError);
}

LogPiece read_log(std::string_view text, uint64_t after, Last last) {
  LogPiece piece;
  piece.to = after;
  uint64_t position = 0;
  while (!text.empty()) {
    size_t end = text.find('\n');
    if (end == text.npos && last == Last::kNo) break;
    std::string_view raw = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    auto line = parse_line(raw);
    if (!line) line = LogLine{position, raw};  // without a time: that of the line before
    position = std::max(line->nanoseconds, position + 1);
    if (position <= after) continue;
    TimePoint time{Millis(static_cast<int64_t>(position / 1'000'000))};
    piece.lines.push_back({time, std::string(line->text.substr(0, kOutputLineBytesMax))});
    piece.to = position;
  }
  return piece;
}

std::string since_of(uint64_t position) {
  if (position < 2 * kSecond) return {};
  TimePoint time{Millis(static_cast<int64_t>((position / kSecond - 1) * 1000))};
  std::string text = format_iso8601(time);
  return text.substr(0, 19) + "Z";
}

}  // namespace suiro::container::kubernetes
