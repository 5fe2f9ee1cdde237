// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "services/lambda/errors.h"
#include "services/lambda/testing.h"

namespace suiro::lambda {
namespace {

using testing::Act;
using testing::LambdaSim;
using testing::make_zip;
using Variables = std::map<std::string, std::string>;

TEST(Function, LivesThroughARestart) {
  LambdaSim lambda;
  SettingsChange change;
  change.environment = Variables{{"TABLE", "x"}};
  change.memory_mb = 256;
  auto made = lambda.create("f", change);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->arn, "arn:aws:lambda:ap-northeast-1:000000000000:function:f");
  auto again = lambda.create("f");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, kResourceConflict);
  lambda.restart();
  auto found = lambda.sim.run(lambda.logic().get_function({"f", ""}));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->settings.environment.at("TABLE"), "x");
  EXPECT_EQ(found->settings.revision_id, made->settings.revision_id);
  auto reply = lambda.sim.run(lambda.invoke("f"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->executed_version, "$LATEST");
}

TEST(Function, CodeComesBackWhenTheCacheIsGone) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  std::filesystem::remove_all(lambda.directory.path() + "/code");
  lambda.restart();
  std::string seen;
  lambda.host->behave = [&](const sandbox::Spec& spec, const auto&) {
    seen = spec.code_directory;
    return Act{};
  };
  ASSERT_TRUE(lambda.sim.run(lambda.invoke("f")));
  EXPECT_TRUE(std::filesystem::exists(seen + "/main.py"));
}

TEST(Function, UnusedCodeDirectoriesGo) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  auto directories = [&] {
    return std::distance(std::filesystem::directory_iterator(lambda.directory.path() + "/code"),
                         {});
  };
  EXPECT_EQ(directories(), 1);
  Logic::UpdateCode update{{"f", ""}};
  update.code.zip = make_zip({{"main.py", "changed"}});
  ASSERT_TRUE(lambda.sim.run(lambda.logic().update_code(update)));
  lambda.sim.advance(kCodeSweepInterval + std::chrono::minutes(1));
  EXPECT_EQ(directories(), 2);  // a sandbox of the old code might still run
  lambda.sim.advance(kCodeSweepInterval);
  EXPECT_EQ(directories(), 1);
  ASSERT_TRUE(lambda.sim.run(lambda.invoke("f")));
}

TEST(Function, RefusesBadSettings) {
  LambdaSim lambda;
  auto refused = [&](SettingsChange change, std::string_view code) {
    auto made = lambda.create("bad", std::move(change));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, code) << made.error().message;
  };
  refused({.memory_mb = 64}, kValidation);
  refused({.timeout_s = 901}, kValidation);
  refused({.runtime = "python2.7"}, kInvalidParameter);
  refused({.environment = Variables{{"AWS_REGION", "x"}}}, kInvalidParameter);
  refused({.environment = Variables{{"BIG", std::string(5000, 'x')}}}, kInvalidParameter);
  refused({.dead_letter_arn = "arn:aws:sqs:ap-northeast-1:000000000000:absent"}, kInvalidParameter);
  lambda.host->refused = "nodejs20.x";
  refused({.runtime = "nodejs20.x"}, kInvalidParameter);
  EXPECT_EQ(lambda.sim.run(lambda.logic().get_function({"bad", ""})).error().code,
            kResourceNotFound);
}

TEST(Function, UpdateDrainsOldSandboxes) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  lambda.host->behave = [](const auto&, const auto&) { return Act{std::chrono::seconds(2)}; };
  auto slow = lambda.sim.spawn(lambda.invoke("f"));
  EXPECT_EQ(lambda.host->running, 1);
  auto before = lambda.sim.run(lambda.logic().get_function({"f", ""}));
  SettingsChange change;
  change.timeout_s = 10;
  auto wrong = lambda.sim.run(lambda.logic().update_settings({"f", ""}, change, "other"));
  EXPECT_EQ(wrong.error().code, kPreconditionFailed);
  auto updated = lambda.sim.run(
      lambda.logic().update_settings({"f", ""}, change, before->settings.revision_id));
  ASSERT_TRUE(updated) << updated.error().message;
  lambda.sim.advance(std::chrono::seconds(3));
  ASSERT_TRUE(slow.get());
  EXPECT_EQ(lambda.host->open, 0);  // the old sandbox ended with its invocation
  auto next = lambda.sim.spawn(lambda.invoke("f"));
  lambda.sim.advance(std::chrono::seconds(3));
  ASSERT_TRUE(next.get());
  EXPECT_EQ(lambda.host->created, 2);
}

TEST(Function, WarmSandboxesAreUsedAgainAndEvicted) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(lambda.sim.run(lambda.invoke("f")));
  EXPECT_EQ(lambda.host->created, 1);
  lambda.sim.advance(kWarmIdleMax + std::chrono::seconds(20));
  EXPECT_EQ(lambda.host->open, 0);
}

TEST(Function, VersionsAreIdempotentAndAliasesWeighted) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  auto one = lambda.sim.run(lambda.logic().publish_version({{"f", ""}}));
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->settings.version, "1");
  auto same = lambda.sim.run(lambda.logic().publish_version({{"f", ""}}));
  EXPECT_EQ(same->settings.version, "1");
  Logic::UpdateCode update{{"f", ""}};
  update.code.zip = make_zip({{"main.py", "changed"}});
  update.publish = Publish::kYes;
  auto two = lambda.sim.run(lambda.logic().update_code(update));
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(two->settings.version, "2");
  Alias alias{"live", "", "1", {{"2", 0.25}}, ""};
  ASSERT_TRUE(lambda.sim.run(lambda.logic().create_alias({"f", ""}, alias)));
  std::map<std::string, int> counts;
  for (int i = 0; i < 400; ++i) {
    auto reply = lambda.sim.run(lambda.logic().invoke(
        {{"f", "live"}, InvocationType::kRequestResponse, "{}", "", "r", {}}));
    ASSERT_TRUE(reply) << reply.error().message;
    ++counts[reply->executed_version];
  }
  EXPECT_NEAR(counts["2"], 100, 40);
  EXPECT_EQ(counts["1"] + counts["2"], 400);
  auto used = lambda.sim.run(lambda.logic().delete_function({"f", "2"}));
  EXPECT_EQ(used.error().code, kResourceConflict);
  lambda.restart();
  auto listed = lambda.sim.run(lambda.logic().list_versions({"f", ""}, {}));
  EXPECT_EQ(listed->items.size(), 3U);
}

TEST(Function, DeletingLeavesNothing) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  ASSERT_TRUE(lambda.sim.run(lambda.logic().publish_version({{"f", ""}})));
  ASSERT_TRUE(lambda.sim.run(lambda.invoke("f")));
  ASSERT_TRUE(lambda.sim.run(lambda.logic().delete_function({"f", ""})));
  EXPECT_EQ(lambda.host->open, 0);
  auto page = lambda.sim.run(lambda.sim.store().scan({store::KeyRange::prefix("l")}));
  for (const auto& entry : page->entries) EXPECT_EQ(entry.key[1], 'u') << entry.key;
  ASSERT_TRUE(lambda.create("f"));
  lambda.restart();
  EXPECT_TRUE(lambda.sim.run(lambda.logic().get_function({"f", ""})));
}

TEST(Concurrency, ReservedIsTheLimit) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  ASSERT_TRUE(lambda.sim.run(lambda.logic().put_concurrency({"f", ""}, 1)));
  lambda.host->behave = [](const auto&, const auto&) { return Act{std::chrono::seconds(1)}; };
  auto first = lambda.sim.spawn(lambda.invoke("f"));
  auto second = lambda.sim.run(lambda.invoke("f"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, kTooManyRequests);
  EXPECT_EQ(second.error().details.at(0).second,
            "ReservedFunctionConcurrentInvocationLimitExceeded");
  lambda.sim.advance(std::chrono::seconds(1));
  EXPECT_TRUE(first.get());
  auto much = lambda.sim.run(lambda.logic().put_concurrency({"f", ""}, 150));
  EXPECT_EQ(much.error().code, kInvalidParameter);
  ASSERT_TRUE(lambda.sim.run(lambda.logic().put_concurrency({"f", ""}, 0)));
  EXPECT_EQ(lambda.sim.run(lambda.invoke("f")).error().code, kTooManyRequests);
}

TEST(Concurrency, MemoryBoundsSandboxesAndTheRestWait) {
  LambdaSim lambda(256);  // two of 128 MB
  ASSERT_TRUE(lambda.create("f"));
  lambda.host->behave = [](const auto&, const auto&) { return Act{std::chrono::seconds(1)}; };
  std::vector<std::future<Result<InvokeReply>>> replies;
  for (int i = 0; i < 6; ++i) replies.push_back(lambda.sim.spawn(lambda.invoke("f")));
  lambda.sim.advance(std::chrono::seconds(4));
  for (auto& reply : replies) EXPECT_TRUE(reply.get());
  EXPECT_EQ(lambda.host->running_max, 2);
  EXPECT_EQ(lambda.host->open_max, 2);
  EXPECT_EQ(lambda.host->created, 2);  // handed on, not started anew
}

TEST(Concurrency, IdleSandboxesMakeRoomForOtherFunctions) {
  LambdaSim lambda(256);
  ASSERT_TRUE(lambda.create("f"));
  ASSERT_TRUE(lambda.create("g"));
  lambda.host->behave = [](const auto&, const auto&) { return Act{Millis(10)}; };
  std::vector<std::future<Result<InvokeReply>>> replies;
  for (int i = 0; i < 2; ++i) replies.push_back(lambda.sim.spawn(lambda.invoke("f")));
  lambda.sim.advance(std::chrono::seconds(1));
  auto other = lambda.sim.spawn(lambda.invoke("g"));
  lambda.sim.advance(std::chrono::seconds(1));
  EXPECT_TRUE(other.get());
  EXPECT_LE(lambda.host->open_max, 2);
  auto too_big = lambda.create("huge", {.memory_mb = 512});
  auto reply = lambda.sim.run(lambda.invoke("huge"));
  EXPECT_EQ(reply.error().code, kServiceException);
}

TEST(Invoke, ChecksItsPayload) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  EXPECT_EQ(lambda.sim.run(lambda.invoke("f", "{not json")).error().code, kInvalidContent);
  Bytes big = "\"" + std::string(kAsyncPayloadBytesMax, 'x') + "\"";
  EXPECT_EQ(lambda.sim.run(lambda.invoke("f", big, InvocationType::kEvent)).error().code,
            kRequestTooLarge);
  EXPECT_TRUE(lambda.sim.run(lambda.invoke("f", big)));
  EXPECT_EQ(lambda.sim.run(lambda.invoke("absent")).error().code, kResourceNotFound);
  auto dry = lambda.sim.run(lambda.invoke("f", "{}", InvocationType::kDryRun));
  EXPECT_EQ(dry->status, 204);
}

TEST(Invoke, SaysWhyTheMachineCannotRunIt) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  lambda.host->refused = "python3.11";
  auto reply = lambda.sim.run(lambda.invoke("f"));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, kServiceException);
  EXPECT_NE(reply.error().message.find("not on this machine"), std::string::npos);
  lambda.host->refused = "";
  EXPECT_TRUE(lambda.sim.run(lambda.invoke("f"))) << "its memory was not given back";
}

TEST(Invoke, IsMetered) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  lambda.host->behave = [](const auto&, const auto&) { return Act{Millis(100)}; };
  for (int i = 0; i < 3; ++i) {
    auto reply = lambda.sim.spawn(lambda.invoke("f"));
    lambda.sim.advance(Millis(100));
    ASSERT_TRUE(reply.get());
  }
  lambda.restart();
  auto reply = lambda.sim.spawn(lambda.invoke("f"));
  lambda.sim.advance(Millis(100));
  ASSERT_TRUE(reply.get());
  auto lines = lambda.sim.run(lambda.service->usage());
  ASSERT_EQ(lines->size(), 1U);
  EXPECT_EQ(lines->front().usage.invocations, 4U);
  EXPECT_EQ(lines->front().usage.billed_ms, 400U);
  EXPECT_EQ(lines->front().usage.megabyte_ms, 400U * 128);
  EXPECT_EQ(lines->front().usage.cold_starts, 2U);
}

TEST(Permission, DecidesWhoMayInvoke) {
  LambdaSim lambda;
  ASSERT_TRUE(lambda.create("f"));
  std::string arn = "arn:aws:lambda:ap-northeast-1:000000000000:function:f";
  event::Sender s3{"s3.amazonaws.com", "arn:aws:s3:::lake", "000000000000"};
  auto accepts = [&](event::Sender sender) {
    auto decided = lambda.sim.run(lambda.service->accepts(arn, sender));
    return decided ? std::string("yes") : decided.error().code;
  };
  EXPECT_EQ(accepts(s3), "AccessDenied");
  Permission permission{"s3", "lambda:InvokeFunction", "s3.amazonaws.com", "arn:aws:s3:::lake",
                        "000000000000"};
  auto added = lambda.sim.run(lambda.logic().add_permission({"f", ""}, permission));
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(accepts(s3), "yes");
  EXPECT_EQ(accepts({"s3.amazonaws.com", "arn:aws:s3:::other", "000000000000"}), "AccessDenied");
  EXPECT_EQ(accepts({"sqs.amazonaws.com", "arn:aws:s3:::lake", "000000000000"}), "AccessDenied");
  auto twice = lambda.sim.run(lambda.logic().add_permission({"f", ""}, permission));
  EXPECT_EQ(twice.error().code, kResourceConflict);
  lambda.restart();
  EXPECT_EQ(accepts(s3), "yes");
  auto policy = lambda.sim.run(lambda.logic().get_policy({"f", ""}));
  auto stale = lambda.sim.run(lambda.logic().remove_permission({"f", ""}, "s3", "old"));
  EXPECT_EQ(stale.error().code, kPreconditionFailed);
  ASSERT_TRUE(
      lambda.sim.run(lambda.logic().remove_permission({"f", ""}, "s3", policy->revision_id)));
  EXPECT_EQ(accepts(s3), "AccessDenied");
  EXPECT_EQ(lambda.sim.run(lambda.logic().get_policy({"f", ""})).error().code, kResourceNotFound);
}

}  // namespace
}  // namespace suiro::lambda
