// SPDX-License-Identifier: Apache-2.0
#include "engine/image/reference.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/digest.h"
#include "engine/image/image.h"

namespace suiro::image {
namespace {

constexpr std::string_view kSha256 = "sha256:";
constexpr std::string_view kPublicHost = "docker.io";

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_word(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

// One or two dots or underscores, or any number of dashes, between letters and digits.
bool is_separator(std::string_view text) {
  return text == "." || text == "_" || text == "__" ||
         (!text.empty() && text.find_first_not_of('-') == text.npos);
}

bool is_component(std::string_view text) {
  if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) {
    return false;
  }
  for (size_t i = 0; i < text.size();) {
    if (is_lower_or_digit(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && !is_lower_or_digit(text[end])) ++end;
    if (!is_separator(text.substr(i, end - i))) return false;
    i = end;
  }
  return true;
}

// The part before the first slash is a host where it can be no part of a repository's name.
bool is_host(std::string_view text) {
  if (text.empty() || text.find_first_of("@ \t") != text.npos) return false;
  return text == "localhost" || text.find_first_of(".:") != text.npos;
}

}  // namespace

bool is_digest(std::string_view text) {
  if (!text.starts_with(kSha256) || text.size() != kSha256.size() + 64) return false;
  return std::ranges::all_of(text.substr(kSha256.size()), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > kTagBytesMax || !is_word(text.front())) return false;
  return std::ranges::all_of(text, [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

bool is_repository(std::string_view text) {
  if (text.empty() || text.size() > kRepositoryBytesMax) return false;
  for (;;) {
    size_t slash = text.find('/');
    if (!is_component(text.substr(0, slash))) return false;
    if (slash == text.npos) return true;
    text.remove_prefix(slash + 1);
  }
}

std::string digest_of(std::string_view bytes) {
  return std::string(kSha256) + hex_encode(sha256(bytes));
}

Result<Reference> parse_reference(std::string_view text) {
  auto bad = [&] {
    return fail(kImageInvalid, "invalid reference format: " + std::string(text.substr(0, 256)));
  };
  if (text.empty() || text.size() > kReferenceBytesMax) return bad();
  Reference out;
  std::string_view rest = text;
  if (size_t at = rest.find('@'); at != rest.npos) {
    out.digest = rest.substr(at + 1);
    if (!is_digest(out.digest)) return bad();
    rest = rest.substr(0, at);
  }
  size_t slash = rest.find('/');
  if (slash != rest.npos && is_host(rest.substr(0, slash))) {
    out.host = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
  }
  if (size_t colon = rest.rfind(':'); colon != rest.npos) {
    out.tag = rest.substr(colon + 1);
    if (!is_tag(out.tag)) return bad();
    rest = rest.substr(0, colon);
  }
  out.repository = rest;
  if (out.host.empty()) {
    out.host = kPublicHost;
    if (out.repository.find('/') == std::string::npos) {
      out.repository.insert(0, "library/");
    }
  }
  if (!is_repository(out.repository)) return bad();
  if (out.tag.empty() && out.digest.empty()) out.tag = "latest";
  return out;
}

}  // namespace suiro::image
