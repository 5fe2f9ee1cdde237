// SPDX-License-Identifier: Apache-2.0
// A connection that begins with HTTP/2's preface, whatever follows: nothing but answers or a closed
// connection, and every coroutine ends.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "protocol/http/connection.h"
#include "protocol/http/http2_session.h"

namespace {

using namespace suiro;
using namespace suiro::http;

constexpr int kTurnsMax = 1000;  // of the loop; an input is at most some hundred frames

class Echo final : public Handler {
 public:
  Task<Response> handle(Request request) override {
    Response response;
    auto body = request.take_body();
    auto all = co_await shapes::read_all(*body, 1 << 20);
    response.headers = {{"x-path", request.path}};
    if (all) response.body = shapes::body_of(std::move(*all));
    co_return response;
  }
};

void serve(ByteView input) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "no socket pair");
  CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0, "fcntl");
  asio::io_context loop;
  RealClock clock;
  Echo handler;
  Settings settings;
  TaskScope scope(loop.get_executor());
  ConnectionContext context{clock, handler, settings, scope};
  Socket socket(loop.get_executor(), Protocol(AF_UNIX, 0), ends[0]);
  auto connection =
      std::make_shared<Connection>(context, Transport(std::move(socket), nullptr), "");
  scope.spawn(
      [](std::shared_ptr<Connection> self) -> Task<void> { co_await self->run(); }(connection));
  size_t sent = 0;
  char piece[4096];
  for (int turn = 0; turn < kTurnsMax && scope.running() > 0; ++turn) {
    if (sent < input.size()) {
      ssize_t got = send(ends[1], input.data() + sent, input.size() - sent, MSG_NOSIGNAL);
      if (got > 0) sent += static_cast<size_t>(got);
      if (got <= 0 && errno != EAGAIN) sent = input.size();
    } else {
      shutdown(ends[1], SHUT_WR);
    }
    loop.poll();
    loop.restart();
    while (recv(ends[1], piece, sizeof(piece), 0) > 0) {
    }
  }
  connection->abort();
  while (loop.poll() > 0) loop.restart();
  CHECK(scope.running() == 0, "a coroutine does not end");
  close(ends[1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // SETTINGS without entries, which every client sends first.
  Bytes input(kHttp2Preface);
  input.append("\0\0\0\x04\0\0\0\0\0", 9);
  input.append(reinterpret_cast<const char*>(data), size);
  serve(input);
  return 0;
}
