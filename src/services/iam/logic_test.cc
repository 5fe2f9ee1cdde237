// SPDX-License-Identifier: Apache-2.0
#include "services/iam/logic.h"

#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "services/iam/service.h"

namespace suiro::iam {
namespace {

constexpr char kTrust[] =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":)"
    R"("lambda.amazonaws.com"},"Action":"sts:AssumeRole"}})";
constexpr char kAll[] =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})";

class IamTest : public testing::Test {
 protected:
  IamTest() { begin(); }
  ~IamTest() override { end(); }
  void begin() {
    logic_ = std::make_unique<Logic>(sim_.kernel());
    ASSERT_TRUE(sim_.run(logic_->start()));
    sim_.start();
  }
  void end() {
    sim_.stop();
    logic_.reset();
  }
  void restart() {
    sim_.crash();
    end();
    sim_.reopen();
    begin();
  }
  Result<void> change(Logic::Edit edit) {
    auto done = sim_.run(logic_->change(std::move(edit)));
    if (!done) return std::unexpected(std::move(done).error());
    return ok();
  }
  std::string code(Logic::Edit edit) {
    auto done = change(std::move(edit));
    return done ? "" : done.error().code;
  }
  Logic::Edit role(std::string name) {
    return [name](Draft& d) { return create_role(d, {.name = name, .trust = kTrust}); };
  }
  Logic::Edit user(std::string name) {
    return [name](Draft& d) { return create_user(d, {.name = name}); };
  }

  event::SimKernel sim_;
  std::unique_ptr<Logic> logic_;
};

TEST_F(IamTest, ANameOfADeletedRoleIsKnownUntilItIsMadeAgain) {
  EXPECT_FALSE(logic_->directory()->knows_role("Night"));
  ASSERT_TRUE(change(role("Night")));
  ASSERT_TRUE(change([](Draft& d) { return delete_role(d, "Night", Linked::kNo); }));
  restart();
  EXPECT_EQ(logic_->directory()->role("Night"), nullptr);
  EXPECT_TRUE(logic_->directory()->knows_role("night"));
  EXPECT_FALSE(logic_->directory()->knows_role("day"));
  ASSERT_TRUE(change(role("NIGHT")));
  EXPECT_TRUE(logic_->directory()->deleted_roles->empty());
  restart();
  EXPECT_TRUE(logic_->directory()->deleted_roles->empty());
  EXPECT_TRUE(logic_->directory()->knows_role("Night"));
}

TEST_F(IamTest, EverythingIsThereAfterACrash) {
  ASSERT_TRUE(change(role("Night")));
  ASSERT_TRUE(change(user("ann")));
  AccessKey key;
  ASSERT_TRUE(change([&](Draft& d) {
    key = d.new_access_key();
    return create_key(d, "ann", key);
  }));
  ASSERT_TRUE(change([](Draft& d) { return create_group(d, "ops", "/x/"); }));
  ASSERT_TRUE(change([](Draft& d) { return add_user_to_group(d, "ops", "ann"); }));
  ASSERT_TRUE(change([](Draft& d) { return create_policy(d, {.name = "all", .document = kAll}); }));
  ASSERT_TRUE(change([](Draft& d) { return create_profile(d, "p", "", {{"k", "v"}}); }));
  ASSERT_TRUE(change([](Draft& d) { return add_role_to_profile(d, "p", "Night"); }));
  std::string arn = "arn:aws:iam::" + sim_.kernel().account + ":policy/all";
  ASSERT_TRUE(change([&](Draft& d) { return attach(d, {HolderKind::kGroup, "ops"}, arn); }));
  ASSERT_TRUE(change([&](Draft& d) {
    return d.revoke("ASIAX", sim_.kernel().clock.now() + std::chrono::hours(1));
  }));
  restart();
  auto now = logic_->directory();
  ASSERT_NE(now->role("night"), nullptr);
  EXPECT_EQ(now->role("night")->trust, kTrust);
  ASSERT_NE(now->role("night")->parsed_trust, nullptr);
  ASSERT_TRUE(now->key(key.id));
  EXPECT_EQ(now->key(key.id)->key->secret, key.secret);
  EXPECT_EQ(now->profile("p")->role, "Night");
  EXPECT_EQ(now->usage_of(arn).attached, 1u);
  EXPECT_TRUE(now->is_revoked("ASIAX"));
  EXPECT_FALSE(now->is_revoked("ASIAY"));
  policy::Request request;
  request.action = "s3:GetObject";
  request.resource = "arn:aws:s3:::b/k";
  EXPECT_TRUE(policy::evaluate(now->grants(*now->user("ann")), request).allowed());
}

TEST_F(IamTest, ARevocationInTheCommitOfAnotherIsThereAfterACrash) {
  store::Batch batch;
  Service::revoke(batch, "ASIAX", sim_.clock().now() + std::chrono::hours(1));
  auto done = sim_.store().commit(std::move(batch));
  ASSERT_TRUE(sim_.run(std::move(done)));
  restart();
  EXPECT_TRUE(logic_->directory()->is_revoked("ASIAX"));
}

TEST(RevokedKeys, AreForgottenAfterTheirEndAndCopiedByBucket) {
  RevokedKeys keys;
  auto at = [](int64_t seconds) { return TimePoint(std::chrono::seconds(seconds)); };
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(keys.add(fmt::format("asia{}", i), at(100 + i), at(0)).empty());
  }
  EXPECT_EQ(keys.size(), 1000u);
  (void)keys.add("asia7", at(2000), at(0));
  EXPECT_EQ(keys.size(), 1000u);
  const RevokedKeys before = keys;
  size_t forgotten = 0;
  for (int i = 1000; i < 3000; ++i) {
    forgotten += keys.add(fmt::format("asia{}", i), at(9999), at(1500)).size();
  }
  EXPECT_EQ(forgotten, 999u);  // every bucket was met
  EXPECT_EQ(keys.size(), 2001u);
  EXPECT_TRUE(keys.contains("asia7"));
  EXPECT_FALSE(keys.contains("asia8"));
  EXPECT_TRUE(before.contains("asia8"));
  EXPECT_EQ(before.size(), 1000u);
}

TEST_F(IamTest, AFailedCommitPublishesNothing) {
  ASSERT_TRUE(change(user("ann")));
  sim_.crash();
  EXPECT_FALSE(change(user("bob")));
  EXPECT_EQ(logic_->directory()->user("bob"), nullptr);
  EXPECT_NE(logic_->directory()->user("ann"), nullptr);
}

TEST_F(IamTest, ChangesAtOnceAllHappen) {
  std::vector<decltype(sim_.spawn(logic_->change(user("x"))))> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(sim_.spawn(logic_->change(user(fmt::format("u{}", i)))));
  }
  sim_.settle();
  for (auto& one : waiting) EXPECT_TRUE(one.get());
  EXPECT_EQ(logic_->directory()->users.size(), 20u);
}

TEST_F(IamTest, NamesAreOneWithoutRegardToCase) {
  ASSERT_TRUE(change(role("Night")));
  EXPECT_EQ(code(role("NIGHT")), kAlreadyExists);
  EXPECT_EQ(code([](Draft& d) { return delete_role(d, "night", Linked::kNo); }), "");
}

TEST_F(IamTest, QuotasAreKept) {
  ASSERT_TRUE(change(role("r")));
  const HolderName holder{HolderKind::kRole, "r"};
  std::string big = kAll + std::string(20, ' ');
  EXPECT_EQ(code([&](Draft& d) { return put_inline(d, holder, "a", big); }), "");
  std::string list = R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[)";
  for (int i = 0; i < 900; ++i) list += fmt::format(R"("s3:GetX{:04}",)", i);
  list += R"("s3:*"],"Resource":"*"}})";
  EXPECT_EQ(code([&](Draft& d) { return put_inline(d, holder, "b", list); }), kLimitExceeded);
  EXPECT_EQ(code([&](Draft& d) { return create_policy(d, {.name = "p", .document = list}); }),
            kLimitExceeded);
  size_t attached = 0;
  for (const auto& [arn, policy] : aws_policies()) {
    std::string expected = attached < kAttachedMax ? "" : std::string(kLimitExceeded);
    EXPECT_EQ(code([&](Draft& d) { return attach(d, holder, arn); }), expected);
    if (++attached > kAttachedMax) break;
  }
  std::vector<Tag> tags;
  for (size_t i = 0; i <= kTagsMax; ++i) tags.push_back({fmt::format("k{}", i), "v"});
  EXPECT_EQ(code([&](Draft& d) { return change_tags(d, holder, tags, {}); }), kLimitExceeded);
}

TEST_F(IamTest, LastUseIsWrittenOncePerInterval) {
  ASSERT_TRUE(change(user("ann")));
  auto note = [&]() -> Task<void> {
    logic_->note_use("AKIAX", "s3");
    co_return;
  };
  sim_.run(note());
  sim_.settle();
  auto first = sim_.run(logic_->last_use("AKIAX"));
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->service, "s3");
  sim_.advance(std::chrono::seconds(30));
  sim_.run(note());
  sim_.settle();
  EXPECT_EQ((*sim_.run(logic_->last_use("AKIAX")))->at, (*first)->at);
  sim_.advance(std::chrono::seconds(31));
  sim_.run(note());
  sim_.settle();
  EXPECT_GT((*sim_.run(logic_->last_use("AKIAX")))->at, (*first)->at);
}

TEST(AwsPolicies, AreFoundByTheirArn) {
  Directory directory;
  for (const char* name :
       {"AdministratorAccess", "service-role/AWSLambdaBasicExecutionRole",
        "service-role/AWSLambdaSQSQueueExecutionRole",
        "service-role/AmazonECSTaskExecutionRolePolicy",
        "service-role/AmazonEC2ContainerServiceEventsRole", "AmazonS3ReadOnlyAccess"}) {
    EXPECT_NE(directory.policy(fmt::format("arn:aws:iam::aws:policy/{}", name)), nullptr) << name;
  }
  EXPECT_EQ(directory.policy("arn:aws:iam::aws:policy/Nope"), nullptr);
}

}  // namespace
}  // namespace suiro::iam
