// SPDX-License-Identifier: Apache-2.0
#include "protocol/http/server.h"

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cstring>

#include "base/log.h"
#include "protocol/http/connection.h"

namespace suiro::http {
namespace {

// After a failed accept (too many open files, most likely).
constexpr Millis kAcceptRetry{100};

constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

}  // namespace

struct Server::ShardState {
  ShardState(Executor executor, Clock& clock, Handler& handler, const Settings& settings)
      : scope(executor),
        context{clock, handler, settings, scope},
        stop_sweeping(executor),
        emptied(executor) {}

  TaskScope scope;
  ConnectionContext context;
  std::set<Connection*> connections;
  Signal stop_sweeping;
  Signal emptied;
  bool sweeping = false;
};

struct Server::Listener {
  Listener(Acceptor acceptor_, ListenOptions options_, Executor executor)
      : acceptor(std::move(acceptor_)), options(std::move(options_)), stopped(executor) {}

  Acceptor acceptor;
  ListenOptions options;
  Signal stopped;
  bool stopping = false;
};

Server::Server(Shards& shards, Clock& clock, Handler& handler, Settings settings)
    : shards_(shards), clock_(clock), handler_(handler), settings_(settings) {
  for (size_t i = 0; i < shards.size(); ++i)
    states_.push_back(
        std::make_unique<ShardState>(shards.executor(i), clock_, handler_, settings_));
  accepting_ = std::make_unique<TaskScope>(shards.executor(0));
}

Server::~Server() = default;

Result<uint16_t> Server::listen(const std::string& address, uint16_t port, ListenOptions options) {
  ErrorCode ec;
  auto ip = asio::ip::make_address(address, ec);
  if (ec) return fail(codes::kInvalidArgument, "\"" + address + "\" is not an IP address.");
  asio::ip::tcp::endpoint endpoint(ip, port);
  Acceptor acceptor(shards_.executor(0));
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec)
    return fail(codes::kUnavailable,
                fmt::format("Cannot listen on {} port {}: {}", address, port, ec.message()));
  asio::ip::tcp::endpoint bound;
  auto generic = acceptor.local_endpoint(ec);
  bound.resize(generic.size());
  std::memcpy(bound.data(), generic.data(), generic.size());
  begin(std::move(acceptor), std::move(options));
  return bound.port();
}

Result<void> Server::adopt(int listening_fd, ListenOptions options) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  int listens = 0;
  socklen_t listens_size = sizeof(listens);
  if (getsockname(listening_fd, reinterpret_cast<sockaddr*>(&name), &size) != 0 ||
      getsockopt(listening_fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 ||
      listens == 0)
    return fail(codes::kInvalidArgument, "The descriptor is not a listening socket.");
  Acceptor acceptor(shards_.executor(0));
  ErrorCode ec;
  acceptor.assign(Protocol(name.ss_family, 0), listening_fd, ec);
  if (ec) return fail(codes::kInvalidArgument, "Cannot use the listening socket: " + ec.message());
  begin(std::move(acceptor), std::move(options));
  return ok();
}

void Server::begin(Acceptor acceptor, ListenOptions options) {
  auto listener =
      std::make_shared<Listener>(std::move(acceptor), std::move(options), shards_.executor(0));
  asio::post(shards_.executor(0), [this, listener] {
    if (draining_) return;
    listeners_.push_back(listener);
    accepting_->spawn(accept_loop(listener));
  });
}

Task<void> Server::accept_loop(std::shared_ptr<Listener> listener) {
  size_t next = 0;
  while (!listener->stopping) {
    size_t shard = next++ % shards_.size();
    ErrorCode ec;
    Socket socket = co_await listener->acceptor.async_accept(shards_.executor(shard),
                                                             asio::redirect_error(use_task, ec));
    if (listener->stopping) break;
    if (ec) {
      log::warning("Cannot accept a connection: {}", ec.message());
      co_await listener->stopped.wait_until(clock_, clock_.now() + kAcceptRetry);
      continue;
    }
    if (open_.fetch_add(1) >= settings_.connections_max) {
      open_.fetch_sub(1);
      send(socket.native_handle(), kTooMany.data(), kTooMany.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      continue;
    }
    // The socket belongs to the shard's loop from here on.
    asio::post(shards_.executor(shard),
               [this, shard, listener, socket = std::move(socket)]() mutable {
                 serve(shard, std::move(socket), listener->options);
               });
  }
}

Task<void> Server::remove(std::string tag) {
  co_await run_on(shards_.executor(0), [this, tag]() -> Task<void> {
    for (auto& listener : listeners_)
      if (listener->options.tag == tag) stop_listener(*listener);
    std::erase_if(listeners_, [](const auto& listener) { return listener->stopping; });
    co_return;
  });
}

void Server::stop_listener(Listener& listener) {
  ErrorCode ignored;
  listener.stopping = true;
  listener.acceptor.close(ignored);
  listener.stopped.notify_all();
}

void Server::serve(size_t shard, Socket socket, const ListenOptions& options) {
  ShardState& state = *states_[shard];
  if (state.scope.closing() || draining_) {
    open_.fetch_sub(1);
    return;
  }
  auto connection = std::make_shared<Connection>(
      state.context, Transport(std::move(socket), options.tls), options.tag);
  state.connections.insert(connection.get());
  state.scope.spawn(serve_connection(state, std::move(connection)));
  if (!std::exchange(state.sweeping, true)) state.scope.spawn(sweep_loop(state));
}

Task<void> Server::serve_connection(ShardState& state, std::shared_ptr<Connection> connection) {
  co_await connection->run();
  state.connections.erase(connection.get());
  open_.fetch_sub(1);
  if (state.connections.empty()) state.emptied.notify_all();
}

// Runs while there are connections.
Task<void> Server::sweep_loop(ShardState& state) {
  while (!state.connections.empty() && !state.scope.closing()) {
    co_await state.stop_sweeping.wait_until(clock_, clock_.now() + settings_.sweep_interval);
    Micros now = clock_.steady();
    for (Connection* connection : state.connections) connection->sweep(now);
  }
  state.sweeping = false;
}

Task<void> Server::stop_accepting() {
  draining_ = true;
  for (auto& listener : listeners_) stop_listener(*listener);
  listeners_.clear();
  co_await accepting_->close();
}

Task<void> Server::drain_shard(ShardState& state, TimePoint limit) {
  for (Connection* connection : state.connections) connection->drain();
  while (!state.connections.empty() &&
         co_await state.emptied.wait_until(clock_, limit) == Signal::Wake::kNotified) {
  }
  if (!state.connections.empty())
    log::warning("{} connections were cut off at the end of the drain limit",
                 state.connections.size());
  for (Connection* connection : state.connections) connection->abort();
}

Task<void> Server::drain(Millis limit) {
  TimePoint end = clock_.now() + limit;
  co_await run_on(shards_.executor(0), [this] { return stop_accepting(); });
  for (size_t i = 0; i < states_.size(); ++i) {
    ShardState* state = states_[i].get();
    co_await run_on(shards_.executor(i), [this, state, end] { return drain_shard(*state, end); });
  }
}

Task<void> Server::close() {
  if (!draining_) co_await drain(Millis{0});
  for (size_t i = 0; i < states_.size(); ++i) {
    ShardState* state = states_[i].get();
    co_await run_on(shards_.executor(i), [state]() -> Task<void> {
      state->stop_sweeping.notify_all();
      co_await state->scope.close();
    });
  }
}

}  // namespace suiro::http
