// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/authenticator.h"

#include <fmt/format.h>

#include <algorithm>

namespace suiro::aws {
namespace {

constexpr std::string_view kS3Mismatch =
    "The request signature we calculated does not match the signature you provided. Check your key "
    "and signing method.";
constexpr std::string_view kMismatch =
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details.";
constexpr std::string_view kInvalidToken = "The security token included in the request is invalid.";
constexpr std::string_view kExpiredToken = "The security token included in the request is expired";

// The three names and two statuses that one refusal has.
struct Naming {
  std::string_view query;
  std::string_view json;
  int query_status = 403;
  int json_status = 400;
};
constexpr Naming kMissingNaming{"MissingAuthenticationToken",
                                "MissingAuthenticationTokenException"};
constexpr Naming kIncompleteNaming{"IncompleteSignature", "IncompleteSignatureException", 400};
constexpr Naming kUnknownKeyNaming{"InvalidClientTokenId", "UnrecognizedClientException"};
constexpr Naming kExpiredNaming{"ExpiredToken", "ExpiredTokenException"};
constexpr Naming kSignatureNaming{"SignatureDoesNotMatch", "InvalidSignatureException"};

Refusal refusal(int status, std::string_view code, std::string_view message, Pairs details = {}) {
  return {status,
          Error{std::string(code), std::string(message), Retry::kNever, std::move(details)}};
}

Refusal refusal(Family family, const Naming& naming, std::string_view message) {
  Refusal out = family == Family::kQuery  ? refusal(naming.query_status, naming.query, message)
                : family == Family::kJson ? refusal(naming.json_status, naming.json, message)
                                          : refusal(403, naming.json, message);
  out.query_code = naming.query;
  return out;
}

std::unexpected<Refusal> refuse(Refusal reason) {
  return std::unexpected(std::move(reason));
}

std::optional<Refusal> check_scope(const Demand& demand, const Authorization& proof) {
  // Clients sign the global services for us-east-1 whatever their region is.
  bool global = (demand.service == "sts" || demand.service == "iam") &&
                proof.scope.region == "us-east-1";
  if (proof.scope.region != demand.region && !global) {
    if (demand.family != Family::kS3)
      return refusal(demand.family, kSignatureNaming,
                     fmt::format("Credential should be scoped to a valid region, not '{}'. This "
                                 "server's region is '{}'.",
                                 proof.scope.region, demand.region));
    bool presigned = proof.form == Authorization::Form::kPresigned;
    return refusal(400,
                   presigned ? "AuthorizationQueryParametersError" : "AuthorizationHeaderMalformed",
                   fmt::format("{}; the region '{}' is wrong; expecting '{}'",
                               presigned ? "Error parsing the X-Amz-Credential parameter"
                                         : "The authorization header is malformed",
                               proof.scope.region, demand.region),
                   {{"Region", demand.region}});
  }
  if (proof.scope.service != demand.service)
    return refusal(
        demand.family, kSignatureNaming,
        fmt::format("Credential should be scoped to correct service: '{}'.", demand.service));
  return std::nullopt;
}

Refusal too_skewed(const Demand& demand, const Authorization& proof) {
  if (demand.family == Family::kS3)
    return refusal(403, "RequestTimeTooSkewed",
                   "The difference between the request time and the current time is too large.",
                   {{"RequestTime", proof.amz_date},
                    {"ServerTime", format_iso8601(demand.now)},
                    {"MaxAllowedSkewMilliseconds", "900000"}});
  std::string now = format_amz_date(demand.now);
  if (proof.date < demand.now)
    return refusal(demand.family, kSignatureNaming,
                   fmt::format("Signature expired: {} is now earlier than {} ({} - 15 min.)",
                               proof.amz_date, format_amz_date(demand.now - kClockSkewMax), now));
  return refusal(demand.family, kSignatureNaming,
                 fmt::format("Signature not yet current: {} is still later than {} ({} + 15 min.)",
                             proof.amz_date, format_amz_date(demand.now + kClockSkewMax), now));
}

std::optional<Refusal> check_time(const Demand& demand, const Authorization& proof) {
  if (proof.form == Authorization::Form::kHeader) {
    auto distance = proof.date < demand.now ? demand.now - proof.date : proof.date - demand.now;
    if (distance > kClockSkewMax) return too_skewed(demand, proof);
    return std::nullopt;
  }
  TimePoint end = proof.date + proof.expires;
  bool early = proof.date > demand.now + kClockSkewMax;
  if (!early && demand.now <= end) return std::nullopt;
  if (demand.family != Family::kS3)
    return refusal(demand.family, kSignatureNaming,
                   early ? fmt::format("Signature not yet current: {} is still later than {}",
                                       proof.amz_date, format_amz_date(demand.now))
                         : fmt::format("Signature expired: {} is now earlier than {}",
                                       format_amz_date(end), format_amz_date(demand.now)));
  if (early) return refusal(403, "AccessDenied", "Request is not yet valid");
  return refusal(403, "AccessDenied", "Request has expired",
                 {{"X-Amz-Expires", std::to_string(proof.expires.count())},
                  {"Expires", format_iso8601(end)},
                  {"ServerTime", format_iso8601(demand.now)}});
}

std::optional<Refusal> check_signed_headers(const Demand& demand, const SigningInput& input,
                                            const Authorization& proof) {
  auto is_signed = [&](std::string_view name) {
    return std::ranges::find(proof.signed_headers, name) != proof.signed_headers.end();
  };
  // HTTP/2 brings the host as a pseudo-header; where both are there they are the same.
  if (!is_signed("host") && !is_signed(":authority")) {
    std::string_view text =
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
    if (demand.family == Family::kS3)
      return refusal(403, "AccessDenied",
                     "There were headers present in the request which were not signed",
                     {{"HeadersNotSigned", "host"}});
    return refusal(demand.family, kSignatureNaming, text);
  }
  std::string unsigned_names;
  for (const auto& [name, value] : input.headers) {
    if (!name.starts_with("x-amz-") || is_signed(name)) continue;
    if (!unsigned_names.empty()) unsigned_names += ", ";
    unsigned_names += name;
  }
  if (unsigned_names.empty()) return std::nullopt;
  if (demand.family != Family::kS3)
    return refusal(
        demand.family, kSignatureNaming,
        fmt::format("'{}' must be a 'SignedHeader' in the AWS Authorization.", unsigned_names));
  return refusal(403, "AccessDenied",
                 "There were headers present in the request which were not signed",
                 {{"HeadersNotSigned", unsigned_names}});
}

Refusal no_credential(Family family, CredentialProblem problem, const std::string& key) {
  if (family != Family::kS3) {
    if (problem == CredentialProblem::kExpiredToken)
      return refusal(family, kExpiredNaming, kExpiredToken);
    return refusal(family, kUnknownKeyNaming, kInvalidToken);
  }
  switch (problem) {
    case CredentialProblem::kUnknownKey:
      return refusal(403, "InvalidAccessKeyId",
                     "The AWS Access Key Id you provided does not exist in our records.",
                     {{"AWSAccessKeyId", key}});
    case CredentialProblem::kInvalidToken:
      return refusal(400, "InvalidToken", "The provided token is malformed or otherwise invalid.");
    case CredentialProblem::kExpiredToken:
      return refusal(400, "ExpiredToken", "The provided token has expired.");
  }
  return refusal(403, "AccessDenied", "Access Denied");
}

std::string spaced_hex(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (!out.empty()) out += ' ';
    out += hex_encode({&c, 1});
  }
  return out;
}

}  // namespace

Family family_of(shapes::Protocol protocol) {
  switch (protocol) {
    case shapes::Protocol::kRestXml:
      return Family::kS3;
    case shapes::Protocol::kQuery:
      return Family::kQuery;
    case shapes::Protocol::kRestJson:
      return Family::kRestJson;
    case shapes::Protocol::kJson:
    case shapes::Protocol::kCbor:
    case shapes::Protocol::kTargetCbor:
      return Family::kJson;
  }
  return Family::kJson;
}

Refusal Authenticator::missing(Family family) {
  if (family == Family::kS3) return refusal(403, "AccessDenied", "Access Denied");
  if (family == Family::kRestJson)
    return refusal(403, kMissingNaming.json, "Missing Authentication Token");
  return refusal(family, kMissingNaming, "Request is missing Authentication Token");
}

Refusal Authenticator::malformed(Family family, const MalformedAuthorization& problem) {
  using Kind = MalformedAuthorization::Kind;
  if (family != Family::kS3) {
    bool mismatch = problem.kind == Kind::kDate || problem.kind == Kind::kExpires;
    return refusal(family, mismatch ? kSignatureNaming : kIncompleteNaming, problem.message);
  }
  switch (problem.kind) {
    case Kind::kIncomplete:
    case Kind::kDate:
      return refusal(400, "AuthorizationHeaderMalformed",
                     "The authorization header is malformed; " + problem.message);
    case Kind::kQuery:
    case Kind::kExpires:
      return refusal(400, "AuthorizationQueryParametersError", problem.message);
    case Kind::kOldSignature:
      return refusal(400, "InvalidRequest", problem.message);
    case Kind::kAlgorithm:
    case Kind::kTwice:
      return refusal(400, "InvalidArgument", problem.message);
  }
  return refusal(400, "InvalidRequest", problem.message);
}

Admitted<Identity> Authenticator::check(const Demand& demand, const SigningInput& input,
                                        const Authorization& proof) const {
  if (auto wrong = check_scope(demand, proof)) return refuse(std::move(*wrong));
  auto identity = source_.find(proof.access_key_id, proof.session_token);
  if (!identity) return refuse(no_credential(demand.family, identity.error(), proof.access_key_id));
  if (auto wrong = check_time(demand, proof)) return refuse(std::move(*wrong));
  if (auto wrong = check_signed_headers(demand, input, proof)) return refuse(std::move(*wrong));
  return std::move(*identity);
}

Admitted<Bytes> Authenticator::prove(const Demand& demand, const SigningInput& input,
                                     const Authorization& proof, const Identity& identity,
                                     std::string_view payload_hash, SigningKeys& keys) {
  bool s3 = demand.family == Family::kS3;
  std::string canonical = canonical_request(input, s3 ? PathStyle::kOnce : PathStyle::kTwice,
                                            proof.signed_headers, payload_hash);
  std::string text = string_to_sign(proof.amz_date, proof.scope, canonical);
  const Bytes& key = keys.get(proof.access_key_id, identity.secret, proof.scope);
  if (equal_constant_time(signature_of(key, text), proof.signature)) return key;
  if (!s3) return refuse(refusal(demand.family, kSignatureNaming, kMismatch));
  return refuse(refusal(403, "SignatureDoesNotMatch", kS3Mismatch,
                        {{"AWSAccessKeyId", proof.access_key_id},
                         {"StringToSign", text},
                         {"SignatureProvided", proof.signature},
                         {"StringToSignBytes", spaced_hex(text)},
                         {"CanonicalRequest", canonical},
                         {"CanonicalRequestBytes", spaced_hex(canonical)}}));
}

}  // namespace suiro::aws
