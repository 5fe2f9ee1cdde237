// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/sigv4.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"

namespace suiro::aws {
namespace {

// Joined by sequences of white space to one space, as the canonical form wants.
void append_folded(std::string& out, std::string_view value) {
  constexpr std::string_view kBlank = " \t";
  bool folded = value.empty() || (kBlank.find(value.front()) == kBlank.npos &&
                                  kBlank.find(value.back()) == kBlank.npos &&
                                  value.find("  ") == value.npos && value.find('\t') == value.npos);
  if (folded) {
    out += value;
    return;
  }
  bool space = false, any = false;
  for (char c : value) {
    if (c == ' ' || c == '\t') {
      space = any;
    } else {
      if (space) out += ' ';
      out += c;
      space = false;
      any = true;
    }
  }
}

// RFC 3986 dot segments and empty segments removed; a final slash stays.
std::string normalise(std::string_view path) {
  std::vector<std::string_view> kept;
  size_t at = 0;
  while (at <= path.size()) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view part = path.substr(at, end - at);
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!part.empty() && part != ".") {
      kept.push_back(part);
    }
    at = end + 1;
  }
  std::string out = "/";
  for (std::string_view part : kept) {
    if (out.size() > 1) out += '/';
    out += part;
  }
  if (path.ends_with('/') && out.size() > 1) out += '/';
  return out;
}

// What cannot be decoded stays as it is: the signature then decides.
std::string recode(std::string_view text) {
  auto plain = percent_decode(text);
  return percent_encode(plain ? *plain : text);
}

void append_recoded(std::string& out, std::string_view text) {
  auto plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
  };
  if (std::ranges::all_of(text, plain)) {
    out += text;
  } else {
    out += recode(text);
  }
}

}  // namespace

std::string Scope::str() const {
  return date + '/' + region + '/' + service + "/aws4_request";
}

std::string canonical_path(std::string_view path, PathStyle style) {
  if (path.empty() || path == "/") return "/";
  if (style == PathStyle::kTwice) return percent_encode(normalise(path), Slash::kKeep);
  std::string out;
  out.reserve(path.size() + 16);
  size_t at = 0;
  for (;;) {
    size_t end = std::min(path.find('/', at), path.size());
    append_recoded(out, path.substr(at, end - at));
    if (end == path.size()) return out;
    out += '/';
    at = end + 1;
  }
}

std::string canonical_query(std::string_view query) {
  if (query.empty()) return {};
  std::vector<std::pair<std::string, std::string>> pairs;
  size_t at = 0, size = 0;
  while (at <= query.size()) {
    size_t end = std::min(query.find('&', at), query.size());
    std::string_view part = query.substr(at, end - at);
    at = end + 1;
    if (part.empty()) continue;
    size_t equals = part.find('=');
    std::string name = recode(part.substr(0, equals));
    if (name == "X-Amz-Signature") continue;
    std::string value = equals == part.npos ? "" : recode(part.substr(equals + 1));
    size += name.size() + value.size() + 2;
    pairs.emplace_back(std::move(name), std::move(value));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  out.reserve(size);
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

std::string canonical_request(const SigningInput& input, PathStyle style,
                              const std::vector<std::string>& signed_headers,
                              std::string_view payload_hash) {
  std::string out;
  out.reserve(1024);
  out.append(input.method).append("\n");
  out.append(canonical_path(input.path, style)).append("\n");
  out.append(canonical_query(input.query)).append("\n");
  for (const std::string& name : signed_headers) {
    out.append(name).append(":");
    bool first = true;
    for (const auto& [key, value] : input.headers) {
      if (key != name) continue;
      if (!std::exchange(first, false)) out += ',';
      append_folded(out, value);
    }
    out += '\n';
  }
  out += '\n';
  for (size_t i = 0; i < signed_headers.size(); ++i) {
    if (i > 0) out += ';';
    out += signed_headers[i];
  }
  return out.append("\n").append(payload_hash);
}

std::string string_to_sign(std::string_view amz_date, const Scope& scope,
                           std::string_view canonical) {
  std::string out(kAlgorithm);
  out.reserve(192);
  out.append("\n").append(amz_date).append("\n");
  out.append(scope.date).append("/").append(scope.region).append("/").append(scope.service);
  out.append("/aws4_request\n");
  return out.append(hex_encode(sha256(canonical)));
}

std::string signature_of(ByteView signing_key, std::string_view text) {
  return hex_encode(hmac_sha256(signing_key, text));
}

Bytes derive_signing_key(std::string_view secret, const Scope& scope) {
  Bytes key = hmac_sha256("AWS4" + std::string(secret), scope.date);
  key = hmac_sha256(key, scope.region);
  key = hmac_sha256(key, scope.service);
  return hmac_sha256(key, "aws4_request");
}

const Bytes& SigningKeys::get(const std::string& access_key_id, const std::string& secret,
                              const Scope& scope) {
  std::string name;
  name.reserve(96);
  name.append(access_key_id).append("/").append(scope.date).append("/").append(scope.region);
  name.append("/").append(scope.service);
  auto found = keys_.find(name);
  if (found == keys_.end()) {
    // Scopes change once a day: to begin anew is cheaper than to order by use.
    if (keys_.size() >= kSigningKeysMax) keys_.clear();
    found = keys_.try_emplace(std::move(name)).first;
  }
  Entry& entry = found->second;
  if (entry.key.empty() || entry.secret != secret)
    entry = {secret, derive_signing_key(secret, scope)};
  return entry.key;
}

Result<TimePoint> parse_amz_date(std::string_view text) {
  bool shaped = text.size() == 16 && text[8] == 'T' && text[15] == 'Z';
  for (size_t i = 0; shaped && i < 15; ++i)
    if (i != 8 && (text[i] < '0' || text[i] > '9')) shaped = false;
  if (!shaped) return fail(codes::kInvalidArgument, "Not a date of the form 20130524T000000Z.");
  auto number = [&](size_t at, size_t digits) {
    int value = 0;
    for (char c : text.substr(at, digits)) value = value * 10 + (c - '0');
    return value;
  };
  using namespace std::chrono;
  year_month_day date(year(number(0, 4)), month(static_cast<unsigned>(number(4, 2))),
                      day(static_cast<unsigned>(number(6, 2))));
  int hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) {
    return fail(codes::kInvalidArgument, fmt::format("'{}' is not a date and time", text));
  }
  return TimePoint(sys_days(date) + hours(hour) + minutes(minute) + seconds(second));
}

std::string format_amz_date(TimePoint time) {
  std::string iso = format_iso8601(std::chrono::floor<std::chrono::seconds>(time));
  std::string out;
  for (char c : iso.substr(0, 19))
    if (c != '-' && c != ':') out += c;
  return out + 'Z';
}

std::string Signer::authorization(const SigningInput& input,
                                  const std::vector<std::string>& signed_headers,
                                  std::string_view payload_hash) const {
  std::string date(find(input.headers, "x-amz-date").value_or(""));
  std::string canonical = canonical_request(input, style, signed_headers, payload_hash);
  std::string signature =
      signature_of(derive_signing_key(secret, scope), string_to_sign(date, scope, canonical));
  std::string names;
  for (const std::string& name : signed_headers) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return std::string(kAlgorithm) + " Credential=" + access_key_id + '/' + scope.str() +
         ", SignedHeaders=" + names + ", Signature=" + signature;
}

}  // namespace suiro::aws
