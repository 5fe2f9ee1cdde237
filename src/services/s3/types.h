// SPDX-License-Identifier: Apache-2.0
// The nouns of S3 as the rules and the storage see them: bucket, object version, part, upload.
// Plain values without behaviour beyond their own names. Bytes on disk: docs/formats/s3.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/strong.h"
#include "kernel/store/store.h"

namespace suiro::s3 {

// Limits (Amazon S3 User Guide, "Amazon S3 multipart upload limits", "Naming Amazon S3 objects").
inline constexpr size_t kKeyBytesMax = 1024;
inline constexpr size_t kMetadataBytesMax = 2048;
inline constexpr uint64_t kPutBytesMax = uint64_t{5} << 30;
inline constexpr uint64_t kObjectBytesMax = uint64_t{5} << 40;
inline constexpr uint64_t kPartBytesMin = uint64_t{5} << 20;
inline constexpr uint32_t kPartNumberMax = 10'000;
inline constexpr size_t kListKeysMax = 1000;
inline constexpr size_t kDeleteKeysMax = 1000;
inline constexpr size_t kObjectTagsMax = 10;
inline constexpr size_t kBucketTagsMax = 50;
inline constexpr size_t kBucketsMax = 10'000;
// How often a change is built again when another one came first.
inline constexpr int kCommitAttemptsMax = 50;
// One piece of a body on its way in or out: what a stream holds in memory.
inline constexpr size_t kPieceBytes = 256 * 1024;

enum class Versioning : uint8_t { kOff = 0, kEnabled = 1, kSuspended = 2 };

using Pairs = std::vector<std::pair<std::string, std::string>>;
using Tags = Pairs;

// The order of the versions of one key: microseconds since 1970, made to grow by at least one.
// Event records carry it as their sequencer.
struct OrderTag;
using Order = Strong<OrderTag, uint64_t>;

// A version's name. The text form is 32 hexadecimal digits: order, then salt.
struct VersionId {
  Order order;
  uint64_t salt = 0;  // a name is not given twice, even when a clock goes back
  std::string str() const;
  // nullopt for a text that no version id of ours has.
  static std::optional<VersionId> parse(std::string_view text);
  friend bool operator==(const VersionId&, const VersionId&) = default;
};

// How a request names a version: none, "null", or an id.
struct VersionChoice {
  enum class Kind { kCurrent, kNull, kId } kind = Kind::kCurrent;
  VersionId id = {};
};

// Name of a multipart upload: 32 hexadecimal digits, time of its begin first.
struct UploadIdTag;
using UploadId = Strong<UploadIdTag, std::string>;

enum class ChecksumScope : uint8_t { kFullObject = 1, kComposite = 2 };

// A stored checksum. Composite values are the checksum of the parts' checksums.
struct StoredChecksum {
  ChecksumKind kind = ChecksumKind::kCrc64Nvme;
  ChecksumScope scope = ChecksumScope::kFullObject;
  Bytes raw;
};

// The headers that S3 keeps and gives back as they came.
enum class SystemHeader : uint8_t {
  kContentType = 1,
  kCacheControl = 2,
  kContentDisposition = 3,
  kContentEncoding = 4,
  kContentLanguage = 5,
  kExpires = 6,
  kWebsiteRedirect = 7,
};

struct Metadata {
  std::vector<std::pair<SystemHeader, std::string>> system;
  Pairs user;  // names in lower case, without x-amz-meta-
  const std::string* find(SystemHeader header) const;
};

// One version of one key; a delete marker has neither bytes nor metadata.
struct ObjectRecord {
  VersionId id;
  bool delete_marker = false;
  bool null_version = false;  // was written while versioning was off or suspended
  // Of heads only: the order of this key's null version where that is not the head itself; 0: none.
  Order null_behind;
  TimePoint modified;
  uint64_t size_bytes = 0;
  std::string etag;  // without quotes
  std::optional<StoredChecksum> checksum;
  std::optional<store::BlobRef> blob;  // absent: empty, or made of parts
  Bytes parts_list;                    // name of the list of parts, 16 bytes; empty: not multipart
  uint32_t parts_count = 0;
  Metadata metadata;
  Tags tags;

  // "null" or the id's text, as clients see it.
  std::string version_text() const { return null_version ? "null" : id.str(); }
};

// A part of a finished multipart object, in order.
struct PartEntry {
  uint32_t number = 0;
  uint64_t size_bytes = 0;
  std::optional<store::BlobRef> blob;  // absent: empty
  std::optional<StoredChecksum> checksum;
};

// A part of an upload in progress.
struct PartRecord {
  TimePoint modified;
  uint64_t size_bytes = 0;
  Bytes md5;  // raw
  std::optional<store::BlobRef> blob;
  std::optional<StoredChecksum> checksum;
};

struct UploadRecord {
  TimePoint initiated;
  Metadata metadata;
  Tags tags;
  // What the client announced; absent: CRC64NVME over the full object, computed here.
  std::optional<ChecksumKind> checksum_kind;
  ChecksumScope checksum_scope = ChecksumScope::kFullObject;
};

// What a finished upload answers when its completion is asked for again.
struct CompletedRecord {
  TimePoint completed;
  std::string key;
  std::string etag;
  std::string version;  // empty: the bucket was not versioned
  std::optional<StoredChecksum> checksum;
  uint32_t parts_count = 0;
};

struct BucketRecord {
  TimePoint created;
  std::string region;
  Versioning versioning = Versioning::kOff;
  // A deletion looks for objects: writes wait.
  bool deleting = false;
  // Configuration documents as JSON of their AWS shape, by sub-resource: "cors", "lifecycle",
  // "notification", "tagging", "ownership", "public-access", "policy". They come back as they were
  // put.
  std::vector<std::pair<std::string, std::string>> documents;
  const std::string* document(std::string_view name) const;
  // nullopt takes the document away.
  void set_document(std::string_view name, std::optional<std::string> text);
};

template <class Record>
struct Stored {
  Record record;
  store::Version version;
};

}  // namespace suiro::s3
