// SPDX-License-Identifier: Apache-2.0
// Cross-origin requests of S3 (S3 User Guide, "Using cross-origin resource sharing (CORS)").
#include <algorithm>

#include "protocol/aws/front_end_work.h"

namespace suiro::aws {
namespace {

constexpr std::string_view kVary =
    "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
constexpr size_t kRequestedHeadersMax = 100;

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += ", ";
    out += part;
  }
  return out;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty() && parts.size() < kRequestedHeadersMax) {
    size_t comma = std::min(text.find(','), text.size());
    std::string_view part = trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (!part.empty()) parts.push_back(to_lower(part));
  }
  return parts;
}

// "/bucket/key" -> "bucket"
std::string bucket_of(std::string_view path) {
  path.remove_prefix(path.starts_with('/'));
  auto bucket = percent_decode(path.substr(0, path.find('/')));
  return bucket ? std::move(*bucket) : "";
}

void add(Pairs& headers, const CorsAnswer& answer, const std::string& origin) {
  headers.emplace_back("Access-Control-Allow-Origin", answer.any_origin ? "*" : origin);
  if (!answer.any_origin) headers.emplace_back("Access-Control-Allow-Credentials", "true");
  headers.emplace_back("Access-Control-Allow-Methods", join(answer.allow_methods));
  if (!answer.expose_headers.empty())
    headers.emplace_back("Access-Control-Expose-Headers", join(answer.expose_headers));
  if (answer.max_age_seconds)
    headers.emplace_back("Access-Control-Max-Age", std::to_string(*answer.max_age_seconds));
  headers.emplace_back("Vary", kVary);
}

}  // namespace

Task<FrontEnd::Step<Response>> FrontEnd::preflight(Work& work) {
  const std::string* method = work.incoming.header("access-control-request-method");
  const std::string* wanted = work.incoming.header("access-control-request-headers");
  if (work.origin.empty())
    co_return std::unexpected(
        Refusal{400, {"BadRequest", "Insufficient information. Origin request header needed."}});
  if (method == nullptr)
    co_return std::unexpected(
        Refusal{400, {"BadRequest", "Invalid Access-Control-Request-Method: null"}});
  CorsQuestion question{bucket_of(work.request.path), work.origin, *method,
                        split(wanted ? *wanted : "")};
  // Answered here and not once more by add_cors().
  std::string origin = std::exchange(work.origin, {});
  std::optional<CorsAnswer> answer;
  if (cors_ && !question.bucket.empty()) answer = co_await cors_(question);
  if (!answer)
    co_return std::unexpected(Refusal{
        403,
        {"AccessForbidden",
         "CORSResponse: This CORS request is not allowed. This is usually because the evalution of "
         "Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers "
         "are not whitelisted by the resource's CORS spec.",
         Retry::kNever,
         {{"Method", *method}, {"ResourceType", "OBJECT"}}}});
  Response reply;
  add(reply.headers, *answer, origin);
  if (!question.headers.empty())
    reply.headers.emplace_back("Access-Control-Allow-Headers", join(question.headers));
  reply.headers.emplace_back("x-amz-request-id", work.call.request_id);
  co_return reply;
}

Task<void> FrontEnd::add_cors(Work& work, Pairs& headers) {
  if (work.origin.empty() || work.service == nullptr || work.service->id != "s3") co_return;
  CorsQuestion question{bucket_of(work.request.path), work.origin, work.incoming.method, {}};
  if (question.bucket.empty()) co_return;
  auto answer = co_await cors_(std::move(question));
  if (answer) add(headers, *answer, work.origin);
}

}  // namespace suiro::aws
