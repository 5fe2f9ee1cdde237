// SPDX-License-Identifier: Apache-2.0
// Message: what a queue holds, its validation and its digests.
//
// Invariants:
//  1. A Message does not change after it was accepted; what changes (visibility, receive count) is
//     MessageState.
//  2. Digests are those that SDKs check (SQS Developer Guide, "Calculating the MD5 message digest
//  for
//     message attributes").
//
// Thread: values. Bytes on disk: docs/formats/sqs.md.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/strong.h"

namespace suiro::sqs {

struct QueueIdTag;
// Unique over all queues that ever were: keys of a deleted queue never meet those of its successor.
using QueueId = Strong<QueueIdTag, uint64_t>;

struct SequenceTag;
// A message's place in its queue: milliseconds since 1970 << kSequenceTimeShift, plus a counter.
using Sequence = Strong<SequenceTag, uint64_t>;
inline constexpr int kSequenceTimeShift = 20;

// SQS Developer Guide, "Amazon SQS message quotas".
inline constexpr size_t kMessageBytesMax = 1024 * 1024;
inline constexpr size_t kMessageAttributesMax = 10;
inline constexpr size_t kNameLengthMax = 256;  // attribute names and types
inline constexpr size_t kGroupIdLengthMax = 128;

struct MessageAttribute {
  std::string type;  // "String", "Number", "Binary", each with an optional ".label"
  Bytes value;
  bool is_binary() const { return type.starts_with("Binary"); }
  friend bool operator==(const MessageAttribute&, const MessageAttribute&) = default;
};
using MessageAttributes = std::map<std::string, MessageAttribute>;

struct Message {
  Bytes id;  // the 16 bytes of a UUID
  TimePoint sent_at;
  Bytes body;
  Bytes body_md5;        // raw
  Bytes attributes_md5;  // raw; empty without attributes
  std::string sender_id;
  std::string group_id;
  std::string deduplication_id;
  std::string trace_header;            // AWSTraceHeader
  std::string dead_letter_source_arn;  // the queue from which it was moved here as dead
  // What it went through before it was moved to a dead-letter queue.
  uint32_t receives_before = 0;
  TimePoint first_received_before = {};
  MessageAttributes attributes;
  friend bool operator==(const Message&, const Message&) = default;
};

// The mutable part: one small value beside the message.
struct MessageState {
  TimePoint visible_at = {};              // not received before this time; zero: at once
  std::optional<TimePoint> sent_at = {};  // where it differs from the sequence's own time
  uint32_t receives = 0;                  // since it entered this queue
  TimePoint first_received_at = {};       // receives > 0
  uint32_t nonce = 0;                     // of the newest receipt handle; receives > 0
  std::string group_id = {};              // FIFO queues
  friend bool operator==(const MessageState&, const MessageState&) = default;
};

struct ReceiptHandle {
  QueueId queue;
  Sequence sequence;
  uint32_t nonce = 0;

  std::string str() const;
  // nullopt when the text was not made by str().
  static std::optional<ReceiptHandle> parse(std::string_view text);
};

// The bytes of a random UUID (RFC 4122, version 4).
Bytes new_message_id(Random& random);
// Lower case with dashes.
std::string uuid_text(ByteView id);

// The 20-digit form that FIFO queues show: compares as text and as number.
std::string sequence_text(Sequence sequence);

// The digest of message attributes; raw. Empty for none.
Bytes attributes_digest(const MessageAttributes& attributes);

// Errors: InvalidMessageContents, naming the first character that XML 1.0 does not allow (API
// Reference, SendMessage), or an encoding that is not UTF-8.
Result<void> check_text(std::string_view text);
// The text with '?' for what check_text() would refuse.
std::string allowed_text(std::string_view text);

// Names, types, values and number of message attributes. Errors: InvalidParameterValue with AWS's
// text.
Result<void> check_attributes(const MessageAttributes& attributes);

}  // namespace suiro::sqs
