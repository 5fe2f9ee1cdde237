// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "services/states/integration_http_request.h"
#include "services/states/integration_services.h"

namespace suiro::states {
namespace {

// RFC 9110's names of the statuses that APIs give; another one's is empty.
std::string_view reason_of(int status) {
  static constexpr std::pair<int, std::string_view> kReasons[] = {
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {203, "Non-Authoritative Information"},
      {204, "No Content"},
      {205, "Reset Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {409, "Conflict"},
      {422, "Unprocessable Content"},
      {429, "Too Many Requests"},
      {500, "Internal Server Error"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"}};
  for (const auto& [known, reason] : kReasons) {
    if (known == status) return reason;
  }
  return {};
}

bool is_json(const http_out::Reply& reply) {
  const std::string* type = reply.header("content-type");
  return type != nullptr && type->find("json") != type->npos;
}

json::Value body_of(const http_out::Reply& reply) {
  if (is_json(reply)) {
    if (auto parsed = json::parse(reply.body)) return *std::move(parsed);
  }
  return is_valid_utf8(reply.body) ? json::Value(std::string(reply.body))
                                   : json::Value(base64_encode(reply.body));
}

std::string output_of(const http_out::Reply& reply) {
  json::Object headers;
  for (const auto& [name, value] : reply.headers) {
    json::Array values;
    if (const json::Value* before = headers.find(name)) values = before->as_array();
    values.emplace_back(value);
    headers.set(name, std::move(values));
  }
  json::Object out;
  out.set("Headers", std::move(headers));
  out.set("ResponseBody", body_of(reply));
  out.set("StatusCode", reply.status);
  out.set("StatusText", std::string(reason_of(reply.status)));
  return json::write(out);
}

}  // namespace

bool HttpIntegration::has(const workflow::Resource& resource) const {
  return resource.action == "invoke" && resource.pattern == workflow::Pattern::kRequestResponse;
}

Attempt<void> HttpIntegration::permitted(const Work& work) const {
  const std::string& machine = work.call.machine_arn;
  std::string endpoint = text_of(work.arguments, "ApiEndpoint");
  auto answer = parts_.permissions.permits(
      {.role_arn = work.call.role_arn,
       .service = std::string(kPrincipal),
       // A Map's children run under "machine/label".
       .permission = {"states:InvokeHTTPEndpoint", machine.substr(0, machine.find('/'))},
       .context = {{"states:httpendpoint", endpoint},
                   {"states:httpmethod", text_of(work.arguments, "Method")}}});
  if (answer) return {};
  return std::unexpected(TaskFault{
      "States.Permissions",
      fmt::format("AWS Step Functions is not authorized to perform states:InvokeHTTPEndpoint on "
                  "API Endpoint {}. {}",
                  endpoint, answer.error().message)});
}

Task<Attempt<event::ConnectionAdditions>> HttpIntegration::additions(const Work& work) {
  std::string arn = connection_of(work.arguments);
  if (arn.empty()) co_return event::ConnectionAdditions{};
  auto fault = [](std::string_view name, const Error& error) {
    return std::unexpected(
        TaskFault{fmt::format("Events.ConnectionResource.{}", name), error.message});
  };
  // "events:region:account:connection/name", without the id that follows: what policies name.
  auto answer = parts_.permissions.permits(
      {.role_arn = work.call.role_arn,
       .service = std::string(kPrincipal),
       .permission = {"events:RetrieveConnectionCredentials", arn.substr(0, arn.rfind('/'))}});
  if (!answer) co_return fault("AccessDenied", answer.error());
  auto added = co_await parts_.connections.additions(arn);
  if (added) co_return *std::move(added);
  std::string_view code = added.error().code;
  bool is_named = code == event::kConnectionNotFound || code == event::kConnectionUnauthorized ||
                  code == event::kConnectionAuthorizing;
  co_return fault(is_named ? code : "InternalError", added.error());
}

Task<Attempt<Begun>> HttpIntegration::begin(Work work) {
  if (auto wrong = unfit_arguments(work.arguments, parts_.client.reach())) {
    co_return std::unexpected(*std::move(wrong));
  }
  if (auto allowed = permitted(work); !allowed) {
    co_return std::unexpected(std::move(allowed).error());
  }
  auto added = co_await additions(work);
  if (!added) co_return std::unexpected(std::move(added).error());
  HttpRequestOptions options{.region = parts_.kernel.region,
                             .timeout = kTimeout,
                             .reply_bytes_max = kReplyBytesMax,
                             .connection = *std::move(added)};
  auto request = http_request_of(work.arguments, options);
  if (!request) co_return std::unexpected(std::move(request).error());
  if (work.http != nullptr) {
    if (!work.http->sees_secrets()) options.connection = {};
    auto shown = http_request_of(work.arguments, options);
    if (shown) work.http->sent(*shown);
  }
  auto reply = co_await parts_.client.send(*std::move(request));
  if (!reply) {
    const Error& error = reply.error();
    if (error.code == codes::kTooLarge) {
      co_return std::unexpected(TaskFault{"States.DataLimitExceeded", error.message});
    }
    co_return std::unexpected(TaskFault{"States.Http.Socket", error.message});
  }
  if (work.http != nullptr) work.http->got(*reply, reason_of(reply->status));
  if (reply->status == 401 || reply->status == 407) {
    co_await parts_.connections.rejected(connection_of(work.arguments));
  }
  if (reply->status < 200 || reply->status > 299) {
    co_return std::unexpected(TaskFault{fmt::format("States.Http.StatusCode.{}", reply->status),
                                        std::string(reply->body)});
  }
  co_return Begun{.output = output_of(*reply)};
}

}  // namespace suiro::states
