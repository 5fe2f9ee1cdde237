// SPDX-License-Identifier: Apache-2.0
// Pieces of SQS's shapes to logic's values and back. Used by api.cc alone.
#pragma once

#include "services/sqs/logic.h"
#include "shapes/call.h"
#include "shapes/gen/sqs.h"

namespace suiro::sqs {

// Which attributes of a message a receive shows.
struct Shown {
  bool all_system = false;
  std::set<std::string> system;
  bool all_attributes = false;
  std::vector<std::string> attributes;  // names, or prefixes that end in ".*"
  bool shows(const std::string& attribute) const;
};

// Errors: InvalidAttributeName for a system attribute that SQS does not have.
Result<Shown> shown_of(const shapes::sqs::ReceiveMessageRequest& request);
shapes::sqs::Message message_of(Received received, const Shown& shown);

// Errors: InvalidParameterValue for list values and unknown system attributes.
Result<SendEntry> send_entry(const shapes::Call& call, shapes::sqs::SendMessageRequest request);
Result<SendEntry> send_entry(const shapes::Call& call,
                             shapes::sqs::SendMessageBatchRequestEntry entry);

using SystemAttributes =
    std::optional<std::map<std::string, shapes::sqs::MessageSystemAttributeValue>>;
// Raw; empty for none.
Bytes system_digest(const SystemAttributes& attributes);
// Hexadecimal, where there is one.
void set_digest(std::optional<std::string>& out, const Bytes& raw);

shapes::sqs::BatchResultErrorEntry batch_error(const std::string& id, const Error& error);
shapes::sqs::ListMessageMoveTasksResultEntry move_task_of(const MoveTaskView& view);

template <class Entry>
std::vector<std::string> ids_of(const std::vector<Entry>& entries) {
  std::vector<std::string> ids;
  for (const Entry& entry : entries) ids.push_back(entry.id);
  return ids;
}

template <class Output>
Output batch_result(const std::vector<std::string>& ids, const Logic::Outcomes& outcomes) {
  Output out;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (outcomes[i]) {
      out.successful.push_back({ids[i]});
    } else {
      out.failed.push_back(batch_error(ids[i], outcomes[i].error()));
    }
  }
  return out;
}

}  // namespace suiro::sqs
