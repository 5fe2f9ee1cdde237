// SPDX-License-Identifier: Apache-2.0
// Storage: where S3's records lie in the store, and how they are read and written in batches. No
// rules. Key layout: docs/formats/s3.md.
//
// Invariants:
//  1. A key with at least one version has a head; the other versions lie behind it, newest first.
//  2. Every blob that a batch makes unreachable is released in that batch.
//
// Thread: any. Errors: those of the store, kCorrupt for bytes that are not ours.
#pragma once

#include "kernel/store/store.h"
#include "services/s3/types.h"

namespace suiro::s3 {

namespace keys {
store::Key bucket(std::string_view bucket);
// Heads: the rest of the store's key is the object's key, byte for byte.
store::Key head(std::string_view bucket, ByteView key);
// A version that is not the head.
store::Key behind(std::string_view bucket, ByteView key, Order order);
// Every version of `key` that is not the head.
store::KeyRange behind_all(std::string_view bucket, ByteView key);
store::Key parts_list(ByteView list);
store::Key upload(std::string_view bucket, ByteView key, const UploadId& id);
store::Key part(std::string_view bucket, const UploadId& id, uint32_t number);
store::KeyRange parts(std::string_view bucket, const UploadId& id);
store::Key completed(std::string_view bucket, const UploadId& id);
store::KeyRange buckets();

// Beginning of all heads (other versions, uploads, completed uploads) of a bucket.
store::Key heads_of(std::string_view bucket);
store::Key behind_of(std::string_view bucket);
store::Key uploads_of(std::string_view bucket);
store::Key completed_of(std::string_view bucket);

// An object's key so that keys stay in order and none is the beginning of another: 00 becomes 00
// FF.
Bytes escape(ByteView key);
// What escape() made, up to the end mark 00 00; `rest` is what follows the mark. nullopt: not ours.
struct Unescaped {
  Bytes key;
  ByteView rest;
};
std::optional<Unescaped> unescape(ByteView bytes);
// The smallest byte string above every one that begins with `prefix`; empty: none is.
Bytes after_prefix(Bytes prefix);
}  // namespace keys

class Storage {
 public:
  explicit Storage(store::Store& store) : store_(store) {}
  store::Store& store() { return store_; }

  Task<Result<std::optional<Stored<BucketRecord>>>> bucket(std::string name);
  Task<Result<std::optional<Stored<ObjectRecord>>>> head(std::string bucket, Bytes key);
  Task<Result<std::optional<Stored<ObjectRecord>>>> behind(std::string bucket, Bytes key,
                                                           Order order);
  // The newest version behind the head.
  Task<Result<std::optional<Stored<ObjectRecord>>>> newest_behind(std::string bucket, Bytes key);
  Task<Result<std::vector<PartEntry>>> parts_list(Bytes list);
  Task<Result<std::optional<Stored<UploadRecord>>>> upload(std::string bucket, Bytes key,
                                                           UploadId id);
  Task<Result<std::optional<Stored<PartRecord>>>> part(std::string bucket, UploadId id,
                                                       uint32_t number);
  // Every part of an upload by number: at most kPartNumberMax.
  Task<Result<std::vector<std::pair<uint32_t, PartRecord>>>> parts(std::string bucket, UploadId id);
  Task<Result<std::optional<Stored<CompletedRecord>>>> completed(std::string bucket, UploadId id);

  // Releases the version's blobs and, of a multipart object, its list of parts.
  Task<Result<void>> release(store::Batch& batch, const ObjectRecord& record);

 private:
  template <class Record>
  Task<Result<std::optional<Stored<Record>>>> load(store::Key key);

  store::Store& store_;
};

}  // namespace suiro::s3
