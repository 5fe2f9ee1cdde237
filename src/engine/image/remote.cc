// SPDX-License-Identifier: Apache-2.0
#include "engine/image/remote.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <charconv>

#include "engine/image/manifest.h"

namespace suiro::image {
namespace {

constexpr size_t kTokenReplyBytesMax = 256 << 10;

bool is_loopback(std::string_view host) {
  std::string_view name =
      host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
  return name == "localhost" || name == "[::1]" || name.starts_with("127.");
}

// Where a registry's API is: Docker's public one has another host than its name.
std::string base_of(const std::string& host) {
  if (host == "docker.io") return "https://registry-1.docker.io";
  return (is_loopback(host) ? "http://" : "https://") + host;
}

std::string_view host_of_url(std::string_view url) {
  size_t at = url.find("//");
  if (at == url.npos) return {};
  url.remove_prefix(at + 2);
  return url.substr(0, url.find_first_of("/?#"));
}

bool is_allowed(std::string_view url) {
  return url.starts_with("https://") ||
         (url.starts_with("http://") && is_loopback(host_of_url(url)) &&
          host_of_url(url).find('@') == url.npos);
}

std::string key_of(const Reference& reference, const std::optional<PullCredentials>& credentials) {
  return fmt::format(
      "{} {} {}", reference.host, reference.repository,
      credentials ? digest_of(credentials->user + '\0' + credentials->password) : "");
}

std::string basic_of(const PullCredentials& credentials) {
  return "Basic " + base64_encode(fmt::format("{}:{}", credentials.user, credentials.password));
}

// What the registry says was wrong, or its status.
std::string reason_of(const http_out::Reply& reply) {
  boost::system::error_code error;
  auto document = boost::json::parse(reply.body, error);
  if (!error && document.is_object()) {
    const auto* errors = document.as_object().if_contains("errors");
    if (errors != nullptr && errors->is_array() && !errors->as_array().empty()) {
      const auto* first = errors->as_array()[0].if_object();
      const auto* message = first == nullptr ? nullptr : first->if_contains("message");
      if (message != nullptr && message->is_string()) return std::string(message->as_string());
    }
  }
  return fmt::format("unexpected status {}", reply.status);
}

std::unexpected<Error> refused(const Reference& reference, const http_out::Reply& reply) {
  std::string name = fmt::format("{}/{}", reference.host, reference.repository);
  if (reply.status == 404) {
    return fail(kImageNotFound,
                fmt::format("{}:{}: not found: {}", name, reference.name(), reason_of(reply)));
  }
  if (reply.status == 401 || reply.status == 403) {
    return fail(kPullDenied, fmt::format("pull access denied for {}, repository does not exist or "
                                         "may require authorization: {}",
                                         name, reason_of(reply)));
  }
  return fail(kRegistryFailed, fmt::format("{}: {}", name, reason_of(reply)), Retry::kLater);
}

Error as_failure(Error error) {
  if (error.code == codes::kTooLarge) return {std::string(kImageTooLarge), error.message};
  return {std::string(kRegistryFailed), std::move(error.message), Retry::kLater};
}

uint64_t number_behind(std::string_view text, char mark) {
  size_t at = text.rfind(mark);
  uint64_t out = 0;
  if (at != text.npos) std::from_chars(text.data() + at + 1, text.data() + text.size(), out);
  return out;
}

}  // namespace

Challenge parse_challenge(std::string_view text) {
  Challenge out;
  size_t space = std::min(text.find(' '), text.size());
  out.scheme = to_lower(text.substr(0, space));
  text.remove_prefix(space);
  while (!text.empty()) {
    size_t start = text.find_first_not_of(" ,");
    if (start == text.npos) break;
    text.remove_prefix(start);
    size_t equals = text.find('=');
    if (equals == text.npos) break;
    std::string name = to_lower(trim(text.substr(0, equals)));
    text.remove_prefix(equals + 1);
    bool is_quoted = text.starts_with('"');
    if (is_quoted) text.remove_prefix(1);
    size_t end = std::min(text.find(is_quoted ? '"' : ','), text.size());
    out.parameters[std::move(name)] = std::string(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool RemoteRegistries::serves(const std::string& reference) const {
  return parse_reference(reference).has_value();
}

std::string RemoteRegistries::known(const std::string& key) {
  std::lock_guard lock(mutex_);
  auto found = authorizations_.find(key);
  return found == authorizations_.end() ? "" : found->second;
}

void RemoteRegistries::remember(const std::string& key, std::string authorization) {
  std::lock_guard lock(mutex_);
  if (authorizations_.size() >= kRemoteTokensMax) authorizations_.clear();
  authorizations_[key] = std::move(authorization);
}

Task<Result<http_out::Reply>> RemoteRegistries::get(Get what) {
  std::string key = key_of(what.reference, what.credentials);
  std::string url = fmt::format("{}/v2/{}/{}", base_of(what.reference.host),
                                what.reference.repository, what.path);
  std::string authorization = known(key);
  for (int attempt = 0;; ++attempt) {
    http_out::Headers headers = what.headers;
    if (!authorization.empty()) headers.emplace_back("Authorization", authorization);
    CO_TRY(auto reply, co_await follow(what, url, std::move(headers)));
    const std::string* challenge = reply.header("www-authenticate");
    if (reply.status != 401 || challenge == nullptr || attempt > 0) co_return reply;
    CO_TRY(authorization, co_await answer(what, *challenge));
    if (authorization.empty()) co_return reply;
    remember(key, authorization);
  }
}

// Without the Authorization from the first redirect on.
Task<Result<http_out::Reply>> RemoteRegistries::follow(Get what, std::string url,
                                                       http_out::Headers headers) {
  for (size_t i = 0; i <= kRemoteRedirectsMax; ++i) {
    http_out::Request request{.method = "GET",
                              .url = url,
                              .headers = i == 0 ? headers : what.headers,
                              .timeout = kRemoteTimeout,
                              .reply_bytes_max = what.bytes_max};
    auto reply = co_await client_.send(std::move(request));
    if (!reply) co_return fail(as_failure(std::move(reply).error()));
    bool is_redirect = reply->status == 301 || reply->status == 302 || reply->status == 303 ||
                       reply->status == 307 || reply->status == 308;
    const std::string* location = reply->header("location");
    if (!is_redirect || location == nullptr) co_return std::move(*reply);
    std::string next = *location;
    if (next.starts_with('/')) {
      next = url.substr(0, url.find('/', url.find("//") + 2)) + next;
    }
    // A registry of the network must not lead to services of this machine.
    bool is_inward = is_loopback(host_of_url(next)) && !is_loopback(host_of_url(url));
    if (!is_allowed(next) || is_inward) {
      co_return fail(kRegistryFailed, fmt::format("{} leads to {}, which is not followed",
                                                  what.reference.host, next));
    }
    url = std::move(next);
  }
  co_return fail(kRegistryFailed, what.reference.host + " redirects without end");
}

// The Authorization that a challenge asks for; empty: there is none.
Task<Result<std::string>> RemoteRegistries::answer(Get what, std::string text) {
  Challenge challenge = parse_challenge(text);
  if (challenge.scheme == "basic") {
    co_return what.credentials ? basic_of(*what.credentials) : std::string();
  }
  if (challenge.scheme != "bearer") co_return std::string();
  const std::string& realm = challenge.parameters["realm"];
  bool is_inward = is_loopback(host_of_url(realm)) && !is_loopback(what.reference.host);
  if (!is_allowed(realm) || is_inward) {
    co_return fail(kRegistryFailed, fmt::format("{} names {} as its realm, which is not asked",
                                                what.reference.host, realm));
  }
  std::string url =
      fmt::format("{}{}service={}&scope={}", realm, realm.find('?') == realm.npos ? '?' : '&',
                  percent_encode(challenge.parameters["service"]),
                  percent_encode(fmt::format("repository:{}:pull", what.reference.repository)));
  http_out::Request request{.method = "GET",
                            .url = std::move(url),
                            .timeout = kRemoteTimeout,
                            .reply_bytes_max = kTokenReplyBytesMax};
  if (what.credentials) request.headers.emplace_back("Authorization", basic_of(*what.credentials));
  auto reply = co_await client_.send(std::move(request));
  if (!reply) co_return fail(as_failure(std::move(reply).error()));
  if (reply->status != 200) co_return refused(what.reference, *reply);
  boost::system::error_code error;
  auto document = boost::json::parse(reply->body, error);
  for (std::string_view name : {"token", "access_token"}) {
    const auto* token =
        !error && document.is_object() ? document.as_object().if_contains(name) : nullptr;
    if (token != nullptr && token->is_string()) {
      co_return "Bearer " + std::string(token->as_string());
    }
  }
  co_return fail(kRegistryFailed, fmt::format("{} gave no token", realm));
}

Task<Result<ResolvedManifest>> RemoteRegistries::resolve(ImageRequest request) {
  CO_TRY(Reference reference, parse_reference(request.reference));
  co_return co_await fetch_manifest(std::move(request), std::move(reference));
}

Task<Result<ResolvedManifest>> RemoteRegistries::manifest(ImageRequest request,
                                                          std::string digest) {
  CO_TRY(Reference reference, parse_reference(request.reference));
  reference.digest = std::move(digest);
  co_return co_await fetch_manifest(std::move(request), std::move(reference));
}

Task<Result<ResolvedManifest>> RemoteRegistries::fetch_manifest(ImageRequest request,
                                                                Reference reference) {
  Get what{.reference = reference,
           .credentials = std::move(request.credentials),
           .path = "manifests/" + reference.name(),
           .headers = {{"Accept", fmt::format("{}, {}, {}, {}", kOciIndex, kDockerList,
                                              kOciManifest, kDockerManifest)}},
           .bytes_max = kManifestBytesMax};
  CO_TRY(auto reply, co_await get(std::move(what)));
  if (reply.status != 200) co_return refused(reference, reply);
  ResolvedManifest out;
  out.digest = digest_of(reply.body);
  if (!reference.digest.empty() && out.digest != reference.digest) {
    co_return fail(kImageInvalid,
                   fmt::format("{} gave other bytes for {}", reference.host, reference.digest));
  }
  if (const std::string* type = reply.header("content-type")) {
    out.media_type = std::string(trim(std::string_view(*type).substr(0, type->find(';'))));
  }
  out.bytes = std::move(reply.body);
  co_return out;
}

class RemoteRegistries::Stream final : public BlobStream {
 public:
  Stream(RemoteRegistries& owner, Get what) : owner_(owner), what_(std::move(what)) {}

  Task<Result<Bytes>> read(size_t bytes_max) override {
    if (buffer_at_ == buffer_.size()) {
      if (is_complete_) co_return Bytes();
      CO_TRY_VOID(co_await fill());
    }
    Bytes piece = buffer_.substr(buffer_at_, bytes_max);
    buffer_at_ += piece.size();
    co_return piece;
  }

  // The next range. A registry that knows no ranges sends the whole blob, which must then fit.
  Task<Result<void>> fill() {
    Get next = what_;
    next.headers.emplace_back("Range",
                              fmt::format("bytes={}-{}", offset_, offset_ + kRemotePieceBytes - 1));
    CO_TRY(auto reply, co_await owner_.get(std::move(next)));
    bool is_whole = reply.status == 200 && offset_ == 0;
    bool is_behind = reply.status == 416 && offset_ == 0;  // an empty blob
    if (reply.status != 206 && !is_whole && !is_behind) {
      co_return refused(what_.reference, reply);
    }
    buffer_ = is_behind ? Bytes() : std::move(reply.body);
    buffer_at_ = 0;
    offset_ += buffer_.size();
    is_complete_ = is_whole || is_behind || buffer_.empty();
    if (reply.status == 206) {
      const std::string* range = reply.header("content-range");
      uint64_t total = range == nullptr ? 0 : number_behind(*range, '/');
      is_complete_ = is_complete_ || offset_ >= total;
    }
    co_return ok();
  }

 private:
  RemoteRegistries& owner_;
  Get what_;
  Bytes buffer_;
  size_t buffer_at_ = 0;
  uint64_t offset_ = 0;
  bool is_complete_ = false;
};

Task<Result<std::unique_ptr<BlobStream>>> RemoteRegistries::open_blob(ImageRequest request,
                                                                      std::string digest) {
  CO_TRY(Reference reference, parse_reference(request.reference));
  Get what{.reference = std::move(reference),
           .credentials = std::move(request.credentials),
           .path = "blobs/" + digest,
           .headers = {},
           .bytes_max = 16 * kRemotePieceBytes};
  auto stream = std::make_unique<Stream>(*this, std::move(what));
  CO_TRY_VOID(co_await stream->fill());
  co_return stream;
}

}  // namespace suiro::image
