// SPDX-License-Identifier: Apache-2.0
// Images.
#include <algorithm>

#include "engine/image/reference.h"
#include "services/ecr/api.h"

namespace suiro::ecr {

namespace shape = shapes::ecr;
namespace op = shapes::ecr::op;

namespace {

constexpr int32_t kRowsDefault = 100;

ImageId id_of(const shape::ImageIdentifier& id) {
  return {id.image_digest.value_or(""), id.image_tag.value_or("")};
}

shape::ImageFailure failure_of(const shape::ImageIdentifier& id, std::string_view code,
                               std::string_view reason) {
  shape::ImageFailure out;
  out.image_id = id;
  out.failure_code = code;
  out.failure_reason = reason;
  return out;
}

// What is wrong with the identifier itself.
std::optional<shape::ImageFailure> check_id(const shape::ImageIdentifier& id) {
  if (!id.image_digest && !id.image_tag) {
    return failure_of(id, "MissingDigestAndTag",
                      "Invalid request parameters: both tag and digest cannot be null");
  }
  if (id.image_digest && !image::is_digest(*id.image_digest)) {
    return failure_of(id, "InvalidImageDigest",
                      "Invalid request parameters: image digest should satisfy the regex "
                      "'[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
  }
  return std::nullopt;
}

// Errors that belong to one image of many. Errors: all others.
Result<shape::ImageFailure> failure_of(const shape::ImageIdentifier& id, const Error& error) {
  if (error.code == kImageNotFound)
    return failure_of(id, "ImageNotFound", "Requested image not found");
  if (error.code == Logic::kTagMismatch || error.code == Logic::kImageReferenced) {
    return failure_of(id, error.code, error.message);
  }
  return fail(error);
}

bool fits(const Image& image, const std::optional<std::string>& tag_status) {
  if (!tag_status || *tag_status == "ANY") return true;
  return (*tag_status == "TAGGED") == !image.tags.empty();
}

template <class Filter>
Result<std::optional<std::string>> tag_status_of(const std::optional<Filter>& filter) {
  if (!filter) return std::optional<std::string>();
  if (filter->image_status && *filter->image_status != "ACTIVE" && *filter->image_status != "ANY") {
    return fail(codes::kNotImplemented, "archived images are not supported by Suiro");
  }
  return filter->tag_status;
}

}  // namespace

shape::ImageDetail Api::detail_of(const std::string& repository, const Image& image) const {
  shape::ImageDetail out;
  out.registry_id = kernel_.account;
  out.repository_name = repository;
  out.image_digest = image.digest;
  if (!image.tags.empty()) out.image_tags = image.tags;
  out.image_size_in_bytes = static_cast<int64_t>(image.size_bytes);
  out.image_pushed_at = image.pushed;
  out.image_manifest_media_type = image.media_type;
  if (!image.artifact_type.empty()) out.artifact_media_type = image.artifact_type;
  if (!image.subject.empty()) out.subject_manifest_digest = image.subject;
  out.image_status = "ACTIVE";
  return out;
}

Task<Result<shape::Image>> Api::image_of(const Repository& repository, const Image& image,
                                         ImageId id) {
  CO_TRY(Bytes manifest, co_await logic_.manifest(repository.id, image.digest));
  shape::Image out;
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  out.image_id.emplace().image_digest = image.digest;
  if (!id.tag.empty()) out.image_id->image_tag = id.tag;
  out.image_manifest = std::move(manifest);
  out.image_manifest_media_type = image.media_type;
  co_return out;
}

Api::Answer<op::PutImage> Api::put_image(shape::PutImageRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  Logic::NewImage wanted{.manifest = std::move(in.image_manifest),
                         .media_type = in.image_manifest_media_type.value_or(""),
                         .digest = in.image_digest.value_or(""),
                         .tag = in.image_tag.value_or("")};
  std::string tag = wanted.tag;
  CO_TRY(auto put, co_await logic_.put_image(in.repository_name, std::move(wanted)));
  if (put.is_known) {
    co_return fail(kImageExists,
                   fmt::format("Image with digest '{}' and tag '{}' already exists in the "
                               "repository with name '{}' in registry with id '{}'",
                               put.image.digest, tag, in.repository_name, kernel_.account));
  }
  CO_TRY(Repository repository, co_await logic_.repository(in.repository_name));
  shape::PutImageResponse out;
  CO_TRY(out.image, co_await image_of(repository, put.image, {put.image.digest, tag}));
  co_return out;
}

Api::Answer<op::BatchGetImage> Api::get_images(shape::BatchGetImageRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY_VOID(co_await logic_.repository(in.repository_name));
  shape::BatchGetImageResponse out;
  out.images.emplace();
  out.failures.emplace();
  for (const auto& id : in.image_ids) {
    if (auto failure = check_id(id)) {
      out.failures->push_back(std::move(*failure));
      continue;
    }
    auto found = co_await logic_.find_image(in.repository_name, id_of(id));
    if (!found) {
      CO_TRY(auto failure, failure_of(id, found.error()));
      out.failures->push_back(std::move(failure));
      continue;
    }
    CO_TRY(auto image, co_await image_of(found->repository, found->image, id_of(id)));
    out.images->push_back(std::move(image));
  }
  co_return out;
}

Api::Answer<op::BatchDeleteImage> Api::delete_images(shape::BatchDeleteImageRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY_VOID(co_await logic_.repository(in.repository_name));
  shape::BatchDeleteImageResponse out;
  out.image_ids.emplace();
  out.failures.emplace();
  for (const auto& id : in.image_ids) {
    if (auto failure = check_id(id)) {
      out.failures->push_back(std::move(*failure));
      continue;
    }
    auto removed =
        co_await logic_.remove_image(in.repository_name, id_of(id), Logic::LastTag::kTakesImage);
    if (!removed) {
      CO_TRY(auto failure, failure_of(id, removed.error()));
      out.failures->push_back(std::move(failure));
      continue;
    }
    if (removed->tags.empty()) out.image_ids->push_back({.image_digest = removed->digest});
    for (const auto& tag : removed->tags) {
      out.image_ids->push_back({.image_digest = removed->digest, .image_tag = tag});
    }
  }
  co_return out;
}

Api::Answer<op::DescribeImages> Api::describe_images(shape::DescribeImagesRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(Repository repository, co_await logic_.repository(in.repository_name));
  shape::DescribeImagesResponse out;
  out.image_details.emplace();
  if (in.image_ids) {
    if (in.next_token || in.max_results) {
      co_return fail(kInvalidParameter,
                     "Invalid parameter at 'imageIds' failed to satisfy constraint: 'goes without "
                     "nextToken and maxResults'");
    }
    for (const auto& id : *in.image_ids) {
      if (auto failure = check_id(id)) {
        co_return fail(kInvalidParameter, *failure->failure_reason);
      }
      CO_TRY(auto found, co_await logic_.find_image(in.repository_name, id_of(id)));
      out.image_details->push_back(detail_of(repository.name, found.image));
    }
    co_return out;
  }
  CO_TRY(auto tag_status, tag_status_of(in.filter));
  std::string after;
  if (in.next_token) {
    CO_TRY(after, parse_page_token(*in.next_token));
    if (!image::is_digest(after)) co_return fail(kInvalidParameter, "Invalid nextToken");
  }
  auto rows = static_cast<size_t>(in.max_results.value_or(kRowsDefault));
  CO_TRY(auto page, co_await logic_.images(repository.id, after, rows));
  for (const auto& image : page.rows) {
    if (fits(image, tag_status)) out.image_details->push_back(detail_of(repository.name, image));
  }
  if (page.more) out.next_token = page_token(page.rows.back().digest);
  co_return out;
}

// A row a tag: a page may end between the tags of one image, so a token names digest and tag.
Api::Answer<op::ListImages> Api::list_images(shape::ListImagesRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(Repository repository, co_await logic_.repository(in.repository_name));
  CO_TRY(auto tag_status, tag_status_of(in.filter));
  shape::ListImagesResponse out;
  auto& ids = out.image_ids.emplace();
  auto rows = static_cast<size_t>(in.max_results.value_or(kRowsDefault));
  Digest after;
  std::string after_tag;
  if (in.next_token) {
    CO_TRY(std::string last, parse_page_token(*in.next_token));
    size_t space = std::min(last.find(' '), last.size());
    after = last.substr(0, space);
    after_tag = last.substr(std::min(space + 1, last.size()));
    if (!image::is_digest(after)) co_return fail(kInvalidParameter, "Invalid nextToken");
  }
  auto token = [&] {
    const auto& last = ids.back();
    return page_token(fmt::format("{} {}", *last.image_digest, last.image_tag.value_or("")));
  };
  if (!after_tag.empty()) {
    auto rest = co_await logic_.find_image(repository.name, {after, ""});
    for (const auto& tag : rest ? rest->image.tags : std::vector<std::string>()) {
      if (tag <= after_tag) continue;
      if (ids.size() == rows) co_return out.next_token = token(), out;
      ids.push_back({.image_digest = after, .image_tag = tag});
    }
  }
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await logic_.images(repository.id, after, rows));
    more = page.more;
    for (const auto& image : page.rows) {
      after = image.digest;
      if (!fits(image, tag_status)) continue;
      std::vector<shape::ImageIdentifier> of_image;
      if (image.tags.empty()) of_image.push_back({.image_digest = image.digest});
      for (const auto& tag : image.tags) {
        of_image.push_back({.image_digest = image.digest, .image_tag = tag});
      }
      for (auto& id : of_image) {
        if (ids.size() == rows) co_return out.next_token = token(), out;
        ids.push_back(std::move(id));
      }
    }
  }
  co_return out;
}

}  // namespace suiro::ecr
