// SPDX-License-Identifier: Apache-2.0
// The lake's writing side: an object, its notification and what the caller commits along, or
// nothing.
#include "services/s3/testing.h"

namespace suiro::s3 {
namespace {

class WriterTest : public LogicTest {
 protected:
  WriterTest() { make_bucket("lake"); }
  Result<void> write(const std::string& bucket, store::Batch also) {
    PutRequest request{.requester = who(), .bucket = bucket, .key = "k"};
    request.also = std::make_shared<const store::Batch>(std::move(also));
    auto written = sim.run(logic.put(std::move(request), shapes::body_of("body")));
    if (!written) return fail(written.error());
    return ok();
  }
};

TEST_F(WriterTest, CommitsAlongWithTheObject) {
  store::Batch also;
  also.put("Zposition", "1");
  ASSERT_TRUE(write("lake", std::move(also)));
  EXPECT_EQ(get("lake", "k").value(), "body");
  EXPECT_EQ(sim.run(sim.store().get("Zposition")).value()->value, "1");
}

TEST_F(WriterTest, NothingWithoutTheBucket) {
  store::Batch also;
  also.put("Zposition", "1");
  EXPECT_EQ(code(write("missing", std::move(also))), "NoSuchBucket");
  EXPECT_FALSE(sim.run(sim.store().get("Zposition")).value());
}

TEST_F(WriterTest, NothingWhereTheCallersConditionFails) {
  store::Batch also;
  also.require_absent("Zposition");
  also.put("Zposition", "1");
  ASSERT_TRUE(write("lake", std::move(also)));
  store::Batch again;
  again.require_absent("Zposition");
  EXPECT_EQ(code(write("lake", std::move(again))), "OperationAborted");
}

// Another writer of the same key comes first again and again: the batch is built anew each time.
TEST_F(WriterTest, IsRepeatedWhenAnotherChangeComesFirst) {
  std::vector<std::future<Result<Written>>> writes;
  for (int i = 0; i < 8; ++i) {
    store::Batch also;
    also.put(fmt::format("Zposition{}", i), "1");
    PutRequest request{.requester = who(), .bucket = "lake", .key = "k"};
    request.also = std::make_shared<const store::Batch>(std::move(also));
    writes.push_back(sim.spawn(logic.put(std::move(request), shapes::body_of("body"))));
  }
  sim.settle();
  for (auto& write : writes) EXPECT_TRUE(write.get());
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(sim.run(sim.store().get(fmt::format("Zposition{}", i))).value());
  }
}

}  // namespace
}  // namespace suiro::s3
