// SPDX-License-Identifier: Apache-2.0
#include "bench/http/bare_beast.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <thread>

namespace suiro::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Stream = beast::basic_stream<tcp, Executor>;
template <class T>
using Awaited = asio::awaitable<T, Executor>;
constexpr asio::use_awaitable_t<Executor> kUse;

Awaited<void> serve(Stream stream, const std::string& reply) {
  beast::flat_buffer buffer;
  try {
    for (;;) {
      http::request<http::string_body> request;
      co_await http::async_read(stream, buffer, request, kUse);
      http::response<http::string_body> response{http::status::ok, request.version()};
      response.keep_alive(request.keep_alive());
      response.body() = reply;
      response.prepare_payload();
      co_await http::async_write(stream, response, kUse);
    }
  } catch (const boost::system::system_error&) {
    // The client closed the connection.
  }
}

Awaited<void> accept(asio::basic_socket_acceptor<tcp, Executor>& acceptor,
                     const std::string& reply) {
  try {
    for (;;) {
      Stream stream(co_await acceptor.async_accept(kUse));
      stream.socket().set_option(tcp::no_delay(true));
      asio::co_spawn(acceptor.get_executor(), serve(std::move(stream), reply),
                     [](std::exception_ptr) {});
    }
  } catch (const boost::system::system_error&) {
    // The acceptor was closed.
  }
}

}  // namespace

struct BareBeast::State {
  std::string reply;
  asio::io_context loop{1};
  asio::basic_socket_acceptor<tcp, Executor> acceptor{
      loop.get_executor(), tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::thread thread;
};

BareBeast::BareBeast(std::string reply) : state_(std::make_unique<State>()) {
  state_->reply = std::move(reply);
  asio::co_spawn(state_->loop, accept(state_->acceptor, state_->reply), [](std::exception_ptr) {});
  state_->thread = std::thread([this] { state_->loop.run(); });
}

BareBeast::~BareBeast() {
  state_->loop.stop();
  state_->thread.join();
}

uint16_t BareBeast::port() const {
  return state_->acceptor.local_endpoint().port();
}

}  // namespace suiro::bench
