// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/http_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace suiro::sandbox {

namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.contains(c);
  });
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  });
}

std::unexpected<Error> bad(std::string_view what) {
  return fail(codes::kInvalidArgument, fmt::format("malformed HTTP: {}", what));
}

Result<uint64_t> number(std::string_view text, int base) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return bad("a number");
  }
  return value;
}

Result<void> apply_framing(RequestHead& head) {
  const std::string* length = nullptr;
  for (const auto& [name, value] : head.headers) {
    if (name == "content-length") {
      if (length != nullptr && *length != value) return bad("two lengths");
      length = &value;
    } else if (name == "transfer-encoding") {
      if (head.chunked || !equal_ignore_case(value, "chunked")) return bad("transfer encoding");
      head.chunked = true;
    } else if (name == "connection") {
      std::string lower = to_lower(value);
      if (lower.contains("close")) head.keep_alive = false;
      if (lower.contains("keep-alive")) head.keep_alive = true;
    } else if (name == "expect") {
      if (!equal_ignore_case(value, "100-continue")) return bad("expectation");
      head.expects_continue = true;
    }
  }
  if (length != nullptr) {
    if (head.chunked) return bad("a length and an encoding");
    TRY(head.content_length, number(*length, 10));
  }
  return ok();
}

}  // namespace

const std::string* find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

Result<Headers> parse_headers(std::string_view text) {
  Headers headers;
  while (!text.empty()) {
    size_t end = std::min(text.find("\r\n"), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 2, text.size()));
    size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return bad("header");
    std::string_view value = trim(line.substr(colon + 1));
    if (has_control(value)) return bad("header value");
    if (headers.size() == kHeadersMax) return bad("too many headers");
    headers.emplace_back(to_lower(line.substr(0, colon)), value);
  }
  return headers;
}

Result<RequestHead> parse_head(std::string_view text) {
  RequestHead head;
  size_t end = std::min(text.find("\r\n"), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 2, text.size()));
  size_t first = line.find(' ');
  size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return bad("request line");
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, second - first - 1);
  std::string_view version = line.substr(second + 1);
  if (!is_token(head.method) || !head.target.starts_with('/') || has_control(head.target)) {
    return bad("request line");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return bad("version");
  head.keep_alive = version == "HTTP/1.1";
  TRY(head.headers, parse_headers(text));
  TRY_VOID(apply_framing(head));
  return head;
}

// --- ChunkDecoder ---

Result<void> ChunkDecoder::feed(std::string& input) {
  std::string_view rest = input;
  for (bool progress = true; progress && !complete();) {
    TRY(progress, step(rest));
  }
  input.erase(0, input.size() - rest.size());
  return ok();
}

Result<bool> ChunkDecoder::step(std::string_view& input) {
  switch (state_) {
    case State::kSize:
      return step_size(input);
    case State::kData: {
      size_t part = std::min<uint64_t>(left_, input.size());
      body_.append(input.substr(0, part));
      input.remove_prefix(part);
      left_ -= part;
      if (left_ == 0) state_ = State::kDataEnd;
      return part != 0;
    }
    case State::kDataEnd:
      if (input.size() < 2) return false;
      if (!input.starts_with("\r\n")) return bad("end of a chunk");
      input.remove_prefix(2);
      state_ = State::kSize;
      return true;
    case State::kTrailers:
      return step_trailers(input);
    case State::kComplete:
      return false;
  }
  return false;
}

Result<bool> ChunkDecoder::step_size(std::string_view& input) {
  size_t end = input.find("\r\n");
  if (end == std::string_view::npos) {
    if (input.size() > kChunkLineBytesMax) return bad("chunk size");
    return false;
  }
  std::string_view line = input.substr(0, end);
  TRY(left_, number(trim(line.substr(0, line.find(';'))), 16));
  input.remove_prefix(end + 2);
  if (left_ > body_bytes_max_ - body_.size()) {
    return fail(codes::kTooLarge, "the body is larger than allowed");
  }
  state_ = left_ == 0 ? State::kTrailers : State::kData;
  return true;
}

Result<bool> ChunkDecoder::step_trailers(std::string_view& input) {
  if (input.starts_with("\r\n")) {
    input.remove_prefix(2);
    state_ = State::kComplete;
    return true;
  }
  size_t end = input.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (input.size() > kHeadBytesMax) return bad("trailers");
    return false;
  }
  TRY(trailers_, parse_headers(input.substr(0, end)));
  input.remove_prefix(end + 4);
  state_ = State::kComplete;
  return true;
}

std::string response(int status, std::string_view reason, const Headers& headers,
                     std::string_view body, bool keep_alive) {
  std::string text =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Length: {}\r\n", status, reason, body.size());
  for (const auto& [name, value] : headers) {
    text.append(name).append(": ");
    // Values come from callers of Invoke: none may begin a header of its own.
    for (char c : value) text.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
    text.append("\r\n");
  }
  if (!keep_alive) text.append("Connection: close\r\n");
  text.append("\r\n").append(body);
  return text;
}

}  // namespace suiro::sandbox
