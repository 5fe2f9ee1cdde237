// SPDX-License-Identifier: Apache-2.0
#include "engine/container/kubernetes_task.h"

#include <fmt/format.h>

#include <algorithm>

namespace suiro::container::kubernetes {

using StopCode = TaskReport::StopCode;

KubernetesTask::KubernetesTask(std::string id, std::vector<Part> told) : parts(std::move(told)) {
  report.id = std::move(id);
  for (const auto& part : parts) report.containers.push_back({.name = part.name});
  logs.resize(parts.size());
}

void KubernetesTask::begin_stop(StopCode code, std::string reason, TimePoint now) {
  if (report.stopping) return;
  report.stopping = now;
  report.stop_code = code;
  report.stopped_reason = std::move(reason);
  dirty = true;
}

void KubernetesTask::judge(const PodView* pod, TimePoint now) {
  std::optional<TimePoint> started = TimePoint{};
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto& container = report.containers[i];
    if (!container.started) {
      started.reset();
    } else if (started) {
      started = std::max(*started, *container.started);
    }
    bool stopped = container.state == ContainerState::kStopped;
    bool needed = parts[i].essential || parts[i].first;
    if (needed && cannot_start(container)) {
      begin_stop(StopCode::kTaskFailedToStart, container.reason, now);
    } else if (parts[i].first && stopped && container.exit_code.value_or(-1) != 0) {
      begin_stop(StopCode::kTaskFailedToStart,
                 fmt::format("Container {} did not succeed, which others wait for", container.name),
                 now);
    }
  }
  if (started && !report.started) {
    report.started = started;
    dirty = true;
  }
  if (pod != nullptr && !pod->reason.empty()) {
    begin_stop(StopCode::kTerminationNotice, pod->reason, now);
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    bool stopped = report.containers[i].state == ContainerState::kStopped;
    // Its output first: what ends the Pod takes the log away.
    if (!parts[i].essential || !stopped || !logs[i].done) continue;
    begin_stop(StopCode::kEssentialContainerExited, "Essential container in task exited", now);
  }
}

bool KubernetesTask::all_stopped() const {
  return std::ranges::all_of(report.containers, [](const auto& container) {
    return container.state == ContainerState::kStopped;
  });
}

bool KubernetesTask::logs_done() const {
  return std::ranges::all_of(logs, &LogState::done);
}

void KubernetesTask::conclude(TimePoint now) {
  begin_stop(StopCode::kEssentialContainerExited, "Essential container in task exited", now);
  std::optional<TimePoint> last;
  for (auto& container : report.containers) {
    bool open = container.state != ContainerState::kStopped;
    if (open && container.started && container.reason.empty()) {
      container.reason = "Its end was not seen: the Pod was deleted";
    }
    container.state = ContainerState::kStopped;
    if (open && container.started) container.stopped = now;
    if (container.stopped) last = std::max(last.value_or(*container.stopped), *container.stopped);
  }
  report.execution_stopped = last.value_or(now);
  dirty = true;
}

}  // namespace suiro::container::kubernetes
