// SPDX-License-Identifier: Apache-2.0
// Kinesis Data Streams, wired. What it does and does not do: README.md.
#pragma once

#include "services/kinesis/api.h"
#include "services/kinesis/logic.h"
#include "services/kinesis/source.h"

namespace suiro::kinesis {

class Service {
 public:
  Service(event::Kernel& kernel, Config config)
      : logic_(kernel, config), source_(logic_), sink_(kernel, logic_), api_(kernel, logic_) {}

  // Rebuilds the streams' memory from the store. Before the socket opens.
  Task<Result<void>> start() { return logic_.start(); }
  // After what reads and appends has stopped.
  Task<void> stop() { return logic_.stop(); }
  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }
  event::StreamSource* source() { return &source_; }
  event::RecordSink* sink() { return &sink_; }
  Logic& logic() { return logic_; }

 private:
  Logic logic_;
  Source source_;
  Sink sink_;
  Api api_;
};

}  // namespace suiro::kinesis
