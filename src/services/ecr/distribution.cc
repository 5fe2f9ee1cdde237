// SPDX-License-Identifier: Apache-2.0
// Requests about manifests, tags and repositories, and the caller's proof.
#include "services/ecr/distribution.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "engine/image/reference.h"
#include "services/ecr/distribution_route.h"

namespace suiro::ecr {
namespace {

namespace json = boost::json;

WireResponse json_response(const json::object& document) {
  WireResponse out;
  out.headers.emplace_back("content-type", "application/json");
  out.content = json::serialize(document);
  return out;
}

// n of a page: as many as there may be where it is not said.
Result<size_t> rows_of(const std::string& text) {
  if (text.empty()) return Distribution::kPageRows;
  size_t rows = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rows);
  if (error != std::errc() || end != text.data() + text.size()) {
    return spec_error("PAGINATION_NUMBER_INVALID", "invalid number of results requested");
  }
  return std::min(rows, Distribution::kPageRows);
}

ImageId id_of(const std::string& reference) {
  return image::is_digest(reference) ? ImageId{reference, ""} : ImageId{"", reference};
}

}  // namespace

Distribution::Distribution(event::Kernel& kernel, Logic& logic, Uploads& uploads, Tokens& tokens,
                           Authentication authentication)
    : kernel_(kernel),
      logic_(logic),
      uploads_(uploads),
      tokens_(tokens),
      authentication_(authentication) {}

bool Distribution::is_linked(const WireRequest& request, const Route& route) const {
  return route.kind == Route::Kind::kBlob &&
         (request.method == "GET" || request.method == "HEAD") &&
         tokens_.is_link(route.repository, route.reference, route.parameter("end"),
                         route.parameter("proof"), kernel_.clock.now());
}

std::optional<shapes::Principal> Distribution::caller_of(const WireRequest& request) const {
  const std::string* authorization = header(request.headers, "authorization");
  if (authorization == nullptr) return std::nullopt;
  constexpr std::string_view kBasic = "basic ";
  if (!to_lower(authorization->substr(0, kBasic.size())).starts_with(kBasic)) return std::nullopt;
  auto pair = base64_decode(trim(std::string_view(*authorization).substr(kBasic.size())));
  if (!pair) return std::nullopt;
  size_t colon = pair->find(':');
  if (colon == pair->npos || pair->substr(0, colon) != kPasswordUser) return std::nullopt;
  return tokens_.caller_of(std::string_view(*pair).substr(colon + 1), kernel_.clock.now());
}

// Source: Amazon ECR User Guide, "IAM permissions for pushing an image" and "for pulling an image".
std::optional<std::string> Distribution::denial(const WireRequest& request, const Route& route,
                                                const shapes::Principal& caller) const {
  using Kind = Route::Kind;
  if (!permit_ || route.kind == Kind::kBase) return std::nullopt;
  const std::string& method = request.method;
  auto asked = [&](std::string_view operation) {
    return permit_(request, caller, operation, route.repository);
  };
  switch (route.kind) {
    case Kind::kBase:
      break;
    case Kind::kCatalog:
      return asked("DescribeRepositories");
    case Kind::kTags:
      return asked("ListImages");
    case Kind::kReferrers:
      return asked("BatchGetImage");
    case Kind::kManifest:
      if (method == "PUT") return asked("PutImage");
      return asked(method == "DELETE" ? "BatchDeleteImage" : "BatchGetImage");
    case Kind::kBlob:
      return asked(method == "HEAD" ? "BatchCheckLayerAvailability" : "GetDownloadUrlForLayer");
    case Kind::kUploads: {
      const std::string from = route.parameter("from");
      if (auto text = asked("InitiateLayerUpload")) return text;
      if (!from.empty()) return permit_(request, caller, "GetDownloadUrlForLayer", from);
      if (route.parameter("digest").empty()) return std::nullopt;
      return asked("CompleteLayerUpload");
    }
    case Kind::kUpload:
      return asked(method == "PUT" ? "CompleteLayerUpload" : "UploadLayerPart");
  }
  return std::nullopt;
}

Task<WireResponse> Distribution::handle(WireRequest request) {
  bool is_head = request.method == "HEAD";
  std::string realm = fmt::format("Basic realm=\"{}://{}/\",service=\"ecr.amazonaws.com\"",
                                  request.secure ? "https" : "http", request.host);
  auto route = route_of(request.path, request.query);
  WireResponse out;
  bool asks = authentication_ == Authentication::kOn && route && !is_linked(request, *route);
  auto caller = asks ? caller_of(request) : std::nullopt;
  auto denied = caller ? denial(request, *route, *caller) : std::nullopt;
  if (!route) {
    out = error_response({"NAME_INVALID", "invalid repository name"});
    out.status = 404;
  } else if (denied) {
    out = error_response({"DENIED", std::move(*denied)});
  } else if (asks && !caller) {
    out = error_response({"UNAUTHORIZED", "Not Authorized"});
    out.headers.emplace_back("www-authenticate", realm);
  } else {
    auto served = co_await serve(std::move(request), std::move(*route));
    out = served ? std::move(*served) : error_response(served.error());
  }
  out.headers.emplace_back("docker-distribution-api-version", "registry/2.0");
  if (is_head && out.status >= 400) {
    out.headers.emplace_back("content-length", std::to_string(out.content.size()));
    out.content.clear();
  }
  co_return out;
}

Distribution::Answer Distribution::serve(WireRequest request, Route route) {
  using Kind = Route::Kind;
  const std::string& method = request.method;
  bool is_get = method == "GET" || method == "HEAD";
  if (route.kind != Kind::kBase && route.kind != Kind::kCatalog &&
      !image::is_repository(route.repository)) {
    co_return spec_error("NAME_INVALID", "invalid repository name: " + route.repository);
  }
  switch (route.kind) {
    case Kind::kBase:
      if (is_get) co_return json_response({});
      break;
    case Kind::kCatalog:
      if (is_get) co_return co_await catalog(std::move(route));
      break;
    case Kind::kTags:
      if (is_get) co_return co_await tags(std::move(route));
      break;
    case Kind::kReferrers:
      if (is_get) co_return co_await referrers(std::move(route));
      break;
    case Kind::kManifest:
      if (is_get) co_return co_await get_manifest(std::move(route), method == "HEAD");
      if (method == "PUT") co_return co_await put_manifest(std::move(request), std::move(route));
      if (method == "DELETE") co_return co_await delete_manifest(std::move(route));
      break;
    case Kind::kBlob:
      if (is_get) co_return co_await get_blob(std::move(request), std::move(route));
      break;
    case Kind::kUploads:
      if (method == "POST") co_return co_await begin_upload(std::move(request), std::move(route));
      break;
    case Kind::kUpload:
      if (method == "PATCH") co_return co_await patch_upload(std::move(request), std::move(route));
      if (method == "PUT") co_return co_await put_upload(std::move(request), std::move(route));
      if (method == "DELETE") co_return co_await delete_upload(std::move(route));
      if (is_get) co_return co_await get_upload(std::move(route));
      break;
  }
  co_return spec_error("UNSUPPORTED", "The operation is unsupported.");
}

Distribution::Answer Distribution::catalog(Route route) {
  CO_TRY(size_t rows, rows_of(route.parameter("n")));
  json::array names;
  Logic::RepositoryPage page;
  if (rows > 0) {
    CO_TRY(page, co_await logic_.repositories(route.parameter("last"), rows));
  }
  for (const auto& repository : page.rows) names.emplace_back(repository.name);
  WireResponse out = json_response({{"repositories", std::move(names)}});
  if (page.more) {
    out.headers.emplace_back("link", fmt::format("</v2/_catalog?n={}&last={}>; rel=\"next\"", rows,
                                                 percent_encode(page.rows.back().name)));
  }
  co_return out;
}

Distribution::Answer Distribution::tags(Route route) {
  CO_TRY(size_t rows, rows_of(route.parameter("n")));
  CO_TRY(Repository repository, co_await logic_.repository(route.repository));
  json::array names;
  Logic::TagPage page;
  if (rows > 0) {
    CO_TRY(page, co_await logic_.tags(repository.id, route.parameter("last"), rows));
  }
  for (const auto& tag : page.rows) names.emplace_back(tag);
  WireResponse out = json_response({{"name", repository.name}, {"tags", std::move(names)}});
  if (page.more) {
    out.headers.emplace_back(
        "link", fmt::format("</v2/{}/tags/list?n={}&last={}>; rel=\"next\"", repository.name, rows,
                            percent_encode(page.rows.back())));
  }
  co_return out;
}

Distribution::Answer Distribution::referrers(Route route) {
  if (!image::is_digest(route.reference)) {
    co_return spec_error("DIGEST_INVALID", "provided digest did not match uploaded content");
  }
  CO_TRY(Repository repository, co_await logic_.repository(route.repository));
  CO_TRY(auto images, co_await logic_.referrers(repository.id, route.reference));
  std::string type = route.parameter("artifactType");
  json::array manifests;
  for (const auto& image : images) {
    if (!type.empty() && image.artifact_type != type) continue;
    CO_TRY(Bytes bytes, co_await logic_.manifest(repository.id, image.digest));
    json::object row;
    row["mediaType"] = image.media_type;
    row["digest"] = image.digest;
    row["size"] = bytes.size();
    if (!image.artifact_type.empty()) row["artifactType"] = image.artifact_type;
    manifests.push_back(std::move(row));
  }
  WireResponse out = json_response(
      {{"schemaVersion", 2}, {"mediaType", image::kOciIndex}, {"manifests", std::move(manifests)}});
  out.headers[0].second = image::kOciIndex;
  if (!type.empty()) out.headers.emplace_back("oci-filters-applied", "artifactType");
  co_return out;
}

Distribution::Answer Distribution::get_manifest(Route route, bool is_head) {
  CO_TRY(auto found, co_await logic_.find_image(route.repository, id_of(route.reference)));
  CO_TRY(Bytes bytes, co_await logic_.manifest(found.repository.id, found.image.digest));
  WireResponse out;
  out.headers.emplace_back("content-type", found.image.media_type);
  out.headers.emplace_back("docker-content-digest", found.image.digest);
  out.headers.emplace_back("etag", fmt::format("\"{}\"", found.image.digest));
  if (is_head) {
    out.headers.emplace_back("content-length", std::to_string(bytes.size()));
  } else {
    out.content = std::move(bytes);
  }
  co_return out;
}

Distribution::Answer Distribution::put_manifest(WireRequest request, Route route) {
  CO_TRY(Bytes bytes, co_await shapes::read_all(*request.body, image::kManifestBytesMax));
  Logic::NewImage wanted{.manifest = std::move(bytes)};
  if (const std::string* type = header(request.headers, "content-type")) {
    wanted.media_type = std::string(trim(std::string_view(*type).substr(0, type->find(';'))));
  }
  ImageId id = id_of(route.reference);
  if (id.digest.empty() && route.reference.find(':') != std::string::npos) {
    co_return spec_error("DIGEST_INVALID", "only sha256 digests are supported");
  }
  wanted.digest = id.digest;
  wanted.tag = id.tag;
  CO_TRY(auto put, co_await logic_.put_image(route.repository, std::move(wanted)));
  WireResponse out;
  out.status = 201;
  out.headers.emplace_back("location",
                           fmt::format("/v2/{}/manifests/{}", route.repository, put.image.digest));
  out.headers.emplace_back("docker-content-digest", put.image.digest);
  if (!put.image.subject.empty()) out.headers.emplace_back("oci-subject", put.image.subject);
  co_return out;
}

Distribution::Answer Distribution::delete_manifest(Route route) {
  CO_TRY_VOID(co_await logic_.remove_image(route.repository, id_of(route.reference),
                                           Logic::LastTag::kLeavesImage));
  WireResponse out;
  out.status = 202;
  co_return out;
}

}  // namespace suiro::ecr
