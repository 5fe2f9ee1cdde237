// SPDX-License-Identifier: Apache-2.0
// HTTP tasks: what they send, and what they make of the answer of a server of a few lines.
#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>

#include "engine/http_out/testing.h"
#include "kernel/event/http_connections_testing.h"
#include "kernel/event/role_permissions_testing.h"
#include "kernel/event/testing.h"
#include "services/states/integration_http_request.h"
#include "services/states/integration_services.h"

namespace suiro::states {
namespace {

using http_out::OneReply;

json::Value parsed(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : json::Value();
}

class HttpIntegrationTest : public ::testing::Test {
 protected:
  HttpIntegrationTest() : shards(1) { shards.start(); }
  ~HttpIntegrationTest() override { shards.stop(); }
  Attempt<Begun> begin(std::string_view arguments) { return begin(arguments, client); }
  Attempt<Begun> begin(std::string_view arguments, http_out::Client& by) {
    TaskCall call{};
    call.role_arn = "arn:aws:iam::000000000000:role/r";
    call.machine_arn = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m/Map";
    HttpIntegration integration({sim.kernel(), permissions, connections, by});
    Work work{.call = call, .arguments = parsed(arguments), .cancellation = {}, .http = watcher};
    return asio::co_spawn(shards.executor(0), integration.begin(std::move(work)), asio::use_future)
        .get();
  }
  event::SimKernel sim;
  Shards shards;
  event::FakeRolePermissions permissions;
  event::FakeHttpConnections connections;
  HttpWatcher* watcher = nullptr;
  http_out::Client client{{.reach = http_out::Reach::kNoMetadata}};
};

TEST_F(HttpIntegrationTest, SendsAndAnswers) {
  OneReply server(
      "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nX-A: 1\r\nX-A: 2\r\n"
      "Content-Length: 8\r\n\r\n{\"a\": 1}");
  auto begun = begin(fmt::format(R"({{"ApiEndpoint":"{}","Method":"POST","Headers":{{"X-Key":"k"}},
      "QueryParameters":{{"q":"a b","l":["1","2"]}},"RequestBody":{{"z":"end!"}}}})",
                                 server.url()));
  ASSERT_TRUE(begun) << begun.error().cause;
  EXPECT_TRUE(server.request.starts_with("POST /x?q=a%20b&l=1&l=2 HTTP/1.1\r\n")) << server.request;
  EXPECT_NE(server.request.find("X-Key: k\r\n"), std::string::npos);
  EXPECT_NE(server.request.find("Content-Type: application/json\r\n"), std::string::npos);
  const json::Value output = parsed(begun->output);
  EXPECT_EQ(json::write(*output.find("ResponseBody")), R"({"a":1})");
  EXPECT_EQ(output.find("StatusCode")->as_integer(), 201);
  EXPECT_EQ(text_of(output, "StatusText"), "Created");
  EXPECT_EQ(json::write(*output.find("Headers")->find("x-a")), R"(["1","2"])");
}

TEST_F(HttpIntegrationTest, AStatusThatIsNoSuccessFails) {
  OneReply server("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
  auto begun = begin(fmt::format(R"({{"ApiEndpoint":"{}","Method":"GET"}})", server.url()));
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().error, "States.Http.StatusCode.404");
  EXPECT_EQ(begun.error().cause, "gone");
}

TEST_F(HttpIntegrationTest, NobodyListens) {
  std::string url;
  {
    OneReply server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    url = server.url();
    ASSERT_TRUE(begin(fmt::format(R"({{"ApiEndpoint":"{}","Method":"GET"}})", url)));
  }
  auto begun = begin(fmt::format(R"({{"ApiEndpoint":"{}","Method":"GET"}})", url));
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().error, "States.Http.Socket");
}

TEST_F(HttpIntegrationTest, TheRoleMustAllowIt) {
  permissions.denied = {"states:InvokeHTTPEndpoint"};
  auto begun = begin(R"({"ApiEndpoint":"http://127.0.0.1:1/x","Method":"GET",
                         "QueryParameters":{"q":"1"}})");
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().error, "States.Permissions");
  ASSERT_EQ(permissions.asked.size(), 1u);
  const auto& asked = permissions.asked.front();
  EXPECT_EQ(asked.role_arn, "arn:aws:iam::000000000000:role/r");
  EXPECT_EQ(asked.service, "states.amazonaws.com");
  EXPECT_EQ(asked.permission.resource, "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m");
  const std::map<std::string, std::string> context = {
      {"states:httpendpoint", "http://127.0.0.1:1/x"}, {"states:httpmethod", "GET"}};
  EXPECT_EQ(asked.context, context);
}

TEST_F(HttpIntegrationTest, PublicEndpointsAloneAreTheDefault) {
  http_out::Client strict{{.reach = http_out::Reach::kPublic}};
  auto plain = begin(R"({"ApiEndpoint":"http://127.0.0.1:1/x","Method":"GET"})", strict);
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().error, "States.Runtime");
  EXPECT_NE(plain.error().cause.find("must be a URL of https"), std::string::npos);
  for (const char* host : {"127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254"}) {
    auto begun =
        begin(fmt::format(R"({{"ApiEndpoint":"https://{}:1/x","Method":"GET"}})", host), strict);
    ASSERT_FALSE(begun);
    EXPECT_EQ(begun.error().error, "States.Http.Socket");
    EXPECT_NE(begun.error().cause.find("only public addresses"), std::string::npos)
        << begun.error().cause;
  }
}

class Watcher final : public HttpWatcher {
 public:
  bool sees_secrets() const override { return reveals; }
  void sent(const http_out::Request& request) override { seen = request; }
  void got(const http_out::Reply&, std::string_view) override {}
  bool reveals = false;
  http_out::Request seen;
};

TEST_F(HttpIntegrationTest, AsksItsConnection) {
  const std::string arn = "arn:aws:events:ap-northeast-1:000000000000:connection/c/1";
  auto invoke = [&](const std::string& url) {
    return begin(fmt::format(R"({{"ApiEndpoint":"{}","Method":"POST","RequestBody":{{"z":"end!"}},
                                 "InvocationConfig":{{"ConnectionArn":"{}"}}}})",
                             url, arn));
  };
  EXPECT_EQ(invoke("http://127.0.0.1:1/x").error().error,
            "Events.ConnectionResource.ResourceNotFound");
  EXPECT_EQ(permissions.asked.back().permission.action, "events:RetrieveConnectionCredentials");
  EXPECT_EQ(permissions.asked.back().permission.resource, arn.substr(0, arn.size() - 2));
  connections.known[arn] = {.headers = {{"Authorization", "Basic secret"}}};
  Watcher watched;
  watcher = &watched;
  OneReply server("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(invoke(server.url()).error().error, "States.Http.StatusCode.401");
  EXPECT_NE(server.request.find("Authorization: Basic secret\r\n"), std::string::npos);
  EXPECT_EQ(connections.rejections[arn], 1);
  auto is_authorization = [](const auto& header) { return header.first == "Authorization"; };
  EXPECT_TRUE(std::ranges::none_of(watched.seen.headers, is_authorization));
  watched.reveals = true;
  OneReply again("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(invoke(again.url()));
  EXPECT_TRUE(std::ranges::any_of(watched.seen.headers, is_authorization));
  permissions.denied = {"events:RetrieveConnectionCredentials"};
  EXPECT_EQ(invoke("http://127.0.0.1:1/x").error().error, "Events.ConnectionResource.AccessDenied");
}

TEST_F(HttpIntegrationTest, LinkLocalAddressesAreRefused) {
  auto begun = begin(R"({"ApiEndpoint":"http://169.254.169.254/latest","Method":"GET"})");
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().error, "States.Http.Socket");
  EXPECT_NE(begun.error().cause.find("link-local"), std::string::npos) << begun.error().cause;
}

TEST(HttpRequest, Forms) {
  const json::Value body = parsed(R"({"a":["x","y z"],"b":{"c":1},"d":true})");
  EXPECT_EQ(form_of(body, "INDICES"), "a[0]=x&a[1]=y%20z&b[c]=1&d=true");
  EXPECT_EQ(form_of(body, "BRACKETS"), "a[]=x&a[]=y%20z&b[c]=1&d=true");
  EXPECT_EQ(form_of(body, "REPEAT"), "a=x&a=y%20z&b[c]=1&d=true");
  EXPECT_EQ(form_of(body, "COMMAS"), "a=x%2Cy%20z&b[c]=1&d=true");
  EXPECT_EQ(form_of(body, "OTHER"), std::nullopt);
}

TEST(HttpRequest, AFormHasItsContentType) {
  auto request = http_request_of(
      parsed(R"({"ApiEndpoint":"https://h/p?a=1","Method":"POST","RequestBody":{"b":"c"},
                 "Headers":{"content-type":"text/plain"},"QueryParameters":{"q":"1"},
                 "Transform":{"RequestBodyEncoding":"URL_ENCODED"}})"),
      {.region = "r", .timeout = Millis(1), .reply_bytes_max = 10});
  ASSERT_TRUE(request) << request.error().cause;
  EXPECT_EQ(request->url, "https://h/p?a=1&q=1");
  EXPECT_EQ(request->body, "b=c");
  const http_out::Headers expected = {{"content-type", "application/x-www-form-urlencoded"},
                                      {"User-Agent", "Amazon|StepFunctions|HttpInvoke|r"},
                                      {"Range", "bytes=0-10"}};
  EXPECT_EQ(request->headers, expected);
}

TEST(HttpRequest, AConnectionWins) {
  HttpRequestOptions options{
      .connection = {.headers = {{"x-both", "c"}, {"Authorization", "Basic a"}},
                     .query = {{"q", "c"}},
                     .body = {{"b", "c"}}}};
  const std::string task = R"({"ApiEndpoint":"https://h/p","Method":"POST",
      "Headers":{"X-Both":"t","X-Own":"t"},"QueryParameters":{"q":["1","2"],"r":"t"},)";
  auto request = http_request_of(parsed(task + R"("RequestBody":{"b":"t","n":1}})"), options);
  ASSERT_TRUE(request) << request.error().cause;
  EXPECT_EQ(request->url, "https://h/p?q=c&r=t");
  EXPECT_EQ(request->body, R"({"b":"c","n":1})");
  const http_out::Headers expected = {
      {"X-Both", "c"}, {"X-Own", "t"}, {"Authorization", "Basic a"}};
  EXPECT_TRUE(std::ranges::equal(expected, std::span(request->headers).first(3)));
  // A body that is no object cannot be merged.
  EXPECT_FALSE(http_request_of(parsed(task + R"("RequestBody":"text"})"), options));
}

TEST(HttpRequest, NamesItsConnection) {
  EXPECT_EQ(connection_of(parsed(R"({"Authentication":{"ConnectionArn":"a"}})")), "a");
  EXPECT_EQ(connection_of(parsed(R"({"InvocationConfig":{"ConnectionArn":"b"}})")), "b");
  EXPECT_EQ(connection_of(parsed("{}")), "");
}

TEST(HttpRequest, IsRefused) {
  for (const auto& [arguments, reason] : {
           std::pair(R"({"ApiEndpoint":"ftp://h","Method":"GET"})", "'ApiEndpoint'"),
           std::pair(R"({"ApiEndpoint":"https://h","Method":"JUMP"})", "'Method'"),
           std::pair(R"({"ApiEndpoint":"https://h","Method":"GET","Other":1})", "'Other'"),
           std::pair(R"({"ApiEndpoint":"https://h","Method":"GET","Headers":{"Host":"x"}})",
                     "'Host'"),
           std::pair(R"({"ApiEndpoint":"https://h","Method":"GET","Headers":{"host: x":"y"}})",
                     "'host: x'"),
           std::pair(R"({"ApiEndpoint":"https://h","Method":"GET","Headers":{"A":"b\r\nC: d"}})",
                     "line break"),
           std::pair(
               R"({"ApiEndpoint":"https://h","Method":"GET","Headers":{"authorization":"x"}})",
               "'authorization'"),
           std::pair(R"({"ApiEndpoint":"https://h","Method":"GET","Authentication":{}})",
                     "'Authentication'"),
       }) {
    auto fault = unfit_arguments(parsed(arguments), http_out::Reach::kPublic);
    if (!fault) {
      auto request = http_request_of(parsed(arguments), {});
      ASSERT_FALSE(request) << arguments;
      fault = request.error();
    }
    EXPECT_EQ(fault->error, "States.Runtime");
    EXPECT_NE(fault->cause.find(reason), std::string::npos) << fault->cause;
  }
}

}  // namespace
}  // namespace suiro::states
