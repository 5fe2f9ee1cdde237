// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/consumers.h"

namespace suiro::firehose {

void Consumers::start(const StatePtr& state) {
  context_.spawn(transform_.run(state));
  if (state->record.kind == Kind::kS3) {
    context_.spawn(objects_.run(state, LaneKind::kReady));
  } else {
    context_.spawn(endpoint_.run(state));
  }
  for (LaneKind kind : {LaneKind::kBackup, LaneKind::kUnprocessed, LaneKind::kUndelivered}) {
    context_.spawn(objects_.run(state, kind));
  }
  if (state->record.source == SourceType::kKinesis) context_.spawn(source_.run(state));
}

}  // namespace suiro::firehose
