// SPDX-License-Identifier: Apache-2.0
#include "server/code_links.h"

#include <charconv>

#include "base/bytes.h"
#include "base/digest.h"

namespace suiro::server {
namespace {

http::Response answer(int status, std::string content, std::string type) {
  http::Response response;
  response.status = status;
  response.headers.emplace_back("content-type", std::move(type));
  response.content = std::move(content);
  return response;
}

// The decoded value of one parameter of a query.
std::string parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    size_t end = query.find('&');
    std::string_view pair = query.substr(0, end);
    query = end == query.npos ? std::string_view() : query.substr(end + 1);
    size_t equals = pair.find('=');
    if (equals == pair.npos || pair.substr(0, equals) != name) continue;
    return percent_decode(pair.substr(equals + 1)).value_or("");
  }
  return {};
}

}  // namespace

std::string CodeLinks::proof(std::string_view version_arn, std::string_view end) const {
  return hex_encode(hmac_sha256(key_, fmt::format("{}\n{}", version_arn, end)));
}

std::string CodeLinks::url(const std::string& endpoint, const std::string& version_arn) const {
  std::string end = std::to_string((clock_.now() + kValidFor).time_since_epoch().count());
  return fmt::format("{}{}?function={}&end={}&proof={}", endpoint, kPath,
                     percent_encode(version_arn), end, proof(version_arn, end));
}

Task<http::Response> CodeLinks::serve(http::Request request, Read read) const {
  std::string function = parameter(request.query, "function");
  std::string end = parameter(request.query, "end");
  int64_t end_ms = 0;
  std::from_chars(end.data(), end.data() + end.size(), end_ms);
  if (request.method != "GET" ||
      !equal_constant_time(parameter(request.query, "proof"), proof(function, end)) ||
      TimePoint(Millis(end_ms)) < clock_.now()) {
    co_return answer(403, "the link is not valid, or no longer\n", "text/plain");
  }
  auto zip = co_await read(function);
  if (!zip) co_return answer(404, zip.error().message + "\n", "text/plain");
  co_return answer(200, *std::move(zip), "application/zip");
}

}  // namespace suiro::server
