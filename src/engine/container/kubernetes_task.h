// SPDX-License-Identifier: Apache-2.0
// What the runner knows of one task, and what follows from it. Pure but for the clock's `now`.
//
//   submitting ──POST──► submitted ──begin_stop()──► stopping ──conclude()──► ended
#pragma once

#include "engine/container/kubernetes_status.h"

namespace suiro::container::kubernetes {

struct LogState {
  std::optional<uint64_t> position;  // empty: the observer was not asked yet
  bool done = false;                 // the container ended and all of it was handed over
  bool told_lost = false;
};

struct KubernetesTask {
  TaskSpec spec;  // until it is submitted
  std::vector<Part> parts;
  TaskReport report;
  std::vector<LogState> logs;
  bool attempted = false;  // a POST was sent: the Job may be there
  bool submitted = false;
  bool stop_wanted = false;
  bool removed = false;    // the Job, to end its Pod
  bool forgotten = false;  // nobody is told any more
  bool dirty = true;       // the observer does not know the report

  KubernetesTask(std::string id, std::vector<Part> told);
  void begin_stop(TaskReport::StopCode code, std::string reason, TimePoint now);
  // What the report's containers mean for the task.
  void judge(const PodView* pod, TimePoint now);
  bool all_stopped() const;
  bool logs_done() const;
  // Nothing more comes from the cluster.
  void conclude(TimePoint now);
};

}  // namespace suiro::container::kubernetes
