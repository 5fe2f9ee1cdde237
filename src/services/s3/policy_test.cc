// SPDX-License-Identifier: Apache-2.0
// Policies of buckets: what is taken, and what those who ask are told of it.
#include <gmock/gmock.h>

#include "services/s3/policy_rules.h"
#include "services/s3/testing.h"

namespace suiro::s3 {
namespace {

std::string document(std::string_view effect, std::string_view resource = "arn:aws:s3:::lake/*",
                     std::string_view action = "s3:GetObject") {
  return fmt::format(
      R"({{"Statement":[{{"Effect":"{}","Principal":"*","Action":"{}","Resource":"{}"}}]}})",
      effect, action, resource);
}

std::string fault(const std::string& text) {
  auto checked = check_policy(text, "lake");
  if (checked) return *checked == Publicity::kPublic ? "public" : "private";
  EXPECT_EQ(checked.error().code, "MalformedPolicy");
  return checked.error().message;
}

TEST(BucketPolicy, IsAboutTheBucketAndWhatIsInIt) {
  EXPECT_EQ(fault(document("Allow")), "public");
  EXPECT_EQ(fault(document("Deny")), "private");
  EXPECT_EQ(fault(document("Allow", "arn:aws:s3:::lake*")), "public");
  EXPECT_EQ(fault(document("Allow", "arn:aws:s3:::lak?/in/*")), "public");
  EXPECT_EQ(fault(document("Allow", "arn:aws:s3:::lakes/*")), "Policy has invalid resource");
  EXPECT_EQ(fault(document("Allow", "arn:aws:s3:::lake2")), "Policy has invalid resource");
  EXPECT_EQ(fault(document("Allow", "lake/*")), "Policy has invalid resource");
}

TEST(BucketPolicy, ActionsAreOfS3AndOfTheResources) {
  constexpr std::string_view kNone = "Action does not apply to any resource(s) in statement";
  EXPECT_EQ(fault(document("Deny", "arn:aws:s3:::lake", "s3:GetObject")), kNone);
  EXPECT_EQ(fault(document("Deny", "arn:aws:s3:::lake/*", "s3:ListBucket")), kNone);
  EXPECT_EQ(fault(document("Deny", "arn:aws:s3:::lake/*", "s3:*")), "private");
  EXPECT_EQ(fault(document("Deny", "arn:aws:s3:::lake", "*")), "private");
  EXPECT_EQ(fault(document("Deny", "arn:aws:s3:::lake/*", "S3:getobject")), "private");
  EXPECT_EQ(fault(document("Deny", "arn:aws:s3:::lake/*", "s3:Fetch")),
            "Policy has invalid action");
  EXPECT_EQ(fault(document("Deny", "arn:aws:s3:::lake/*", "GetObject")),
            "Policy has invalid action");
}

TEST(BucketPolicy, TheTextIsNotTheMeasure) {
  std::string wide = document("Deny");
  wide.insert(1, kPolicyBytesMax, ' ');
  EXPECT_EQ(fault(wide), "private");
  wide.insert(1, kPolicyTextBytesMax, ' ');
  EXPECT_THAT(fault(wide), testing::HasSubstr("exceeds the maximum allowed size of 20480 bytes"));
}

policy::Decision decision(const policy::ResourcePolicies& policies) {
  policy::Request request;
  request.caller.account = "000000000000";
  request.caller.arn = "arn:aws:iam::000000000000:user/ann";
  request.action = "s3:GetObject";
  request.resource = "arn:aws:s3:::lake/in/a";
  return policies.rule(request).decision;
}

Task<Result<void>> put_policy(Logic& logic, std::optional<std::string> text) {
  return logic.put_document({}, "lake", "s3:PutBucketPolicy", std::string(documents::kPolicy),
                            std::move(text));
}

TEST(BucketPolicyTable, FollowsTheBucket) {
  using policy::Decision;
  event::SimKernel sim;
  policy::ResourcePolicies policies;
  Logic logic(sim.kernel(), {.policies = &policies});
  sim.start();
  ASSERT_TRUE(sim.run(logic.create_bucket({}, "lake")));
  EXPECT_FALSE(policies.any());
  ASSERT_TRUE(sim.run(put_policy(logic, document("Allow"))));
  EXPECT_EQ(decision(policies), Decision::kAllow);
  ASSERT_TRUE(sim.run(put_policy(logic, document("Deny"))));
  EXPECT_EQ(decision(policies), Decision::kDeny);
  // Who starts over the same store knows it before the first request.
  policy::ResourcePolicies again;
  Logic restarted(sim.kernel(), {.policies = &again});
  ASSERT_TRUE(sim.run(restarted.start()));
  EXPECT_EQ(decision(again), Decision::kDeny);
  ASSERT_TRUE(sim.run(put_policy(logic, "{}")));
  EXPECT_EQ(decision(policies), Decision::kDeny);
  ASSERT_TRUE(sim.run(put_policy(logic, std::nullopt)));
  EXPECT_FALSE(policies.any());
  ASSERT_TRUE(sim.run(put_policy(logic, document("Allow"))));
  ASSERT_TRUE(sim.run(logic.delete_bucket({}, "lake")));
  EXPECT_FALSE(policies.any());
  sim.stop();
}

Task<void> change_often(Logic& logic, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    std::optional<std::string> text;
    if (i % 3 == 0) text = document("Allow");
    if (i % 3 == 1) text = document("Deny");
    EXPECT_TRUE(co_await put_policy(logic, text));
  }
}

// Whoever tells last has read the last commit, whichever change was acknowledged last.
TEST(BucketPolicyTable, EndsAsTheStoreDoes) {
  event::RealKernel real;
  policy::ResourcePolicies policies;
  Logic logic(real.kernel(), {.policies = &policies});
  real.start();
  ASSERT_TRUE(real.run(logic.create_bucket({}, "lake")));
  std::vector<std::future<void>> writers;
  for (int i = 0; i < 6; ++i) {
    writers.push_back(
        asio::co_spawn(real.shards().executor(static_cast<size_t>(i) % real.shards().size()),
                       change_often(logic, i, 20), asio::use_future));
  }
  for (auto& writer : writers) writer.get();
  policy::ResourcePolicies stored;
  Logic restarted(real.kernel(), {.policies = &stored});
  ASSERT_TRUE(real.run(restarted.start()));
  EXPECT_EQ(policies.any(), stored.any());
  EXPECT_EQ(decision(policies), decision(stored));
  real.stop();
}

}  // namespace
}  // namespace suiro::s3
