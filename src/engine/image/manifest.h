// SPDX-License-Identifier: Apache-2.0
// Manifests, indices and configs of images, read from their JSON.
//
// Rules: OCI Image Specification ("Image Manifest", "Image Index", "Image Configuration") and
// Docker's "Image Manifest Version 2, Schema 2". Schema 1 is refused.
// Invariants: digests are well formed; sizes are not negative; nothing larger than the limits below
// is parsed. Threads: any. Failure: kImageInvalid naming the member.
#pragma once

#include <string>
#include <vector>

#include "engine/image/image.h"

namespace suiro::image {

inline constexpr size_t kManifestBytesMax = 4 << 20;
inline constexpr size_t kConfigBytesMax = 8 << 20;
inline constexpr size_t kLayersMax = 512;
inline constexpr size_t kIndexEntriesMax = 1000;

inline constexpr std::string_view kDockerManifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerList =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";

struct Descriptor {
  std::string media_type;
  std::string digest;
  uint64_t size_bytes = 0;
  bool is_foreign = false;  // lies elsewhere ("urls"); registries do not hold it
  // Of entries of an index.
  std::string architecture;
  std::string os;
  std::string variant;
};

struct Manifest {
  std::string media_type;
  std::string artifact_type;
  std::string subject;  // digest of what this is attached to; empty: none
  // An image manifest.
  Descriptor config;
  std::vector<Descriptor> layers;
  // An index.
  bool is_index = false;
  std::vector<Descriptor> manifests;
};

// `media_type` is what the sender said; empty: what the document says, or what its form tells.
Result<Manifest> parse_manifest(std::string_view bytes, std::string_view media_type);

struct ParsedConfig {
  ImageConfig config;
  std::vector<std::string> diff_ids;
};
Result<ParsedConfig> parse_config(std::string_view bytes);

// The entry of an index for linux on this machine's architecture. Errors: kImageNotFound.
Result<Descriptor> choose_platform(const Manifest& index, std::string_view architecture);
// "amd64", "arm64": as images name the machine on which this runs.
std::string_view machine_architecture();

}  // namespace suiro::image
