// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/shard.h"
#include "services/sts/service.h"

namespace suiro::sts {
namespace {

// Answers what it was asked.
class EchoSessions final : public Sessions {
 public:
  Result<Assumed> assume(const shapes::Call&, AssumeRequest request) override {
    asked = std::move(request);
    return Assumed{{"ASIA", "secret", "token", TimePoint(std::chrono::seconds(1))}, "arn", "id"};
  }
  Result<event::RoleKeys> own_session(const shapes::Call&, Millis life) override {
    lifetime = life;
    return event::RoleKeys{"ASIA", "secret", "token", TimePoint(std::chrono::seconds(1))};
  }
  bool is_of_account(const std::string& access_key_id) const override {
    return access_key_id == "AKIAKNOWNKEY00000000";
  }

  AssumeRequest asked;
  Millis lifetime{0};
};

class StsTest : public testing::Test {
 protected:
  StsTest() {
    add_operations(registry_, sessions_);
    call_.account = "000000000000";
    call_.principal = {shapes::Principal::Kind::kUser, "000000000000",
                       "arn:aws:iam::000000000000:user/ann", "AKIA", "AIDA1"};
  }
  Result<std::string> ask(std::string operation, std::string input) {
    Shards shards(1);
    TaskScope scope(shards.executor(0));
    Result<std::string> reply;
    auto run = [](shapes::Registry& r, shapes::Call& c, std::string name, std::string in,
                  Result<std::string>& out) -> Task<void> {
      out = co_await r.call("sts", std::move(name), std::move(in), c);
    };
    scope.spawn(run(registry_, call_, std::move(operation), std::move(input), reply));
    shards.poll();
    return reply;
  }
  shapes::Registry registry_;
  EchoSessions sessions_;
  shapes::Call call_;
};

TEST_F(StsTest, AssumeRoleHandsEverythingOn) {
  auto reply = ask("AssumeRole",
                   R"({"RoleArn":"arn:aws:iam::000000000000:role/r","RoleSessionName":"night",)"
                   R"("DurationSeconds":900,"Policy":"{}","ExternalId":"e-1",)"
                   R"("PolicyArns":[{"arn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}],)"
                   R"("Tags":[{"Key":"k","Value":"v"}],"SourceIdentity":"ann"})");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(sessions_.asked.role_arn, "arn:aws:iam::000000000000:role/r");
  EXPECT_EQ(sessions_.asked.seconds, 900);
  EXPECT_EQ(sessions_.asked.external_id, "e-1");
  EXPECT_EQ(sessions_.asked.policy_arns.at(0), "arn:aws:iam::aws:policy/ReadOnlyAccess");
  EXPECT_EQ(sessions_.asked.tags.at(0).second, "v");
  EXPECT_NE(reply->find(R"("SessionToken":"token")"), std::string::npos);
  EXPECT_NE(reply->find(R"("SourceIdentity":"ann")"), std::string::npos);
}

TEST_F(StsTest, SessionsOfRootAreShort) {
  ASSERT_TRUE(ask("GetSessionToken", "{}"));
  EXPECT_EQ(sessions_.lifetime, std::chrono::hours(12));
  call_.principal.kind = shapes::Principal::Kind::kRoot;
  ASSERT_TRUE(ask("GetSessionToken", "{}"));
  EXPECT_EQ(sessions_.lifetime, std::chrono::hours(1));
}

TEST_F(StsTest, KeysOfOthersAreNotKnown) {
  EXPECT_EQ(ask("GetAccessKeyInfo", R"({"AccessKeyId":"AKIAKNOWNKEY00000000"})").value(),
            R"({"Account":"000000000000"})");
  EXPECT_EQ(ask("GetAccessKeyInfo", R"({"AccessKeyId":"AKIAOTHERKEY00000000"})").error().code,
            "ValidationError");
}

TEST(Sts, TellsWhoCalls) {
  shapes::Registry registry;
  EchoSessions sessions;
  add_operations(registry, sessions);
  Shards shards(1);
  TaskScope scope(shards.executor(0));
  shapes::Call call;
  call.principal = {shapes::Principal::Kind::kRoot, "000000000000",
                    "arn:aws:iam::000000000000:root", "AKIA"};
  Result<std::string> reply;
  auto ask = [](shapes::Registry& r, shapes::Call& c, Result<std::string>& out) -> Task<void> {
    out = co_await r.call("sts", "GetCallerIdentity", "{}", c);
  };
  scope.spawn(ask(registry, call, reply));
  shards.poll();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(*reply, R"({"UserId":"000000000000","Account":"000000000000",)"
                    R"("Arn":"arn:aws:iam::000000000000:root"})");
}

}  // namespace
}  // namespace suiro::sts
