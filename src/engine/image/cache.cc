// SPDX-License-Identifier: Apache-2.0
#include "engine/image/cache.h"

#include <fmt/format.h>

#include "base/blocking.h"
#include "base/check.h"
#include "engine/image/cache_parts.h"

namespace suiro::image {

Cache::Cache(CacheOptions options, Shards& shards, Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      home_(shards.owner("image.cache")),
      pool_(std::make_unique<asio::thread_pool>(kUnpackThreads)),
      files_(std::make_unique<asio::thread_pool>(1)),
      idle_(home_) {}

Cache::~Cache() {
  CHECK(running_ == 0, "an image is being pulled");
  pool_->join();
  files_->join();
}

Task<Result<void>> Cache::start() {
  return at_home([this]() -> Task<Result<void>> {
    CO_TRY_VOID(co_await on_pool(pool_.get(), [this] { return load(); }));
    co_return co_await make_room(0);
  });
}

Task<void> Cache::stop() {
  return at_home([this]() -> Task<void> {
    closing_ = true;
    while (running_ > 0) co_await idle_.wait();
  });
}

Task<uint64_t> Cache::bytes() {
  return at_home([this]() -> Task<uint64_t> { co_return bytes_; });
}

Task<Result<Image>> Cache::ensure(ImageRequest request, std::string holder, Pull pull) {
  return at_home([this, request = std::move(request), holder = std::move(holder),
                  pull]() mutable -> Task<Result<Image>> {
    if (closing_) co_return fail(codes::kClosed, "the image cache is closed");
    if (running_ >= kPullsMax) {
      co_return fail(codes::kThrottled,
                     fmt::format("{} images are being pulled at once", kPullsMax), Retry::kLater);
    }
    ++running_;
    auto image = co_await ensure_here(std::move(request), std::move(holder), pull);
    if (--running_ == 0) idle_.notify_all();
    co_return image;
  });
}

Task<Result<Image>> Cache::ensure_here(ImageRequest request, std::string holder, Pull pull) {
  if (holder.empty() || holder.size() > kHolderBytesMax) {
    co_return fail(codes::kInvalidArgument,
                   fmt::format("a holder's name has 1 to {} bytes", kHolderBytesMax));
  }
  Pins pins(*this);
  CO_TRY(Hold hold, co_await find(std::move(request), pull, pins));
  Record& record = images_.at(hold.image);
  record.used = clock_.now();
  std::string file = path(kImages, file_name_of(hold.image));
  co_await on_pool(files_.get(), [file, now = record.used] {
    touch(file, now);
    return true;
  });
  CO_TRY_VOID(co_await set_hold(std::move(holder), hold));
  co_return to_image(hold);
}

Task<Result<Cache::Hold>> Cache::find(ImageRequest request, Pull pull, Pins& pins) {
  CO_TRY(Reference reference, parse_reference(request.reference));
  // A digest names the same image for ever.
  auto known = references_.find(request.reference);
  if (known != references_.end() && (pull == Pull::kCached || !reference.digest.empty())) {
    pins.add_image(known->second.image);
    co_return known->second;
  }
  for (ImageSource* source : sources_) {
    if (!source->serves(request.reference)) continue;
    CO_TRY(Hold hold, co_await pull_image(source, request, pins));
    co_return co_await remember(std::move(request.reference), std::move(hold));
  }
  co_return fail(kImageNotFound,
                 fmt::format("no registry is configured for {}", request.reference));
}

// For Pull::kCached.
Task<Result<Cache::Hold>> Cache::remember(std::string reference, Hold hold) {
  auto known = references_.find(reference);
  if (known != references_.end() && known->second == hold) co_return hold;
  if (known == references_.end() && references_.size() >= kReferencesMax) co_return hold;
  CO_TRY_VOID(co_await on_pool(files_.get(), [this, reference, hold] {
    return write_file(kReferences, hash_name(reference), text_of_hold(reference, hold));
  }));
  references_.insert_or_assign(std::move(reference), hold);
  co_return hold;
}

// The record must stay while its file is written: the caller pins it.
Task<Result<void>> Cache::set_hold(std::string holder, Hold hold) {
  CO_TRY_VOID(co_await on_pool(files_.get(), [this, holder, hold] {
    return write_file(kHolders, hash_name(holder), text_of_hold(holder, hold));
  }));
  drop_hold(holder);
  ++images_.at(hold.image).holds;
  holders_.emplace(std::move(holder), std::move(hold));
  co_return ok();
}

void Cache::drop_hold(const std::string& holder) {
  auto found = holders_.find(holder);
  if (found == holders_.end()) return;
  auto image = images_.find(found->second.image);
  CHECK(image != images_.end() && image->second.holds > 0);
  --image->second.holds;
  holders_.erase(found);
}

Task<Result<Image>> Cache::held(std::string holder) {
  return at_home([this, holder = std::move(holder)]() -> Task<Result<Image>> {
    auto found = holders_.find(holder);
    if (found == holders_.end()) {
      co_return fail(codes::kNotFound, fmt::format("{} holds no image", holder));
    }
    co_return to_image(found->second);
  });
}

Task<Result<void>> Cache::release(std::string holder) {
  return at_home([this, holder = std::move(holder)]() -> Task<Result<void>> {
    if (!holders_.contains(holder)) co_return ok();
    CO_TRY_VOID(co_await on_pool(
        files_.get(), [this, file = hash_name(holder)] { return remove_file(kHolders, file); }));
    drop_hold(holder);
    co_return ok();
  });
}

Task<Result<std::vector<std::string>>> Cache::holders() {
  return at_home([this]() -> Task<Result<std::vector<std::string>>> {
    std::vector<std::string> out;
    for (const auto& [name, hold] : holders_) out.push_back(name);
    co_return out;
  });
}

Result<Image> Cache::to_image(const Hold& hold) const {
  const Record& record = images_.at(hold.image);
  TRY(ParsedConfig parsed, parse_config(record.config_text));
  Image out;
  out.digest = hold.named;
  out.config_digest = record.config_digest;
  out.size_bytes = record.size_bytes;
  out.config = std::move(parsed.config);
  for (const std::string& layer : record.layers) {
    out.layer_directories.push_back(path(kLayers, file_name_of(layer)) + "/" +
                                    std::string(kLayerFiles));
  }
  return out;
}

// --- Pins: what a pull that runs needs

void Cache::Pins::add_image(const std::string& digest) {
  ++cache_.images_.at(digest).pins;
  images_.push_back(digest);
}

void Cache::Pins::add_layer(const std::string& digest) {
  ++cache_.layers_.at(digest).pins;
  layers_.push_back(digest);
}

Cache::Pins::~Pins() {
  for (const auto& digest : images_) --cache_.images_.at(digest).pins;
  for (const auto& digest : layers_) --cache_.layers_.at(digest).pins;
}

// --- Room

// Images that were used longest ago go first, until so many bytes more fit.
Task<Result<void>> Cache::make_room(uint64_t bytes) {
  CO_TRY_VOID(co_await evict_layers());
  while (bytes_ + bytes > options_.bytes_max) {
    const Record* oldest = nullptr;
    for (const auto& [digest, record] : images_) {
      if (record.holds > 0 || record.pins > 0) continue;
      if (oldest == nullptr || record.used < oldest->used) oldest = &record;
    }
    if (oldest == nullptr) {
      if (bytes == 0) co_return ok();
      co_return fail(kImageTooLarge,
                     fmt::format("no room for {} bytes more: all images among the {} bytes of the "
                                 "cache (at most {}) are in use",
                                 bytes, bytes_, options_.bytes_max),
                     Retry::kLater);
    }
    CO_TRY_VOID(co_await evict_image(oldest->digest));
    CO_TRY_VOID(co_await evict_layers());
  }
  co_return ok();
}

Task<Result<void>> Cache::evict_image(std::string digest) {
  // Out of the maps before the first wait: nobody may take it up meanwhile.
  auto node = images_.extract(digest);
  for (const auto& layer : node.mapped().layers) --layers_.at(layer).images;
  std::vector<std::string> stale;
  for (auto it = references_.begin(); it != references_.end();) {
    bool is_stale = it->second.image == digest;
    if (is_stale) stale.push_back(hash_name(it->first));
    it = is_stale ? references_.erase(it) : std::next(it);
  }
  co_return co_await on_pool(files_.get(),
                             [this, digest, stale = std::move(stale)]() -> Result<void> {
                               for (const auto& file : stale)
                                 TRY_VOID(remove_file(kReferences, file));
                               return remove_file(kImages, file_name_of(digest));
                             });
}

// Layers of no image.
Task<Result<void>> Cache::evict_layers() {
  struct Victim {
    std::string digest;
    Layer layer;
    std::shared_ptr<Waiting> waiting;
  };
  std::vector<Victim> victims;
  for (auto it = layers_.begin(); it != layers_.end();) {
    bool is_used = it->second.images > 0 || it->second.pins > 0;
    if (is_used) {
      ++it;
      continue;
    }
    // Who pulls the layer again meanwhile waits, as for one that is being made: from now on, also
    // while another victim is removed.
    Victim& victim =
        victims.emplace_back(it->first, std::move(it->second), std::make_shared<Waiting>(home_));
    bool is_first = making_.emplace(victim.digest, victim.waiting).second;
    CHECK(is_first, "a layer that is there is not being made");
    bytes_ -= victim.layer.tar_bytes;
    it = layers_.erase(it);
  }
  Result<void> all = ok();
  for (Victim& victim : victims) {
    auto removed = co_await on_pool(pool_.get(), [this, digest = victim.digest, to = temporary()] {
      return remove_layer(digest, to);
    });
    making_.erase(victim.digest);
    if (!removed.done && removed.is_there) {
      bytes_ += victim.layer.tar_bytes;
      layers_.emplace(victim.digest, std::move(victim.layer));
    }
    victim.waiting->done.notify_all();
    if (!removed.done && all) all = fail(std::move(removed.done).error());
  }
  co_return all;
}

}  // namespace suiro::image
