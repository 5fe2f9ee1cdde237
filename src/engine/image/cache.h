// SPDX-License-Identifier: Apache-2.0
// Cache: the ImageCache over a directory of this machine.
//
//   layer:  tmp/N.blob (verified) -> tmp/N/ (unpacked, synced) -> layers/HEX/ -> evicted: tmp/N ->
//   gone
//
// Invariants, besides those of image.h:
//  1. The directory is this object's alone. Names in layers/, images/, references/ and holders/
//     appear by rename after a sync, so a crash leaves either nothing or the whole; tmp/ is
//     emptied at start.
//  2. An image's record is removed before any of its layers is; a record whose layers are not all
//     there is removed at start.
//  3. What an ensure() that runs needs counts as held.
// Thread: all state is touched on one shard (`home`); blocking work runs on a pool of its own.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>

#include "base/shard.h"
#include "engine/image/image.h"
#include "engine/image/manifest.h"
#include "engine/image/reference.h"
#include "engine/image/unpack.h"

namespace suiro::image {

inline constexpr uint64_t kCacheBytesDefault = uint64_t{50} << 30;
inline constexpr uint64_t kCompressedLayerBytesMax = uint64_t{10} << 30;
inline constexpr size_t kHolderBytesMax = 200;
inline constexpr size_t kUnpackThreads = 2;
inline constexpr size_t kPullsMax = 256;  // that wait or run; beyond: codes::kThrottled
inline constexpr size_t kPullBlockBytes = 1 << 20;
inline constexpr size_t kReferencesMax = 10'000;  // that are remembered for Pull::kCached

struct CacheOptions {
  std::string directory;
  // Of unpacked layers, as tar archives count them.
  uint64_t bytes_max = kCacheBytesDefault;
  UnpackLimits limits = {};
};

class Cache final : public ImageCache {
 public:
  Cache(CacheOptions options, Shards& shards, Clock& clock);
  ~Cache() override;  // stop() must have completed if start() was called

  // In the order in which they are asked. Before start(); borrowed.
  void add_source(ImageSource* source) { sources_.push_back(source); }

  Task<Result<void>> start() override;
  Task<void> stop() override;
  Task<Result<Image>> ensure(ImageRequest request, std::string holder, Pull pull) override;
  Task<Result<Image>> held(std::string holder) override;
  Task<Result<void>> release(std::string holder) override;
  Task<Result<std::vector<std::string>>> holders() override;
  // Bytes of the layers that lie unpacked.
  Task<uint64_t> bytes();

 private:
  struct Layer {
    std::string diff_id;
    uint64_t tar_bytes = 0;
    size_t images = 0;  // records that name it
    size_t pins = 0;    // pulls that run and need it
  };
  struct Record {
    std::string digest;  // of the image manifest
    std::string config_text;
    std::string config_digest;
    uint64_t size_bytes = 0;
    std::vector<std::string> layers;  // digests, lowest first
    TimePoint used = {};
    size_t holds = 0;
    size_t pins = 0;
  };
  struct Hold {
    std::string image;  // digest of the image manifest: a key of images_
    std::string named;  // what the reference named: Image::digest
    bool operator==(const Hold&) const = default;
  };
  // A layer that is being made or removed.
  struct Waiting {
    explicit Waiting(Executor executor) : done(executor) {}
    Signal done;
  };
  // Pins until it is destroyed.
  class Pins {
   public:
    explicit Pins(Cache& cache) : cache_(cache) {}
    ~Pins();
    Pins(const Pins&) = delete;
    void add_image(const std::string& digest);
    void add_layer(const std::string& digest);

   private:
    Cache& cache_;
    std::vector<std::string> images_;
    std::vector<std::string> layers_;
  };

  // cache.cc
  Task<Result<Image>> ensure_here(ImageRequest request, std::string holder, Pull pull);
  Task<Result<Hold>> find(ImageRequest request, Pull pull, Pins& pins);
  Task<Result<Hold>> remember(std::string reference, Hold hold);
  Task<Result<void>> set_hold(std::string holder, Hold hold);
  void drop_hold(const std::string& holder);
  Result<Image> to_image(const Hold& hold) const;
  Task<Result<void>> make_room(uint64_t bytes);
  Task<Result<void>> evict_image(std::string digest);
  Task<Result<void>> evict_layers();

  // cache_pull.cc
  Task<Result<Hold>> pull_image(ImageSource* source, ImageRequest request, Pins& pins);
  Task<Result<Record>> pull_layers(ImageSource* source, ImageRequest request, Manifest manifest,
                                   Pins& pins);
  Task<Result<Bytes>> fetch_small(ImageSource* source, ImageRequest request, Descriptor what,
                                  size_t bytes_max);
  Task<Result<void>> need_layer(ImageSource* source, ImageRequest request, Descriptor layer,
                                std::string diff_id);
  Task<Result<Layer>> make_layer(ImageSource* source, ImageRequest request, Descriptor layer,
                                 std::string diff_id);
  Result<Layer> unpack_at(const std::string& blob, const std::string& directory,
                          const std::string& digest, const std::string& diff_id);
  Task<Result<void>> download(ImageSource* source, ImageRequest request, Descriptor layer,
                              std::string to);
  Task<Result<void>> add_record(Record record);

  // cache_files.cc; blocking
  Result<void> load();
  void load_layers();
  Result<void> load_images();
  Result<void> load_names(std::string_view folder, std::map<std::string, Hold>& into);
  std::string path(std::string_view folder, std::string_view name) const;
  std::string temporary();
  Result<void> write_file(std::string_view folder, std::string_view name, const Bytes& content);
  Result<void> remove_file(std::string_view folder, std::string_view name);
  struct Removed {
    Result<void> done;
    bool is_there = false;  // whole, as before
  };
  Removed remove_layer(const std::string& digest, const std::string& to);
  Result<void> move_away(std::string_view folder, std::string_view name, const std::string& to);
  static std::string text_of_hold(const std::string& name, const Hold& hold);
  static std::string text_of_record(const Record& record);

  template <class Make>
  auto at_home(Make make) {
    return run_on(home_, std::move(make));
  }

  CacheOptions options_;
  Clock& clock_;
  Executor home_;
  std::unique_ptr<asio::thread_pool> pool_;   // downloads, unpacking, removal
  std::unique_ptr<asio::thread_pool> files_;  // small files, in the order of their changes
  std::vector<ImageSource*> sources_;

  std::map<std::string, Layer> layers_;   // by digest
  std::map<std::string, Record> images_;  // by digest of the image manifest
  std::map<std::string, Hold> references_;
  std::map<std::string, Hold> holders_;
  std::map<std::string, std::shared_ptr<Waiting>> making_;  // layers
  uint64_t bytes_ = 0;
  size_t running_ = 0;
  std::atomic<uint64_t> temporaries_ = 0;  // of the pool too
  bool closing_ = false;
  Signal idle_;
};

}  // namespace suiro::image
