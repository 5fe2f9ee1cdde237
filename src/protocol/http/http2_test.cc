// SPDX-License-Identifier: Apache-2.0
// HTTP/2 against a client made of nghttp2 over a blocking socket.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/use_future.hpp>
#include <map>
#include <thread>

#include "base/check.h"
#include "protocol/http/server.h"

namespace suiro::http {
namespace {

constexpr char kHttp2Garbage[] =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n and more of it";

class TestHandler final : public Handler {
 public:
  Task<Response> handle(Request request) override {
    Response response;
    if (request.path == "/echo") {
      response.headers = {{"X-Seen", request.body ? "stream" : "whole"},
                          {"x-host", *request.header("host")},
                          {"connection", "close"}};
      auto body = request.take_body();
      auto all = co_await shapes::read_all(*body, size_t{64} << 20);
      response.content = all ? std::move(*all) : all.error().code;
    } else if (request.path == "/stream") {
      response.body = std::make_unique<Count>(std::stoul(request.query));
    } else if (request.path == "/wait") {
      auto executor = co_await asio::this_coro::executor;
      Signal wake(executor);
      auto held = request.cancellation->subscribe(executor, [&] { wake.notify_all(); });
      ++waiting;
      while (!request.cancellation->cancelled()) co_await wake.wait();
      ++cancelled;
    } else {
      response.status = 404;
      response.content = request.method + " " + request.path;
    }
    response.on_sent = [this](const Sent& sent) { complete += sent.complete ? 1 : 0; };
    co_return response;
  }
  void on_refusal(const Refusal& refusal) override { refused = refusal.status; }

  std::atomic<int> waiting = 0, cancelled = 0, refused = 0, complete = 0;

 private:
  class Count final : public shapes::ByteSource {
   public:
    explicit Count(size_t size) : left_(size) {}
    Task<Result<Bytes>> read(size_t) override {
      size_t piece = std::min<size_t>(left_, 100'000);
      left_ -= piece;
      co_return Bytes(piece, 'x');
    }
    std::optional<uint64_t> length() const override { return {}; }

   private:
    size_t left_;
  };
};

// One connection; the answers of its streams by id.
class Client {
 public:
  struct Answer {
    std::map<std::string, std::string> headers;
    Bytes body;
    bool closed = false;
    uint32_t error = 0;
  };

  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
    timeval limit{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
           const uint8_t* value, size_t value_size, uint8_t, void* user) {
          auto text = [](const uint8_t* b, size_t n) {
            return std::string(reinterpret_cast<const char*>(b), n);
          };
          static_cast<Client*>(user)->answers[frame->hd.stream_id].headers[text(name, name_size)] =
              text(value, value_size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size, void* user) {
          static_cast<Client*>(user)->answers[id].body.append(reinterpret_cast<const char*>(bytes),
                                                              size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t id, uint32_t error, void* user) {
          auto& answer = static_cast<Client*>(user)->answers[id];
          answer.closed = true;
          answer.error = error;
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Client() {
    nghttp2_session_del(session_);
    ::close(fd_);
  }

  // Begins a request.
  int32_t begin(std::string method, std::string path, Bytes body = {},
                std::vector<std::pair<std::string, std::string>> more = {}) {
    std::vector<std::pair<std::string, std::string>> headers = {
        {":method", method}, {":scheme", "http"}, {":authority", "suiro.test"}, {":path", path}};
    headers.insert(headers.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> fields;
    for (auto& [name, value] : headers)
      fields.push_back({reinterpret_cast<uint8_t*>(name.data()),
                        reinterpret_cast<uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    bodies_.push_back(std::make_unique<Source>(std::move(body)));
    nghttp2_data_provider provider = {
        {.ptr = bodies_.back().get()},
        [](nghttp2_session*, int32_t, uint8_t* to, size_t size, uint32_t* flags,
           nghttp2_data_source* source, void*) -> ssize_t {
          auto& from = *static_cast<Source*>(source->ptr);
          size_t taken = std::min(size, from.bytes.size() - from.at);
          memcpy(to, from.bytes.data() + from.at, taken);
          from.at += taken;
          if (from.at == from.bytes.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
          return static_cast<ssize_t>(taken);
        }};
    bool none = bodies_.back()->bytes.empty();
    return nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                  none ? nullptr : &provider, nullptr);
  }
  void reset(int32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    nghttp2_session_send_all();
  }
  // Until the stream is closed, or the connection is.
  Answer finish(int32_t id) {
    while (!answers[id].closed && step()) {
    }
    return answers[id];
  }
  bool step() {
    nghttp2_session_send_all();
    uint8_t piece[16384];
    ssize_t got = recv(fd_, piece, sizeof(piece), 0);
    return got > 0 && nghttp2_session_mem_recv(session_, piece, got) == got;
  }
  void nghttp2_session_send_all() {
    const uint8_t* bytes = nullptr;
    for (ssize_t n; (n = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
      for (ssize_t at = 0; at < n;) {
        ssize_t sent = ::send(fd_, bytes + at, n - at, MSG_NOSIGNAL);
        if (sent <= 0) return;
        at += sent;
      }
    }
  }

  std::map<int32_t, Answer> answers;

 private:
  struct Source {
    explicit Source(Bytes bytes_) : bytes(std::move(bytes_)) {}
    Bytes bytes;
    size_t at = 0;
  };
  int fd_;
  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Source>> bodies_;
};

class Http2Test : public testing::Test {
 protected:
  Http2Test() {
    shards.start();
    auto bound = server.listen("127.0.0.1", 0, {});
    CHECK(bound.has_value());
    port = *bound;
  }
  ~Http2Test() override {
    run([this] { return server.close(); });
    shards.stop();
  }
  template <class Make>
  void run(Make make) {
    asio::co_spawn(shards.executor(0), std::move(make), asio::use_future).get();
  }

  RealClock clock;
  TestHandler handler;
  Shards shards{2};
  Server server{shards, clock, handler, Settings{}};
  uint16_t port = 0;
};

TEST_F(Http2Test, RequestsOnOneConnection) {
  Client client(port);
  int32_t first = client.begin("GET", "/nothing?x=1");
  int32_t second = client.begin("POST", "/echo", "hello", {{"content-length", "5"}});
  auto echoed = client.finish(second);
  EXPECT_EQ(echoed.headers[":status"], "200");
  EXPECT_EQ(echoed.headers["x-seen"], "whole");
  EXPECT_EQ(echoed.headers["x-host"], "suiro.test");
  EXPECT_EQ(echoed.headers["content-length"], "5");
  EXPECT_EQ(echoed.headers.count("connection"), 0u);
  EXPECT_EQ(echoed.body, "hello");
  auto missing = client.finish(first);
  EXPECT_EQ(missing.headers[":status"], "404");
  EXPECT_EQ(missing.body, "GET /nothing");
}

TEST_F(Http2Test, TwoHostsAreRefused) {
  Client client(port);
  EXPECT_EQ(
      client.finish(client.begin("GET", "/", {}, {{"host", "suiro.test"}})).headers[":status"],
      "404");
  EXPECT_EQ(client.finish(client.begin("GET", "/", {}, {{"host", "other"}})).headers[":status"],
            "400");
}

TEST_F(Http2Test, HeadSendsNoBody) {
  Client client(port);
  auto answer = client.finish(client.begin("HEAD", "/nothing"));
  EXPECT_EQ(answer.headers["content-length"], "13");
  EXPECT_EQ(answer.body, "");
}

TEST_F(Http2Test, LongBodiesGoThroughTheWindows) {
  Client client(port);
  Bytes body(3 << 20, 'b');
  auto answer = client.finish(client.begin("POST", "/echo", body));
  EXPECT_EQ(answer.headers["x-seen"], "stream");
  EXPECT_EQ(answer.body, body);
}

TEST_F(Http2Test, StreamedResponses) {
  Client client(port);
  int32_t one = client.begin("GET", "/stream?5000000"), two = client.begin("GET", "/stream?0");
  auto answer = client.finish(one);
  EXPECT_EQ(answer.body.size(), 5'000'000u);
  EXPECT_EQ(answer.headers.count("content-length"), 0u);
  EXPECT_EQ(client.finish(two).body, "");
}

TEST_F(Http2Test, ResetCancelsTheRequest) {
  Client client(port);
  int32_t id = client.begin("GET", "/wait");
  client.nghttp2_session_send_all();
  while (handler.waiting == 0) std::this_thread::yield();
  client.reset(id);
  while (handler.cancelled == 0) std::this_thread::yield();
  EXPECT_EQ(client.finish(client.begin("GET", "/stream?7")).body, "xxxxxxx");
}

TEST_F(Http2Test, DrainEndsWhatWaits) {
  Client client(port);
  int32_t id = client.begin("GET", "/wait");
  client.nghttp2_session_send_all();
  while (handler.waiting == 0) std::this_thread::yield();
  run([this] { return server.drain(Millis{10'000}); });
  EXPECT_EQ(client.finish(id).headers[":status"], "200");
  EXPECT_EQ(handler.cancelled, 1);
  EXPECT_EQ(server.connections(), 0u);
}

TEST_F(Http2Test, RefusesHeadsWithoutEnd) {
  Client client(port);
  auto answer = client.finish(
      client.begin("GET", "/", {},
                   {{"x-long", std::string(60'000, 'l')}, {"x-longer", std::string(10'000, 'l')}}));
  // By nghttp2's own limit on the frames of a head, or by ours.
  EXPECT_TRUE(handler.refused == 431 || answer.headers.empty());
}

TEST_F(Http2Test, GarbageEndsTheConnection) {
  {
    Client client(port);
    EXPECT_EQ(client.finish(client.begin("GET", "/stream?1")).body, "x");
  }
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  ASSERT_GT(send(fd, kHttp2Garbage, sizeof(kHttp2Garbage) - 1, MSG_NOSIGNAL), 0);
  char piece[4096];
  while (recv(fd, piece, sizeof(piece), 0) > 0) {
  }
  ::close(fd);
  Client after(port);
  EXPECT_EQ(after.finish(after.begin("GET", "/stream?1")).body, "x");
}

}  // namespace
}  // namespace suiro::http
