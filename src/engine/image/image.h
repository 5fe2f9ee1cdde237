// SPDX-License-Identifier: Apache-2.0
// Container images: where they come from (ImageSource) and where they lie unpacked (ImageCache).
//
//   ensure("host/repo:tag", holder) ─► ImageSource::resolve ─► manifest, digest
//        │                                                        │ per layer that is not there yet
//        │                         unpacked/DIGEST ◄─ rename ─ tmp/ ◄─ unpack ◄─ ImageSource::open
//        ▼
//   Image: config and the layers' directories, held until release(holder)
//
// Place: the container runner mounts the directories with overlayfs; the task service asks for
// images; the registry (services/ecr) is a source.
//
// Invariants:
//  1. A layer is unpacked once by its digest and shared by all images that have it. Its directory
//     is complete and synced before it has its final name, and is never changed afterwards.
//  2. What a holder holds is not removed. Holders are durable: they outlive the process, until
//     release(). A task that is found again after a restart holds its image still.
//  3. Unpacked bytes stay below the cache's limit where the holders permit; what was used longest
//     ago goes first.
//  4. Bytes that do not match the digest by which they were asked for are never used.
// Threads: ImageCache's methods from any shard. Directories: docs/formats/images.md.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/task.h"

namespace suiro::image {

// Codes of errors; the message says what is missing, by its full name.
inline constexpr std::string_view kImageNotFound = "ImageNotFound";    // reference or blob
inline constexpr std::string_view kPullDenied = "PullAccessDenied";    // the registry refuses
inline constexpr std::string_view kImageInvalid = "ImageInvalid";      // bytes are not an image
inline constexpr std::string_view kRegistryFailed = "RegistryFailed";  // unreachable, 5xx; later
inline constexpr std::string_view kImageTooLarge = "ImageTooLarge";    // a named limit

// For registries that ask for it (repositoryCredentials of a task definition).
struct PullCredentials {
  std::string user;
  std::string password;
};

struct ImageRequest {
  // As a task definition says it: "host[:port]/repo[:tag][@sha256:...]", "repo" (public registry).
  std::string reference;
  std::optional<PullCredentials> credentials = {};
};

struct ResolvedManifest {
  std::string digest;  // "sha256:..." of the bytes
  std::string media_type;
  Bytes bytes;  // an image manifest or an index
};

// A blob of a registry, read from its beginning. One coroutine at a time.
class BlobStream {
 public:
  virtual ~BlobStream() = default;
  // The next piece, at most `bytes_max`; empty at the end. Errors: kRegistryFailed,
  // codes::kCorrupt.
  virtual Task<Result<Bytes>> read(size_t bytes_max) = 0;
};

// A registry, or several. Any shard.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // Whether references of this form are this source's; the first source that says so is asked.
  virtual bool serves(const std::string& reference) const = 0;
  // The manifest that tag or digest name at this moment.
  // Errors: kImageNotFound ("name unknown: The repository with name 'x' does not exist in the
  // registry with id '...'"), kPullDenied, kRegistryFailed.
  virtual Task<Result<ResolvedManifest>> resolve(ImageRequest request) = 0;
  // A manifest of the same repository (an index names it).
  virtual Task<Result<ResolvedManifest>> manifest(ImageRequest request, std::string digest) = 0;
  // A layer or config of the repository that the request names. Same errors.
  virtual Task<Result<std::unique_ptr<BlobStream>>> open_blob(ImageRequest request,
                                                              std::string digest) = 0;
};

struct HealthCheck {
  std::vector<std::string> test;  // "CMD"|"CMD-SHELL"|"NONE" and what follows
  Millis interval{0};             // 0: not said
  Millis timeout{0};
  Millis start_period{0};
  int retries = 0;
};

// The config of an image (OCI Image Specification, "Image Configuration").
struct ImageConfig {
  std::string architecture;  // "amd64"
  std::string os;            // "linux"
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;  // "NAME=value"
  std::string user;              // "", "user", "uid", "user:group", "uid:gid"
  std::string working_dir;
  std::vector<std::string> volumes;  // paths, sorted
  std::map<std::string, std::string> labels;
  std::string stop_signal;  // "SIGTERM", "9"; empty: SIGTERM
  std::optional<HealthCheck> health_check;
};

struct Image {
  std::string digest;         // of what the reference named: manifest or index
  std::string config_digest;  // the image id
  uint64_t size_bytes = 0;    // of the compressed layers
  ImageConfig config;
  // Absolute paths, lowest first: overlayfs's lowerdir wants them in reverse, joined by ':'.
  std::vector<std::string> layer_directories;
};

enum class Pull {
  kResolve,  // the tag is looked up anew (AWS's default); layers that are there are not pulled
  kCached,   // what this reference named last time, if that is still there
};

class ImageCache {
 public:
  virtual ~ImageCache() = default;

  // Removes leftovers, reads holders. Before the first ensure().
  virtual Task<Result<void>> start() = 0;
  // Waits for pulls that run; they end with kClosed.
  virtual Task<void> stop() = 0;

  // The image, unpacked, held by `holder` from now on (durably, before this returns). A holder is
  // a name of the caller's ("TASK_ID/CONTAINER", at most 200 bytes) and holds one image: asking
  // again replaces. Pulls of one layer are shared by all who wait for it.
  // Errors: those of the source; kImageInvalid, kImageTooLarge; codes::kUnavailable for the disk.
  virtual Task<Result<Image>> ensure(ImageRequest request, std::string holder,
                                     Pull pull = Pull::kResolve) = 0;
  // What `holder` holds, after a restart too. Errors: codes::kNotFound.
  virtual Task<Result<Image>> held(std::string holder) = 0;
  // Ends a hold; nothing where there is none. After the container's mount is gone.
  virtual Task<Result<void>> release(std::string holder) = 0;
  // All holders, so that their owner can release those whose containers are gone.
  virtual Task<Result<std::vector<std::string>>> holders() = 0;
};

}  // namespace suiro::image
