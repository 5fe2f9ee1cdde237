// SPDX-License-Identifier: Apache-2.0
// RemoteRegistries: images of other registries, over the OCI distribution API.
//
//   request ─401─► challenge: Basic (the credentials) or Bearer (a token of the realm) ─► again,
//   once
//
// Invariants:
//  1. HTTPS, with certificates verified; plain HTTP for loopback hosts alone. Credentials go to the
//     registry that asked for them, and to the realm that it names, which must be HTTPS where the
//     registry is; never along a redirect.
//  2. Layers are read in ranges of kRemotePieceBytes: memory is bounded whatever the layer's size.
//  3. Bytes are verified by who asked for them (image.h, invariant 4); nothing here is trusted.
//  4. A request that fails is not repeated here, but for the one after a challenge; the caller's
//     retry decides.
// Threads: any. Rules: OCI Distribution Specification; Docker Registry, "Token Authentication
// Specification".
#pragma once

#include <mutex>

#include "engine/http_out/client.h"
#include "engine/image/image.h"
#include "engine/image/reference.h"

namespace suiro::image {

inline constexpr size_t kRemotePieceBytes = 4 << 20;
inline constexpr size_t kRemoteRedirectsMax = 5;
inline constexpr size_t kRemoteTokensMax = 1000;
inline constexpr Millis kRemoteTimeout = std::chrono::seconds(60);

class RemoteRegistries final : public ImageSource {
 public:
  explicit RemoteRegistries(http_out::Client& client) : client_(client) {}

  // Every reference: to be asked last.
  bool serves(const std::string& reference) const override;
  Task<Result<ResolvedManifest>> resolve(ImageRequest request) override;
  Task<Result<ResolvedManifest>> manifest(ImageRequest request, std::string digest) override;
  Task<Result<std::unique_ptr<BlobStream>>> open_blob(ImageRequest request,
                                                      std::string digest) override;

 private:
  class Stream;
  struct Get {
    Reference reference;
    std::optional<PullCredentials> credentials;
    std::string path;  // behind "/v2/REPOSITORY/"
    http_out::Headers headers;
    size_t bytes_max = 0;
  };
  Task<Result<http_out::Reply>> get(Get what);
  Task<Result<http_out::Reply>> follow(Get what, std::string url, http_out::Headers headers);
  Task<Result<std::string>> answer(Get what, std::string challenge);
  Task<Result<ResolvedManifest>> fetch_manifest(ImageRequest request, Reference reference);
  std::string known(const std::string& key);
  void remember(const std::string& key, std::string authorization);

  http_out::Client& client_;
  std::mutex mutex_;
  std::map<std::string, std::string> authorizations_;  // by registry, repository and user
};

// `scheme` of "Bearer realm=\"...\",service=\"...\"", lower case, and its parameters.
struct Challenge {
  std::string scheme;
  std::map<std::string, std::string> parameters;
};
Challenge parse_challenge(std::string_view text);

}  // namespace suiro::image
