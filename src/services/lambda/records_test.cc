// SPDX-License-Identifier: Apache-2.0
// Bytes on disk: what format 1 wrote must be read for ever (docs/formats/lambda.md).
#include "services/lambda/records.h"

#include <gtest/gtest.h>

#include "services/lambda/storage.h"

namespace suiro::lambda {
namespace {

using namespace std::string_literals;

TEST(Records, FormatOneIsRead) {
  auto function = decode<Function>(
      "\x01"
      R"({"name":"f","latest":{"version":"$LATEST","handler":"m.h","runtime":"python3.11",)"
      R"("role":"arn:aws:iam::000000000000:role/r","memory_mb":256,"timeout_s":9,)"
      R"("ephemeral_mb":512,"environment":{"A":"1"},"tracing_mode":"PassThrough",)"
      R"("code_sha256":"ab","code_size_bytes":5000000000,"revision_id":"r1",)"
      R"("last_modified":1767225600000},"version_last":4,"reserved_concurrency":0,)"
      R"("tags":{"k":"v"}})");
  ASSERT_TRUE(function) << function.error().message;
  EXPECT_EQ(function->latest.memory_mb, 256U);
  EXPECT_EQ(function->latest.environment.at("A"), "1");
  EXPECT_EQ(function->latest.code_size_bytes, 5'000'000'000U);
  EXPECT_EQ(function->version_last, 4U);
  EXPECT_EQ(function->reserved_concurrency, 0U);
  EXPECT_EQ(format_iso8601(function->latest.last_modified), "2026-01-01T00:00:00.000Z");

  auto invocation = decode<AsyncInvocation>(
      "\x01"
      R"({"request_id":"q","accepted":1767225600000,"state":1,"due":1767225660000,)"
      R"("attempts":1,"throttles":0,"trace_id":"1-a-b","span_id":"s"})");
  ASSERT_TRUE(invocation);
  EXPECT_EQ(invocation->state, AsyncInvocation::State::kWaiting);
  EXPECT_EQ(invocation->cause.span_id, "s");
  EXPECT_EQ(invocation->due - invocation->accepted, std::chrono::minutes(1));

  auto mapping = decode<Mapping>(
      "\x01"
      R"({"uuid":"u","source_arn":"a","function_name":"f","batch_size":10,"window_s":0,)"
      R"("concurrency_max":5,"report_failures":true,"filters":["{}"],"enabled":false})");
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->concurrency_max, 5U);
  EXPECT_FALSE(mapping->enabled);
  EXPECT_EQ(mapping->filters.size(), 1U);

  auto code = decode<CodeRecord>("\x01\0\0\0\0\0\0\x01\0blob"s);
  ASSERT_TRUE(code);
  EXPECT_EQ(code->size_bytes, 256U);
  EXPECT_EQ(code->blob, "blob");
}

TEST(Records, WhatIsWrittenIsRead) {
  Function function{"f"};
  function.latest.environment = {{"A", "\xE3\x81\x82\n\"\\"}};
  function.latest.last_modified = TimePoint(Millis(1'767'225'600'123));
  function.tags = {{"", "empty"}};
  auto again = decode<Function>(encode(function));
  ASSERT_TRUE(again);
  EXPECT_EQ(encode(*again), encode(function));
  EXPECT_FALSE(again->reserved_concurrency);
  Alias alias{"live", "", "1", {{"2", 0.125}}, "r"};
  EXPECT_EQ(decode<Alias>(encode(alias))->weights.at("2"), 0.125);
  Usage usage{1, 2, 3, 4, 5, UINT64_MAX};
  EXPECT_EQ(decode<Usage>(encode(usage))->megabyte_ms, UINT64_MAX);
}

TEST(Records, OtherBytesAreCorrupt) {
  for (const Bytes& bytes : {""s, "\x02{}"s, "\x01"s, "\x01[]"s, "\x01{\"name\":1}"s,
                             "\x01{\"latest\":{\"memory_mb\":-1}}"s, "\x01{\"tags\":{\"a\":1}}"s}) {
    auto decoded = decode<Function>(bytes);
    ASSERT_FALSE(decoded) << bytes;
    EXPECT_EQ(decoded.error().code, codes::kCorrupt);
  }
}

TEST(Keys, AreAsDocumented) {
  EXPECT_EQ(keys::function("f"), "lff");
  EXPECT_EQ(keys::version("f", 258), "lvf\0\0\0\0\0\0\0\x01\x02"s);
  EXPECT_EQ(keys::alias("f", "live"), "laf\0live"s);
  EXPECT_EQ(keys::policy("f", ""), "lpf\0"s);
  EXPECT_EQ(keys::invoke_config("f", "1"), "lef\0001"s);
  EXPECT_EQ(keys::mapping("u"), "lmu");
  EXPECT_EQ(keys::code("f", "ab"), "lcf\0ab"s);
  EXPECT_EQ(keys::usage("2026-01-01", "f"), "lu2026-01-01\0f"s);
  Bytes id = keys::async_id(TimePoint(Millis(1)), "q");
  EXPECT_EQ(keys::async_record("f", id), "lif\0\0\0\0\0\0\0\0\x01q"s);
  EXPECT_EQ(keys::async_payload("f", id), "ljf\0\0\0\0\0\0\0\0\x01q"s);
  auto parts = keys::parts("laf\0live"s);
  EXPECT_EQ(parts.name, "f");
  EXPECT_EQ(parts.rest, "live");
}

}  // namespace
}  // namespace suiro::lambda
