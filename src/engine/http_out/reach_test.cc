// SPDX-License-Identifier: Apache-2.0
#include "engine/http_out/reach.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace suiro::http_out {
namespace {

bool is_within(Reach reach, const char* text) {
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    return is_within(reach, reinterpret_cast<const sockaddr*>(&v4));
  }
  sockaddr_in6 v6{};
  EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
  v6.sin6_family = AF_INET6;
  return is_within(reach, reinterpret_cast<const sockaddr*>(&v6));
}

TEST(Reach, PublicAddresses) {
  for (const char* text : {"1.1.1.1",         "8.8.8.8",      "9.255.255.255",   "11.0.0.0",
                           "100.63.255.255",  "100.128.0.0",  "126.255.255.255", "128.0.0.0",
                           "169.253.255.255", "169.255.0.0",  "172.15.255.255",  "172.32.0.0",
                           "192.167.255.255", "192.169.0.0",  "223.255.255.255", "168.63.129.17",
                           "2606:4700::1111", "2400:cb00::1", "2a00::1",         "::ffff:8.8.8.8",
                           "64:ff9b::808:808"}) {
    EXPECT_TRUE(is_within(Reach::kPublic, text)) << text;
    EXPECT_TRUE(is_within(Reach::kNoMetadata, text)) << text;
  }
}

TEST(Reach, AddressesThatAreNotPublic) {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.0",
                           "10.255.255.255",
                           "100.64.0.0",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.255",
                           "172.16.0.0",
                           "172.31.255.255",
                           "192.0.2.1",
                           "192.168.0.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "fc00::1",
                           "fd12:3456::1",
                           "fec0::1",
                           "ff02::1",
                           "2001::1",
                           "2001:db8::1",
                           "2002:0a00:0001::1",
                           "3fff::1",
                           "100::1",
                           "::ffff:10.0.0.1",
                           "::127.0.0.1",
                           "64:ff9b::7f00:1",
                           "64:ff9b:1::a00:1"}) {
    EXPECT_FALSE(is_within(Reach::kPublic, text)) << text;
    EXPECT_TRUE(is_within(Reach::kNoMetadata, text)) << text;
  }
}

TEST(Reach, Metadata) {
  for (const char* text : {"169.254.169.254", "169.254.0.0", "169.254.255.255", "168.63.129.16",
                           "100.100.100.200", "192.0.0.192", "fe80::1", "febf::1", "fd00:ec2::254",
                           "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"}) {
    EXPECT_FALSE(is_within(Reach::kPublic, text)) << text;
    EXPECT_FALSE(is_within(Reach::kNoMetadata, text)) << text;
    EXPECT_TRUE(is_within(Reach::kAnywhere, text)) << text;
  }
}

TEST(Reach, OtherFamilies) {
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_FALSE(is_within(Reach::kPublic, &other));
  EXPECT_FALSE(is_within(Reach::kNoMetadata, &other));
}

}  // namespace
}  // namespace suiro::http_out
