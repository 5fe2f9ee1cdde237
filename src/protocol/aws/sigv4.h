// SPDX-License-Identifier: Apache-2.0
// Signature Version 4: the canonical request, the string to sign, the signing key and the
// signature, and the reading of what a client sent (Authorization header or presigned URL). Who may
// call, and what is answered, is authenticator.h's.
//
// Sources: AWS General Reference and IAM User Guide, "AWS Signature Version 4 for API requests"; S3
// API Reference, "Authenticating Requests (AWS Signature Version 4)".
//
// Invariants:
//  1. Nothing here compares a signature but through equal_constant_time().
//  2. SigningKeys holds at most kSigningKeysMax derived keys.
// Threads: functions from any; SigningKeys belongs to one shard.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "protocol/aws/message.h"

namespace suiro::aws {

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
inline constexpr size_t kSigningKeysMax = 1024;
inline constexpr size_t kSignedHeadersMax = 256;

struct Scope {
  std::string date;  // "20130524"
  std::string region;
  std::string service;
  // "20130524/us-east-1/s3/aws4_request"
  std::string str() const;
};

// What the signature of a request is made over. Borrowed views.
struct SigningInput {
  std::string_view method;
  std::string_view path;   // as on the wire
  std::string_view query;  // as on the wire, without the question mark
  const Pairs& headers;    // lower-case names
};

// How the path enters the canonical request: S3 takes it as it is, encoded once; the others remove
// dot segments and encode it a second time.
enum class PathStyle { kOnce, kTwice };

std::string canonical_path(std::string_view path, PathStyle style);
// Sorted, re-encoded, without X-Amz-Signature.
std::string canonical_query(std::string_view query);
// `signed_headers` in the order of the client; `payload_hash` as it stands in the request.
std::string canonical_request(const SigningInput& input, PathStyle style,
                              const std::vector<std::string>& signed_headers,
                              std::string_view payload_hash);
// `amz_date`: "20130524T000000Z".
std::string string_to_sign(std::string_view amz_date, const Scope& scope,
                           std::string_view canonical);
// The signature in hexadecimal.
std::string signature_of(ByteView signing_key, std::string_view text);
// HMAC chain over date, region, service and "aws4_request".
Bytes derive_signing_key(std::string_view secret, const Scope& scope);

// Derived keys of the last days' scopes: the derivation costs four HMACs.
class SigningKeys {
 public:
  // Valid until the next call.
  const Bytes& get(const std::string& access_key_id, const std::string& secret, const Scope& scope);

 private:
  struct Entry {
    std::string secret;
    Bytes key;
  };
  std::unordered_map<std::string, Entry> keys_;
};

// What a client sent as its proof.
struct Authorization {
  enum class Form { kHeader, kPresigned } form = Form::kHeader;
  std::string access_key_id;
  Scope scope;
  std::vector<std::string> signed_headers;
  std::string signature;
  std::string amz_date;  // "20130524T000000Z"
  TimePoint date{};
  std::chrono::seconds expires{0};  // presigned
  std::string session_token;
};

// Why a proof cannot be read.
struct MalformedAuthorization {
  enum class Kind {
    kIncomplete,    // a part is missing or not well formed
    kQuery,         // of a presigned URL
    kOldSignature,  // Signature Version 2
    kAlgorithm,     // another algorithm (SigV4A)
    kTwice,         // header and query
    kDate,          // no date, or not the scope's
    kExpires,       // X-Amz-Expires is not within seven days
  } kind;
  std::string message;
};

// nullopt: the request carries no proof at all.
std::expected<std::optional<Authorization>, MalformedAuthorization> read_authorization(
    const SigningInput& input);

// "20130524T000000Z". Errors: kInvalidArgument.
Result<TimePoint> parse_amz_date(std::string_view text);
std::string format_amz_date(TimePoint time);

// For clients and tests: the Authorization header of a request whose headers hold x-amz-date and
// host.
struct Signer {
  std::string access_key_id;
  std::string secret;
  Scope scope;
  PathStyle style = PathStyle::kTwice;
  std::string authorization(const SigningInput& input,
                            const std::vector<std::string>& signed_headers,
                            std::string_view payload_hash) const;
};

}  // namespace suiro::aws
