// SPDX-License-Identifier: Apache-2.0
// Images: manifests, tags, and what refers to what.
#include <algorithm>

#include "engine/image/reference.h"
#include "engine/policy/policy.h"
#include "services/ecr/logic.h"
#include "services/ecr/settle.h"

namespace suiro::ecr {
namespace {

// Whether a tag, once given, stays with its image (ECR User Guide, "Preventing image tags from
// being overwritten").
bool is_fixed(const Repository& repository, std::string_view tag) {
  bool is_excluded = std::ranges::any_of(repository.exclusions, [&](const std::string& pattern) {
    return policy::wildcard_match(pattern, tag);
  });
  switch (repository.mutability) {
    case Mutability::kMutable:
      return false;
    case Mutability::kImmutable:
      return true;
    case Mutability::kImmutableWithExclusion:
      return !is_excluded;
    case Mutability::kMutableWithExclusion:
      return is_excluded;
  }
  return false;
}

bool contains(const std::vector<Digest>& list, const Digest& one) {
  return std::ranges::find(list, one) != list.end();
}

bool has_tag(const Image& image, std::string_view tag) {
  return std::ranges::binary_search(image.tags, tag);
}

void add_tag(Image& image, const std::string& tag) {
  if (has_tag(image, tag)) return;
  image.tags.insert(std::ranges::upper_bound(image.tags, tag), tag);
}

void write_image(store::Batch& batch, RepositoryId id, const Found<Image>& image) {
  store::Key key = keys::image(id, image.record.digest);
  batch.require_version(key, image.version);
  batch.put(std::move(key), encode(image.record));
}

}  // namespace

Task<Result<Found<Image>>> Logic::resolve(const Repository& repository, ImageId id) {
  Digest digest = id.digest;
  if (!id.tag.empty()) {
    CO_TRY(auto tagged, co_await storage_.tag(repository.id, id.tag));
    if (!tagged) co_return no_image(id, repository.name);
    if (!digest.empty() && digest != tagged->record) {
      co_return fail(kTagMismatch, "Image tag does not match the digest");
    }
    digest = std::move(tagged->record);
  }
  if (!image::is_digest(digest)) co_return no_image(id, repository.name);
  CO_TRY(auto found, co_await storage_.image(repository.id, digest));
  if (!found) co_return no_image(id, repository.name);
  co_return std::move(*found);
}

Task<Result<Logic::FoundImage>> Logic::find_image(std::string name, ImageId id) {
  CO_TRY(FoundRepository repository, co_await existing(std::move(name)));
  CO_TRY(Found<Image> image, co_await resolve(repository.record, std::move(id)));
  co_return FoundImage{std::move(repository.record), std::move(image.record)};
}

Task<Result<Bytes>> Logic::manifest(RepositoryId id, Digest digest) {
  CO_TRY(auto bytes, co_await storage_.manifest(id, digest));
  if (!bytes) co_return fail(kImageNotFound, fmt::format("{} was removed", digest));
  co_return std::move(*bytes);
}

Task<Result<Logic::ImagePage>> Logic::images(RepositoryId id, Digest after, size_t rows_max) {
  store::KeyRange range = keys::images(id);
  if (!after.empty()) range.begin = keys::image(id, after) + '\0';
  ImagePage out;
  CO_TRY(auto page, co_await kernel_.store.scan({.range = range, .rows_max = rows_max}));
  for (const auto& entry : page.entries) {
    CO_TRY(Image image, decode_image(entry.value));
    out.rows.push_back(std::move(image));
  }
  out.more = page.more;
  co_return out;
}

Task<Result<Logic::TagPage>> Logic::tags(RepositoryId id, std::string after, size_t rows_max) {
  store::KeyRange range = keys::tags(id);
  if (!after.empty()) range.begin = keys::tag(id, after) + '\0';
  TagPage out;
  CO_TRY(auto page, co_await kernel_.store.scan({.range = range, .rows_max = rows_max}));
  for (const auto& entry : page.entries) out.rows.push_back(keys::name_of_tag(entry.key));
  out.more = page.more;
  co_return out;
}

Task<Result<std::vector<Image>>> Logic::referrers(RepositoryId id, Digest subject) {
  constexpr size_t kReferrersMax = 1000;
  std::vector<Image> out;
  CO_TRY(auto page, co_await kernel_.store.scan(
                        {.range = keys::referrers(id, subject), .rows_max = kReferrersMax}));
  for (const auto& entry : page.entries) {
    CO_TRY(auto image, co_await storage_.image(id, keys::last_digest(entry.key)));
    if (image) out.push_back(std::move(image->record));
  }
  co_return out;
}

Task<Result<Logic::Put>> Logic::put_image(std::string repository, NewImage wanted) {
  CO_TRY_VOID(co_await existing(repository));
  if (!wanted.tag.empty() && !image::is_tag(wanted.tag)) {
    co_return fail(kInvalidParameter,
                   fmt::format("Invalid parameter at 'imageTag' failed to satisfy constraint: "
                               "'Invalid image tag: {}'",
                               wanted.tag));
  }
  Digest digest = image::digest_of(wanted.manifest);
  if (!wanted.digest.empty() && wanted.digest != digest) {
    co_return fail(kDigestMismatch,
                   fmt::format("The specified image digest {} does not match the calculated image "
                               "digest {}",
                               wanted.digest, digest));
  }
  wanted.digest = digest;
  auto parsed = image::parse_manifest(wanted.manifest, wanted.media_type);
  if (!parsed) {
    co_return fail(kInvalidParameter,
                   fmt::format("Invalid parameter at 'ImageManifest' failed to satisfy constraint: "
                               "'Invalid image manifest provided: {}'",
                               parsed.error().message));
  }
  co_return co_await settle([this, repository, wanted, parsed = *parsed]() -> Task<Result<Put>> {
    return put_once(repository, wanted, parsed);
  });
}

Task<Result<Logic::Put>> Logic::put_once(std::string name, NewImage wanted,
                                         image::Manifest parsed) {
  CO_TRY(FoundRepository found, co_await existing(std::move(name)));
  const Repository& repository = found.record;
  CO_TRY(auto known, co_await storage_.image(repository.id, wanted.digest));
  if (known && (wanted.tag.empty() || has_tag(known->record, wanted.tag))) {
    co_return Put{std::move(known->record), true};
  }
  Found<Image> image;
  if (known) image = std::move(*known);
  store::Batch batch;
  // Written unchanged: a deletion that saw no image loses against this.
  batch.require_version(keys::repository(repository.name), found.version);
  batch.put(keys::repository(repository.name), encode(repository));
  std::optional<Found<Image>> holder;  // of the tag, until now
  CO_TRY_VOID(co_await check_tag(repository, image.record, wanted.tag, holder));
  if (image.record.digest.empty()) {
    image.record.digest = wanted.digest;
    image.record.media_type = parsed.media_type;
    image.record.artifact_type = parsed.artifact_type;
    image.record.pushed = kernel_.clock.now();
    image.record.subject = parsed.subject;
    CO_TRY_VOID(co_await use_blobs(repository, image.record, parsed, batch));
    CO_TRY_VOID(co_await use_manifests(repository, image.record, parsed, batch));
    batch.put(keys::manifest(repository.id, wanted.digest), encode_bytes(wanted.manifest));
    if (!parsed.subject.empty()) {
      batch.put(keys::referrer(repository.id, parsed.subject, wanted.digest), encode_bytes(""));
    }
  }
  if (!wanted.tag.empty()) {
    add_tag(image.record, wanted.tag);
    batch.put(keys::tag(repository.id, wanted.tag), encode_bytes(raw_of(wanted.digest)));
    if (holder) {
      std::erase(holder->record.tags, wanted.tag);
      write_image(batch, repository.id, *holder);
    }
  }
  write_image(batch, repository.id, image);
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return Put{std::move(image.record), false};
}

// Which image loses the tag, and whether it may.
Task<Result<void>> Logic::check_tag(const Repository& repository, const Image& image,
                                    const std::string& tag, std::optional<Found<Image>>& holder) {
  if (tag.empty()) co_return ok();
  if (image.tags.size() >= kTagsPerImageMax) {
    co_return fail(kLimitExceeded, fmt::format("An image has at most {} tags", kTagsPerImageMax));
  }
  CO_TRY(auto tagged, co_await storage_.tag(repository.id, tag));
  if (!tagged) co_return ok();
  if (is_fixed(repository, tag)) {
    co_return fail(kTagExists,
                   fmt::format("The image tag '{}' already exists in the '{}' repository and "
                               "cannot be overwritten because the tag is immutable.",
                               tag, repository.name));
  }
  CO_TRY(auto found, co_await storage_.image(repository.id, tagged->record));
  // The tag moved between the two reads: the commit would fail as well.
  if (!found || !has_tag(found->record, tag)) co_return fail(codes::kConditionFailed, "tag moved");
  holder = std::move(found);
  co_return ok();
}

Task<Result<void>> Logic::use_blobs(const Repository& repository, Image& image,
                                    const image::Manifest& parsed, store::Batch& batch) {
  if (parsed.is_index) co_return ok();
  std::vector<image::Descriptor> wanted = parsed.layers;
  wanted.push_back(parsed.config);
  TimePoint now = kernel_.clock.now();
  for (const image::Descriptor& blob : wanted) {
    if (blob.is_foreign || contains(image.blobs, blob.digest)) continue;
    CO_TRY(auto link, co_await storage_.link(repository.id, blob.digest));
    CO_TRY(auto layer, co_await storage_.layer(blob.digest));
    if (!link || !layer) {
      co_return fail(kLayersNotFound,
                     fmt::format("The following layer does not exist in the repository with name "
                                 "'{}' in the registry with id '{}': {}",
                                 repository.name, kernel_.account, blob.digest));
    }
    if (layer->record.size_bytes != blob.size_bytes) {
      co_return fail(kInvalidParameter,
                     fmt::format("Invalid parameter at 'ImageManifest' failed to satisfy "
                                 "constraint: 'the size of {} is {} and not {}'",
                                 blob.digest, layer->record.size_bytes, blob.size_bytes));
    }
    store::Key key = keys::link(repository.id, blob.digest);
    batch.require_version(key, link->version);
    batch.put(std::move(key), encode_link(now));
    batch.put(keys::use(repository.id, blob.digest, image.digest), encode_bytes(""));
    image.blobs.push_back(blob.digest);
    if (blob.digest != parsed.config.digest) image.size_bytes += blob.size_bytes;
  }
  co_return ok();
}

// The images of an index; its size is that of the largest (ECR API Reference, "ImageDetail").
Task<Result<void>> Logic::use_manifests(const Repository& repository, Image& image,
                                        const image::Manifest& parsed, store::Batch& batch) {
  for (const image::Descriptor& entry : parsed.manifests) {
    CO_TRY(auto child, co_await storage_.image(repository.id, entry.digest));
    if (!child) {
      co_return fail(kReferencedImagesNotFound,
                     fmt::format("The manifest list references images that do not exist in the "
                                 "repository with name '{}': {}",
                                 repository.name, entry.digest));
    }
    if (contains(image.manifests, entry.digest)) continue;
    // Written unchanged: its removal loses against this.
    write_image(batch, repository.id, *child);
    batch.put(keys::part(repository.id, entry.digest, image.digest), encode_bytes(""));
    image.manifests.push_back(entry.digest);
    image.size_bytes = std::max(image.size_bytes, child->record.size_bytes);
  }
  co_return ok();
}

void Logic::erase_image(store::Batch& batch, RepositoryId id, const Image& image) {
  batch.erase(keys::image(id, image.digest));
  batch.erase(keys::manifest(id, image.digest));
  for (const auto& tag : image.tags) batch.erase(keys::tag(id, tag));
  for (const auto& blob : image.blobs) batch.erase(keys::use(id, blob, image.digest));
  for (const auto& child : image.manifests) batch.erase(keys::part(id, child, image.digest));
  if (!image.subject.empty()) batch.erase(keys::referrer(id, image.subject, image.digest));
}

Task<Result<Logic::Removed>> Logic::remove_image(std::string repository, ImageId id,
                                                 LastTag last_tag) {
  co_return co_await settle([this, repository, id, last_tag]() -> Task<Result<Removed>> {
    return remove_once(repository, id, last_tag);
  });
}

Task<Result<Logic::Removed>> Logic::remove_once(std::string name, ImageId id, LastTag last_tag) {
  CO_TRY(FoundRepository found, co_await existing(std::move(name)));
  const RepositoryId repository = found.record.id;
  CO_TRY(Found<Image> image, co_await resolve(found.record, id));
  store::Batch batch;
  Removed out{.digest = image.record.digest, .tags = image.record.tags};
  bool is_last = image.record.tags.size() == 1 && last_tag == LastTag::kTakesImage;
  out.is_image_gone = id.tag.empty() || is_last;
  if (!out.is_image_gone) {
    out.tags = {id.tag};
    std::erase(image.record.tags, id.tag);
    batch.erase(keys::tag(repository, id.tag));
    write_image(batch, repository, image);
  } else {
    CO_TRY(bool is_part, co_await storage_.any(keys::parts(repository, image.record.digest)));
    if (is_part) {
      co_return fail(kImageReferenced, "Requested image referenced by manifest list");
    }
    batch.require_version(keys::image(repository, image.record.digest), image.version);
    erase_image(batch, repository, image.record);
  }
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return out;
}

}  // namespace suiro::ecr
