// SPDX-License-Identifier: Apache-2.0
// Consumers: starts what takes records out of a stream's lanes, by its destination, and what brings
// them in from its source.
// Thread: the shard of the stream.
#pragma once

#include "services/firehose/delivery.h"
#include "services/firehose/endpoint.h"
#include "services/firehose/source.h"
#include "services/firehose/transform.h"

namespace suiro::firehose {

class Consumers {
 public:
  Consumers(Context& context, Intake& intake)
      : context_(context),
        delivery_(context),
        objects_(context, delivery_),
        transform_(context, delivery_),
        endpoint_(context, delivery_),
        source_(context, intake) {}
  // The loops end when the stream closes.
  void start(const StatePtr& state);

 private:
  Context& context_;
  Delivery delivery_;
  ObjectDelivery objects_;
  Transform transform_;
  EndpointDelivery endpoint_;
  SourceReader source_;
};

}  // namespace suiro::firehose
