// SPDX-License-Identifier: Apache-2.0
// Policy documents of all forms, and their decisions. Input: a byte for the form, a line with the
// resource, a line with a condition key and value ("key=value"), and the document.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/policy/verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro::policy;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const auto form = static_cast<Form>(static_cast<uint8_t>(input.front()) % 5);
  input.remove_prefix(1);
  auto line = [&] {
    const size_t end = std::min(input.find('\n'), input.size());
    std::string_view out = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    return out;
  };
  Request request;
  request.caller.account = "000000000000";
  request.caller.arn = "arn:aws:iam::000000000000:user/ann";
  request.action = "s3:GetObject";
  request.resource = line();
  const std::string_view pair = line();
  const size_t equals = std::min(pair.find('='), pair.size());
  request.context[suiro::to_lower(pair.substr(0, equals))] =
      pair.substr(std::min(equals + 1, pair.size()));
  auto policy = Policy::parse(input, form);
  if (!policy) {
    CHECK(policy.error().code == kMalformedPolicy, "a parser has one code");
    return 0;
  }
  policy->is_public();
  const Decision once = policy->decide(request);
  CHECK(policy->decide(request) == once, "a policy changed its mind");
  // Knowing less can only take away.
  request.unknown = {""};
  const Decision doubtful = policy->decide(request);
  CHECK(doubtful != Decision::kAllow || once == Decision::kAllow, "doubt let something through");
  CHECK(once != Decision::kDeny || doubtful == Decision::kDeny, "doubt lifted a denial");
  return 0;
}
