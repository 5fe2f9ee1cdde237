// SPDX-License-Identifier: Apache-2.0
// Logic: the rules of S3. It knows neither the wire nor the keys.
//
// Invariants:
//  1. A change is built against the records that it read and committed under the condition that
//  they
//     are still the same; when another change came first it is built again, at most
//     kCommitAttemptsMax times. No resource has an owner shard.
//  2. Every change of a bucket's content requires the version of the bucket's record that it was
//  judged
//     by: a change of the configuration, or the deletion of the bucket, makes it be judged again.
//     Copies of configurations in memory may therefore be old without harm.
//  3. An object, its event and its journal span are one commit.
//
// Thread: any shard. Errors: AWS's (errors.h). Bytes on disk: docs/formats/s3.md.
#pragma once

#include <atomic>
#include <map>
#include <unordered_map>

#include "base/task.h"
#include "engine/policy/resource_policies.h"
#include "kernel/event/kernel.h"
#include "services/s3/bucket.h"
#include "services/s3/errors.h"
#include "services/s3/storage.h"
#include "services/s3/turns.h"
#include "services/s3/types.h"
#include "shapes/call.h"

namespace suiro::s3 {

struct Config {
  // Whether the store encrypts what it writes; only then replies say AES256
  // (docs/decisions/070-s3-encryption-honesty.md).
  bool encrypted_at_rest = false;
  // Is told of the buckets' policies. Null: nobody asks them.
  policy::ResourcePolicies* policies = nullptr;
};

// Who asks, for events and the journal.
struct Requester {
  std::string request_id;
  TraceContext trace;     // span_id: the request's own span
  std::string caused_by;  // span of the caller
  std::string principal;
  std::string source_ip;
  TimePoint start;
};

// What a client says that the bytes must be.
struct Expectation {
  std::optional<ChecksumKind> kind;                       // to be computed and kept
  std::vector<std::pair<ChecksumKind, Bytes>> checksums;  // raw
  std::optional<Bytes> md5;                               // raw
  uint64_t bytes_max = kPutBytesMax;
  // A checksum behind the bytes that the front end computes and verifies: not computed again.
  std::shared_ptr<const shapes::BodyFacts> facts = {};
};

struct WriteConditions {
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
  bool any() const { return if_match || if_none_match; }
};

struct ReadConditions {
  std::optional<std::string> if_match, if_none_match;
  std::optional<TimePoint> if_modified_since, if_unmodified_since;
};

// Bytes that were received, hashed and written, and that no record names yet.
struct Received {
  std::shared_ptr<store::PendingBlob> blob;  // null: no bytes
  uint64_t size_bytes = 0;
  Bytes md5;
  StoredChecksum checksum;
};

struct PutRequest {
  Requester requester;
  std::string bucket;
  Bytes key;
  Metadata metadata;
  Tags tags;
  Expectation expectation;
  WriteConditions conditions;
  std::shared_ptr<const store::Batch> also = {};  // committed with the object; null: nothing
};

// What a write left behind.
struct Written {
  BucketPtr bucket;
  ObjectRecord record;
  // The reply's version member: absent while the bucket was never versioned.
  std::optional<std::string> version() const;
};

struct ReadRequest {
  std::string bucket;
  Bytes key;
  VersionChoice version;
  ReadConditions conditions;
};

// A version that was found, with the list of its parts where it has one.
struct Found {
  BucketPtr bucket;
  ObjectRecord record;
  std::vector<PartEntry> parts;
  bool current = false;
  std::optional<std::string> version() const;
};

struct ByteRange {
  uint64_t first = 0;
  uint64_t length = 0;
};

struct CopyRequest {
  Requester requester;
  ReadRequest source;
  std::string bucket;
  Bytes key;
  std::optional<Metadata> metadata;  // absent: the source's
  std::optional<Tags> tags;          // absent: the source's
  std::optional<std::string> website_redirect;
  std::optional<ChecksumKind> checksum_kind;
  WriteConditions conditions;
};

struct RemoveItem {
  Bytes key;
  VersionChoice version;
  std::optional<std::string> if_match;
  // Only while this is the version that would go (the lifecycle judged it); else nothing happens.
  std::optional<VersionId> only = {};
};

struct Removed {
  std::optional<std::string> version;  // of what was removed, or of the delete marker made
  bool delete_marker = false;          // one was made or removed
};

struct RemoveRequest {
  Requester requester;
  std::string bucket;
  // Events say so: "s3:ObjectRemoved" or "s3:LifecycleExpiration".
  std::string event_family = "s3:ObjectRemoved";
  std::string operation = "s3:DeleteObject";
};

struct ListRequest {
  std::string bucket;
  Bytes prefix;
  Bytes delimiter;
  Bytes after;  // names above this one only
  size_t rows_max = kListKeysMax;
};

struct ListedObject {
  Bytes key;
  ObjectRecord record;
  bool latest = true;
};

struct Listing {
  std::vector<ListedObject> objects;
  std::vector<Bytes> prefixes;
  bool truncated = false;
  Bytes next;                // the last name given: where the next page begins
  std::string next_version;  // of listings of versions
};

struct VersionsRequest {
  ListRequest list;
  std::string after_version;  // with list.after: its versions above this one were given
};

struct UploadRequest {
  Requester requester;
  std::string bucket;
  Bytes key;
  UploadRecord record;
};

struct PartRequest {
  Requester requester;
  std::string bucket;
  Bytes key;
  UploadId upload;
  uint32_t number = 0;
  Expectation expectation;
};

struct CompletedPart {
  uint32_t number = 0;
  std::string etag;
  std::vector<std::pair<ChecksumKind, Bytes>> checksums;
};

struct CompleteRequest {
  Requester requester;
  std::string bucket;
  Bytes key;
  UploadId upload;
  std::vector<CompletedPart> parts;
  std::vector<std::pair<ChecksumKind, std::string>> checksums;  // text as given
  std::optional<ChecksumScope> checksum_scope;
  std::optional<uint64_t> size_bytes;
  WriteConditions conditions;
};

struct Completed {
  std::string etag;
  std::optional<std::string> version;
  std::optional<StoredChecksum> checksum;
  uint32_t parts_count = 0;
  std::optional<std::string> expiration;
};

struct ListedUpload {
  Bytes key;
  UploadId id;
  UploadRecord record;
};

struct UploadListing {
  std::vector<ListedUpload> uploads;
  std::vector<Bytes> prefixes;
  bool truncated = false;
  Bytes next_key;
  std::string next_upload;
};

struct CorsQuestion {
  std::string bucket;
  std::string origin;
  std::string method;
  std::vector<std::string> headers;
};

class Logic {
 public:
  Logic(event::Kernel& kernel, Config config);
  Logic(const Logic&) = delete;
  const Config& config() const { return config_; }
  const std::string& account() const { return kernel_.account; }
  const std::string& region() const { return kernel_.region; }
  event::Kernel& kernel() { return kernel_; }

  // Ends half-done deletions of buckets, and tells of their policies. Before any request.
  Task<Result<void>> start();

  // Buckets (logic_bucket.cc).
  Task<Result<BucketPtr>> bucket(std::string name, Freshness freshness = Freshness::kStored);
  // Errors: InvalidBucketName, BucketAlreadyOwnedByYou (not in us-east-1, where it succeeds),
  // TooManyBuckets.
  Task<Result<void>> create_bucket(Requester requester, std::string name, Pairs documents = {});
  Task<Result<void>> delete_bucket(Requester requester, std::string name);
  struct NamedBucket {
    std::string name;
    BucketRecord record;
  };
  struct BucketPage {
    std::vector<NamedBucket> buckets;
    bool more = false;
  };
  Task<Result<BucketPage>> list_buckets(std::string prefix, std::string after, size_t rows_max);
  // Changes the record; `also` may add to the batch. Runs again when another change came first.
  using BucketEdit = std::function<Result<void>(BucketRecord& record, store::Batch& batch)>;
  Task<Result<void>> edit_bucket(Requester requester, std::string name, std::string operation,
                                 BucketEdit edit);
  Task<Result<void>> put_document(Requester requester, std::string name, std::string operation,
                                  std::string document, std::optional<std::string> json);

  // Objects (logic_object.cc, logic_remove.cc, logic_read.cc, logic_copy.cc).
  Task<Result<Received>> receive(shapes::ByteSource& body, Expectation expectation);
  Task<Result<Written>> put(PutRequest request, shapes::Body body);
  Task<Result<Found>> find(ReadRequest request);
  // The bytes of a found version; `range` lies inside it. Errors: kNotFound when the version was
  // removed meanwhile.
  Task<Result<shapes::Body>> open(Found found, ByteRange range);
  // find() and open() together, found again when the version was replaced in between.
  struct Opened {
    Found found;
    shapes::Body body;
  };
  using RangeOf = std::function<Result<ByteRange>(const Found&)>;
  Task<Result<Opened>> read(ReadRequest request, RangeOf range_of);
  // read() for a copy: conditions that do not hold are 412, never 304.
  Task<Result<Opened>> read_source(ReadRequest request, RangeOf range_of);
  struct Copied {
    Written written;
    std::optional<std::string> source_version;
  };
  Task<Result<Copied>> copy(CopyRequest request);
  Task<Result<Removed>> remove(RemoveRequest request, RemoveItem item);
  // One result an item, in their order.
  Task<Result<std::vector<Result<Removed>>>> remove_many(RemoveRequest request,
                                                         std::vector<RemoveItem> items);
  Task<Result<Written>> put_tags(Requester requester, ReadRequest object, std::optional<Tags> tags);

  // Lists (logic_list.cc).
  Task<Result<Listing>> list(ListRequest request);
  Task<Result<Listing>> list_versions(VersionsRequest request);

  // Multipart uploads (logic_multipart.cc, logic_complete.cc).
  Task<Result<UploadId>> create_upload(UploadRequest request);
  Task<Result<Stored<UploadRecord>>> upload(std::string bucket, Bytes key, UploadId id);
  Task<Result<PartRecord>> put_part(PartRequest request, shapes::Body body);
  Task<Result<std::vector<std::pair<uint32_t, PartRecord>>>> list_parts(std::string bucket,
                                                                        Bytes key, UploadId id);
  Task<Result<UploadListing>> list_uploads(ListRequest request, std::string after_upload);
  Task<Result<Completed>> complete(CompleteRequest request);
  Task<Result<void>> abort(Requester requester, std::string bucket, Bytes key, UploadId id);

  // Notifications (logic_notification.cc).
  // Whether every destination of the rules takes events of this bucket.
  Task<Result<void>> validate_destinations(std::string bucket, std::vector<NotificationRule> rules);
  // A test event for every queue among the rules.
  void emit_tests(store::Batch& batch, const Requester& requester, const std::string& bucket,
                  const std::vector<NotificationRule>& rules);

  // Lifecycle (logic_lifecycle.cc).
  // Sets the timer of the bucket's next run, in the batch that puts the configuration.
  void schedule_lifecycle(store::Batch& batch, const std::string& bucket);
  Task<Result<void>> run_lifecycle(event::Timer timer, store::Batch consume);
  // The value of x-amz-expiration; nullopt: no rule expires this version.
  static std::optional<std::string> expiration(const Bucket& bucket, ByteView key,
                                               const ObjectRecord& record);

  // The rule that answers a cross-origin request (logic_bucket.cc). nullopt: none does.
  struct CorsAnswer {
    CorsRule rule;
    bool any_origin = false;  // it was a "*" that allowed the origin
  };
  Task<Result<std::optional<CorsAnswer>>> cors(CorsQuestion question);

 private:
  // A version about to be written as the head of its key.
  struct Draft {
    Requester requester;
    std::string bucket;
    Bytes key;
    ObjectRecord record;
    std::shared_ptr<store::PendingBlob> blob;
    WriteConditions conditions;
    std::string event;      // "s3:ObjectCreated:Put"
    std::string operation;  // "s3:PutObject"
    // Adds to each attempt's batch; the record is the one about to be written.
    std::function<void(store::Batch&, const Bucket&, ObjectRecord&)> also;
  };
  // What happened to a version, for events.
  struct Happening {
    std::string event;
    const Bytes& key;
    const ObjectRecord& record;
    Order order;  // sequencer
  };

  Task<Result<Written>> commit_version(Draft draft);
  Task<Result<Written>> attempt_version(Draft& draft, Freshness freshness);
  // Moves the old head out of the way of `record`: behind it, or away.
  Task<Result<void>> displace(store::Batch& batch, const Bucket& bucket, Bytes key,
                              const std::optional<Stored<ObjectRecord>>& head,
                              ObjectRecord& record);
  Task<Result<void>> drop_null_behind(store::Batch& batch, const Bucket& bucket, Bytes key,
                                      const ObjectRecord& head);
  // Above the head's and above every order given before by this process: events of a key that was
  // removed and put again within the clock's resolution keep their sequence.
  Order next_order(const ObjectRecord* head);
  VersionId next_id(const ObjectRecord* head);

  Task<Result<Removed>> plan_remove(store::Batch& batch, BucketPtr bucket,
                                    const RemoveRequest& request, RemoveItem item);
  Task<Result<Removed>> plan_current(store::Batch& batch, BucketPtr bucket,
                                     const RemoveRequest& request, const RemoveItem& item,
                                     std::optional<Stored<ObjectRecord>> head);
  Task<Result<Removed>> plan_version(store::Batch& batch, BucketPtr bucket,
                                     const RemoveRequest& request, const RemoveItem& item,
                                     std::optional<Stored<ObjectRecord>> head);
  Task<Result<void>> promote(store::Batch& batch, BucketPtr bucket, const Bytes& key,
                             const ObjectRecord& old_head);
  Task<Result<std::vector<Result<Removed>>>> remove_chunk(const RemoveRequest& request,
                                                          std::vector<RemoveItem> items);

  // Finds a version: its record and where it lies. Errors: NoSuchKey, NoSuchVersion.
  struct Located {
    Stored<ObjectRecord> stored;
    bool head = false;
  };
  Task<Result<Located>> locate(std::string bucket, Bytes key, VersionChoice version);
  Task<Result<void>> check_empty(std::string name);
  Task<Result<void>> erase_bucket(Requester requester, std::string name);
  Task<Result<void>> abort_all(Requester requester, std::string bucket);
  Task<Result<store::Batch>> clear_completed(std::string bucket);

  Task<Result<void>> expire_versions(BucketPtr bucket);
  Task<Result<void>> expire_uploads(BucketPtr bucket);
  Task<Result<void>> remove_full(const RemoveRequest& request, std::vector<RemoveItem>& items);
  Requester lifecycle_requester();

  void notify(store::Batch& batch, const Bucket& bucket, const Requester& requester,
              Happening happening);
  void tell_event_bridge(store::Batch& batch, const Bucket& bucket, const Requester& requester,
                         const Happening& happening);
  void record_span(store::Batch& batch, const Requester& requester, std::string operation,
                   std::string resource);
  template <class Attempt>
  auto settle(std::string resource, Attempt attempt) {
    return s3::settle(kernel_.shards, turns_, std::move(resource), std::move(attempt));
  }
  Task<void> forget(std::string name);
  Task<void> tell_policy(std::string name);

  event::Kernel& kernel_;
  Config config_;
  Storage storage_;
  // By shard; each is touched by its own shard only.
  struct Cache {
    std::unordered_map<std::string, BucketPtr> buckets;
    uint64_t epoch = 0;
  };
  std::vector<Cache> caches_;
  std::vector<Turns> turns_;
  std::atomic<uint64_t> last_order_ = 0;
};

// Whether a write may go ahead over `head` (absent: no object). Errors: PreconditionFailed,
// NoSuchKey, NotImplemented.
Result<void> check_write(const WriteConditions& conditions, const Bytes& key,
                         const ObjectRecord* head);
// RFC 9110, 13.2.2, as Amazon S3 API Reference "GetObject" orders it.
Result<void> check_read(const ReadConditions& conditions, const ObjectRecord& record);
// `bytes=...` against a size; nullopt: not a range of bytes, to be ignored. Errors: InvalidRange,
// NotImplemented for several ranges.
Result<std::optional<ByteRange>> parse_range(std::string_view header, uint64_t size_bytes);
// The bytes of one part. Errors: InvalidPartNumber.
Result<ByteRange> part_range(const Found& found, uint32_t number);
// base64, with "-N" for composite checksums.
std::string checksum_text(const StoredChecksum& checksum, uint32_t parts_count);

// Names. Errors: InvalidBucketName, KeyTooLongError.
Result<void> check_bucket_name(std::string_view name);
Result<void> check_key(ByteView key);
// Amazon S3 API Reference, "CreateBucket", LocationConstraint. Errors: InvalidLocationConstraint,
// IllegalLocationConstraintException.
Result<void> check_location(std::string_view region, const std::optional<std::string>& constraint);
// The kind of checksum that an upload's object gets. Errors: InvalidRequest for a combination that
// AWS does not know.
Result<ChecksumScope> scope_of(std::optional<ChecksumKind> kind,
                               const std::optional<std::string>& type);
Result<void> check_tags(const Tags& tags, size_t tags_max);

}  // namespace suiro::s3
