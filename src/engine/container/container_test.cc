// SPDX-License-Identifier: Apache-2.0
// The parts of the runner that need no machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/container/bundle.h"
#include "engine/container/output_reader.h"
#include "engine/container/records.h"
#include "engine/container/seccomp_profile.h"
#include "engine/container/supervisor_link.h"

namespace suiro::container {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

constexpr auto kPasswd = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:100::/work:/bin/sh\n";
constexpr auto kGroup = "root:x:0:\nusers:x:100:\nrenders:x:2000:other,worker\n";

TEST(ImageUserTest, FindsNamesAndNumbers) {
  auto worker = find_user("worker", kPasswd, kGroup);
  ASSERT_TRUE(worker);
  EXPECT_EQ(worker->uid, 1000U);
  EXPECT_EQ(worker->gid, 100U);
  EXPECT_EQ(worker->home, "/work");
  EXPECT_THAT(worker->groups, ElementsAre(2000U));
  EXPECT_EQ(find_user("1000", kPasswd, kGroup)->gid, 100U);
  EXPECT_EQ(find_user("7", kPasswd, kGroup)->uid, 7U);
  EXPECT_EQ(find_user("7", kPasswd, kGroup)->gid, 0U);
  EXPECT_EQ(find_user("worker:renders", kPasswd, kGroup)->gid, 2000U);
  EXPECT_EQ(find_user("5:6", kPasswd, kGroup)->gid, 6U);
  EXPECT_EQ(find_user("", kPasswd, kGroup)->uid, 0U);
  EXPECT_EQ(find_user("nobody", kPasswd, kGroup).error().message,
            "unable to find user nobody: no matching entries in passwd file");
  EXPECT_FALSE(find_user("root:nothing", kPasswd, kGroup));
  EXPECT_FALSE(find_user("70000", kPasswd, kGroup));
}

TEST(ImageUserTest, LinksOfAnImageDoNotLeadOutOfIt) {
  std::string layer = testing::TempDir() + "/layer";
  std::filesystem::remove_all(layer);
  std::filesystem::create_directories(layer + "/etc");
  std::filesystem::create_symlink("/etc/passwd", layer + "/etc/passwd");
  EXPECT_EQ(file_of_image({layer}, "etc/passwd"), "");
  std::filesystem::remove(layer + "/etc/passwd");
  std::ofstream(layer + "/etc/passwd") << "x";
  EXPECT_EQ(file_of_image({layer, "/no/such/layer"}, "etc/passwd"), "");
  EXPECT_EQ(file_of_image({layer}, "etc/passwd"), "x");
}

TEST(BundleTest, CommandsFollowTheImage) {
  image::ImageConfig image;
  image.entrypoint = {"/entry"};
  image.cmd = {"a", "b"};
  ContainerSpec container;
  EXPECT_THAT(command_of(container, image), ElementsAre("/entry", "a", "b"));
  container.command = {"c"};
  EXPECT_THAT(command_of(container, image), ElementsAre("/entry", "c"));
  container.entry_point = {"/own"};
  container.command = {};
  EXPECT_THAT(command_of(container, image), ElementsAre("/own"));
}

TEST(BundleTest, EnvironmentsComeInOrder) {
  TaskSpec spec;
  spec.id = std::string(32, 'a');
  ContainerSpec container;
  container.environment = {{"A", "task"}};
  image::ImageConfig image;
  image.env = {"A=image", "PATH=/image", "EMPTY"};
  auto lines = environment_of(spec, container, image, {}, 4566);
  EXPECT_THAT(lines, ElementsAre("PATH=/image", "HOSTNAME=task-aaaaaaaaaaaa", "HOME=/",
                                 "AWS_ENDPOINT_URL=http://127.0.0.1:4566", "A=task", "EMPTY="));
}

TEST(BundleTest, SignalsHaveNamesAndNumbers) {
  EXPECT_EQ(signal_number("SIGINT"), SIGINT);
  EXPECT_EQ(signal_number("QUIT"), SIGQUIT);
  EXPECT_EQ(signal_number("9"), 9);
  EXPECT_EQ(signal_number(""), SIGTERM);
  EXPECT_EQ(signal_number("nonsense"), SIGTERM);
}

TEST(BundleTest, CapabilitiesAreAddedAndDropped) {
  ContainerSpec container;
  EXPECT_THAT(*capabilities_of(container), Not(Contains("CAP_NET_RAW")));
  container.drop_capabilities = {"ALL"};
  container.add_capabilities = {"CAP_NET_RAW", "KILL"};
  EXPECT_THAT(*capabilities_of(container), ElementsAre("CAP_KILL", "CAP_NET_RAW"));
  container.add_capabilities = {"SYS_MODULE"};
  EXPECT_FALSE(capabilities_of(container));
  container.add_capabilities = {};
  container.drop_capabilities = {"NONSENSE"};
  EXPECT_FALSE(capabilities_of(container));
}

TEST(BundleTest, HostFoldersAreThoseBelowTheAllowed) {
  std::vector<std::string> allowed{"/srv/data", "/var/spool"};
  EXPECT_EQ(host_folder("/srv/data", allowed)->path, ".");
  EXPECT_EQ(host_folder("/srv/data/a/b", allowed)->path, "a/b");
  EXPECT_EQ(host_folder("/srv/data/a/../b", allowed)->path, "b");
  for (const char* path : {"/srv", "/srv/database", "/srv/data/../x", "srv/data", "/", ""}) {
    EXPECT_FALSE(host_folder(path, allowed)) << path;
  }
}

TEST(RecordsTest, ComeBackAsTheyWere) {
  TaskSpec spec;
  spec.id = std::string(32, 'b');
  spec.containers.resize(2);
  spec.containers[0].name = "a";
  spec.containers[0].environment = {{"X", std::string("\0y", 2)}};
  spec.containers[0].health_check = HealthCheck{.command = {"CMD", "true"}, .retries = 9};
  spec.containers[1].dependencies = {{"a", Dependency::Condition::kHealthy}};
  spec.containers[1].extra_hosts = {{"lake", "10.0.0.1"}};
  spec.containers[1].restart = RestartPolicy{.ignored_exit_codes = {-1, 3}};
  spec.network = NetworkMode::kAwsvpc;
  Bytes bytes = encode_spec(spec);
  auto read = decode_spec(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(encode_spec(*read), bytes);
  EXPECT_EQ(read->containers[1].restart->ignored_exit_codes[0], -1);
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_spec(bytes.substr(0, cut))) << cut;
  }
  EXPECT_FALSE(decode_spec(bytes + "x"));
}

TEST(SupervisorLinkTest, ReadsHowAnAttemptEnded) {
  auto end = parse_end("attempt 3\nsignal 9\nstarted 10\nended 20\noom 2\npeak 7\ncpu 8\n");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->attempt, 3U);
  EXPECT_EQ(end->how, AttemptEnd::How::kSignal);
  EXPECT_EQ(end->number, 9);
  EXPECT_EQ(end->out_of_memory_kills, 2U);
  EXPECT_EQ(end->processor_time, Micros(8));
  EXPECT_FALSE(parse_end("attempt 3\nstarted 10\nended 20\n"));
  EXPECT_FALSE(parse_end("exit 0\n"));
  EXPECT_FALSE(parse_end(""));
}

std::string frame(uint64_t position, std::string_view text, uint64_t time = 5) {
  std::string bytes = "SUO1";
  uint32_t length = static_cast<uint32_t>(text.size());
  bytes.append(reinterpret_cast<const char*>(&length), 4);
  bytes.append(reinterpret_cast<const char*>(&time), 8);
  bytes.append(reinterpret_cast<const char*>(&position), 8);
  return bytes.append(text);
}

class OutputReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  void append(uint64_t segment, const std::string& bytes) {
    std::ofstream(fmt::format("{}/out.{:020}", folder, segment), std::ios::app) << bytes;
  }
  static std::vector<std::string> texts(const OutputReader::Piece& piece) {
    std::vector<std::string> list;
    for (const auto& line : piece.lines) list.push_back(line.text);
    return list;
  }
  std::string folder = testing::TempDir() + "/output";
  using Last = OutputReader::Last;
};

TEST_F(OutputReaderTest, LinesGoOverFramesAndSegments) {
  append(0, frame(0, "one\ntw"));
  OutputReader reader(folder, 0);
  auto piece = reader.next(Last::kNo);
  EXPECT_THAT(texts(piece), ElementsAre("one"));
  EXPECT_EQ(piece.to, 4U);
  append(0, frame(6, "o\r\n").substr(0, 10));
  EXPECT_TRUE(reader.next(Last::kNo).lines.empty()) << "a frame that is not whole";
  append(6, frame(6, "o\r\nthree"));
  piece = reader.next(Last::kNo);
  EXPECT_THAT(texts(piece), ElementsAre("two"));
  EXPECT_EQ(piece.from, 4U);
  EXPECT_EQ(piece.to, 9U);
  EXPECT_THAT(texts(reader.next(Last::kYes)), ElementsAre("three"));
}

TEST_F(OutputReaderTest, GoesOnWhereAnotherStopped) {
  append(0, frame(0, "one\ntwo\nthr"));
  append(11, frame(11, "ee\nfour\n"));
  std::string expected = "one\ntwo\nthree\nfour\n";
  for (uint64_t position : {0, 4, 8, 14, 19}) {
    OutputReader reader(folder, position);
    auto piece = reader.next(Last::kYes);
    std::string text;
    for (const auto& line : piece.lines) text += line.text + "\n";
    EXPECT_EQ(text, expected.substr(position)) << position;
  }
}

TEST_F(OutputReaderTest, GapsEndLinesAndReleasedSegmentsGo) {
  append(0, frame(0, "one\nhalf"));
  append(100, frame(100, "after\n"));
  OutputReader reader(folder, 0);
  auto piece = reader.next(Last::kNo);
  EXPECT_THAT(texts(piece), ElementsAre("one", "half", "after"));
  EXPECT_EQ(piece.to, 106U);
  reader.release(piece.to);
  EXPECT_FALSE(std::filesystem::exists(folder + "/out.00000000000000000000"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/out.00000000000000000100"));
}

TEST_F(OutputReaderTest, LongLinesAreCut) {
  std::string text(kOutputLineBytesMax + 10, 'x');
  for (size_t at = 0; at < text.size(); at += kFrameBytesMax) {
    append(0, frame(at, std::string_view(text).substr(at, kFrameBytesMax)));
  }
  OutputReader reader(folder, 0);
  std::vector<std::string> lines;
  for (bool more = true; more;) {
    auto piece = reader.next(Last::kYes);
    for (const auto& line : piece.lines) lines.push_back(line.text);
    more = piece.more;
  }
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].size(), kOutputLineBytesMax);
  EXPECT_EQ(lines[1].size(), 10U);
}

}  // namespace
}  // namespace suiro::container
