// SPDX-License-Identifier: Apache-2.0
// A server that answers as a recording says (tests/golden/kubernetes): "> METHOD PATH", the body of
// the request as JSON, "< STATUS", the body of the answer; an empty line.
//
// Strict: a request takes the first exchange with its method, path and (compared as JSON) body that
// no request has taken, of those before which every other method's exchange was taken; a GET for
// which there is none gets its last answer once more. Whatever else comes is kept as unexpected.
// A request without the token is answered 401 and counted.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "engine/container/testing/certificate.h"
#include "engine/http_out/testing.h"

namespace suiro::container {

class RecordedCluster {
 public:
  // With a certificate it speaks TLS alone.
  explicit RecordedCluster(const std::string& file, const CertificateFiles& tls = {})
      : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
    read(file);
    if (!tls.certificate.empty()) {
      tls_.emplace(asio::ssl::context::tls_server);
      tls_->use_certificate_file(tls.certificate, asio::ssl::context::pem);
      tls_->use_private_key_file(tls.key, asio::ssl::context::pem);
    }
    thread_ = std::thread([this] { serve(); });
  }
  ~RecordedCluster() {
    ended_ = true;
    asio::io_context context;
    asio::ip::tcp::socket wake(context);
    boost::system::error_code ignored;
    wake.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  std::string url() const {
    return fmt::format("{}://127.0.0.1:{}", tls_ ? "https" : "http",
                       acceptor_.local_endpoint().port());
  }
  int refused_tokens() const { return refused_tokens_; }
  int refused_handshakes() const { return refused_handshakes_; }
  std::vector<std::string> unexpected() {
    std::lock_guard lock(mutex_);
    return unexpected_;
  }
  std::vector<std::string> unused() {
    std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& one : exchanges_) {
      if (!one.used) out.push_back(one.key + " " + one.answer);
    }
    return out;
  }

 private:
  struct Exchange {
    std::string key;  // "GET /path"
    std::string body;
    int status = 0;
    std::string answer;
    bool used = false;
  };

  void read(const std::string& file) {
    std::ifstream in(file);
    CHECK(in.good(), "no recording");
    std::string line;
    bool answers = false;
    while (std::getline(in, line)) {
      if (line.starts_with("#") || (line.empty() && exchanges_.empty())) continue;
      if (line.starts_with("> ")) {
        exchanges_.push_back({.key = line.substr(2)});
        answers = false;
      } else if (line.starts_with("< ")) {
        exchanges_.back().status = std::stoi(line.substr(2));
        answers = true;
      } else if (!line.empty()) {
        (answers ? exchanges_.back().answer : exchanges_.back().body) += line + "\n";
      }
    }
  }

  void serve() {
    while (!ended_) {
      asio::ip::tcp::socket socket(context_);
      acceptor_.accept(socket);
      if (ended_) break;
      if (!tls_) {
        answer(socket);
        continue;
      }
      asio::ssl::stream<asio::ip::tcp::socket&> secure(socket, *tls_);
      boost::system::error_code error;
      secure.handshake(asio::ssl::stream_base::server, error);
      if (error) {
        ++refused_handshakes_;
      } else {
        answer(secure);
        secure.shutdown(error);
      }
    }
  }

  // One request a connection.
  template <class Stream>
  void answer(Stream& socket) {
    boost::system::error_code error;
    const std::string bytes = http_out::read_request(socket, error);
    if (error) return;
    const size_t head = bytes.find("\r\n\r\n");
    auto [status, text] = find(bytes.substr(0, head + 2), bytes.substr(head + 4));
    std::string reply =
        fmt::format("HTTP/1.1 {} Recorded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                    status, text.size(), text);
    asio::write(socket, asio::buffer(reply), error);
  }

  std::pair<int, std::string> find(const std::string& head, const std::string& body) {
    std::lock_guard lock(mutex_);
    std::string key = head.substr(0, head.find(" HTTP/"));
    if (!head.contains("Authorization: Bearer " + token_ + "\r\n")) {
      ++refused_tokens_;
      return {401, R"({"kind": "Status", "message": "Unauthorized", "code": 401})"};
    }
    boost::json::value sent = body.empty() ? boost::json::value() : boost::json::parse(body);
    Exchange* last = nullptr;
    for (auto& one : exchanges_) {
      bool same = one.key == key;
      if (same && !one.body.empty()) same = boost::json::parse(one.body) == sent;
      if (same && !one.used) {
        one.used = true;
        return {one.status, one.answer};
      }
      if (same) last = &one;
      if (!one.used && !one.key.starts_with("GET ")) break;
    }
    if (last != nullptr && key.starts_with("GET ")) return {last->status, last->answer};
    if (unexpected_.size() < 10) {
      unexpected_.push_back(key + "\n" + body);
      std::fprintf(stderr, "not recorded: %s\n", unexpected_.back().c_str());
    }
    return {500, "not recorded"};
  }

  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  std::optional<asio::ssl::context> tls_;
  std::atomic<bool> ended_ = false;
  std::atomic<int> refused_tokens_ = 0;
  std::atomic<int> refused_handshakes_ = 0;
  const std::string token_ = "test-token";
  std::mutex mutex_;
  std::vector<Exchange> exchanges_;
  std::vector<std::string> unexpected_;
  std::thread thread_;
};

}  // namespace suiro::container
