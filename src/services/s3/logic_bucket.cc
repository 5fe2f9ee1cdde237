// SPDX-License-Identifier: Apache-2.0
// Buckets: creation, deletion, configuration.
//
// A bucket is deleted in two commits, because no condition says "this range is empty":
//   live --delete_bucket() marks it--> deleting --it is empty--> gone
//                                      deleting --it fails, or start()--> live
// While it is marked no write succeeds: each requires the record by which it was judged.
#include <algorithm>

#include "base/check.h"
#include "services/s3/codec.h"
#include "services/s3/logic.h"
#include "services/s3/policy_rules.h"

namespace suiro::s3 {
namespace {

constexpr size_t kCachedBucketsMax = 10'000;  // a shard
constexpr std::string_view kLegacyRegion = "us-east-1";

Failure owned_by_you(std::string name) {
  return Failure(Error{"BucketAlreadyOwnedByYou",
                       "Your previous request to create the named bucket succeeded and you already "
                       "own it.",
                       Retry::kNever,
                       {{"BucketName", std::move(name)}}});
}

Failure not_empty(std::string name, bool versioned) {
  std::string text = "The bucket you tried to delete is not empty";
  if (versioned) text += ". You must delete all versions in the bucket.";
  return Failure(
      Error{"BucketNotEmpty", std::move(text), Retry::kNever, {{"BucketName", std::move(name)}}});
}

std::string arn_of(const std::string& bucket) {
  return "arn:aws:s3:::" + bucket;
}

// A bucket that is gone has an empty record.
void tell(policy::ResourcePolicies* policies, const std::string& bucket,
          const BucketRecord& record) {
  if (policies == nullptr) return;
  const std::string* text = record.document(documents::kPolicy);
  if (text == nullptr) return policies->erase(arn_of(bucket));
  auto normal = normal_policy(*text);
  if (!normal) return policies->put_unreadable(arn_of(bucket));
  policies->put(arn_of(bucket), *normal, policy::Form::kBucket);
}

}  // namespace

Logic::Logic(event::Kernel& kernel, Config config)
    : kernel_(kernel), config_(config), storage_(kernel.store), caches_(kernel.shards.size()) {
  for (size_t i = 0; i < kernel.shards.size(); ++i) turns_.emplace_back(kernel.shards.executor(i));
}

Task<Result<void>> Logic::start() {
  store::ScanOptions options{.range = keys::buckets()};
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await storage_.store().scan(options));
    for (auto& entry : page.entries) {
      CO_TRY(auto record, decode<BucketRecord>(entry.value));
      tell(config_.policies, entry.key.substr(2), record);
      if (!record.deleting) continue;
      record.deleting = false;
      store::Batch batch;
      batch.require_version(entry.key, entry.version);
      batch.put(entry.key, encode(record));
      CO_TRY_VOID(co_await storage_.store().commit(std::move(batch)));
    }
    more = page.more && !page.entries.empty();
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

// The bucket's policy as it is now, in the order of its changes: each of them reads after its
// commit, and one reads after the other.
Task<void> Logic::tell_policy(std::string name) {
  if (config_.policies == nullptr) co_return;
  auto read_and_tell = [this, name]() -> Task<void> {
    Turns& turns = turns_[kernel_.shards.owner_index(name)];
    co_await turns.take(name);
    Turn turn(turns, name);
    auto stored = co_await storage_.bucket(name);
    if (!stored) {
      config_.policies->put_unreadable(arn_of(name));
    } else {
      tell(config_.policies, name, *stored ? (*stored)->record : BucketRecord());
    }
  };
  co_await run_on(kernel_.shards.owner(name), read_and_tell);
}

// Drops the bucket from every shard's memory: what a client reads after its change is the change.
Task<void> Logic::forget(std::string name) {
  for (size_t i = 0; i < kernel_.shards.size(); ++i) {
    auto drop = [this, i, name]() -> Task<void> {
      caches_[i].buckets.erase(name);
      ++caches_[i].epoch;
      co_return;
    };
    co_await run_on(kernel_.shards.executor(i), drop);
  }
  co_await tell_policy(name);
}

Task<Result<BucketPtr>> Logic::bucket(std::string name, Freshness freshness) {
  Cache& cache = caches_[kernel_.shards.current()];
  if (freshness == Freshness::kCached) {
    auto found = cache.buckets.find(name);
    if (found != cache.buckets.end()) co_return found->second;
  }
  const uint64_t epoch = cache.epoch;
  CO_TRY(auto stored, co_await storage_.bucket(name));
  if (!stored) co_return no_such_bucket(name);
  CO_TRY(BucketPtr compiled, Bucket::compile(name, *std::move(stored)));
  // What was read before a change that forget() told of is not kept.
  if (!compiled->record.deleting && epoch == cache.epoch) {
    if (cache.buckets.size() >= kCachedBucketsMax) cache.buckets.clear();
    cache.buckets[name] = compiled;
  }
  co_return compiled;
}

Task<Result<void>> Logic::create_bucket(Requester requester, std::string name, Pairs documents) {
  CO_TRY_VOID(check_bucket_name(name));
  CO_TRY(auto page, co_await list_buckets("", "", kBucketsMax));
  CO_TRY(auto existing, co_await storage_.bucket(name));
  if (existing) {
    if (kernel_.region == kLegacyRegion) co_return ok();
    co_return owned_by_you(name);
  }
  if (page.buckets.size() >= kBucketsMax) {
    co_return fail("TooManyBuckets", "You have attempted to create more buckets than allowed");
  }
  BucketRecord record{
      .created = kernel_.clock.now(), .region = kernel_.region, .documents = std::move(documents)};
  store::Batch batch;
  batch.require_absent(keys::bucket(name));
  batch.put(keys::bucket(name), encode(record));
  record_span(batch, requester, "s3:CreateBucket", arn_of(name));
  auto committed = co_await storage_.store().commit(std::move(batch));
  if (committed) co_return ok();
  if (committed.error().code != codes::kConditionFailed) co_return fail(committed.error());
  if (kernel_.region == kLegacyRegion) co_return ok();
  co_return owned_by_you(name);
}

Task<Result<void>> Logic::check_empty(std::string name) {
  struct Place {
    store::Key begin;
    bool versioned;
  };
  for (auto& [begin, versioned] :
       {Place{keys::heads_of(name), false}, Place{keys::behind_of(name), true}}) {
    store::ScanOptions options{.range = store::KeyRange::prefix(begin), .rows_max = 1};
    CO_TRY(auto page, co_await storage_.store().scan(std::move(options)));
    if (page.entries.empty()) continue;
    CO_TRY(auto record, decode<ObjectRecord>(page.entries[0].value));
    co_return not_empty(name, versioned || record.delete_marker);
  }
  co_return ok();
}

Task<Result<void>> Logic::delete_bucket(Requester requester, std::string name) {
  CO_TRY_VOID(co_await bucket(name));
  CO_TRY_VOID(co_await check_empty(name));
  auto mark = [](BucketRecord& record, store::Batch&) -> Result<void> {
    if (record.deleting) return conflict();
    record.deleting = true;
    return ok();
  };
  CO_TRY_VOID(co_await edit_bucket(requester, name, "", mark));
  auto gone = co_await erase_bucket(requester, name);
  if (!gone) {
    auto unmark = [](BucketRecord& record, store::Batch&) -> Result<void> {
      record.deleting = false;
      return ok();
    };
    CO_TRY_VOID(co_await edit_bucket(requester, name, "", unmark));
    co_return gone;
  }
  co_await forget(name);
  co_return ok();
}

// The rest of a deletion: nothing comes into the bucket any more.
Task<Result<void>> Logic::erase_bucket(Requester requester, std::string name) {
  CO_TRY_VOID(co_await check_empty(name));
  // Uploads in progress do not hinder the deletion; they end with it.
  CO_TRY_VOID(co_await abort_all(requester, name));
  store::Batch batch;
  batch.erase(keys::bucket(name));
  batch.erase_range(store::KeyRange::prefix(keys::completed_of(name)));
  record_span(batch, requester, "s3:DeleteBucket", arn_of(name));
  CO_TRY_VOID(co_await storage_.store().commit(std::move(batch)));
  co_return ok();
}

Task<Result<Logic::BucketPage>> Logic::list_buckets(std::string prefix, std::string after,
                                                    size_t rows_max) {
  BucketPage out;
  store::ScanOptions options{.range = store::KeyRange::prefix(keys::bucket(prefix)),
                             .rows_max = rows_max};
  if (!after.empty()) {
    options.range.begin = std::max(options.range.begin, keys::bucket(after) + '\0');
    if (options.range.begin >= options.range.end) co_return out;
  }
  for (bool more = true; more && out.buckets.size() < rows_max;) {
    CO_TRY(auto page, co_await storage_.store().scan(options));
    for (auto& entry : page.entries) {
      CO_TRY(auto record, decode<BucketRecord>(entry.value));
      out.buckets.push_back({entry.key.substr(2), std::move(record)});
    }
    out.more = more = page.more && !page.entries.empty();
    if (more) options.range.begin = page.entries.back().key + '\0';
    options.rows_max = rows_max - out.buckets.size();
  }
  co_return out;
}

Task<Result<void>> Logic::edit_bucket(Requester requester, std::string name, std::string operation,
                                      BucketEdit edit) {
  auto attempt = [&](Freshness) -> Task<Result<void>> {
    CO_TRY(auto stored, co_await storage_.bucket(name));
    if (!stored) co_return no_such_bucket(name);
    store::Batch batch;
    batch.require_version(keys::bucket(name), stored->version);
    CO_TRY_VOID(edit(stored->record, batch));
    batch.put(keys::bucket(name), encode(stored->record));
    if (!operation.empty()) record_span(batch, requester, operation, arn_of(name));
    CO_TRY_VOID(co_await storage_.store().commit(std::move(batch)));
    co_return ok();
  };
  CO_TRY_VOID(co_await settle(name, attempt));
  co_await forget(name);
  co_return ok();
}

Task<Result<void>> Logic::put_document(Requester requester, std::string name, std::string operation,
                                       std::string document, std::optional<std::string> json) {
  auto edit = [&](BucketRecord& record, store::Batch&) -> Result<void> {
    record.set_document(document, json);
    return ok();
  };
  co_return co_await edit_bucket(requester, name, operation, edit);
}

Task<Result<std::optional<Logic::CorsAnswer>>> Logic::cors(CorsQuestion question) {
  CO_TRY(BucketPtr found, co_await bucket(question.bucket, Freshness::kCached));
  for (auto& rule : found->cors) {
    if (!rule.allows(question.origin, question.method, question.headers)) continue;
    const bool any = std::find(rule.origins.begin(), rule.origins.end(), "*") != rule.origins.end();
    co_return std::optional(CorsAnswer{rule, any});
  }
  co_return std::optional<CorsAnswer>();
}

void Logic::record_span(store::Batch& batch, const Requester& requester, std::string operation,
                        std::string resource) {
  TimePoint now = kernel_.clock.now();
  kernel_.journal.record(batch, {.trace_id = requester.trace.trace_id,
                                 .span_id = requester.trace.span_id,
                                 .parent_id = requester.caused_by,
                                 .kind = std::move(operation),
                                 .resource = std::move(resource),
                                 .request_id = requester.request_id,
                                 .start = requester.start,
                                 .duration = now - requester.start});
}

}  // namespace suiro::s3
