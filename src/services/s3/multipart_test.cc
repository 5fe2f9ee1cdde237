// SPDX-License-Identifier: Apache-2.0

#include "services/s3/testing.h"

namespace suiro::s3 {
namespace {

class MultipartTest : public LogicTest {
 protected:
  UploadId begin(Bytes key, UploadRecord record = {}) {
    auto id = sim.run(logic.create_upload({who(), "lake", std::move(key), std::move(record)}));
    EXPECT_TRUE(id);
    return *id;
  }
  Result<PartRecord> part(Bytes key, UploadId id, uint32_t number, Bytes bytes) {
    PartRequest request{who(), "lake", std::move(key), std::move(id), number, {}};
    return sim.run(logic.put_part(std::move(request), shapes::body_of(std::move(bytes))));
  }
  Result<Completed> complete(Bytes key, UploadId id, std::vector<CompletedPart> parts) {
    CompleteRequest request{.requester = who(),
                            .bucket = "lake",
                            .key = std::move(key),
                            .upload = std::move(id),
                            .parts = std::move(parts)};
    return sim.run(logic.complete(std::move(request)));
  }
  static std::string etag(const Result<PartRecord>& part) {
    return "\"" + hex_encode(part->md5) + "\"";
  }
  const Bytes big = Bytes(kPartBytesMin, 'x');
};

TEST_F(MultipartTest, PartsBecomeOneObject) {
  make_bucket("lake");
  UploadId id = begin("k");
  auto one = part("k", id, 1, big);
  auto two = part("k", id, 5, "tail");
  ASSERT_TRUE(part("k", id, 7, "unused"));
  auto done = complete("k", id, {{1, etag(one), {}}, {5, etag(two), {}}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->etag, hex_encode(md5(md5(big) + md5("tail"))) + "-2");
  Checksum whole(ChecksumKind::kCrc64Nvme);
  whole.update(big + "tail");
  EXPECT_EQ(done->checksum->raw, whole.finish());
  EXPECT_EQ(*get("lake", "k"), big + "tail");
  auto found = sim.run(logic.find({"lake", "k", {}, {}}));
  auto second = part_range(*found, 2);
  EXPECT_EQ(second->first, big.size());
  EXPECT_EQ(second->length, 4U);
  EXPECT_FALSE(part_range(*found, 3));
  // Asked again, it answers the same; the upload itself is gone.
  auto again = complete("k", id, {{1, etag(one), {}}, {5, etag(two), {}}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->etag, done->etag);
  EXPECT_EQ(code(part("k", id, 2, "late")), "NoSuchUpload");
  auto crossing = sim.run(logic.open(*found, {big.size() - 2, 4}));
  EXPECT_EQ(*sim.run(shapes::read_all(**crossing, 100)), "xxta");
  ASSERT_TRUE(remove("lake", "k"));
  EXPECT_TRUE(sim.run(logic.delete_bucket(who(), "lake")));
}

TEST_F(MultipartTest, CompletionIsValidated) {
  make_bucket("lake");
  UploadId id = begin("k");
  auto one = part("k", id, 1, "small");
  auto two = part("k", id, 2, "tail");
  EXPECT_EQ(code(complete("k", id, {})), "MalformedXML");
  EXPECT_EQ(code(complete("k", id, {{2, etag(two), {}}, {1, etag(one), {}}})), "InvalidPartOrder");
  EXPECT_EQ(code(complete("k", id, {{1, etag(one), {}}, {1, etag(one), {}}})), "InvalidPartOrder");
  EXPECT_EQ(code(complete("k", id, {{1, etag(two), {}}})), "InvalidPart");
  EXPECT_EQ(code(complete("k", id, {{3, etag(two), {}}})), "InvalidPart");
  EXPECT_EQ(code(complete("k", id, {{1, etag(one), {}}, {2, etag(two), {}}})), "EntityTooSmall");
  EXPECT_EQ(code(complete("other", id, {{1, etag(one), {}}})), "NoSuchUpload");
  EXPECT_EQ(code(part("k", id, 0, "x")), "InvalidArgument");
  EXPECT_EQ(code(part("k", id, 10'001, "x")), "InvalidArgument");
  EXPECT_TRUE(complete("k", id, {{2, etag(two), {}}}));
  EXPECT_EQ(*get("lake", "k"), "tail");
}

TEST_F(MultipartTest, CompositeChecksumsAreThoseOfTheParts) {
  make_bucket("lake");
  UploadId id = begin(
      "k", {.checksum_kind = ChecksumKind::kSha256, .checksum_scope = ChecksumScope::kComposite});
  auto one = part("k", id, 1, "tail");
  EXPECT_EQ(code(complete("k", id, {{1, etag(one), {}}})), "InvalidRequest");
  auto done = complete("k", id, {{1, etag(one), {{ChecksumKind::kSha256, sha256("tail")}}}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(checksum_text(*done->checksum, done->parts_count),
            base64_encode(sha256(sha256("tail"))) + "-1");
}

TEST_F(MultipartTest, AbortAndLists) {
  make_bucket("lake");
  UploadId a = begin("dir/a"), b = begin("dir/b"), c = begin("c");
  ASSERT_TRUE(part("dir/a", a, 3, "x"));
  ASSERT_TRUE(part("dir/a", a, 1, "y"));
  ASSERT_TRUE(part("dir/a", a, 1, "z"));
  auto parts = sim.run(logic.list_parts("lake", "dir/a", a));
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ((*parts)[0].first, 1U);
  EXPECT_EQ((*parts)[0].second.md5, md5("z"));
  auto page = sim.run(logic.list_uploads({.bucket = "lake", .rows_max = 2}, ""));
  ASSERT_EQ(page->uploads.size(), 2U);
  EXPECT_TRUE(page->truncated);
  auto rest =
      sim.run(logic.list_uploads({.bucket = "lake", .after = page->next_key}, page->next_upload));
  ASSERT_EQ(rest->uploads.size(), 1U);
  EXPECT_EQ(rest->uploads[0].key, "dir/b");
  auto rolled = sim.run(logic.list_uploads({.bucket = "lake", .delimiter = "/"}, ""));
  EXPECT_EQ(rolled->prefixes, std::vector<Bytes>{"dir/"});
  EXPECT_EQ(rolled->uploads.size(), 1U);
  EXPECT_TRUE(sim.run(logic.abort(who(), "lake", "dir/a", a)));
  EXPECT_EQ(code(sim.run(logic.abort(who(), "lake", "dir/a", a))), "NoSuchUpload");
  EXPECT_EQ(code(sim.run(logic.list_parts("lake", "dir/a", a))), "NoSuchUpload");
  // The others go with the bucket.
  EXPECT_TRUE(sim.run(logic.delete_bucket(who(), "lake")));
}

}  // namespace
}  // namespace suiro::s3
