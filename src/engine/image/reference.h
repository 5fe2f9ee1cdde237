// SPDX-License-Identifier: Apache-2.0
// References and digests: "host[:port]/repo/path[:tag][@sha256:...]" taken apart.
//
// Rules: OCI Distribution Specification, "Pulling manifests"; the familiar form without a host is
// Docker's ("busybox" means docker.io/library/busybox). Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro::image {

inline constexpr size_t kReferenceBytesMax = 1024;
inline constexpr size_t kTagBytesMax = 128;
inline constexpr size_t kRepositoryBytesMax = 256;

struct Reference {
  std::string host;        // "127.0.0.1:4566", "docker.io"
  std::string repository;  // "team/batch"
  std::string tag;         // "latest" where the reference has neither tag nor digest
  std::string digest;      // "sha256:..." or empty; it wins over the tag
  // What names the manifest: the digest, or else the tag.
  const std::string& name() const { return digest.empty() ? tag : digest; }
};

// Errors: kImageInvalid ("invalid reference format").
Result<Reference> parse_reference(std::string_view text);

// "sha256:" and 64 lower-case hexadecimal digits.
bool is_digest(std::string_view text);
bool is_tag(std::string_view text);
bool is_repository(std::string_view text);
std::string digest_of(std::string_view bytes);

}  // namespace suiro::image
