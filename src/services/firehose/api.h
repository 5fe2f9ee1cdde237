// SPDX-License-Identifier: Apache-2.0
// Between the shapes of Amazon Data Firehose and its logic. No rules but those of names and limits
// that the shapes hold.
#pragma once

#include "services/firehose/logic.h"
#include "shapes/gen/firehose.h"
#include "shapes/registry.h"

namespace suiro::firehose {

namespace shape = shapes::firehose;

class Api {
 public:
  explicit Api(Logic& logic) : logic_(logic) {}
  void add_operations(shapes::Registry& registry);

 private:
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;
  template <class Op>
  void add(shapes::Registry& registry,
           Answer<Op> (Api::*method)(shapes::Call&, typename Op::Input)) {
    registry.add<Op>([this, method](shapes::Call& call, typename Op::Input input) {
      return (this->*method)(call, std::move(input));
    });
  }

#define SUIRO_FIREHOSE_OPERATION(method, Name) \
  Answer<shape::op::Name> method(shapes::Call& call, shape::op::Name::Input input)
  SUIRO_FIREHOSE_OPERATION(create, CreateDeliveryStream);
  SUIRO_FIREHOSE_OPERATION(describe, DescribeDeliveryStream);
  SUIRO_FIREHOSE_OPERATION(list, ListDeliveryStreams);
  SUIRO_FIREHOSE_OPERATION(remove, DeleteDeliveryStream);
  SUIRO_FIREHOSE_OPERATION(update, UpdateDestination);
  SUIRO_FIREHOSE_OPERATION(tag, TagDeliveryStream);
  SUIRO_FIREHOSE_OPERATION(untag, UntagDeliveryStream);
  SUIRO_FIREHOSE_OPERATION(list_tags, ListTagsForDeliveryStream);
  SUIRO_FIREHOSE_OPERATION(put, PutRecord);
  SUIRO_FIREHOSE_OPERATION(put_batch, PutRecordBatch);
#undef SUIRO_FIREHOSE_OPERATION

  Task<void> count(std::string_view kind, std::string name, event::Span::Status status,
                   Micros begun);

  Logic& logic_;
};

}  // namespace suiro::firehose
