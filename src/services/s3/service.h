// SPDX-License-Identifier: Apache-2.0
// S3 as the server wires it: operations, cross-origin answers, lifecycle timers, and the reader
// and the writer that other services fetch and put objects with.
//
// Thread: made and wired before the shards start; then any shard. Bytes on disk:
// docs/formats/s3.md.
#pragma once

#include "kernel/event/object_reader.h"
#include "kernel/event/streams.h"
#include "services/s3/api.h"
#include "services/s3/logic.h"

namespace suiro::s3 {

class Service final : public event::ObjectReader, public event::ObjectWriter {
 public:
  // Registers the lifecycle's timer handler and makes itself kernel.objects and kernel.lake.
  Service(event::Kernel& kernel, Config config);

  // Before the socket opens.
  Task<Result<void>> start() { return logic_.start(); }
  // Nothing runs beside requests and timers.
  Task<void> stop() { co_return; }

  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }

  // The rule of the bucket's CORS configuration that answers; nullopt: none does.
  Task<Result<std::optional<Logic::CorsAnswer>>> cors(CorsQuestion question) {
    return logic_.cors(std::move(question));
  }

  Task<Result<Object>> read(std::string bucket, std::string key, std::string version) override;
  Task<Result<void>> write(ObjectToWrite object, store::Batch also, TraceContext cause) override;

 private:
  Logic logic_;
  Api api_;
};

}  // namespace suiro::s3
