// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/events.h"

#include <boost/json.hpp>

namespace suiro::sqs {
namespace {

namespace json = boost::json;

constexpr Millis kLongestWait = std::chrono::seconds(20);

std::string millis_text(TimePoint time) {
  return fmt::format("{}", time.time_since_epoch().count());
}

int32_t seconds_of(Millis time) {
  return static_cast<int32_t>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

// The first failure of a batch, if there is one.
Result<void> all_of(const Logic::Outcomes& outcomes) {
  for (const Result<void>& outcome : outcomes) {
    if (!outcome) return fail(outcome.error());
  }
  return ok();
}

}  // namespace

Attributes system_attributes(const Received& received) {
  const Message& message = received.message;
  Attributes out = {{"SenderId", message.sender_id},
                    {"SentTimestamp", millis_text(message.sent_at)},
                    {"ApproximateReceiveCount", fmt::format("{}", received.receives)},
                    {"ApproximateFirstReceiveTimestamp", millis_text(received.first_received_at)}};
  auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  add("MessageGroupId", message.group_id);
  add("MessageDeduplicationId", message.deduplication_id);
  add("AWSTraceHeader", message.trace_header);
  add("DeadLetterQueueSourceArn", message.dead_letter_source_arn);
  if (!message.deduplication_id.empty()) {
    out["SequenceNumber"] = sequence_text(received.handle.sequence);
  }
  return out;
}

// --- target
// ----------------------------------------------------------------------------------------

Task<Result<void>> QueueTarget::deliver(event::Event event, store::Batch consume) {
  CO_TRY(std::string name, logic_.name_of(event.target_arn));
  SendEntry entry;
  entry.body = std::move(event.payload);
  for (auto& [key, value] : event.attributes) {
    if (key == "MessageGroupId") {
      entry.group_id = std::move(value);
    } else if (key == "MessageDeduplicationId") {
      entry.deduplication_id = std::move(value);
    } else if (!value.empty()) {
      // Error messages are anybody's text: they must not keep the event from its queue.
      entry.attributes[key] = {"String", allowed_text(value)};
    }
  }
  CO_TRY(Settings settings, co_await logic_.settings({name, logic_.owner_access()}));
  bool needs_id = settings.kind == QueueKind::kFifo && !settings.content_deduplication &&
                  entry.deduplication_id.empty();
  if (needs_id) entry.deduplication_id = event.id;
  if (!event.cause.trace_id.empty()) {
    event::Span span;
    span.trace_id = event.cause.trace_id;
    span.parent_id = event.cause.span_id;
    span.kind = "sqs:SendMessage";
    span.resource = event.target_arn;
    span.start = kernel_.clock.now();
    span.span_id = new_span_id(span.start, kernel_.random);
    kernel_.journal.record(consume, span);
    entry.trace_header = TraceContext{span.trace_id, span.span_id}.header();
  }
  std::vector<SendEntry> entries;
  entries.push_back(std::move(entry));
  CO_TRY(auto results, co_await logic_.send({name, logic_.owner_access()}, std::move(entries),
                                            std::move(consume)));
  if (!results.front()) co_return fail(std::move(results.front()).error());
  co_return ok();
}

Task<Result<void>> QueueTarget::accepts(std::string target_arn, event::Sender sender) {
  auto name = logic_.name_of(target_arn);
  if (!name) co_return fail(codes::kNotFound, fmt::format("{} is not a queue here", target_arn));
  policy::Request request;
  request.caller.kind = policy::Caller::Kind::kService;
  request.caller.service = sender.service_principal;
  request.context = {{"aws:sourcearn", sender.source_arn},
                     {"aws:sourceaccount", sender.source_account}};
  auto allowed = co_await logic_.check_access(*name, "sqs:SendMessage", std::move(request));
  if (!allowed && allowed.error().code == kQueueDoesNotExist) {
    co_return fail(codes::kNotFound, fmt::format("{} does not exist", target_arn));
  }
  co_return allowed;
}

// --- source
// ----------------------------------------------------------------------------------------

Task<Result<std::vector<event::SourceRecord>>> QueueSource::pull(PullRequest request) {
  CO_TRY(std::string name, logic_.name_of(request.arn));
  ReceiveOptions options;
  options.count = static_cast<int32_t>(std::clamp<size_t>(request.records_max, 1, 10));
  options.wait_s = seconds_of(std::min(request.wait, kLongestWait));
  if (request.visibility > Millis(0)) {
    options.visibility_s = seconds_of(std::min(request.visibility, kVisibilityMax));
  }
  CO_TRY(auto received, co_await logic_.receive({name, logic_.owner_access()}, options));
  std::vector<event::SourceRecord> records;
  for (Received& item : received) records.push_back(record_of(request.arn, std::move(item)));
  co_return records;
}

event::SourceRecord QueueSource::record_of(const std::string& arn, Received received) const {
  const Message& message = received.message;
  json::object attributes, message_attributes, record;
  for (auto& [name, value] : system_attributes(received)) attributes[name] = value;
  for (const auto& [name, attribute] : message.attributes) {
    json::object out;
    if (attribute.is_binary()) {
      out["binaryValue"] = base64_encode(attribute.value);
    } else {
      out["stringValue"] = attribute.value;
    }
    out["stringListValues"] = json::array();
    out["binaryListValues"] = json::array();
    out["dataType"] = attribute.type;
    message_attributes[name] = std::move(out);
  }
  event::SourceRecord source;
  source.handle = received.handle.str();
  source.id = uuid_text(message.id);
  source.cause = TraceContext::parse_header(message.trace_header);
  record["messageId"] = source.id;
  record["receiptHandle"] = source.handle;
  record["body"] = message.body;
  record["attributes"] = std::move(attributes);
  record["messageAttributes"] = std::move(message_attributes);
  if (!message.attributes_md5.empty()) {
    record["md5OfMessageAttributes"] = hex_encode(message.attributes_md5);
  }
  record["md5OfBody"] = hex_encode(message.body_md5);
  record["eventSource"] = "aws:sqs";
  record["eventSourceARN"] = arn;
  record["awsRegion"] = kernel_.region;
  source.document = json::serialize(record);
  return source;
}

Task<Result<void>> QueueSource::ack(std::string arn, std::vector<std::string> handles,
                                    store::Batch also) {
  CO_TRY(std::string name, logic_.name_of(arn));
  CO_TRY(auto outcomes, co_await logic_.remove({name, logic_.owner_access()}, std::move(handles),
                                               std::move(also)));
  co_return all_of(outcomes);
}

Task<Result<void>> QueueSource::release(std::string arn, std::vector<std::string> handles,
                                        Millis delay) {
  CO_TRY(std::string name, logic_.name_of(arn));
  std::vector<VisibilityEntry> entries;
  for (std::string& handle : handles) entries.push_back({std::move(handle), seconds_of(delay)});
  CO_TRY(auto outcomes,
         co_await logic_.change_visibility({name, logic_.owner_access()}, std::move(entries)));
  co_return all_of(outcomes);
}

Task<Result<uint64_t>> QueueSource::backlog(std::string arn) {
  CO_TRY(std::string name, logic_.name_of(arn));
  co_return co_await logic_.backlog({name, logic_.owner_access()});
}

Task<Result<event::PullSource::Info>> QueueSource::describe(std::string arn) {
  CO_TRY(std::string name, logic_.name_of(arn));
  CO_TRY(Settings settings, co_await logic_.settings({name, logic_.owner_access()}));
  co_return Info{settings.visibility, settings.kind == QueueKind::kFifo};
}

}  // namespace suiro::sqs
