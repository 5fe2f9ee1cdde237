// SPDX-License-Identifier: Apache-2.0
// For tests: tar archives entry by entry (also ones that no tar program would write), images of
// them, and a registry in memory.
#pragma once

#include <fmt/format.h>
#include <zstd.h>

#include <atomic>
#include <boost/json/serialize.hpp>

#include "base/check.h"
#include "base/digest.h"
#include "base/gzip.h"
#include "engine/image/image.h"
#include "engine/image/manifest.h"
#include "engine/image/reference.h"

namespace suiro::image {

struct TarEntry {
  std::string name;
  char type =
      '0';  // '0' file, '1' hard link, '2' link, '3' char, '4' block, '5' directory, '6' pipe
  std::string content = {};
  std::string target = {};
  uint32_t mode = 0644;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::map<std::string, std::string> attributes = {};
};

class TarBuilder {
 public:
  TarBuilder& add(const TarEntry& entry) {
    if (!entry.attributes.empty()) {
      std::string records;
      for (const auto& [name, value] : entry.attributes) {
        std::string tail = fmt::format(" SCHILY.xattr.{}={}\n", name, value);
        size_t size = tail.size() + 1;
        while (std::to_string(size).size() + tail.size() != size) ++size;
        records += std::to_string(size) + tail;
      }
      block({.name = "pax", .type = 'x', .content = records});
    }
    block(entry);
    return *this;
  }
  TarBuilder& file(std::string name, std::string content, uint32_t mode = 0644) {
    return add({.name = std::move(name), .content = std::move(content), .mode = mode});
  }
  TarBuilder& directory(std::string name, uint32_t mode = 0755) {
    return add({.name = std::move(name), .type = '5', .mode = mode});
  }
  TarBuilder& link(std::string name, std::string target) {
    return add({.name = std::move(name), .type = '2', .target = std::move(target)});
  }
  Bytes finish() const { return bytes_ + Bytes(1024, '\0'); }

 private:
  void block(const TarEntry& entry) {
    CHECK(entry.name.size() < 100 && entry.target.size() < 100);
    Bytes head(512, '\0');
    auto put = [&](size_t at, std::string_view text) { head.replace(at, text.size(), text); };
    put(0, entry.name);
    put(100, fmt::format("{:07o}", entry.mode));
    put(108, fmt::format("{:07o}", entry.uid));
    put(116, fmt::format("{:07o}", entry.gid));
    put(124, fmt::format("{:011o}", entry.content.size()));
    put(136, fmt::format("{:011o}", 1'000'000));
    put(148, "        ");
    head[156] = entry.type;
    put(157, entry.target);
    put(257, std::string_view("ustar\00000", 8));
    put(329, "0000001");
    put(337, "0000003");
    unsigned sum = 0;
    for (char c : head) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum));
    head[154] = '\0';
    bytes_ += head + entry.content;
    bytes_.resize((bytes_.size() + 511) / 512 * 512, '\0');
  }

  Bytes bytes_;
};

inline Bytes zstd_of(ByteView bytes) {
  Bytes out(ZSTD_compressBound(bytes.size()), '\0');
  size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3);
  CHECK(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

// One repository, "test.local/image", with tags.
class MemoryRegistry final : public ImageSource {
 public:
  // Puts an image of these tar archives; returns the manifest's digest.
  std::string put(const std::string& tag, const std::vector<Bytes>& tars) {
    boost::json::array diff_ids, layers;
    for (const Bytes& tar : tars) {
      diff_ids.emplace_back(digest_of(tar));
      layers.push_back(describe(gzip(tar), "application/vnd.oci.image.layer.v1.tar+gzip"));
    }
    boost::json::object config;
    config["architecture"] = machine_architecture();
    config["os"] = "linux";
    config["config"] = {{"Cmd", {"/bin/sh", "-c", tag}}, {"Env", {"A=b"}}, {"User", "user"}};
    config["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(diff_ids)}};
    boost::json::object manifest;
    manifest["schemaVersion"] = 2;
    manifest["mediaType"] = kOciManifest;
    manifest["config"] =
        describe(boost::json::serialize(config), "application/vnd.oci.image.config.v1+json");
    manifest["layers"] = std::move(layers);
    return put_manifest(tag, boost::json::serialize(manifest), kOciManifest);
  }
  std::string put_manifest(const std::string& tag, Bytes bytes, std::string_view media_type) {
    std::string digest = digest_of(bytes);
    manifests[digest] = {digest, std::string(media_type), std::move(bytes)};
    tags[tag] = digest;
    return digest;
  }
  boost::json::object describe(const Bytes& blob, std::string_view media_type) {
    std::string digest = digest_of(blob);
    blobs[digest] = blob;
    return {{"mediaType", media_type}, {"digest", digest}, {"size", blob.size()}};
  }

  bool serves(const std::string& reference) const override {
    return reference.starts_with("test.local/");
  }
  Task<Result<ResolvedManifest>> resolve(ImageRequest request) override {
    auto reference = parse_reference(request.reference);
    CHECK(reference);
    std::string digest = reference->digest;
    if (digest.empty()) digest = tags.contains(reference->tag) ? tags[reference->tag] : "";
    return manifest(std::move(request), digest);
  }
  Task<Result<ResolvedManifest>> manifest(ImageRequest, std::string digest) override {
    auto found = manifests.find(digest);
    if (found == manifests.end()) co_return fail(kImageNotFound, "manifest unknown: " + digest);
    co_return found->second;
  }
  Task<Result<std::unique_ptr<BlobStream>>> open_blob(ImageRequest, std::string digest) override {
    ++opened;
    auto found = blobs.find(digest);
    if (found == blobs.end()) co_return fail(kImageNotFound, "blob unknown: " + digest);
    co_return std::make_unique<Stream>(found->second);
  }

  std::map<std::string, ResolvedManifest> manifests;
  std::map<std::string, std::string> tags;
  std::map<std::string, Bytes> blobs;
  std::atomic<size_t> opened = 0;

 private:
  class Stream final : public BlobStream {
   public:
    explicit Stream(Bytes bytes) : bytes_(std::move(bytes)) {}
    Task<Result<Bytes>> read(size_t bytes_max) override {
      Bytes piece = bytes_.substr(at_, std::min<size_t>(bytes_max, 1000));
      at_ += piece.size();
      co_return piece;
    }

   private:
    Bytes bytes_;
    size_t at_ = 0;
  };
};

}  // namespace suiro::image
