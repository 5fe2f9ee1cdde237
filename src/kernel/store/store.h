// SPDX-License-Identifier: Apache-2.0
// The store: ordered keys and values, blobs, and one way to change them, commit(Batch).
//
// Invariants:
//  1. A batch is applied whole or not at all; commit() completes only after it is durable (synced).
//  2. Batches are applied in the order of their commit sequence, one sequence number each.
//  Conditions
//     are evaluated in that order, against the state that all earlier batches left.
//  3. A failed write or sync latches the store: every later commit fails with kUnavailable and the
//     reason; nothing is retried. Reads go on.
//  4. The waiter of a commit resumes on the executor from which it called.
//  5. Nothing above assumes that keys are local: no iterators, no pointers into the store.
//
// Threads: every method may be called from any shard. Bytes on disk: docs/formats/store.md. Key
// spaces: docs/formats/keys.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/strong.h"
#include "base/task.h"

namespace suiro::store {

using Key = Bytes;

struct VersionTag;
// The commit sequence number at which a key was last written; 0: absent.
using Version = Strong<VersionTag, uint64_t>;

struct Entry {
  Key key;
  Bytes value;
  Version version;
};

// Half open: begin <= key < end. Nothing where end <= begin.
struct KeyRange {
  Key begin;
  Key end;
  // Every key that starts with `prefix`.
  static KeyRange prefix(Key prefix);
};

// Opaque name of a blob's bytes; it is what other records persist.
struct BlobRef {
  Bytes id;  // 16 random bytes
  uint64_t size_bytes = 0;
  enum class Place : uint8_t { kInline = 0, kFile = 1 } place = Place::kInline;

  Bytes encode() const;
  static Result<BlobRef> decode(ByteView bytes);
};

// A finished blob that no commit names yet. Destroying it before a batch that adopted it has
// committed discards the bytes.
class PendingBlob;

struct Condition {
  enum class Kind { kAbsent, kVersion, kValue } kind;
  Key key;
  Version version;  // kVersion
  Bytes value;      // kValue
};

// Conditions, writes and appended records that are committed together. Not thread-safe; moved into
// commit(). Later operations on a key win over earlier ones in the same batch.
class Batch {
 public:
  Batch();
  ~Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;

  void require_absent(Key key);
  void require_version(Key key, Version version);  // version 0 means absent
  void require_value(Key key, Bytes value);

  void put(Key key, Bytes value);
  void erase(Key key);
  void erase_range(KeyRange range);
  // Writes `value` under prefix + commit sequence (8 bytes, big-endian) + index in the batch (2
  // bytes, big-endian): keys of appended records grow in commit order. Observers of the prefix are
  // told.
  void append(Key prefix, Bytes value);

  // Makes the blob's bytes durable with this batch. The returned name is what records persist.
  BlobRef adopt(PendingBlob blob);
  // The same for a caller that builds its batch again when a condition fails: until a batch that
  // names it commits, the blob stays pending and may be adopted by another batch. Two batches in
  // flight at once must not name it.
  BlobRef adopt(std::shared_ptr<PendingBlob> blob);
  // The blob's bytes go when this batch commits. Readers that already opened it read on.
  void release(const BlobRef& blob);

  // The same conditions and writes once more, for a caller that builds its batch again when a
  // condition fails. As with adopt(): two batches that name a blob must not be in flight at once.
  Batch clone() const;
  // Appends everything of `other` after what is here.
  void merge(Batch other);
  bool empty() const;
  // Bytes of keys and values, for limits.
  size_t size_bytes() const;

 private:
  friend class BatchAccess;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

struct CommitReceipt {
  uint64_t sequence = 0;  // this batch's; the version of every key it wrote
};

struct AppendedRecord {
  Key key;
  Bytes value;
};

enum class Direction { kForward, kBackward };

struct ScanOptions {
  KeyRange range;
  size_t rows_max = 1000;
  size_t bytes_max = 4 << 20;  // stops after the row that reaches it
  Direction direction = Direction::kForward;
};

struct ScanPage {
  std::vector<Entry> entries;
  // True: rows remain. Go on behind entries.back().key: forward, range.begin = its key + '\0';
  // backward, range.end = its key.
  bool more = false;
};

// A frozen view. Hold it briefly: it keeps old versions from being collected.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Task<Result<std::optional<Entry>>> get(Key key) const = 0;
  virtual Task<Result<ScanPage>> scan(ScanOptions options) const = 0;
  // The last commit that this view holds.
  virtual uint64_t sequence() const = 0;
};

// Writes one blob of unknown length with bounded memory: small ones stay in memory until adopted,
// large ones go to a file. One coroutine at a time. Dropping it unfinished discards the bytes.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual Task<Result<void>> append(Bytes chunk) = 0;
  // Synced and renamed when this completes (files).
  virtual Task<Result<PendingBlob>> finish() = 0;
};

class PendingBlob {
 public:
  struct Impl;
  PendingBlob();  // no blob; only to be assigned to
  explicit PendingBlob(std::unique_ptr<Impl> impl);
  ~PendingBlob();
  PendingBlob(PendingBlob&&) noexcept;
  PendingBlob& operator=(PendingBlob&&) noexcept;
  uint64_t size_bytes() const;

 private:
  friend class Batch;
  friend class BatchAccess;
  std::unique_ptr<Impl> impl_;
};

// An opened blob: it stays readable when the blob is released meanwhile. One coroutine at a time.
class BlobReader {
 public:
  virtual ~BlobReader() = default;
  virtual uint64_t size_bytes() const = 0;
  // Reads exactly min(length, size - offset) bytes.
  virtual Task<Result<Bytes>> read(uint64_t offset, size_t length) = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // The latest committed state of one key.
  virtual Task<Result<std::optional<Entry>>> get(Key key) = 0;
  virtual Task<Result<ScanPage>> scan(ScanOptions options) = 0;
  virtual std::shared_ptr<const Snapshot> snapshot() = 0;

  // Errors: kConditionFailed (nothing was written; the message names the condition), kUnavailable
  // (the store is latched: whether this batch is durable is known after a restart), kTooLarge,
  // kThrottled (too many commits wait; nothing was written).
  virtual Task<Result<CommitReceipt>> commit(Batch batch) = 0;
  // Durable with the next group; nobody waits. For traces and counters only.
  virtual void commit_later(Batch batch) = 0;

  virtual std::unique_ptr<BlobWriter> write_blob() = 0;
  // Errors: kNotFound when the blob was released, kCorrupt.
  virtual Task<Result<std::unique_ptr<BlobReader>>> open_blob(BlobRef blob) = 0;

  // Called after each durable commit, in commit order, on the committer's thread: hand over, do not
  // work there. Reads that begin after the call see the commit. Register before the first commit.
  using AppendObserver = std::function<void(std::vector<AppendedRecord>)>;
  // Told of the records that were appended under `prefix` or under a longer one that starts with
  // it.
  virtual void observe_appends(Key prefix, AppendObserver observer) = 0;
  // Told of the keys that were put (not appended, not erased) and that start with `prefix`.
  virtual void observe_puts(Key prefix, AppendObserver observer) = 0;

  // A consistent copy that opens as a store, written to a new directory `to`, while work goes on.
  // Errors: kInvalidArgument when `to` exists and is not empty.
  virtual Task<Result<void>> backup(std::string to) = 0;

  // The reason why the store latched; empty while it works.
  virtual std::string latched() const = 0;
};

}  // namespace suiro::store
