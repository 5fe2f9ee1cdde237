// SPDX-License-Identifier: Apache-2.0
#include "server/remote.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>

#include "base/bytes.h"
#include "server/credentials.h"

namespace suiro::server {
namespace {

constexpr std::string_view kTargetPrefix = "Suiro_20261101";
constexpr long kConnectSecondsMax = 5;
constexpr long kCallSecondsMax = 3600;  // a backup of a large store
constexpr long kStallSecondsMax = 60;   // an upload that sends nothing
constexpr size_t kReplyBytesMax = 64 << 20;

std::filesystem::path endpoint_file(const std::filesystem::path& data) {
  return data / "endpoint";
}

size_t take_reply(char* bytes, size_t, size_t count, void* reply) {
  auto& text = *static_cast<std::string*>(reply);
  if (text.size() + count > kReplyBytesMax) return 0;
  text.append(bytes, count);
  return count;
}

// The error document of AWS JSON 1.1, or of S3.
Error error_of(long status, const std::string& reply) {
  boost::system::error_code failed;
  auto document = boost::json::parse(reply, failed);
  Error error{"", fmt::format("the server answered HTTP {}: {}", status, reply)};
  auto element = [&](std::string_view tag) {  // S3's errors are XML
    size_t at = reply.find(tag);
    if (at == reply.npos) return std::string();
    at += tag.size();
    return reply.substr(at, reply.find('<', at) - at);
  };
  error.code = element("<Code>");
  if (!error.code.empty()) {
    error.message =
        fmt::format("{}: {} ({})", error.code, element("<Message>"), element("<Resource>"));
  }
  if (failed || !document.is_object()) return error;
  auto& members = document.as_object();
  auto text = [&](std::string_view name) {
    auto* value = members.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
  };
  error.code = text("__type");
  std::string message = text("message").empty() ? text("Message") : text("message");
  if (!message.empty()) error.message = message;
  return error;
}

// The bytes of files, one after the other.
struct Files {
  const std::vector<std::string>& paths;
  size_t next = 0;
  std::ifstream file = {};

  size_t read(char* out, size_t most) {
    while (true) {
      if (file.is_open()) {
        file.read(out, static_cast<std::streamsize>(most));
        if (file.gcount() > 0) return static_cast<size_t>(file.gcount());
        file.close();
      }
      if (next == paths.size()) return 0;
      file.clear();
      file.open(paths[next++], std::ios::binary);
      if (!file) return CURL_READFUNC_ABORT;
    }
  }
};

size_t give_bytes(char* out, size_t, size_t most, void* files) {
  return static_cast<Files*>(files)->read(out, most);
}

Result<uint64_t> size_of(const std::vector<std::string>& paths) {
  uint64_t size = 0;
  for (const std::string& path : paths) {
    std::error_code error;
    size += std::filesystem::file_size(path, error);
    if (error) return fail(codes::kNotFound, path + ": " + error.message());
  }
  if (size > kPutBytesMax) {
    return fail(codes::kTooLarge,
                fmt::format("{} bytes are more than one object can be put with (5 GiB)", size));
  }
  return size;
}

std::unexpected<Error> unreachable(const std::string& endpoint, CURLcode why) {
  return fail(codes::kUnavailable, fmt::format("{} cannot be reached ({}): is `suiro up` running?",
                                               endpoint, curl_easy_strerror(why)));
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

struct Remote::Easy {
  CURL* handle = curl_easy_init();
  curl_slist* headers = nullptr;
  ~Easy() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(handle);
  }
};

Result<void> write_endpoint_file(const std::filesystem::path& data, const EndpointFile& content) {
  return write_private_file(endpoint_file(data), fmt::format("{}\n{}\n{}\n", content.endpoint,
                                                             content.region, content.account));
}

Result<EndpointFile> read_endpoint_file(const std::filesystem::path& data) {
  std::ifstream in(endpoint_file(data));
  EndpointFile out;
  if (!std::getline(in, out.endpoint) || !std::getline(in, out.region) ||
      !std::getline(in, out.account)) {
    return fail(codes::kNotFound,
                fmt::format("no Suiro has run on {}: start one with `suiro up --data {}`",
                            data.string(), data.string()));
  }
  return out;
}

// The keys of a task's role, where the environment names the place that gives them (Amazon ECS
// Developer Guide, "Task IAM role"; docs/decisions/208).
Result<void> Remote::take_keys_of_task() {
  const std::string url = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (url.empty()) return fail(codes::kNotFound, "the environment holds no keys");
  Easy easy;
  std::string reply;
  const std::string token = "Authorization: " + variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  easy.headers = curl_slist_append(easy.headers, token.c_str());
  auto set = [&](CURLoption option, auto value) { curl_easy_setopt(easy.handle, option, value); };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_HTTPHEADER, easy.headers);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSecondsMax);
  set(CURLOPT_TIMEOUT, kStallSecondsMax);
  set(CURLOPT_WRITEFUNCTION, take_reply);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&reply));
  CURLcode done = curl_easy_perform(easy.handle);
  if (done != CURLE_OK) return unreachable(url, done);
  boost::system::error_code failed;
  auto document = boost::json::parse(reply, failed);
  auto text = [&](std::string_view name) -> std::string {
    if (failed || !document.is_object()) return "";
    auto* value = document.as_object().if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
  };
  if (text("AccessKeyId").empty()) {
    return fail(codes::kUnavailable, fmt::format("{} gives no keys: {}", url, reply));
  }
  user_password_ = text("AccessKeyId") + ":" + text("SecretAccessKey");
  session_token_ = text("Token");
  return ok();
}

std::optional<Remote> Remote::from_environment(const std::string& endpoint) {
  Remote remote;
  remote.endpoint_ = endpoint.empty() ? variable("AWS_ENDPOINT_URL") : endpoint;
  remote.region_ = variable("AWS_REGION");
  if (remote.region_.empty()) remote.region_ = variable("AWS_DEFAULT_REGION");
  const std::string id = variable("AWS_ACCESS_KEY_ID");
  const std::string secret = variable("AWS_SECRET_ACCESS_KEY");
  if (remote.endpoint_.empty() || remote.region_.empty()) return std::nullopt;
  if (id.empty() || secret.empty()) {
    return remote.take_keys_of_task() ? std::optional(remote) : std::nullopt;
  }
  remote.user_password_ = id + ":" + secret;
  remote.session_token_ = variable("AWS_SESSION_TOKEN");
  return remote;
}

Result<Remote> Remote::connect(const ServerAddress& address) {
  if (address.from == ServerAddress::From::kEnvironmentFirst) {
    if (auto remote = from_environment(address.endpoint)) return *std::move(remote);
  }
  TRY(EndpointFile file, read_endpoint_file(address.data));
  TRY(KeyPair root, load_root(address.data));
  Remote remote;
  remote.endpoint_ = address.endpoint.empty() ? file.endpoint : address.endpoint;
  remote.region_ = file.region;
  remote.user_password_ = root.access_key_id + ":" + root.secret_access_key;
  return remote;
}

void Remote::sign(Easy& easy, std::string_view service) const {
  if (!session_token_.empty()) {
    const std::string token = "X-Amz-Security-Token: " + session_token_;
    easy.headers = curl_slist_append(easy.headers, token.c_str());
  }
  const std::string signer = fmt::format("aws:amz:{}:{}", region_, service);
  curl_easy_setopt(easy.handle, CURLOPT_HTTPHEADER, easy.headers);
  curl_easy_setopt(easy.handle, CURLOPT_AWS_SIGV4, signer.c_str());
  curl_easy_setopt(easy.handle, CURLOPT_USERPWD, user_password_.c_str());
}

Result<std::string> Remote::call(const std::string& operation, const std::string& input) const {
  Easy easy;
  std::string reply;
  auto target = fmt::format("X-Amz-Target: {}.{}", kTargetPrefix, operation);
  easy.headers = curl_slist_append(easy.headers, target.c_str());
  easy.headers = curl_slist_append(easy.headers, "Content-Type: application/x-amz-json-1.1");
  sign(easy, "suiro");
  auto set = [&](CURLoption option, auto value) { curl_easy_setopt(easy.handle, option, value); };
  set(CURLOPT_URL, endpoint_.c_str());
  set(CURLOPT_POSTFIELDS, input.c_str());
  set(CURLOPT_POSTFIELDSIZE, static_cast<long>(input.size()));
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSecondsMax);
  set(CURLOPT_TIMEOUT, kCallSecondsMax);
  set(CURLOPT_WRITEFUNCTION, take_reply);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&reply));
  CURLcode done = curl_easy_perform(easy.handle);
  if (done != CURLE_OK) return unreachable(endpoint_, done);
  long status = 0;
  curl_easy_getinfo(easy.handle, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return fail(error_of(status, reply));
  return reply;
}

Result<void> Remote::send_to_object(Easy& easy, const std::string& bucket,
                                    const std::string& key) const {
  std::string reply;
  easy.headers = curl_slist_append(easy.headers, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
  easy.headers = curl_slist_append(easy.headers, "Expect:");
  auto url = fmt::format("{}/{}/{}", endpoint_, bucket, percent_encode(key, Slash::kKeep));
  sign(easy, "s3");
  auto set = [&](CURLoption option, auto value) { curl_easy_setopt(easy.handle, option, value); };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSecondsMax);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, kStallSecondsMax);
  set(CURLOPT_WRITEFUNCTION, take_reply);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&reply));
  if (CURLcode done = curl_easy_perform(easy.handle); done != CURLE_OK) {
    return unreachable(endpoint_, done);
  }
  long status = 0;
  curl_easy_getinfo(easy.handle, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 299) return fail(error_of(status, reply));
  return ok();
}

Result<void> Remote::put_object(const std::string& bucket, const std::string& key,
                                const std::vector<std::string>& files) const {
  TRY(uint64_t size, size_of(files));
  Easy easy;
  Files body{files};
  auto set = [&](CURLoption option, auto value) { curl_easy_setopt(easy.handle, option, value); };
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
  set(CURLOPT_READFUNCTION, give_bytes);
  set(CURLOPT_READDATA, static_cast<void*>(&body));
  return send_to_object(easy, bucket, key);
}

Result<void> Remote::delete_object(const std::string& bucket, const std::string& key) const {
  Easy easy;
  curl_easy_setopt(easy.handle, CURLOPT_CUSTOMREQUEST, "DELETE");
  return send_to_object(easy, bucket, key);
}

}  // namespace suiro::server
