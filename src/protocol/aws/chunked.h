// SPDX-License-Identifier: Apache-2.0
// ChunkedBody: the aws-chunked content coding, decoded as it comes.
//
//   chunk    = hex-size [";chunk-signature=" 64 hex] CRLF bytes CRLF
//   body     = *chunk "0" [";chunk-signature=" 64 hex] CRLF *(name ":" value CRLF)
//              ["x-amz-trailer-signature:" 64 hex CRLF] CRLF
//
//   size --> data --> size ... --> trailer --> end
//
// Invariants:
//  1. The regular end is reached only after every chunk signature, the trailer's signature, the
//  trailing
//     checksum and x-amz-decoded-content-length were found right.
//  2. Memory is bounded by kChunkLineBytesMax, kTrailerBytesMax and one piece, whatever the chunk
//  sizes.
//  3. Bytes of a signed chunk are passed on before its signature is known: the reader must not make
//  them
//     visible before the end.
// Errors: SignatureDoesNotMatch, BadDigest, IncompleteBody, InvalidChunkSizeError,
// MalformedTrailerError, InvalidRequest. Thread: the request's shard.
#pragma once

#include "protocol/aws/payload.h"

namespace suiro::aws {

inline constexpr size_t kChunkLineBytesMax = 1024;
inline constexpr size_t kTrailerBytesMax = 8 * 1024;
// All chunks but the last have at least this size (S3 API Reference).
inline constexpr uint64_t kChunkBytesMin = 8192;

class ChunkedBody final : public shapes::ByteSource {
 public:
  // `payload.chunked()`. Without `signing` (authentication is off) no signature is looked at.
  // `facts` receives the verified trailing checksum at the end; may be null.
  ChunkedBody(shapes::Body encoded, Payload payload, std::optional<ChunkSigning> signing,
              std::shared_ptr<shapes::BodyFacts> facts);
  Task<Result<Bytes>> read(size_t bytes_max) override;
  std::optional<uint64_t> length() const override { return payload_.decoded_length; }

 private:
  enum class State { kSize, kData, kTrailer, kEnd, kBroken };

  bool is_signed() const {
    return signing_ && payload_.kind != PayloadKind::kUnsignedChunksTrailer;
  }
  std::unexpected<Error> broken(std::string_view code, std::string message);
  Task<Result<void>> more(size_t bytes_max);
  Task<Result<std::string>> line(size_t bytes_max);
  Task<Result<void>> read_size();
  Task<Result<Bytes>> read_data(size_t bytes_max);
  Result<void> end_chunk();
  Task<Result<void>> read_trailer();
  Result<void> verify_trailer(const Pairs& lines);
  Result<void> check_signature(std::string_view label, std::string_view middle,
                               std::string_view hash, std::string_view claimed);

  shapes::Body encoded_;
  Payload payload_;
  std::optional<ChunkSigning> signing_;
  std::shared_ptr<shapes::BodyFacts> facts_;
  State state_ = State::kSize;
  Bytes buffer_;
  size_t at_ = 0;
  bool first_ = true;
  bool small_ = false;  // a chunk below kChunkBytesMin was seen: it must be the last
  uint64_t chunk_left_ = 0;
  uint64_t decoded_ = 0;
  std::string claimed_;   // the present chunk's signature
  std::string previous_;  // the last signature that was right
  Digest digest_{DigestKind::kSha256};
  std::optional<Checksum> checksum_;
};

}  // namespace suiro::aws
