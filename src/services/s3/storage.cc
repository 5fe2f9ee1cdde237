// SPDX-License-Identifier: Apache-2.0
#include "services/s3/storage.h"

#include "base/check.h"
#include "services/s3/codec.h"

namespace suiro::s3 {
namespace keys {
namespace {

constexpr char kSpace = '3';
constexpr char kBucket = 'b', kHead = 'o', kBehind = 'v', kPartsList = 'm', kUpload = 'u',
               kPart = 'p', kCompleted = 'c';
constexpr std::string_view kEndMark("\0\0", 2);

store::Key begin(char kind, std::string_view bucket, size_t more = 0) {
  store::Key out;
  out.reserve(3 + bucket.size() + more);
  out.push_back(kSpace);
  out.push_back(kind);
  out.append(bucket);
  out.push_back('\0');
  return out;
}

}  // namespace

Bytes escape(ByteView key) {
  Bytes out;
  out.reserve(key.size());
  for (char c : key) {
    out.push_back(c);
    if (c == '\0') out.push_back('\xFF');
  }
  return out;
}

std::optional<Unescaped> unescape(ByteView bytes) {
  Unescaped out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    out.key.push_back(bytes[i]);
    if (bytes[i] != '\0') continue;
    if (i + 1 == bytes.size()) return std::nullopt;
    if (bytes[i + 1] == '\0') {
      out.key.pop_back();
      out.rest = bytes.substr(i + 2);
      return out;
    }
    if (bytes[i + 1] != '\xFF') return std::nullopt;
    ++i;
  }
  return std::nullopt;
}

Bytes after_prefix(Bytes prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<uint8_t>(prefix.back()) + 1);
  return prefix;
}

store::Key bucket(std::string_view bucket) {
  store::Key out;
  out.push_back(kSpace);
  out.push_back(kBucket);
  out.append(bucket);
  return out;
}

store::KeyRange buckets() {
  return store::KeyRange::prefix(bucket({}));
}
store::Key heads_of(std::string_view bucket) {
  return begin(kHead, bucket);
}
store::Key behind_of(std::string_view bucket) {
  return begin(kBehind, bucket);
}
store::Key uploads_of(std::string_view bucket) {
  return begin(kUpload, bucket);
}
store::Key completed_of(std::string_view bucket) {
  return begin(kCompleted, bucket);
}

store::Key head(std::string_view bucket, ByteView key) {
  store::Key out = begin(kHead, bucket, key.size());
  out.append(key);
  return out;
}

store::Key behind(std::string_view bucket, ByteView key, Order order) {
  store::Key out = behind_of(bucket);
  out.append(escape(key)).append(kEndMark);
  append_be64(out, ~order.value());
  return out;
}

store::KeyRange behind_all(std::string_view bucket, ByteView key) {
  store::Key out = behind_of(bucket);
  out.append(escape(key)).append(kEndMark);
  return store::KeyRange::prefix(std::move(out));
}

store::Key parts_list(ByteView list) {
  store::Key out;
  out.push_back(kSpace);
  out.push_back(kPartsList);
  out.append(list);
  return out;
}

store::Key upload(std::string_view bucket, ByteView key, const UploadId& id) {
  store::Key out = uploads_of(bucket);
  out.append(escape(key)).append(kEndMark).append(id.value());
  return out;
}

store::Key part(std::string_view bucket, const UploadId& id, uint32_t number) {
  store::Key out = begin(kPart, bucket, 34);
  out.append(id.value());
  append_be16(out, static_cast<uint16_t>(number));
  return out;
}

store::KeyRange parts(std::string_view bucket, const UploadId& id) {
  store::Key out = begin(kPart, bucket, 34);
  out.append(id.value());
  return store::KeyRange::prefix(std::move(out));
}

store::Key completed(std::string_view bucket, const UploadId& id) {
  return completed_of(bucket) + id.value();
}

}  // namespace keys

template <class Record>
Task<Result<std::optional<Stored<Record>>>> Storage::load(store::Key key) {
  CO_TRY(auto entry, co_await store_.get(std::move(key)));
  if (!entry) co_return std::optional<Stored<Record>>();
  CO_TRY(Record record, decode<Record>(entry->value));
  co_return std::optional(Stored<Record>{std::move(record), entry->version});
}

Task<Result<std::optional<Stored<BucketRecord>>>> Storage::bucket(std::string name) {
  return load<BucketRecord>(keys::bucket(name));
}

Task<Result<std::optional<Stored<ObjectRecord>>>> Storage::head(std::string bucket, Bytes key) {
  return load<ObjectRecord>(keys::head(bucket, key));
}

Task<Result<std::optional<Stored<ObjectRecord>>>> Storage::behind(std::string bucket, Bytes key,
                                                                  Order order) {
  return load<ObjectRecord>(keys::behind(bucket, key, order));
}

Task<Result<std::optional<Stored<ObjectRecord>>>> Storage::newest_behind(std::string bucket,
                                                                         Bytes key) {
  store::ScanOptions options{.range = keys::behind_all(bucket, key), .rows_max = 1};
  CO_TRY(auto page, co_await store_.scan(std::move(options)));
  if (page.entries.empty()) co_return std::optional<Stored<ObjectRecord>>();
  CO_TRY(auto record, decode<ObjectRecord>(page.entries[0].value));
  co_return std::optional(Stored<ObjectRecord>{std::move(record), page.entries[0].version});
}

Task<Result<std::vector<PartEntry>>> Storage::parts_list(Bytes list) {
  CO_TRY(auto entry, co_await store_.get(keys::parts_list(list)));
  if (!entry) co_return fail(codes::kNotFound, "the object was replaced meanwhile", Retry::kLater);
  co_return decode<std::vector<PartEntry>>(entry->value);
}

Task<Result<std::optional<Stored<UploadRecord>>>> Storage::upload(std::string bucket, Bytes key,
                                                                  UploadId id) {
  return load<UploadRecord>(keys::upload(bucket, key, id));
}

Task<Result<std::optional<Stored<PartRecord>>>> Storage::part(std::string bucket, UploadId id,
                                                              uint32_t number) {
  return load<PartRecord>(keys::part(bucket, id, number));
}

Task<Result<std::vector<std::pair<uint32_t, PartRecord>>>> Storage::parts(std::string bucket,
                                                                          UploadId id) {
  std::vector<std::pair<uint32_t, PartRecord>> out;
  store::ScanOptions options{.range = keys::parts(bucket, id)};
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await store_.scan(options));
    for (auto& entry : page.entries) {
      CO_TRY(auto record, decode<PartRecord>(entry.value));
      ByteView key = entry.key;
      out.emplace_back(read_be16(key.substr(key.size() - 2)), std::move(record));
    }
    CHECK(out.size() <= kPartNumberMax);
    more = page.more && !page.entries.empty();
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return out;
}

Task<Result<std::optional<Stored<CompletedRecord>>>> Storage::completed(std::string bucket,
                                                                        UploadId id) {
  return load<CompletedRecord>(keys::completed(bucket, id));
}

Task<Result<void>> Storage::release(store::Batch& batch, const ObjectRecord& record) {
  if (record.blob) batch.release(*record.blob);
  if (record.parts_list.empty()) co_return ok();
  auto parts = co_await parts_list(record.parts_list);
  if (!parts && parts.error().code == codes::kNotFound) {
    co_return fail(codes::kConditionFailed, parts.error().message);  // who plans with it plans anew
  }
  if (!parts) co_return fail(std::move(parts).error());
  for (auto& part : *parts) {
    if (part.blob) batch.release(*part.blob);
  }
  batch.erase(keys::parts_list(record.parts_list));
  co_return ok();
}

}  // namespace suiro::s3
