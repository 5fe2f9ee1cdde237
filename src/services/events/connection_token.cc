// SPDX-License-Identifier: Apache-2.0
#include "services/events/connection_token.h"

#include <boost/json.hpp>

#include "services/events/errors.h"

namespace suiro::events {
namespace {

namespace json = boost::json;

constexpr Millis kTokenTimeout = std::chrono::seconds(5);
constexpr size_t kTokenBytesMax = 64 * 1024;
constexpr std::string_view kForm = "application/x-www-form-urlencoded";

using Pairs = std::vector<std::pair<std::string, std::string>>;

bool has(const std::vector<HttpParameter>& list, std::string_view key) {
  return std::ranges::any_of(list, [&](auto& each) { return each.key == key; });
}

void append(Pairs& out, const std::vector<HttpParameter>& list) {
  for (const HttpParameter& each : list) out.emplace_back(each.key, each.value);
}

std::string form_of(const Pairs& pairs) {
  std::string out;
  for (const auto& [key, value] : pairs) {
    if (!out.empty()) out += '&';
    out += percent_encode(key) + '=' + percent_encode(value);
  }
  return out;
}

std::unexpected<Error> no_token(std::string why) {
  return fail(codes::kUnavailable, "The authorization endpoint gave no token: " + why,
              Retry::kLater);
}

}  // namespace

http_out::Request token_request(const Authorization& authorization) {
  const HttpParameters& more = authorization.token_request;
  Pairs credentials;
  if (!has(more.body, "grant_type") && !has(more.query, "grant_type")) {
    credentials.emplace_back("grant_type", "client_credentials");
  }
  credentials.emplace_back("client_id", authorization.name);
  credentials.emplace_back("client_secret", authorization.secret);
  append(credentials, more.body);
  Pairs query;
  append(query, more.query);
  http_out::Request request{.method = authorization.method,
                            .url = authorization.endpoint,
                            .headers = {{"Accept", "application/json"}},
                            .timeout = kTokenTimeout,
                            .reply_bytes_max = kTokenBytesMax};
  std::string type(kForm);
  for (const HttpParameter& header : more.headers) {
    if (equal_ignore_case(header.key, "content-type")) {
      type = header.value;
    } else {
      request.headers.emplace_back(header.key, header.value);
    }
  }
  if (authorization.method == "GET") {
    query.insert(query.end(), credentials.begin(), credentials.end());
  } else if (to_lower(type).starts_with("application/json")) {
    json::object body;
    for (auto& [key, value] : credentials) body[key] = value;
    request.body = json::serialize(body);
  } else {
    request.body = form_of(credentials);
  }
  if (authorization.method != "GET") request.headers.emplace_back("Content-Type", type);
  if (!query.empty()) {
    request.url += request.url.find('?') == request.url.npos ? '?' : '&';
    request.url += form_of(query);
  }
  return request;
}

Result<AccessToken> token_of(const http_out::Reply& reply) {
  if (reply.status < 200 || reply.status > 299) {
    return no_token(fmt::format("it answered with status {}", reply.status));
  }
  boost::system::error_code bad;
  json::value document = json::parse(reply.body, bad);
  if (bad || !document.is_object()) return no_token("its answer is no JSON object");
  const json::value* token = document.get_object().if_contains("access_token");
  if (token == nullptr || !token->is_string() || token->get_string().empty()) {
    return no_token("its answer has no access_token");
  }
  std::string value(token->get_string());
  if (value.find_first_of("\r\n") != value.npos) return no_token("its token has a line break");
  AccessToken out{.authorization = "Bearer " + value};
  const json::value* lifetime = document.get_object().if_contains("expires_in");
  if (lifetime != nullptr && lifetime->is_int64() && lifetime->get_int64() > 0) {
    // What is longer than a year is a year.
    constexpr int64_t kYear = 366 * 24 * 3600;
    out.lifetime = std::chrono::seconds(std::min(lifetime->get_int64(), kYear));
  }
  return out;
}

Task<Result<AccessToken>> request_token(SendRequest send, http_out::Request request) {
  auto reply = co_await send(std::move(request));
  if (!reply && reply.error().code == codes::kClosed) co_return fail(std::move(reply).error());
  if (!reply) co_return no_token(reply.error().message);
  co_return token_of(*reply);
}

}  // namespace suiro::events
