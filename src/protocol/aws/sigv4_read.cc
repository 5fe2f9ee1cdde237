// SPDX-License-Identifier: Apache-2.0
// Reading of the Authorization header and of the query parameters of presigned URLs.
#include <algorithm>

#include "base/checksum.h"
#include "protocol/aws/sigv4.h"

namespace suiro::aws {
namespace {

using Kind = MalformedAuthorization::Kind;
using Read = std::expected<std::optional<Authorization>, MalformedAuthorization>;

std::unexpected<MalformedAuthorization> malformed(Kind kind, std::string message) {
  return std::unexpected(MalformedAuthorization{kind, std::move(message)});
}

// "AKID/20130524/us-east-1/s3/aws4_request"; an access key id may hold slashes in theory.
bool read_credential(std::string_view text, Authorization& out) {
  std::string_view parts[4];
  for (int i = 3; i >= 0; --i) {
    size_t slash = text.rfind('/');
    if (slash == text.npos) return false;
    parts[i] = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  out.access_key_id = text;
  out.scope = {std::string(parts[0]), std::string(parts[1]), std::string(parts[2])};
  return !text.empty() && parts[3] == "aws4_request";
}

bool read_signed_headers(std::string_view text, Authorization& out) {
  size_t at = 0;
  while (at <= text.size()) {
    size_t end = std::min(text.find(';', at), text.size());
    if (end == at || out.signed_headers.size() >= kSignedHeadersMax) return false;
    out.signed_headers.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return true;
}

std::expected<void, MalformedAuthorization> read_date(Authorization& out) {
  auto date = parse_amz_date(out.amz_date);
  if (!date)
    return malformed(Kind::kDate,
                     "Authorization header requires existence of either a "
                     "'X-Amz-Date' or a 'Date' header.");
  out.date = *date;
  if (!std::string_view(out.amz_date).starts_with(out.scope.date) || out.scope.date.size() != 8)
    return malformed(Kind::kDate,
                     "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                     "date from HTTP: '" +
                         out.scope.date + "' != '" + out.amz_date.substr(0, 8) + "', from '" +
                         out.amz_date + "'.");
  return {};
}

std::string date_of_headers(const Pairs& headers) {
  if (auto value = find(headers, "x-amz-date")) return std::string(*value);
  auto value = find(headers, "date");
  if (!value) return {};
  if (parse_amz_date(*value)) return std::string(*value);
  auto date = parse_http_date(*value);
  return date ? format_amz_date(*date) : "";
}

Read read_header(std::string_view text, const Pairs& headers) {
  if (text.starts_with("AWS "))
    return malformed(Kind::kOldSignature,
                     "The authorization mechanism you have provided is not "
                     "supported. Please use AWS4-HMAC-SHA256.");
  size_t space = std::min(text.find(' '), text.size());
  if (text.substr(0, space) != kAlgorithm)
    return malformed(Kind::kAlgorithm, "Unsupported Authorization Type");
  Authorization out;
  std::string_view credential, signed_headers, signature;
  size_t at = space;
  while (at < text.size()) {
    size_t end = std::min(text.find(',', at), text.size());
    std::string_view part = trim(text.substr(at, end - at));
    at = end + 1;
    if (part.starts_with("Credential=")) credential = part.substr(11);
    if (part.starts_with("SignedHeaders=")) signed_headers = part.substr(14);
    if (part.starts_with("Signature=")) signature = part.substr(10);
  }
  out.amz_date = date_of_headers(headers);
  std::string missing;
  if (credential.empty()) missing += "Authorization header requires 'Credential' parameter. ";
  if (signature.empty()) missing += "Authorization header requires 'Signature' parameter. ";
  if (signed_headers.empty())
    missing += "Authorization header requires 'SignedHeaders' parameter. ";
  if (out.amz_date.empty())
    missing +=
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
        "header. ";
  if (!missing.empty())
    return malformed(Kind::kIncomplete, missing + "Authorization=" + std::string(text));
  if (!read_credential(credential, out))
    return malformed(Kind::kIncomplete,
                     "Credential must have exactly 5 slash-delimited elements, "
                     "e.g. keyid/date/region/service/term, got '" +
                         std::string(credential) + "'");
  if (!read_signed_headers(signed_headers, out))
    return malformed(Kind::kIncomplete, "The SignedHeaders parameter is not well formed.");
  out.signature = signature;
  if (auto token = find(headers, "x-amz-security-token")) out.session_token = *token;
  if (auto dated = read_date(out); !dated) return std::unexpected(dated.error());
  return out;
}

struct QueryProof {
  std::optional<std::string> algorithm, credential, signature, date, signed_headers, expires, token;
  bool old = false;  // Signature Version 2: AWSAccessKeyId and Signature
};

QueryProof collect(std::string_view query) {
  QueryProof proof;
  const std::pair<std::string_view, std::optional<std::string>*> kNames[] = {
      {"X-Amz-Algorithm", &proof.algorithm},          {"X-Amz-Credential", &proof.credential},
      {"X-Amz-Signature", &proof.signature},          {"X-Amz-Date", &proof.date},
      {"X-Amz-SignedHeaders", &proof.signed_headers}, {"X-Amz-Expires", &proof.expires},
      {"X-Amz-Security-Token", &proof.token}};
  bool old_key = false, old_signature = false;
  size_t at = 0;
  while (at < query.size()) {
    size_t end = std::min(query.find('&', at), query.size());
    std::string_view part = query.substr(at, end - at);
    at = end + 1;
    size_t equals = std::min(part.find('='), part.size());
    std::string_view name = part.substr(0, equals);
    old_key |= name == "AWSAccessKeyId";
    old_signature |= name == "Signature";
    for (auto [known, place] : kNames) {
      if (name != known || *place) continue;
      auto value = percent_decode(part.substr(std::min(equals + 1, part.size())));
      *place = value ? std::move(*value) : "";
    }
  }
  proof.old = old_key && old_signature;
  return proof;
}

std::optional<int64_t> read_seconds(std::string_view text) {
  if (text.empty() || text.size() > 9) return std::nullopt;
  int64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

Read read_presigned(QueryProof proof) {
  if (proof.algorithm && *proof.algorithm != kAlgorithm)
    return malformed(Kind::kQuery,
                     "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and "
                     "AWS4-ECDSA-P256-SHA256\"; this server speaks the former.");
  if (!proof.algorithm || !proof.credential || !proof.signature || !proof.date ||
      !proof.signed_headers || !proof.expires)
    return malformed(Kind::kQuery,
                     "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                     "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
                     "X-Amz-Expires parameters.");
  Authorization out;
  out.form = Authorization::Form::kPresigned;
  out.signature = *proof.signature;
  out.amz_date = *proof.date;
  out.session_token = proof.token.value_or("");
  if (!read_credential(*proof.credential, out))
    return malformed(Kind::kQuery,
                     "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
                     "expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
  if (!read_signed_headers(*proof.signed_headers, out))
    return malformed(Kind::kQuery, "Error parsing the X-Amz-SignedHeaders parameter.");
  auto date = parse_amz_date(out.amz_date);
  if (!date)
    return malformed(Kind::kQuery,
                     "X-Amz-Date must be in the ISO8601 Long Format "
                     "\"yyyyMMdd'T'HHmmss'Z'\"");
  out.date = *date;
  if (!out.amz_date.starts_with(out.scope.date) || out.scope.date.size() != 8)
    return malformed(Kind::kQuery,
                     "Error parsing the X-Amz-Credential parameter; incorrect date \"" +
                         out.scope.date +
                         "\". This date in the credential must be "
                         "in the format \"yyyyMMdd\".");
  constexpr int64_t kWeek = 7 * 24 * 3600;
  auto seconds = read_seconds(*proof.expires);
  if (!seconds) {
    bool negative = proof.expires->starts_with('-');
    return malformed(Kind::kExpires, negative ? "X-Amz-Expires must be non-negative"
                                              : "X-Amz-Expires should be a number");
  }
  if (*seconds > kWeek)
    return malformed(Kind::kExpires,
                     "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                     "X-Amz-Expires must be less than 604800 seconds");
  out.expires = std::chrono::seconds(*seconds);
  return out;
}

}  // namespace

Read read_authorization(const SigningInput& input) {
  auto header = find(input.headers, "authorization");
  QueryProof proof;
  if (!input.query.empty()) proof = collect(input.query);
  bool presigned = proof.algorithm || proof.credential || (proof.signature && proof.date);
  if (header && (presigned || proof.old))
    return malformed(Kind::kTwice,
                     "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                     "Signature query string parameter or the Authorization header should be "
                     "specified");
  if (header) return read_header(*header, input.headers);
  if (presigned) return read_presigned(std::move(proof));
  if (proof.old)
    return malformed(Kind::kOldSignature,
                     "The authorization mechanism you have provided is not "
                     "supported. Please use AWS4-HMAC-SHA256.");
  return std::nullopt;
}

}  // namespace suiro::aws
