// SPDX-License-Identifier: Apache-2.0
#include "protocol/http/connection.h"

#include <boost/asio/post.hpp>
#include <cstring>

#include "base/check.h"
#include "protocol/http/http2_session.h"

namespace suiro::http {

// The body of the request in progress, read from the connection.
class ConnectionBody final : public shapes::ByteSource {
 public:
  explicit ConnectionBody(Connection& connection, std::optional<uint64_t> length)
      : connection_(connection), length_(length) {}
  Task<Result<Bytes>> read(size_t bytes_max) override { return connection_.read_body(bytes_max); }
  std::optional<uint64_t> length() const override { return length_; }

 private:
  Connection& connection_;
  std::optional<uint64_t> length_;
};

std::string_view ConnectionContext::date() {
  TimePoint second = std::chrono::floor<std::chrono::seconds>(clock.now());
  if (second != date_second || date_text.empty()) {
    date_second = second;
    date_text = format_http_date(second);
  }
  return date_text;
}

Connection::Connection(ConnectionContext& context, Transport transport, std::string listener)
    : context_(context),
      transport_(std::move(transport)),
      listener_(std::move(listener)),
      watched_(transport_.executor()) {}

Connection::~Connection() = default;

Task<void> Connection::run() {
  // A subscriber may be on another shard, and outlive this connection.
  cancellation_ =
      std::make_shared<Cancellation>([weak = weak_from_this(), executor = transport_.executor()] {
        asio::post(executor, [weak] {
          if (auto self = weak.lock()) self->watch();
        });
      });
  peer_ = transport_.peer();
  set_deadline(context_.settings.tls_handshake_timeout);
  ErrorCode ec = co_await transport_.handshake();
  clear_deadline();
  if (!ec && co_await speaks_http2()) {
    co_await serve_http2();
  } else if (!ec) {
    while (co_await serve_one() == Step::kOk) {
    }
  }
  cancellation_->cancel();
  transport_.close();
  while (watching_) co_await watched_.wait();
}

Task<bool> Connection::speaks_http2() {
  set_deadline(context_.settings.keep_alive_timeout);
  bool whole = false;
  // Each turn reads at least one byte, of the preface's few.
  do {
    if (!co_await fill()) break;
    std::string_view begun(buffer_.get() + begin_, std::min(buffered(), kHttp2Preface.size()));
    if (!kHttp2Preface.starts_with(begun)) break;
    whole = begun.size() == kHttp2Preface.size();
    set_deadline(context_.settings.head_timeout);
  } while (!whole);
  clear_deadline();
  co_return whole;
}

Task<void> Connection::serve_http2() {
  http2_ = std::make_shared<Http2Session>(Http2Session::Parts{
      .context = context_, .transport = transport_, .listener = listener_, .peer = peer_});
  if (draining_) http2_->drain();
  co_await http2_->run(Bytes(buffer_.get() + begin_, buffered()));
}

void Connection::set_deadline(Millis timeout) {
  deadline_ = context_.clock.steady() + std::chrono::duration_cast<Micros>(timeout);
}

void Connection::sweep(Micros now) {
  if (http2_) return http2_->sweep(now);
  if (deadline_ == Micros{0} || now < deadline_) return;
  clear_deadline();
  expired_ = true;
  transport_.cancel();
}

void Connection::drain() {
  draining_ = true;
  if (http2_) return http2_->drain();
  if (idle_) {
    expired_ = true;
    transport_.cancel();
  } else if (handling_) {
    cancellation_->cancel();
  }
}

void Connection::abort() {
  draining_ = true;
  if (http2_) http2_->abort();
  expired_ = true;
  if (cancellation_) cancellation_->cancel();
  transport_.close();
}

// --- input ---

void Connection::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ < capacity_) return;
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, buffered());
    end_ -= std::exchange(begin_, 0);
    return;
  }
  grow(capacity_ == 0 ? kInputBytes : capacity_ * 2);
}

void Connection::grow(size_t larger) {
  auto grown = std::make_unique_for_overwrite<char[]>(larger);
  if (end_ > 0) std::memcpy(grown.get(), buffer_.get(), end_);
  buffer_ = std::move(grown);
  capacity_ = larger;
}

Task<bool> Connection::fill() {
  if (watching_) {
    while (watching_) co_await watched_.wait();
    if (!read_error_) co_return true;
  }
  if (read_error_ || expired_) co_return false;
  make_room();
  size_t got = co_await transport_.read_some(buffer_.get() + end_, capacity_ - end_, read_error_);
  if (read_error_) co_return false;
  end_ += got;
  co_return true;
}

Task<Connection::Step> Connection::read_head() {
  parser_.reset();
  request_bytes_ = response_bytes_ = 0;
  // Until the head is known, a refusal is of a request without a body.
  chunked_ = false;
  body_left_ = 0;
  idle_ = true;
  set_deadline(context_.settings.keep_alive_timeout);
  // Ends with the head, an error, or kHeaderBytesMax in the buffer.
  for (;;) {
    if (buffered() > 0) {
      if (std::exchange(idle_, false)) set_deadline(context_.settings.head_timeout);
      auto used = parser_.put({buffer_.get() + begin_, buffered()});
      if (!used) co_return co_await refuse(used.error().status, used.error().reason);
      begin_ += *used;
      request_bytes_ += *used;
      if (parser_.head_done()) break;
      if (request_bytes_ + buffered() >= kHeaderBytesMax)
        co_return co_await refuse(431, "The request's headers are too large.");
    } else if (draining_) {
      co_return Step::kClose;
    }
    if (!co_await fill()) {
      clear_deadline();
      if (idle_ || !expired_ || draining_) co_return Step::kClose;
      co_return co_await refuse(408, "The request did not arrive in time.");
    }
  }
  clear_deadline();
  co_return Step::kOk;
}

Task<Connection::Step> Connection::serve_one() {
  if (co_await read_head() == Step::kClose) co_return Step::kClose;
  Head& head = parser_.head();
  if (head.content_length.value_or(0) > context_.settings.body_bytes_max)
    co_return co_await refuse(413, "The request's body is too large.");
  chunked_ = head.chunked;
  body_left_ = head.content_length.value_or(0);
  body_received_ = 0;
  body_broken_ = false;
  owes_continue_ = head.expects_continue && !body_complete();
  owes_needless_continue_ = head.expects_continue && body_complete();
  request_method_ = head.method;
  Request request = make_request();
  if (!head.chunked && !owes_continue_ && body_left_ <= context_.settings.eager_body_bytes_max) {
    if (co_await read_eagerly(request) == Step::kClose) co_return Step::kClose;
  } else if (!body_complete()) {
    request.body = std::make_unique<ConnectionBody>(*this, head.content_length);
  }
  handling_ = true;
  Response response = co_await context_.handler.handle(std::move(request));
  Step step = co_await respond(std::move(response));
  handling_ = false;
  co_return step;
}

Request Connection::make_request() {
  Head& head = parser_.head();
  Request request;
  request.method = std::move(head.method);
  request.path = std::move(head.path);
  request.query = std::move(head.query);
  request.host = std::move(head.host);
  request.version = head.version;
  request.headers = std::move(head.headers);
  request.peer_address = peer_.first;
  request.peer_port = peer_.second;
  request.listener = listener_;
  request.tls = transport_.agreed();
  request.cancellation = cancellation_;
  request.received = context_.clock.steady();
  request.started = context_.clock.now();
  return request;
}

Task<Connection::Step> Connection::read_eagerly(Request& request) {
  if (body_left_ == 0) co_return Step::kOk;
  size_t size = body_left_;
  size_t at = std::min(buffered(), size);
  request.content.resize_and_overwrite(size, [&](char* to, size_t) {
    std::memcpy(to, buffer_.get() + begin_, at);
    return size;
  });
  begin_ += at;
  while (at < size) {
    set_deadline(context_.settings.body_idle_timeout);
    size_t got = co_await transport_.read_some(request.content.data() + at, size - at, read_error_);
    clear_deadline();
    if (read_error_) {
      if (expired_ && !draining_)
        co_return co_await refuse(408, "The request's body did not arrive in time.");
      co_return co_await refuse(400, "The request's body is shorter than its Content-Length.");
    }
    at += got;
  }
  request_bytes_ += size;
  body_left_ = 0;
  co_return Step::kOk;
}

bool Connection::body_complete() const {
  return chunked_ ? parser_.done() : body_left_ == 0;
}

std::unexpected<Error> Connection::body_failed() {
  body_broken_ = true;
  if (expired_)
    return fail("RequestTimeout",
                "Your socket connection to the server was not read from or written to within the "
                "timeout period. Idle connections will be closed.");
  return fail("IncompleteBody",
              "You did not provide the number of bytes specified by the Content-Length HTTP "
              "header");
}

Task<Result<Bytes>> Connection::read_body(size_t bytes_max) {
  if (body_complete()) co_return Bytes();
  if (body_broken_) co_return body_failed();
  if (std::exchange(owes_continue_, false)) {
    if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n", {})) co_return body_failed();
  }
  bytes_max = std::clamp<size_t>(bytes_max, 1, kPieceBytes);
  if (chunked_) co_return co_await read_chunked(bytes_max);
  co_return co_await read_sized(bytes_max);
}

// Fills the piece, unless the client pauses with half of it sent.
Task<Result<Bytes>> Connection::read_sized(size_t bytes_max) {
  size_t size = std::min<uint64_t>(bytes_max, body_left_);
  size_t at = std::min(buffered(), size);
  Bytes piece;
  piece.resize_and_overwrite(size, [&](char* to, size_t) {
    std::memcpy(to, buffer_.get() + begin_, at);
    return size;
  });
  begin_ += at;
  // Each turn reads at least one byte.
  while (at < size && at < (size + 1) / 2) {
    if (read_error_ || expired_) co_return body_failed();
    set_deadline(context_.settings.body_idle_timeout);
    size_t got = co_await transport_.read_some(piece.data() + at, size - at, read_error_);
    clear_deadline();
    if (read_error_) co_return body_failed();
    at += got;
  }
  piece.resize(at);
  body_left_ -= at;
  request_bytes_ += at;
  co_return piece;
}

Task<Result<Bytes>> Connection::read_chunked(size_t) {
  if (capacity_ < kChunkedInputBytes) grow(kChunkedInputBytes);
  // Each turn uses buffered bytes or reads more; a size line or trailer that does not fit is
  // refused.
  for (;;) {
    if (buffered() > 0) {
      auto used = parser_.put({buffer_.get() + begin_, buffered()});
      if (!used) {
        body_broken_ = true;
        co_return fail("InvalidRequest", used.error().reason);
      }
      begin_ += *used;
      request_bytes_ += *used;
      Bytes chunk = parser_.take_chunk();
      body_received_ += chunk.size();
      if (body_received_ > context_.settings.body_bytes_max) {
        body_broken_ = true;
        co_return fail("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
      }
      if (!chunk.empty() || parser_.done()) co_return chunk;
    }
    set_deadline(context_.settings.body_idle_timeout);
    bool more = co_await fill();
    clear_deadline();
    if (!more) co_return body_failed();
  }
}

// True where the rest of the body was short and has been read, so that the connection can go on.
Task<bool> Connection::drop_body() {
  if (body_complete()) co_return true;
  if (owes_continue_ || body_broken_ || body_left_ > kDropBytesMax) co_return false;
  size_t dropped = 0;
  while (dropped <= kDropBytesMax) {
    auto piece = co_await read_body(kPieceBytes);
    if (!piece) co_return false;
    if (piece->empty()) co_return true;
    dropped += piece->size();
  }
  co_return false;
}

// --- watching for the client's going ---

void Connection::watch() {
  if (!handling_ || watching_ || read_error_ || buffered() > 0 || !body_complete()) return;
  watching_ = true;
  context_.scope.spawn([](std::shared_ptr<Connection> self) -> Task<void> {
    co_await self->watch_once();
  }(shared_from_this()));
  if (context_.scope.closing()) watching_ = false;
}

Task<void> Connection::watch_once() {
  make_room();
  ErrorCode ec;
  size_t got = co_await transport_.read_some(buffer_.get() + end_, capacity_ - end_, ec);
  watching_ = false;
  if (ec) {
    read_error_ = ec;
    if (handling_) cancellation_->cancel();
  } else {
    end_ += got;
  }
  watched_.notify_all();
}

}  // namespace suiro::http
