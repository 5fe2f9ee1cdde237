// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "services/s3/codec.h"
#include "services/s3/testing.h"

namespace suiro::s3 {
namespace {

using Kind = VersionChoice::Kind;

TEST(S3Keys, EscapeKeepsOrderAndComesBack) {
  std::vector<Bytes> in = {"",    Bytes("\0", 1),  Bytes("\0\0", 2), Bytes("\0a", 2), "\x01",
                           "a",   Bytes("a\0", 2), Bytes("a\0b", 3), "a\x01",         "ab",
                           "\xFF"};
  std::vector<Bytes> escaped;
  for (auto& key : in) {
    Bytes ended = keys::escape(key) + Bytes("\0\0", 2) + "rest";
    auto back = keys::unescape(ended);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->key, key);
    EXPECT_EQ(back->rest, "rest");
    escaped.push_back(ended);
  }
  EXPECT_TRUE(std::is_sorted(in.begin(), in.end()));
  EXPECT_TRUE(std::is_sorted(escaped.begin(), escaped.end()));
  EXPECT_FALSE(keys::unescape("abc"));
  EXPECT_FALSE(keys::unescape(Bytes("a\0", 2)));
  EXPECT_EQ(keys::after_prefix("ab"), "ac");
  EXPECT_EQ(keys::after_prefix("a\xFF"), "b");
}

TEST(S3Codec, RecordsComeBackAndForeignBytesAreRefused) {
  ObjectRecord object{.id = {Order(7), 9},
                      .null_version = true,
                      .null_behind = Order(3),
                      .modified = TimePoint(Millis(12345)),
                      .size_bytes = 4,
                      .etag = "e"};
  object.checksum = StoredChecksum{ChecksumKind::kSha256, ChecksumScope::kComposite, "raw"};
  object.metadata.system = {{SystemHeader::kContentType, "text/plain"}};
  object.metadata.user = {{"a", "b"}};
  object.tags = {{"k", "v"}};
  Bytes bytes = encode(object);
  auto back = decode<ObjectRecord>(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), bytes);
  EXPECT_EQ(back->id, object.id);
  EXPECT_EQ(*back->metadata.find(SystemHeader::kContentType), "text/plain");
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode<ObjectRecord>(ByteView(bytes).substr(0, size)));
  }
  EXPECT_FALSE(decode<ObjectRecord>(bytes + "x"));
  bytes[0] = 9;
  EXPECT_FALSE(decode<ObjectRecord>(bytes));
}

TEST(S3Names, BucketNameRules) {
  for (auto name : {"abc", "a.b", "a-b-1", "123", std::string(63, 'a').c_str()}) {
    EXPECT_TRUE(check_bucket_name(name)) << name;
  }
  for (auto name : {"ab", "Abc", "a_b", "-ab", "ab-", "a..b", "1.2.3.4", "xn--a", "a--x-s3", "a/b",
                    "..", "", std::string(64, 'a').c_str()}) {
    EXPECT_FALSE(check_bucket_name(name)) << name;
  }
}

TEST(S3Range, EveryForm) {
  auto range = [](std::string_view text, uint64_t size) -> std::string {
    auto parsed = parse_range(text, size);
    if (!parsed) return parsed.error().code;
    if (!*parsed) return "whole";
    return fmt::format("{}+{}", (*parsed)->first, (*parsed)->length);
  };
  EXPECT_EQ(range("bytes=0-4", 10), "0+5");
  EXPECT_EQ(range("bytes=4-", 10), "4+6");
  EXPECT_EQ(range("bytes=-3", 10), "7+3");
  EXPECT_EQ(range("bytes=-30", 10), "0+10");
  EXPECT_EQ(range("bytes=5-99", 10), "5+5");
  EXPECT_EQ(range("bytes=10-", 10), "InvalidRange");
  EXPECT_EQ(range("bytes=-0", 10), "InvalidRange");
  EXPECT_EQ(range("bytes=0-0", 0), "InvalidRange");
  EXPECT_EQ(range("bytes=5-4", 10), "whole");
  EXPECT_EQ(range("bytes=a-b", 10), "whole");
  EXPECT_EQ(range("items=0-1", 10), "whole");
  EXPECT_EQ(range("bytes=0-1,3-4", 10), "NotImplemented");
}

TEST_F(LogicTest, PutGetRemoveUnversioned) {
  make_bucket("lake");
  auto written = put("lake", "a/b.txt", "hello");
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->record.etag, "5d41402abc4b2a76b9719d911017c592");
  EXPECT_FALSE(written->version());
  EXPECT_EQ(*get("lake", "a/b.txt"), "hello");
  ASSERT_TRUE(put("lake", "a/b.txt", "again"));
  EXPECT_EQ(*get("lake", "a/b.txt"), "again");
  ASSERT_TRUE(put("lake", "empty", ""));
  EXPECT_EQ(*get("lake", "empty"), "");
  EXPECT_EQ(code(get("lake", "none")), "NoSuchKey");
  EXPECT_EQ(code(get("none", "none")), "NoSuchBucket");
  ASSERT_TRUE(remove("lake", "a/b.txt"));
  EXPECT_EQ(code(get("lake", "a/b.txt")), "NoSuchKey");
  ASSERT_TRUE(remove("lake", "a/b.txt"));
}

TEST_F(LogicTest, LargeBodiesAndStrangeKeys) {
  make_bucket("lake");
  Bytes large = sim.random().bytes(3 << 20);
  for (Bytes key : {Bytes("../../etc/passwd"), Bytes("a\0b", 3), Bytes("\0", 1), Bytes("/"),
                    Bytes(1024, 'k'), Bytes("\xF0\x9F\x98\x80")}) {
    ASSERT_TRUE(put("lake", key, large));
    EXPECT_EQ(*get("lake", key), large);
  }
  EXPECT_EQ(code(put("lake", Bytes(1025, 'k'), "x")), "KeyTooLongError");
  EXPECT_EQ(code(put("lake", "\xFF", "x")), "InvalidURI");
}

TEST_F(LogicTest, VersionsStackAndComeBack) {
  make_bucket("lake");
  ASSERT_TRUE(put("lake", "k", "null one"));
  set_versioning("lake", Versioning::kEnabled);
  auto first = *put("lake", "k", "first")->version();
  auto second = *put("lake", "k", "second")->version();
  EXPECT_EQ(*get("lake", "k", by_id("null")), "null one");
  EXPECT_EQ(*get("lake", "k", by_id(first)), "first");
  auto marker = remove("lake", "k");
  EXPECT_TRUE(marker->delete_marker);
  EXPECT_EQ(code(get("lake", "k")), "NoSuchKey");
  EXPECT_EQ(code(get("lake", "k", by_id(*marker->version))), "MethodNotAllowed");
  set_versioning("lake", Versioning::kSuspended);
  ASSERT_TRUE(put("lake", "k", "null two"));  // the old null version goes
  EXPECT_EQ(*get("lake", "k", by_id("null")), "null two");
  ASSERT_TRUE(remove("lake", "k", by_id("null")));
  EXPECT_EQ(code(get("lake", "k", by_id("null"))), "NoSuchVersion");
  ASSERT_TRUE(remove("lake", "k", by_id(*marker->version)));
  EXPECT_EQ(*get("lake", "k"), "second");
  ASSERT_TRUE(remove("lake", "k", by_id(second)));
  EXPECT_EQ(*get("lake", "k"), "first");
  ASSERT_TRUE(remove("lake", "k", by_id(first)));
  EXPECT_EQ(code(get("lake", "k")), "NoSuchKey");
  EXPECT_TRUE(sim.run(logic.delete_bucket(who(), "lake")));
}

TEST_F(LogicTest, ConditionalWrites) {
  make_bucket("lake");
  EXPECT_EQ(code(put("lake", "k", "1", {.conditions = {.if_match = "\"x\""}})), "NoSuchKey");
  auto first = put("lake", "k", "1", {.conditions = {.if_none_match = "*"}});
  ASSERT_TRUE(first);
  EXPECT_EQ(code(put("lake", "k", "2", {.conditions = {.if_none_match = "*"}})),
            "PreconditionFailed");
  EXPECT_EQ(code(put("lake", "k", "2", {.conditions = {.if_none_match = "\"e\""}})),
            "NotImplemented");
  EXPECT_EQ(code(put("lake", "k", "2", {.conditions = {.if_match = "\"x\""}})),
            "PreconditionFailed");
  std::string etag = "\"" + first->record.etag + "\"";
  EXPECT_TRUE(put("lake", "k", "2", {.conditions = {.if_match = etag}}));
  auto wrong = sim.run(logic.remove({.requester = who(), .bucket = "lake"}, {"k", {}, etag}));
  EXPECT_EQ(code(wrong), "PreconditionFailed");
}

TEST_F(LogicTest, ManyWritersOfOneKeyAllSucceed) {
  make_bucket("lake", Versioning::kEnabled);
  std::vector<std::future<Result<Written>>> all;
  for (int i = 0; i < 100; ++i) {
    PutRequest request{.requester = who(), .bucket = "lake", .key = "hot"};
    all.push_back(asio::co_spawn(sim.shards().executor(static_cast<size_t>(i) % 2),
                                 logic.put(std::move(request), shapes::body_of(fmt::to_string(i))),
                                 asio::use_future));
  }
  sim.settle();
  for (auto& one : all) EXPECT_TRUE(one.get());
  auto listed = sim.run(logic.list_versions({.list = {.bucket = "lake"}, .after_version = {}}));
  EXPECT_EQ(listed->objects.size(), 100U);
}

TEST_F(LogicTest, ChecksumsAreComputedAndCompared) {
  make_bucket("lake");
  auto written = put("lake", "k", "123456789");
  ASSERT_TRUE(written->record.checksum);
  EXPECT_EQ(written->record.checksum->kind, ChecksumKind::kCrc64Nvme);
  EXPECT_EQ(hex_encode(written->record.checksum->raw), "ae8b14860a799888");
  auto crc = *hex_decode("cbf43926");
  EXPECT_TRUE(put(
      "lake", "k", "123456789",
      {.expectation = {.kind = ChecksumKind::kCrc32, .checksums = {{ChecksumKind::kCrc32, crc}}}}));
  EXPECT_EQ(code(put("lake", "k", "12345678",
                     {.expectation = {.checksums = {{ChecksumKind::kCrc32, crc}}}})),
            "BadDigest");
  EXPECT_EQ(code(put("lake", "k", "x", {.expectation = {.md5 = md5("y")}})), "BadDigest");
  EXPECT_EQ(*get("lake", "k"), "123456789");
}

TEST_F(LogicTest, BucketsComeAndGo) {
  make_bucket("lake");
  EXPECT_EQ(code(sim.run(logic.create_bucket(who(), "lake"))), "BucketAlreadyOwnedByYou");
  EXPECT_EQ(code(sim.run(logic.create_bucket(who(), "La"))), "InvalidBucketName");
  ASSERT_TRUE(put("lake", "k", "x"));
  EXPECT_EQ(code(sim.run(logic.delete_bucket(who(), "lake"))), "BucketNotEmpty");
  ASSERT_TRUE(put("lake", "k2", "x"));
  auto gone = sim.run(logic.remove_many({.requester = who(), .bucket = "lake"},
                                        {{"k", {}, {}}, {"k2", {}, {}}, {"k", {}, {}}}));
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->size(), 3U);
  EXPECT_TRUE(sim.run(logic.delete_bucket(who(), "lake")));
  EXPECT_EQ(code(put("lake", "k", "x")), "NoSuchBucket");
  make_bucket("bb2");
  make_bucket("bb1");
  auto page = sim.run(logic.list_buckets("b", "", 1));
  ASSERT_EQ(page->buckets.size(), 1U);
  EXPECT_EQ(page->buckets[0].name, "bb1");
  EXPECT_TRUE(page->more);
  EXPECT_EQ(sim.run(logic.list_buckets("b", "bb1", 5))->buckets.size(), 1U);
}

TEST_F(LogicTest, CopyTakesBytesMetadataAndTags) {
  make_bucket("lake");
  PutRequest request;
  request.metadata.user = {{"a", "1"}};
  request.tags = {{"t", "v"}};
  ASSERT_TRUE(put("lake", "from", "bytes", request));
  auto copied = sim.run(logic.copy(
      {.requester = who(), .source = {"lake", "from", {}, {}}, .bucket = "lake", .key = "to"}));
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(*get("lake", "to"), "bytes");
  EXPECT_EQ(copied->written.record.metadata.user, request.metadata.user);
  EXPECT_EQ(copied->written.record.tags, request.tags);
  auto self = sim.run(logic.copy(
      {.requester = who(), .source = {"lake", "to", {}, {}}, .bucket = "lake", .key = "to"}));
  EXPECT_EQ(code(self), "InvalidRequest");
  self = sim.run(logic.copy({.requester = who(),
                             .source = {"lake", "to", {}, {}},
                             .bucket = "lake",
                             .key = "to",
                             .metadata = Metadata()}));
  ASSERT_TRUE(self);
  EXPECT_TRUE(self->written.record.metadata.user.empty());
}

TEST(S3Restart, WhatWasAcknowledgedIsThere) {
  event::SimKernel sim;
  Bytes large = sim.random().bytes(2 << 20);
  auto put = [&](Logic& logic, Bytes key, Bytes bytes) {
    PutRequest request{.bucket = "lake", .key = std::move(key)};
    return sim.run(logic.put(std::move(request), shapes::body_of(std::move(bytes))));
  };
  {
    Logic logic(sim.kernel(), {});
    sim.start();
    ASSERT_TRUE(sim.run(logic.create_bucket({}, "lake")));
    ASSERT_TRUE(put(logic, "small", "s"));
    auto written = put(logic, "large", large);
    ASSERT_TRUE(written) << written.error().message;
    sim.stop();
  }
  sim.reopen();
  Logic logic(sim.kernel(), {});
  ASSERT_TRUE(sim.run(logic.start()));
  sim.start();
  for (auto& [key, bytes] : {std::pair<Bytes, Bytes>{"small", "s"}, {"large", large}}) {
    auto whole = [](const Found& found) -> Result<ByteRange> {
      return ByteRange{0, found.record.size_bytes};
    };
    auto opened = sim.run(logic.read({"lake", key, {}, {}}, whole));
    ASSERT_TRUE(opened);
    EXPECT_EQ(*sim.run(shapes::read_all(*opened->body, 64 << 20)), bytes);
  }
}

TEST_F(LogicTest, ABucketWhoseDeletionFailsLivesOn) {
  make_bucket("lake");
  sim.store().refuse_commits(1, 1);  // the mark is taken, the deletion is not
  EXPECT_EQ(code(sim.run(logic.delete_bucket(who(), "lake"))), codes::kThrottled);
  EXPECT_EQ(code(put("lake", "k", "v")), "ok");
  EXPECT_EQ(code(remove("lake", "k")), "ok");
  EXPECT_EQ(code(sim.run(logic.delete_bucket(who(), "lake"))), "ok");
}

// As of a plan whose object another change replaces between the reads of its head and its parts.
TEST_F(LogicTest, AListOfPartsThatIsGoneMeansPlanningAnew) {
  Storage storage(sim.store());
  store::Batch batch;
  ObjectRecord record;
  record.parts_list = Bytes(16, 'x');
  EXPECT_EQ(code(sim.run(storage.release(batch, record))), codes::kConditionFailed);
}

}  // namespace
}  // namespace suiro::s3
