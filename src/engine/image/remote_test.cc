// SPDX-License-Identifier: Apache-2.0
// Pulls from a registry of a few lines.
#include "engine/image/remote.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <thread>

#include "base/shard.h"
#include "engine/http_out/testing.h"
#include "engine/image/manifest.h"

namespace suiro::image {
namespace {

using asio::ip::tcp;

struct Request {
  std::string target;
  std::string head;
  // The value of a header, without a break.
  std::string header(const std::string& name) const {
    size_t at = head.find("\r\n" + name + ": ");
    if (at == head.npos) return "";
    at += name.size() + 4;
    return head.substr(at, head.find("\r\n", at) - at);
  }
};

std::string reply(int status, const std::string& body, const std::string& headers = "") {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}", status,
                     body.size(), headers, body);
}

// Answers each connection's one request by a function.
class Server {
 public:
  using Answer = std::function<std::string(const Request&)>;
  explicit Server(Answer answer)
      : answer_(std::move(answer)),
        acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        thread_([this] { serve(); }) {}
  ~Server() {
    stopping_ = true;
    asio::io_context context;
    tcp::socket last(context);
    last.connect(acceptor_.local_endpoint());
    last.close();
    thread_.join();
  }
  std::string host() const {
    return fmt::format("127.0.0.1:{}", acceptor_.local_endpoint().port());
  }
  std::vector<std::string> targets;

 private:
  void serve() {
    while (!stopping_) {
      tcp::socket socket(context_);
      acceptor_.accept(socket);
      Request request;
      boost::system::error_code ended;
      request.head = http_out::read_request(socket, ended);
      if (ended) continue;
      size_t space = request.head.find(' ');
      request.target =
          request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
      targets.push_back(request.target);
      asio::write(socket, asio::buffer(answer_(request)), ended);
    }
  }

  Answer answer_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

class RemoteTest : public testing::Test {
 protected:
  RemoteTest() : shards(1) { shards.start(); }
  ~RemoteTest() override { shards.stop(); }
  template <class T>
  T run(Task<T> task) {
    return asio::co_spawn(shards.executor(0), std::move(task), asio::use_future).get();
  }
  Result<Bytes> blob(const std::string& host, const std::string& digest) {
    return run(read(host, digest));
  }
  Task<Result<Bytes>> read(std::string host, std::string digest) {
    CO_TRY(auto stream, co_await remote.open_blob({host + "/team/app:v1", credentials}, digest));
    Bytes out;
    for (;;) {
      CO_TRY(Bytes piece, co_await stream->read(1 << 20));
      if (piece.empty()) co_return out;
      out += piece;
    }
  }
  Result<ResolvedManifest> resolve(const std::string& host) {
    return run(remote.resolve({host + "/team/app:v1", credentials}));
  }

  Shards shards;
  http_out::Client client{{}};
  RemoteRegistries remote{client};
  std::optional<PullCredentials> credentials;
};

TEST_F(RemoteTest, Manifest) {
  Server server([](const Request& request) {
    EXPECT_EQ(request.target, "/v2/team/app/manifests/v1");
    EXPECT_NE(request.header("Accept").find(kOciIndex), std::string::npos);
    return reply(200, "{}", fmt::format("Content-Type: {}\r\n", kOciManifest));
  });
  auto found = resolve(server.host());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->digest, digest_of("{}"));
  EXPECT_EQ(found->media_type, kOciManifest);
}

TEST_F(RemoteTest, ErrorsSayWhatIsMissing) {
  int status = 404;
  Server server([&](const Request&) {
    return reply(status,
                 R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such manifest"}]})");
  });
  auto found = resolve(server.host());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, kImageNotFound);
  EXPECT_NE(found.error().message.find("no such manifest"), std::string::npos);
  status = 403;
  EXPECT_EQ(resolve(server.host()).error().code, kPullDenied);
  status = 500;
  EXPECT_EQ(resolve(server.host()).error().code, kRegistryFailed);
  EXPECT_EQ(resolve(server.host()).error().retry, Retry::kLater);
}

TEST_F(RemoteTest, BasicCredentialsWhereAsked) {
  Server server([](const Request& request) {
    if (request.header("Authorization") == "Basic " + base64_encode("u:p")) return reply(200, "{}");
    return reply(401, "", "WWW-Authenticate: Basic realm=\"x\"\r\n");
  });
  EXPECT_EQ(resolve(server.host()).error().code, kPullDenied);
  credentials = PullCredentials{"u", "wrong"};
  EXPECT_EQ(resolve(server.host()).error().code, kPullDenied);
  credentials = PullCredentials{"u", "p"};
  EXPECT_TRUE(resolve(server.host()));
}

TEST_F(RemoteTest, TokensOfTheRealm) {
  std::string host;
  Server server([&](const Request& request) {
    if (request.target.starts_with("/token")) {
      EXPECT_EQ(request.target, "/token?service=s&scope=repository%3Ateam%2Fapp%3Apull");
      return reply(200, R"({"token":"secret"})");
    }
    if (request.header("Authorization") == "Bearer secret") return reply(200, "{}");
    return reply(401, "",
                 fmt::format("WWW-Authenticate: Bearer realm=\"http://{}/token\","
                             "service=\"s\",scope=\"x\"\r\n",
                             host));
  });
  host = server.host();
  EXPECT_TRUE(resolve(host));
  EXPECT_TRUE(resolve(host));
  // Question, token, answer; and with the same token again.
  EXPECT_EQ(server.targets.size(), 4);
}

TEST_F(RemoteTest, LayersComeInRanges) {
  Bytes layer(kRemotePieceBytes * 2 + 100, 'x');
  layer.back() = 'y';
  Server server([&](const Request& request) {
    std::string range = request.header("Range").substr(6);
    size_t first = std::stoull(range);
    size_t last =
        std::min<size_t>(std::stoull(range.substr(range.find('-') + 1)), layer.size() - 1);
    return reply(206, layer.substr(first, last - first + 1),
                 fmt::format("Content-Range: bytes {}-{}/{}\r\n", first, last, layer.size()));
  });
  auto found = blob(server.host(), digest_of(layer));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(*found == layer);
  EXPECT_EQ(server.targets.size(), 3);
}

TEST_F(RemoteTest, ARegistryWithoutRanges) {
  Server server([](const Request&) { return reply(200, "layer"); });
  auto found = blob(server.host(), digest_of("layer"));
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, "layer");
}

TEST_F(RemoteTest, RedirectsWithoutTheProof) {
  credentials = PullCredentials{"u", "p"};
  Server storage([](const Request& request) {
    EXPECT_EQ(request.header("Authorization"), "");
    return reply(200, "layer");
  });
  Server server([&](const Request& request) {
    if (request.header("Authorization").empty()) {
      return reply(401, "", "WWW-Authenticate: Basic realm=\"x\"\r\n");
    }
    return reply(307, "", fmt::format("Location: http://{}/blob\r\n", storage.host()));
  });
  auto found = blob(server.host(), digest_of("layer"));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, "layer");
}

TEST_F(RemoteTest, RedirectsThatAreNotFollowed) {
  for (std::string_view to : {"http://example.com/x", "file:///etc/passwd", "ftp://x/y"}) {
    Server server(
        [&](const Request&) { return reply(302, "", fmt::format("Location: {}\r\n", to)); });
    EXPECT_EQ(resolve(server.host()).error().code, kRegistryFailed) << to;
  }
  Server server([](const Request& request) {
    return reply(302, "", fmt::format("Location: {}\r\n", request.target));
  });
  EXPECT_EQ(resolve(server.host()).error().code, kRegistryFailed);
  EXPECT_EQ(server.targets.size(), kRemoteRedirectsMax + 1);
}

TEST_F(RemoteTest, NobodyListens) {
  std::string host;
  {
    Server server([](const Request&) { return reply(200, ""); });
    host = server.host();
  }
  EXPECT_EQ(resolve(host).error().code, kRegistryFailed);
}

TEST(Challenges, Parameters) {
  Challenge found = parse_challenge(
      "Bearer realm=\"https://a/t\", service=\"b\",scope=\"repository:x:pull,push\"");
  EXPECT_EQ(found.scheme, "bearer");
  EXPECT_EQ(found.parameters["realm"], "https://a/t");
  EXPECT_EQ(found.parameters["service"], "b");
  EXPECT_EQ(found.parameters["scope"], "repository:x:pull,push");
  EXPECT_EQ(parse_challenge("").scheme, "");
  EXPECT_EQ(parse_challenge("basic").scheme, "basic");
  EXPECT_TRUE(parse_challenge("x a").parameters.empty());
}

}  // namespace
}  // namespace suiro::image
