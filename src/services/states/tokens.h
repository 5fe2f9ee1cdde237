// SPDX-License-Identifier: Apache-2.0
// Task tokens: what $$.Task.Token is. A token names its execution and effect, and carries a code
// that only this installation can make: nobody needs to store tokens, and a forged one is told from
// a real one that is over.
//
// Form: base64 of version (1), execution (16), effect (8), HMAC-SHA256 of these (16). The secret is
// made at the first start and kept in the store. Threads: any, after construction.
#pragma once

#include "services/states/storage_execution.h"

namespace suiro::states {

inline constexpr size_t kTokenSecretBytes = 32;

class Tokens {
 public:
  explicit Tokens(Bytes secret) : secret_(std::move(secret)) {}
  std::string make(const EffectKey& key) const;
  // Errors: InvalidToken.
  Result<EffectKey> read(std::string_view token) const;

 private:
  Bytes seal(ByteView head) const;
  Bytes secret_;
};

}  // namespace suiro::states
