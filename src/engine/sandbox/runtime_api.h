// SPDX-License-Identifier: Apache-2.0
// The Lambda runtime API ("Using the Lambda runtime API for custom runtimes", AWS Lambda Developer
// Guide) on a listener inside one sandbox:
//   GET  /2018-06-01/runtime/invocation/next
//   POST /2018-06-01/runtime/invocation/{id}/response     also streamed; the body is taken as a
//   whole POST /2018-06-01/runtime/invocation/{id}/error POST /2018-06-01/runtime/init/error
// Everything else (extensions, logs and telemetry APIs) answers 404.
//
// Invariant: a connection carries one request at a time; a request that breaks a limit or the
// syntax ends its connection, never the server. Thread: one executor.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/task.h"
#include "engine/sandbox/files.h"
#include "engine/sandbox/http_wire.h"

namespace suiro::sandbox {

inline constexpr size_t kConnectionsMax = 16;
// AWS's limit of a response with the envelope that it allows (the number in its error message).
inline constexpr size_t kResponseBytesMax = 6'291'556;

// What the API's user, the sandbox, does with the calls.
class RuntimeCalls {
 public:
  virtual ~RuntimeCalls() = default;
  struct Work {
    Headers headers;  // Lambda-Runtime-*
    Bytes payload;
  };
  // Waits for an invocation; nullopt when the sandbox closes.
  virtual Task<std::optional<Work>> next() = 0;
  // False when no invocation of this id waits for its end.
  virtual bool returned(std::string_view request_id, Bytes payload) = 0;
  virtual bool raised(std::string_view request_id, std::string error_type, Bytes document) = 0;
  virtual bool response_too_large(std::string_view request_id) = 0;
  // False when the start has already ended.
  virtual bool init_raised(std::string error_type, Bytes document) = 0;
};

class RuntimeApi {
 public:
  // `calls` and `scope` outlive this.
  RuntimeApi(TaskScope& scope, RuntimeCalls& calls);
  ~RuntimeApi();
  // Takes a listening socket. Errors: kInternal.
  Result<void> start(Descriptor listener);
  // Closes the listener and every connection; their coroutines end soon after.
  void stop();

 private:
  using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
  using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
  struct Connection;
  struct Request;
  struct Answer;

  Task<void> accept();
  Task<void> serve(std::shared_ptr<Connection> connection);
  Task<bool> exchange(Connection& connection);
  Task<Answer> answer(Request request);
  Answer finish(std::string_view id, std::string_view verb, Request request);

  TaskScope& scope_;
  RuntimeCalls& calls_;
  Acceptor acceptor_;
  std::set<std::shared_ptr<Connection>> connections_;
};

}  // namespace suiro::sandbox
