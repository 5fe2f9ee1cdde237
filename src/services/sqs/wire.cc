// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/wire.h"

#include "services/sqs/events.h"

namespace suiro::sqs {
namespace {

namespace shape = shapes::sqs;

constexpr std::string_view kTraceHeader = "AWSTraceHeader";

template <class Value>
MessageAttribute attribute_of(Value&& value) {
  MessageAttribute out{value.data_type, {}};
  if (out.is_binary()) {
    out.value = std::move(value.binary_value).value_or(Bytes());
  } else {
    out.value = std::move(value.string_value).value_or(std::string());
  }
  return out;
}

template <class Request>
Result<SendEntry> entry_of(const shapes::Call& call, Request request) {
  SendEntry entry;
  entry.body = std::move(request.message_body);
  entry.group_id = request.message_group_id.value_or("");
  entry.deduplication_id = request.message_deduplication_id.value_or("");
  entry.delay_s = request.delay_seconds;
  if (request.message_attributes) {
    for (auto& [name, value] : *request.message_attributes) {
      bool has_list = (value.string_list_values && !value.string_list_values->empty()) ||
                      (value.binary_list_values && !value.binary_list_values->empty());
      if (has_list) {
        return fail(kInvalidParameterValue,
                    "Message attribute list values in SendMessage operation are not supported.");
      }
      entry.attributes[name] = attribute_of(std::move(value));
    }
  }
  if (request.message_system_attributes) {
    for (auto& [name, value] : *request.message_system_attributes) {
      if (name != kTraceHeader || value.data_type != "String" || !value.string_value) {
        return fail(kInvalidParameterValue,
                    fmt::format("Message system attribute name '{}' is invalid: only "
                                "AWSTraceHeader of type String is.",
                                name));
      }
      entry.trace_header = *value.string_value;
    }
  }
  // A caller that is being traced carries its trace on.
  if (entry.trace_header.empty() && !call.caused_by.empty()) {
    entry.trace_header = call.trace.header();
  }
  return entry;
}

}  // namespace

bool Shown::shows(const std::string& attribute) const {
  return all_attributes || std::ranges::any_of(attributes, [&](const std::string& name) {
           if (!name.ends_with(".*")) return name == attribute;
           return attribute.starts_with(std::string_view(name).substr(0, name.size() - 1));
         });
}

Result<Shown> shown_of(const shape::ReceiveMessageRequest& request) {
  static const std::set<std::string, std::less<>> kNames = {"All",
                                                            "SenderId",
                                                            "SentTimestamp",
                                                            "ApproximateReceiveCount",
                                                            "ApproximateFirstReceiveTimestamp",
                                                            "SequenceNumber",
                                                            "MessageDeduplicationId",
                                                            "MessageGroupId",
                                                            "AWSTraceHeader",
                                                            "DeadLetterQueueSourceArn"};
  Shown shown;
  for (const auto& list : {request.attribute_names, request.message_system_attribute_names}) {
    if (!list) continue;
    for (const std::string& name : *list) {
      if (!kNames.contains(name)) {
        return fail(kInvalidAttributeName, fmt::format("Unknown Attribute {}.", name));
      }
      shown.all_system = shown.all_system || name == "All";
      shown.system.insert(name);
    }
  }
  if (request.message_attribute_names) {
    for (const std::string& name : *request.message_attribute_names) {
      shown.all_attributes = shown.all_attributes || name == "All" || name == ".*";
      shown.attributes.push_back(name);
    }
  }
  return shown;
}

shape::Message message_of(Received received, const Shown& shown) {
  shape::Message out;
  Message& message = received.message;
  out.message_id = uuid_text(message.id);
  out.receipt_handle = received.handle.str();
  out.md5_of_body = hex_encode(message.body_md5);
  if (shown.all_system || !shown.system.empty()) {
    Attributes system = system_attributes(received);
    std::erase_if(system, [&](const auto& entry) {
      return !shown.all_system && !shown.system.contains(entry.first);
    });
    if (!system.empty()) out.attributes = std::move(system);
  }
  MessageAttributes attributes = std::move(message.attributes);
  size_t all = attributes.size();
  std::erase_if(attributes, [&](const auto& entry) { return !shown.shows(entry.first); });
  if (!attributes.empty()) {
    // SDKs check the digest against what the reply shows.
    bool complete = attributes.size() == all;
    set_digest(out.md5_of_message_attributes,
               complete ? message.attributes_md5 : attributes_digest(attributes));
    out.message_attributes.emplace();
    for (auto& [name, attribute] : attributes) {
      shape::MessageAttributeValue& value = (*out.message_attributes)[name];
      value.data_type = attribute.type;
      if (attribute.is_binary()) {
        value.binary_value = std::move(attribute.value);
      } else {
        value.string_value = std::move(attribute.value);
      }
    }
  }
  out.body = std::move(message.body);
  return out;
}

Result<SendEntry> send_entry(const shapes::Call& call, shape::SendMessageRequest request) {
  return entry_of(call, std::move(request));
}

Result<SendEntry> send_entry(const shapes::Call& call, shape::SendMessageBatchRequestEntry entry) {
  return entry_of(call, std::move(entry));
}

Bytes system_digest(const SystemAttributes& attributes) {
  MessageAttributes plain;
  if (attributes) {
    for (const auto& [name, value] : *attributes) plain[name] = attribute_of(value);
  }
  return attributes_digest(plain);
}

void set_digest(std::optional<std::string>& out, const Bytes& raw) {
  if (!raw.empty()) out = hex_encode(raw);
}

shape::BatchResultErrorEntry batch_error(const std::string& id, const Error& error) {
  bool is_ours = error.code == codes::kInternal || error.code == codes::kUnavailable;
  shape::BatchResultErrorEntry entry;
  entry.id = id;
  entry.sender_fault = !is_ours;
  entry.code = error.code;
  entry.message = error.message;
  return entry;
}

shape::ListMessageMoveTasksResultEntry move_task_of(const MoveTaskView& view) {
  static constexpr const char* kStatus[] = {"RUNNING", "COMPLETED", "CANCELLING", "CANCELLED",
                                            "FAILED"};
  shape::ListMessageMoveTasksResultEntry entry;
  if (!view.handle.empty()) entry.task_handle = view.handle;
  entry.status = kStatus[static_cast<size_t>(view.record.status)];
  entry.source_arn = view.source_arn;
  if (!view.record.destination_arn.empty()) entry.destination_arn = view.record.destination_arn;
  if (view.record.per_second_max > 0) {
    entry.max_number_of_messages_per_second = static_cast<int32_t>(view.record.per_second_max);
  }
  entry.approximate_number_of_messages_moved = static_cast<int64_t>(view.record.moved);
  entry.approximate_number_of_messages_to_move = static_cast<int64_t>(view.record.to_move);
  if (!view.record.failure.empty()) entry.failure_reason = view.record.failure;
  entry.started_timestamp = view.started_at.time_since_epoch().count();
  return entry;
}

}  // namespace suiro::sqs
