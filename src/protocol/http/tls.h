// SPDX-License-Identifier: Apache-2.0
// The TLS side of a listener.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/task.h"

namespace suiro::http {

struct TlsFiles {
  std::string certificate_chain;  // PEM: the server's certificate first
  std::string private_key;        // PEM
};

// TLS 1.2 and 1.3. Errors: kInvalidArgument where a file cannot be read or the key does not fit.
Result<std::shared_ptr<asio::ssl::context>> load_tls(const TlsFiles& files);

}  // namespace suiro::http
