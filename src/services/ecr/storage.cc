// SPDX-License-Identifier: Apache-2.0
#include "services/ecr/storage.h"

#include "kernel/event/record_parts.h"

namespace suiro::ecr {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;
constexpr size_t kPrefixBytes = 3;  // 'c', version, family
constexpr size_t kRawBytes = 32;
constexpr uint32_t kListMax = 1'000'000;
constexpr std::string_view kSha256 = "sha256:";

store::Key family(char name) {
  return {'c', 1, name};
}

store::Key family_of(char name, RepositoryId id) {
  store::Key key = family(name);
  append_be64(key, id.value());
  return key;
}

void write_texts(RecordWriter& out, const std::vector<std::string>& texts) {
  out.u32(static_cast<uint32_t>(texts.size()));
  for (const auto& text : texts) out.text(text);
}

std::vector<std::string> read_texts(RecordReader& in, size_t bytes) {
  uint32_t count = in.u32();
  std::vector<std::string> out;
  // Each text takes four bytes at least: a count that lies is found by end().
  for (uint32_t i = 0; i < count && i < kListMax && i <= bytes / 4; ++i) out.push_back(in.text());
  return out;
}

}  // namespace

Bytes raw_of(std::string_view digest) {
  return hex_decode(digest.substr(kSha256.size())).value_or(Bytes());
}

Digest digest_of_raw(ByteView raw) {
  return std::string(kSha256) + hex_encode(raw);
}

namespace keys {

store::Key repository(std::string_view name) {
  return family('r') + std::string(name);
}
store::KeyRange repositories() {
  return store::KeyRange::prefix(family('r'));
}
store::Key image(RepositoryId id, std::string_view digest) {
  return family_of('i', id) + raw_of(digest);
}
store::KeyRange images(RepositoryId id) {
  return store::KeyRange::prefix(family_of('i', id));
}
store::Key manifest(RepositoryId id, std::string_view digest) {
  return family_of('m', id) + raw_of(digest);
}
store::Key tag(RepositoryId id, std::string_view name) {
  return family_of('t', id) + std::string(name);
}
store::KeyRange tags(RepositoryId id) {
  return store::KeyRange::prefix(family_of('t', id));
}
store::Key link(RepositoryId id, std::string_view digest) {
  return family_of('k', id) + raw_of(digest);
}
store::Key use(RepositoryId id, std::string_view layer, std::string_view image) {
  return family_of('u', id) + raw_of(layer) + raw_of(image);
}
store::KeyRange uses(RepositoryId id, std::string_view layer) {
  return store::KeyRange::prefix(family_of('u', id) + raw_of(layer));
}
store::Key part(RepositoryId id, std::string_view child, std::string_view index) {
  return family_of('n', id) + raw_of(child) + raw_of(index);
}
store::KeyRange parts(RepositoryId id, std::string_view child) {
  return store::KeyRange::prefix(family_of('n', id) + raw_of(child));
}
store::Key referrer(RepositoryId id, std::string_view subject, std::string_view image) {
  return family_of('f', id) + raw_of(subject) + raw_of(image);
}
store::KeyRange referrers(RepositoryId id, std::string_view subject) {
  return store::KeyRange::prefix(family_of('f', id) + raw_of(subject));
}
std::vector<store::KeyRange> all_of(RepositoryId id) {
  std::vector<store::KeyRange> out;
  for (char name : {'i', 'm', 't', 'k', 'u', 'n', 'f'}) {
    out.push_back(store::KeyRange::prefix(family_of(name, id)));
  }
  return out;
}
store::Key layer(std::string_view digest) {
  return family('l') + raw_of(digest);
}
store::KeyRange layers() {
  return store::KeyRange::prefix(family('l'));
}
store::Key owner(std::string_view layer, RepositoryId id) {
  store::Key key = family('o') + raw_of(layer);
  append_be64(key, id.value());
  return key;
}
store::KeyRange owners(std::string_view layer) {
  return store::KeyRange::prefix(family('o') + raw_of(layer));
}
store::Key secret() {
  return family('x') + "secret";
}
store::Key sweep() {
  return family('x') + "sweep";
}

std::string name_of_tag(ByteView key) {
  return std::string(key.substr(kPrefixBytes + 8));
}
Digest digest_of_layer(ByteView key) {
  return digest_of_raw(key.substr(kPrefixBytes));
}
Digest last_digest(ByteView key) {
  return digest_of_raw(key.substr(key.size() - kRawBytes));
}
RepositoryId owner_of(ByteView key) {
  return RepositoryId(read_be64(key.substr(key.size() - 8)));
}

}  // namespace keys

Bytes encode(const Repository& r) {
  RecordWriter out(kVersion);
  out.u64(r.id.value());
  out.text(r.name);
  out.time(r.created);
  out.u8(static_cast<uint8_t>(r.mutability));
  write_texts(out, r.exclusions);
  event::write_map(out, r.tags);
  out.text(r.policy);
  out.text(r.lifecycle);
  out.time(r.lifecycle_evaluated);
  out.time(r.lifecycle_due);
  out.text(r.preview);
  return out.take();
}

Result<Repository> decode_repository(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Repository r;
  r.id = RepositoryId(in.u64());
  r.name = in.text();
  r.created = in.time();
  uint8_t mutability = in.u8();
  r.exclusions = read_texts(in, bytes.size());
  r.tags = event::read_map(in);
  r.policy = in.text();
  r.lifecycle = in.text();
  r.lifecycle_evaluated = in.time();
  r.lifecycle_due = in.time();
  r.preview = in.text();
  TRY_VOID(in.end("repository"));
  if (mutability > static_cast<uint8_t>(Mutability::kMutableWithExclusion)) {
    return fail(codes::kCorrupt, "repository: its mutability");
  }
  r.mutability = static_cast<Mutability>(mutability);
  return r;
}

Bytes encode(const Image& image) {
  RecordWriter out(kVersion);
  out.text(image.digest);
  out.text(image.media_type);
  out.text(image.artifact_type);
  out.time(image.pushed);
  out.u64(image.size_bytes);
  write_texts(out, image.blobs);
  write_texts(out, image.manifests);
  out.text(image.subject);
  write_texts(out, image.tags);
  return out.take();
}

Result<Image> decode_image(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Image image;
  image.digest = in.text();
  image.media_type = in.text();
  image.artifact_type = in.text();
  image.pushed = in.time();
  image.size_bytes = in.u64();
  image.blobs = read_texts(in, bytes.size());
  image.manifests = read_texts(in, bytes.size());
  image.subject = in.text();
  image.tags = read_texts(in, bytes.size());
  TRY_VOID(in.end("image"));
  return image;
}

Bytes encode_layer(const store::BlobRef& blob) {
  RecordWriter out(kVersion);
  out.text(blob.encode());
  return out.take();
}

Result<store::BlobRef> decode_layer(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Bytes blob = in.text();
  TRY_VOID(in.end("layer"));
  return store::BlobRef::decode(blob);
}

Bytes encode_link(TimePoint linked) {
  RecordWriter out(kVersion);
  out.time(linked);
  return out.take();
}

Result<TimePoint> decode_link(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  TimePoint linked = in.time();
  TRY_VOID(in.end("link of a layer"));
  return linked;
}

Bytes encode_bytes(ByteView bytes) {
  Bytes out(1, static_cast<char>(kVersion));
  out.append(bytes);
  return out;
}

Result<Bytes> decode_bytes(ByteView bytes) {
  if (bytes.empty() || bytes[0] != static_cast<char>(kVersion)) {
    return fail(codes::kCorrupt, "manifest or tag: its version");
  }
  return Bytes(bytes.substr(1));
}

namespace {

// What a key holds, decoded.
template <class Decode>
auto read(store::Store& store, store::Key key, Decode decode)
    -> Task<Result<std::optional<Found<typename decltype(decode(ByteView()))::value_type>>>> {
  using T = typename decltype(decode(ByteView()))::value_type;
  CO_TRY(auto entry, co_await store.get(std::move(key)));
  if (!entry) co_return std::optional<Found<T>>();
  CO_TRY(T record, decode(entry->value));
  co_return std::optional<Found<T>>(Found<T>{std::move(record), entry->version});
}

}  // namespace

Task<Result<std::optional<Found<Repository>>>> Storage::repository(std::string name) {
  return read(store_, keys::repository(name), decode_repository);
}
Task<Result<std::optional<Found<Image>>>> Storage::image(RepositoryId id, Digest digest) {
  return read(store_, keys::image(id, digest), decode_image);
}
Task<Result<std::optional<Found<Digest>>>> Storage::tag(RepositoryId id, std::string name) {
  return read(store_, keys::tag(id, name), [](ByteView bytes) -> Result<Digest> {
    TRY(Bytes raw, decode_bytes(bytes));
    return digest_of_raw(raw);
  });
}
Task<Result<std::optional<Found<TimePoint>>>> Storage::link(RepositoryId id, Digest layer) {
  return read(store_, keys::link(id, layer), decode_link);
}
Task<Result<std::optional<Found<store::BlobRef>>>> Storage::layer(Digest digest) {
  return read(store_, keys::layer(digest), decode_layer);
}

Task<Result<std::optional<Bytes>>> Storage::manifest(RepositoryId id, Digest digest) {
  CO_TRY(auto found, co_await read(store_, keys::manifest(id, digest), decode_bytes));
  if (!found) co_return std::optional<Bytes>();
  co_return std::optional<Bytes>(std::move(found->record));
}

Task<Result<bool>> Storage::any(store::KeyRange range) {
  CO_TRY(auto page, co_await store_.scan({.range = std::move(range), .rows_max = 1}));
  co_return !page.entries.empty();
}

// Errors: kTooLarge beyond rows_max.
Task<Result<std::vector<store::Entry>>> Storage::all(store::KeyRange range, size_t rows_max) {
  std::vector<store::Entry> out;
  for (;;) {
    CO_TRY(auto page, co_await store_.scan({.range = range}));
    for (auto& entry : page.entries) out.push_back(std::move(entry));
    if (!page.more) co_return out;
    if (out.size() > rows_max) co_return fail(codes::kTooLarge, "too many rows");
    range.begin = out.back().key + '\0';
  }
}

}  // namespace suiro::ecr
