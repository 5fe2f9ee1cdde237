// SPDX-License-Identifier: Apache-2.0
// What a cluster tells of a Pod, as ECS says it, and its log as lines. Pure.
//
// Position of a line: the nanoseconds of its time, or one more than the line before it where that
// is later. A log read again from a second before gives the same positions, so that a position
// alone tells which lines were handed over.
#pragma once

#include <boost/json.hpp>

#include "engine/container/kubernetes_job.h"

namespace suiro::container::kubernetes {

enum class PodPhase { kOpen, kEnded };

struct PodView {
  std::string name;
  PodPhase phase = PodPhase::kOpen;
  // Why the cluster ended it ("Evicted: ..."); empty: its containers ended by themselves.
  std::string reason;
  bool leaving = false;  // it has a time of deletion
};

PodView view_of(const boost::json::value& pod);

// Takes over what the Pod tells of each container; true where it changed the report.
// A container's reason is kept once it is set: what pulls failed with is told once by the cluster.
bool apply(const boost::json::value& pod, const std::vector<Part>& parts, TaskReport& report);

// Whether this container cannot start, by its reason.
bool cannot_start(const ContainerReport& container);

struct LogPiece {
  std::vector<OutputLine> lines;
  uint64_t to = 0;  // behind the last line; `after` where there is none
};
enum class Last { kNo, kYes };
// Lines behind position `after` of a log with timestamps. The last line is left for later where its
// newline is missing, unless no more comes.
LogPiece read_log(std::string_view text, uint64_t after, Last last);

// The sinceTime from which the log after a position is asked for; empty: all of it.
std::string since_of(uint64_t position);

}  // namespace suiro::container::kubernetes
