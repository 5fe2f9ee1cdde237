// SPDX-License-Identifier: Apache-2.0
// Removing: objects, versions, delete markers, one or many in one commit.
#include <unordered_set>

#include "services/s3/codec.h"
#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

// Keys that DeleteObjects removes in one commit.
constexpr size_t kRemovedPerCommitMax = 250;

}  // namespace

Task<Result<Removed>> Logic::plan_remove(store::Batch& batch, BucketPtr bucket,
                                         const RemoveRequest& request, RemoveItem item) {
  CO_TRY_VOID(check_key(item.key));
  CO_TRY(auto head, co_await storage_.head(request.bucket, item.key));
  CO_TRY_VOID(check_write({.if_match = item.if_match}, item.key, head ? &head->record : nullptr));
  if (item.version.kind == VersionChoice::Kind::kCurrent) {
    co_return co_await plan_current(batch, bucket, request, item, std::move(head));
  }
  co_return co_await plan_version(batch, bucket, request, item, std::move(head));
}

Task<Result<Removed>> Logic::plan_current(store::Batch& batch, BucketPtr bucket,
                                          const RemoveRequest& request, const RemoveItem& item,
                                          std::optional<Stored<ObjectRecord>> head) {
  if (item.only && (!head || head->record.id != *item.only)) co_return Removed();
  const ObjectRecord* old = head ? &head->record : nullptr;
  store::Key at = keys::head(request.bucket, item.key);
  if (bucket->record.versioning == Versioning::kOff) {
    if (!head) co_return Removed();
    batch.require_version(at, head->version);
    batch.erase(std::move(at));
    CO_TRY_VOID(co_await storage_.release(batch, *old));
    notify(batch, *bucket, request.requester,
           {request.event_family + ":Delete", item.key, *old, next_order(old)});
    co_return Removed();
  }
  ObjectRecord marker{.id = next_id(old), .delete_marker = true, .modified = kernel_.clock.now()};
  batch.require_version(at, head ? head->version : store::Version());
  CO_TRY_VOID(co_await displace(batch, *bucket, item.key, head, marker));
  batch.put(std::move(at), encode(marker));
  notify(batch, *bucket, request.requester,
         {request.event_family + ":DeleteMarkerCreated", item.key, marker, marker.id.order});
  co_return Removed{marker.version_text(), true};
}

Task<Result<Removed>> Logic::plan_version(store::Batch& batch, BucketPtr bucket,
                                          const RemoveRequest& request, const RemoveItem& item,
                                          std::optional<Stored<ObjectRecord>> head) {
  const bool by_null = item.version.kind == VersionChoice::Kind::kNull;
  Removed out{by_null ? "null" : item.version.id.str(), false};
  if (!head) co_return out;
  auto located = co_await locate(request.bucket, item.key, item.version);
  if (!located && located.error().code == "NoSuchVersion") co_return out;
  if (!located) co_return fail(located.error());
  const ObjectRecord& record = located->stored.record;
  if (item.only && record.id != *item.only) co_return out;
  out.delete_marker = record.delete_marker;
  store::Key head_key = keys::head(request.bucket, item.key);
  batch.require_version(head_key, head->version);
  if (located->head) {
    if (located->stored.version != head->version) {
      co_return fail(codes::kConditionFailed, "the head changed meanwhile");
    }
    CO_TRY_VOID(co_await promote(batch, bucket, item.key, record));
  } else {
    store::Key at = keys::behind(request.bucket, item.key, record.id.order);
    batch.require_version(at, located->stored.version);
    batch.erase(std::move(at));
    if (record.null_version) {
      ObjectRecord changed = head->record;
      changed.null_behind = Order();
      batch.put(std::move(head_key), encode(changed));
    }
  }
  CO_TRY_VOID(co_await storage_.release(batch, record));
  notify(batch, *bucket, request.requester,
         {request.event_family + ":Delete", item.key, record, next_order(&head->record)});
  co_return out;
}

// The newest version behind the head takes the head's place; none: the key is gone.
Task<Result<void>> Logic::promote(store::Batch& batch, BucketPtr bucket, const Bytes& key,
                                  const ObjectRecord& old_head) {
  CO_TRY(auto next, co_await storage_.newest_behind(bucket->name, key));
  if (!next) {
    batch.erase(keys::head(bucket->name, key));
    co_return ok();
  }
  store::Key from = keys::behind(bucket->name, key, next->record.id.order);
  batch.require_version(from, next->version);
  batch.erase(std::move(from));
  if (!next->record.null_version) next->record.null_behind = old_head.null_behind;
  batch.put(keys::head(bucket->name, key), encode(next->record));
  co_return ok();
}

Task<Result<std::vector<Result<Removed>>>> Logic::remove_chunk(const RemoveRequest& request,
                                                               std::vector<RemoveItem> items) {
  using Results = std::vector<Result<Removed>>;
  auto attempt = [&](Freshness freshness) -> Task<Result<Results>> {
    CO_TRY(BucketPtr bucket, co_await this->bucket(request.bucket, freshness));
    Results out;
    store::Batch batch;
    for (auto& item : items) {
      store::Batch one;
      auto planned = co_await plan_remove(one, bucket, request, item);
      if (!planned && planned.error().code == codes::kConditionFailed) {
        co_return fail(planned.error());
      }
      if (planned) batch.merge(std::move(one));
      out.push_back(std::move(planned));
    }
    if (batch.empty()) co_return out;
    batch.require_version(keys::bucket(request.bucket), bucket->version);
    std::string resource = items.size() == 1 ? bucket->arn(items[0].key) : bucket->arn();
    record_span(batch, request.requester, request.operation, std::move(resource));
    CO_TRY_VOID(co_await storage_.store().commit(std::move(batch)));
    co_return out;
  };
  std::string resource = request.bucket + "/";
  if (items.size() == 1) resource += items[0].key;
  co_return co_await settle(std::move(resource), attempt);
}

Task<Result<Removed>> Logic::remove(RemoveRequest request, RemoveItem item) {
  std::vector<RemoveItem> items;
  items.push_back(std::move(item));
  CO_TRY(auto removed, co_await remove_chunk(request, std::move(items)));
  co_return std::move(removed.front());
}

Task<Result<std::vector<Result<Removed>>>> Logic::remove_many(RemoveRequest request,
                                                              std::vector<RemoveItem> items) {
  CO_TRY_VOID(co_await bucket(request.bucket, Freshness::kCached));
  std::vector<Result<Removed>> out;
  size_t next = 0;
  while (next < items.size()) {
    // A key that comes twice goes into a later commit: each plan sees what the earlier one left.
    std::vector<RemoveItem> chunk;
    std::unordered_set<std::string> names;
    while (next < items.size() && chunk.size() < kRemovedPerCommitMax &&
           names.insert(items[next].key).second) {
      chunk.push_back(std::move(items[next++]));
    }
    const size_t count = chunk.size();
    auto removed = co_await remove_chunk(request, std::move(chunk));
    if (removed) {
      for (auto& one : *removed) out.push_back(std::move(one));
    } else {
      for (size_t i = 0; i < count; ++i) out.push_back(fail(removed.error()));
    }
  }
  co_return out;
}

}  // namespace suiro::s3
