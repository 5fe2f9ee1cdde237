// SPDX-License-Identifier: Apache-2.0
// Kernel: what every service is handed at wiring time. Borrowed; it outlives the services.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/shard.h"
#include "kernel/event/event.h"
#include "kernel/event/journal.h"
#include "kernel/event/log_sink.h"
#include "kernel/event/object_reader.h"
#include "kernel/event/role_credentials.h"
#include "kernel/event/run_log.h"
#include "kernel/event/timers.h"
#include "kernel/store/store.h"

namespace suiro::event {

struct Kernel {
  Shards& shards;
  Clock& clock;
  Random& random;  // usable from every shard
  store::Store& store;
  Targets& targets;
  Timers& timers;
  Journal& journal;
  RunLog& runs;
  std::string region;               // "ap-northeast-1"
  std::string account;              // "000000000000"
  std::string endpoint;             // "http://127.0.0.1:4566", known after the socket is bound
  ObjectReader* objects = nullptr;  // the lake; null where none is wired
  ObjectWriter* lake = nullptr;     // its writing side; null where none is wired
  LogSink* logs = nullptr;  // the logs service; null where it is not wired: lines are then dropped
  RoleCredentials* roles = nullptr;  // null where no identities are wired: nothing runs as a role
};

}  // namespace suiro::event
