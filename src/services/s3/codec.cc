// SPDX-License-Identifier: Apache-2.0
#include "services/s3/codec.h"

#include <fmt/format.h>

#include "kernel/event/record.h"

namespace suiro::s3 {
namespace {

constexpr uint8_t kFormat = 1;

class Writer : public event::RecordWriter {
 public:
  explicit Writer(size_t reserve) : RecordWriter(kFormat, reserve) {}
  void pairs(const Pairs& pairs) {
    u32(static_cast<uint32_t>(pairs.size()));
    for (auto& [name, value] : pairs) text(name), text(value);
  }
  void blob(const std::optional<store::BlobRef>& ref) { ref ? text(ref->encode()) : text({}); }
  void checksum(const std::optional<StoredChecksum>& value) {
    u8(value ? static_cast<uint8_t>(value->kind) + 1 : 0);
    if (!value) return;
    u8(static_cast<uint8_t>(value->scope));
    text(value->raw);
  }
  void metadata(const Metadata& value) {
    u32(static_cast<uint32_t>(value.system.size()));
    for (auto& [header, line] : value.system) u8(static_cast<uint8_t>(header)), text(line);
    pairs(value.user);
  }
};

class Reader : public event::RecordReader {
 public:
  explicit Reader(ByteView bytes) : RecordReader(bytes) { version(kFormat); }
  Pairs pairs() {
    Pairs out(count(8));
    for (auto& [name, value] : out) name = text(), value = text();
    return out;
  }
  std::optional<store::BlobRef> blob() {
    std::string bytes = text();
    if (bytes.empty()) return std::nullopt;
    auto ref = store::BlobRef::decode(bytes);
    if (ref) return *std::move(ref);
    spoil();
    return std::nullopt;
  }
  std::optional<StoredChecksum> checksum() {
    uint8_t kind = u8();
    if (kind == 0) return std::nullopt;
    StoredChecksum out{static_cast<ChecksumKind>(kind - 1), static_cast<ChecksumScope>(u8()),
                       text()};
    if (kind - 1 > static_cast<int>(ChecksumKind::kSha256)) spoil();
    return out;
  }
  Metadata metadata() {
    Metadata out;
    out.system.resize(count(5));
    for (auto& [header, line] : out.system) header = static_cast<SystemHeader>(u8()), line = text();
    out.user = pairs();
    return out;
  }
  template <class Record>
  Result<Record> done(Record record, const char* what) {
    if (complete()) return record;
    return fail(codes::kCorrupt, fmt::format("a stored {} is not in a known format", what));
  }
};

constexpr uint8_t kDeleteMarkerFlag = 1;
constexpr uint8_t kNullVersionFlag = 2;

}  // namespace

std::string VersionId::str() const {
  return fmt::format("{:016x}{:016x}", order.value(), salt);
}

std::optional<VersionId> VersionId::parse(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  auto bytes = hex_decode(text);
  if (!bytes) return std::nullopt;
  return VersionId{Order(read_be64(*bytes)), read_be64(ByteView(*bytes).substr(8))};
}

const std::string* Metadata::find(SystemHeader header) const {
  for (auto& [name, value] : system) {
    if (name == header) return &value;
  }
  return nullptr;
}

const std::string* BucketRecord::document(std::string_view name) const {
  for (auto& [key, value] : documents) {
    if (key == name) return &value;
  }
  return nullptr;
}

void BucketRecord::set_document(std::string_view name, std::optional<std::string> text) {
  std::erase_if(documents, [&](auto& entry) { return entry.first == name; });
  if (text) documents.emplace_back(name, *std::move(text));
}

Bytes encode(const BucketRecord& record) {
  Writer out(128);
  out.time(record.created);
  out.text(record.region);
  out.u8(static_cast<uint8_t>(record.versioning));
  out.u8(record.deleting ? 1 : 0);
  out.pairs(record.documents);
  return out.take();
}

template <>
Result<BucketRecord> decode(ByteView bytes) {
  Reader in(bytes);
  BucketRecord out;
  out.created = in.time();
  out.region = in.text();
  out.versioning = static_cast<Versioning>(in.u8());
  out.deleting = in.u8() != 0;
  out.documents = in.pairs();
  return in.done(std::move(out), "bucket");
}

Bytes encode(const ObjectRecord& record) {
  Writer out(256);
  out.u8((record.delete_marker ? kDeleteMarkerFlag : 0) |
         (record.null_version ? kNullVersionFlag : 0));
  out.u64(record.id.order.value());
  out.u64(record.id.salt);
  out.u64(record.null_behind.value());
  out.time(record.modified);
  out.u64(record.size_bytes);
  out.text(record.etag);
  out.checksum(record.checksum);
  out.blob(record.blob);
  out.text(record.parts_list);
  out.u32(record.parts_count);
  out.metadata(record.metadata);
  out.pairs(record.tags);
  return out.take();
}

template <>
Result<ObjectRecord> decode(ByteView bytes) {
  Reader in(bytes);
  ObjectRecord out;
  uint8_t flags = in.u8();
  out.delete_marker = (flags & kDeleteMarkerFlag) != 0;
  out.null_version = (flags & kNullVersionFlag) != 0;
  out.id.order = Order(in.u64());
  out.id.salt = in.u64();
  out.null_behind = Order(in.u64());
  out.modified = in.time();
  out.size_bytes = in.u64();
  out.etag = in.text();
  out.checksum = in.checksum();
  out.blob = in.blob();
  out.parts_list = in.text();
  out.parts_count = in.u32();
  out.metadata = in.metadata();
  out.tags = in.pairs();
  return in.done(std::move(out), "object");
}

Bytes encode(const UploadRecord& record) {
  Writer out(128);
  out.time(record.initiated);
  out.metadata(record.metadata);
  out.pairs(record.tags);
  out.u8(record.checksum_kind ? static_cast<uint8_t>(*record.checksum_kind) + 1 : 0);
  out.u8(static_cast<uint8_t>(record.checksum_scope));
  return out.take();
}

template <>
Result<UploadRecord> decode(ByteView bytes) {
  Reader in(bytes);
  UploadRecord out;
  out.initiated = in.time();
  out.metadata = in.metadata();
  out.tags = in.pairs();
  uint8_t kind = in.u8();
  if (kind != 0) out.checksum_kind = static_cast<ChecksumKind>(kind - 1);
  out.checksum_scope = static_cast<ChecksumScope>(in.u8());
  return in.done(std::move(out), "upload");
}

Bytes encode(const PartRecord& record) {
  Writer out(128);
  out.time(record.modified);
  out.u64(record.size_bytes);
  out.text(record.md5);
  out.blob(record.blob);
  out.checksum(record.checksum);
  return out.take();
}

template <>
Result<PartRecord> decode(ByteView bytes) {
  Reader in(bytes);
  PartRecord out;
  out.modified = in.time();
  out.size_bytes = in.u64();
  out.md5 = in.text();
  out.blob = in.blob();
  out.checksum = in.checksum();
  return in.done(std::move(out), "part");
}

Bytes encode(const CompletedRecord& record) {
  Writer out(128);
  out.time(record.completed);
  out.text(record.key);
  out.text(record.etag);
  out.text(record.version);
  out.checksum(record.checksum);
  out.u32(record.parts_count);
  return out.take();
}

template <>
Result<CompletedRecord> decode(ByteView bytes) {
  Reader in(bytes);
  CompletedRecord out;
  out.completed = in.time();
  out.key = in.text();
  out.etag = in.text();
  out.version = in.text();
  out.checksum = in.checksum();
  out.parts_count = in.u32();
  return in.done(std::move(out), "completed upload");
}

Bytes encode(const std::vector<PartEntry>& parts) {
  Writer out(8 + parts.size() * 72);
  out.u32(static_cast<uint32_t>(parts.size()));
  for (auto& part : parts) {
    out.u32(part.number);
    out.u64(part.size_bytes);
    out.blob(part.blob);
    out.checksum(part.checksum);
  }
  return out.take();
}

template <>
Result<std::vector<PartEntry>> decode(ByteView bytes) {
  Reader in(bytes);
  std::vector<PartEntry> out(in.count(17));
  for (auto& part : out) {
    part.number = in.u32();
    part.size_bytes = in.u64();
    part.blob = in.blob();
    part.checksum = in.checksum();
  }
  return in.done(std::move(out), "list of parts");
}

}  // namespace suiro::s3
