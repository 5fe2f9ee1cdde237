// SPDX-License-Identifier: Apache-2.0
// Transport: the bytes of one connection, plain or TLS. Internal to protocol/http.
//
// Invariants:
//  1. One read and one write may be in progress at a time.
//  2. It may be moved before handshake(), not after.
//  3. cancel() makes operations in progress fail; the transport is then closed by its owner.
// Thread: its shard's.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <optional>

#include "protocol/http/message.h"

namespace suiro::http {

using Protocol = asio::generic::stream_protocol;
using Socket = asio::basic_stream_socket<Protocol, Executor>;
using ErrorCode = boost::system::error_code;

class Transport {
 public:
  // `tls` is null for a plain connection.
  Transport(Socket socket, std::shared_ptr<asio::ssl::context> tls);

  // Errors: those of the system and of OpenSSL. Nothing to do for a plain connection.
  Task<ErrorCode> handshake();
  // What was agreed; null for a plain connection.
  std::shared_ptr<const Tls> agreed() const { return agreed_; }

  // Reads what is there, at least one byte. asio::error::eof at the end.
  Task<size_t> read_some(char* to, size_t size, ErrorCode& ec);
  // Writes both pieces whole, as one where the system can.
  Task<ErrorCode> write(ByteView first, ByteView second);

  // Tells the peer that nothing more comes.
  Task<void> shutdown_send();
  void cancel();
  void close();
  Executor executor() { return socket_.get_executor(); }
  // "127.0.0.1" and its port; empty and 0 for a local socket.
  std::pair<std::string, uint16_t> peer() const;

 private:
  Socket socket_;
  std::shared_ptr<asio::ssl::context> context_;
  std::optional<asio::ssl::stream<Socket&>> tls_;
  std::shared_ptr<const Tls> agreed_;
};

}  // namespace suiro::http
