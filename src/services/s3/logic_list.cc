// SPDX-License-Identifier: Apache-2.0
// Lists of objects, of versions and of uploads. A common prefix costs one seek, however many keys
// it holds.
#include "services/s3/codec.h"
#include "services/s3/cursor.h"
#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

// With a delimiter most of a long page would be skipped.
constexpr size_t kRowsWithDelimiter = 100;

size_t page_rows(const ListRequest& request) {
  return request.delimiter.empty() ? std::min(request.rows_max + 1, kListKeysMax)
                                   : kRowsWithDelimiter;
}

// Whether `after` is itself a common prefix: then everything below it was given.
bool is_rolled(const ListRequest& request) {
  return request.after.starts_with(request.prefix) &&
         rolled_up(request.after, request.prefix, request.delimiter) == request.after &&
         !request.after.empty();
}

// Where a listing of plain names begins, and whether it has anything to give.
store::KeyRange range_of(const store::Key& base, const ListRequest& request) {
  store::KeyRange range = store::KeyRange::prefix(base + request.prefix);
  if (request.after.empty()) return range;
  store::Key begin =
      is_rolled(request) ? base + keys::after_prefix(request.after) : base + request.after + '\0';
  range.begin = std::max(range.begin, std::move(begin));
  return range;
}

}  // namespace

Task<Result<Listing>> Logic::list(ListRequest request) {
  CO_TRY_VOID(co_await bucket(request.bucket, Freshness::kCached));
  Listing out;
  if (request.rows_max == 0) co_return out;
  const store::Key base = keys::heads_of(request.bucket);
  Cursor heads(storage_.store().snapshot(), range_of(base, request), page_rows(request));
  while (true) {
    CO_TRY(const store::Entry* entry, co_await heads.peek());
    if (entry == nullptr) co_return out;
    CO_TRY(auto record, decode<ObjectRecord>(entry->value));
    if (record.delete_marker) {
      heads.pop();
      continue;
    }
    if (out.objects.size() + out.prefixes.size() == request.rows_max) {
      out.truncated = true;
      co_return out;
    }
    Bytes key = entry->key.substr(base.size());
    if (auto rolled = rolled_up(key, request.prefix, request.delimiter); !rolled.empty()) {
      out.next = rolled;
      out.prefixes.emplace_back(rolled);
      heads.seek(base + keys::after_prefix(Bytes(rolled)));
      continue;
    }
    heads.pop();
    out.next = key;
    out.objects.push_back({std::move(key), std::move(record), true});
  }
}

namespace {

// Gives versions until the page is full.
class VersionPage {
 public:
  VersionPage(const VersionsRequest& request, std::optional<Order> below)
      : request_(request), below_(below) {}
  // False: the page is full.
  bool add(const Bytes& key, ObjectRecord record, bool latest) {
    if (key == request_.list.after && below_ && record.id.order >= *below_) return true;
    if (full()) return false;
    out.next = key;
    out.next_version = record.id.str();
    out.objects.push_back({key, std::move(record), latest});
    return true;
  }
  bool add_prefix(ByteView prefix) {
    if (full()) return false;
    out.next = prefix;
    out.next_version.clear();
    out.prefixes.emplace_back(prefix);
    return true;
  }
  Listing out;

 private:
  bool full() {
    out.truncated = out.objects.size() + out.prefixes.size() == request_.list.rows_max;
    return out.truncated;
  }
  const VersionsRequest& request_;
  std::optional<Order> below_;
};

std::optional<Order> null_order(const std::optional<Stored<ObjectRecord>>& head) {
  if (!head) return std::nullopt;
  if (head->record.null_version) return head->record.id.order;
  if (head->record.null_behind == Order()) return std::nullopt;
  return head->record.null_behind;
}

}  // namespace

Task<Result<Listing>> Logic::list_versions(VersionsRequest request) {
  const ListRequest& list = request.list;
  CO_TRY_VOID(co_await bucket(list.bucket, Freshness::kCached));
  std::optional<Order> below;
  if (request.after_version == "null") {
    CO_TRY(auto head, co_await storage_.head(list.bucket, list.after));
    below = null_order(head);
  } else if (auto id = VersionId::parse(request.after_version)) {
    below = id->order;
  }
  VersionPage page(request, below);
  if (list.rows_max == 0) co_return page.out;
  const store::Key base = keys::heads_of(list.bucket);
  const store::Key base_behind = keys::behind_of(list.bucket);
  store::KeyRange range = range_of(base, list);
  // The marker's own key has versions left to give.
  if (below && !is_rolled(list)) range.begin = std::max(base + list.prefix, base + list.after);
  auto snapshot = storage_.store().snapshot();
  Cursor heads(snapshot, range, page_rows(list));
  Cursor behind(snapshot, store::KeyRange::prefix(base_behind + keys::escape(list.prefix)),
                page_rows(list));
  while (true) {
    CO_TRY(const store::Entry* entry, co_await heads.peek());
    if (entry == nullptr) co_return std::move(page.out);
    Bytes key = entry->key.substr(base.size());
    if (auto rolled = rolled_up(key, list.prefix, list.delimiter); !rolled.empty()) {
      if (!page.add_prefix(rolled)) co_return std::move(page.out);
      heads.seek(base + keys::after_prefix(Bytes(rolled)));
      continue;
    }
    CO_TRY(auto record, decode<ObjectRecord>(entry->value));
    if (!page.add(key, std::move(record), true)) co_return std::move(page.out);
    heads.pop();
    const store::KeyRange own = keys::behind_all(list.bucket, key);
    behind.seek(own.begin);
    while (true) {
      CO_TRY(const store::Entry* older, co_await behind.peek());
      if (older == nullptr || older->key >= own.end) break;
      CO_TRY(auto version, decode<ObjectRecord>(older->value));
      if (!page.add(key, std::move(version), false)) co_return std::move(page.out);
      behind.pop();
    }
  }
}

Task<Result<UploadListing>> Logic::list_uploads(ListRequest request, std::string after_upload) {
  CO_TRY_VOID(co_await bucket(request.bucket, Freshness::kCached));
  UploadListing out;
  if (request.rows_max == 0) co_return out;
  const store::Key base = keys::uploads_of(request.bucket);
  store::KeyRange range = store::KeyRange::prefix(base + keys::escape(request.prefix));
  if (!request.after.empty()) {
    store::Key begin = keys::upload(request.bucket, request.after, UploadId(after_upload)) + '\0';
    if (after_upload.empty()) {
      // Names above the marker only: every upload of its own key was given.
      begin = keys::upload(request.bucket, request.after, UploadId("~"));
    }
    if (is_rolled(request)) begin = base + keys::escape(keys::after_prefix(request.after));
    range.begin = std::max(range.begin, std::move(begin));
  }
  Cursor uploads(storage_.store().snapshot(), range, page_rows(request));
  while (true) {
    CO_TRY(const store::Entry* entry, co_await uploads.peek());
    if (entry == nullptr) co_return out;
    auto name = keys::unescape(ByteView(entry->key).substr(base.size()));
    if (!name) co_return fail(codes::kCorrupt, "an upload's key is not ours");
    if (out.uploads.size() + out.prefixes.size() == request.rows_max) {
      out.truncated = true;
      co_return out;
    }
    if (auto rolled = rolled_up(name->key, request.prefix, request.delimiter); !rolled.empty()) {
      out.next_key = rolled;
      out.next_upload.clear();
      out.prefixes.emplace_back(rolled);
      uploads.seek(base + keys::escape(keys::after_prefix(Bytes(rolled))));
      continue;
    }
    CO_TRY(auto record, decode<UploadRecord>(entry->value));
    out.next_key = name->key;
    out.next_upload = name->rest;
    out.uploads.push_back({name->key, UploadId(std::string(name->rest)), std::move(record)});
    uploads.pop();
  }
}

}  // namespace suiro::s3
