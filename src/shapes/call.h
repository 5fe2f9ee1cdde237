// SPDX-License-Identifier: Apache-2.0
// Call: what a handler knows of a request besides its input, and what it may add to the reply.
// Body: bytes that stream in or out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cancellation.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/task.h"
#include "base/trace.h"

namespace suiro::shapes {

// Bytes that are read piece by piece. One coroutine at a time, on the request's shard.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // The next piece, at most `bytes_max` (a hint; never empty before the end); empty at the end.
  // Errors: those of the sender (a checksum or signature that does not match, a broken connection).
  virtual Task<Result<Bytes>> read(size_t bytes_max) = 0;
  // The total length where it is known beforehand.
  virtual std::optional<uint64_t> length() const = 0;
};
using Body = std::unique_ptr<ByteSource>;

Body body_of(Bytes bytes);
// Reads to the end. Errors: kTooLarge beyond `bytes_max`.
Task<Result<Bytes>> read_all(ByteSource& source, size_t bytes_max);

// A session of temporary credentials: what was asked for when it began.
struct Session {
  std::string role_arn;  // empty: a session of the caller's own (GetSessionToken)
  std::string role_id;   // empty: there was no such role (a function of one that is not kept)
  std::string name;
  std::string policy;                    // JSON; empty: none
  std::vector<std::string> policy_arns;  // managed session policies
  std::vector<std::pair<std::string, std::string>> tags;
  std::string source_identity;
  TimePoint issued_at{};
  TimePoint expires_at{};
};

struct Principal {
  // kFunction: a function whose role is not kept by IAM. kRole: a session of a role.
  enum class Kind { kRoot, kFunction, kService, kAnonymous, kUser, kRole } kind = Kind::kRoot;
  std::string account;
  std::string arn;            // "arn:aws:iam::000000000000:root"
  std::string access_key_id;  // empty for services and anonymous callers
  std::string user_id = {};   // "AIDA...", "AROA...:session"; of root the account
  std::shared_ptr<const Session> session = {};  // null: long-term credentials
};

// What is told of a streamed body apart from its bytes. An aws-chunked body announces its checksum
// before and brings it behind its bytes; the front end computes and verifies it, so that the
// service need not do so again.
struct BodyFacts {
  std::optional<ChecksumKind> trailer_kind;
  Bytes trailer_checksum;  // raw; known and verified once the body was read to its empty end
};

struct Call {
  std::string request_id;
  TraceContext trace;     // its span_id is this request's own span; children name it as cause
  std::string caused_by;  // the span named by the caller's header; empty: this request is the root
  Principal principal;
  std::string region;
  std::string account;
  std::string host;  // as the client wrote it: "127.0.0.1:4566"
  bool secure = false;
  std::string source_ip;
  std::string user_agent;
  TimePoint now;
  // Rings when nobody waits for the reply any more (the client has gone, the server drains). A
  // handler that waits long, as a long poll, ends then. Null: the caller waits to the end.
  std::shared_ptr<Cancellation> cancellation;
  std::shared_ptr<const BodyFacts> body_facts;  // null: the body is not aws-chunked
  // Not empty: the caller's own policies do not allow the operation, the resource's policy must,
  // naming the caller; this is the text of the denial. Only where the service evaluates one.
  std::string denial;
  // Lower-case header names of the request, for the rare handler that needs one outside its model.
  std::vector<std::pair<std::string, std::string>> request_headers;

  // The reply's side.
  int status = 0;  // 0: the model's
  std::vector<std::pair<std::string, std::string>> response_headers;
};

}  // namespace suiro::shapes
