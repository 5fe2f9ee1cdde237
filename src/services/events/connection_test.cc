// SPDX-License-Identifier: Apache-2.0
// Connections and API destinations, over an endpoint that keeps what it is sent.
#include "services/events/api_destination_request.h"
#include "services/events/connection_token.h"
#include "services/events/testing.h"

namespace suiro::events {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class ConnectionTest : public EventsTest {
 protected:
  Connections& connections() { return service->connections(); }
  ApiDestinations& destinations() { return service->destinations(); }

  Found<Connection> create(const std::string& name, Authorization authorization,
                           HttpParameters invocation = {}) {
    auto made = sim.run(connections().create(name, [&](Connection& connection) {
      connection.authorization = authorization;
      connection.invocation = invocation;
      return ok();
    }));
    CHECK(made, made ? "" : made.error().message);
    return *made;
  }
  std::string destination_to(const Found<Connection>& connection, int32_t per_second = 300) {
    auto made = sim.run(destinations().create("d", [&](ApiDestination& destination) {
      destination.connection_arn = connections().arn(connection);
      destination.endpoint = "https://example.com/hooks/*";
      destination.method = "POST";
      destination.per_second_max = per_second;
    }));
    CHECK(made, made ? "" : made.error().message);
    return destinations().arn(*made);
  }
  Result<event::ConnectionAdditions> additions(const Found<Connection>& connection) {
    return sim.run(connections().additions(connections().arn(connection)));
  }
  ConnectionState state(const std::string& name) {
    return sim.run(connections().connection(name))->record.state;
  }
  static Authorization oauth() {
    return {.type = AuthorizationType::kOAuthClientCredentials,
            .name = "client",
            .secret = "s3cret",
            .endpoint = "https://id.example.com/token",
            .method = "POST"};
  }
  void answer_tokens(int64_t lifetime) {
    answer = [this, lifetime](const http_out::Request& request) -> Result<http_out::Reply> {
      if (!request.url.starts_with("https://id."))
        return http_out::Reply{.status = endpoint_status};
      ++tokens;
      return http_out::Reply{
          .status = token_status,
          .body = fmt::format(R"({{"access_token":"t{}","expires_in":{}}})", tokens, lifetime)};
    };
  }
  static std::string header(const http_out::Request& request, std::string_view name) {
    for (const auto& [key, value] : request.headers) {
      if (equal_ignore_case(key, name)) return value;
    }
    return "";
  }

  int tokens = 0;
  int token_status = 200;
  int endpoint_status = 200;
};

TEST_F(ConnectionTest, AddsItsAuthorizationAndParameters) {
  auto basic = create("basic", {.name = "ann", .secret = "pw"},
                      {.headers = {{"X-A", "1"}}, .query = {{"q", "2"}}, .body = {{"b", "3"}}});
  auto added = additions(basic);
  ASSERT_TRUE(added);
  using Pairs = event::ConnectionAdditions::Pairs;
  EXPECT_EQ(added->headers, (Pairs{{"X-A", "1"}, {"Authorization", "Basic YW5uOnB3"}}));
  EXPECT_EQ(added->query, (Pairs{{"q", "2"}}));
  EXPECT_EQ(added->body, (Pairs{{"b", "3"}}));
  auto key = create("key", {.type = AuthorizationType::kApiKey, .name = "X-Key", .secret = "k"});
  EXPECT_EQ(additions(key)->headers, (Pairs{{"X-Key", "k"}}));
}

TEST_F(ConnectionTest, OneThatIsGoneOrMadeAgainIsNotFound) {
  auto first = create("c", {.name = "ann", .secret = "pw"});
  ASSERT_TRUE(sim.run(connections().remove("c")));
  EXPECT_EQ(code(additions(first)), event::kConnectionNotFound);
  auto second = create("c", {.name = "ann", .secret = "pw"});
  EXPECT_EQ(code(additions(first)), event::kConnectionNotFound);
  EXPECT_TRUE(additions(second));
  EXPECT_EQ(code(sim.run(connections().additions("nonsense"))), event::kConnectionNotFound);
}

TEST_F(ConnectionTest, AsksForATokenWhenItIsMade) {
  answer_tokens(3600);
  auto made = create("c", oauth());
  EXPECT_EQ(made.record.state, ConnectionState::kAuthorizing);
  sim.settle();
  EXPECT_EQ(state("c"), ConnectionState::kAuthorized);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].body,
            "grant_type=client_credentials&client_id=client&client_secret=s3cret");
  EXPECT_EQ(additions(made)->headers.front().second, "Bearer t1");
  EXPECT_EQ(tokens, 1);
}

TEST_F(ConnectionTest, TokensAreRenewedBeforeTheyEndAndWhenTheyAreRejected) {
  answer_tokens(600);
  auto made = create("c", oauth());
  sim.settle();
  sim.advance(minutes(8));
  EXPECT_EQ(additions(made)->headers.front().second, "Bearer t1");
  sim.advance(seconds(61));
  EXPECT_EQ(additions(made)->headers.front().second, "Bearer t2");
  sim.run(connections().rejected(connections().arn(made)));
  EXPECT_EQ(additions(made)->headers.front().second, "Bearer t3");
}

TEST_F(ConnectionTest, ARefusedTokenDeauthorizes) {
  answer_tokens(600);
  token_status = 401;
  auto made = create("c", oauth());
  sim.settle();
  EXPECT_EQ(state("c"), ConnectionState::kDeauthorized);
  EXPECT_EQ(sim.run(connections().connection("c"))->record.state_reason,
            "The authorization endpoint gave no token: it answered with status 401");
  EXPECT_EQ(code(additions(made)), event::kConnectionUnauthorized);
  token_status = 200;
  ASSERT_TRUE(sim.run(connections().update("c", [](Connection&) { return ok(); })));
  sim.advance(seconds(1));
  EXPECT_EQ(state("c"), ConnectionState::kAuthorized);
  EXPECT_TRUE(additions(made));
}

TEST_F(ConnectionTest, WhoWaitsForATokenSharesItsFailure) {
  answer_tokens(600);
  auto made = create("c", oauth());
  sim.settle();
  sim.run(connections().rejected(connections().arn(made)));
  requests.clear();
  token_status = 503;
  endpoint_takes = seconds(5);
  std::vector<std::future<Result<event::ConnectionAdditions>>> waiting;
  for (int i = 0; i < 10; ++i) {
    waiting.push_back(sim.spawn(connections().additions(connections().arn(made))));
  }
  sim.advance(seconds(6));
  EXPECT_EQ(requests.size(), 1U);
  for (auto& each : waiting) {
    ASSERT_TRUE(sim.is_ready(each));
    EXPECT_EQ(code(each.get()), codes::kUnavailable);
  }
  // Who comes later asks again.
  token_status = 200;
  endpoint_takes = {};
  EXPECT_TRUE(additions(made));
}

TEST_F(ConnectionTest, AuthorizationGoesOnAfterACrash) {
  answer = [](const http_out::Request&) -> Result<http_out::Reply> {
    return fail(codes::kClosed, "stopping");
  };
  create("c", oauth());
  sim.settle();
  EXPECT_EQ(state("c"), ConnectionState::kAuthorizing);
  EXPECT_EQ(code(sim.run(connections().additions(
                connections().arn(*sim.run(connections().connection("c")))))),
            event::kConnectionAuthorizing);
  answer_tokens(600);
  restart();
  sim.advance(minutes(1));
  EXPECT_EQ(state("c"), ConnectionState::kAuthorized);
}

TEST_F(ConnectionTest, DeauthorizedIsForgotten) {
  auto made = create("c", {.name = "ann", .secret = "pw"});
  ASSERT_TRUE(sim.run(connections().deauthorize("c")));
  EXPECT_EQ(code(additions(made)), event::kConnectionUnauthorized);
  EXPECT_EQ(sim.run(connections().connection("c"))->record.authorization.secret, "");
}

TEST_F(ConnectionTest, AnEventGoesToAnEndpoint) {
  auto connection = create("c", {.name = "ann", .secret = "pw"},
                           {.headers = {{"X-Both", "connection"}}, .body = {{"key", "k"}}});
  std::string arn = destination_to(connection);
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  EXPECT_EQ(code(put_target("r", "1", arn)), kValidation);  // no role
  ASSERT_TRUE(put_target("r", "1", arn,
                         ",'RoleArn':'arn:aws:iam::000000000000:role/r','InputPath':'$.detail',"
                         "'HttpParameters':{'PathParameterValues':['$.detail.id'],"
                         "'HeaderParameters':{'X-Both':'target','X-Name':'$.source'},"
                         "'QueryStringParameters':{'q':'a b'}}"));
  ASSERT_TRUE(put("app", "{'id':'x/y'}"));
  sim.settle();
  ASSERT_EQ(requests.size(), 1U);
  const http_out::Request& request = requests[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://example.com/hooks/x%2Fy?q=a%20b");
  EXPECT_EQ(request.body, R"({"id":"x/y","key":"k"})");
  EXPECT_EQ(header(request, "x-both"), "connection");
  EXPECT_EQ(header(request, "x-name"), "app");
  EXPECT_EQ(header(request, "authorization"), "Basic YW5uOnB3");
  EXPECT_EQ(permissions.asked.back().permission.action, "events:InvokeApiDestination");
}

// Else who puts events would choose where the connection's credentials go.
TEST_F(ConnectionTest, PathParametersStayInTheirPlace) {
  ApiDestination destination{.endpoint = "https://example.com/users/*/mails/*", .method = "POST"};
  for (const char* value : {".", ".."}) {
    Invocation invocation{
        .payload = "{}",
        .http_parameters = fmt::format(R"({{"PathParameterValues":["{}","1"]}})", value)};
    EXPECT_EQ(code(request_of(destination, invocation, {})), codes::kInvalidArgument) << value;
  }
  Invocation plain{.payload = "{}", .http_parameters = R"({"PathParameterValues":["..a","..."]})"};
  EXPECT_EQ(request_of(destination, plain, {})->url, "https://example.com/users/..a/mails/...");
}

TEST_F(ConnectionTest, AnEndpointThatFailsIsTriedAgainOrNot) {
  std::string arn = destination_to(create("c", {.name = "ann", .secret = "pw"}));
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", arn,
                         ",'RoleArn':'arn:aws:iam::000000000000:role/r',"
                         "'DeadLetterConfig':{'Arn':'" +
                             queue("dead") + "'}"));
  int status = 503;
  answer = [&](const http_out::Request&) -> Result<http_out::Reply> {
    return http_out::Reply{.status = status};
  };
  ASSERT_TRUE(put("app", "{}"));
  sim.settle();
  size_t once = requests.size();
  EXPECT_GE(once, 1U);
  status = 200;
  sim.advance(minutes(10));
  EXPECT_EQ(requests.size(), once + 1);
  EXPECT_TRUE(got(queue("dead")).empty());
  status = 400;
  ASSERT_TRUE(put("app", "{}"));
  sim.settle();
  EXPECT_EQ(requests.size(), once + 2);
  EXPECT_EQ(got(queue("dead")).size(), 1U);
}

TEST_F(ConnectionTest, ATokenThatTheEndpointRejectsIsRenewed) {
  answer_tokens(3600);
  auto made = create("c", oauth());
  sim.settle();
  std::string arn = destination_to(made);
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", arn, ",'RoleArn':'arn:aws:iam::000000000000:role/r'"));
  endpoint_status = 401;
  ASSERT_TRUE(put("app", "{}"));
  sim.settle();
  endpoint_status = 200;
  sim.advance(minutes(10));
  EXPECT_EQ(header(requests.back(), "authorization"), "Bearer t2");
}

TEST_F(ConnectionTest, InvocationsKeepTheirPace) {
  std::string arn = destination_to(create("c", {.name = "ann", .secret = "pw"}), 2);
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", arn, ",'RoleArn':'arn:aws:iam::000000000000:role/r'"));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(put("app", "{}"));
  sim.settle();
  EXPECT_EQ(requests.size(), 1U);
  sim.advance(Millis(500));
  EXPECT_EQ(requests.size(), 2U);
  sim.advance(seconds(1));
  EXPECT_EQ(requests.size(), 4U);
}

TEST(ConnectionRecordTest, ComesBack) {
  Connection connection{.id = "i",
                        .description = "d",
                        .authorization = {.type = AuthorizationType::kOAuthClientCredentials,
                                          .name = "n",
                                          .secret = "s",
                                          .endpoint = "e",
                                          .method = "PUT",
                                          .token_request = {.body = {{"k", "v", true}}}},
                        .invocation = {.headers = {{"h", "1"}}},
                        .state = ConnectionState::kDeauthorized,
                        .state_reason = "why",
                        .created = TimePoint(Millis(1)),
                        .modified = TimePoint(Millis(2)),
                        .authorized = TimePoint(Millis(3))};
  auto read = decode_connection(encode(connection));
  ASSERT_TRUE(read);
  EXPECT_EQ(encode(*read), encode(connection));
  EXPECT_TRUE(read->authorization.token_request.body.at(0).is_secret);
  for (size_t size = 0; size < encode(connection).size(); ++size) {
    EXPECT_FALSE(decode_connection(encode(connection).substr(0, size)));
  }
  connection.state = static_cast<ConnectionState>(7);
  EXPECT_FALSE(decode_connection(encode(connection)));
}

TEST(TokenTest, RequestsTakeTheFormThatTheConnectionTells) {
  Authorization get{.name = "id", .secret = "a&b", .endpoint = "https://e/t?x=1", .method = "GET"};
  EXPECT_EQ(token_request(get).url,
            "https://e/t?x=1&grant_type=client_credentials&client_id=id&client_secret=a%26b");
  Authorization json{.name = "id",
                     .secret = "s",
                     .endpoint = "https://e/t",
                     .method = "POST",
                     .token_request = {.headers = {{"content-type", "application/json"}},
                                       .body = {{"grant_type", "password"}, {"scope", "all"}}}};
  EXPECT_EQ(token_request(json).body,
            R"({"client_id":"id","client_secret":"s","grant_type":"password","scope":"all"})");
}

TEST(TokenTest, RepliesWithoutATokenAreRefused) {
  for (const char* body : {"", "[]", "{}", R"({"access_token":7})", R"({"access_token":"a\nb"})"}) {
    EXPECT_FALSE(token_of({.status = 200, .body = body})) << body;
  }
  EXPECT_EQ(token_of({.status = 200, .body = R"({"access_token":"a"})"})->lifetime, Millis(0));
}

}  // namespace
}  // namespace suiro::events
