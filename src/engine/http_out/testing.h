// SPDX-License-Identifier: Apache-2.0
// Servers of a few lines on loopback, for tests of what goes out.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "base/task.h"

namespace suiro::http_out {

// One request: its head and the body that Content-Length announces; what came before the connection
// ended otherwise, and then `ended` says why.
template <class Stream>
std::string read_request(Stream& stream, boost::system::error_code& ended) {
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  std::string bytes;
  char buffer[4096];
  size_t whole = std::string::npos;
  while (!ended && bytes.size() < whole) {
    bytes.append(buffer, stream.read_some(asio::buffer(buffer), ended));
    const size_t head = bytes.find("\r\n\r\n");
    if (head == bytes.npos) continue;
    const size_t length = bytes.find(kLength);
    whole = head + 4 + (length < head ? std::stoul(bytes.substr(length + kLength.size())) : 0);
  }
  return bytes;
}

// Answers the first request of so many connections with `reply`, and keeps what it read of the
// last; an empty reply is silence until the client gives up. The destructor waits for the
// connections.
class OneReply {
 public:
  explicit OneReply(std::string reply, int connections = 1)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}),
        thread_([this, reply = std::move(reply), connections] {
          for (int i = 0; i < connections; ++i) serve(reply);
        }) {}
  ~OneReply() { thread_.join(); }
  std::string url() const {
    return fmt::format("http://127.0.0.1:{}/x", acceptor_.local_endpoint().port());
  }
  std::string request;  // read it when the client has its answer

 private:
  void serve(const std::string& reply) {
    asio::ip::tcp::socket socket(context_);
    acceptor_.accept(socket);
    boost::system::error_code ended;
    request = read_request(socket, ended);
    asio::write(socket, asio::buffer(reply), ended);
    char more = 0;
    if (reply.empty()) socket.read_some(asio::buffer(&more, 1), ended);
  }

  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

}  // namespace suiro::http_out
