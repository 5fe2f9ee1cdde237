// SPDX-License-Identifier: Apache-2.0
// Repositories, tags and the registry's passwords.
#include "base/bytes.h"
#include "services/ecr/api.h"

namespace suiro::ecr {

namespace shape = shapes::ecr;
namespace op = shapes::ecr::op;

namespace {

constexpr std::string_view kMutabilities[] = {"MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION",
                                              "MUTABLE_WITH_EXCLUSION"};

std::unexpected<Error> not_supported(std::string_view what) {
  return fail(codes::kNotImplemented, fmt::format("{} is not supported by Suiro", what));
}

using Filters = std::optional<std::vector<shape::ImageTagMutabilityExclusionFilter>>;

struct MutabilityRule {
  Mutability mutability = Mutability::kMutable;
  std::vector<std::string> exclusions;
};

Result<MutabilityRule> mutability_of(const std::optional<std::string>& name,
                                     const Filters& filters) {
  MutabilityRule out;
  for (size_t i = 0; name && i < std::size(kMutabilities); ++i) {
    if (kMutabilities[i] == *name) out.mutability = static_cast<Mutability>(i);
  }
  if (filters) {
    for (const auto& one : *filters) out.exclusions.push_back(one.filter);
  }
  bool wants_filters = out.mutability == Mutability::kImmutableWithExclusion ||
                       out.mutability == Mutability::kMutableWithExclusion;
  if (wants_filters == out.exclusions.empty()) {
    return fail(kInvalidParameter,
                "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy "
                "constraint: 'filters go with IMMUTABLE_WITH_EXCLUSION and "
                "MUTABLE_WITH_EXCLUSION, and only with them'");
  }
  return out;
}

Filters filters_of(const std::vector<std::string>& exclusions) {
  if (exclusions.empty()) return std::nullopt;
  Filters out(std::in_place);
  for (const auto& pattern : exclusions) {
    out->push_back({.filter_type = "WILDCARD", .filter = pattern});
  }
  return out;
}

Tags tags_of(const std::vector<shape::Tag>& list) {
  Tags out;
  for (const auto& tag : list) out[tag.key] = tag.value;
  return out;
}

}  // namespace

std::string page_token(std::string_view last) {
  return base64_encode(last);
}

Result<std::string> parse_page_token(std::string_view token) {
  auto last = base64_decode(token);
  if (last && !last->empty()) return *std::move(last);
  return fail(kInvalidParameter,
              "Invalid parameter at 'nextToken' failed to satisfy constraint: 'must be a token of "
              "an earlier answer'");
}

template <class Op>
void Api::add(shapes::Registry& registry, Handler<Op> handler) {
  registry.add<Op>([this, handler](shapes::Call&, typename Op::Input in) {
    return (this->*handler)(std::move(in));
  });
}

void Api::add_operations(shapes::Registry& registry) {
  add<op::CreateRepository>(registry, &Api::create);
  add<op::DescribeRepositories>(registry, &Api::describe);
  add<op::DeleteRepository>(registry, &Api::remove);
  add<op::PutImageTagMutability>(registry, &Api::put_mutability);
  add<op::PutImageScanningConfiguration>(registry, &Api::put_scanning);
  add<op::ListTagsForResource>(registry, &Api::list_tags);
  add<op::TagResource>(registry, &Api::tag);
  add<op::UntagResource>(registry, &Api::untag);
  add<op::DescribeRegistry>(registry, &Api::describe_registry);
  registry.add<op::GetAuthorizationToken>(
      [this](shapes::Call& call, shape::GetAuthorizationTokenRequest in) {
        return get_token(call.principal, std::move(in));
      });
  add<op::SetRepositoryPolicy>(registry, &Api::set_policy);
  add<op::GetRepositoryPolicy>(registry, &Api::get_policy);
  add<op::DeleteRepositoryPolicy>(registry, &Api::delete_policy);
  add<op::PutLifecyclePolicy>(registry, &Api::put_lifecycle);
  add<op::GetLifecyclePolicy>(registry, &Api::get_lifecycle);
  add<op::DeleteLifecyclePolicy>(registry, &Api::delete_lifecycle);
  add<op::StartLifecyclePolicyPreview>(registry, &Api::start_preview);
  add<op::GetLifecyclePolicyPreview>(registry, &Api::get_preview);
  add<op::PutImage>(registry, &Api::put_image);
  add<op::BatchGetImage>(registry, &Api::get_images);
  add<op::BatchDeleteImage>(registry, &Api::delete_images);
  add<op::DescribeImages>(registry, &Api::describe_images);
  add<op::ListImages>(registry, &Api::list_images);
  add<op::BatchCheckLayerAvailability>(registry, &Api::check_layers);
  add<op::InitiateLayerUpload>(registry, &Api::begin_upload);
  add<op::UploadLayerPart>(registry, &Api::upload_part);
  add<op::CompleteLayerUpload>(registry, &Api::complete_upload);
  add<op::GetDownloadUrlForLayer>(registry, &Api::download_url);
}

Result<void> Api::check_registry(const std::optional<std::string>& id,
                                 std::string_view name) const {
  if (!id || *id == kernel_.account) return ok();
  return fail(kRepositoryNotFound,
              fmt::format("The repository with name '{}' does not exist in the registry with id "
                          "'{}'",
                          name, *id));
}

std::string Api::arn_of(std::string_view repository) const {
  return logic_.arn_of(repository);
}

Result<std::string> Api::name_of_arn(std::string_view arn) const {
  std::string prefix = arn_of("");
  if (arn.starts_with(prefix)) return std::string(arn.substr(prefix.size()));
  return fail(kInvalidParameter,
              fmt::format("Invalid parameter at 'resourceArn' failed to satisfy constraint: "
                          "'Invalid ARN: {}'",
                          arn));
}

shape::Repository Api::shape_of(const Repository& repository) const {
  shape::Repository out;
  out.repository_arn = arn_of(repository.name);
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  std::string_view endpoint = kernel_.endpoint;
  endpoint.remove_prefix(std::min(endpoint.find("//") + 2, endpoint.size()));
  out.repository_uri = fmt::format("{}/{}", endpoint, repository.name);
  out.created_at = repository.created;
  out.image_tag_mutability = kMutabilities[static_cast<size_t>(repository.mutability)];
  out.image_tag_mutability_exclusion_filters = filters_of(repository.exclusions);
  out.image_scanning_configuration = shape::ImageScanningConfiguration{.scan_on_push = false};
  out.encryption_configuration = shape::EncryptionConfiguration{.encryption_type = "AES256"};
  return out;
}

Api::Answer<op::CreateRepository> Api::create(shape::CreateRepositoryRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  if (in.image_scanning_configuration &&
      in.image_scanning_configuration->scan_on_push.value_or(false)) {
    co_return not_supported("imageScanningConfiguration.scanOnPush");
  }
  if (in.encryption_configuration && in.encryption_configuration->encryption_type != "AES256") {
    co_return not_supported("encryptionConfiguration.encryptionType other than AES256");
  }
  if (in.encryption_configuration && in.encryption_configuration->kms_key) {
    co_return not_supported("encryptionConfiguration.kmsKey");
  }
  CO_TRY(MutabilityRule rule,
         mutability_of(in.image_tag_mutability, in.image_tag_mutability_exclusion_filters));
  Logic::NewRepository wanted{.name = in.repository_name,
                              .mutability = rule.mutability,
                              .exclusions = std::move(rule.exclusions)};
  if (in.tags) wanted.tags = tags_of(*in.tags);
  CO_TRY(Repository repository, co_await logic_.create_repository(std::move(wanted)));
  shape::CreateRepositoryResponse out;
  out.repository = shape_of(repository);
  co_return out;
}

Api::Answer<op::DescribeRepositories> Api::describe(shape::DescribeRepositoriesRequest in) {
  constexpr int32_t kRowsDefault = 100;
  shape::DescribeRepositoriesResponse out;
  out.repositories.emplace();
  if (in.repository_names) {
    if (in.next_token || in.max_results) {
      co_return fail(kInvalidParameter,
                     "Invalid parameter at 'repositoryNames' failed to satisfy constraint: 'goes "
                     "without nextToken and maxResults'");
    }
    for (const auto& name : *in.repository_names) {
      CO_TRY_VOID(check_registry(in.registry_id, name));
      CO_TRY(Repository repository, co_await logic_.repository(name));
      out.repositories->push_back(shape_of(repository));
    }
    co_return out;
  }
  CO_TRY_VOID(check_registry(in.registry_id, ""));
  std::string after;
  if (in.next_token) {
    CO_TRY(after, parse_page_token(*in.next_token));
  }
  auto rows = static_cast<size_t>(in.max_results.value_or(kRowsDefault));
  CO_TRY(auto page, co_await logic_.repositories(after, rows));
  for (const auto& repository : page.rows) out.repositories->push_back(shape_of(repository));
  if (page.more) out.next_token = page_token(page.rows.back().name);
  co_return out;
}

Api::Answer<op::DeleteRepository> Api::remove(shape::DeleteRepositoryRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  auto images = in.force.value_or(false) ? Logic::Images::kGoToo : Logic::Images::kMustBeNone;
  CO_TRY(Repository repository,
         co_await logic_.delete_repository(std::move(in.repository_name), images));
  shape::DeleteRepositoryResponse out;
  out.repository = shape_of(repository);
  co_return out;
}

Api::Answer<op::PutImageTagMutability> Api::put_mutability(shape::PutImageTagMutabilityRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(MutabilityRule rule,
         mutability_of(in.image_tag_mutability, in.image_tag_mutability_exclusion_filters));
  CO_TRY(Repository repository,
         co_await logic_.update(in.repository_name, [rule](Repository& r, store::Batch&) {
           r.mutability = rule.mutability;
           r.exclusions = rule.exclusions;
           return ok();
         }));
  shape::PutImageTagMutabilityResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  out.image_tag_mutability = kMutabilities[static_cast<size_t>(repository.mutability)];
  out.image_tag_mutability_exclusion_filters = filters_of(repository.exclusions);
  co_return out;
}

Api::Answer<op::PutImageScanningConfiguration> Api::put_scanning(
    shape::PutImageScanningConfigurationRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(Repository repository, co_await logic_.repository(in.repository_name));
  if (in.image_scanning_configuration.scan_on_push.value_or(false)) {
    co_return not_supported("imageScanningConfiguration.scanOnPush");
  }
  shape::PutImageScanningConfigurationResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = repository.name;
  out.image_scanning_configuration = shape::ImageScanningConfiguration{.scan_on_push = false};
  co_return out;
}

Api::Answer<op::ListTagsForResource> Api::list_tags(shape::ListTagsForResourceRequest in) {
  CO_TRY(std::string name, name_of_arn(in.resource_arn));
  CO_TRY(Repository repository, co_await logic_.repository(name));
  shape::ListTagsForResourceResponse out;
  out.tags.emplace();
  for (const auto& [key, value] : repository.tags) {
    out.tags->push_back({.key = key, .value = value});
  }
  co_return out;
}

Api::Answer<op::TagResource> Api::tag(shape::TagResourceRequest in) {
  CO_TRY(std::string name, name_of_arn(in.resource_arn));
  CO_TRY_VOID(co_await logic_.update(
      name, [tags = tags_of(in.tags)](Repository& repository, store::Batch&) -> Result<void> {
        for (const auto& [key, value] : tags) repository.tags[key] = value;
        return Logic::check_tags(repository.tags);
      }));
  co_return shape::TagResourceResponse{};
}

Api::Answer<op::UntagResource> Api::untag(shape::UntagResourceRequest in) {
  CO_TRY(std::string name, name_of_arn(in.resource_arn));
  CO_TRY_VOID(
      co_await logic_.update(name, [keys = in.tag_keys](Repository& repository, store::Batch&) {
        for (const auto& key : keys) repository.tags.erase(key);
        return ok();
      }));
  co_return shape::UntagResourceResponse{};
}

Api::Answer<op::DescribeRegistry> Api::describe_registry(shape::DescribeRegistryRequest) {
  shape::DescribeRegistryResponse out;
  out.registry_id = kernel_.account;
  out.replication_configuration.emplace();
  co_return out;
}

Task<Result<shape::GetAuthorizationTokenResponse>> Api::get_token(
    shapes::Principal caller, shape::GetAuthorizationTokenRequest in) {
  for (const auto& id : in.registry_ids.value_or(std::vector<std::string>())) {
    if (id != kernel_.account) co_return not_supported("registryIds of other accounts");
  }
  TimePoint end = kernel_.clock.now() + kPasswordLife;
  if (caller.session != nullptr) end = std::min(end, caller.session->expires_at);
  shape::AuthorizationData data;
  data.authorization_token =
      base64_encode(fmt::format("{}:{}", kPasswordUser, tokens_.password(caller, end)));
  data.expires_at = end;
  data.proxy_endpoint = kernel_.endpoint;
  shape::GetAuthorizationTokenResponse out;
  out.authorization_data.emplace().push_back(std::move(data));
  co_return out;
}

}  // namespace suiro::ecr
