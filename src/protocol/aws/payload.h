// SPDX-License-Identifier: Apache-2.0
// What a request's headers say of its body: x-amz-content-sha256, aws-chunked, Content-MD5,
// x-amz-checksum-*, x-amz-trailer; and the proof of it.
//
// Sources: S3 API Reference, "Signature calculations: transferring a payload in multiple chunks",
// "... including trailing headers"; S3 User Guide, "Checking object integrity".
//
// Invariants:
//  1. A body that does not match what was said of it ends with an error, never with its regular
//  end.
//  2. Whoever reads a verified body to its empty end has proof of its bytes.
// Threads: the request's shard.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "protocol/aws/message.h"
#include "protocol/aws/sigv4.h"

namespace suiro::aws {

enum class PayloadKind {
  kAbsent,                 // no x-amz-content-sha256
  kLiteral,                // a SHA-256
  kUnsigned,               // UNSIGNED-PAYLOAD
  kSignedChunks,           // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
  kSignedChunksTrailer,    // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
  kUnsignedChunksTrailer,  // STREAMING-UNSIGNED-PAYLOAD-TRAILER
};

// What the chunk signatures of a body hang on.
struct ChunkSigning {
  Bytes key;
  std::string seed_signature;  // of the request's head
  std::string amz_date;
  Scope scope;
};

struct Payload {
  PayloadKind kind = PayloadKind::kAbsent;
  std::string text;                        // the value of x-amz-content-sha256
  std::optional<uint64_t> decoded_length;  // x-amz-decoded-content-length
  std::optional<ChecksumKind> trailer;     // the checksum that x-amz-trailer announces
  std::optional<Bytes> md5;                // raw
  std::vector<std::pair<ChecksumKind, Bytes>> checksums;  // of x-amz-checksum-*, raw

  bool chunked() const { return kind >= PayloadKind::kSignedChunks; }
};

// Errors: InvalidArgument, InvalidDigest, InvalidRequest, MissingContentLength, with S3's texts.
Result<Payload> read_payload(const Pairs& headers);

// Passes `body` on and compares its SHA-256 with the literal. Errors at the end:
// XAmzContentSHA256Mismatch.
shapes::Body verify_sha256(shapes::Body body, std::string hex);

// For a body that is there as a whole: its SHA-256 (where literal), MD5 and checksums.
// Errors: XAmzContentSHA256Mismatch, BadDigest.
Result<void> verify_whole(const Payload& payload, ByteView body);

}  // namespace suiro::aws
