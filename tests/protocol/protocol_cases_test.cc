// SPDX-License-Identifier: Apache-2.0
// The public protocol test cases, read from a server's side: an input case's request must parse to
// its parameters, an output case's response must be written from its result.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <map>

#include "base/bytes.h"
#include "case_compare.h"
#include "case_value.h"
#include "protocol/aws/codec.h"

#ifdef SUIRO_PROTOCOL_CASES
#include "protocol_cases/all.h"
#endif

namespace suiro::cases {
namespace {

namespace json = boost::json;
using shapes::Operation;
using shapes::Protocol;
using shapes::ServiceModel;

// Cases that say nothing about a server, with the reason. One that passes does not belong here.
const std::map<std::string, std::string, std::less<>> kNotForServers = {
    // The client compresses the body or names an encoding of its own; no operation of Suiro's
    // models
    // has the requestCompression trait.
    {"input json SDKAppliedContentEncoding_awsJson1_1", "compressed by the client"},
    {"input json SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1",
     "compressed by the client"},
    {"input json_1_0 SDKAppliedContentEncoding_awsJson1_0", "compressed by the client"},
    {"input json_1_0 SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0",
     "compressed by the client"},
    {"input query SDKAppliedContentEncoding_awsQuery", "compressed by the client"},
    {"input query SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery",
     "compressed by the client"},
    {"input rest-json SDKAppliedContentEncoding_restJson1", "compressed by the client"},
    {"input rest-json SDKAppendedGzipAfterProvidedEncoding_restJson1", "compressed by the client"},
    {"input rest-xml SDKAppliedContentEncoding_restXml", "compressed by the client"},
    {"input rest-xml SDKAppendedGzipAfterProvidedEncoding_restXml", "compressed by the client"},
    {"input query QueryProtocolIdempotencyTokenAutoFill", "the client makes up the token"},
    {"input rest-json RestJsonQueryIdempotencyTokenAutoFill", "the client makes up the token"},
    {"input rest-xml QueryIdempotencyTokenAutoFill", "the client makes up the token"},
    {"input rest-json RestJsonHostWithPath", "the path begins with that of the client's endpoint"},
    {"input rest-json RestJsonQueryPrecedence", "the client drops a parameter that it has twice"},
    {"input rest-xml RestXmlQueryPrecedence", "the client drops a parameter that it has twice"},
    {"input rest-json RestJsonHttpWithEmptyStructurePayload", "the client sends {} for no payload"},
    {"input rest-json RestJsonHttpWithHeadersButNoPayload", "the client sends {} for no payload"},
    {"output json handles_unexpected_json_output", "members that the model lacks"},
    {"output json_1_0 AwsJson10HandlesUnexpectedJsonOutput", "members that the model lacks"},
    {"output smithy-rpc-v2-cbor RpcV2CborExtraFieldsInTheBodyShouldBeSkippedByClients",
     "members that the model lacks"},
    {"output rest-xml InvalidGreetingError", "members that the model lacks"},
    {"output query QueryXmlNamespaces", "leaves out a namespace that the model gives"},
    {"output rest-xml ComplexError", "a message that the parameters lack"},
    {"output rest-xml SimpleScalarPropertiesWithXMLPreamble", "text that the model lacks"},
    {"output json AwsJson11IntEnums", "the response has a header of requests"},
    {"output smithy-rpc-v2-cbor RpcV2CborPayloadWithUnsetUnion", "the body is another operation's"},
};

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(json::string_view(name.data(), name.size()));
  return found == nullptr || !found->is_string() ? "" : std::string(found->get_string());
}

Bytes body_of_case(const json::object& message, Protocol protocol) {
  const std::string body = text_of(message, "body");
  return protocol == Protocol::kCbor ? base64_decode(body).value() : body;
}

aws::Request request_of(const json::object& serialized, const ServiceModel& service) {
  const Protocol protocol = service.protocols.front();
  aws::Request request;
  request.method = text_of(serialized, "method");
  const std::string uri = text_of(serialized, "uri");
  const size_t mark = uri.find('?');
  request.path = uri.substr(0, mark);
  if (mark != std::string::npos) {
    request.query = aws::parse_parameters(std::string_view(uri).substr(mark + 1)).value();
  }
  request.headers.emplace_back("host", "example.com");
  if (const json::value* headers = serialized.if_contains("headers")) {
    for (const auto& [name, value] : headers->get_object()) {
      request.headers.emplace_back(to_lower(std::string_view(name)),
                                   std::string(value.get_string()));
    }
  }
  request.body = body_of_case(serialized, protocol);
  // A case lists only the headers that it is about.
  if (protocol == Protocol::kJson && !aws::find(request.headers, "x-amz-target")) {
    request.headers.emplace_back("x-amz-target", std::string(service.target_prefix) + "." +
                                                     std::string(service.operations.front()->name));
  }
  return request;
}

std::string run_input(const ServiceModel& service, const json::object& one) {
  const Operation& operation = *service.operations.front();
  const Protocol protocol = service.protocols.front();
  aws::Request request = request_of(one.at("serialized").get_object(), service);
  aws::Router router;
  router.add(service);
  auto route = router.route(service, request);
  if (!route) return "route: " + route.error().message;
  if (route->operation != &operation || route->protocol != protocol) return "another route";
  auto input = aws::read_request(*route, request);
  if (!input) return input.error().code + ": " + input.error().message;
  return difference(*operation.input, input->data(), one.at("params"));
}

std::string compare_headers(const aws::Response& actual, const json::object& expected) {
  const json::value* headers = expected.if_contains("headers");
  if (headers == nullptr) return "";
  for (const auto& [name, value] : headers->get_object()) {
    const std::string wanted(value.get_string());
    const std::string header(name);
    // Where a client looks for the error's code is compared apart; the length is the HTTP server's;
    // the type of no body says nothing.
    if (equal_ignore_case(header, "x-amzn-errortype") ||
        equal_ignore_case(header, "content-length")) {
      continue;
    }
    if (equal_ignore_case(header, "content-type") && actual.body.empty() && !actual.stream)
      continue;
    std::string held;
    bool found = false;
    for (const auto& [own, text] : actual.headers) {
      if (!equal_ignore_case(own, std::string_view(name))) continue;
      held = text;
      found = true;
    }
    if (!found) return header + ": no such header";
    if (!same_text(held, wanted)) return header + ": '" + held + "' instead of '" + wanted + "'";
  }
  return "";
}

// The error's code by any of the ways in which a JSON server may give it, without its namespace
// ("aws.protocoltests#") and what may follow it (":http://...").
std::string error_code(const aws::Pairs& headers, std::string_view body) {
  std::string code;
  if (body.starts_with('{')) {
    const json::object document =
        json::parse(json::string_view(body.data(), body.size())).as_object();
    for (const char* name : {"code", "__type"}) {
      if (code.empty()) code = text_of(document, name);
    }
  }
  for (const auto& [name, value] : headers) {
    if (code.empty() && equal_ignore_case(name, "x-amzn-errortype")) code = value;
  }
  code = code.substr(0, code.find(':'));
  return code.substr(code.find('#') + 1);
}

aws::Pairs headers_of(const json::object& message) {
  aws::Pairs headers;
  if (const json::value* found = message.if_contains("headers")) {
    for (const auto& [name, value] : found->get_object()) {
      headers.emplace_back(std::string(name), std::string(value.get_string()));
    }
  }
  return headers;
}

std::string body_text(aws::Response& response) {
  if (response.stream == nullptr) return response.body;
  asio::io_context context;
  auto run = [&]() -> Task<void> {
    response.body = (co_await shapes::read_all(*response.stream, 1024 * 1024)).value();
  };
  asio::co_spawn(context, run(), [](std::exception_ptr error) { CHECK(!error); });
  context.run();
  return response.body;
}

std::string compare_response(const Operation& operation, Protocol protocol, bool error,
                             aws::Response& actual, const json::object& expected) {
  if (actual.status != expected.at("status_code").to_number<int>()) {
    return "status " + std::to_string(actual.status);
  }
  if (std::string found = compare_headers(actual, expected); !found.empty()) return found;
  if (!expected.contains("body")) return "";
  const Bytes wanted = body_of_case(expected, protocol);
  const std::string held = body_text(actual);
  if (protocol == Protocol::kCbor) return compare_cbor(held, wanted);
  const shapes::Member* payload = operation.output->payload;
  const bool raw = !error && payload != nullptr &&
                   payload->shape->kind != shapes::Kind::kStructure &&
                   payload->shape->kind != shapes::Kind::kDocument;
  if (raw) return held == wanted ? "" : "'" + held + "' instead of '" + wanted + "'";
  const bool xml = protocol == Protocol::kQuery || protocol == Protocol::kRestXml;
  if (error && !xml) {
    const std::string ours = error_code(actual.headers, held);
    const std::string theirs = error_code(headers_of(expected), wanted);
    if (ours != theirs) return "error " + ours + " instead of " + theirs;
  }
  return xml ? compare_xml(held, wanted) : compare_json(held, wanted);
}

std::string run_output(const ServiceModel& service, const json::object& one) {
  const Operation& operation = *service.operations.front();
  const Protocol protocol = service.protocols.front();
  shapes::Call call;
  const json::object& expected = one.at("response").get_object();
  call.request_id = "foo-id";
  for (const auto& [name, value] : headers_of(expected)) {
    if (equal_ignore_case(name, "x-amzn-requestid")) call.request_id = value;
  }
  if (const json::value* parameters = one.if_contains("error")) {
    CHECK(!operation.errors.empty());
    const shapes::ErrorShape& shape = *operation.errors.front();
    shapes::Value value(*shape.shape);
    build(*shape.shape, *parameters, value.data());
    const aws::ErrorPlace place{.service = &service,
                                .operation = &operation,
                                .protocol = protocol,
                                .head = false,
                                .resource = ""};
    aws::Response response = aws::write_modeled_error(place, shape, value.data(), call);
    return compare_response(operation, protocol, true, response, expected);
  }
  shapes::Value value(*operation.output);
  if (const json::value* result = one.if_contains("result")) {
    build(*operation.output, *result, value.data());
  }
  const aws::Route route{.operation = &operation, .protocol = protocol};
  aws::Response response = aws::write_response(route, value, call);
  return compare_response(operation, protocol, false, response, expected);
}

#ifdef SUIRO_PROTOCOL_CASES
TEST(ProtocolCases, AllPass) {
  std::ifstream file(SUIRO_PROTOCOL_CASES);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const json::value all = json::parse(text);
  size_t passed = 0, excused = 0;
  for (const json::value& entry : all.get_array()) {
    const json::object& one = entry.get_object();
    const std::string direction = text_of(one, "direction"), protocol = text_of(one, "protocol");
    const std::string name = direction + " " + protocol + " " + text_of(one, "id");
    const ServiceModel& service = *shapes::case_services()[one.at("suite").to_number<size_t>()];
    const std::string found =
        direction == "input" ? run_input(service, one) : run_output(service, one);
    if (auto reason = kNotForServers.find(name); reason != kNotForServers.end()) {
      EXPECT_FALSE(found.empty()) << name << " passes: it needs no excuse";
      ++excused;
      continue;
    }
    EXPECT_EQ(found, "") << name;
    passed += found.empty() ? 1 : 0;
  }
  EXPECT_GT(passed, 600u);
  std::printf("%zu of %zu cases pass, %zu do not concern a server\n", passed,
              all.get_array().size(), excused);
  EXPECT_EQ(excused, kNotForServers.size());
}
#else
TEST(ProtocolCases, AllPass) {
  GTEST_SKIP() << "../shared/data/protocol-cases.jsonl.gz is not present: the cases are skipped";
}
#endif

}  // namespace
}  // namespace suiro::cases
