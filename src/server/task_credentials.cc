// SPDX-License-Identifier: Apache-2.0
#include "server/task_credentials.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "shapes/json.h"

namespace suiro::server {
namespace {

http::Response answer(int status, std::string content) {
  http::Response response;
  response.status = status;
  response.headers.emplace_back("content-type", "application/json");
  response.headers.emplace_back("cache-control", "no-store");
  response.content = std::move(content);
  return response;
}

http::Response refusal(int status, std::string_view code, std::string_view message) {
  std::string content = "{}";
  shapes::append_json_member(content, "code", code);
  shapes::append_json_member(content, "message", message);
  return answer(status, std::move(content));
}

}  // namespace

TaskCredentials::TaskCredentials(std::string_view root_secret)
    : key_(hmac_sha256(root_secret, "suiro task credentials")) {}

std::string TaskCredentials::token(std::string_view task_id) const {
  return hex_encode(hmac_sha256(key_, task_id));
}

Task<http::Response> TaskCredentials::serve(http::Request request, Read read) const {
  std::string_view id = request.path;
  id.remove_prefix(std::min(id.size(), kPath.size() + 1));
  const std::string* given = request.header("authorization");
  if (given == nullptr || !equal_constant_time(*given, token(id))) {
    co_return refusal(401, "AccessDenied", "the token is not the task's");
  }
  if (request.method != "GET") co_return refusal(405, "MethodNotAllowed", "only GET");
  auto found = co_await read(std::string(id));
  if (!found) {
    bool passes = found.error().retry == Retry::kLater || found.error().code == codes::kUnavailable;
    co_return refusal(passes ? 503 : 404, found.error().code, found.error().message);
  }
  std::string end = format_iso8601(found->keys.expires_at);
  std::string content = "{}";
  shapes::append_json_member(content, "RoleArn", found->role_arn);
  shapes::append_json_member(content, "AccessKeyId", found->keys.access_key_id);
  shapes::append_json_member(content, "SecretAccessKey", found->keys.secret_access_key);
  shapes::append_json_member(content, "Token", found->keys.session_token);
  // Without its milliseconds, as SDKs know it.
  shapes::append_json_member(content, "Expiration", end.substr(0, 19) + "Z");
  co_return answer(200, std::move(content));
}

}  // namespace suiro::server
