// SPDX-License-Identifier: Apache-2.0
// Sending: checks, deduplication, sequences, one commit, and then into the index.
#include "base/digest.h"
#include "services/sqs/logic.h"

namespace suiro::sqs {
namespace {

constexpr size_t kHashBytes = 16;
constexpr int32_t kDelayMax = 900;

bool is_id(std::string_view text) {
  return text.size() <= kGroupIdLengthMax &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

Result<void> check_id(const std::string& value, std::string_view name) {
  if (is_id(value)) return ok();
  return bad_value(value, name,
                   fmt::format("{} can only include alphanumeric and punctuation characters. 1 to "
                               "128 in length.",
                               name));
}

std::string effective_deduplication_id(const Settings& settings, const SendEntry& entry) {
  if (!entry.deduplication_id.empty() || !settings.content_deduplication) {
    return entry.deduplication_id;
  }
  return hex_encode(sha256(entry.body));
}

Bytes deduplication_hash(const Settings& settings, const std::string& group,
                         const std::string& id) {
  Bytes scoped = "q";
  if (settings.deduplication_scope == Settings::Scope::kGroup) {
    scoped = "g";
    append_be32(scoped, static_cast<uint32_t>(group.size()));
    scoped += group;
  }
  return sha256(scoped + id).substr(0, kHashBytes);
}

size_t entry_bytes(const SendEntry& entry) {
  size_t total = entry.body.size();
  for (const auto& [name, attribute] : entry.attributes) {
    total += name.size() + attribute.type.size() + attribute.value.size();
  }
  return total;
}

}  // namespace

// One entry on its way: first what it is a duplicate of, if it is, then what it becomes.
struct Logic::Planned {
  Result<void> checked;
  std::string deduplication_id;
  Bytes hash;                            // FIFO
  std::optional<DedupRecord> duplicate;  // of an earlier request
  std::optional<size_t> twin;            // of an earlier entry of this request
};

Task<Result<Logic::SendResults>> Logic::send(On on, std::vector<SendEntry> entries,
                                             store::Batch also) {
  Access access = on.access;
  auto run = [&](QueuePtr queue) -> Task<Result<SendResults>> {
    co_return co_await send_here(queue, access, std::move(entries), std::move(also));
  };
  co_return co_await on_queue(std::move(on), "sqs:SendMessage", run);
}

Result<void> Logic::check_room(const Queue& queue) {
  if (queue.index.waiting() + queue.index.delayed() >= kMessagesMax) {
    return fail(kOverLimit, fmt::format("A queue holds at most {} messages.", kMessagesMax),
                Retry::kLater);
  }
  if (queue.deduplication.entries.size() >= kDeduplicationsMax) {
    return fail(
        kRequestThrottled,
        fmt::format("A FIFO queue takes at most {} messages in five minutes.", kDeduplicationsMax),
        Retry::kLater);
  }
  return ok();
}

Result<void> Logic::check_entry(const Queue& queue, const SendEntry& entry) const {
  if (entry.body.empty()) {
    return fail(kMissingParameter, "The request must contain the parameter MessageBody.");
  }
  TRY_VOID(check_text(entry.body));
  TRY_VOID(check_attributes(entry.attributes));
  if (entry_bytes(entry) > queue.settings.message_bytes_max) {
    return fail(kInvalidParameterValue,
                fmt::format("One or more parameters are invalid. Reason: Message must be shorter "
                            "than {} bytes.",
                            queue.settings.message_bytes_max));
  }
  if (entry.delay_s && (*entry.delay_s < 0 || *entry.delay_s > kDelayMax)) {
    return bad_value(*entry.delay_s, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.");
  }
  TRY_VOID(check_id(entry.group_id, "MessageGroupId"));
  TRY_VOID(check_id(entry.deduplication_id, "MessageDeduplicationId"));
  constexpr std::string_view kWrongType =
      "The request include parameter that is not valid for this queue type";
  if (!queue.is_fifo()) {
    if (entry.deduplication_id.empty()) return ok();
    return bad_value(entry.deduplication_id, "MessageDeduplicationId", kWrongType);
  }
  if (entry.group_id.empty()) {
    return fail(kMissingParameter, "The request must contain the parameter MessageGroupId.");
  }
  if (entry.delay_s && *entry.delay_s != 0) {
    return bad_value(*entry.delay_s, "DelaySeconds", kWrongType);
  }
  if (entry.deduplication_id.empty() && !queue.settings.content_deduplication) {
    return fail(kInvalidParameterValue,
                "The queue should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly");
  }
  return ok();
}

// Finds what each entry is a duplicate of. Waits for sends that are being committed, since their
// outcome decides. When it returns, nothing has changed since its last look.
Task<Result<void>> Logic::resolve_duplicates(QueuePtr queue, std::vector<Planned>& planned) {
  auto& entries = queue->deduplication.entries;
  for (size_t i = 0; i < planned.size();) {
    Planned& plan = planned[i];
    plan.twin.reset();
    auto known = plan.checked ? entries.find(plan.hash) : entries.end();
    bool expired = known != entries.end() && known->second.durable &&
                   known->second.sequence < deduplication_floor();
    if (expired) known = entries.end();
    if (known == entries.end()) {
      plan.duplicate.reset();
      for (size_t k = 0; plan.checked && k < i && !plan.twin; ++k) {
        if (planned[k].checked && planned[k].hash == plan.hash) plan.twin = k;
      }
      ++i;
      continue;
    }
    if (plan.duplicate && plan.duplicate->sequence == known->second.sequence) {
      ++i;
      continue;
    }
    if (!known->second.durable) {
      co_await queue->settled.wait();
    } else {
      store::Key key = storage::dedup_key(queue->id(), plan.hash);
      CO_TRY(auto entry, co_await kernel_.store.get(std::move(key)));
      if (entry) {
        CO_TRY(plan.duplicate, storage::decode_dedup(entry->value));
      }
    }
    if (queue->deleted) co_return no_such_queue();
    i = 0;
  }
  co_return ok();
}

Message Logic::make_message(SendEntry entry, const Access& access) {
  Message message;
  message.id = new_message_id(kernel_.random);
  message.sent_at = kernel_.clock.now();
  message.body_md5 = md5(entry.body);
  message.attributes_md5 = attributes_digest(entry.attributes);
  message.sender_id = access.caller.kind == policy::Caller::Kind::kService ? access.caller.service
                                                                           : access.caller.account;
  message.group_id = std::move(entry.group_id);
  message.deduplication_id = std::move(entry.deduplication_id);
  message.trace_header = std::move(entry.trace_header);
  message.attributes = std::move(entry.attributes);
  message.body = std::move(entry.body);
  return message;
}

Task<Result<Logic::SendResults>> Logic::send_here(QueuePtr queue, Access access,
                                                  std::vector<SendEntry> entries,
                                                  store::Batch also) {
  size_t total = 0;
  std::vector<Planned> planned(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    total += entry_bytes(entries[i]);
    planned[i].checked = check_entry(*queue, entries[i]);
    if (!queue->is_fifo() || !planned[i].checked) continue;
    planned[i].deduplication_id = effective_deduplication_id(queue->settings, entries[i]);
    planned[i].hash =
        deduplication_hash(queue->settings, entries[i].group_id, planned[i].deduplication_id);
  }
  if (entries.size() > 1 && total > kBatchBytesMax) {
    co_return fail(kBatchRequestTooLong,
                   fmt::format("Batch requests cannot be longer than {} bytes. You have sent {} "
                               "bytes.",
                               kBatchBytesMax, total));
  }
  // What comes along is not committed without the messages: a refused one refuses the whole.
  if (!also.empty()) {
    for (const Planned& plan : planned) CO_TRY_VOID(plan.checked);
  }
  CO_TRY_VOID(check_room(*queue));
  Draft draft;
  draft.batch = std::move(also);
  if (queue->is_fifo()) {
    CO_TRY_VOID(co_await resolve_duplicates(queue, planned));
    expire_deduplication(*queue, draft.batch, 2 * kBatchEntriesMax);
  }
  // From here to the commit without suspension: sequences are drawn in the order of the commits.
  for (size_t i = 0; i < entries.size(); ++i) {
    add_to(draft, *queue, planned[i], std::move(entries[i]), access);
  }
  if (draft.outgoing.empty() && draft.batch.empty()) co_return std::move(draft.results);
  auto done = co_await enqueue(queue, std::move(draft.outgoing), std::move(draft.batch));
  for (const Bytes& hash : draft.hashes) {
    auto entry = queue->deduplication.entries.find(hash);
    if (entry == queue->deduplication.entries.end()) continue;
    entry->second.durable = true;
    if (!done) queue->deduplication.entries.erase(entry);
  }
  queue->settled.notify_all();
  if (!done) co_return fail(std::move(done).error());
  co_return std::move(draft.results);
}

void Logic::add_to(Draft& draft, Queue& queue, const Planned& plan, SendEntry entry,
                   const Access& access) {
  if (!plan.checked) {
    draft.results.emplace_back(fail(plan.checked.error()));
    return;
  }
  TimePoint now = kernel_.clock.now();
  Millis delay = entry.delay_s && !queue.is_fifo() ? Millis(std::chrono::seconds(*entry.delay_s))
                                                   : queue.settings.delay;
  if (queue.is_fifo()) entry.deduplication_id = plan.deduplication_id;
  Message message = make_message(std::move(entry), access);
  Sent sent{uuid_text(message.id), message.body_md5, message.attributes_md5, {}};
  if (plan.duplicate) {
    sent.message_id = uuid_text(plan.duplicate->message_id);
    sent.sequence = plan.duplicate->sequence;
  } else if (plan.twin) {
    sent.message_id = (*draft.results[*plan.twin]).message_id;
    sent.sequence = (*draft.results[*plan.twin]).sequence;
  } else {
    Sequence sequence = queue.index.next(now);
    TimePoint visible_at = delay > Millis(0) ? now + delay : TimePoint{};
    if (queue.is_fifo()) {
      sent.sequence = sequence;
      draft.batch.put(storage::dedup_key(queue.id(), plan.hash),
                      storage::encode(DedupRecord{sequence, message.id}));
      queue.deduplication.entries[plan.hash] = {sequence, false};
      queue.deduplication.by_age.emplace_back(sequence, plan.hash);
      draft.hashes.push_back(plan.hash);
    }
    draft.outgoing.push_back(
        {{sequence, visible_at, std::nullopt, message.group_id}, storage::encode(message)});
  }
  draft.results.emplace_back(std::move(sent));
}

Task<Result<void>> Logic::enqueue(QueuePtr queue, std::vector<Outgoing> messages,
                                  store::Batch batch) {
  Part& own = part(queue->name);
  uint64_t ticket = queue->next_publish++;
  Publish& waiting = queue->publishing[ticket];
  bool caches = queue->index.waiting() < kCachedDepthMax;
  for (Outgoing& message : messages) {
    MessageState state;
    // A FIFO queue's delay is the queue's own at any time: it is not stored with the message.
    if (!queue->is_fifo()) {
      state.visible_at = message.added.visible_at;
    } else {
      state.group_id = message.added.group_id;
    }
    state.sent_at = message.added.sent_at;
    waiting.messages.push_back(message.added);
    Sequence sequence = message.added.sequence;
    if (caches) own.cache.put(queue->id(), sequence, message.encoded);
    storage::put_message(batch, queue->id(), sequence, state, std::move(message.encoded));
  }
  auto committed = co_await kernel_.store.commit(std::move(batch));
  publish(*queue, ticket, committed.has_value());
  if (!committed) co_return fail(std::move(committed).error());
  co_return ok();
}

void Logic::publish(Queue& queue, uint64_t ticket, bool committed) {
  Publish& own = queue.publishing[ticket];
  own.done = true;
  if (!committed) own.messages.clear();
  TimePoint now = kernel_.clock.now();
  size_t count = 0;
  while (!queue.publishing.empty() && queue.publishing.begin()->second.done) {
    for (const Index::Added& message : queue.publishing.begin()->second.messages) {
      // What is still delayed by an earlier setting of a FIFO queue comes first.
      if (queue.is_fifo()) queue.index.advance(now);
      if (!queue.deleted) queue.index.add(message, now);
      ++count;
    }
    queue.publishing.erase(queue.publishing.begin());
  }
  for (size_t i = 0; i < count && queue.arrived.notify_one(); ++i) {
  }
}

Sequence Logic::deduplication_floor() const {
  TimePoint oldest = kernel_.clock.now() - kDeduplicationTime + Millis(1);
  auto ms = static_cast<uint64_t>(std::max<int64_t>(oldest.time_since_epoch().count(), 0));
  return Sequence(ms << kSequenceTimeShift);
}

void Logic::expire_deduplication(Queue& queue, store::Batch& batch, size_t count_max) {
  auto& [entries, by_age] = queue.deduplication;
  Sequence oldest = deduplication_floor();
  for (size_t i = 0; i < count_max && !by_age.empty() && by_age.front().first < oldest; ++i) {
    auto found = entries.find(by_age.front().second);
    if (found != entries.end() && found->second.sequence == by_age.front().first) {
      if (!found->second.durable) return;
      batch.erase(storage::dedup_key(queue.id(), found->first));
      entries.erase(found);
    }
    by_age.pop_front();
  }
}

}  // namespace suiro::sqs
