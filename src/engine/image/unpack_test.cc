// SPDX-License-Identifier: Apache-2.0
#include "engine/image/unpack.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/image/testing.h"
#include "kernel/store/testing.h"

namespace suiro::image {
namespace {

namespace fs = std::filesystem;

class UnpackTest : public testing::Test {
 protected:
  Result<Unpacked> unpack(const Bytes& layer, UnpackLimits limits = {}) {
    std::string name = directory.path() + "/layer";
    std::ofstream(name, std::ios::binary) << layer;
    root = directory.path() + "/root" + std::to_string(++count);
    fs::create_directory(root);
    return unpack_layer(name, root, limits);
  }
  std::string error(const TarBuilder& tar, UnpackLimits limits = {}) {
    auto done = unpack(tar.finish(), limits);
    return done ? "" : done.error().code + ": " + done.error().message;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(root + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  struct stat info(const std::string& name) const {
    struct stat out{};
    EXPECT_EQ(::lstat((root + "/" + name).c_str(), &out), 0) << name;
    return out;
  }
  bool is_whiteout(const std::string& name) const {
    struct stat found = info(name);
    return S_ISCHR(found.st_mode) && found.st_rdev == makedev(0, 0);
  }
  bool is_opaque(const std::string& name) const {
    char value[8];
    std::string path = root + "/" + name;
    const char* attribute = ::geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";
    return ::getxattr(path.c_str(), attribute, value, sizeof value) == 1 && value[0] == 'y';
  }

  store::TemporaryDirectory directory;
  std::string root;
  int count = 0;
};

TEST_F(UnpackTest, FilesOfAllKinds) {
  TarBuilder tar;
  tar.directory("./", 0711).directory("etc", 0700).file("etc/passwd", "root", 0640);
  tar.file("bin/tool", std::string(300'000, 'x'), 04755).link("bin/sh", "tool");
  tar.add({.name = "bin/same", .type = '1', .target = "./bin/tool"});
  tar.add({.name = "run/pipe", .type = '6', .mode = 0600});
  tar.add({.name = "dev/null", .type = '3'});
  auto done = unpack(tar.finish());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->diff_id, digest_of(tar.finish()));
  EXPECT_EQ(done->tar_bytes, tar.finish().size());
  EXPECT_EQ(done->entries, 8);
  EXPECT_EQ(read("etc/passwd"), "root");
  EXPECT_EQ(info("etc/passwd").st_mode & 07777, 0640);
  EXPECT_EQ(info("etc/passwd").st_mtim.tv_sec, 1'000'000);
  EXPECT_EQ(info("etc").st_mode & 07777, 0700);
  EXPECT_EQ(info("etc").st_mtim.tv_sec, 1'000'000);
  EXPECT_EQ(info(".").st_mode & 07777, 0711);
  EXPECT_EQ(info("bin/tool").st_mode & 07777, 04755);
  EXPECT_EQ(info("bin/tool").st_ino, info("bin/same").st_ino);
  EXPECT_EQ(fs::read_symlink(root + "/bin/sh"), "tool");
  EXPECT_TRUE(S_ISFIFO(info("run/pipe").st_mode));
  EXPECT_FALSE(fs::exists(root + "/dev/null"));
}

TEST_F(UnpackTest, OwnersAndAttributes) {
  if (::geteuid() != 0) GTEST_SKIP() << "owners need privileges";
  TarBuilder tar;
  tar.add({.name = "a", .content = "a", .uid = 1000, .gid = 1001, .attributes = {{"user.x", "y"}}});
  tar.add({.name = "l", .type = '2', .target = "a", .uid = 7});
  ASSERT_EQ(error(tar), "");
  EXPECT_EQ(info("a").st_uid, 1000);
  EXPECT_EQ(info("a").st_gid, 1001);
  EXPECT_EQ(info("l").st_uid, 7);
  char value[8];
  ASSERT_EQ(::getxattr((root + "/a").c_str(), "user.x", value, sizeof value), 1);
  EXPECT_EQ(value[0], 'y');
}

TEST_F(UnpackTest, Compressions) {
  Bytes tar = TarBuilder().file("a", std::string(100'000, 'a')).finish();
  for (const Bytes& layer : {tar, gzip(tar), zstd_of(tar)}) {
    auto done = unpack(layer);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->diff_id, digest_of(tar));
    EXPECT_EQ(read("a").size(), 100'000);
  }
}

TEST_F(UnpackTest, EmptyArchive) {
  auto done = unpack(gzip(Bytes(1024, '\0')));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->diff_id, digest_of(Bytes(1024, '\0')));
  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(UnpackTest, WhatIsBehindTheEndBelongsToTheDigest) {
  Bytes tar = TarBuilder().file("a", "a").finish() + Bytes(10'240, '\0');
  auto done = unpack(gzip(tar));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->diff_id, digest_of(tar));
}

TEST_F(UnpackTest, WhiteoutsAndOpaqueDirectories) {
  TarBuilder tar;
  tar.directory("a").file("a/.wh.gone", "").file(".wh.b", "");
  tar.directory("c").file("c/.wh..wh..opq", "").file("c/new", "new");
  tar.file(".wh..wh.plnk", "");
  // Removed and made again in one layer, in both orders.
  tar.file(".wh.d", "").directory("d").directory("e").file(".wh.e", "");
  tar.file(".wh.f", "").file("f", "new").file("g", "new").file(".wh.g", "");
  ASSERT_EQ(error(tar), "");
  EXPECT_TRUE(is_whiteout("a/gone"));
  EXPECT_TRUE(is_whiteout("b"));
  EXPECT_TRUE(is_opaque("c"));
  EXPECT_EQ(read("c/new"), "new");
  EXPECT_FALSE(fs::exists(root + "/c/.wh..wh..opq"));
  EXPECT_TRUE(is_opaque("d"));
  EXPECT_TRUE(is_opaque("e"));
  EXPECT_EQ(read("f"), "new");
  EXPECT_EQ(read("g"), "new");
  EXPECT_FALSE(is_opaque("a"));
}

TEST_F(UnpackTest, LaterEntriesReplaceEarlierOnes) {
  TarBuilder tar;
  tar.file("a", "first").file("a", "second").link("b", "a").file("b", "file");
  tar.directory("c").file("c/x", "x").link("c", "a").file("d", "d").directory("d");
  tar.directory("keep").file("keep/x", "x").directory("keep", 0700);
  ASSERT_EQ(error(tar), "");
  EXPECT_EQ(read("a"), "second");
  EXPECT_EQ(read("b"), "file");
  EXPECT_FALSE(fs::is_symlink(root + "/b"));
  EXPECT_TRUE(fs::is_symlink(root + "/c"));
  EXPECT_TRUE(fs::is_directory(root + "/d"));
  EXPECT_EQ(read("keep/x"), "x");
  EXPECT_EQ(info("keep").st_mode & 07777, 0700);
}

TEST_F(UnpackTest, NothingIsWrittenOutside) {
  std::string outside = directory.path() + "/outside";
  fs::create_directory(outside);
  std::ofstream(outside + "/kept") << "kept";
  EXPECT_NE(error(TarBuilder().file("../outside/new", "x")), "");
  EXPECT_NE(error(TarBuilder().file("a/../../outside/new", "x")), "");
  EXPECT_NE(error(TarBuilder().file("..", "x")), "");
  EXPECT_NE(error(TarBuilder().link("a", outside).file("a/new", "x")), "");
  EXPECT_NE(error(TarBuilder().link("a", "../outside").file("a/new", "x")), "");
  EXPECT_NE(error(TarBuilder().link("a", outside).file("a/.wh.kept", "")), "");
  EXPECT_NE(error(TarBuilder().link("a", outside).file("a/.wh..wh..opq", "")), "");
  EXPECT_NE(
      error(TarBuilder().link("a", outside).add({.name = "b", .type = '1', .target = "a/kept"})),
      "");
  EXPECT_NE(error(TarBuilder().add({.name = "b", .type = '1', .target = "../outside/kept"})), "");
  EXPECT_NE(error(TarBuilder().file("a/.wh..", "")), "");
  EXPECT_NE(error(TarBuilder().file("a/.wh...", "")), "");
  // Through a link that is itself replaced, and an absolute name: both end below the root.
  EXPECT_EQ(error(TarBuilder().link("a", outside).directory("a").file("a/new", "x")), "");
  EXPECT_EQ(read("a/new"), "x");
  EXPECT_EQ(error(TarBuilder().file(outside + "/new", "x")), "");
  EXPECT_EQ(read(outside.substr(1) + "/new"), "x");
  EXPECT_EQ(error(TarBuilder().directory("in").link("a", "/in").file("a/new", "x")), "");
  EXPECT_EQ(read("in/new"), "x");
  // A link as the last part of a name is replaced, not followed.
  EXPECT_EQ(error(TarBuilder().link("a", outside + "/kept").file("a", "mine")), "");
  EXPECT_EQ(read("a"), "mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(outside), {}), 1);
  std::string kept;
  std::ifstream(outside + "/kept") >> kept;
  EXPECT_EQ(kept, "kept");
}

TEST_F(UnpackTest, WhatALayerCannotHave) {
  EXPECT_NE(error(TarBuilder().add({.name = "node", .type = '3'})), "");
  EXPECT_NE(error(TarBuilder().add({.name = "etc/node", .type = '4'})), "");
  EXPECT_NE(error(TarBuilder().add({.name = "a", .attributes = {{"trusted.overlay.opaque", "y"}}})),
            "");
  EXPECT_NE(error(TarBuilder().add({.name = "a", .attributes = {{"user.overlay.redirect", "/"}}})),
            "");
  EXPECT_NE(error(TarBuilder().add({.name = "a", .type = '1', .target = "missing"})), "");
  EXPECT_NE(error(TarBuilder().directory("d").add({.name = "a", .type = '1', .target = "d"})), "");
  EXPECT_FALSE(unpack("this is no archive, whatever it says of itself"));
  Bytes tar = TarBuilder().file("a", std::string(100'000, 'a')).finish();
  EXPECT_FALSE(unpack(tar.substr(0, 50'000)));
  EXPECT_FALSE(unpack(gzip(tar).substr(0, 60)));
}

TEST_F(UnpackTest, Limits) {
  TarBuilder many;
  for (int i = 0; i < 11; ++i) many.file(std::to_string(i), "");
  EXPECT_TRUE(error(many, {.entries_max = 10}).starts_with(kImageTooLarge));
  EXPECT_EQ(error(many, {.entries_max = 11}), "");
  // A bomb: a megabyte of zeros in a kilobyte.
  Bytes bomb = gzip(TarBuilder().file("zeros", std::string(1 << 20, '\0')).finish());
  auto done = unpack(bomb, {.bytes_max = 1 << 19});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, kImageTooLarge);
  EXPECT_NE(error(TarBuilder().file("abcdef", ""), {.path_bytes_max = 5}), "");
}

TEST_F(UnpackTest, OverlayfsUnderstandsIt) {
  TarBuilder lower;
  lower.directory("a").file("a/gone", "x").file("a/kept", "x").directory("b").file("b/old", "x");
  ASSERT_EQ(error(lower), "");
  std::string low = root;
  TarBuilder upper;
  upper.directory("a").file("a/.wh.gone", "").directory("b").file("b/.wh..wh..opq", "");
  upper.file("b/new", "x");
  ASSERT_EQ(error(upper), "");
  std::string merged = directory.path() + "/merged";
  fs::create_directory(merged);
  std::string options = fmt::format("lowerdir={}:{}", root, low);
  if (::mount("overlay", merged.c_str(), "overlay", MS_RDONLY, options.c_str()) != 0) {
    GTEST_SKIP() << "overlayfs cannot be mounted here";
  }
  EXPECT_FALSE(fs::exists(merged + "/a/gone"));
  EXPECT_TRUE(fs::exists(merged + "/a/kept"));
  EXPECT_FALSE(fs::exists(merged + "/b/old"));
  EXPECT_TRUE(fs::exists(merged + "/b/new"));
  EXPECT_EQ(::umount(merged.c_str()), 0);
}

TEST_F(UnpackTest, RemovalDoesNotFollowLinks) {
  std::string outside = directory.path() + "/outside";
  fs::create_directory(outside);
  std::ofstream(outside + "/kept") << "kept";
  ASSERT_EQ(error(TarBuilder().directory("d").link("d/l", outside).file("d/f", "x")), "");
  ASSERT_TRUE(remove_tree(root));
  EXPECT_FALSE(fs::exists(root));
  EXPECT_TRUE(fs::exists(outside + "/kept"));
  EXPECT_TRUE(remove_tree(root));
}

}  // namespace
}  // namespace suiro::image
