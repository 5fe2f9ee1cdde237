// SPDX-License-Identifier: Apache-2.0
// Passwords of the registry API, as GetAuthorizationToken gives them, and links to layers, as
// GetDownloadUrlForLayer does. Both carry their end and an HMAC with a secret of the store, so that
// nothing is kept for them and a restart does not end them. Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "shapes/call.h"

namespace suiro::ecr {

inline constexpr Millis kPasswordLife = std::chrono::hours(12);
inline constexpr Millis kLinkLife = std::chrono::hours(1);
inline constexpr std::string_view kPasswordUser = "AWS";

class Tokens {
 public:
  // Before any other call.
  void set_secret(Bytes secret) { secret_ = std::move(secret); }

  // The password tells who asked for it, with what bounds a session: the caller's rights are those
  // at the time of each request.
  std::string password(const shapes::Principal& caller, TimePoint end) const;
  // Who asked for the password; nullopt: it is none of ours, or it is over.
  std::optional<shapes::Principal> caller_of(std::string_view password, TimePoint now) const;
  // "end=...&proof=...": what stands behind the question mark.
  std::string link(std::string_view repository, std::string_view digest, TimePoint end) const;
  bool is_link(std::string_view repository, std::string_view digest, std::string_view end,
               std::string_view proof, TimePoint now) const;

 private:
  std::string proof(std::string_view what) const;
  Bytes secret_;
};

}  // namespace suiro::ecr
