// SPDX-License-Identifier: Apache-2.0
// SourceReader: the records of a Kinesis stream into a delivery stream.
//
// Invariants:
//  1. A record is queued in the commit that moves its shard's position: once, whenever the process
//     dies.
//  2. Reading begins where the stream stood when the delivery stream was created
//     (DeliveryStartTimestamp), and waits while the delivery stream holds kBacklogBytesMax.
//  3. A stream that was deleted and made again under its name is read from its beginning.
// Thread: the shard of the delivery stream.
#pragma once

#include "services/firehose/intake.h"

namespace suiro::firehose {

class SourceReader {
 public:
  SourceReader(Context& context, Intake& intake) : context_(context), intake_(intake) {}
  // Until the stream closes.
  Task<void> run(StatePtr state);

 private:
  Context& context_;
  Intake& intake_;
};

}  // namespace suiro::firehose
