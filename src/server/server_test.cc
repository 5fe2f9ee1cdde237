// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fstream>

#include "server/access_log.h"
#include "server/credentials.h"
#include "server/settings.h"
#include "server/task_credentials.h"

namespace suiro::server {
namespace {

using testing::HasSubstr;

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "suiro-server-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path write(std::string_view text) {
    auto file = directory_ / "suiro.toml";
    std::ofstream(file) << text;
    return file;
  }
  std::filesystem::path directory_;
};

TEST(TaskCredentials, ATokenIsOfOneTaskAndOneRoot) {
  TaskCredentials ours("root secret"), others("another");
  std::string token = ours.token("task");
  EXPECT_EQ(token, TaskCredentials("root secret").token("task"));
  auto ask = [&](std::string path, std::string given, std::string method = "GET") {
    http::Request request;
    request.method = std::move(method);
    request.path = std::string(TaskCredentials::kPath) + std::move(path);
    if (!given.empty()) request.headers.emplace_back("authorization", std::move(given));
    auto read = [](std::string id) -> Task<Result<TaskCredentials::Answer>> {
      if (id != "task") co_return fail(codes::kNotFound, "the task has ended");
      co_return TaskCredentials::Answer{
          "arn:role", {"ASIA1", "secret", "token", TimePoint(std::chrono::seconds(1))}};
    };
    asio::io_context context;
    auto answer = asio::co_spawn(context, ours.serve(std::move(request), read), asio::use_future);
    context.run();
    return answer.get();
  };
  auto good = ask("/task", token);
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.content,
            R"({"RoleArn":"arn:role","AccessKeyId":"ASIA1","SecretAccessKey":"secret",)"
            R"("Token":"token","Expiration":"1970-01-01T00:00:01Z"})");
  EXPECT_EQ(ask("/task", "").status, 401);
  EXPECT_EQ(ask("/task", others.token("task")).status, 401);
  EXPECT_EQ(ask("/other", token).status, 401);
  EXPECT_EQ(ask("", ours.token("")).status, 404);
  EXPECT_EQ(ask("/gone", ours.token("gone")).status, 404);
  EXPECT_EQ(ask("/task", token, "POST").status, 405);
}

TEST_F(ServerTest, SettingsAreReadAndMistakesHaveAPlace) {
  Settings settings;
  auto good = load_settings(write("listen = \"0.0.0.0:80\"\nauth = false\n[access_log]\n"
                                  "bucket = \"logs\"\ninterval_minutes = 1\n"),
                            settings);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(settings.listen, "0.0.0.0:80");
  EXPECT_EQ(settings.auth, Auth::kOff);
  EXPECT_EQ(settings.access_log_interval, std::chrono::minutes(1));
  EXPECT_TRUE(validate(settings));

  ASSERT_TRUE(
      load_settings(write("[schedules]\ncatchup = \"all\"\nmax_delay = \"2h\"\n"), settings));
  EXPECT_EQ(schedule_policy(settings.schedules)->catchup, scheduler::Catchup::kAll);
  EXPECT_EQ(schedule_policy(settings.schedules)->max_delay, std::chrono::hours(2));
  settings.schedules.jitter = "some";
  auto jitter = validate(settings);
  ASSERT_FALSE(jitter);
  EXPECT_TRUE(jitter.error().message.starts_with("schedules: jitter = \"some\": expected"));
  settings.schedules = {};

  ASSERT_TRUE(load_settings(write("[kinesis]\nlimits = \"aws\"\n"), settings));
  EXPECT_EQ(settings.kinesis_limits, "aws");
  EXPECT_TRUE(validate(settings));
  settings.kinesis_limits = "some";
  EXPECT_FALSE(validate(settings));

  auto unknown = load_settings(write("region = \"x\"\nregoin = \"y\"\n"), settings);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("suiro.toml:2:"));
  EXPECT_THAT(unknown.error().message, HasSubstr("no setting regoin"));
  auto wrong = load_settings(write("[encryption]\nenabled = \"yes\"\n"), settings);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("encryption.enabled must be true or false"));
  EXPECT_FALSE(load_settings(write("listen = \n"), settings));
}

TEST_F(ServerTest, AddressesAreChecked) {
  EXPECT_EQ(parse_address("[::1]:80")->host, "::1");
  EXPECT_FALSE(parse_address("localhost"));
  EXPECT_FALSE(parse_address("localhost:70000"));
  EXPECT_FALSE(parse_address(":80"));
}

TEST_F(ServerTest, RootCredentialsAreMadeOnceAndArePrivate) {
  SystemRandom random;
  EXPECT_EQ(load_root(directory_).error().code, codes::kNotFound);
  auto made = load_or_make_root(directory_, random);
  ASSERT_TRUE(made);
  struct stat info{};
  ASSERT_EQ(::stat((directory_ / "credentials").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  auto again = load_or_make_root(directory_, random);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->secret_access_key, made->secret_access_key);
  EXPECT_EQ(made->access_key_id.size(), 20u);
  EXPECT_EQ(made->secret_access_key.size(), 40u);
}

TEST_F(ServerTest, TemporaryKeysEndWhenRevoked) {
  SystemRandom random;
  KeyRing ring({"AKIA", "secret"});
  auto key = ring.issue({.holder_arn = "arn:aws:lambda:r:a:function:f"}, random);
  ASSERT_NE(ring.temporary(key.pair.access_key_id), nullptr);
  EXPECT_EQ(ring.temporary(key.pair.access_key_id)->session_token, key.session_token);
  ring.revoke(key.pair.access_key_id);
  EXPECT_EQ(ring.temporary(key.pair.access_key_id), nullptr);
}

AccessEntry example() {
  AccessEntry e;
  e.request_created = *parse_iso8601("2026-01-02T03:04:05.600Z");
  e.finished = *parse_iso8601("2026-01-02T03:04:05.678Z");
  e.client = "127.0.0.1:5000";
  e.server = "127.0.0.1:4566";
  e.target_processing = Micros(77000);
  e.status = 200;
  e.sent_bytes = 12;
  e.method = "GET";
  e.host = "localhost:4566";
  e.target = "/lake/a\"b";
  e.user_agent = "agent \\ \"x\"\n";
  e.trace_id = "1-00000000-000000000000000000000000";
  return e;
}

TEST(AccessLogFormat, ALineHasTheLoadBalancersFields) {
  std::string line = format_alb_line(example(), "ap-northeast-1", "000000000000");
  EXPECT_THAT(line, HasSubstr("http 2026-01-02T03:04:05.678000Z app/suiro/0000000000000000 "
                              "127.0.0.1:5000 127.0.0.1:4566 0.000 0.077 0.000 200 200 0 12 "
                              "\"GET http://localhost:4566/lake/a\\x22b HTTP/1.1\" "));
  // Outside of quotes there are 30 fields, whatever the client sent.
  size_t fields = 1;
  bool quoted = false;
  for (char c : line) {
    if (c == '"') quoted = !quoted;
    if (c == ' ' && !quoted) ++fields;
  }
  EXPECT_FALSE(quoted);
  EXPECT_EQ(fields, 30u);
}

TEST(AccessLogFormat, KeyIsTheLoadBalancers) {
  EXPECT_EQ(delivered_key("logs", "000000000000", "ap-northeast-1",
                          *parse_iso8601("2026-01-02T03:05:00Z"), "127.0.0.1", "abcd1234"),
            "logs/AWSLogs/000000000000/elasticloadbalancing/ap-northeast-1/2026/01/02/000000000000_"
            "elasticloadbalancing_ap-northeast-1_app.suiro.0000000000000000_20260102T0305Z_127.0.0."
            "1_abcd1234.log.gz");
}

TEST_F(ServerTest, AccessLogIsDeliveredAndKeptWhenThePutFails) {
  Shards shards(2);
  VirtualClock clock(*parse_iso8601("2026-01-02T03:04:00Z"));
  std::vector<std::string> keys;
  bool refuse = true;
  AccessLog log(
      shards, clock,
      {directory_ / "log", "r", "000000000000", "127.0.0.1", "b", "", std::chrono::minutes(1)},
      [&](std::string, std::string key, Bytes body) -> Task<Result<void>> {
        if (refuse) co_return fail(codes::kUnavailable, "down");
        EXPECT_TRUE(body.starts_with("\x1f\x8b"));
        keys.push_back(std::move(key));
        co_return ok();
      });
  ASSERT_TRUE(log.start());
  shards.poll();
  asio::post(shards.executor(1), [&] { log.add(example()); });
  auto pass = [&](Millis time) {
    for (TimePoint end = clock.now() + time; clock.now() < end;) {
      clock.advance_to(std::min(clock.next_alarm().value_or(end), end));
      shards.poll();
    }
  };
  pass(std::chrono::minutes(2));
  EXPECT_TRUE(keys.empty());
  refuse = false;
  pass(std::chrono::minutes(2));
  EXPECT_EQ(keys.size(), 1u);
  TaskScope scope(shards.executor(0));
  scope.spawn(log.stop());
  shards.poll();
}

}  // namespace
}  // namespace suiro::server
