// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/sink_target.h"

namespace suiro::event {

Task<Result<void>> SinkTarget::deliver(Event event, store::Batch consume) {
  auto key = event.attributes.find(std::string(kPartitionKeyAttribute));
  bool has_key = key != event.attributes.end() && !key->second.empty();
  SinkRecord record{std::move(event.payload),
                    has_key ? std::move(key->second) : std::move(event.id)};
  std::vector<SinkRecord> records;
  records.push_back(std::move(record));
  co_return co_await sink_->append(std::move(event.target_arn), std::move(records),
                                   std::move(consume), std::move(event.cause));
}

Task<Result<void>> SinkTarget::accepts(std::string target_arn, Sender) {
  return sink_->check(std::move(target_arn));
}

}  // namespace suiro::event
