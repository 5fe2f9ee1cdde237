// SPDX-License-Identifier: Apache-2.0
#include "services/states/tokens.h"

#include "base/digest.h"
#include "services/states/executions_config.h"

namespace suiro::states {
namespace {

constexpr char kVersion = 1;
constexpr size_t kHeadBytes = 1 + 16 + 8;
constexpr size_t kSealBytes = 16;

}  // namespace

Bytes Tokens::seal(ByteView head) const {
  return hmac_sha256(secret_, head).substr(0, kSealBytes);
}

std::string Tokens::make(const EffectKey& key) const {
  Bytes head(1, kVersion);
  head.append(key.execution.view());
  append_be64(head, key.effect);
  return base64_encode(head + seal(head));
}

Result<EffectKey> Tokens::read(std::string_view token) const {
  auto invalid = [] { return fail("InvalidToken", "Invalid Token: 'Invalid token'"); };
  if (token.size() > kTokenBytesMax) return invalid();
  auto bytes = base64_decode(token);
  if (!bytes || bytes->size() != kHeadBytes + kSealBytes || bytes->front() != kVersion) {
    return invalid();
  }
  ByteView head = ByteView(*bytes).substr(0, kHeadBytes);
  if (!equal_constant_time(seal(head), ByteView(*bytes).substr(kHeadBytes))) return invalid();
  return EffectKey{arn_hash_of_bytes(head.substr(1, 16)), read_be64(head.substr(17))};
}

}  // namespace suiro::states
