// SPDX-License-Identifier: Apache-2.0
#include "engine/image/manifest.h"

#include <gtest/gtest.h>

#include "engine/image/reference.h"

namespace suiro::image {
namespace {

constexpr std::string_view kDigestA =
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

TEST(Reference, Forms) {
  struct Case {
    std::string text, host, repository, tag, digest;
  };
  std::string digest(kDigestA);
  for (const Case& c : std::vector<Case>{
           {"busybox", "docker.io", "library/busybox", "latest", ""},
           {"team/app:v1", "docker.io", "team/app", "v1", ""},
           {"127.0.0.1:4566/app", "127.0.0.1:4566", "app", "latest", ""},
           {"localhost/app:x", "localhost", "app", "x", ""},
           {"[::1]:4566/app:x", "[::1]:4566", "app", "x", ""},
           {"000000000000.dkr.ecr.eu-west-1.amazonaws.com/a/b:1.0",
            "000000000000.dkr.ecr.eu-west-1.amazonaws.com", "a/b", "1.0", ""},
           {"r.example/app@" + digest, "r.example", "app", "", digest},
           {"r.example:5000/app:v1@" + digest, "r.example:5000", "app", "v1", digest}}) {
    auto found = parse_reference(c.text);
    ASSERT_TRUE(found) << c.text;
    EXPECT_EQ(found->host, c.host) << c.text;
    EXPECT_EQ(found->repository, c.repository) << c.text;
    EXPECT_EQ(found->tag, c.tag) << c.text;
    EXPECT_EQ(found->digest, c.digest) << c.text;
  }
  for (std::string_view bad :
       {"", "Upper", "a//b", "a:", ":x", "a@sha256:00", "a/../b", "a b", "-a", "a-", "a:-x"}) {
    EXPECT_FALSE(parse_reference(bad)) << bad;
  }
}

TEST(Manifest, Image) {
  std::string text = R"({"schemaVersion":2,"config":{"mediaType":"c","digest":"DIGEST","size":2},
    "layers":[{"mediaType":"l","digest":"DIGEST","size":3}],
    "subject":{"mediaType":"s","digest":"DIGEST","size":1}})";
  for (size_t at = 0; (at = text.find("DIGEST")) != text.npos;) text.replace(at, 6, kDigestA);
  auto found = parse_manifest(text, "");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->media_type, kOciManifest);
  EXPECT_EQ(found->config.size_bytes, 2);
  EXPECT_EQ(found->layers[0].size_bytes, 3);
  EXPECT_EQ(found->subject, kDigestA);
  EXPECT_FALSE(found->is_index);
  EXPECT_TRUE(parse_manifest(text, kDockerManifest));
  EXPECT_FALSE(parse_manifest(text, "text/plain"));
}

TEST(Manifest, Refusals) {
  for (std::string_view bad :
       {"", "[]", "{}", R"({"schemaVersion":1})", R"({"schemaVersion":2})",
        R"({"schemaVersion":2,"manifests":[],"layers":[]})",
        R"({"schemaVersion":2,"manifests":[{"digest":"sha256:x","size":1}]})",
        R"({"schemaVersion":2,"config":{"digest":"x","size":1},"layers":[]})"}) {
    EXPECT_FALSE(parse_manifest(bad, "")) << bad;
  }
  EXPECT_FALSE(parse_manifest(std::string(kManifestBytesMax + 1, ' '), ""));
}

TEST(Config, Members) {
  auto found = parse_config(R"({"architecture":"arm64","os":"linux","rootfs":{"diff_ids":[]},
    "config":{"Entrypoint":["/e"],"Cmd":null,"Env":["A=b"],"WorkingDir":"/w","StopSignal":"SIGINT",
    "Volumes":{"/v2":{},"/v1":{}},"Labels":{"a":"b"},
    "Healthcheck":{"Test":["CMD","true"],"Interval":5000000000,"Retries":2}}})");
  ASSERT_TRUE(found) << found.error().message;
  const ImageConfig& config = found->config;
  EXPECT_EQ(config.architecture, "arm64");
  EXPECT_EQ(config.entrypoint, std::vector<std::string>{"/e"});
  EXPECT_TRUE(config.cmd.empty());
  EXPECT_EQ(config.working_dir, "/w");
  EXPECT_EQ(config.stop_signal, "SIGINT");
  EXPECT_EQ(config.volumes, (std::vector<std::string>{"/v1", "/v2"}));
  EXPECT_EQ(config.labels.at("a"), "b");
  ASSERT_TRUE(config.health_check);
  EXPECT_EQ(config.health_check->interval, Millis(5000));
  EXPECT_EQ(config.health_check->retries, 2);
  EXPECT_FALSE(parse_config("{}"));
  EXPECT_FALSE(parse_config(R"({"rootfs":{"diff_ids":["x"]}})"));
}

}  // namespace
}  // namespace suiro::image
