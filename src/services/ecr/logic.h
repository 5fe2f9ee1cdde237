// SPDX-License-Identifier: Apache-2.0
// The rules of the registry. No wire, no keys. Errors carry the codes and texts of the Amazon ECR
// API Reference.
//
// There is no state but what the store holds, and the policies that are told to who asks them: a
// change reads the records that it depends on, requires their versions in its commit, and begins
// again when it lost a race, at most kCommitAttemptsMax times. Everything runs on the shard that
// calls.
//
//   layer:  add_layer()/mount() -> linked, unused --put_image()--> used --images go--> unused
//              unused for kLayerGrace: sweep() -> unlinked --by the last repository--> gone
#pragma once

#include <functional>

#include "base/turns.h"
#include "engine/image/manifest.h"
#include "engine/policy/resource_policies.h"
#include "kernel/event/kernel.h"
#include "services/ecr/errors.h"
#include "services/ecr/lifecycle.h"
#include "services/ecr/storage.h"

namespace suiro::ecr {

// How an image is named: by digest, tag or both.
struct ImageId {
  Digest digest;
  std::string tag;
};

class Logic {
 public:
  // `policies` is told of the repositories' policies; null: nobody asks them.
  Logic(event::Kernel& kernel, policy::ResourcePolicies* policies);

  // Before the kernel's timers start.
  void register_timers();
  // Sets the sweep's timer where there is none, makes the secret of tokens, and tells of the
  // policies.
  Task<Result<void>> start();
  const Bytes& secret() const { return secret_; }

  // Repositories.
  struct NewRepository {
    std::string name;
    Mutability mutability = Mutability::kMutable;
    std::vector<std::string> exclusions;
    Tags tags;
  };
  Task<Result<Repository>> create_repository(NewRepository wanted);
  Task<Result<Repository>> repository(std::string name);
  struct RepositoryPage {
    std::vector<Repository> rows;
    bool more = false;
  };
  Task<Result<RepositoryPage>> repositories(std::string after, size_t rows_max);
  enum class Images { kMustBeNone, kGoToo };
  Task<Result<Repository>> delete_repository(std::string name, Images images);
  // Reads, changes and writes a repository's record; `change` may refuse, and may add to the batch.
  using Change = std::function<Result<void>(Repository&, store::Batch&)>;
  Task<Result<Repository>> update(std::string name, Change change);
  static Result<void> check_tags(const Tags& tags);
  std::string arn_of(std::string_view repository) const;

  // Policies (logic_policy.cc). Errors: kInvalidParameter, kPolicyNotFound.
  Task<Result<Repository>> put_policy(std::string name, std::string text);
  // The policy that was there.
  Task<Result<std::string>> delete_policy(std::string name);
  std::unexpected<Error> no_policy(std::string_view repository) const;

  // Images.
  struct NewImage {
    Bytes manifest;
    std::string media_type;  // empty: what the manifest says
    Digest digest;           // empty: not said
    std::string tag;         // empty: none
  };
  struct Put {
    Image image;
    bool is_known = false;  // with this tag, too: nothing changed
  };
  Task<Result<Put>> put_image(std::string repository, NewImage wanted);
  struct FoundImage {
    Repository repository;
    Image image;
  };
  // Errors: kImageNotFound, kRepositoryNotFound.
  Task<Result<FoundImage>> find_image(std::string repository, ImageId id);
  Task<Result<Bytes>> manifest(RepositoryId id, Digest digest);
  struct ImagePage {
    std::vector<Image> rows;
    bool more = false;
  };
  // In the order of their digests, behind `after`.
  Task<Result<ImagePage>> images(RepositoryId id, Digest after, size_t rows_max);
  struct TagPage {
    std::vector<std::string> rows;
    bool more = false;
  };
  Task<Result<TagPage>> tags(RepositoryId id, std::string after, size_t rows_max);
  Task<Result<std::vector<Image>>> referrers(RepositoryId id, Digest subject);
  enum class LastTag { kTakesImage, kLeavesImage };
  struct Removed {
    Digest digest;
    std::vector<std::string> tags;
    bool is_image_gone = false;
  };
  // By tag: takes the tag away, and the image with its last one as asked; by digest: the image with
  // all its tags. Errors: kImageNotFound, kImageReferenced, kTagMismatch.
  static constexpr std::string_view kImageReferenced = "ImageReferencedByManifestList";
  static constexpr std::string_view kTagMismatch = "ImageTagDoesNotMatchDigest";
  Task<Result<Removed>> remove_image(std::string repository, ImageId id, LastTag last_tag);

  // Layers.
  // Makes the bytes a layer of the repository. Their digest was verified.
  Task<Result<void>> add_layer(std::string repository, Digest digest, store::PendingBlob blob);
  // Errors: kLayersNotFound where `from` does not have it.
  Task<Result<void>> mount(std::string repository, Digest digest, std::string from);
  // Size of a layer that the repository has, which is then kept for kLayerGrace / 2 at least.
  Task<Result<std::optional<uint64_t>>> layer_size(std::string repository, Digest digest);
  // Errors: kLayerInaccessible.
  Task<Result<std::unique_ptr<store::BlobReader>>> open_layer(std::string repository,
                                                              Digest digest);

  // Lifecycle.
  Task<Result<Repository>> put_lifecycle(std::string repository, std::string text);
  Task<Result<Repository>> delete_lifecycle(std::string repository);
  // What the policy would remove now.
  Task<Result<std::vector<Expired>>> preview(std::string repository, std::string text);

  // Bytes that lie as layers, over all repositories; each layer once.
  Task<Result<uint64_t>> stored_bytes();

  std::unexpected<Error> no_repository(std::string_view name) const;
  std::unexpected<Error> no_image(const ImageId& id, std::string_view repository) const;

 private:
  using FoundRepository = Found<Repository>;
  template <class Attempt>
  auto settle(Attempt attempt) -> decltype(attempt());
  Task<Result<void>> commit(store::Batch batch);
  void tell(const std::string& name, const std::string& policy);
  Task<void> tell_policy(std::string name);
  Task<Result<void>> tell_policies();
  Task<Result<FoundRepository>> existing(std::string name);
  Task<Result<Found<Image>>> resolve(const Repository& repository, ImageId id);
  // images
  Task<Result<Put>> put_once(std::string repository, NewImage wanted, image::Manifest parsed);
  Task<Result<void>> check_tag(const Repository& repository, const Image& image,
                               const std::string& tag, std::optional<Found<Image>>& holder);
  Task<Result<void>> use_blobs(const Repository& repository, Image& image,
                               const image::Manifest& parsed, store::Batch& batch);
  Task<Result<void>> use_manifests(const Repository& repository, Image& image,
                                   const image::Manifest& parsed, store::Batch& batch);
  Task<Result<Removed>> remove_once(std::string repository, ImageId id, LastTag last_tag);
  static void erase_image(store::Batch& batch, RepositoryId id, const Image& image);
  // layers
  Task<Result<void>> link(std::string repository, Digest digest,
                          std::shared_ptr<store::PendingBlob> blob);
  // timers
  Task<Result<void>> on_lifecycle(event::Timer timer, store::Batch consume);
  Task<Result<void>> expire_images(Repository repository);
  void set_lifecycle_timer(store::Batch& batch, Repository& repository, TimePoint due);
  void cancel_lifecycle_timer(store::Batch& batch, const Repository& repository);
  event::Timer lifecycle_timer(const Repository& repository) const;
  Task<Result<void>> on_sweep(event::Timer timer, store::Batch consume);
  Task<Result<void>> sweep_layer(store::Entry entry);
  void set_sweep(store::Batch& batch, TimePoint due, store::Key from);

  event::Kernel& kernel_;
  policy::ResourcePolicies* policies_;
  Storage storage_;
  std::vector<Turns> turns_;  // by shard: of telling about policies
  Bytes secret_;
};

}  // namespace suiro::ecr
