// SPDX-License-Identifier: Apache-2.0
// The client against servers of a few lines.
#include "engine/http_out/client.h"

#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>

#include "base/shard.h"
#include "engine/http_out/testing.h"

namespace suiro::http_out {
namespace {

class HttpOutTest : public ::testing::Test {
 protected:
  HttpOutTest() : shards(1) { shards.start(); }
  ~HttpOutTest() override { shards.stop(); }
  Result<Reply> send(Request request) { return send(client, std::move(request)); }
  Result<Reply> send(Client& by, Request request) {
    return asio::co_spawn(shards.executor(0), by.send(std::move(request)), asio::use_future).get();
  }
  Shards shards;
  Client client{{}};
};

TEST_F(HttpOutTest, SendsAndReads) {
  OneReply server("HTTP/1.1 201 Created\r\nX-Name: a b \r\nContent-Length: 2\r\n\r\nok");
  auto reply =
      send({.url = server.url(), .headers = {{"X-Key", "k"}, {"X-None", ""}}, .body = "body!"});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 201);
  EXPECT_EQ(reply->body, "ok");
  ASSERT_NE(reply->header("x-name"), nullptr);
  EXPECT_EQ(*reply->header("x-name"), "a b");
  EXPECT_TRUE(server.request.starts_with("POST /x HTTP/1.1\r\n"));
  EXPECT_NE(server.request.find("X-Key: k\r\n"), std::string::npos);
  EXPECT_NE(server.request.find("X-None:\r\n"), std::string::npos) << server.request;
}

TEST_F(HttpOutTest, ALargeReplyIsAnError) {
  OneReply server("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
  auto reply = send({.url = server.url(), .body = "body!", .reply_bytes_max = 10});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, codes::kTooLarge);
}

// It may hold secrets, and errors are kept in histories and told to whoever describes things.
TEST_F(HttpOutTest, ErrorsDoNotTellTheQuery) {
  auto query = "?client_secret=hidden#hidden";
  OneReply server("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
  auto large = send({.url = server.url() + query, .body = "body!", .reply_bytes_max = 10});
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().message.find(server.url()), std::string::npos);
  EXPECT_EQ(large.error().message.find("hidden"), std::string::npos) << large.error().message;
  for (auto url :
       {"http://127.0.0.1:1/x", "http://u:hidden@127.0.0.1:1/x", "gopher://127.0.0.1/x"}) {
    auto reply = send({.url = std::string(url) + query});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().message.find("hidden"), std::string::npos) << reply.error().message;
  }
}

TEST_F(HttpOutTest, RepliesToHeadHaveNoBody) {
  OneReply server("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n");
  auto reply = send({.method = "HEAD", .url = server.url(), .timeout = std::chrono::seconds(5)});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "");
}

TEST_F(HttpOutTest, MetadataIsRefusedHoweverItIsWritten) {
  Client careful{{.reach = Reach::kNoMetadata}};
  for (const char* host : {"169.254.169.254", "169.254.1.1", "2852039166", "0xa9fea9fe",
                           "0251.0376.0251.0376", "[fe80::1]", "[::ffff:169.254.169.254]"}) {
    auto reply = send(careful, {.url = fmt::format("http://{}/x", host)});
    ASSERT_FALSE(reply) << host;
    EXPECT_EQ(reply.error().code, codes::kInvalidArgument) << host << reply.error().message;
    EXPECT_NE(reply.error().message.find("link-local"), std::string::npos);
  }
  OneReply server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  auto reply = send(careful, {.url = server.url(), .body = "body!"});
  EXPECT_TRUE(reply) << reply.error().message;
}

TEST_F(HttpOutTest, NamesOfAddressesThatAreNotPublicAreRefused) {
  Client careful{{.reach = Reach::kPublic}};
  for (const char* host : {"localhost", "127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]",
                           "10.0.0.1", "[fd00:ec2::254]"}) {
    auto reply = send(careful, {.url = fmt::format("https://{}/x", host)});
    ASSERT_FALSE(reply) << host;
    EXPECT_EQ(reply.error().code, codes::kInvalidArgument) << host << reply.error().message;
    EXPECT_NE(reply.error().message.find("only public addresses"), std::string::npos);
  }
}

TEST_F(HttpOutTest, NothingGoesToThePublicInTheClear) {
  Client careful{{.reach = Reach::kPublic}};
  auto reply = send(careful, {.url = "http://127.0.0.1/x"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, codes::kInvalidArgument) << reply.error().message;
  EXPECT_EQ(reply.error().message.find("addresses"), std::string::npos) << reply.error().message;
}

// A listening socket whose connections nobody answers.
class Silence {
 public:
  Silence() : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {}
  std::string url() const {
    return fmt::format("http://127.0.0.1:{}/x", acceptor_.local_endpoint().port());
  }

 private:
  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
};

TEST_F(HttpOutTest, ASlowHostLeavesConnectionsToOthers) {
  Silence silence;
  OneReply server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  Client shared{{.connections_max = 4, .running_per_host_max = 2}};
  std::vector<std::future<Result<Reply>>> slow;
  for (int i = 0; i < 8; ++i) {
    slow.push_back(
        asio::co_spawn(shards.executor(0), shared.send({.url = silence.url()}), asio::use_future));
  }
  auto reply =
      send(shared, {.url = server.url(), .body = "body!", .timeout = std::chrono::seconds(5)});
  EXPECT_TRUE(reply) << reply.error().message;
  shared.close();
  for (auto& each : slow) EXPECT_EQ(each.get().error().code, codes::kClosed);
}

TEST_F(HttpOutTest, WhoWaitsForASlowHostIsTimedOutOrRefused) {
  Silence silence;
  Client shared{{.running_per_host_max = 1}};
  std::vector<std::future<Result<Reply>>> slow;
  for (size_t i = 0; i < kQueuedPerHostMax - 1; ++i) {
    slow.push_back(
        asio::co_spawn(shards.executor(0), shared.send({.url = silence.url()}), asio::use_future));
  }
  auto late =
      asio::co_spawn(shards.executor(0), shared.send({.url = silence.url(), .timeout = Millis(50)}),
                     asio::use_future);
  auto refused = send(shared, {.url = silence.url()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, codes::kThrottled);
  EXPECT_EQ(late.get().error().code, codes::kTimeout);
  shared.close();
  for (auto& each : slow) EXPECT_EQ(each.get().error().code, codes::kClosed);
}

TEST_F(HttpOutTest, WhoWaitsForAHostHasItsTurn) {
  constexpr int kRequests = 5;
  OneReply server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", kRequests);
  Client shared{{.running_per_host_max = 2}};
  std::vector<std::future<Result<Reply>>> replies;
  for (int i = 0; i < kRequests; ++i) {
    replies.push_back(asio::co_spawn(
        shards.executor(0), shared.send({.url = server.url(), .body = "body!"}), asio::use_future));
  }
  for (auto& each : replies) {
    auto reply = each.get();
    EXPECT_TRUE(reply) << reply.error().message;
  }
}

TEST_F(HttpOutTest, SilenceIsATimeout) {
  OneReply server("");
  auto reply = send({.url = server.url(), .body = "body!", .timeout = Millis(50)});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, codes::kTimeout);
}

TEST_F(HttpOutTest, OtherProtocolsAreRefused) {
  auto reply = send({.url = "file:///etc/passwd"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, codes::kInvalidArgument);
}

TEST_F(HttpOutTest, CloseEndsWhatRuns) {
  OneReply server("");
  auto future = asio::co_spawn(
      shards.executor(0), client.send({.url = server.url(), .body = "body!"}), asio::use_future);
  client.close();
  EXPECT_EQ(future.get().error().code, codes::kClosed);
  EXPECT_EQ(send({.url = server.url()}).error().code, codes::kClosed);
  // The server waits for a connection.
  Client other({});
  auto last = asio::co_spawn(
      shards.executor(0), other.send({.url = server.url(), .body = "body!", .timeout = Millis(50)}),
      asio::use_future);
  last.wait();
}

}  // namespace
}  // namespace suiro::http_out
