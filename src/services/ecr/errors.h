// SPDX-License-Identifier: Apache-2.0
// Codes of the registry's errors (Amazon ECR API Reference) and the texts that several places use.
#pragma once

#include <fmt/format.h>

#include "base/result.h"

namespace suiro::ecr {

inline constexpr std::string_view kRepositoryNotFound = "RepositoryNotFoundException";
inline constexpr std::string_view kRepositoryExists = "RepositoryAlreadyExistsException";
inline constexpr std::string_view kRepositoryNotEmpty = "RepositoryNotEmptyException";
inline constexpr std::string_view kInvalidParameter = "InvalidParameterException";
inline constexpr std::string_view kInvalidTagParameter = "InvalidTagParameterException";
inline constexpr std::string_view kTooManyTags = "TooManyTagsException";
inline constexpr std::string_view kLimitExceeded = "LimitExceededException";
inline constexpr std::string_view kImageNotFound = "ImageNotFoundException";
inline constexpr std::string_view kImageExists = "ImageAlreadyExistsException";
inline constexpr std::string_view kTagExists = "ImageTagAlreadyExistsException";
inline constexpr std::string_view kDigestMismatch = "ImageDigestDoesNotMatchException";
inline constexpr std::string_view kLayersNotFound = "LayersNotFoundException";
inline constexpr std::string_view kLayerExists = "LayerAlreadyExistsException";
inline constexpr std::string_view kLayerInaccessible = "LayerInaccessibleException";
inline constexpr std::string_view kInvalidLayer = "InvalidLayerException";
inline constexpr std::string_view kInvalidLayerPart = "InvalidLayerPartException";
inline constexpr std::string_view kEmptyUpload = "EmptyUploadException";
inline constexpr std::string_view kUploadNotFound = "UploadNotFoundException";
inline constexpr std::string_view kReferencedImagesNotFound = "ReferencedImagesNotFoundException";
inline constexpr std::string_view kPolicyNotFound = "RepositoryPolicyNotFoundException";
inline constexpr std::string_view kLifecycleNotFound = "LifecyclePolicyNotFoundException";
inline constexpr std::string_view kPreviewNotFound = "LifecyclePolicyPreviewNotFoundException";

}  // namespace suiro::ecr
