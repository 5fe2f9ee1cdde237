// SPDX-License-Identifier: Apache-2.0
#include "protocol/http/parser.h"

#include <boost/beast/http/basic_parser.hpp>

#include "base/check.h"

namespace suiro::http {
namespace {

namespace beast = boost::beast;
using beast::http::error;
using ErrorCode = boost::system::error_code;
using View = beast::string_view;

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
  }

  Head head;
  Bytes chunk;
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
    if (is_header_done()) return;  // trailers carry nothing that Suiro uses
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
      if (head.host.empty()) head.host = to_std(value);
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
  // The owner reads bodies of a known length itself and does not put() them.
  size_t on_body_impl(View, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(uint64_t, View, ErrorCode&) override {}
  size_t on_chunk_body_impl(uint64_t, View body, ErrorCode&) override {
    chunk.append(body.data(), body.size());
    return body.size();
  }
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

}  // namespace

struct RequestParser::State {
  std::optional<Beast> beast;
  bool head_done = false;
};

RequestParser::RequestParser() : state_(std::make_unique<State>()) {
  reset();
}
RequestParser::~RequestParser() = default;

void RequestParser::reset() {
  state_->beast.emplace();
  state_->head_done = false;
}

std::expected<size_t, ParseError> RequestParser::put(ByteView bytes) {
  Beast& beast = *state_->beast;
  CHECK(!beast.is_done());
  size_t used = 0;
  // Each turn uses bytes or ends; the head and each chunk's size line and data are turns of their
  // own.
  for (;;) {
    ErrorCode ec;
    size_t step = beast.put({bytes.data() + used, bytes.size() - used}, ec);
    used += step;
    if (ec && ec != error::need_more)
      return std::unexpected(beast.refusal ? *beast.refusal : explain(ec, bytes));
    if (!state_->head_done && beast.is_header_done()) {
      state_->head_done = true;
      Head& head = beast.head;
      head.chunked = beast.chunked();
      if (auto length = beast.content_length()) head.content_length = *length;
      head.keep_alive = beast.keep_alive();
      return used;
    }
    if (ec == error::need_more || beast.is_done() || used == bytes.size()) return used;
  }
}

bool RequestParser::head_done() const {
  return state_->head_done;
}
bool RequestParser::done() const {
  return state_->beast->is_done();
}
Head& RequestParser::head() {
  return state_->beast->head;
}
Bytes RequestParser::take_chunk() {
  return std::exchange(state_->beast->chunk, {});
}

}  // namespace suiro::http
