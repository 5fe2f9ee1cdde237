// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/api.h"

#include "base/digest.h"
#include "services/sqs/batch.h"
#include "services/sqs/events.h"
#include "services/sqs/wire.h"
#include "shapes/gen/sqs.h"

namespace suiro::sqs {

namespace shape = shapes::sqs;
using shapes::Call;

// One function an operation, chosen by its input.
struct Api::Handlers {
  using Batch = Result<Logic::Outcomes>;

  // --- queues
  // --------------------------------------------------------------------------------------
  static Task<Result<shape::CreateQueueResult>> run(Api& api, Call& call,
                                                    shape::CreateQueueRequest in) {
    CO_TRY_VOID(co_await api.logic_.create_queue({in.queue_name, api.access_of(call)},
                                                 std::move(in.attributes).value_or(Attributes()),
                                                 std::move(in.tags).value_or(Attributes())));
    co_return shape::CreateQueueResult{api.url_of(call, in.queue_name)};
  }

  static Task<Result<shape::DeleteQueueResponse>> run(Api& api, Call& call,
                                                      shape::DeleteQueueRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(co_await api.logic_.delete_queue(std::move(on)));
    co_return shape::DeleteQueueResponse{};
  }

  static Task<Result<shape::GetQueueUrlResult>> run(Api& api, Call& call,
                                                    shape::GetQueueUrlRequest in) {
    if (in.queue_owner_aws_account_id.value_or(api.kernel_.account) != api.kernel_.account) {
      co_return no_such_queue();
    }
    CO_TRY_VOID(co_await api.logic_.find_queue({in.queue_name, api.access_of(call)}));
    co_return shape::GetQueueUrlResult{api.url_of(call, in.queue_name)};
  }

  static Task<Result<shape::ListQueuesResult>> run(Api& api, Call& call,
                                                   shape::ListQueuesRequest in) {
    CO_TRY(Names names, co_await api.logic_.list_queues(
                            api.access_of(call), {in.queue_name_prefix.value_or(""),
                                                  in.next_token.value_or(""), in.max_results}));
    shape::ListQueuesResult out;
    if (!names.names.empty()) out.queue_urls = api.urls_of(call, names.names);
    if (!names.next_token.empty()) out.next_token = names.next_token;
    co_return out;
  }

  static Task<Result<shape::PurgeQueueResponse>> run(Api& api, Call& call,
                                                     shape::PurgeQueueRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(co_await api.logic_.purge(std::move(on)));
    co_return shape::PurgeQueueResponse{};
  }

  static Task<Result<shape::GetQueueAttributesResult>> run(Api& api, Call& call,
                                                           shape::GetQueueAttributesRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    std::vector<std::string> names;
    if (in.attribute_names) names = std::move(*in.attribute_names);
    CO_TRY(Attributes attributes,
           co_await api.logic_.get_attributes(std::move(on), std::move(names)));
    shape::GetQueueAttributesResult out;
    if (!attributes.empty()) out.attributes = std::move(attributes);
    co_return out;
  }

  static Task<Result<shape::SetQueueAttributesResponse>> run(Api& api, Call& call,
                                                             shape::SetQueueAttributesRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(co_await api.logic_.set_attributes(std::move(on), std::move(in.attributes)));
    co_return shape::SetQueueAttributesResponse{};
  }

  static Task<Result<shape::TagQueueResponse>> run(Api& api, Call& call,
                                                   shape::TagQueueRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(co_await api.logic_.tag(std::move(on), std::move(in.tags)));
    co_return shape::TagQueueResponse{};
  }

  static Task<Result<shape::UntagQueueResponse>> run(Api& api, Call& call,
                                                     shape::UntagQueueRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(co_await api.logic_.untag(std::move(on), std::move(in.tag_keys)));
    co_return shape::UntagQueueResponse{};
  }

  static Task<Result<shape::ListQueueTagsResult>> run(Api& api, Call& call,
                                                      shape::ListQueueTagsRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY(Attributes tags, co_await api.logic_.tags(std::move(on)));
    shape::ListQueueTagsResult out;
    if (!tags.empty()) out.tags = std::move(tags);
    co_return out;
  }

  static Task<Result<shape::AddPermissionResponse>> run(Api& api, Call& call,
                                                        shape::AddPermissionRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(co_await api.logic_.add_permission(
        std::move(on),
        {std::move(in.label), std::move(in.aws_account_ids), std::move(in.actions)}));
    co_return shape::AddPermissionResponse{};
  }

  static Task<Result<shape::RemovePermissionResponse>> run(Api& api, Call& call,
                                                           shape::RemovePermissionRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(co_await api.logic_.remove_permission(std::move(on), std::move(in.label)));
    co_return shape::RemovePermissionResponse{};
  }

  // --- messages
  // ------------------------------------------------------------------------------------
  static Task<Result<shape::SendMessageResult>> run(Api& api, Call& call,
                                                    shape::SendMessageRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    Bytes system_md5 = system_digest(in.message_system_attributes);
    std::vector<SendEntry> entries(1);
    CO_TRY(entries[0], send_entry(call, std::move(in)));
    CO_TRY(auto results, co_await api.logic_.send(std::move(on), std::move(entries)));
    CO_TRY(Sent sent, std::move(results.front()));
    shape::SendMessageResult out;
    out.message_id = sent.message_id;
    out.md5_of_message_body = hex_encode(sent.body_md5);
    set_digest(out.md5_of_message_attributes, sent.attributes_md5);
    set_digest(out.md5_of_message_system_attributes, system_md5);
    if (sent.sequence) out.sequence_number = sequence_text(*sent.sequence);
    co_return out;
  }

  static Task<Result<shape::SendMessageBatchResult>> run(Api& api, Call& call,
                                                         shape::SendMessageBatchRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(check_batch(ids_of(in.entries), "SendMessageBatchRequestEntry"));
    shape::SendMessageBatchResult out;
    std::vector<SendEntry> entries;
    std::vector<std::string> ids;
    std::vector<Bytes> system_md5s;
    for (auto& entry : in.entries) {
      std::string id = entry.id;
      Bytes system_md5 = system_digest(entry.message_system_attributes);
      auto made = send_entry(call, std::move(entry));
      if (!made) {
        out.failed.push_back(batch_error(id, made.error()));
        continue;
      }
      entries.push_back(*std::move(made));
      ids.push_back(std::move(id));
      system_md5s.push_back(std::move(system_md5));
    }
    if (entries.empty()) co_return out;
    CO_TRY(auto results, co_await api.logic_.send(std::move(on), std::move(entries)));
    for (size_t i = 0; i < results.size(); ++i) {
      if (!results[i]) {
        out.failed.push_back(batch_error(ids[i], results[i].error()));
        continue;
      }
      const Sent& sent = *results[i];
      shape::SendMessageBatchResultEntry entry;
      entry.id = ids[i];
      entry.message_id = sent.message_id;
      entry.md5_of_message_body = hex_encode(sent.body_md5);
      set_digest(entry.md5_of_message_attributes, sent.attributes_md5);
      set_digest(entry.md5_of_message_system_attributes, system_md5s[i]);
      if (sent.sequence) entry.sequence_number = sequence_text(*sent.sequence);
      out.successful.push_back(std::move(entry));
    }
    co_return out;
  }

  static Task<Result<shape::ReceiveMessageResult>> run(Api& api, Call& call,
                                                       shape::ReceiveMessageRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY(Shown shown, shown_of(in));
    ReceiveOptions options;
    options.count = in.max_number_of_messages.value_or(1);
    options.visibility_s = in.visibility_timeout;
    options.wait_s = in.wait_time_seconds;
    options.attempt_id = in.receive_request_attempt_id.value_or("");
    options.cancellation = call.cancellation;
    CO_TRY(auto received, co_await api.logic_.receive(std::move(on), std::move(options)));
    shape::ReceiveMessageResult out;
    if (received.empty()) co_return out;
    out.messages.emplace();
    for (Received& item : received) {
      out.messages->push_back(message_of(std::move(item), shown));
    }
    co_return out;
  }

  static Task<Result<shape::DeleteMessageResponse>> run(Api& api, Call& call,
                                                        shape::DeleteMessageRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    std::vector<std::string> handles;
    handles.push_back(std::move(in.receipt_handle));
    CO_TRY(auto outcomes, co_await api.logic_.remove(std::move(on), std::move(handles)));
    CO_TRY_VOID(std::move(outcomes.front()));
    co_return shape::DeleteMessageResponse{};
  }

  static Task<Result<shape::DeleteMessageBatchResult>> run(Api& api, Call& call,
                                                           shape::DeleteMessageBatchRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(check_batch(ids_of(in.entries), "DeleteMessageBatchRequestEntry"));
    std::vector<std::string> handles;
    for (auto& entry : in.entries) handles.push_back(std::move(entry.receipt_handle));
    CO_TRY(auto outcomes, co_await api.logic_.remove(std::move(on), std::move(handles)));
    co_return batch_result<shape::DeleteMessageBatchResult>(ids_of(in.entries), outcomes);
  }

  static Task<Result<shape::ChangeMessageVisibilityResponse>> run(
      Api& api, Call& call, shape::ChangeMessageVisibilityRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    std::vector<VisibilityEntry> entries;
    entries.push_back({std::move(in.receipt_handle), in.visibility_timeout});
    CO_TRY(auto outcomes, co_await api.logic_.change_visibility(std::move(on), std::move(entries)));
    CO_TRY_VOID(std::move(outcomes.front()));
    co_return shape::ChangeMessageVisibilityResponse{};
  }

  static Task<Result<shape::ChangeMessageVisibilityBatchResult>> run(
      Api& api, Call& call, shape::ChangeMessageVisibilityBatchRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY_VOID(check_batch(ids_of(in.entries), "ChangeMessageVisibilityBatchRequestEntry"));
    std::vector<VisibilityEntry> entries;
    for (auto& entry : in.entries) {
      entries.push_back({std::move(entry.receipt_handle), entry.visibility_timeout.value_or(0)});
    }
    CO_TRY(auto outcomes, co_await api.logic_.change_visibility(std::move(on), std::move(entries)));
    co_return batch_result<shape::ChangeMessageVisibilityBatchResult>(ids_of(in.entries), outcomes);
  }

  // --- dead letters
  // --------------------------------------------------------------------------------
  static Task<Result<shape::ListDeadLetterSourceQueuesResult>> run(
      Api& api, Call& call, shape::ListDeadLetterSourceQueuesRequest in) {
    CO_TRY(On on, api.on(call, in.queue_url));
    CO_TRY(Names names, co_await api.logic_.dead_letter_sources(
                            std::move(on), {"", in.next_token.value_or(""), in.max_results}));
    shape::ListDeadLetterSourceQueuesResult out;
    out.queue_urls = api.urls_of(call, names.names);
    if (!names.next_token.empty()) out.next_token = names.next_token;
    co_return out;
  }

  static Task<Result<shape::StartMessageMoveTaskResult>> run(
      Api& api, Call& call, shape::StartMessageMoveTaskRequest in) {
    CO_TRY(std::string handle, co_await api.logic_.start_move(
                                   {in.source_arn, in.destination_arn.value_or(""),
                                    in.max_number_of_messages_per_second, api.access_of(call)}));
    co_return shape::StartMessageMoveTaskResult{std::move(handle)};
  }

  static Task<Result<shape::CancelMessageMoveTaskResult>> run(
      Api& api, Call& call, shape::CancelMessageMoveTaskRequest in) {
    CO_TRY(uint64_t moved, co_await api.logic_.cancel_move(in.task_handle, api.access_of(call)));
    co_return shape::CancelMessageMoveTaskResult{static_cast<int64_t>(moved)};
  }

  static Task<Result<shape::ListMessageMoveTasksResult>> run(
      Api& api, Call& call, shape::ListMessageMoveTasksRequest in) {
    CO_TRY(auto tasks, co_await api.logic_.list_moves(in.source_arn, in.max_results.value_or(1),
                                                      api.access_of(call)));
    shape::ListMessageMoveTasksResult out;
    out.results.emplace();
    for (const MoveTaskView& task : tasks) out.results->push_back(move_task_of(task));
    co_return out;
  }
};

// --- queue URLs
// ------------------------------------------------------------------------------------

Access Api::access_of(const Call& call) const {
  Access access;
  using Kind = policy::Caller::Kind;
  switch (call.principal.kind) {
    case shapes::Principal::Kind::kRoot:
    case shapes::Principal::Kind::kFunction:
    case shapes::Principal::Kind::kUser:
    case shapes::Principal::Kind::kRole:
      access.caller.kind = Kind::kAccount;
      break;
    case shapes::Principal::Kind::kService:
      access.caller.kind = Kind::kService;
      access.caller.service = call.principal.arn;
      break;
    case shapes::Principal::Kind::kAnonymous:
      access.caller.kind = Kind::kAnonymous;
      break;
  }
  access.caller.account = call.principal.account;
  access.caller.arn = call.principal.arn;
  access.source_ip = call.source_ip;
  access.user_agent = call.user_agent;
  access.secure = call.secure;
  access.denial = call.denial;
  if (!access.denial.empty()) access.caller.trust = policy::Caller::Trust::kSelf;
  if (call.principal.kind == shapes::Principal::Kind::kRole) {
    access.caller.role_arn = call.principal.session->role_arn;
  }
  return access;
}

// "http://host/account/name"; the host does not matter: one server can be reached by many names.
Result<On> Api::on(const Call& call, std::string_view queue_url) const {
  size_t slash = queue_url.rfind('/');
  size_t before = slash == std::string_view::npos || slash == 0 ? std::string_view::npos
                                                                : queue_url.rfind('/', slash - 1);
  if (before == std::string_view::npos || slash + 1 == queue_url.size()) {
    return fail(kInvalidAddress,
                fmt::format("The address {} is not valid for this endpoint.", queue_url));
  }
  std::string_view account = queue_url.substr(before + 1, slash - before - 1);
  if (account != kernel_.account) return no_such_queue();
  return On{std::string(queue_url.substr(slash + 1)), access_of(call)};
}

std::string Api::url_of(const Call& call, std::string_view name) const {
  if (call.host.empty()) return fmt::format("{}/{}/{}", kernel_.endpoint, kernel_.account, name);
  return fmt::format("{}://{}/{}/{}", call.secure ? "https" : "http", call.host, kernel_.account,
                     name);
}

std::vector<std::string> Api::urls_of(const Call& call,
                                      const std::vector<std::string>& names) const {
  std::vector<std::string> urls;
  for (const std::string& name : names) urls.push_back(url_of(call, name));
  return urls;
}

// --- registration
// ----------------------------------------------------------------------------------

template <class Op>
void Api::add(shapes::Registry& registry) {
  static const std::string kind = fmt::format("sqs:{}", Op::operation().name);
  registry.add<Op>(
      [this](Call& call, typename Op::Input input) -> Task<Result<typename Op::Output>> {
        Micros begin = kernel_.clock.steady();
        std::string resource;
        if constexpr (requires { input.queue_url; }) {
          if (auto target = on(call, input.queue_url)) resource = logic_.arn_of(target->queue);
        }
        auto output = co_await Handlers::run(*this, call, std::move(input));
        // A name that does not exist would let clients grow the journal's counters at will.
        if (!output && output.error().code == kQueueDoesNotExist) resource.clear();
        kernel_.journal.count(kind, resource,
                              output ? event::Span::Status::kOk : event::Span::Status::kError,
                              kernel_.clock.steady() - begin);
        co_return output;
      });
}

void Api::add_operations(shapes::Registry& registry) {
  namespace op = shape::op;
  add<op::AddPermission>(registry);
  add<op::CancelMessageMoveTask>(registry);
  add<op::ChangeMessageVisibility>(registry);
  add<op::ChangeMessageVisibilityBatch>(registry);
  add<op::CreateQueue>(registry);
  add<op::DeleteMessage>(registry);
  add<op::DeleteMessageBatch>(registry);
  add<op::DeleteQueue>(registry);
  add<op::GetQueueAttributes>(registry);
  add<op::GetQueueUrl>(registry);
  add<op::ListDeadLetterSourceQueues>(registry);
  add<op::ListMessageMoveTasks>(registry);
  add<op::ListQueueTags>(registry);
  add<op::ListQueues>(registry);
  add<op::PurgeQueue>(registry);
  add<op::ReceiveMessage>(registry);
  add<op::RemovePermission>(registry);
  add<op::SendMessage>(registry);
  add<op::SendMessageBatch>(registry);
  add<op::SetQueueAttributes>(registry);
  add<op::StartMessageMoveTask>(registry);
  add<op::TagQueue>(registry);
  add<op::UntagQueue>(registry);
}

}  // namespace suiro::sqs
