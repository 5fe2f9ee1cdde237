// SPDX-License-Identifier: Apache-2.0
// Client: HTTP requests to other machines.
//
// Place: between the services that deliver to endpoints and libcurl, which only this folder (and
// the command line) includes.
//
// Invariants:
//  1. One thread runs all transfers; send() never blocks its shard and resumes it with the outcome.
//  2. Every request ends: by its reply, its timeout, or close().
//  3. Certificates and host names of HTTPS are verified. Redirects are not followed.
//  4. At most kQueuedMax requests wait or run; a reply beyond its limit is an error, not memory.
//  5. With Config::running_per_host_max a slow host holds no more than its share: of connections,
//     and kQueuedPerHostMax of what waits. A request's timeout counts from send().
//  6. Which addresses are refused is decided when connecting, of the address itself: it makes no
//     difference how the URL names it, or what its name means another time.
//  7. Errors tell a URL without its user and query: those may hold secrets, and errors are kept.
// Threads: any. Errors: kTimeout, kUnavailable (no connection, TLS), kTooLarge (the reply),
// kClosed, kThrottled (too many requests), kInvalidArgument (the URL, or an address that Config
// refuses).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/task.h"
#include "engine/http_out/reach.h"

namespace suiro::http_out {

inline constexpr size_t kQueuedMax = 4096;
inline constexpr size_t kQueuedPerHostMax = 1024;
inline constexpr size_t kReplyBytesDefault = 1 << 20;
inline constexpr Millis kConnectTimeout = std::chrono::seconds(10);

using Headers = std::vector<std::pair<std::string, std::string>>;

// Signs a request with AWS Signature Version 4.
struct AwsSigner {
  std::string region;
  std::string service;
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty: none
};

struct Request {
  std::string method = "POST";
  std::string url;  // http or https; with Reach::kPublic https alone
  Headers headers;
  Bytes body;
  Millis timeout = std::chrono::seconds(60);
  size_t reply_bytes_max = kReplyBytesDefault;
  std::optional<AwsSigner> signer = {};
};

// Gives the header of this name another value, or adds it; names are the same in any case.
void set_header(Headers& headers, std::string name, std::string value);
// A token of RFC 9110, section 5.6.2: a name that ends where it seems to.
bool is_header_name(std::string_view name);

struct Reply {
  int status = 0;
  Headers headers;  // lower-case names
  Bytes body;
  const std::string* header(std::string_view name) const;
};

struct Config {
  size_t connections_max = 64;
  size_t running_per_host_max = 0;  // requests; 0: no limit of a host
  std::string ca_file = {};         // PEM; empty: the system's
  // Environment proxies are used but with kPublic: they would hide the addresses.
  Reach reach = Reach::kAnywhere;
};

class Client {
 public:
  explicit Client(Config config);
  ~Client();  // close()s
  Client(const Client&) = delete;

  Task<Result<Reply>> send(Request request);
  Reach reach() const { return reach_; }
  // Ends what runs and waits, with kClosed. Blocks until the thread has ended.
  void close();

 private:
  class Worker;
  const Reach reach_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace suiro::http_out
