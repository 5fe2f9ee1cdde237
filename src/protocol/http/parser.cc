// SPDX-License-Identifier: Apache-2.0
#include "protocol/http/parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <charconv>

#include "base/check.h"

namespace suiro::http {
namespace {

namespace beast = boost::beast;
using beast::http::error;
using ErrorCode = boost::system::error_code;
using View = beast::string_view;

constexpr size_t kUsualHeaders = 16;

std::string_view to_std(View text) {
  return {text.data(), text.size()};
}

// What Beast accepts and this server does not ends the parsing with this code; the reason is kept
// beside it.
ErrorCode refused() {
  return make_error_code(boost::system::errc::bad_message);
}

class Beast final : public beast::http::basic_parser<true> {
 public:
  Beast() {
    header_limit(static_cast<uint32_t>(kHeaderBytesMax));
    body_limit(boost::none);
    head.headers.reserve(kUsualHeaders);
  }

  Head head;
  std::optional<ParseError> refusal;

 private:
  void refuse(int status, std::string reason, ErrorCode& ec) {
    refusal = ParseError{status, std::move(reason)};
    ec = refused();
  }

  void on_request_impl(beast::http::verb, View method, View target, int version,
                       ErrorCode& ec) override {
    head.method = to_std(method);
    head.version = version;
    std::string_view text = to_std(target);
    if (text.starts_with("http://") || text.starts_with("https://")) {
      text.remove_prefix(text.find("//") + 2);
      size_t slash = std::min(text.find_first_of("/?"), text.size());
      head.host = text.substr(0, slash);
      text.remove_prefix(slash);
      if (text.empty() || text[0] != '/') head.path = "/";
    } else if (!text.starts_with('/') && !(text == "*" && head.method == "OPTIONS")) {
      return refuse(400, "The request target must be a path.", ec);
    }
    size_t mark = text.find('?');
    head.path += text.substr(0, mark);
    if (mark != text.npos) head.query = text.substr(mark + 1);
  }

  void on_field_impl(beast::http::field field, View name, View value, ErrorCode& ec) override {
    if (head.headers.size() >= kHeaderCountMax)
      return refuse(431, "The request has too many headers.", ec);
    using enum beast::http::field;
    if (field == transfer_encoding) {
      if (!equal_ignore_case(to_std(value), "chunked"))
        return refuse(501, "The only transfer coding that is spoken is chunked.", ec);
      if (head.version < 11) return refuse(400, "HTTP/1.0 knows no transfer coding.", ec);
    } else if (field == host) {
      if (seen_host_) return refuse(400, "The request has several Host headers.", ec);
      seen_host_ = true;
      // The host of an absolute target stands for the header's (RFC 9112, section 3.2.2): whoever
      // reads the headers, as signatures do, must see the one by which the request is routed.
      if (head.host.empty()) head.host = to_std(value);
      head.headers.emplace_back("host", head.host);
      return;
    } else if (field == expect) {
      if (!equal_ignore_case(to_std(value), "100-continue"))
        return refuse(417, "The only expectation that is understood is 100-continue.", ec);
      head.expects_continue = head.version >= 11;
    }
    head.headers.emplace_back(to_lower(to_std(name)), std::string(to_std(value)));
  }

  void on_header_impl(ErrorCode& ec) override {
    if (!seen_host_ && head.version >= 11)
      return refuse(400, "The request has no Host header.", ec);
  }

  void on_response_impl(int, View, int, ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, ErrorCode&) override {}
  // Bodies are not put(): see ChunkDecoder and Connection::read_sized().
  size_t on_body_impl(View, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(uint64_t, View, ErrorCode&) override {}
  size_t on_chunk_body_impl(uint64_t, View, ErrorCode&) override { return 0; }
  void on_finish_impl(ErrorCode&) override {}

  bool seen_host_ = false;
};

// Beast answers bad_version for a line that ends wrongly, too.
bool names_known_version(std::string_view bytes) {
  std::string_view line = bytes.substr(0, bytes.find('\n'));
  return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
}

ParseError explain(const ErrorCode& ec, std::string_view bytes) {
  if (ec == error::header_limit || ec == error::buffer_overflow)
    return {431, "The request's headers are too large."};
  if (ec == error::bad_version && !names_known_version(bytes))
    return {505, "The server speaks HTTP/1.0 and HTTP/1.1."};
  if (ec == error::multiple_content_length || ec == error::bad_content_length)
    return {400, "The Content-Length header is not valid."};
  if (ec == error::bad_transfer_encoding)
    return {400, "A request must not have both Content-Length and Transfer-Encoding."};
  return {400, "The request is not valid HTTP: " + ec.message() + "."};
}

// The chunked coding (RFC 9112, section 7.1). Beast's own decoder asserts where the last chunk
// arrives in small pieces, so that a client could end the process; this one keeps no place in the
// input.
//
//   size --> data --> data end --> size ... --> trailer --> done
class ChunkDecoder {
 public:
  Bytes chunk;
  bool done() const { return state_ == State::kDone; }

  std::expected<size_t, ParseError> put(ByteView bytes) {
    size_t used = 0;
    // Each turn uses bytes and perhaps changes the state, or ends.
    while (state_ != State::kDone && used < bytes.size()) {
      ByteView rest = bytes.substr(used);
      if (state_ == State::kData) {
        size_t size = std::min<uint64_t>(rest.size(), left_);
        chunk.append(rest.substr(0, size));
        used += size;
        left_ -= size;
        if (left_ == 0) state_ = State::kDataEnd;
        continue;
      }
      size_t end = rest.find('\n');
      if (end == rest.npos && rest.size() < kChunkLineBytesMax) break;
      if (end == rest.npos || end == 0 || end > kChunkLineBytesMax || rest[end - 1] != '\r')
        return std::unexpected(bad());
      if (!line(rest.substr(0, end - 1))) return std::unexpected(bad());
      used += end + 1;
    }
    return used;
  }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone };

  static ParseError bad() { return {400, "The body's chunked coding is not valid."}; }

  bool line(ByteView text) {
    if (state_ == State::kDataEnd) {
      state_ = State::kSize;
      return text.empty();
    }
    if (state_ == State::kSize) {
      auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), left_, 16);
      if (ec != std::errc() || end == text.data()) return false;
      ByteView extension = trim(text.substr(end - text.data()));
      if (!extension.empty() && extension[0] != ';') return false;
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      return true;
    }
    // Trailers carry nothing that Suiro uses.
    if (text.empty()) {
      state_ = State::kDone;
      return true;
    }
    trailer_bytes_ += text.size();
    return text.find(':') != text.npos && trailer_bytes_ <= kTrailerBytesMax;
  }

  State state_ = State::kSize;
  uint64_t left_ = 0;
  size_t trailer_bytes_ = 0;
};

}  // namespace

struct RequestParser::State {
  std::optional<Beast> beast;
  std::optional<ChunkDecoder> chunks;
  bool head_done = false;
};

RequestParser::RequestParser() : state_(std::make_unique<State>()) {
  reset();
}
RequestParser::~RequestParser() = default;

void RequestParser::reset() {
  state_->beast.emplace();
  state_->chunks.reset();
  state_->head_done = false;
}

std::expected<size_t, ParseError> RequestParser::put(ByteView bytes) {
  CHECK(!done());
  if (state_->chunks) return state_->chunks->put(bytes);
  Beast& beast = *state_->beast;
  size_t used = 0;
  // Each turn uses bytes or ends: the request line and the headers are turns of their own.
  while (!beast.is_header_done()) {
    ErrorCode ec;
    used += beast.put({bytes.data() + used, bytes.size() - used}, ec);
    if (ec == error::need_more) return used;
    if (ec) return std::unexpected(beast.refusal ? *beast.refusal : explain(ec, bytes));
  }
  state_->head_done = true;
  Head& head = beast.head;
  head.chunked = beast.chunked();
  if (auto length = beast.content_length()) head.content_length = *length;
  head.keep_alive = beast.keep_alive();
  if (head.chunked) state_->chunks.emplace();
  return used;
}

bool RequestParser::head_done() const {
  return state_->head_done;
}
bool RequestParser::done() const {
  return state_->head_done && (!state_->chunks || state_->chunks->done());
}
Head& RequestParser::head() {
  return state_->beast->head;
}
Bytes RequestParser::take_chunk() {
  return std::exchange(state_->chunks->chunk, {});
}

}  // namespace suiro::http
