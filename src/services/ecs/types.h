// SPDX-License-Identifier: Apache-2.0
// What the tasks service keeps. The parts that clients read back are kept in the form of the public
// interface (docs/decisions/200-ecs-records.md); beside them stands what only Suiro knows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/trace.h"
#include "shapes/gen/ecs.h"

namespace suiro::ecs {

namespace shape = shapes::ecs;
using Tags = std::vector<shape::Tag>;

struct Definition {
  shape::TaskDefinition shape;
  Tags tags;
};
using DefinitionPtr = std::shared_ptr<const Definition>;

// What a schedule asks for where a run of the same key has not ended.
enum class Overlap : uint8_t { kAllow = 0, kForbid = 1, kQueue = 2, kReplace = 3 };

struct TaskRecord {
  shape::Task task;
  std::string id;
  std::string cluster;        // name
  std::string service;        // name; empty: none
  std::string deployment_id;  // of the service
  uint64_t queue_number = 0;  // first come, first served
  uint64_t run_number = 0;    // the first queue number of those that were started with it
  bool placed = false;        // it was given its share of the machine
  uint32_t cpu_units = 0;
  uint32_t memory_mb = 0;
  Overlap overlap = Overlap::kAllow;
  std::string overlap_key;
  std::optional<TimePoint> nominal;
  std::string schedule_arn;
  std::vector<std::string> access_key_ids;  // of its role; revoked at its end
  TraceContext cause;
  std::string span_id;
  std::string reference_id;
  std::vector<std::string> essential;  // names of the containers whose failure is the task's

  bool stopped() const { return task.last_status == "STOPPED"; }
  bool stop_wanted() const { return task.desired_status == "STOPPED"; }
};

struct ServiceRecord {
  shape::Service service;  // with its deployments and events
  std::string name;
  std::string cluster;
  uint64_t next_deployment = 1;
  // Of the last deployment that reached its count: where a roll-back goes.
  std::string good_definition;
  bool is_steady = false;    // said so in its events since the last change
  TimePoint inactive_since;  // once it is INACTIVE
  uint32_t failures = 0;     // in a row, of tasks that did not last
  TimePoint retry_at;        // no start before
  // Of the request that made it: the same once more is answered as the first.
  std::string client_token;  // empty: none
  std::string digest;        // of its parameters; empty without a token
  bool active() const { return service.status == "ACTIVE"; }
  bool inactive() const { return service.status == "INACTIVE"; }
};

// How far the output of one container is in its log.
struct OutputPosition {
  uint64_t to = 0;
  // The lines of an event whose end was not seen yet.
  TimePoint pending_time = {};
  std::string pending;
  bool has_pending = false;
};

struct TokenRecord {
  TimePoint made;
  std::string digest;  // of the request's parameters
  std::vector<std::string> task_ids;
};

struct ClusterRecord {
  shape::Cluster cluster;  // without its counts
};

}  // namespace suiro::ecs
