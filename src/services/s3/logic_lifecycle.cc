// SPDX-License-Identifier: Apache-2.0
// Lifecycle: at each midnight in UTC a bucket with enabled rules is walked, and what is due goes:
// current versions, noncurrent ones, delete markers with nothing behind them, uploads that nobody
// finished.
//
//   put configuration --schedule_lifecycle()--> timer at midnight --run_lifecycle()--> timer at
//   midnight
//                                                              --no rules any more--> no timer
// Every timer of a bucket has the same name and a midnight as its time: setting it twice is setting
// it once.
#include <algorithm>

#include "services/s3/codec.h"
#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

constexpr std::string_view kTimerKind = "s3.lifecycle";
constexpr size_t kRemovedAtOnceMax = 1000;
// Rows that a walk reads or removes before it makes way for others.
constexpr size_t kRowsASliceMax = 1000;
// It then rests as long as they took, so that it takes at most half of what a sweep could take.
constexpr Millis kRestMax{200};

class Slices {
 public:
  explicit Slices(Clock& clock) : clock_(clock), begun_(clock.steady()) {}
  Task<void> add(size_t rows) {
    rows_ += rows;
    if (rows_ < kRowsASliceMax) co_return;
    const auto took = std::chrono::ceil<Millis>(clock_.steady() - begun_);
    if (took > Millis(0)) co_await clock_.sleep_for(std::min(took, kRestMax));
    rows_ = 0;
    begun_ = clock_.steady();
  }

 private:
  Clock& clock_;
  Micros begun_;
  size_t rows_ = 0;
};

// What the rules say about the versions of one key, from the newest to the oldest.
class Judge {
 public:
  Judge(const Bucket& bucket, TimePoint now) : bucket_(bucket), now_(now) {}

  bool current_is_due(ByteView key, const ObjectRecord& record) const {
    return any([&](auto& rule) {
      auto due = rule.expires(record);
      return due && *due <= now_ && rule.covers(key, record);
    });
  }

  // A delete marker with nothing behind it.
  bool lone_marker_is_due(ByteView key, const ObjectRecord& record) const {
    return any([&](auto& rule) {
      if (!rule.covers(key, record)) return false;
      return rule.lone_delete_markers ||
             (rule.days && midnight_after(record.modified, *rule.days) <= now_);
    });
  }

  // `newer`: how many noncurrent versions are newer; `since`: when this one became noncurrent.
  bool noncurrent_is_due(ByteView key, const ObjectRecord& record, size_t newer,
                         TimePoint since) const {
    return any([&](auto& rule) {
      return rule.noncurrent_days && newer >= static_cast<size_t>(rule.noncurrent_kept) &&
             midnight_after(since, *rule.noncurrent_days) <= now_ && rule.covers(key, record);
    });
  }

  bool upload_is_due(ByteView key, const UploadRecord& record) const {
    return any([&](auto& rule) {
      return rule.abort_days && rule.covers(key) &&
             midnight_after(record.initiated, *rule.abort_days) <= now_;
    });
  }

 private:
  template <class Says>
  bool any(Says says) const {
    return std::any_of(bucket_.lifecycle.begin(), bucket_.lifecycle.end(), says);
  }
  const Bucket& bucket_;
  TimePoint now_;
};

VersionChoice choice_of(const ObjectRecord& record) {
  if (record.null_version) return {VersionChoice::Kind::kNull};
  return {VersionChoice::Kind::kId, record.id};
}

}  // namespace

void Logic::schedule_lifecycle(store::Batch& batch, const std::string& bucket) {
  TimePoint due = midnight_after(kernel_.clock.now() + Millis(1), 0);
  kernel_.timers.set(batch, {std::string(kTimerKind), bucket, bucket, due, {}});
}

Requester Logic::lifecycle_requester() {
  TimePoint now = kernel_.clock.now();
  Requester out{.request_id = new_request_uuid(now, kernel_.random),
                .trace = TraceContext::begin(now, kernel_.random),
                .principal = "AmazonS3",
                .source_ip = "s3.amazonaws.com",
                .start = now};
  out.trace.span_id = new_span_id(now, kernel_.random);
  return out;
}

Task<Result<void>> Logic::run_lifecycle(event::Timer timer, store::Batch consume) {
  auto found = co_await bucket(timer.owner);
  if (!found && found.error().code != "NoSuchBucket") co_return fail(found.error());
  if (found && !(*found)->lifecycle.empty()) {
    CO_TRY_VOID(co_await expire_versions(*found));
    CO_TRY_VOID(co_await expire_uploads(*found));
    schedule_lifecycle(consume, timer.owner);
  }
  CO_TRY_VOID(co_await storage_.store().commit(std::move(consume)));
  co_return ok();
}

// Removes what has gathered once it is enough for a commit or two.
Task<Result<void>> Logic::remove_full(const RemoveRequest& request,
                                      std::vector<RemoveItem>& items) {
  if (items.size() < kRemovedAtOnceMax) co_return ok();
  CO_TRY_VOID(co_await remove_many(request, std::exchange(items, {})));
  co_return ok();
}

Task<Result<void>> Logic::expire_versions(BucketPtr bucket) {
  Judge judge(*bucket, kernel_.clock.now());
  RemoveRequest request{.requester = lifecycle_requester(),
                        .bucket = bucket->name,
                        .event_family = "s3:LifecycleExpiration",
                        .operation = "s3:LifecycleExpiration"};
  std::vector<RemoveItem> items;
  Slices slices(kernel_.clock);
  const store::Key base = keys::heads_of(bucket->name);
  store::ScanOptions options{.range = store::KeyRange::prefix(base)};
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await storage_.store().scan(options));
    for (auto& entry : page.entries) {
      Bytes key = entry.key.substr(base.size());
      CO_TRY(auto head, decode<ObjectRecord>(entry.value));
      if (!head.delete_marker && judge.current_is_due(key, head)) {
        items.push_back({.key = key, .version = {}, .if_match = {}, .only = head.id});
      }
      if (bucket->record.versioning == Versioning::kOff) continue;
      // The versions behind the head, newest first.
      size_t newer = 0;
      TimePoint since = head.modified;
      store::ScanOptions behind{.range = keys::behind_all(bucket->name, key)};
      for (bool older = true; older;) {
        CO_TRY(auto versions, co_await storage_.store().scan(behind));
        for (auto& row : versions.entries) {
          CO_TRY(auto record, decode<ObjectRecord>(row.value));
          if (judge.noncurrent_is_due(key, record, newer, since)) {
            items.push_back({key, choice_of(record), {}, record.id});
          }
          ++newer;
          since = record.modified;
        }
        older = versions.more && !versions.entries.empty();
        if (older) behind.range.begin = versions.entries.back().key + '\0';
        CO_TRY_VOID(co_await remove_full(request, items));
        co_await slices.add(versions.entries.size());
      }
      if (head.delete_marker && newer == 0 && judge.lone_marker_is_due(key, head)) {
        items.push_back({key, choice_of(head), {}, head.id});
      }
      CO_TRY_VOID(co_await remove_full(request, items));
    }
    co_await slices.add(page.entries.size());
    more = page.more && !page.entries.empty();
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  CO_TRY_VOID(co_await remove_many(request, std::move(items)));
  co_return ok();
}

Task<Result<void>> Logic::expire_uploads(BucketPtr bucket) {
  Judge judge(*bucket, kernel_.clock.now());
  ListRequest list{.bucket = bucket->name};
  std::string after_upload;
  Slices slices(kernel_.clock);
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await list_uploads(list, after_upload));
    co_await slices.add(page.uploads.size());
    for (auto& upload : page.uploads) {
      if (!judge.upload_is_due(upload.key, upload.record)) continue;
      auto gone = co_await abort(lifecycle_requester(), bucket->name, upload.key, upload.id);
      if (!gone && gone.error().code != "NoSuchUpload") co_return gone;
    }
    more = page.truncated;
    list.after = page.next_key;
    after_upload = page.next_upload;
  }
  co_return ok();
}

std::optional<std::string> Logic::expiration(const Bucket& bucket, ByteView key,
                                             const ObjectRecord& record) {
  std::optional<std::string> out;
  std::optional<TimePoint> earliest;
  for (auto& rule : bucket.lifecycle) {
    auto due = rule.expires(record);
    if (!due || (earliest && *earliest <= *due) || !rule.covers(key, record)) continue;
    earliest = due;
    out = "expiry-date=\"" + format_http_date(*due) + "\", rule-id=\"" + percent_encode(rule.id) +
          "\"";
  }
  return out;
}

}  // namespace suiro::s3
