// SPDX-License-Identifier: Apache-2.0
// Keys and records of the registry. Bytes on disk: docs/formats/ecr.md. Threads: any.
//
// Invariants:
//  1. An image exists with all that it refers to: the batch that puts it requires the links of its
//     blobs (kLink) and writes its uses (kUse); a link with a use is not removed.
//  2. A layer exists once, whatever number of repositories have it; it goes in a batch that
//     requires its record unchanged, and who links it writes that record.
#pragma once

#include <optional>

#include "services/ecr/types.h"

namespace suiro::ecr {

namespace keys {
store::Key repository(std::string_view name);
store::KeyRange repositories();
store::Key image(RepositoryId id, std::string_view digest);
store::KeyRange images(RepositoryId id);
store::Key manifest(RepositoryId id, std::string_view digest);
store::Key tag(RepositoryId id, std::string_view name);
store::KeyRange tags(RepositoryId id);
store::Key link(RepositoryId id, std::string_view digest);
store::Key use(RepositoryId id, std::string_view layer, std::string_view image);
store::KeyRange uses(RepositoryId id, std::string_view layer);
store::Key part(RepositoryId id, std::string_view child, std::string_view index);
store::KeyRange parts(RepositoryId id, std::string_view child);
store::Key referrer(RepositoryId id, std::string_view subject, std::string_view image);
store::KeyRange referrers(RepositoryId id, std::string_view subject);
// Everything of one repository but its record and the owners of its layers.
std::vector<store::KeyRange> all_of(RepositoryId id);
store::Key layer(std::string_view digest);
store::KeyRange layers();
store::Key owner(std::string_view layer, RepositoryId id);
store::KeyRange owners(std::string_view layer);
store::Key secret();
store::Key sweep();

std::string name_of_tag(ByteView key);
Digest digest_of_layer(ByteView key);
// The last 32 bytes of the key of an image, use, part or referrer.
Digest last_digest(ByteView key);
RepositoryId owner_of(ByteView key);
}  // namespace keys

Bytes encode(const Repository& repository);
Result<Repository> decode_repository(ByteView bytes);
Bytes encode(const Image& image);
Result<Image> decode_image(ByteView bytes);
Bytes encode_layer(const store::BlobRef& blob);
Result<store::BlobRef> decode_layer(ByteView bytes);
Bytes encode_link(TimePoint linked);
Result<TimePoint> decode_link(ByteView bytes);
// Manifests and what a tag names: a version byte and the bytes.
Bytes encode_bytes(ByteView bytes);
Result<Bytes> decode_bytes(ByteView bytes);
Bytes raw_of(std::string_view digest);  // 32 bytes
Digest digest_of_raw(ByteView raw);

template <class T>
struct Found {
  T record;
  store::Version version;
};

class Storage {
 public:
  explicit Storage(store::Store& store) : store_(store) {}
  store::Store& store() { return store_; }

  Task<Result<std::optional<Found<Repository>>>> repository(std::string name);
  Task<Result<std::optional<Found<Image>>>> image(RepositoryId id, Digest digest);
  // The digest that a tag names.
  Task<Result<std::optional<Found<Digest>>>> tag(RepositoryId id, std::string name);
  Task<Result<std::optional<Bytes>>> manifest(RepositoryId id, Digest digest);
  Task<Result<std::optional<Found<TimePoint>>>> link(RepositoryId id, Digest layer);
  Task<Result<std::optional<Found<store::BlobRef>>>> layer(Digest digest);
  // Whether the range holds any key.
  Task<Result<bool>> any(store::KeyRange range);
  Task<Result<std::vector<store::Entry>>> all(store::KeyRange range, size_t rows_max);

 private:
  store::Store& store_;
};

}  // namespace suiro::ecr
