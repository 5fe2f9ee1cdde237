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
  Result<Reply> send(Request request) {
    return asio::co_spawn(shards.executor(0), client.send(std::move(request)), asio::use_future)
        .get();
  }
  Shards shards;
  Client client{{}};
};

TEST_F(HttpOutTest, SendsAndReads) {
  OneReply server("HTTP/1.1 201 Created\r\nX-Name: a b \r\nContent-Length: 2\r\n\r\nok");
  auto reply = send({.url = server.url(), .headers = {{"X-Key", "k"}}, .body = "body!"});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 201);
  EXPECT_EQ(reply->body, "ok");
  ASSERT_NE(reply->header("x-name"), nullptr);
  EXPECT_EQ(*reply->header("x-name"), "a b");
  EXPECT_TRUE(server.request.starts_with("POST /x HTTP/1.1\r\n"));
  EXPECT_NE(server.request.find("X-Key: k\r\n"), std::string::npos);
}

TEST_F(HttpOutTest, ALargeReplyIsAnError) {
  OneReply server("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
  auto reply = send({.url = server.url(), .body = "body!", .reply_bytes_max = 10});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, codes::kTooLarge);
}

TEST_F(HttpOutTest, LinkLocalAddressesAreRefusedHoweverTheyAreWritten) {
  Client careful{{.link_local = LinkLocal::kRefuse}};
  for (const char* host : {"169.254.169.254", "169.254.1.1", "2852039166", "0xa9fea9fe",
                           "0251.0376.0251.0376", "[fe80::1]", "[::ffff:169.254.169.254]"}) {
    auto reply =
        asio::co_spawn(shards.executor(0), careful.send({.url = fmt::format("http://{}/x", host)}),
                       asio::use_future)
            .get();
    ASSERT_FALSE(reply) << host;
    EXPECT_EQ(reply.error().code, codes::kInvalidArgument) << host << reply.error().message;
    EXPECT_NE(reply.error().message.find("link-local"), std::string::npos);
  }
  OneReply server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  auto reply =
      asio::co_spawn(shards.executor(0), careful.send({.url = server.url(), .body = "body!"}),
                     asio::use_future)
          .get();
  EXPECT_TRUE(reply) << reply.error().message;
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
