// SPDX-License-Identifier: Apache-2.0
// Between the shapes of Amazon ECR and its logic: names, tokens of pages, defaults. No rules.
#pragma once

#include "services/ecr/logic.h"
#include "services/ecr/tokens.h"
#include "services/ecr/uploads.h"
#include "shapes/gen/ecr.h"
#include "shapes/registry.h"

namespace suiro::ecr {

class Api {
 public:
  Api(event::Kernel& kernel, Logic& logic, Uploads& uploads, Tokens& tokens)
      : kernel_(kernel), logic_(logic), uploads_(uploads), tokens_(tokens) {}
  void add_operations(shapes::Registry& registry);

 private:
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;
  template <class Op>
  using Handler = Answer<Op> (Api::*)(typename Op::Input);
  template <class Op>
  void add(shapes::Registry& registry, Handler<Op> handler);

  // Another registry than this account's has no repositories here.
  Result<void> check_registry(const std::optional<std::string>& id, std::string_view name) const;
  std::string arn_of(std::string_view repository) const;
  // Errors: kInvalidParameter.
  Result<std::string> name_of_arn(std::string_view arn) const;
  shapes::ecr::Repository shape_of(const Repository& repository) const;
  shapes::ecr::ImageDetail detail_of(const std::string& repository, const Image& image) const;
  Task<Result<shapes::ecr::Image>> image_of(const Repository& repository, const Image& image,
                                            ImageId id);

  // api_repository.cc
  Answer<shapes::ecr::op::CreateRepository> create(shapes::ecr::CreateRepositoryRequest in);
  Answer<shapes::ecr::op::DescribeRepositories> describe(
      shapes::ecr::DescribeRepositoriesRequest in);
  Answer<shapes::ecr::op::DeleteRepository> remove(shapes::ecr::DeleteRepositoryRequest in);
  Answer<shapes::ecr::op::PutImageTagMutability> put_mutability(
      shapes::ecr::PutImageTagMutabilityRequest in);
  Answer<shapes::ecr::op::PutImageScanningConfiguration> put_scanning(
      shapes::ecr::PutImageScanningConfigurationRequest in);
  Answer<shapes::ecr::op::ListTagsForResource> list_tags(
      shapes::ecr::ListTagsForResourceRequest in);
  Answer<shapes::ecr::op::TagResource> tag(shapes::ecr::TagResourceRequest in);
  Answer<shapes::ecr::op::UntagResource> untag(shapes::ecr::UntagResourceRequest in);
  Answer<shapes::ecr::op::DescribeRegistry> describe_registry(
      shapes::ecr::DescribeRegistryRequest in);
  Task<Result<shapes::ecr::GetAuthorizationTokenResponse>> get_token(
      shapes::Principal caller, shapes::ecr::GetAuthorizationTokenRequest in);

  // api_policy.cc
  Answer<shapes::ecr::op::SetRepositoryPolicy> set_policy(
      shapes::ecr::SetRepositoryPolicyRequest in);
  Answer<shapes::ecr::op::GetRepositoryPolicy> get_policy(
      shapes::ecr::GetRepositoryPolicyRequest in);
  Answer<shapes::ecr::op::DeleteRepositoryPolicy> delete_policy(
      shapes::ecr::DeleteRepositoryPolicyRequest in);
  Answer<shapes::ecr::op::PutLifecyclePolicy> put_lifecycle(
      shapes::ecr::PutLifecyclePolicyRequest in);
  Answer<shapes::ecr::op::GetLifecyclePolicy> get_lifecycle(
      shapes::ecr::GetLifecyclePolicyRequest in);
  Answer<shapes::ecr::op::DeleteLifecyclePolicy> delete_lifecycle(
      shapes::ecr::DeleteLifecyclePolicyRequest in);
  Answer<shapes::ecr::op::StartLifecyclePolicyPreview> start_preview(
      shapes::ecr::StartLifecyclePolicyPreviewRequest in);
  Answer<shapes::ecr::op::GetLifecyclePolicyPreview> get_preview(
      shapes::ecr::GetLifecyclePolicyPreviewRequest in);
  std::unexpected<Error> no_lifecycle(std::string_view repository) const;

  // api_image.cc
  Answer<shapes::ecr::op::PutImage> put_image(shapes::ecr::PutImageRequest in);
  Answer<shapes::ecr::op::BatchGetImage> get_images(shapes::ecr::BatchGetImageRequest in);
  Answer<shapes::ecr::op::BatchDeleteImage> delete_images(shapes::ecr::BatchDeleteImageRequest in);
  Answer<shapes::ecr::op::DescribeImages> describe_images(shapes::ecr::DescribeImagesRequest in);
  Answer<shapes::ecr::op::ListImages> list_images(shapes::ecr::ListImagesRequest in);

  // api_layer.cc
  Answer<shapes::ecr::op::BatchCheckLayerAvailability> check_layers(
      shapes::ecr::BatchCheckLayerAvailabilityRequest in);
  Answer<shapes::ecr::op::InitiateLayerUpload> begin_upload(
      shapes::ecr::InitiateLayerUploadRequest in);
  Answer<shapes::ecr::op::UploadLayerPart> upload_part(shapes::ecr::UploadLayerPartRequest in);
  Answer<shapes::ecr::op::CompleteLayerUpload> complete_upload(
      shapes::ecr::CompleteLayerUploadRequest in);
  Answer<shapes::ecr::op::GetDownloadUrlForLayer> download_url(
      shapes::ecr::GetDownloadUrlForLayerRequest in);

  event::Kernel& kernel_;
  Logic& logic_;
  Uploads& uploads_;
  Tokens& tokens_;
};

// Tokens of pages: what stood last on the page before. Errors: kInvalidParameter.
std::string page_token(std::string_view last);
Result<std::string> parse_page_token(std::string_view token);

}  // namespace suiro::ecr
