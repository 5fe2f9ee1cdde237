// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/service.h"

namespace suiro::firehose {

Task<void> Service::stop() {
  co_await logic_.close();
  client_.close();
  co_await logic_.stop();
}

Task<Result<void>> Service::append(std::string arn, std::vector<event::SinkRecord> records,
                                   store::Batch also, TraceContext cause) {
  std::vector<Bytes> bytes;
  bytes.reserve(records.size());
  for (auto& record : records) bytes.push_back(std::move(record.data));
  return logic_.append(std::move(arn), std::move(bytes), std::move(also), std::move(cause));
}

}  // namespace suiro::firehose
