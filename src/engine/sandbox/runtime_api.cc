// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/runtime_api.h"

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include "base/log.h"

namespace suiro::sandbox {

namespace {

constexpr std::string_view kPrefix = "/2018-06-01/runtime/";
constexpr size_t kReadBytes = 16 * 1024;
// A body larger than a response may be is read and dropped up to this size, so that the runtime
// gets an answer instead of a broken connection.
constexpr size_t kDiscardBytesMax = 256 * 1024 * 1024;

std::string error_document(std::string_view type, std::string_view message) {
  return fmt::format(R"({{"errorMessage":"{}","errorType":"{}"}})", message, type);
}

}  // namespace

struct RuntimeApi::Request {
  RequestHead head;
  Bytes body;
  Headers trailers;
  bool too_large = false;  // the body was dropped
};

struct RuntimeApi::Connection {
  explicit Connection(Socket socket) : socket(std::move(socket)) {}
  Socket socket;
  std::string buffer;  // read and not yet used

  // Reads more into the buffer; false at the end or on an error.
  Task<bool> fill() {
    size_t had = buffer.size();
    boost::system::error_code error;
    buffer.resize(had + kReadBytes);
    size_t count = co_await socket.async_read_some(asio::buffer(buffer.data() + had, kReadBytes),
                                                   asio::redirect_error(use_task, error));
    buffer.resize(had + (error ? 0 : count));
    co_return !error;
  }

  Task<bool> write(std::string bytes) {
    boost::system::error_code error;
    co_await asio::async_write(socket, asio::buffer(bytes), asio::redirect_error(use_task, error));
    co_return !error;
  }

  // Takes the text before the first empty line; nullopt at the end of the connection or the limit.
  Task<std::optional<std::string>> head() {
    for (size_t seen = 0;;) {
      size_t end = buffer.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
      if (end != std::string::npos) {
        std::string text = buffer.substr(0, end);
        buffer.erase(0, end + 4);
        co_return text;
      }
      seen = buffer.size();
      if (seen > kHeadBytesMax || !co_await fill()) co_return std::nullopt;
    }
  }

  // Reads a body of known length.
  Task<bool> sized_body(uint64_t length, Bytes& body) {
    body = buffer.substr(0, length);
    buffer.erase(0, body.size());
    size_t had = body.size();
    if (had == length) co_return true;
    body.resize(length);
    boost::system::error_code error;
    co_await asio::async_read(socket, asio::buffer(body.data() + had, length - had),
                              asio::redirect_error(use_task, error));
    co_return !error;
  }

  // Reads what follows the head. False when the connection is over.
  Task<bool> read_body(Request& request) {
    const RequestHead& head = request.head;
    if (!head.chunked) {
      request.too_large = head.content_length > kResponseBytesMax;
      if (request.too_large) co_return co_await discard(head.content_length);
      co_return co_await sized_body(head.content_length, request.body);
    }
    ChunkDecoder decoder(kResponseBytesMax);
    for (;;) {
      auto fed = decoder.feed(buffer);
      request.too_large = !fed && fed.error().code == codes::kTooLarge;
      if (request.too_large) co_return true;
      if (!fed) co_return false;
      if (decoder.complete()) break;
      if (!co_await fill()) co_return false;
    }
    request.body = std::move(decoder.body());
    request.trailers = decoder.trailers();
    co_return true;
  }

  Task<bool> discard(uint64_t length) {
    if (length > kDiscardBytesMax) co_return false;
    while (length > buffer.size()) {
      length -= buffer.size();
      buffer.clear();
      if (!co_await fill()) co_return false;
    }
    buffer.erase(0, length);
    co_return true;
  }
};

struct RuntimeApi::Answer {
  int status = 202;
  std::string_view reason = "Accepted";
  Headers headers = {{"Content-Type", "application/json"}};
  std::string body = R"({"status":"OK"})";
  bool close = false;
};

namespace {
constexpr std::string_view kInvalidId = "InvalidRequestID";
}

RuntimeApi::RuntimeApi(TaskScope& scope, RuntimeCalls& calls)
    : scope_(scope), calls_(calls), acceptor_(scope.executor()) {}

RuntimeApi::~RuntimeApi() = default;

Result<void> RuntimeApi::start(Descriptor listener) {
  boost::system::error_code error;
  acceptor_.assign(asio::ip::tcp::v4(), listener.get(), error);
  if (error) return fail(codes::kInternal, "runtime API listener: " + error.message());
  listener.release();
  scope_.spawn(accept());
  return ok();
}

void RuntimeApi::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (const auto& connection : connections_) connection->socket.close(ignored);
}

Task<void> RuntimeApi::accept() {
  while (acceptor_.is_open()) {
    boost::system::error_code error;
    Socket socket(scope_.executor());
    co_await acceptor_.async_accept(socket, asio::redirect_error(use_task, error));
    if (error) {
      // Out of descriptors, for one: the runtime that asked gets nothing and times out.
      if (error != asio::error::operation_aborted) {
        log::warning("sandbox: the runtime API's listener failed: {}", error.message());
      }
      co_return;
    }
    if (connections_.size() >= kConnectionsMax) continue;  // closed unanswered
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    auto connection = std::make_shared<Connection>(std::move(socket));
    connections_.insert(connection);
    scope_.spawn(serve(connection));
  }
}

Task<void> RuntimeApi::serve(std::shared_ptr<Connection> connection) {
  while (co_await exchange(*connection)) {
  }
  connections_.erase(connection);
}

// One request and its answer; false when the connection is over.
Task<bool> RuntimeApi::exchange(Connection& connection) {
  auto text = co_await connection.head();
  if (!text) co_return false;
  auto head = parse_head(*text);
  if (!head) {
    co_await connection.write(response(400, "Bad Request", {},
                                       error_document("BadRequest", head.error().message), false));
    co_return false;
  }
  if (head->expects_continue && !co_await connection.write("HTTP/1.1 100 Continue\r\n\r\n")) {
    co_return false;
  }
  Request request{std::move(*head)};
  if (!co_await connection.read_body(request)) co_return false;
  // What follows a refused chunked body cannot be told from it.
  bool keep_alive = request.head.keep_alive && !(request.too_large && request.head.chunked);
  Answer reply = co_await answer(std::move(request));
  keep_alive = keep_alive && !reply.close;
  bool written = co_await connection.write(
      response(reply.status, reply.reason, reply.headers, reply.body, keep_alive));
  co_return written&& keep_alive;
}

Task<RuntimeApi::Answer> RuntimeApi::answer(Request request) {
  const RequestHead& head = request.head;
  std::string_view target = head.target;
  const Answer not_found{404, "Not Found", {}, "404 page not found\n"};
  if (!target.starts_with(kPrefix)) co_return not_found;
  target.remove_prefix(kPrefix.size());
  if (target == "invocation/next" && head.method == "GET") {
    auto work = co_await calls_.next();
    if (!work) {
      co_return Answer{503, "Service Unavailable", {}, error_document("Closed", "closing"), true};
    }
    work->headers.emplace_back("Content-Type", "application/json");
    co_return Answer{200, "OK", std::move(work->headers), std::move(work->payload)};
  }
  if (head.method != "POST") co_return not_found;
  if (target == "init/error") {
    const std::string* type = find_header(head.headers, "lambda-runtime-function-error-type");
    if (calls_.init_raised(type ? *type : "", std::move(request.body))) co_return Answer{};
    co_return Answer{403,
                     "Forbidden",
                     {},
                     error_document("InvalidStateTransition", "the initialization has ended")};
  }
  constexpr std::string_view kInvocation = "invocation/";
  if (!target.starts_with(kInvocation)) co_return not_found;
  target.remove_prefix(kInvocation.size());
  size_t slash = target.find('/');
  if (slash == std::string_view::npos) co_return not_found;
  std::string id(target.substr(0, slash));
  std::string verb(target.substr(slash + 1));
  co_return finish(id, verb, std::move(request));
}

RuntimeApi::Answer RuntimeApi::finish(std::string_view id, std::string_view verb, Request request) {
  constexpr std::string_view kErrorType = "lambda-runtime-function-error-type";
  bool known = false;
  if (verb != "response" && verb != "error") return {404, "Not Found", {}, "404 page not found\n"};
  if (request.too_large) {
    known = calls_.response_too_large(id);
  } else if (verb == "error") {
    const std::string* type = find_header(request.head.headers, kErrorType);
    known = calls_.raised(id, type ? *type : "", std::move(request.body));
  } else if (const std::string* type = find_header(request.trailers, kErrorType)) {
    // A stream that failed half-way tells so after its bytes.
    const std::string* document =
        find_header(request.trailers, "lambda-runtime-function-error-body");
    auto decoded = base64_decode(document ? *document : "");
    known = calls_.raised(id, *type, decoded ? std::move(*decoded) : Bytes());
  } else {
    known = calls_.returned(id, std::move(request.body));
  }
  if (!known) return {400, "Bad Request", {}, error_document(kInvalidId, "Invalid request ID")};
  if (request.too_large) {
    return {413,
            "Payload Too Large",
            {},
            error_document("RequestEntityTooLarge", "Exceeded maximum allowed payload size")};
  }
  return {};
}

}  // namespace suiro::sandbox
