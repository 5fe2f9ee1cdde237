// SPDX-License-Identifier: Apache-2.0
// Authorization headers and presigned queries: first line the header, second the query, third the
// path.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "protocol/aws/sigv4.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro::aws;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto line = [&] {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view out = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return out;
  };
  const std::string header(line()), query(line()), path(line());
  Pairs headers = {{"host", "h"}, {"x-amz-date", "20130524T000000Z"}};
  if (!header.empty()) headers.emplace_back("authorization", header);
  const SigningInput input{"GET", path, query, headers};
  auto read = read_authorization(input);
  if (read && *read) {
    const Authorization& proof = **read;
    CHECK(proof.signed_headers.size() <= kSignedHeadersMax);
    CHECK(!proof.access_key_id.empty() && proof.amz_date.size() == 16);
    CHECK(proof.expires <= std::chrono::hours(7 * 24));
    canonical_request(input, PathStyle::kTwice, proof.signed_headers, "");
  }
  // A canonical form is canonical.
  const std::string canonical = canonical_query(query);
  CHECK(canonical_query(canonical) == canonical, "the canonical query changes when read again");
  const std::string once = canonical_path(path, PathStyle::kOnce);
  CHECK(canonical_path(once, PathStyle::kOnce) == once, "the canonical path changes");
  canonical_path(path, PathStyle::kTwice);
  return 0;
}
