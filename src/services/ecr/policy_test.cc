// SPDX-License-Identifier: Apache-2.0
// What those who ask the policies of repositories are told.
#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "services/ecr/logic.h"

namespace suiro::ecr {
namespace {

using policy::Decision;

class RepositoryPolicyTest : public testing::Test {
 protected:
  RepositoryPolicyTest() {
    sim.start();
    EXPECT_TRUE(sim.run(logic.create_repository({.name = "batch"})));
  }
  ~RepositoryPolicyTest() override { sim.stop(); }

  std::string put(std::string text) {
    auto done = sim.run(logic.put_policy("batch", std::move(text)));
    return done ? "" : done.error().code;
  }
  Decision decision(const policy::ResourcePolicies& asked) {
    policy::Request request;
    request.caller.arn = "arn:aws:iam::000000000000:user/ann";
    request.action = "ecr:BatchGetImage";
    request.resource = logic.arn_of("batch");
    return asked.rule(request).decision;
  }
  // What a process that starts over this store would answer.
  Decision decision_after_start() {
    policy::ResourcePolicies again;
    Logic restarted(sim.kernel(), &again);
    EXPECT_TRUE(sim.run(restarted.start()));
    return decision(again);
  }

  event::SimKernel sim;
  policy::ResourcePolicies policies;
  Logic logic{sim.kernel(), &policies};
};

constexpr std::string_view kAllow =
    R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*"}})";

TEST_F(RepositoryPolicyTest, FollowsTheRepository) {
  EXPECT_EQ(put(std::string(kAllow)), "");
  EXPECT_EQ(decision(policies), Decision::kAllow);
  EXPECT_EQ(decision_after_start(), Decision::kAllow);
  EXPECT_EQ(put("{}"), kInvalidParameter);
  EXPECT_EQ(decision(policies), Decision::kAllow);
  EXPECT_EQ(sim.run(logic.delete_policy("batch")).value(), kAllow);
  EXPECT_FALSE(policies.any());
  EXPECT_EQ(sim.run(logic.delete_policy("batch")).error().code, kPolicyNotFound);
  EXPECT_EQ(put(std::string(kAllow)), "");
  EXPECT_TRUE(sim.run(logic.delete_repository("batch", Logic::Images::kMustBeNone)));
  EXPECT_FALSE(policies.any());
}

// Stores hold policies that were taken before they were read.
TEST_F(RepositoryPolicyTest, OneThatIsNotUnderstoodDenies) {
  auto change = [](Repository& repository, store::Batch&) -> Result<void> {
    repository.policy = R"({"Statement":[]})";
    return ok();
  };
  ASSERT_TRUE(sim.run(logic.update("batch", change)));
  EXPECT_EQ(decision_after_start(), Decision::kDeny);
  EXPECT_EQ(put(std::string(kAllow)), "");
  EXPECT_EQ(decision(policies), Decision::kAllow);
}

}  // namespace
}  // namespace suiro::ecr
