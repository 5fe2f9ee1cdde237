// SPDX-License-Identifier: Apache-2.0
#include "engine/container/kubernetes_api.h"

#include <fmt/format.h>

#include "engine/container/kubernetes_job.h"
#include "engine/container/kubernetes_json.h"
#include "engine/sandbox/files.h"

namespace suiro::container::kubernetes {

namespace {

namespace json = boost::json;

std::string quoted(std::string_view text) {
  std::string out;
  for (unsigned char c : text) {
    bool plain = std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  return out;
}

// What a Status object says ("API Concepts": errors), or the answer's beginning.
std::string message_of(const std::string& body) {
  boost::system::error_code error;
  json::value status = json::parse(body, error);
  std::string message = error ? std::string() : text_at(status, {"message"});
  constexpr size_t kShown = 200;
  return message.empty() ? body.substr(0, kShown) : message;
}

std::unexpected<Error> failure(int status, const std::string& body) {
  std::string text = fmt::format("the Kubernetes API answers {}: {}", status, message_of(body));
  bool passes = status == 401 || status == 403 || status == 408 || status == 429 || status >= 500;
  if (passes) return fail(codes::kUnavailable, text, Retry::kLater);
  if (status == 404) return fail(codes::kNotFound, text);
  if (status == 409) return fail(codes::kConditionFailed, text);
  return fail(codes::kInvalidArgument, text);
}

}  // namespace

Api::Api(KubernetesConfig config)
    : config_(std::move(config)), client_({.connections_max = 4, .ca_file = config_.ca_file}) {}

Result<std::string> Api::token() const {
  if (config_.token_file.empty()) return config_.token;
  auto text = sandbox::read_small_file(config_.token_file);
  if (!text) return fail(codes::kUnavailable, text.error().message, Retry::kLater);
  std::string token(*text);
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0) {
    token.pop_back();
  }
  return token;
}

Task<Result<std::string>> Api::send(std::string method, std::string path, std::string body) {
  http_out::Request request;
  request.method = std::move(method);
  request.url = config_.url + path;
  request.timeout = kRequestTimeout;
  request.reply_bytes_max = kReplyBytesMax;
  request.headers = {{"Accept", "application/json, */*"}};
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  CO_TRY(std::string token, token());
  if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
  auto reply = co_await client_.send(std::move(request));
  if (!reply) co_return fail(codes::kUnavailable, reply.error().message, Retry::kLater);
  if (reply->status < 200 || reply->status > 299) co_return failure(reply->status, reply->body);
  co_return std::move(reply->body);
}

Task<Result<std::vector<json::value>>> Api::list(std::string path) {
  std::vector<json::value> items;
  std::string next;
  for (size_t page = 0; page < kPagesMax; ++page) {
    std::string label = fmt::format("{}={}", kInstanceLabel, config_.instance);
    std::string query = fmt::format("?labelSelector={}&limit={}", quoted(label), kPageItems);
    if (!next.empty()) query += "&continue=" + quoted(next);
    CO_TRY(std::string body, co_await send("GET", path + query, ""));
    boost::system::error_code error;
    json::value found = json::parse(body, error);
    const auto* list = error ? nullptr : value_at(found, {"items"});
    if (list == nullptr || !list->is_array()) {
      co_return fail(codes::kUnavailable, "the Kubernetes API answers no list", Retry::kLater);
    }
    for (const auto& item : list->get_array()) items.push_back(item);
    next = text_at(found, {"metadata", "continue"});
    if (next.empty()) co_return items;
  }
  co_return fail(codes::kUnavailable, "too many Jobs or Pods of this instance", Retry::kLater);
}

Task<Result<std::vector<json::value>>> Api::jobs() {
  co_return co_await list(fmt::format("/apis/batch/v1/namespaces/{}/jobs", config_.name_space));
}

Task<Result<std::vector<json::value>>> Api::pods() {
  co_return co_await list(fmt::format("/api/v1/namespaces/{}/pods", config_.name_space));
}

Task<Result<void>> Api::make_job(json::object job) {
  std::string path = fmt::format("/apis/batch/v1/namespaces/{}/jobs", config_.name_space);
  CO_TRY_VOID(co_await send("POST", std::move(path), json::serialize(job)));
  co_return ok();
}

// The Pod goes behind the Job, with its own time to end.
Task<Result<void>> Api::remove_job(std::string name) {
  std::string path = fmt::format("/apis/batch/v1/namespaces/{}/jobs/{}", config_.name_space, name);
  json::object options{
      {"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", "Background"}};
  auto done = co_await send("DELETE", std::move(path), json::serialize(options));
  if (!done && done.error().code != codes::kNotFound) co_return fail(done.error());
  co_return ok();
}

Task<Result<std::string>> Api::log(std::string pod, std::string container, std::string since) {
  std::string path =
      fmt::format("/api/v1/namespaces/{}/pods/{}/log?container={}&timestamps=true&limitBytes={}",
                  config_.name_space, pod, container, kLogBytes);
  if (!since.empty()) path += "&sinceTime=" + quoted(since);
  auto text = co_await send("GET", std::move(path), "");
  // 400: "container is waiting to start"; 404: the Pod went meanwhile.
  bool none = !text && (text.error().code == codes::kInvalidArgument ||
                        text.error().code == codes::kNotFound);
  if (none) co_return std::string();
  co_return text;
}

}  // namespace suiro::container::kubernetes
