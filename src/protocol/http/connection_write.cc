// SPDX-License-Identifier: Apache-2.0
// The output side of Connection.
#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/log.h"
#include "protocol/http/connection.h"

namespace suiro::http {
namespace {

constexpr std::string_view kBrokenResponse =
    "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

bool status_has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

// What a client stored as metadata must not become a header or body of its own.
void append_value(Bytes& out, std::string_view value) {
  auto is_control = [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
  };
  size_t at = out.size();
  out += value;
  bool any = false;  // without a branch a byte
  for (char c : value) any |= is_control(c);
  if (any) std::ranges::replace_if(std::span(out).subspan(at), is_control, ' ');
}

void append_header(Bytes& out, std::string_view name, std::string_view value) {
  append_value(out, name);
  out += ": ";
  append_value(out, value);
  out += "\r\n";
}

}  // namespace

bool Connection::sends_body(const Response& response) const {
  return request_method_ != "HEAD" && status_has_body(response.status);
}

void Connection::write_head(const Response& response, std::optional<uint64_t> length, bool keep) {
  Bytes& out = head_out_;
  out.clear();
  if (std::exchange(owes_needless_continue_, false)) out += "HTTP/1.1 100 Continue\r\n\r\n";
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("HTTP/1.1 {} "), response.status);
  out += status_text(response.status);
  out += "\r\n";
  bool own_length = false, own_date = false;
  for (const auto& [name, value] : response.headers) {
    if (equal_ignore_case(name, "connection") || equal_ignore_case(name, "transfer-encoding"))
      continue;
    if (equal_ignore_case(name, "content-length")) {
      // HEAD and 304 tell the length of what GET would send.
      if (sends_body(response) || response.status == 204) continue;
      own_length = true;
    }
    own_date |= equal_ignore_case(name, "date");
    append_header(out, name, value);
  }
  if (!own_date) append_header(out, "date", context_.date());
  bool tells_length = !own_length && response.status != 204 && response.status != 304;
  if (tells_length && length) {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("content-length: {}\r\n"), *length);
  } else if (tells_length && parser_.head().version >= 11) {
    out += "transfer-encoding: chunked\r\n";
  }
  if (!keep)
    out += "connection: close\r\n";
  else if (parser_.head().version < 11)
    out += "connection: keep-alive\r\n";
  out += "\r\n";
}

Task<bool> Connection::write(ByteView first, ByteView second) {
  set_deadline(context_.settings.write_timeout);
  ErrorCode ec = co_await transport_.write(first, second);
  clear_deadline();
  if (ec) co_return false;
  response_bytes_ += first.size() + second.size();
  co_return true;
}

// The head goes with the first piece.
Task<bool> Connection::write_sized(shapes::ByteSource& body, uint64_t length) {
  uint64_t sent = 0;
  while (sent < length || sent == 0) {
    auto piece = co_await body.read(kPieceBytes);
    if (!piece) {
      log::warning("A response body broke off after {} of {} bytes: {}", sent, length,
                   piece.error().message);
      // Nothing of it went out yet: the client can still be told.
      if (sent == 0) co_await write(kBrokenResponse, {});
      co_return false;
    }
    bool wrong = piece->size() > length - sent || (piece->empty() && sent < length);
    if (wrong) {
      log::error("A response body has not the length of {} bytes that it declared", length);
      co_return false;
    }
    if (!co_await write(sent == 0 ? ByteView(head_out_) : ByteView(), *piece)) co_return false;
    sent += piece->size();
    if (length == 0) break;
  }
  co_return true;
}

Task<bool> Connection::write_unsized(shapes::ByteSource& body) {
  bool chunked = parser_.head().version >= 11;
  // The head goes at once: the first piece may be long in coming.
  if (!co_await write(head_out_, {})) co_return false;
  for (;;) {
    auto piece = co_await body.read(kPieceBytes);
    if (!piece) {
      log::warning("A response stream broke off: {}", piece.error().message);
      co_return false;
    }
    if (piece->empty()) break;
    std::string line;
    if (chunked) {
      line = fmt::format("{:x}\r\n", piece->size());
      // At once: a reader waits for the chunk's end before it hands the chunk on.
      *piece += "\r\n";
    }
    if (!co_await write(line, *piece)) co_return false;
  }
  if (!chunked) co_return true;
  co_return co_await write("0\r\n\r\n", {});
}

Task<Connection::Step> Connection::respond(Response response) {
  Sent sent;
  sent.handled = context_.clock.steady();
  std::optional<uint64_t> length = response.content.size();
  if (response.body) length = response.body->length();
  bool keep = parser_.head_done() && parser_.head().keep_alive && !response.close && !draining_ &&
              !read_error_ && (length || parser_.head().version >= 11);
  if (!body_complete() && !(keep && co_await drop_body())) keep = false;
  write_head(response, length, keep);
  if (!sends_body(response)) {
    sent.complete = co_await write(head_out_, {});
  } else if (!response.body) {
    sent.complete = co_await write(head_out_, response.content);
  } else if (length) {
    sent.complete = co_await write_sized(*response.body, *length);
  } else {
    sent.complete = co_await write_unsized(*response.body);
  }
  sent.finished = context_.clock.steady();
  sent.request_bytes = request_bytes_;
  sent.response_bytes = response_bytes_;
  if (response.on_sent) response.on_sent(sent);
  if (sent.complete && keep) co_return Step::kOk;
  if (sent.complete) co_await linger();
  co_return Step::kClose;
}

Task<Connection::Step> Connection::refuse(int status, std::string reason) {
  clear_deadline();
  context_.handler.on_refusal({status, reason, peer_.first, peer_.second, listener_});
  Response response;
  response.status = status;
  response.headers = {{"content-type", "text/plain; charset=utf-8"}};
  response.content = std::move(reason) + "\n";
  response.close = true;
  expired_ = false;  // the answer is a wait of its own
  co_return co_await respond(std::move(response));
}

// A close with unread input would reset the connection, and the client might lose the answer.
Task<void> Connection::linger() {
  if (read_error_ || expired_) co_return;
  set_deadline(context_.settings.linger_timeout);
  co_await transport_.shutdown_send();
  size_t dropped = 0;
  while (!expired_ && dropped < kLingerBytesMax) {
    begin_ = end_ = 0;
    if (!co_await fill()) break;
    dropped += end_;
  }
  clear_deadline();
}

}  // namespace suiro::http
