// SPDX-License-Identifier: Apache-2.0
// Amazon Data Firehose as the server wires it: operations, and the sink that other services append
// records to.
//
// Thread: made and wired before the shards start; then any shard. Bytes: docs/formats/firehose.md.
#pragma once

#include "services/firehose/api.h"
#include "services/firehose/logic.h"

namespace suiro::firehose {

class Service final : public event::RecordSink {
 public:
  // `policies` outlives it; null: no bucket's policy is asked.
  Service(event::Kernel& kernel, const policy::ResourcePolicies* policies)
      : client_({}),
        logic_(kernel,
               [this](http_out::Request request) { return client_.send(std::move(request)); }),
        api_(logic_) {
    logic_.context().policies = policies;
  }

  // After the lake, the functions and the streams that it delivers from and to are wired.
  Task<Result<void>> start() { return logic_.start(); }
  // Before the functions are stopped: theirs that run for a delivery stream may end with them.
  Task<void> close() { return logic_.close(); }
  // After the functions, and before the lake is stopped.
  Task<void> stop();
  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }
  event::RecordSink* sink() { return this; }

  Task<Result<void>> append(std::string arn, std::vector<event::SinkRecord> records,
                            store::Batch also, TraceContext cause) override;
  Task<Result<void>> check(std::string arn) override { return logic_.check(std::move(arn)); }

 private:
  http_out::Client client_;
  Logic logic_;
  Api api_;
};

}  // namespace suiro::firehose
