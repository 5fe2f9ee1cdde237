// SPDX-License-Identifier: Apache-2.0
// Queues themselves: create, delete, list, purge, attributes, tags, permissions.
#include <boost/json.hpp>

#include "services/sqs/logic.h"

namespace suiro::sqs {
namespace {

namespace json = boost::json;

constexpr size_t kTagKeyMax = 128;
constexpr size_t kTagValueMax = 256;
constexpr int32_t kListMax = 1000;

std::string seconds_text(TimePoint time) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch());
  return fmt::format("{}", seconds.count());
}

Result<void> check_tags(const Attributes& tags, std::string_view queue) {
  if (tags.size() > kTagsMax) {
    return fail(kInvalidParameterValue, fmt::format("Too many tags added for queue {}.", queue));
  }
  for (const auto& [key, value] : tags) {
    if (key.empty() || key.size() > kTagKeyMax || value.size() > kTagValueMax) {
      return fail(kInvalidParameterValue,
                  fmt::format("Tag keys have 1 to {} characters and tag values at most {}.",
                              kTagKeyMax, kTagValueMax));
    }
  }
  return ok();
}

std::string policy_text(const Queue& queue) {
  auto found = queue.record.attributes.find("Policy");
  return found == queue.record.attributes.end() ? std::string() : found->second;
}

Result<size_t> page_size(const ListOptions& options) {
  if (!options.max_results) return static_cast<size_t>(kListMax);
  if (*options.max_results < 1 || *options.max_results > kListMax) {
    return bad_value(*options.max_results, "MaxResults",
                     "MaxResults must be an integer between "
                     "1 and 1000.");
  }
  return static_cast<size_t>(*options.max_results);
}

}  // namespace

// --- create and delete
// -----------------------------------------------------------------------------

Task<Result<void>> Logic::create_queue(On on, Attributes attributes, Attributes tags) {
  CO_TRY_VOID(authorize_owner("sqs:CreateQueue", on.access));
  auto there = [&]() -> Task<Result<void>> {
    co_return co_await create_here(on.queue, std::move(attributes), std::move(tags));
  };
  co_return co_await run_on(kernel_.shards.owner(on.queue), there);
}

Task<Result<void>> Logic::create_here(std::string name, Attributes attributes, Attributes tags) {
  CO_TRY(QueueKind kind, check_queue_name(name));
  auto fifo = attributes.find("FifoQueue");
  bool wants_fifo = fifo != attributes.end() && fifo->second == "true";
  if (wants_fifo != (kind == QueueKind::kFifo)) {
    co_return fail(kInvalidParameterValue,
                   "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
                   "underscores, must end with .fifo suffix and be 1 to 80 in length.");
  }
  CO_TRY(Attributes stored, changed_attributes({}, attributes, kind, When::kCreate));
  CO_TRY_VOID(check_tags(tags, name));
  Part& own = part(name);
  ControlLock lock = co_await ControlLock::take(own.control);
  if (auto found = find(name)) {
    Attributes shown = shown_attributes((*found)->record.attributes, kind);
    for (const auto& [key, value] : attributes) {
      if (value.empty() ? !shown.contains(key) : shown[key] == value) continue;
      co_return fail(kQueueNameExists,
                     fmt::format("A queue already exists with the same name and a different value "
                                 "for attribute {}",
                                 key));
    }
    co_return ok();
  }
  TimePoint now = kernel_.clock.now();
  auto grave = own.deleted_at.find(name);
  if (grave != own.deleted_at.end() && grave->second + kRecreateInterval > now) {
    co_return fail(kQueueDeletedRecently,
                   "You must wait 60 seconds after deleting a queue before you can create another "
                   "with the same name.");
  }
  if (own.queues.size() >= kQueuesMax) {
    co_return fail(kOverLimit, fmt::format("A shard holds at most {} queues.", kQueuesMax));
  }
  if (auto text = stored.find("RedrivePolicy"); text != stored.end()) {
    CO_TRY_VOID(co_await check_redrive(arn_of(name), kind, text->second));
  }
  QueueRecord record{QueueId(kernel_.random.next()), now, now, std::move(stored), std::move(tags)};
  store::Batch batch;
  batch.put(storage::queue_key(name), storage::encode(record));
  batch.erase(storage::tombstone_key(name));
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  own.deleted_at.erase(name);
  own.queues[name] = make_queue(name, std::move(record), kind);
  co_return ok();
}

Task<Result<void>> Logic::delete_queue(On on) {
  auto run = [this](QueuePtr queue) -> Task<Result<void>> {
    Part& own = part(queue->name);
    ControlLock lock = co_await ControlLock::take(own.control);
    if (queue->deleted) co_return no_such_queue();
    queue->deleted = true;
    TimePoint now = kernel_.clock.now();
    store::Batch batch;
    batch.erase(storage::queue_key(queue->name));
    storage::erase_contents(batch, queue->id());
    batch.put(storage::tombstone_key(queue->name), storage::encode_time(now));
    auto committed = co_await kernel_.store.commit(std::move(batch));
    if (!committed) {
      queue->deleted = false;
      co_return fail(std::move(committed).error());
    }
    own.deleted_at[queue->name] = now;
    own.queues.erase(queue->name);
    queue->index.clear();
    queue->arrived.notify_all();
    queue->settled.notify_all();
    co_return ok();
  };
  co_return co_await on_queue(std::move(on), "sqs:DeleteQueue", run);
}

Task<Result<void>> Logic::find_queue(On on) {
  auto run = [](QueuePtr) -> Task<Result<void>> { co_return ok(); };
  co_return co_await on_queue(std::move(on), "sqs:GetQueueUrl", run);
}

// The page of `names` that follows the token: the last name of the page before.
Result<Names> Logic::page_of(const std::set<std::string>& names, const ListOptions& options) {
  TRY(size_t count, page_size(options));
  auto after = base64_decode(options.next_token);
  if (!after) return bad_value(options.next_token, "NextToken", "Invalid or expired token.");
  Names page;
  for (auto at = names.upper_bound(*after); at != names.end(); ++at) {
    if (page.names.size() == count) {
      // Without MaxResults a client does not page: it gets the first thousand.
      if (options.max_results) page.next_token = base64_encode(page.names.back());
      break;
    }
    page.names.push_back(*at);
  }
  return page;
}

Task<Result<Names>> Logic::list_queues(Access access, ListOptions options) {
  CO_TRY_VOID(authorize_owner("sqs:ListQueues", access));
  std::set<std::string> names;
  for (size_t i = 0; i < parts_.size(); ++i) {
    auto there = [&]() -> Task<void> {
      auto& queues = parts_[i]->queues;
      for (auto at = queues.lower_bound(options.prefix);
           at != queues.end() && at->first.starts_with(options.prefix); ++at) {
        if (!at->second->deleted) names.insert(at->first);
      }
      co_return;
    };
    co_await run_on(kernel_.shards.executor(i), there);
  }
  co_return page_of(names, options);
}

Task<Result<void>> Logic::purge(On on) {
  auto run = [this](QueuePtr queue) -> Task<Result<void>> {
    TimePoint now = kernel_.clock.now();
    if (queue->purged_at != TimePoint{} && now < queue->purged_at + kPurgeInterval) {
      co_return fail(kPurgeQueueInProgress,
                     fmt::format("Only one PurgeQueue operation on {} is allowed every 60 seconds.",
                                 queue->name));
    }
    queue->purged_at = now;
    Sequence end = queue->index.end();
    queue->index.clear();
    auto purged = co_await erase_below(queue, end);
    queue->settled.notify_all();
    co_return purged;
  };
  co_return co_await on_queue(std::move(on), "sqs:PurgeQueue", run);
}

// Memory has forgotten the messages already, so a store that is merely busy is asked again.
Task<Result<void>> Logic::erase_below(QueuePtr queue, Sequence end) {
  for (size_t attempt = 1;; ++attempt) {
    store::Batch batch;
    storage::erase_messages_below(batch, queue->id(), end);
    auto committed = co_await kernel_.store.commit(std::move(batch));
    if (committed) co_return ok();
    if (attempt == kPurgeAttemptsMax || !kernel_.store.latched().empty()) {
      co_return fail(std::move(committed).error());
    }
    co_await kernel_.clock.sleep_for(kPurgePause);
  }
}

// --- attributes
// ------------------------------------------------------------------------------------

Task<Result<Attributes>> Logic::get_attributes(On on, std::vector<std::string> names) {
  for (const std::string& name : names) {
    if (!is_known_attribute(name)) {
      co_return fail(kInvalidAttributeName, fmt::format("Unknown Attribute {}.", name));
    }
  }
  auto run = [&](QueuePtr queue) -> Task<Result<Attributes>> {
    Index& index = queue->index;
    index.advance(kernel_.clock.now());
    Attributes all = shown_attributes(queue->record.attributes, queue->settings.kind);
    all["QueueArn"] = queue->arn;
    all["CreatedTimestamp"] = seconds_text(queue->record.created_at);
    all["LastModifiedTimestamp"] = seconds_text(queue->record.modified_at);
    all["ApproximateNumberOfMessages"] = fmt::format("{}", index.waiting());
    all["ApproximateNumberOfMessagesNotVisible"] = fmt::format("{}", index.in_flight());
    all["ApproximateNumberOfMessagesDelayed"] = fmt::format("{}", index.delayed());
    if (std::ranges::find(names, "All") != names.end()) co_return all;
    Attributes asked;
    for (const std::string& name : names) {
      if (auto found = all.find(name); found != all.end()) asked.insert(*found);
    }
    co_return asked;
  };
  co_return co_await on_queue(std::move(on), "sqs:GetQueueAttributes", run);
}

Task<Result<void>> Logic::set_attributes(On on, Attributes changes) {
  auto run = [&](QueuePtr queue) -> Task<Result<void>> {
    ControlLock lock = co_await ControlLock::take(part(queue->name).control);
    co_return co_await change_attributes(queue, std::move(changes));
  };
  co_return co_await on_queue(std::move(on), "sqs:SetQueueAttributes", run);
}

Task<Result<void>> Logic::change_attributes(QueuePtr queue, Attributes changes) {
  if (queue->deleted) co_return no_such_queue();
  QueueKind kind = queue->settings.kind;
  QueueRecord record = queue->record;
  CO_TRY(record.attributes,
         changed_attributes(std::move(record.attributes), changes, kind, When::kSet));
  auto redrive = changes.find("RedrivePolicy");
  if (redrive != changes.end() && !redrive->second.empty()) {
    CO_TRY_VOID(co_await check_redrive(queue->arn, kind, redrive->second));
  }
  record.modified_at = kernel_.clock.now();
  co_return co_await save_record(queue, std::move(record));
}

Task<Result<void>> Logic::save_record(QueuePtr queue, QueueRecord record) {
  store::Batch batch;
  batch.put(storage::queue_key(queue->name), storage::encode(record));
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  Millis old_delay = queue->settings.delay;
  queue->settings = settings_of(record.attributes, queue->settings.kind);
  queue->record = std::move(record);
  queue->redrive_at = {};
  if (queue->settings.delay != old_delay) queue->index.redelay(queue->settings.delay);
  queue->index.advance(kernel_.clock.now());
  queue->arrived.notify_all();
  co_return ok();
}

// A dead-letter queue must exist, be of the same kind and let `source_arn` use it.
Task<Result<void>> Logic::check_redrive(std::string source_arn, QueueKind kind, std::string text) {
  constexpr std::string_view kName = "RedrivePolicy";
  Settings wanted = settings_of({{std::string(kName), text}}, kind);
  auto name = name_of(wanted.redrive->target.str());
  auto there = [&]() -> Task<Result<void>> {
    auto target = find(*name);
    if (!target) co_return bad_value(text, kName, "Dead letter target does not exist.");
    if ((*target)->settings.kind != kind) {
      co_return bad_value(text, kName,
                          "Dead-letter queue must be same type of queue as the source.");
    }
    if (!(*target)->settings.redrive_allow.allows(source_arn)) {
      co_return bad_value(text, kName,
                          "The dead-letter queue's RedriveAllowPolicy does not allow this source.");
    }
    co_return ok();
  };
  if (!name) co_return bad_value(text, kName, "Dead letter target does not exist.");
  co_return co_await run_on(kernel_.shards.owner(*name), there);
}

// --- tags and permissions
// --------------------------------------------------------------------------

Task<Result<void>> Logic::tag(On on, Attributes tags) {
  auto run = [&](QueuePtr queue) -> Task<Result<void>> {
    ControlLock lock = co_await ControlLock::take(part(queue->name).control);
    if (queue->deleted) co_return no_such_queue();
    QueueRecord record = queue->record;
    for (const auto& [key, value] : tags) record.tags[key] = value;
    CO_TRY_VOID(check_tags(record.tags, queue->name));
    co_return co_await save_record(queue, std::move(record));
  };
  co_return co_await on_queue(std::move(on), "sqs:TagQueue", run);
}

Task<Result<void>> Logic::untag(On on, std::vector<std::string> keys) {
  if (keys.empty()) {
    co_return fail(kMissingParameter, "The request must contain the parameter TagKeys.");
  }
  auto run = [&](QueuePtr queue) -> Task<Result<void>> {
    ControlLock lock = co_await ControlLock::take(part(queue->name).control);
    if (queue->deleted) co_return no_such_queue();
    QueueRecord record = queue->record;
    for (const std::string& key : keys) record.tags.erase(key);
    co_return co_await save_record(queue, std::move(record));
  };
  co_return co_await on_queue(std::move(on), "sqs:UntagQueue", run);
}

Task<Result<Attributes>> Logic::tags(On on) {
  auto run = [](QueuePtr queue) -> Task<Result<Attributes>> { co_return queue->record.tags; };
  co_return co_await on_queue(std::move(on), "sqs:ListQueueTags", run);
}

Task<Result<void>> Logic::change_policy(QueuePtr queue, std::string document) {
  co_return co_await change_attributes(queue, {{"Policy", std::move(document)}});
}

Task<Result<void>> Logic::add_permission(On on, Permission permission) {
  auto run = [&](QueuePtr queue) -> Task<Result<void>> {
    ControlLock lock = co_await ControlLock::take(part(queue->name).control);
    json::array principals, actions;
    for (const std::string& account : permission.accounts) {
      principals.emplace_back(fmt::format("arn:aws:iam::{}:root", account));
    }
    for (const std::string& action : permission.actions) actions.emplace_back("SQS:" + action);
    auto one_or_many = [](json::array& list) {
      return list.size() == 1 ? json::value(list[0]) : json::value(list);
    };
    json::object principal;
    principal["AWS"] = one_or_many(principals);
    json::object statement;
    statement["Sid"] = permission.label;
    statement["Effect"] = "Allow";
    statement["Principal"] = std::move(principal);
    statement["Action"] = one_or_many(actions);
    statement["Resource"] = queue->arn;
    json::object header;
    header["Version"] = "2008-10-17";
    header["Id"] = queue->arn + "/SQSDefaultPolicy";
    auto changed =
        policy::add_statement(policy_text(*queue), std::move(header), std::move(statement));
    if (!changed && changed.error().code == codes::kConditionFailed) {
      co_return bad_value(permission.label, "Label", "Already exists.");
    }
    CO_TRY(std::string document, std::move(changed));
    co_return co_await change_policy(queue, std::move(document));
  };
  if (permission.label.empty() || permission.label.size() > kQueueNameLengthMax ||
      permission.label.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789_-") != std::string::npos) {
    co_return bad_value(permission.label, "Label",
                        "Can only include alphanumeric characters, hyphens, or underscores. 1 to "
                        "80 in length.");
  }
  if (permission.accounts.empty() || permission.actions.empty() ||
      permission.accounts.size() > kPermissionsMax || permission.actions.size() > kPermissionsMax) {
    co_return fail(kMissingParameter,
                   "The request must contain the parameters AWSAccountIds and Actions, each with "
                   "1 to 20 entries.");
  }
  for (const std::string& action : permission.actions) {
    static const std::set<std::string, std::less<>> kActions = {"*",
                                                                "SendMessage",
                                                                "ReceiveMessage",
                                                                "DeleteMessage",
                                                                "GetQueueUrl",
                                                                "GetQueueAttributes",
                                                                "ChangeMessageVisibility",
                                                                "PurgeQueue",
                                                                "ListDeadLetterSourceQueues"};
    if (!kActions.contains(action)) {
      co_return bad_value("SQS:" + action, "ActionName",
                          "Only the queue owner is allowed to invoke this action.");
    }
  }
  co_return co_await on_queue(std::move(on), "sqs:AddPermission", run);
}

Task<Result<void>> Logic::remove_permission(On on, std::string label) {
  auto run = [&](QueuePtr queue) -> Task<Result<void>> {
    ControlLock lock = co_await ControlLock::take(part(queue->name).control);
    auto changed = policy::remove_statement(policy_text(*queue), label);
    if (!changed) co_return bad_value(label, "Label", "can't find label on existing policy.");
    co_return co_await change_policy(queue, *std::move(changed));
  };
  co_return co_await on_queue(std::move(on), "sqs:RemovePermission", run);
}

}  // namespace suiro::sqs
