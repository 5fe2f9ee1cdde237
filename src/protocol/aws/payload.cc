// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/payload.h"

#include <fmt/format.h>

#include <charconv>

#include "base/digest.h"

namespace suiro::aws {
namespace {

constexpr std::string_view kChecksumPrefix = "x-amz-checksum-";

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::optional<PayloadKind> kind_of(std::string_view text) {
  if (is_sha256_hex(text)) return PayloadKind::kLiteral;
  if (text == kUnsignedPayload) return PayloadKind::kUnsigned;
  if (text == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") return PayloadKind::kSignedChunks;
  if (text == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
    return PayloadKind::kSignedChunksTrailer;
  if (text == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") return PayloadKind::kUnsignedChunksTrailer;
  return std::nullopt;
}

Result<uint64_t> read_length(const Pairs& headers) {
  auto text = find(headers, "x-amz-decoded-content-length");
  uint64_t value = 0;
  if (!text)
    return fail("MissingContentLength", "You must provide the Content-Length HTTP header.");
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (ec != std::errc() || end != text->data() + text->size())
    return fail("InvalidArgument", "The value of x-amz-decoded-content-length is not valid.");
  return value;
}

// "x-amz-checksum-crc32"; nullopt for the other headers of that prefix (type, mode, algorithm).
std::optional<ChecksumKind> kind_of_header(std::string_view name) {
  if (!name.starts_with(kChecksumPrefix)) return std::nullopt;
  return checksum_kind(name.substr(kChecksumPrefix.size()));
}

Result<void> read_trailer(std::string_view text, Payload& out) {
  // One trailer is announced at a time by all clients; several checksums are refused by S3.
  auto kind = kind_of_header(to_lower(trim(text)));
  if (!kind)
    return fail("InvalidRequest",
                "The value specified in the x-amz-trailer header is not supported");
  out.trailer = kind;
  return ok();
}

Result<void> read_checksums(const Pairs& headers, Payload& out) {
  for (const auto& [name, value] : headers) {
    auto kind = kind_of_header(name);
    if (!kind) continue;
    auto raw = base64_decode(value);
    if (!raw || raw->size() != checksum_size(*kind))
      return fail("InvalidRequest", "Value for " + name + " header is invalid.");
    out.checksums.emplace_back(*kind, std::move(*raw));
  }
  if (out.checksums.size() + (out.trailer ? 1 : 0) > 1)
    return fail("InvalidRequest",
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not "
                "allowed.");
  return ok();
}

std::unexpected<Error> sha256_mismatch(std::string_view claimed, std::string computed) {
  Error error{"XAmzContentSHA256Mismatch",
              "The provided 'x-amz-content-sha256' header does not match what was computed."};
  error.details = {{"ClientComputedContentSHA256", std::string(claimed)},
                   {"S3ComputedContentSHA256", std::move(computed)}};
  return fail(std::move(error));
}

class Sha256Body final : public shapes::ByteSource {
 public:
  Sha256Body(shapes::Body body, std::string hex) : body_(std::move(body)), hex_(std::move(hex)) {}
  Task<Result<Bytes>> read(size_t bytes_max) override {
    if (ended_) co_return Bytes();
    CO_TRY(Bytes piece, co_await body_->read(bytes_max));
    if (!piece.empty()) {
      digest_.update(piece);
      co_return piece;
    }
    std::string computed = hex_encode(digest_.finish());
    if (computed != hex_) co_return sha256_mismatch(hex_, std::move(computed));
    ended_ = true;
    co_return Bytes();
  }
  std::optional<uint64_t> length() const override { return body_->length(); }

 private:
  shapes::Body body_;
  std::string hex_;
  Digest digest_{DigestKind::kSha256};
  bool ended_ = false;
};

}  // namespace

Result<Payload> read_payload(const Pairs& headers) {
  Payload out;
  if (auto text = find(headers, "x-amz-content-sha256")) {
    auto kind = kind_of(*text);
    if (!kind)
      return fail("InvalidArgument",
                  "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                  "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.");
    out.kind = *kind;
    out.text = *text;
  }
  if (out.chunked()) {
    TRY(out.decoded_length, read_length(headers));
    auto trailer = find(headers, "x-amz-trailer");
    if (trailer && out.kind != PayloadKind::kSignedChunks) TRY_VOID(read_trailer(*trailer, out));
  }
  if (auto text = find(headers, "content-md5")) {
    auto raw = base64_decode(*text);
    if (!raw || raw->size() != digest_size(DigestKind::kMd5))
      return fail("InvalidDigest", "The Content-MD5 you specified was invalid.");
    out.md5 = std::move(*raw);
  }
  TRY_VOID(read_checksums(headers, out));
  return out;
}

shapes::Body verify_sha256(shapes::Body body, std::string hex) {
  return std::make_unique<Sha256Body>(std::move(body), std::move(hex));
}

Result<void> verify_whole(const Payload& payload, ByteView body) {
  if (payload.kind == PayloadKind::kLiteral) {
    std::string computed = hex_encode(sha256(body));
    if (computed != payload.text) return sha256_mismatch(payload.text, std::move(computed));
  }
  if (payload.md5 && md5(body) != *payload.md5)
    return fail("BadDigest", "The Content-MD5 you specified did not match what we received.");
  for (const auto& [kind, raw] : payload.checksums) {
    Checksum checksum(kind);
    checksum.update(body);
    if (checksum.finish() != raw)
      return fail("BadDigest", fmt::format("The {} you specified did not match the calculated "
                                           "checksum.",
                                           checksum_name(kind)));
  }
  return ok();
}

}  // namespace suiro::aws
