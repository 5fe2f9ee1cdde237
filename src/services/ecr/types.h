// SPDX-License-Identifier: Apache-2.0
// What the registry keeps: repositories, images, layers and the links between them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strong.h"
#include "kernel/store/store.h"

namespace suiro::ecr {

struct RepositoryIdTag;
// Of one life of a repository: made again under its name, it has another.
using RepositoryId = Strong<RepositoryIdTag, uint64_t>;

// "sha256:" and 64 lower-case digits.
using Digest = std::string;

enum class Mutability : uint8_t {
  kMutable = 0,
  kImmutable = 1,
  kImmutableWithExclusion = 2,
  kMutableWithExclusion = 3,
};

using Tags = std::map<std::string, std::string>;

struct Repository {
  RepositoryId id;
  std::string name;
  TimePoint created;
  Mutability mutability = Mutability::kMutable;
  std::vector<std::string> exclusions;  // patterns of tags
  Tags tags;
  std::string policy;
  std::string lifecycle;          // text of the policy as it was put; empty: none
  TimePoint lifecycle_evaluated;  // zero: never
  TimePoint lifecycle_due;        // when its timer rings; zero: none is set
  std::string preview;            // text of the policy that a preview was started for
};

struct Image {
  Digest digest;
  std::string media_type;
  std::string artifact_type;
  TimePoint pushed;
  uint64_t size_bytes = 0;
  std::vector<Digest> blobs;      // config and layers that the registry holds
  std::vector<Digest> manifests;  // of an index
  Digest subject;                 // what it is attached to; empty: nothing
  std::vector<std::string> tags;  // sorted
};

struct Layer {
  Digest digest;
  store::BlobRef blob;
};

// Limits (Amazon ECR User Guide, "Amazon ECR service quotas", where AWS has one).
inline constexpr size_t kTagsPerImageMax = 1000;
inline constexpr size_t kImagesPerRepositoryMax = 100'000;
inline constexpr size_t kResourceTagsMax = 50;
inline constexpr uint64_t kLayerBytesMax = uint64_t{52'000} << 20;
inline constexpr int kCommitAttemptsMax = 64;

// How long a layer that no image uses is kept in its repository, from its upload or the last time
// that a client asked for it: pushes are under way for so long. Asked again in the second half of
// that time, its date is renewed.
inline constexpr Millis kLayerGrace = std::chrono::hours(2);
inline constexpr Millis kSweepInterval = std::chrono::minutes(10);
inline constexpr size_t kSweepLayersMax = 256;  // looked at in one step
inline constexpr Millis kSweepStep = std::chrono::seconds(1);
inline constexpr Millis kLifecycleInterval = std::chrono::hours(1);

}  // namespace suiro::ecr
