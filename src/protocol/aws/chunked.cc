// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/chunked.h"

#include <fmt/format.h>

#include <charconv>

namespace suiro::aws {
namespace {

constexpr size_t kReadAheadBytes = 4096;
constexpr std::string_view kChunkSignature = "chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";

}  // namespace

ChunkedBody::ChunkedBody(shapes::Body encoded, Payload payload, std::optional<ChunkSigning> signing,
                         std::shared_ptr<shapes::BodyFacts> facts)
    : encoded_(std::move(encoded)),
      payload_(std::move(payload)),
      signing_(std::move(signing)),
      facts_(std::move(facts)),
      previous_(signing_ ? signing_->seed_signature : "") {
  if (payload_.trailer) checksum_.emplace(*payload_.trailer);
}

std::unexpected<Error> ChunkedBody::broken(std::string_view code, std::string message) {
  state_ = State::kBroken;
  return fail(code, std::move(message));
}

Task<Result<Bytes>> ChunkedBody::read(size_t bytes_max) {
  // Each turn changes the state or returns.
  for (;;) {
    switch (state_) {
      case State::kSize:
        CO_TRY_VOID(co_await read_size());
        break;
      case State::kData:
        co_return co_await read_data(bytes_max);
      case State::kTrailer:
        CO_TRY_VOID(co_await read_trailer());
        break;
      case State::kEnd:
        co_return Bytes();
      case State::kBroken:
        co_return fail("InvalidRequest", "The body was refused before.");
    }
  }
}

// Appends at least one byte to the buffer.
Task<Result<void>> ChunkedBody::more(size_t bytes_max) {
  buffer_.erase(0, std::exchange(at_, 0));
  auto piece = co_await encoded_->read(bytes_max);
  if (!piece) {
    state_ = State::kBroken;
    co_return std::unexpected(std::move(piece).error());
  }
  if (piece->empty())
    co_return broken("IncompleteBody", "The request body terminated unexpectedly");
  if (buffer_.empty())
    buffer_ = std::move(*piece);
  else
    buffer_ += *piece;
  co_return ok();
}

// The next line without its CRLF.
Task<Result<std::string>> ChunkedBody::line(size_t bytes_max) {
  // Ends with a line feed, an error, or `bytes_max` in the buffer.
  for (;;) {
    size_t end = buffer_.find('\n', at_);
    if (end != buffer_.npos) {
      std::string_view text(buffer_.data() + at_, end - at_);
      if (text.size() > bytes_max || !text.ends_with('\r')) break;
      std::string out(text.substr(0, text.size() - 1));
      at_ = end + 1;
      co_return out;
    }
    if (buffer_.size() - at_ > bytes_max) break;
    CO_TRY_VOID(co_await more(kReadAheadBytes));
  }
  co_return broken("InvalidRequest", "The body's aws-chunked coding is not valid.");
}

Task<Result<void>> ChunkedBody::read_size() {
  if (!std::exchange(first_, false)) {
    CO_TRY(std::string separator, co_await line(2));
    if (!separator.empty())
      co_return broken("InvalidRequest", "The body's aws-chunked coding is not valid.");
  }
  CO_TRY(std::string text, co_await line(kChunkLineBytesMax));
  uint64_t size = 0;
  const char* end_of_text = text.data() + text.size();
  auto [end, ec] = std::from_chars(text.data(), end_of_text, size, 16);
  if (ec != std::errc() || end == text.data() || (end != end_of_text && *end != ';'))
    co_return broken("InvalidRequest", "The body's aws-chunked coding is not valid.");
  std::string_view extension(end, end_of_text - end);
  size_t label = extension.find(kChunkSignature);
  claimed_ = label == extension.npos ? "" : extension.substr(label + kChunkSignature.size());
  if (size > *payload_.decoded_length - decoded_)
    co_return broken("IncompleteBody",
                     "The request body is longer than "
                     "x-amz-decoded-content-length");
  if (size > 0 && small_)
    co_return broken("InvalidChunkSizeError",
                     "Only the last chunk is allowed to have a size less than 8192 bytes");
  small_ |= size < kChunkBytesMin;
  chunk_left_ = size;
  state_ = State::kData;
  if (size == 0) {
    CO_TRY_VOID(end_chunk());
    state_ = State::kTrailer;
  }
  co_return ok();
}

Task<Result<Bytes>> ChunkedBody::read_data(size_t bytes_max) {
  size_t wanted = std::min<uint64_t>(std::max<size_t>(bytes_max, 1), chunk_left_);
  if (at_ == buffer_.size()) CO_TRY_VOID(co_await more(wanted));
  Bytes piece;
  if (at_ == 0 && buffer_.size() <= wanted) {
    piece = std::exchange(buffer_, {});
  } else {
    piece = buffer_.substr(at_, wanted);
    at_ += piece.size();
  }
  if (is_signed()) digest_.update(piece);
  if (checksum_) checksum_->update(piece);
  decoded_ += piece.size();
  chunk_left_ -= piece.size();
  if (chunk_left_ == 0) {
    CO_TRY_VOID(end_chunk());
    state_ = State::kSize;
  }
  co_return piece;
}

Result<void> ChunkedBody::end_chunk() {
  if (!is_signed()) return ok();
  return check_signature("AWS4-HMAC-SHA256-PAYLOAD", std::string(kEmptySha256) + '\n',
                         hex_encode(digest_.finish()), claimed_);
}

Result<void> ChunkedBody::check_signature(std::string_view label, std::string_view middle,
                                          std::string_view hash, std::string_view claimed) {
  std::string text = fmt::format("{}\n{}\n{}\n{}\n{}{}", label, signing_->amz_date,
                                 signing_->scope.str(), previous_, middle, hash);
  previous_ = signature_of(signing_->key, text);
  if (!equal_constant_time(previous_, claimed))
    return broken("SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you provided. "
                  "Check your key and signing method.");
  return ok();
}

Task<Result<void>> ChunkedBody::read_trailer() {
  if (decoded_ != *payload_.decoded_length)
    co_return broken("IncompleteBody",
                     "You did not provide the number of bytes specified by the Content-Length HTTP "
                     "header");
  Pairs lines;
  size_t size = 0;
  for (;;) {
    CO_TRY(std::string text, co_await line(kTrailerBytesMax));
    if (text.empty()) break;
    size += text.size();
    size_t colon = text.find(':');
    if (colon == text.npos || size > kTrailerBytesMax)
      co_return broken("MalformedTrailerError",
                       "The request contained trailing data that was not well-formed or did not "
                       "conform to our published schema.");
    lines.emplace_back(to_lower(trim(std::string_view(text).substr(0, colon))),
                       trim(std::string_view(text).substr(colon + 1)));
  }
  CO_TRY_VOID(verify_trailer(lines));
  CO_TRY(Bytes rest, co_await encoded_->read(1));
  if (!rest.empty() || at_ != buffer_.size())
    co_return broken("InvalidRequest", "The body goes on behind its last chunk.");
  state_ = State::kEnd;
  co_return ok();
}

Result<void> ChunkedBody::verify_trailer(const Pairs& lines) {
  std::string canonical, value;
  std::string_view signature;
  bool found = false;
  std::string wanted =
      payload_.trailer ? "x-amz-checksum-" + to_lower(checksum_name(*payload_.trailer)) : "";
  for (const auto& [name, text] : lines) {
    if (name == kTrailerSignature) {
      signature = text;
      continue;
    }
    canonical += name + ':' + text + '\n';
    if (name != wanted || found)
      return broken("MalformedTrailerError",
                    "The request contained trailing data that was not well-formed or did not "
                    "conform to our published schema.");
    found = true;
    value = text;
  }
  if (is_signed() && payload_.kind == PayloadKind::kSignedChunksTrailer)
    TRY_VOID(
        check_signature("AWS4-HMAC-SHA256-TRAILER", "", hex_encode(sha256(canonical)), signature));
  if (!checksum_) return ok();
  if (!found)
    return broken("MalformedTrailerError",
                  "The request contained trailing data that was not well-formed or did not "
                  "conform to our published schema.");
  auto raw = base64_decode(value);
  if (!raw || raw->size() != checksum_size(*payload_.trailer))
    return broken("InvalidRequest", "Value for " + wanted + " trailing header is invalid.");
  if (checksum_->finish() != *raw)
    return broken("BadDigest", fmt::format("The {} you specified did not match the calculated "
                                           "checksum.",
                                           checksum_name(*payload_.trailer)));
  if (facts_) facts_->trailer_checksum = std::move(*raw);
  return ok();
}

}  // namespace suiro::aws
