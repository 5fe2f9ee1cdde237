// SPDX-License-Identifier: Apache-2.0
// Pulling an image into the cache.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>

#include "base/blocking.h"
#include "base/digest.h"
#include "engine/image/cache.h"
#include "engine/image/cache_parts.h"
#include "engine/image/layer_root.h"

namespace suiro::image {
namespace {

Result<void> verify(const ResolvedManifest& manifest) {
  if (digest_of(manifest.bytes) == manifest.digest) return ok();
  return fail(kImageInvalid,
              fmt::format("the manifest's bytes do not match its digest {}", manifest.digest));
}

Result<void> append_to(const Fd& file, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return fail(codes::kUnavailable,
                  fmt::format("cannot write {}: {}", path, std::strerror(errno)), Retry::kLater);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return ok();
}

}  // namespace

Task<Result<Cache::Hold>> Cache::pull_image(ImageSource* source, ImageRequest request, Pins& pins) {
  CO_TRY(ResolvedManifest resolved, co_await source->resolve(request));
  CO_TRY_VOID(verify(resolved));
  std::string named = resolved.digest;
  CO_TRY(Manifest manifest, parse_manifest(resolved.bytes, resolved.media_type));
  if (manifest.is_index) {
    CO_TRY(Descriptor chosen, choose_platform(manifest, machine_architecture()));
    CO_TRY(resolved, co_await source->manifest(request, chosen.digest));
    CO_TRY_VOID(verify(resolved));
    CO_TRY(manifest, parse_manifest(resolved.bytes, resolved.media_type));
    if (resolved.digest != chosen.digest || manifest.is_index) {
      co_return fail(kImageInvalid,
                     fmt::format("{} is not the image that its index names", chosen.digest));
    }
  }
  Hold hold{resolved.digest, std::move(named)};
  if (images_.contains(hold.image)) {
    pins.add_image(hold.image);
    co_return hold;
  }
  CO_TRY(Record record, co_await pull_layers(source, request, manifest, pins));
  record.digest = hold.image;
  CO_TRY_VOID(co_await add_record(std::move(record)));
  pins.add_image(hold.image);
  co_return hold;
}

Task<Result<Cache::Record>> Cache::pull_layers(ImageSource* source, ImageRequest request,
                                               Manifest manifest, Pins& pins) {
  Record record;
  CO_TRY(record.config_text,
         co_await fetch_small(source, request, manifest.config, kConfigBytesMax));
  record.config_digest = manifest.config.digest;
  CO_TRY(ParsedConfig config, parse_config(record.config_text));
  if (config.diff_ids.size() != manifest.layers.size()) {
    co_return fail(kImageInvalid, fmt::format("the config names {} layers, the manifest {}",
                                              config.diff_ids.size(), manifest.layers.size()));
  }
  if (!config.config.os.empty() && config.config.os != "linux") {
    co_return fail(kImageInvalid,
                   fmt::format("the image is for {}, not for linux", config.config.os));
  }
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    const Descriptor& layer = manifest.layers[i];
    CO_TRY_VOID(co_await need_layer(source, request, layer, config.diff_ids[i]));
    pins.add_layer(layer.digest);
    record.layers.push_back(layer.digest);
    record.size_bytes += layer.size_bytes;
  }
  co_return record;
}

Task<Result<Bytes>> Cache::fetch_small(ImageSource* source, ImageRequest request, Descriptor what,
                                       size_t bytes_max) {
  if (what.size_bytes > bytes_max) {
    co_return fail(kImageTooLarge,
                   fmt::format("{} is larger than {} bytes", what.digest, bytes_max));
  }
  CO_TRY(auto stream, co_await source->open_blob(std::move(request), what.digest));
  Bytes out;
  for (;;) {
    CO_TRY(Bytes piece, co_await stream->read(kPullBlockBytes));
    if (piece.empty()) break;
    out += piece;
    if (out.size() > bytes_max) {
      co_return fail(kImageTooLarge,
                     fmt::format("{} is larger than {} bytes", what.digest, bytes_max));
    }
  }
  if (digest_of(out) != what.digest) {
    co_return fail(kImageInvalid, fmt::format("the bytes of {} do not match it", what.digest));
  }
  co_return out;
}

// Afterwards the layer is in layers_; the caller pins it before it waits for anything else.
Task<Result<void>> Cache::need_layer(ImageSource* source, ImageRequest request, Descriptor layer,
                                     std::string diff_id) {
  for (;;) {
    if (closing_) co_return fail(codes::kClosed, "the image cache is closed");
    auto there = layers_.find(layer.digest);
    if (there != layers_.end()) {
      if (there->second.diff_id == diff_id) co_return ok();
      co_return fail(kImageInvalid, fmt::format("layer {} is {} and not {}, as the config says",
                                                layer.digest, there->second.diff_id, diff_id));
    }
    auto making = making_.find(layer.digest);
    if (making == making_.end()) break;
    auto waiting = making->second;
    co_await waiting->done.wait();
  }
  auto waiting = std::make_shared<Waiting>(home_);
  making_.emplace(layer.digest, waiting);
  auto made = co_await make_layer(source, std::move(request), layer, std::move(diff_id));
  making_.erase(layer.digest);
  if (made) {
    bytes_ += made->tar_bytes;
    layers_.emplace(layer.digest, std::move(*made));
  }
  waiting->done.notify_all();
  if (!made) co_return fail(std::move(made).error());
  co_return ok();
}

Task<Result<Cache::Layer>> Cache::make_layer(ImageSource* source, ImageRequest request,
                                             Descriptor layer, std::string diff_id) {
  std::string blob = temporary();
  std::string directory = temporary();
  auto made = co_await download(source, std::move(request), layer, blob);
  Result<Layer> out = fail(codes::kInternal, "");
  if (made) {
    out = co_await on_pool(pool_.get(), [this, blob, directory, layer, diff_id] {
      return unpack_at(blob, directory, layer.digest, diff_id);
    });
  } else {
    out = fail(std::move(made).error());
  }
  bool is_made = out.has_value();
  co_await on_pool(pool_.get(), [blob, directory, is_made] {
    ::unlink(blob.c_str());
    // What cannot be removed now goes at the next start.
    if (!is_made) (void)remove_tree(directory);
    return true;
  });
  if (!out) co_return out;
  auto room = co_await make_room(out->tar_bytes);
  if (!room) {
    co_await on_pool(pool_.get(), [directory] {
      (void)remove_tree(directory);
      return true;
    });
    co_return fail(std::move(room).error());
  }
  std::string final_path = path(kLayers, file_name_of(layer.digest));
  CO_TRY_VOID(co_await on_pool(
      pool_.get(), [directory, final_path] { return rename_durably(directory, final_path); }));
  co_return out;
}

// Blocking.
Result<Cache::Layer> Cache::unpack_at(const std::string& blob, const std::string& directory,
                                      const std::string& digest, const std::string& diff_id) {
  std::string files = directory + "/" + std::string(kLayerFiles);
  TRY_VOID(make_directory(directory));
  TRY_VOID(make_directory(files));
  TRY(Unpacked unpacked, unpack_layer(blob, files, options_.limits));
  if (unpacked.diff_id != diff_id) {
    return fail(kImageInvalid, fmt::format("layer {} unpacks to {} and not to {}, as the config "
                                           "says",
                                           digest, unpacked.diff_id, diff_id));
  }
  boost::json::object facts;
  facts["version"] = 1;
  facts["diffId"] = unpacked.diff_id;
  facts["tarBytes"] = unpacked.tar_bytes;
  std::string name = directory + "/" + std::string(kLayerFacts);
  TRY_VOID(write_durably(name + ".new", name, boost::json::serialize(facts)));
  Layer layer;
  layer.diff_id = std::move(unpacked.diff_id);
  layer.tar_bytes = unpacked.tar_bytes;
  return layer;
}

Task<Result<void>> Cache::download(ImageSource* source, ImageRequest request, Descriptor layer,
                                   std::string to) {
  if (layer.is_foreign) {
    co_return fail(kImageInvalid, fmt::format("layer {} lies outside of its registry, which is not "
                                              "supported",
                                              layer.digest));
  }
  if (layer.size_bytes > kCompressedLayerBytesMax) {
    co_return fail(kImageTooLarge, fmt::format("layer {} is larger than {} bytes", layer.digest,
                                               kCompressedLayerBytesMax));
  }
  CO_TRY(auto stream, co_await source->open_blob(std::move(request), layer.digest));
  auto file =
      std::make_shared<Fd>(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file->valid()) {
    co_return fail(codes::kUnavailable, fmt::format("cannot make {}: {}", to, std::strerror(errno)),
                   Retry::kLater);
  }
  auto hash = std::make_shared<Digest>(DigestKind::kSha256);
  uint64_t total = 0;
  for (;;) {
    if (closing_) co_return fail(codes::kClosed, "the image cache is closed");
    CO_TRY(Bytes piece, co_await stream->read(kPullBlockBytes));
    if (piece.empty()) break;
    total += piece.size();
    if (total > layer.size_bytes) break;
    CO_TRY_VOID(co_await on_pool(pool_.get(), [file, hash, piece = std::move(piece), to] {
      hash->update(piece);
      return append_to(*file, piece, to);
    }));
  }
  if (total != layer.size_bytes || "sha256:" + hex_encode(hash->finish()) != layer.digest) {
    co_return fail(kImageInvalid,
                   fmt::format("the bytes of layer {} do not match its descriptor", layer.digest));
  }
  co_return ok();
}

Task<Result<void>> Cache::add_record(Record record) {
  record.used = clock_.now();
  CO_TRY_VOID(co_await on_pool(
      files_.get(), [this, text = text_of_record(record), name = file_name_of(record.digest)] {
        return write_file(kImages, name, text);
      }));
  // Another pull of the same image may have been faster.
  if (images_.contains(record.digest)) co_return ok();
  for (const auto& layer : record.layers) ++layers_.at(layer).images;
  images_.emplace(record.digest, std::move(record));
  co_return ok();
}

}  // namespace suiro::image
