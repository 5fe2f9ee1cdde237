// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/failed_line.h"

#include <boost/json.hpp>

namespace suiro::firehose {

std::string failed_line(const FailedRecord& record) {
  boost::json::object line;
  line["attemptsMade"] = record.attempts;
  line["arrivalTimestamp"] = record.arrived.time_since_epoch().count();
  line["errorCode"] = record.code;
  line["errorMessage"] = record.message;
  line["attemptEndingTimestamp"] = record.ended.time_since_epoch().count();
  line["rawData"] = base64_encode(record.data);
  for (const auto& [name, value] : record.more) line[name] = value;
  return boost::json::serialize(line) + "\n";
}

}  // namespace suiro::firehose
