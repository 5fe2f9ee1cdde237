// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/batch.h"

#include "base/check.h"

namespace suiro::store {
namespace {

constexpr size_t kUsualOperations = 4;
constexpr char kBlobRefFormat = 1;
constexpr size_t kBlobIdBytes = 16;
constexpr size_t kBlobRefBytes = 2 + 8 + kBlobIdBytes;

}  // namespace

KeyRange KeyRange::prefix(Key prefix) {
  Key end = prefix;
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xFF) end.pop_back();
  CHECK(!end.empty(), "a prefix needs a successor");
  end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return {std::move(prefix), std::move(end)};
}

Bytes BlobRef::encode() const {
  CHECK(id.size() == kBlobIdBytes);
  Bytes out;
  out.reserve(kBlobRefBytes);
  out.push_back(kBlobRefFormat);
  out.push_back(static_cast<char>(place));
  append_be64(out, size_bytes);
  out += id;
  return out;
}

Result<BlobRef> BlobRef::decode(ByteView bytes) {
  if (bytes.size() != kBlobRefBytes || bytes[0] != kBlobRefFormat ||
      static_cast<uint8_t>(bytes[1]) > static_cast<uint8_t>(Place::kFile)) {
    return fail(codes::kCorrupt, "a blob reference cannot be read");
  }
  BlobRef ref;
  ref.place = static_cast<Place>(bytes[1]);
  ref.size_bytes = read_be64(bytes.substr(2));
  ref.id = Bytes(bytes.substr(10));
  return ref;
}

PendingBlob::PendingBlob() = default;
PendingBlob::PendingBlob(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PendingBlob::~PendingBlob() = default;
PendingBlob::PendingBlob(PendingBlob&&) noexcept = default;
PendingBlob& PendingBlob::operator=(PendingBlob&&) noexcept = default;
uint64_t PendingBlob::size_bytes() const {
  return impl_->ref.size_bytes;
}

Batch::Batch() : parts_(std::make_unique<Parts>()) {
  parts_->operations.reserve(kUsualOperations);
}
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

void Batch::require_absent(Key key) {
  parts_->size_bytes += key.size();
  parts_->conditions.push_back({Condition::Kind::kAbsent, std::move(key), Version(), {}});
}

void Batch::require_version(Key key, Version version) {
  if (version.value() == 0) return require_absent(std::move(key));
  parts_->size_bytes += key.size();
  parts_->conditions.push_back({Condition::Kind::kVersion, std::move(key), version, {}});
}

void Batch::require_value(Key key, Bytes value) {
  parts_->size_bytes += key.size() + value.size();
  parts_->conditions.push_back(
      {Condition::Kind::kValue, std::move(key), Version(), std::move(value)});
}

void Batch::put(Key key, Bytes value) {
  parts_->size_bytes += key.size() + value.size();
  parts_->operations.push_back({Operation::Kind::kPut, std::move(key), std::move(value), {}});
}

void Batch::erase(Key key) {
  parts_->size_bytes += key.size();
  parts_->operations.push_back({Operation::Kind::kErase, std::move(key), {}, {}});
}

void Batch::erase_range(KeyRange range) {
  if (range.begin >= range.end) return;
  parts_->size_bytes += range.begin.size() + range.end.size();
  parts_->operations.push_back(
      {Operation::Kind::kEraseRange, std::move(range.begin), std::move(range.end), {}});
}

void Batch::append(Key prefix, Bytes value) {
  parts_->size_bytes += prefix.size() + value.size();
  ++parts_->appends;
  parts_->operations.push_back({Operation::Kind::kAppend, std::move(prefix), std::move(value), {}});
}

BlobRef Batch::adopt(PendingBlob blob) {
  return adopt(std::make_shared<PendingBlob>(std::move(blob)));
}

BlobRef Batch::adopt(std::shared_ptr<PendingBlob> blob) {
  CHECK(blob->impl_, "there is no blob");
  const PendingBlob::Impl& impl = *blob->impl_;
  BlobRef ref = impl.ref;
  parts_->size_bytes += ref.id.size() + impl.bytes.size();
  if (ref.place == BlobRef::Place::kInline) {
    parts_->operations.push_back({Operation::Kind::kAdoptInline, ref.id, {}, std::move(blob)});
  } else {
    parts_->operations.push_back(
        {Operation::Kind::kAdoptFile, ref.id, ref.encode(), std::move(blob)});
  }
  return ref;
}

void Batch::release(const BlobRef& blob) {
  parts_->size_bytes += blob.id.size();
  auto kind = blob.place == BlobRef::Place::kInline ? Operation::Kind::kReleaseInline
                                                    : Operation::Kind::kReleaseFile;
  parts_->operations.push_back({kind, blob.id, {}, {}});
}

Batch Batch::clone() const {
  Batch out;
  *out.parts_ = *parts_;
  return out;
}

void Batch::merge(Batch other) {
  Parts& from = *other.parts_;
  std::ranges::move(from.conditions, std::back_inserter(parts_->conditions));
  std::ranges::move(from.operations, std::back_inserter(parts_->operations));
  parts_->size_bytes += from.size_bytes;
  parts_->appends += from.appends;
  from = Parts();
}

bool Batch::empty() const {
  return parts_->conditions.empty() && parts_->operations.empty();
}

size_t Batch::size_bytes() const {
  return parts_->size_bytes;
}

}  // namespace suiro::store
