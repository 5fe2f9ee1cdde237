// SPDX-License-Identifier: Apache-2.0
// Server: listens, accepts, and spreads connections over the shards in turn. A connection stays on
// its shard.
//
//   made -listen()/adopt()*-> serving -drain()-> draining -close()-> closed
//
// Invariants:
//  1. No more than Settings::connections_max connections are open; a further one is answered 503.
//  2. After drain() no new connection is accepted, requests in progress have ended or were cut off
//  at the
//     limit, and every Cancellation has rung.
//  3. close() returns when the last coroutine of the server has ended; handlers must have been able
//  to
//     end by then (stop the services between drain() and close() where handlers wait for them).
// Thread: any shard, or the thread that polls the shards; listen() before or after they start.
#pragma once

#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <set>
#include <vector>

#include "base/shard.h"
#include "protocol/http/message.h"
#include "protocol/http/settings.h"
#include "protocol/http/tls.h"

namespace suiro::http {

class Connection;

struct ListenOptions {
  std::string tag = "main";  // Request::listener
  std::shared_ptr<asio::ssl::context> tls = nullptr;
};

class Server {
 public:
  // All are borrowed and outlive the server.
  Server(Shards& shards, Clock& clock, Handler& handler, Settings settings);
  ~Server();  // close() was awaited, or nothing was ever opened

  // Binds and begins to accept. Port 0: any free one. Returns the port.
  // Errors: kInvalidArgument for an address that is none; kUnavailable with the system's reason.
  Result<uint16_t> listen(const std::string& address, uint16_t port, ListenOptions options);
  // Accepts on a socket that already listens; takes the descriptor. Errors: kInvalidArgument.
  Result<void> adopt(int listening_fd, ListenOptions options);
  // Stops accepting on the listeners of this tag; their connections live on until they end.
  Task<void> remove(std::string tag);

  // Stops accepting, lets requests in progress end, and cuts off what is left after `limit`.
  Task<void> drain(Millis limit);
  Task<void> close();

  size_t connections() const { return open_.load(std::memory_order_relaxed); }

 private:
  struct ShardState;
  struct Listener;
  using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;
  using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, Executor>;

  void begin(Acceptor acceptor, ListenOptions options);
  Task<void> accept_loop(std::shared_ptr<Listener> listener);
  void stop_listener(Listener& listener);
  void serve(size_t shard, Socket socket, const ListenOptions& options);
  Task<void> serve_connection(ShardState& state, std::shared_ptr<Connection> connection);
  Task<void> sweep_loop(ShardState& state);
  Task<void> stop_accepting();
  Task<void> drain_shard(ShardState& state, TimePoint limit);

  Shards& shards_;
  Clock& clock_;
  Handler& handler_;
  const Settings settings_;
  std::vector<std::unique_ptr<ShardState>> states_;
  std::unique_ptr<TaskScope> accepting_;              // on shard 0
  std::vector<std::shared_ptr<Listener>> listeners_;  // on shard 0
  std::atomic<size_t> open_ = 0;
  std::atomic<bool> draining_ = false;
};

}  // namespace suiro::http
