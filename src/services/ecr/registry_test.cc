// SPDX-License-Identifier: Apache-2.0
// Pushes, pulls and what becomes of layers, in virtual time.
#include "services/ecr/distribution_route.h"
#include "services/ecr/testing.h"

namespace suiro::ecr {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

using PushTest = RegistryTest;

TEST_F(PushTest, LayersLieOnce) {
  make("aa");
  make("bb");
  push("aa", "one", {"base", "one"});
  push("aa", "two", {"base", "two"});
  push("bb", "one", {"base", "one"});
  // base, one, two and two configs.
  EXPECT_EQ(layers(), 5);
  EXPECT_EQ(blob("bb", "base"), 200);
  EXPECT_EQ(blob("bb", "two"), 404);
}

TEST_F(PushTest, EverythingIsThereAfterARestart) {
  make("aa");
  std::string digest = push("aa", "v1", {Bytes(1 << 20, 'x'), "small"});
  restart();
  EXPECT_EQ(pull("aa", "v1"), 200);
  EXPECT_EQ(pull("aa", digest), 200);
  auto reply = send("GET", "/v2/aa/blobs/" + image::digest_of(Bytes(1 << 20, 'x')));
  EXPECT_EQ(body_of(reply), Bytes(1 << 20, 'x'));
}

TEST_F(PushTest, UnusedLayersGoAfterTheGrace) {
  make("aa");
  make("bb");
  std::string digest = push("aa", "v1", {"shared", "mine"});
  push("bb", "v1", {"shared"});
  push_blob("aa", "never used");
  sim.advance(kLayerGrace + kSweepInterval);
  EXPECT_EQ(blob("aa", "never used"), 404);
  EXPECT_EQ(blob("aa", "mine"), 200);
  // shared, mine, and the config that both images have.
  EXPECT_EQ(layers(), 3);
  EXPECT_EQ(send("DELETE", "/v2/aa/manifests/" + digest).status, 202);
  sim.advance(kSweepInterval * 2);
  EXPECT_EQ(blob("aa", "mine"), 404);
  EXPECT_EQ(blob("aa", "shared"), 404);
  EXPECT_EQ(blob("bb", "shared"), 200);
  EXPECT_EQ(layers(), 2);
}

TEST_F(PushTest, WhatAClientWasToldIsThereStays) {
  make("aa");
  push_blob("aa", "layer");
  std::string path = "/v2/aa/blobs/" + image::digest_of("layer");
  for (int i = 0; i < 5; ++i) {
    sim.advance(kLayerGrace / 2 + minutes(1));
    EXPECT_EQ(send("HEAD", path).status, 200) << i;
  }
  sim.advance(kLayerGrace + kSweepInterval);
  EXPECT_EQ(send("HEAD", path).status, 404);
}

TEST_F(PushTest, LayersOfADeletedRepositoryGo) {
  make("aa");
  make("bb");
  push("aa", "v1", {"shared", "mine"});
  push("bb", "v1", {"shared"});
  EXPECT_EQ(error("DeleteRepository", {{"repositoryName", "aa"}}), kRepositoryNotEmpty);
  good("DeleteRepository", {{"repositoryName", "aa"}, {"force", true}});
  sim.advance(kSweepInterval * 2);
  EXPECT_EQ(layers(), 2);
  EXPECT_EQ(blob("bb", "shared"), 200);
  // A repository of the same name begins with nothing.
  make("aa");
  EXPECT_EQ(pull("aa", "v1"), 404);
  EXPECT_EQ(blob("aa", "shared"), 404);
}

TEST_F(PushTest, TheSweepTakesManySteps) {
  make("aa");
  for (size_t i = 0; i < kSweepLayersMax + 50; ++i) push_blob("aa", "layer " + std::to_string(i));
  EXPECT_EQ(layers(), kSweepLayersMax + 50);
  sim.advance(kLayerGrace + kSweepInterval + minutes(1));
  EXPECT_EQ(layers(), 0);
}

TEST_F(PushTest, IdleUploadsAreForgotten) {
  make("aa");
  auto begun = send("POST", "/v2/aa/blobs/uploads/");
  std::string location = *header(begun.headers, "location");
  EXPECT_EQ(send("PATCH", location, "abc").status, 202);
  sim.advance(kUploadIdleMax + minutes(1));
  EXPECT_EQ(code_of(send("PATCH", location, "def")), "BLOB_UPLOAD_UNKNOWN");
}

TEST_F(PushTest, UploadsAreBounded) {
  make("aa");
  size_t begun = 0;
  WireResponse last;
  while (begun <= kUploadsMax * 4) {
    last = send("POST", "/v2/aa/blobs/uploads/");
    if (last.status != 202) break;
    ++begun;
  }
  EXPECT_EQ(last.status, 429);
  EXPECT_EQ(code_of(last), "TOOMANYREQUESTS");
  EXPECT_GE(begun, kUploadsMax);
  sim.advance(kUploadIdleMax + minutes(1));
  EXPECT_EQ(send("POST", "/v2/aa/blobs/uploads/").status, 202);
}

TEST_F(PushTest, AManifestNeedsItsLayersAndTheirSizes) {
  make("aa");
  push_blob("aa", "layer");
  Bytes manifest = manifest_of({"layer"}, "config");
  EXPECT_EQ(code_of(send("PUT", "/v2/aa/manifests/v1", manifest)), "MANIFEST_BLOB_UNKNOWN");
  push_blob("aa", "config");
  Bytes wrong = manifest;
  wrong.replace(wrong.find("\"size\":5"), 8, "\"size\":6");
  EXPECT_EQ(code_of(send("PUT", "/v2/aa/manifests/v1", wrong)), "MANIFEST_INVALID");
  EXPECT_EQ(send("PUT", "/v2/aa/manifests/v1", manifest).status, 201);
  EXPECT_EQ(send("PUT", "/v2/aa/manifests/v1", manifest).status, 201);
}

TEST_F(PushTest, ExcludedTagsMove) {
  json::object filter{{"filterType", "WILDCARD"}, {"filter", "late*"}};
  good("CreateRepository", {{"repositoryName", "app"},
                            {"imageTagMutability", "IMMUTABLE_WITH_EXCLUSION"},
                            {"imageTagMutabilityExclusionFilters", {filter}}});
  push("app", "latest", {"one"});
  push("app", "v1", {"one"});
  for (std::string_view tag : {"latest", "v1"}) {
    push_blob("app", "two");
    push_blob("app", "config");
    auto reply =
        send("PUT", fmt::format("/v2/app/manifests/{}", tag), manifest_of({"two"}, "config"));
    EXPECT_EQ(reply.status, tag == "latest" ? 201 : 400) << tag;
  }
  EXPECT_EQ(error("PutImageTagMutability", {{"repositoryName", "app"},
                                            {"imageTagMutability", "IMMUTABLE"},
                                            {"imageTagMutabilityExclusionFilters", {filter}}}),
            kInvalidParameter);
}

// Of a deletion and a push at once one wins, and nothing is left over.
TEST_F(PushTest, PushesRaceWithDeletions) {
  for (int i = 0; i < 20; ++i) {
    std::string name = "race-" + std::to_string(i);
    make(name);
    push_blob(name, "layer");
    push_blob(name, "config");
    auto put = sim.spawn(service->distribution().handle(request(
        "PUT", fmt::format("/v2/{}/manifests/v1", name), manifest_of({"layer"}, "config"))));
    shapes::Call caller;
    std::string input = json::serialize(json::object{{"repositoryName", name}});
    auto gone = sim.spawn(registry->call("ecr", "DeleteRepository", input, caller));
    sim.settle();
    bool is_put = put.get().status == 201;
    bool is_gone = gone.get().has_value();
    EXPECT_TRUE(is_put || is_gone);
    EXPECT_EQ(pull(name, "v1"), is_put && !is_gone ? 200 : 404);
  }
}

// --- Lifecycle policies in virtual time

json::object rule(int priority, json::object selection) {
  return {{"rulePriority", priority},
          {"description", "long enough that the policy has a hundred characters, as AWS wants it"},
          {"selection", std::move(selection)},
          {"action", {{"type", "expire"}}}};
}

class LifecycleTest : public RegistryTest {
 protected:
  void put(json::array rules) {
    good("PutLifecyclePolicy",
         {{"repositoryName", "aa"},
          {"lifecyclePolicyText", json::serialize(json::object{{"rules", std::move(rules)}})}});
  }
};

TEST_F(LifecycleTest, OldImagesGoInTime) {
  make("aa");
  put({rule(1, {{"tagStatus", "any"},
                {"countType", "sinceImagePushed"},
                {"countUnit", "days"},
                {"countNumber", 14}})});
  push("aa", "old", {"old"});
  sim.advance(hours(24 * 10));
  push("aa", "new", {"new"});
  sim.advance(hours(24 * 4) - minutes(5));
  EXPECT_EQ(tags("aa"), (std::vector<std::string>{"new", "old"}));
  sim.advance(hours(2));
  EXPECT_EQ(tags("aa"), std::vector<std::string>{"new"});
  restart();
  sim.advance(hours(24 * 10));
  EXPECT_TRUE(tags("aa").empty());
  // Nothing is left of them in the store either.
  sim.advance(hours(1));
  EXPECT_EQ(layers(), 0);
}

TEST_F(LifecycleTest, APolicyThatWasDeletedDoesNothing) {
  make("aa");
  put({rule(1, {{"tagStatus", "any"}, {"countType", "imageCountMoreThan"}, {"countNumber", 1}})});
  sim.settle();
  good("DeleteLifecyclePolicy", {{"repositoryName", "aa"}});
  push("aa", "one", {"one"});
  push("aa", "two", {"two"});
  sim.advance(hours(5));
  EXPECT_EQ(tags("aa").size(), 2);
}

TEST_F(LifecycleTest, APolicyIsEvaluatedAtOnce) {
  make("aa");
  for (std::string tag : {"one", "two", "three"}) {
    push("aa", tag, {tag});
    sim.advance(Millis(10));
  }
  put({rule(1, {{"tagStatus", "any"}, {"countType", "imageCountMoreThan"}, {"countNumber", 1}})});
  sim.advance(Millis(100));
  EXPECT_EQ(tags("aa"), std::vector<std::string>{"three"});
  auto got = good("GetLifecyclePolicy", {{"repositoryName", "aa"}});
  EXPECT_TRUE(got.contains("lastEvaluatedAt"));
}

// --- Who may come in

class PasswordTest : public RegistryTest {
 protected:
  PasswordTest() {
    authentication = Authentication::kOn;
    restart();
  }
  int with(const std::string& pair) {
    auto wire = request("GET", "/v2/");
    wire.headers.emplace_back("authorization", "Basic " + base64_encode(pair));
    return send(std::move(wire)).status;
  }
};

TEST_F(PasswordTest, PasswordsEndAfterTwelveHours) {
  auto data = good("GetAuthorizationToken", {}).at("authorizationData").at(0);
  Bytes pair = *base64_decode(std::string(data.at("authorizationToken").as_string()));
  ASSERT_TRUE(pair.starts_with("AWS:"));
  EXPECT_EQ(with(pair), 200);
  EXPECT_EQ(send("GET", "/v2/").status, 401);
  EXPECT_EQ(with("root:" + pair.substr(4)), 401);
  EXPECT_EQ(with(pair + "0"), 401);
  EXPECT_EQ(with("AWS:"), 401);
  EXPECT_EQ(with("AWS:.."), 401);
  // A later end, unproven.
  Bytes later = pair;
  later[4] = '9';
  EXPECT_EQ(with(later), 401);
  restart();
  EXPECT_EQ(with(pair), 200);
  sim.advance(hours(12));
  EXPECT_EQ(with(pair), 401);
}

TEST_F(PasswordTest, LinksAreForOneLayer) {
  make("aa");
  authentication = Authentication::kOff;
  restart();
  push_blob("aa", "layer");
  push_blob("aa", "other");
  std::string digest = image::digest_of("layer");
  auto reply = good("GetDownloadUrlForLayer", {{"repositoryName", "aa"}, {"layerDigest", digest}});
  std::string url(reply.at("downloadUrl").as_string());
  authentication = Authentication::kOn;
  restart();
  std::string target = url.substr(url.find("/v2/"));
  EXPECT_EQ(send("GET", target).status, 200);
  std::string other = target;
  other.replace(other.find(digest), digest.size(), image::digest_of("other"));
  EXPECT_EQ(send("GET", other).status, 401);
  EXPECT_EQ(send("PUT", target).status, 401);
  sim.advance(kLinkLife + minutes(1));
  EXPECT_EQ(send("GET", target).status, 401);
}

// --- Whose request it is

TEST(Claims, RegistryOrBucket) {
  auto claims = [](std::string_view method, std::string_view path, std::string_view query = "",
                   Headers headers = {}, std::string_view host = "127.0.0.1:4566") {
    return Distribution::claims({method, path, query, host, headers});
  };
  EXPECT_TRUE(claims("GET", "/v2/"));
  EXPECT_TRUE(claims("GET", "/v2"));
  EXPECT_TRUE(claims("GET", "/v2/_catalog", "n=1"));
  EXPECT_TRUE(claims("PUT", "/v2/a/b/manifests/v1", "", {{"authorization", "Basic QQ=="}}));
  EXPECT_TRUE(claims("POST", "/v2/a/blobs/uploads/"));
  EXPECT_TRUE(claims("GET", "/v2/a/tags/list"));
  EXPECT_FALSE(claims("GET", "/v2x/a/tags/list"));
  EXPECT_FALSE(claims("GET", "/v2/object"));
  EXPECT_FALSE(claims("GET", "/bucket/v2/a/tags/list"));
  EXPECT_FALSE(claims("OPTIONS", "/v2/a/tags/list"));
  EXPECT_FALSE(claims("GET", "/v2/a/tags/list", "", {{"authorization", "AWS4-HMAC-SHA256 x"}}));
  EXPECT_FALSE(claims("GET", "/v2/a/tags/list", "X-Amz-Signature=x"));
  EXPECT_FALSE(claims("GET", "/v2/a/tags/list", "AWSAccessKeyId=x&Signature=y"));
  EXPECT_TRUE(claims("GET", "/anything", "", {}, "000000000000.dkr.ecr.eu-west-1.amazonaws.com"));
  EXPECT_FALSE(claims("GET", "/anything", "", {}, "bucket.s3.eu-west-1.amazonaws.com"));
}

}  // namespace
}  // namespace suiro::ecr
