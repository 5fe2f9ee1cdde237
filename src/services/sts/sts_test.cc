// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/shard.h"
#include "services/sts/service.h"

namespace suiro::sts {
namespace {

TEST(Sts, TellsWhoCalls) {
  shapes::Registry registry;
  add_operations(registry);
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
