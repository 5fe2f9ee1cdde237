// SPDX-License-Identifier: Apache-2.0
#include "protocol/http/transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

namespace suiro::http {
namespace {

// Below this size one copy is cheaper than a second TLS record.
constexpr size_t kTlsJoinBytes = 16 * 1024;

}  // namespace

Transport::Transport(Socket socket, std::shared_ptr<asio::ssl::context> tls)
    : socket_(std::move(socket)), context_(std::move(tls)) {
  ErrorCode ignored;  // a local socket has no such option
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
}

Task<ErrorCode> Transport::handshake() {
  ErrorCode ec;
  if (!context_) co_return ec;
  // Not in the constructor: the stream refers to the socket, which must not move any more.
  tls_.emplace(socket_, *context_);
  co_await tls_->async_handshake(asio::ssl::stream_base::server,
                                 asio::redirect_error(use_task, ec));
  if (!ec) {
    SSL* ssl = tls_->native_handle();
    const char* cipher = SSL_get_cipher_name(ssl);
    agreed_ = std::make_shared<Tls>(Tls{cipher ? cipher : "", SSL_get_version(ssl)});
  }
  co_return ec;
}

Task<size_t> Transport::read_some(char* to, size_t size, ErrorCode& ec) {
  if (tls_)
    return tls_->async_read_some(asio::buffer(to, size), asio::redirect_error(use_task, ec));
  return socket_.async_read_some(asio::buffer(to, size), asio::redirect_error(use_task, ec));
}

Task<ErrorCode> Transport::write(ByteView first, ByteView second) {
  ErrorCode ec;
  if (tls_) {
    if (second.size() <= kTlsJoinBytes) {
      Bytes joined;
      joined.reserve(first.size() + second.size());
      joined.append(first).append(second);
      co_await asio::async_write(*tls_, asio::buffer(joined), asio::redirect_error(use_task, ec));
      co_return ec;
    }
    co_await asio::async_write(*tls_, asio::buffer(first), asio::redirect_error(use_task, ec));
    if (ec) co_return ec;
    co_await asio::async_write(*tls_, asio::buffer(second), asio::redirect_error(use_task, ec));
    co_return ec;
  }
  // Nearly always the socket's buffer takes all at once: no need to go through the event loop.
  std::array<asio::const_buffer, 2> both = {asio::buffer(first), asio::buffer(second)};
  size_t sent = socket_.write_some(both, ec);
  if (ec == asio::error::would_block) ec = {};
  if (ec || sent == first.size() + second.size()) co_return ec;
  if (sent < first.size()) {
    both[0] += sent;
  } else {
    both[0] = {};
    both[1] += sent - first.size();
  }
  co_await asio::async_write(socket_, both, asio::redirect_error(use_task, ec));
  co_return ec;
}

Task<void> Transport::shutdown_send() {
  ErrorCode ignored;
  if (tls_)
    co_await tls_->async_shutdown(asio::redirect_error(use_task, ignored));
  else
    socket_.shutdown(Socket::shutdown_send, ignored);
}

void Transport::cancel() {
  ErrorCode ignored;
  socket_.cancel(ignored);
}

void Transport::close() {
  ErrorCode ignored;
  socket_.close(ignored);
}

std::pair<std::string, uint16_t> Transport::peer() const {
  ErrorCode ec;
  auto endpoint = socket_.remote_endpoint(ec);
  if (ec) return {};
  const sockaddr* address = endpoint.data();
  char text[INET6_ADDRSTRLEN] = {};
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return {text, ntohs(v4->sin_port)};
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    return {text, ntohs(v6->sin6_port)};
  }
  return {};
}

}  // namespace suiro::http
