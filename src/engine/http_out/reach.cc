// SPDX-License-Identifier: Apache-2.0
#include "engine/http_out/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace suiro::http_out {
namespace {

using V6 = std::array<uint8_t, 16>;

struct V4Range {
  uint32_t network;
  int bits;
};
constexpr uint32_t v4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}
constexpr V4Range kNotPublic[] = {
    {v4(0, 0, 0, 0), 8},         // this network
    {v4(10, 0, 0, 0), 8},        // private
    {v4(100, 64, 0, 0), 10},     // shared by carriers; Alibaba's metadata
    {v4(127, 0, 0, 0), 8},       // loopback
    {v4(168, 63, 129, 16), 32},  // Azure's platform, at an address that looks public
    {v4(169, 254, 0, 0), 16},    // link-local
    {v4(172, 16, 0, 0), 12},     // private
    {v4(192, 0, 0, 0), 24},      // protocol assignments
    {v4(192, 0, 2, 0), 24},      // documentation
    {v4(192, 88, 99, 0), 24},    // relays of 6to4
    {v4(192, 168, 0, 0), 16},    // private
    {v4(198, 18, 0, 0), 15},     // benchmarks
    {v4(198, 51, 100, 0), 24},   // documentation
    {v4(203, 0, 113, 0), 24},    // documentation
    {v4(224, 0, 0, 0), 4},       // multicast
    {v4(240, 0, 0, 0), 4},       // reserved; broadcast
};
constexpr V4Range kMetadata[] = {{v4(169, 254, 0, 0), 16},
                                 {v4(100, 100, 100, 200), 32},  // Alibaba
                                 {v4(168, 63, 129, 16), 32},    // Azure
                                 {v4(192, 0, 0, 192), 32}};     // Oracle

bool is_in(std::span<const V4Range> ranges, uint32_t address) {
  return std::ranges::any_of(ranges, [address](const V4Range& range) {
    return (address ^ range.network) >> (32 - range.bits) == 0;
  });
}

struct V6Range {
  V6 network;
  size_t bits;
};
constexpr V6Range kGlobal = {{0x20}, 3};
// Within kGlobal.
constexpr V6Range kNotPublicV6[] = {
    {{0x20, 0x01}, 23},              // protocol assignments; Teredo
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x20, 0x02}, 16},              // 6to4
    {{0x3f, 0xff}, 20},              // documentation
};
constexpr V6Range kLinkLocal = {{0xfe, 0x80}, 10};
// Amazon's metadata.
constexpr V6Range kMetadataV6 = {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54},
                                 128};
constexpr V6Range kMapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96};
constexpr V6Range kCompatible = {{}, 96};
constexpr V6Range kNat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};

bool is_in(const V6Range& range, const V6& address) {
  for (size_t bit = 0; bit < range.bits; bit += 8) {
    const size_t left = range.bits - bit;
    const int mask = left >= 8 ? 0xff : 0xff << (8 - left) & 0xff;
    if (((address[bit / 8] ^ range.network[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

bool is_within(Reach reach, uint32_t address) {
  if (reach == Reach::kPublic) return !is_in(kNotPublic, address);
  return !is_in(kMetadata, address);
}

bool is_within(Reach reach, const V6& address) {
  // Those that lead to an IPv4 address.
  for (const V6Range& range : {kMapped, kCompatible, kNat64}) {
    if (!is_in(range, address)) continue;
    uint32_t inner = 0;
    std::memcpy(&inner, address.data() + 12, sizeof inner);
    return is_within(reach, ntohl(inner));
  }
  if (reach == Reach::kNoMetadata) {
    return !is_in(kLinkLocal, address) && !is_in(kMetadataV6, address);
  }
  return is_in(kGlobal, address) && std::ranges::none_of(kNotPublicV6, [&](const V6Range& range) {
           return is_in(range, address);
         });
}

}  // namespace

bool is_within(Reach reach, const sockaddr* address) {
  if (reach == Reach::kAnywhere) return true;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4_address;
    std::memcpy(&v4_address, address, sizeof v4_address);
    return is_within(reach, ntohl(v4_address.sin_addr.s_addr));
  }
  if (address->sa_family != AF_INET6) return false;
  sockaddr_in6 v6_address;
  std::memcpy(&v6_address, address, sizeof v6_address);
  V6 bytes;
  std::memcpy(bytes.data(), &v6_address.sin6_addr, bytes.size());
  return is_within(reach, bytes);
}

std::string_view rule_of(Reach reach) {
  switch (reach) {
    case Reach::kAnywhere:
      return "";
    case Reach::kNoMetadata:
      return "link-local addresses and those of clouds' metadata are refused";
    case Reach::kPublic:
      return "only public addresses are allowed";
  }
  return "";
}

}  // namespace suiro::http_out
