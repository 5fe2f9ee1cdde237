// SPDX-License-Identifier: Apache-2.0
// Reach: which addresses a client connects to, whoever names them.
// Source: IANA, "IPv4 Special-Purpose Address Registry", "IPv6 Special-Purpose Address Registry".
// Thread: pure functions.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string_view>

namespace suiro::http_out {

enum class Reach : uint8_t {
  kAnywhere,
  kNoMetadata,  // all but link-local addresses and where machines in clouds find their credentials
  kPublic,      // globally reachable addresses alone
};

// IPv6 ones that hold an IPv4 address count as that one. Of another family: only kAnywhere.
bool is_within(Reach reach, const sockaddr* address);
// "only public addresses are allowed"; empty for kAnywhere.
std::string_view rule_of(Reach reach);

}  // namespace suiro::http_out
