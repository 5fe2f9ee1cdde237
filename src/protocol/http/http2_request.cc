// SPDX-License-Identifier: Apache-2.0
// Http2Session: from headers to the handler, and its answer back.

#include <charconv>

#include "base/bytes.h"
#include "base/log.h"
#include "protocol/http/http2_session.h"
#include "protocol/http/parser.h"

namespace suiro::http {
namespace {

using Input = Http2Stream::InputState;
using Output = Http2Stream::OutputState;

constexpr size_t kHeaderOverhead = 32;  // as HPACK counts (RFC 7541, section 4.1)

// Headers of HTTP/1.1 connections have no meaning here (RFC 9113, section 8.2.2).
bool of_connection(std::string_view name) {
  for (std::string_view one :
       {"connection", "transfer-encoding", "keep-alive", "upgrade", "proxy-connection"})
    if (equal_ignore_case(name, one)) return true;
  return false;
}

std::string clean_value(std::string_view value) {
  std::string out(value);
  for (char& c : out) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F) c = ' ';
  }
  return out;
}

bool status_has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

std::optional<uint64_t> content_length(const Request& request) {
  const std::string* text = request.header("content-length");
  if (!text) return {};
  uint64_t length = 0;
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), length);
  // nghttp2 has refused what is no number and what the frames do not add up to.
  if (ec != std::errc() || end != text->data() + text->size()) return {};
  return length;
}

}  // namespace

// The request's body, read from its stream.
class Http2Body final : public shapes::ByteSource {
 public:
  Http2Body(std::shared_ptr<Http2Session> session, std::shared_ptr<Http2Stream> stream,
            std::optional<uint64_t> length)
      : session_(std::move(session)), stream_(std::move(stream)), length_(length) {}
  Task<Result<Bytes>> read(size_t bytes_max) override {
    return session_->read_body(stream_, bytes_max);
  }
  std::optional<uint64_t> length() const override { return length_; }

 private:
  std::shared_ptr<Http2Session> session_;
  std::shared_ptr<Http2Stream> stream_;
  std::optional<uint64_t> length_;
};

void Http2Session::on_header(Http2Stream& stream, std::string_view name, std::string_view value) {
  stream.header_bytes += name.size() + value.size() + kHeaderOverhead;
  if (stream.header_bytes > kHeaderBytesMax) {
    stream.input_limit = true;
    return;
  }
  Request& request = stream.request;
  if (name == ":method") {
    request.method = value;
  } else if (name == ":path") {
    size_t mark = value.find('?');
    request.path = value.substr(0, mark);
    if (mark != value.npos) request.query = value.substr(mark + 1);
  } else if (name == ":authority") {
    stream.authority = value;
  } else if (!name.starts_with(':')) {
    request.headers.emplace_back(name, value);
  }
}

void Http2Session::on_request(const StreamPtr& stream, Input input) {
  Request& request = stream->request;
  const std::string* host = request.header("host");
  bool two_hosts = host && !stream->authority.empty() && *host != stream->authority;
  request.host = host ? *host : stream->authority;
  if (!host) request.headers.emplace_back("host", stream->authority);
  // Clients may sign it by this name (the JavaScript SDK does).
  request.headers.emplace_back(":authority", request.host);
  request.version = 20;
  request.peer_address = peer_.first;
  request.peer_port = peer_.second;
  request.listener = listener_;
  request.tls = transport_.agreed();
  request.cancellation = stream->cancellation;
  request.received = context_.clock.steady();
  request.started = context_.clock.now();
  stream->sent.request_bytes = stream->header_bytes;
  stream->input_state = input;
  if (stream->input_limit) return refuse(stream, 431, "The request's headers are too large.");
  if (two_hosts) return refuse(stream, 400, "The request names two hosts.");
  auto length = content_length(request);
  if (length.value_or(0) > context_.settings.body_bytes_max)
    return refuse(stream, 413, "The request's body is too large.");
  if (const std::string* expect = request.header("expect");
      expect && equal_ignore_case(*expect, "100-continue")) {
    nghttp2_nv status = {const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(":status")),
                         const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>("100")), 7, 3,
                         NGHTTP2_NV_FLAG_NONE};
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream->id, nullptr, &status, 1, nullptr);
  }
  bool eager = input == Input::kOpen && length && *length <= context_.settings.eager_body_bytes_max;
  if (!eager) hand_over(stream);
}

void Http2Session::on_input_end(const StreamPtr& stream) {
  stream->input_state = Input::kEnded;
  stream->changed.notify_all();
  if (!stream->handed_over) hand_over(stream);
}

void Http2Session::on_close(int32_t id) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  StreamPtr stream = std::move(found->second);
  streams_.erase(found);
  // What nobody read of its body leaves the connection's window.
  if (!closed_) nghttp2_session_consume_connection(session_, stream->input.size());
  stream->closed = true;
  stream->cancellation->cancel();
  stream->changed.notify_all();
}

void Http2Session::hand_over(const StreamPtr& stream) {
  stream->handed_over = true;
  if (context_.scope.closing()) return;
  ++coroutines_;
  context_.scope.spawn([](std::shared_ptr<Http2Session> self, StreamPtr of) -> Task<void> {
    co_await self->serve(std::move(of));
    --self->coroutines_;
    self->ended_.notify_all();
  }(shared_from_this(), stream));
}

Task<Result<Bytes>> Http2Session::read_body(StreamPtr stream, size_t bytes_max) {
  while (stream->input.empty() && stream->input_state == Input::kOpen && !stream->closed)
    co_await stream->changed.wait();
  if (stream->input.empty()) {
    if (stream->input_state == Input::kEnded) co_return Bytes();
    co_return fail("IncompleteBody",
                   "You did not provide the number of bytes specified by the Content-Length HTTP "
                   "header");
  }
  if (stream->input_bytes > context_.settings.body_bytes_max)
    co_return fail("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
  Bytes piece;
  if (stream->input.size() <= bytes_max) {
    piece = std::exchange(stream->input, {});
  } else {
    piece = stream->input.substr(0, bytes_max);
    stream->input.erase(0, bytes_max);
  }
  if (!closed_ && !stream->closed) {
    nghttp2_session_consume(session_, stream->id, piece.size());
    wake_writer();
  }
  co_return piece;
}

Task<void> Http2Session::serve(StreamPtr stream) {
  Request& request = stream->request;
  auto length = content_length(request);
  if (stream->input_state == Input::kEnded) {
    request.content = std::exchange(stream->input, {});
    if (!closed_ && !stream->closed)
      nghttp2_session_consume(session_, stream->id, request.content.size());
  } else {
    request.body = std::make_unique<Http2Body>(shared_from_this(), stream, length);
  }
  std::string method = request.method;
  Response response = co_await context_.handler.handle(std::move(request));
  stream->sent.handled = context_.clock.steady();
  if (method == "HEAD" || !status_has_body(response.status)) {
    // The head alone; content-length tells what GET would send.
    bool tells = find_header(response.headers, "content-length") != nullptr;
    std::optional<uint64_t> whole = response.content.size();
    if (response.body) whole = response.body->length();
    response.content.clear();
    response.body.reset();
    stream->output_state = Output::kEnded;
    stream->sent.complete = submit(stream, response, tells ? std::nullopt : whole);
    if (stream->sent.complete) co_await send_rest(stream);
  } else {
    stream->sent.complete = co_await respond(stream, response);
  }
  stream->sent.request_bytes += stream->input_bytes;
  stream->sent.finished = context_.clock.steady();
  if (response.on_sent) response.on_sent(stream->sent);
  // What the client still sends of a body that nobody reads would hold the window.
  if (!stream->closed && !closed_ && stream->input_state == Input::kOpen) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
    wake_writer();
  }
}

Task<bool> Http2Session::respond(StreamPtr stream, Response& response) {
  std::optional<uint64_t> length = response.content.size();
  if (response.body) length = response.body->length();
  if (!response.body) {
    stream->output = std::move(response.content);
    stream->output_state = Output::kEnded;
  }
  if (!submit(stream, response, length)) co_return false;
  if (response.body && !co_await send_body(stream, *response.body)) co_return false;
  co_await send_rest(stream);
  co_return stream->sent_end;
}

bool Http2Session::submit(const StreamPtr& stream, const Response& response,
                          std::optional<uint64_t> length) {
  if (closed_ || stream->closed) return false;
  Headers out = {{":status", std::to_string(response.status)}};
  bool dated = false;
  for (const auto& [name, value] : response.headers) {
    if (of_connection(name)) continue;
    std::string lower = to_lower(name);
    if (lower == "content-length" && length) continue;
    dated |= lower == "date";
    out.emplace_back(std::move(lower), clean_value(value));
  }
  if (!dated) out.emplace_back("date", context_.date());
  if (length && response.status != 204 && response.status != 304)
    out.emplace_back("content-length", std::to_string(*length));
  std::vector<nghttp2_nv> fields;
  for (auto& [name, value] : out) {
    fields.push_back({reinterpret_cast<uint8_t*>(name.data()),
                      reinterpret_cast<uint8_t*>(value.data()), name.size(), value.size(),
                      NGHTTP2_NV_FLAG_NONE});
    stream->sent.response_bytes += name.size() + value.size();
  }
  stream->sent.response_bytes += stream->output.size();
  // The stream outlives nghttp2's use of it: the map holds it until on_close().
  nghttp2_data_provider body = {{.ptr = stream.get()}, output_reader()};
  bool headers_only = stream->output_state == Output::kEnded && stream->output.empty();
  int failed = nghttp2_submit_response(session_, stream->id, fields.data(), fields.size(),
                                       headers_only ? nullptr : &body);
  wake_writer();
  return failed == 0;
}

Task<bool> Http2Session::send_body(StreamPtr stream, shapes::ByteSource& body) {
  while (!stream->closed) {
    auto piece = co_await body.read(kPieceBytes);
    if (stream->closed) co_return false;
    if (!piece) log::warning("A response stream broke off: {}", piece.error().message);
    if (!piece)
      stream->output_state = Output::kBroken;
    else if (piece->empty())
      stream->output_state = Output::kEnded;
    else
      stream->output += *piece;
    stream->sent.response_bytes += piece ? piece->size() : 0;
    if (std::exchange(stream->deferred, false)) nghttp2_session_resume_data(session_, stream->id);
    wake_writer();
    if (stream->output_state != Output::kOpen) co_return stream->output_state == Output::kEnded;
    while (stream->output.size() - stream->output_at > kHttp2OutputMax && !stream->closed)
      co_await stream->changed.wait();
  }
  co_return false;
}

// Until the last frame is on its way, or the client has gone.
Task<void> Http2Session::send_rest(StreamPtr stream) {
  while (!stream->sent_end && !stream->closed) co_await stream->changed.wait();
}

void Http2Session::refuse(const StreamPtr& stream, int status, std::string reason) {
  stream->handed_over = stream->refused = true;
  context_.handler.on_refusal({status, reason, peer_.first, peer_.second, listener_});
  Response response;
  response.status = status;
  response.headers = {{"content-type", "text/plain; charset=utf-8"}};
  stream->output = std::move(reason) + "\n";
  stream->output_state = Output::kEnded;
  submit(stream, response, stream->output.size());
}

}  // namespace suiro::http
