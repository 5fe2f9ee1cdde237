// SPDX-License-Identifier: Apache-2.0
// Authenticator: decides whether a request comes from whom it says, and answers as AWS does where
// it does not.
//
// Place: the front end reads the proof (sigv4.h), knows from its scope which service is meant, asks
// check() before it reads a body, and prove() with the hash of the payload.
//
// Invariants:
//  1. No principal is returned without a signature that was found right by equal_constant_time().
//  2. Errors name neither secrets nor derived keys. S3 shows the canonical request, as AWS does.
// Threads: any; a SigningKeys belongs to the caller's shard.
//
// Sources: "Common Errors" of the services' API references; S3 API Reference, "Error responses";
// IAM User Guide, "Troubleshoot Signature Version 4 requests".
#pragma once

#include <expected>

#include "protocol/aws/sigv4.h"
#include "shapes/shape.h"

namespace suiro::aws {

// Between the date of a request and the server's clock.
inline constexpr std::chrono::minutes kClockSkewMax{15};

struct Identity {
  std::string secret;
  shapes::Principal principal;
};

enum class CredentialProblem { kUnknownKey, kInvalidToken, kExpiredToken };

// Who holds which access key. The server's.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // `session_token` is empty where the request has none; a temporary key without its token is
  // kInvalidToken. Any thread; does not block.
  virtual std::expected<Identity, CredentialProblem> find(std::string_view access_key_id,
                                                          std::string_view session_token) const = 0;
};

// How a service words its refusals.
enum class Family { kS3, kQuery, kJson, kRestJson };
Family family_of(shapes::Protocol protocol);

struct Refusal {
  int status = 403;
  Error error;
  std::string query_code = {};  // what the query protocol calls it, where that differs
};
template <class T>
using Admitted = std::expected<T, Refusal>;

// What a request must be proven for.
struct Demand {
  Family family = Family::kJson;
  std::string service;  // signing name
  std::string region;
  TimePoint now{};
};

class Authenticator {
 public:
  // Borrowed.
  explicit Authenticator(const CredentialSource& source) : source_(source) {}

  // A request without any proof.
  static Refusal missing(Family family);
  // A proof that cannot be read.
  static Refusal malformed(Family family, const MalformedAuthorization& problem);

  // All that can be known without the body: the scope, the time, the key, which headers are signed.
  Admitted<Identity> check(const Demand& demand, const SigningInput& input,
                           const Authorization& proof) const;
  // The signature itself. Returns the signing key.
  static Admitted<Bytes> prove(const Demand& demand, const SigningInput& input,
                               const Authorization& proof, const Identity& identity,
                               std::string_view payload_hash, SigningKeys& keys);

 private:
  const CredentialSource& source_;
};

}  // namespace suiro::aws
