// SPDX-License-Identifier: Apache-2.0
#include "protocol/http/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <future>

#include "base/check.h"
#include "protocol/http/parser.h"

namespace suiro::http {
namespace {

// Answers by path; what it saw is read by the tests after the answer has come.
class TestHandler final : public Handler {
 public:
  Task<Response> handle(Request request) override {
    Response response;
    ++requests;
    if (request.path == "/echo") {
      std::string seen = request.body ? "stream" : "whole";
      auto body = request.take_body();
      auto all = co_await shapes::read_all(*body, size_t{64} << 20);
      if (!all) {
        response.status = 400;
        response.content = all.error().code;
        co_return response;
      }
      response.headers = {{"x-body", seen}, {"x-query", request.query}};
      response.content = std::move(*all);
    } else if (request.path == "/refuse") {
      response.status = 403;
      response.content = "no";
    } else if (request.path == "/stream") {
      response.body = std::make_unique<Count>(std::stoul(request.query));
    } else if (request.path == "/short") {
      response.body = std::make_unique<Count>(100, 200);
    } else if (request.path == "/broken") {
      response.body = std::make_unique<Broken>();
    } else if (request.path == "/wait") {
      co_await wait(request);
      response.content = "woken";
    } else if (request.path == "/inject") {
      response.headers = {{"x-meta", "a\r\nset-cookie: b"}, {"Content-Length", "1"}};
      response.content = "inject";
    } else {
      response.content = request.listener + " " + request.host + " " + request.path;
    }
    response.on_sent = [this](const Sent& sent) {
      if (!sent.complete) ++incomplete;
    };
    co_return response;
  }
  void on_refusal(const Refusal& refusal) override { refused = refusal.status; }

  std::atomic<int> requests = 0, refused = 0, incomplete = 0;
  std::promise<void> waiting, gone;

 private:
  // `size` bytes in pieces of 10; claims a length of `declared` or none.
  class Count final : public shapes::ByteSource {
   public:
    explicit Count(size_t size, std::optional<uint64_t> declared = {})
        : left_(size), declared_(declared) {}
    Task<Result<Bytes>> read(size_t) override {
      size_t piece = std::min<size_t>(left_, left_ > 1'000'000 ? 100'000 : 10);
      left_ -= piece;
      co_return Bytes(piece, 'x');
    }
    std::optional<uint64_t> length() const override { return declared_; }

   private:
    size_t left_;
    std::optional<uint64_t> declared_;
  };

  class Broken final : public shapes::ByteSource {
   public:
    Task<Result<Bytes>> read(size_t) override { co_return fail(codes::kCorrupt, "unreadable"); }
    std::optional<uint64_t> length() const override { return 5; }
  };

  Task<void> wait(Request& request) {
    auto executor = co_await asio::this_coro::executor;
    Signal wake(executor);
    auto held = request.cancellation->subscribe(executor, [&] { wake.notify_all(); });
    waiting.set_value();
    while (!request.cancellation->cancelled()) co_await wake.wait();
    gone.set_value();
  }
};

// A blocking client that speaks raw bytes.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
    timeval limit{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  ~Client() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd() const { return fd_; }
  void finish() { shutdown(fd_, SHUT_WR); }
  void send(std::string_view text) {
    while (!text.empty()) {
      ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the server has closed: what it answered is still read
      text.remove_prefix(sent);
    }
  }
  // Until `end` has been read, or the connection is closed.
  std::string read_until(std::string_view end) {
    char piece[4096];
    for (;;) {
      size_t at = seen_.find(end);
      if (at != seen_.npos) {
        std::string out = seen_.substr(0, at + end.size());
        seen_.erase(0, at + end.size());
        return out;
      }
      ssize_t got = recv(fd_, piece, sizeof(piece), 0);
      if (got <= 0) return std::exchange(seen_, {});
      seen_.append(piece, got);
    }
  }
  std::string read_to_end() { return read_until("\x01 never sent \x01"); }

 private:
  int fd_;
  std::string seen_;
};

class HttpServer : public testing::Test {
 protected:
  void start(Settings settings = {}) {
    server_ = std::make_unique<Server>(shards_, clock_, handler_, settings);
    shards_.start();
    auto port = server_->listen("127.0.0.1", 0, {});
    ASSERT_TRUE(port) << port.error().message;
    port_ = *port;
  }
  void TearDown() override {
    drain(Millis{0});
    run([this]() -> Task<void> { co_await server_->close(); });
    shards_.stop();
  }
  template <class Make>
  void run(Make make) {
    std::promise<void> done;
    asio::co_spawn(shards_.executor(0), make(), [&](std::exception_ptr) { done.set_value(); });
    done.get_future().wait();
  }
  void drain(Millis limit) {
    run([this, limit]() -> Task<void> { co_await server_->drain(limit); });
  }
  // Sends one message and reads to the end of the connection.
  std::string exchange(std::string_view text) {
    Client client(port_);
    client.send(text);
    return client.read_to_end();
  }
  void expect_refusal(std::string_view text, std::string_view status) {
    EXPECT_TRUE(exchange(text).starts_with("HTTP/1.1 " + std::string(status) + " ")) << text;
    EXPECT_EQ(handler_.refused, std::stoi(std::string(status))) << text;
  }

  Shards shards_{2};
  RealClock clock_;
  TestHandler handler_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
};

TEST_F(HttpServer, KeepsAliveAndAnswersPipelinedRequestsInOrder) {
  start();
  Client client(port_);
  client.send(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /echo?q=%20 HTTP/1.1\r\nHost: h\r\n"
      "Content-Length: 5\r\n\r\nhelloGET http://other/3 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(client.read_until("main h /1").starts_with("HTTP/1.1 200 OK\r\n"));
  std::string second = client.read_until("hello");
  EXPECT_NE(second.find("x-body: whole\r\n"), second.npos);
  EXPECT_NE(second.find("x-query: q=%20\r\n"), second.npos);
  EXPECT_NE(second.find("content-length: 5\r\n"), second.npos);
  EXPECT_NE(client.read_until("main other /3").find("200 OK"), second.npos);
  client.send("GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(client.read_to_end().find("connection: close"), second.npos);
}

TEST_F(HttpServer, AnswersOldClients) {
  start();
  EXPECT_NE(exchange("GET /old HTTP/1.0\r\n\r\n").find("connection: close"), std::string::npos);
  std::string stream = exchange("GET /stream?25 HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(stream.ends_with("\r\n\r\n" + std::string(25, 'x'))) << stream;
  Client client(port_);
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(client.read_until("/a").find("connection: keep-alive"), std::string::npos);
}

TEST_F(HttpServer, ReadsChunkedBodies) {
  start();
  Client client(port_);
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhel");
  client.send(
      "lo\r\n6\r\n world\r\n0\r\nx-trailer: 1\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(client.read_until("hello world").find("x-body: stream"), std::string::npos);
  EXPECT_NE(client.read_until("/next"), "");
}

TEST(RequestParser, UnderstandsARequestCutAnywhere) {
  std::string text =
      "POST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nx: y\r\n\r\n";
  for (size_t step = 1; step < text.size(); ++step) {
    RequestParser parser;
    size_t begin = 0, end = 0;
    Bytes body;
    while (!parser.done() && end < text.size()) {
      end = std::min(end + step, text.size());
      for (size_t used = 1; used > 0 && begin < end && !parser.done(); begin += used) {
        auto put = parser.put(std::string_view(text).substr(begin, end - begin));
        ASSERT_TRUE(put) << put.error().reason;
        used = *put;
      }
    }
    ASSERT_TRUE(parser.done()) << step;
    EXPECT_EQ(begin, text.size());
    EXPECT_EQ(parser.head().query, "b");
    EXPECT_EQ(parser.take_chunk(), "hello!");
  }
}

// A last chunk in small pieces met an assertion of Beast's decoder.
TEST_F(HttpServer, AnswersABrokenLastChunk) {
  start();
  std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::string_view body : {"0\r\n\rx", "0\r\n\r", "0\n\n", "1\r\nab\r\n", "-1\r\n", "\r\n",
                                "\n", "0\r\nnocolon\r\n", "11111111111111111\r\n"}) {
    RequestParser parser;
    ASSERT_TRUE(parser.put(head));
    std::string pending;
    for (char c : body) {
      auto used = parser.put(pending += c);
      if (!used) break;
      pending.erase(0, *used);
      EXPECT_FALSE(parser.done()) << body;
    }
    Client client(port_);
    client.send(head + std::string(body));
    client.finish();
    EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 400")) << body;
  }
}

TEST_F(HttpServer, StreamsResponses) {
  start();
  Client client(port_);
  client.send("GET /stream?25 HTTP/1.1\r\nHost: h\r\n\r\n");
  std::string text = client.read_until("\r\n0\r\n\r\n");
  EXPECT_NE(text.find("transfer-encoding: chunked"), text.npos);
  EXPECT_NE(text.find("\r\n\r\na\r\nxxxxxxxxxx\r\na\r\nxxxxxxxxxx\r\n5\r\nxxxxx\r\n0"), text.npos);
  client.send("HEAD /stream?25 HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  text = client.read_until("/next");
  EXPECT_EQ(text.find("xx"), text.npos);
  // A body that is shorter than declared must not look complete.
  text = exchange("GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(text.find("content-length: 200"), text.npos);
  EXPECT_EQ(text.size() - text.find("\r\n\r\n") - 4, 100u);
  EXPECT_EQ(handler_.incomplete, 1);
  text = exchange("GET /broken HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 500")) << text;
}

TEST_F(HttpServer, ReadsLongBodiesAsStreams) {
  start();
  std::string body(5'000'000, 'b');
  Client client(port_);
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n");
  client.send(body);
  std::string head = client.read_until("\r\n\r\n");
  EXPECT_NE(head.find("x-body: stream"), head.npos);
  client.finish();
  EXPECT_EQ(client.read_to_end(), body);
}

TEST_F(HttpServer, ContinuesOnlyWhenTheHandlerReads) {
  start();
  Client client(port_);
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_NE(client.read_until("abc").find("200 OK"), std::string::npos);
  client.send(
      "PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  std::string refused = client.read_to_end();
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 403")) << refused;
  EXPECT_NE(refused.find("connection: close"), refused.npos);
}

TEST_F(HttpServer, ContinuesBeforeTheAnswerToAnEmptyBody) {
  start();
  Client client(port_);
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServer, AnswersARefusalToAClientThatStillSends) {
  start();
  Client client(port_);
  client.send("PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n");
  client.send(std::string(8'000'000, 'x'));
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 403"));
}

TEST_F(HttpServer, DropsAShortUnreadBodyAndGoesOn) {
  start();
  Client client(port_);
  client.send("PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  client.send(std::string(100'000, 'x') + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(client.read_until("/next").find("403"), std::string::npos);
}

TEST_F(HttpServer, RefusesWhatIsNotARequest) {
  start();
  expect_refusal("nonsense\r\n\r\n", "400");
  expect_refusal("GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505");
  expect_refusal("GET / HTTP/1.1\r\n\r\n", "400");
  expect_refusal("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400");
  expect_refusal("GET example.com HTTP/1.1\r\nHost: h\r\n\r\n", "400");
  using std::string_view_literals::operator""sv;
  expect_refusal("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n"sv, "400");
  expect_refusal("GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "400");
  expect_refusal("GET / HTTP/1.1\nHost: h\n\n", "400");
  expect_refusal("GET / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\n\r\n", "417");
  EXPECT_EQ(handler_.requests, 0);
}

TEST_F(HttpServer, RefusesAmbiguousBodies) {
  start();
  auto with = [](std::string headers) {
    return "POST /echo HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n0\r\n\r\n";
  };
  expect_refusal(with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "400");
  expect_refusal(with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "400");
  expect_refusal(with("Content-Length: 5\r\nContent-Length: 6\r\n"), "400");
  expect_refusal(with("Content-Length: 5, 6\r\n"), "400");
  expect_refusal(with("Content-Length: -1\r\n"), "400");
  expect_refusal(with("Content-Length: 99999999999999999999\r\n"), "400");
  expect_refusal(with("Transfer-Encoding: gzip, chunked\r\n"), "501");
  expect_refusal(with("Transfer-Encoding: chunked, identity\r\n"), "501");
  expect_refusal(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400");
  expect_refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
  EXPECT_EQ(handler_.requests, 0);
}

TEST_F(HttpServer, HoldsItsLimits) {
  start({.connections_max = 2, .body_bytes_max = 100'000});
  expect_refusal("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(kHeaderBytesMax, 'a'), "431");
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (size_t i = 0; i < kHeaderCountMax; ++i) many += "a: b\r\n";
  expect_refusal(many + "\r\n", "431");
  expect_refusal("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n", "413");
  std::string chunked =
      "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n";
  EXPECT_NE(exchange(chunked + std::string(0x20000, 'x')).find("EntityTooLarge"),
            std::string::npos);
  while (server_->connections() != 0) std::this_thread::yield();
  Client first(port_), second(port_);
  for (Client* client : {&first, &second}) {
    client->send("GET /in HTTP/1.1\r\nHost: h\r\n\r\n");
    client->read_until("/in");
  }
  EXPECT_TRUE(exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 503"));
}

TEST_F(HttpServer, AnswersTruncatedBodies) {
  start();
  Client client(port_);
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  client.finish();
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 400"));
  Client streamed(port_);
  streamed.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
  streamed.finish();
  EXPECT_NE(streamed.read_to_end().find("IncompleteBody"), std::string::npos);
  Client chunked(port_);
  chunked.send("PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc");
  chunked.finish();
  EXPECT_NE(chunked.read_to_end().find("IncompleteBody"), std::string::npos);
  EXPECT_NE(exchange("PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
                .find("InvalidRequest"),
            std::string::npos);
}

TEST_F(HttpServer, EndsSlowClients) {
  start({.head_timeout = Millis{40},
         .body_idle_timeout = Millis{40},
         .keep_alive_timeout = Millis{40},
         .sweep_interval = Millis{10}});
  EXPECT_EQ(exchange(""), "");
  EXPECT_TRUE(exchange("GET / HT").starts_with("HTTP/1.1 408"));
  EXPECT_TRUE(exchange("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx")
                  .starts_with("HTTP/1.1 408"));
  EXPECT_NE(exchange("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nx")
                .find("RequestTimeout"),
            std::string::npos);
}

TEST_F(HttpServer, EndsClientsThatDoNotRead) {
  start({.write_timeout = Millis{40}, .sweep_interval = Millis{10}});
  Client client(port_);
  client.send("GET /stream?999999999 HTTP/1.1\r\nHost: h\r\n\r\n");
  while (handler_.incomplete == 0) std::this_thread::yield();
}

TEST_F(HttpServer, TellsAWaitingHandlerThatTheClientHasGone) {
  start();
  auto client = std::make_unique<Client>(port_);
  client->send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  handler_.waiting.get_future().wait();
  client.reset();
  handler_.gone.get_future().wait();
}

TEST_F(HttpServer, KeepsWhatArrivesWhileAHandlerWaits) {
  start({.linger_timeout = Millis{20}, .sweep_interval = Millis{10}});
  Client client(port_);
  client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  handler_.waiting.get_future().wait();
  client.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  drain(Millis{5000});
  std::string text = client.read_to_end();
  EXPECT_NE(text.find("woken"), text.npos);
  EXPECT_NE(text.find("connection: close"), text.npos);
}

TEST_F(HttpServer, DrainClosesIdleConnectionsAndTheListener) {
  start();
  Client client(port_);
  client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  client.read_until("/a");
  drain(Millis{5000});
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(server_->connections(), 0u);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(port_), .sin_addr = {}, .sin_zero = {}};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_NE(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  close(fd);
}

TEST_F(HttpServer, ServesAnAdoptedListenerUnderItsTag) {
  start();
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)), 0);
  EXPECT_FALSE(server_->adopt(fd, {.tag = "f"}));
  ASSERT_EQ(listen(fd, 8), 0);
  socklen_t size = sizeof(at);
  getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  ASSERT_TRUE(server_->adopt(fd, {.tag = "f"}));
  {
    Client client(ntohs(at.sin_port));
    client.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_NE(client.read_until("/x").find("f h /x"), std::string::npos);
  }
  run([this]() -> Task<void> { co_await server_->remove("f"); });
  EXPECT_FALSE(exchange("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").empty());
}

TEST_F(HttpServer, HeaderValuesCannotBreakTheResponse) {
  start();
  Client client(port_);
  client.send("GET /inject HTTP/1.1\r\nHost: h\r\n\r\n");
  std::string text = client.read_until("inject");
  EXPECT_NE(text.find("x-meta: a  set-cookie: b\r\n"), text.npos);
  EXPECT_NE(text.find("content-length: 6\r\n"), text.npos);
  EXPECT_EQ(text.find("Content-Length: 1"), text.npos);
}

// A self-signed certificate and its key as files.
TlsFiles make_certificate(const std::filesystem::path& folder) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
  TlsFiles files{folder / "certificate.pem", folder / "key.pem"};
  FILE* out = fopen(files.certificate_chain.c_str(), "w");
  CHECK(PEM_write_X509(out, certificate) == 1);
  fclose(out);
  out = fopen(files.private_key.c_str(), "w");
  CHECK(PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  fclose(out);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

// One exchange over TLS, to the end of the connection.
std::string tls_exchange(uint16_t port, std::string_view request) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL's sockets raise it
  Client socket(port);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, socket.fd());
  std::string out;
  if (SSL_connect(ssl) == 1) {
    size_t sent = 0;
    SSL_write_ex(ssl, request.data(), request.size(), &sent);
    char piece[4096];
    size_t got = 0;
    while (SSL_read_ex(ssl, piece, sizeof(piece), &got) == 1) out.append(piece, got);
  }
  SSL_free(ssl);
  SSL_CTX_free(context);
  return out;
}

TEST_F(HttpServer, SpeaksTls) {
  start();
  auto folder = std::filesystem::path(testing::TempDir()) / "suiro-tls";
  std::filesystem::create_directories(folder);
  TlsFiles files = make_certificate(folder);
  auto tls = load_tls(files);
  ASSERT_TRUE(tls) << tls.error().message;
  EXPECT_FALSE(load_tls({files.certificate_chain, folder / "absent"}));
  EXPECT_FALSE(load_tls({files.private_key, files.private_key}));
  auto port = server_->listen("127.0.0.1", 0, {.tag = "tls", .tls = *tls});
  ASSERT_TRUE(port);
  std::string body(300'000, 'b');
  std::string answer = tls_exchange(
      *port,
      "PUT /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n" +
          body);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer.substr(0, 200);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n" + body));
  EXPECT_NE(tls_exchange(*port, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                .find("tls h /x"),
            std::string::npos);
  // Neither plain text on the TLS port nor a client that leaves ends the server.
  Client plain(*port);
  plain.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(plain.read_to_end().find("HTTP/1.1"), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace suiro::http
