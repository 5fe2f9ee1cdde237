// SPDX-License-Identifier: Apache-2.0
// Reads HTTP/1.1 replies with a Content-Length, as every compared server sends them here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace suiro::bench {

struct HttpReply {
  int status = 0;
  std::string_view body;  // within the input
  size_t bytes = 0;       // head and body
  bool closes = false;    // "Connection: close"
};

// nullopt: not all of it is there yet. Status 0: it cannot be read.
std::optional<HttpReply> read_http_reply(std::string_view in);

}  // namespace suiro::bench
