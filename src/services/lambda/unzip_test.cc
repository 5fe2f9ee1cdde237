// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/unzip.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "services/lambda/errors.h"
#include "services/lambda/testing.h"

namespace suiro::lambda {
namespace {

namespace fs = std::filesystem;
using testing::make_zip;
using testing::ZipEntry;

constexpr UnzipLimits kLimits{1 << 20, 100, 200};

void append_le(Bytes& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

// A zip with one empty entry of any type: archivers write no devices.
Bytes raw_zip(std::string_view name, uint32_t mode) {
  auto common = [&](Bytes& out) {  // version needed ... extra length
    for (int value : {20, 0, 0, 0, 0}) append_le(out, static_cast<uint64_t>(value), 2);
    out.append(12, '\0');  // checksum and sizes of nothing
    append_le(out, name.size(), 2);
    append_le(out, 0, 2);
  };
  Bytes zip = "PK\x03\x04";
  common(zip);
  zip += name;
  size_t central = zip.size();
  zip += "PK\x01\x02";
  append_le(zip, 3 << 8 | 20, 2);  // made by: Unix
  common(zip);
  append_le(zip, 0, 6);  // comment, disk, internal attributes
  append_le(zip, static_cast<uint64_t>(mode) << 16, 4);
  append_le(zip, 0, 4);  // where the entry is
  zip += name;
  size_t end = zip.size();
  zip += "PK\x05\x06";
  append_le(zip, 0, 4);
  append_le(zip, 1, 2);
  append_le(zip, 1, 2);
  append_le(zip, end - central, 4);
  append_le(zip, central, 4);
  append_le(zip, 0, 2);
  return zip;
}

class Unzip : public ::testing::Test {
 protected:
  Result<void> run(const Bytes& zip, UnzipLimits limits = kLimits) {
    std::string path = directory_.path() + "/in.zip";
    std::ofstream(path, std::ios::binary) << zip;
    return unzip(path, directory_.path() + "/out", limits);
  }
  void refused(const Bytes& zip, std::string_view why, UnzipLimits limits = kLimits) {
    Result<void> done = run(zip, limits);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, kInvalidParameter);
    EXPECT_NE(done.error().message.find(why), std::string::npos) << done.error().message;
    EXPECT_FALSE(fs::exists(directory_.path() + "/out")) << "something was left behind";
    EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path()), {}), 1);
  }
  std::string read(const std::string& name) {
    std::ifstream in(directory_.path() + "/out/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  store::TemporaryDirectory directory_;
};

TEST_F(Unzip, UnpacksFilesFoldersAndInnerLinks) {
  auto done = run(make_zip({{"a/b/c.py", "one"},
                            {"bootstrap", "two"},
                            {"a/link", "", AE_IFLNK, "../bootstrap"},
                            {"a/dangling", "", AE_IFLNK, "b/absent"}}));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(read("a/b/c.py"), "one");
  EXPECT_EQ(read("a/link"), "two");
  auto mode = fs::status(directory_.path() + "/out/bootstrap").permissions();
  EXPECT_NE(mode & fs::perms::others_exec, fs::perms::none);
}

TEST_F(Unzip, RefusesPathsThatLeadOutside) {
  refused(make_zip({{"ok", "x"}, {"../evil", "x"}}), "\"..\"");
  refused(make_zip({{"a/../../evil", "x"}}), "\"..\"");
  refused(make_zip({{"/etc/evil", "x"}}), "absolute");
}

TEST_F(Unzip, RefusesLinksThatPointOutside) {
  refused(make_zip({{"l", "", AE_IFLNK, "/etc/passwd"}}), "points outside");
  refused(make_zip({{"l", "", AE_IFLNK, "../x"}}), "points outside");
  refused(make_zip({{"a/l", "", AE_IFLNK, "b/../../.."}}), "points outside");
  // Each is harmless to the letter; together they leave.
  refused(make_zip({{"p/q/r/d", "", AE_IFLNK, "../../.."}, {"e", "", AE_IFLNK, "p/q/r/d/../.."}}),
          "points outside");
}

TEST_F(Unzip, RefusesNamesThatPassThroughLinks) {
  refused(make_zip({{"in/x", "x"}, {"l", "", AE_IFLNK, "in"}, {"l/evil", "x"}}), "");
  refused(make_zip({{"l", "", AE_IFLNK, "."}, {"l/l2/evil", "x"}}), "");
  refused(make_zip({{"l", "", AE_IFLNK, "x"}, {"l", "overwritten"}}), "twice");
}

TEST_F(Unzip, RefusesDevices) {
  refused(raw_zip("device", S_IFCHR | 0644), "neither a file");
  refused(raw_zip("disk", S_IFBLK | 0644), "neither a file");
  refused(raw_zip("socket", S_IFSOCK | 0644), "neither a file");
  ASSERT_TRUE(run(raw_zip("file", S_IFREG | 0644)));
}

TEST_F(Unzip, RefusesTooMuch) {
  refused(make_zip({{"big", std::string(2 << 20, 'x')}}), "Unzipped size must be smaller");
  std::vector<ZipEntry> many;
  for (int i = 0; i < 101; ++i) many.push_back({std::to_string(i), ""});
  refused(make_zip(many), "more than 100 entries");
  refused(make_zip({{std::string(201, 'n'), "x"}}), "too long");
}

TEST_F(Unzip, RefusesWhatIsNoZip) {
  refused("", "");
  refused("PK\x03\x04 nothing of the kind", "");
  Bytes cut = make_zip({{"a", std::string(5000, 'x')}, {"b", "y"}});
  refused(cut.substr(0, cut.size() / 2), "");
  Bytes flipped = make_zip({{"a", "some text that the checksum covers"}});
  size_t local = flipped.find("PK\x01\x02");
  flipped[local - 20] = static_cast<char>(flipped[local - 20] ^ 0x55);
  refused(flipped, "");
}

}  // namespace
}  // namespace suiro::lambda
