// SPDX-License-Identifier: Apache-2.0
// Error codes of SQS as logic uses them: shape names where AWS's model has a shape (protocol/aws
// maps them to the query form, "AWS.SimpleQueueService.NonExistentQueue"), else the common codes.
#pragma once

#include <string_view>

#include "base/result.h"

namespace suiro::sqs {

inline constexpr std::string_view kInvalidParameterValue = "InvalidParameterValue";
inline constexpr std::string_view kMissingParameter = "MissingParameter";
inline constexpr std::string_view kAccessDenied = "AccessDenied";
inline constexpr std::string_view kQueueDoesNotExist = "QueueDoesNotExist";
inline constexpr std::string_view kQueueNameExists = "QueueNameExists";
inline constexpr std::string_view kQueueDeletedRecently = "QueueDeletedRecently";
inline constexpr std::string_view kPurgeQueueInProgress = "PurgeQueueInProgress";
inline constexpr std::string_view kInvalidAttributeName = "InvalidAttributeName";
inline constexpr std::string_view kInvalidAttributeValue = "InvalidAttributeValue";
inline constexpr std::string_view kInvalidMessageContents = "InvalidMessageContents";
inline constexpr std::string_view kReceiptHandleIsInvalid = "ReceiptHandleIsInvalid";
inline constexpr std::string_view kMessageNotInflight = "MessageNotInflight";
inline constexpr std::string_view kOverLimit = "OverLimit";
inline constexpr std::string_view kRequestThrottled = "RequestThrottled";
inline constexpr std::string_view kEmptyBatchRequest = "EmptyBatchRequest";
inline constexpr std::string_view kTooManyEntries = "TooManyEntriesInBatchRequest";
inline constexpr std::string_view kBatchEntryIdsNotDistinct = "BatchEntryIdsNotDistinct";
inline constexpr std::string_view kInvalidBatchEntryId = "InvalidBatchEntryId";
inline constexpr std::string_view kBatchRequestTooLong = "BatchRequestTooLong";
inline constexpr std::string_view kUnsupportedOperation = "UnsupportedOperation";
inline constexpr std::string_view kInvalidAddress = "InvalidAddress";
inline constexpr std::string_view kResourceNotFound = "ResourceNotFoundException";

inline std::unexpected<Error> no_such_queue() {
  return fail(kQueueDoesNotExist, "The specified queue does not exist.");
}

// "Value <value> for parameter <name> is invalid. Reason: <reason>"
template <class Value>
std::unexpected<Error> bad_value(const Value& value, std::string_view name,
                                 std::string_view reason) {
  return fail(kInvalidParameterValue,
              fmt::format("Value {} for parameter {} is invalid. Reason: {}", value, name, reason));
}

}  // namespace suiro::sqs
