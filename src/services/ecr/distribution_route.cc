// SPDX-License-Identifier: Apache-2.0
#include "services/ecr/distribution_route.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "engine/image/reference.h"

namespace suiro::ecr {
namespace {

constexpr size_t kQueryParametersMax = 32;

// Codes of the service, and what the specification calls them.
struct ErrorRow {
  std::string_view service;
  std::string_view code;
  int status;
};
constexpr ErrorRow kErrors[] = {
    {kRepositoryNotFound, "NAME_UNKNOWN", 404},
    {kImageNotFound, "MANIFEST_UNKNOWN", 404},
    {kLayersNotFound, "MANIFEST_BLOB_UNKNOWN", 404},
    {kLayerInaccessible, "BLOB_UNKNOWN", 404},
    {kUploadNotFound, "BLOB_UPLOAD_UNKNOWN", 404},
    {kInvalidLayer, "DIGEST_INVALID", 400},
    {kInvalidLayerPart, "BLOB_UPLOAD_INVALID", 416},
    {kDigestMismatch, "DIGEST_INVALID", 400},
    {kReferencedImagesNotFound, "MANIFEST_BLOB_UNKNOWN", 404},
    {kTagExists, "TAG_INVALID", 400},
    {kInvalidParameter, "MANIFEST_INVALID", 400},
    {Logic::kImageReferenced, "DENIED", 409},
    {Logic::kTagMismatch, "MANIFEST_INVALID", 400},
    {kLimitExceeded, "TOOMANYREQUESTS", 429},
    {codes::kThrottled, "TOOMANYREQUESTS", 429},
    {codes::kTooLarge, "SIZE_INVALID", 413},
    {codes::kUnavailable, "UNAVAILABLE", 503},
    {"UNAUTHORIZED", "UNAUTHORIZED", 401},
    {"DENIED", "DENIED", 403},
    {"NAME_INVALID", "NAME_INVALID", 400},
    {"DIGEST_INVALID", "DIGEST_INVALID", 400},
    {"PAGINATION_NUMBER_INVALID", "PAGINATION_NUMBER_INVALID", 400},
    {"RANGE_INVALID", "RANGE_INVALID", 416},
    {"UNSUPPORTED", "UNSUPPORTED", 405},
    {"BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_INVALID", 400},
};

std::map<std::string, std::string> parse_query(std::string_view query) {
  std::map<std::string, std::string> out;
  while (!query.empty() && out.size() < kQueryParametersMax) {
    size_t end = std::min(query.find('&'), query.size());
    std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), Plus::kSpace);
    auto value = percent_decode(
        equals == pair.size() ? std::string_view() : pair.substr(equals + 1), Plus::kSpace);
    if (name && value) out[*name] = *value;
  }
  return out;
}

bool strip_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

}  // namespace

const std::string* header(const Headers& headers, std::string_view name) {
  auto found = std::ranges::find_if(headers, [&](const auto& one) { return one.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

std::unexpected<Error> spec_error(std::string_view code, std::string message) {
  return fail(code, std::move(message));
}

WireResponse error_response(const Error& error) {
  const auto* row = std::ranges::find(kErrors, error.code, &ErrorRow::service);
  bool is_known = row != std::end(kErrors);
  boost::json::object one;
  one["code"] = is_known ? row->code : std::string_view("UNKNOWN");
  one["message"] = error.message;
  boost::json::object document;
  document["errors"] = boost::json::array{std::move(one)};
  WireResponse out;
  out.status = is_known ? row->status : 500;
  out.headers.emplace_back("content-type", "application/json");
  out.content = boost::json::serialize(document);
  return out;
}

std::optional<Distribution::Route> Distribution::route_of(std::string_view encoded,
                                                          std::string_view query) {
  using Kind = Route::Kind;
  auto decoded = percent_decode(encoded);
  if (!decoded) return std::nullopt;
  std::string_view path = *decoded;
  if (!path.starts_with("/v2")) return std::nullopt;
  path.remove_prefix(3);
  auto make = [&](Kind kind, std::string_view repository, std::string_view reference) {
    return Route{kind, std::string(repository), std::string(reference), parse_query(query)};
  };
  if (path.empty() || path == "/") return make(Kind::kBase, "", "");
  if (path.front() != '/') return std::nullopt;
  path.remove_prefix(1);
  if (path == "_catalog") return make(Kind::kCatalog, "", "");
  if (strip_suffix(path, "/tags/list")) return make(Kind::kTags, path, "");
  if (strip_suffix(path, "/blobs/uploads/") || strip_suffix(path, "/blobs/uploads")) {
    return make(Kind::kUploads, path, "");
  }
  size_t slash = path.rfind('/');
  if (slash == path.npos) return std::nullopt;
  std::string_view reference = path.substr(slash + 1);
  std::string_view rest = path.substr(0, slash);
  if (strip_suffix(rest, "/blobs/uploads")) return make(Kind::kUpload, rest, reference);
  if (strip_suffix(rest, "/blobs")) return make(Kind::kBlob, rest, reference);
  if (strip_suffix(rest, "/manifests")) return make(Kind::kManifest, rest, reference);
  if (strip_suffix(rest, "/referrers")) return make(Kind::kReferrers, rest, reference);
  return std::nullopt;
}

bool Distribution::is_registry_host(std::string_view host) {
  std::string name = to_lower(host.substr(0, host.find(':')));
  constexpr size_t kAccountDigits = 12;
  if (name.size() <= kAccountDigits) return false;
  bool is_account = std::ranges::all_of(name.substr(0, kAccountDigits),
                                        [](char c) { return c >= '0' && c <= '9'; });
  return is_account && name.substr(kAccountDigits).starts_with(".dkr.ecr.");
}

bool Distribution::claims(const RequestHead& request) {
  if (is_registry_host(request.host)) return true;
  if (!request.path.starts_with("/v2")) return false;
  if (request.method == "OPTIONS") return false;
  // A bucket may be named "v2": its requests are signed.
  const std::string* authorization = header(request.headers, "authorization");
  if (authorization != nullptr && authorization->starts_with("AWS")) return false;
  auto query = parse_query(request.query);
  for (const auto& [name, value] : query) {
    std::string lower = to_lower(name);
    if (lower.starts_with("x-amz-") || lower == "awsaccesskeyid") return false;
  }
  // Browsers post forms to buckets.
  const std::string* type = header(request.headers, "content-type");
  if (type != nullptr && type->starts_with("multipart/form-data")) return false;
  return route_of(request.path, request.query).has_value();
}

}  // namespace suiro::ecr
