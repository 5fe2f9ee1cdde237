// SPDX-License-Identifier: Apache-2.0
// Sandboxes against the real bubblewrap, control groups and interpreters of this machine.
#include "engine/sandbox/sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/shard.h"
#include "base/testing.h"

namespace suiro::sandbox {
namespace {

namespace files = std::filesystem;
using testing::ContainsRegex;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;
using End = Outcome::End;

// Answers every request on a sandbox's endpoint with an empty list of buckets, and keeps what it
// read.
class EndpointStub {
 public:
  std::move_only_function<void()> serve(int listener) {
    auto thread = std::make_unique<std::thread>([this, listener] { run(listener); });
    return [listener, thread = std::move(thread)] {
      ::shutdown(listener, SHUT_RDWR);
      thread->join();
      ::close(listener);
    };
  }
  std::string taken() {
    std::lock_guard lock(mutex_);
    return std::exchange(read_, {});
  }

 private:
  void run(int listener) {
    pollfd waited{listener, POLLIN, 0};
    while (::poll(&waited, 1, -1) == 1 && (waited.revents & POLLHUP) == 0) {
      int connection = ::accept(listener, nullptr, nullptr);
      if (connection < 0) continue;
      char bytes[8192];
      ssize_t count = ::read(connection, bytes, sizeof bytes);
      constexpr std::string_view kBody =
          "<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>";
      std::string answer = fmt::format(
          "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n"
          "Content-Length: {}\r\n\r\n{}",
          kBody.size(), kBody);
      EXPECT_EQ(::write(connection, answer.data(), answer.size()),
                static_cast<ssize_t>(answer.size()));
      ::close(connection);
      std::lock_guard lock(mutex_);
      read_.append(bytes, static_cast<size_t>(std::max<ssize_t>(count, 0)));
    }
  }
  std::mutex mutex_;
  std::string read_;
};

// One host for the whole program: it probes the machine once.
class World {
 public:
  World() : shards(1) {
    char pattern[] = "/tmp/suiro-sandbox-test-XXXXXX";
    CHECK(::mkdtemp(pattern) != nullptr);
    root = pattern;
    shards.start();
    Config config;
    config.run_directory = root + "/run";
    config.instance = "test-" + std::to_string(::getpid());
    config.freeze_after = Millis(20);
    config.serve_endpoint = [this](int listener, const std::string&) {
      return endpoint.serve(listener);
    };
    host = make_host(std::move(config), clock);
    started = wait(host->start());
    for (const auto& line : host->probe().lines) std::printf("probe: %s\n", line.str().c_str());
    for (const auto& line : host->probe().runtimes) std::printf("probe: %s\n", line.c_str());
  }
  ~World() {
    wait_void(host->stop());
    shards.stop();
    files::remove_all(root);
  }

  template <class T>
  T wait(Task<T> task) {
    return asio::co_spawn(shards.executor(0), std::move(task), asio::use_future).get();
  }
  void wait_void(Task<void> task) {
    asio::co_spawn(shards.executor(0), std::move(task), asio::use_future).get();
  }

  RealClock clock;
  EndpointStub endpoint;
  Shards shards;
  std::string root;
  std::unique_ptr<Host> host;
  Result<void> started;
};

World* world = nullptr;

class Environment : public testing::Environment {
 public:
  void SetUp() override { world = new World; }
  void TearDown() override { delete std::exchange(world, nullptr); }
};
const auto* const kEnvironment = testing::AddGlobalTestEnvironment(new Environment);

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class SandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    set_up();
    if (!world->host->probe().complete()) {
      std::string list;
      for (const auto& line : world->host->probe().missing()) list += "\n  " + line;
      GTEST_SKIP() << "this machine forbids what sandboxes need:" << list;
    }
  }
  void set_up() {
    ASSERT_TRUE(world->started) << world->started.error().message;
    static int number = 0;
    code = world->root + "/code-" + std::to_string(++number);
    files::create_directories(code);
    spec.runtime = "python3.11";
    spec.code_directory = code;
    spec.handler = "main.handler";
    spec.function_name = "tester";
    spec.function_arn = "arn:aws:lambda:ap-northeast-1:000000000000:function:tester";
    spec.region = "ap-northeast-1";
    spec.log_group = "/aws/lambda/tester";
    spec.log_stream = "2026/01/01/[$LATEST]0";
    spec.logs = [this](std::vector<LogLine> batch) -> Task<void> {
      for (auto& line : batch) lines.push_back(std::move(line.text));
      co_return;
    };
  }
  void TearDown() override { close(); }

  void write(const std::string& name, const std::string& text, unsigned mode = 0644) {
    std::ofstream(code + "/" + name) << text;
    ::chmod((code + "/" + name).c_str(), mode);
  }
  void python(const std::string& text) { write("main.py", text); }

  void create() {
    auto made = world->wait(world->host->create(spec));
    ASSERT_TRUE(made) << made.error().message;
    sandbox = std::move(*made);
  }
  void close() {
    if (sandbox) world->wait_void(sandbox->close());
    sandbox.reset();
  }
  Result<Outcome> try_invoke(const std::string& payload) {
    Invocation invocation;
    invocation.payload = payload;
    invocation.request_id = "00000000-0000-4000-8000-" + fmt::format("{:012}", ++requests);
    invocation.invoked_arn = spec.function_arn;
    invocation.trace_header = "Root=1-5759e988-bd862e3fe1be46a994272793";
    return world->wait(sandbox->invoke(invocation));
  }
  // Invokes, in a new sandbox where none is alive.
  Outcome invoke(const std::string& payload = "{}") {
    if (!sandbox) create();
    auto outcome = try_invoke(payload);
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? *outcome : Outcome{};
  }
  // All lines so far; the sandbox ends by it.
  std::string log() {
    close();
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
  }

  std::string code;
  Spec spec;
  std::unique_ptr<Sandbox> sandbox;
  std::vector<std::string> lines;
  int requests = 0;
};

TEST_F(SandboxTest, HelloColdThenWarm) {
  python("def handler(event, context):\n    return {'hello': event['name'], 'n': 1}\n");
  auto cold = invoke(R"({"name": "\u6c34\u8def"})");
  EXPECT_EQ(cold.end, End::kReturned);
  EXPECT_EQ(cold.payload, "{\"hello\": \"\u6c34\u8def\", \"n\": 1}");
  ASSERT_TRUE(cold.init_duration);
  EXPECT_GT(cold.init_duration->count(), 0);
  EXPECT_GE(Micros(cold.billed), cold.duration + *cold.init_duration);
  EXPECT_GT(cold.memory_used_mb, 0U);
  auto warm = invoke(R"({"name": "x"})");
  EXPECT_EQ(warm.payload, R"({"hello": "x", "n": 1})");
  EXPECT_FALSE(warm.init_duration);
  EXPECT_TRUE(sandbox->alive());
}

TEST_F(SandboxTest, LogsAreFramedAsAwsDoes) {
  python(
      "import logging\nprint('loading')\n"
      "def handler(event, context):\n    print('one')\n    print('two', end='')\n"
      "    logging.getLogger().warning('warned')\n");
  auto outcome = invoke();
  std::string id = "00000000-0000-4000-8000-000000000001";
  EXPECT_EQ(outcome.payload, "null");
  EXPECT_THAT(outcome.log_tail, HasSubstr("START RequestId: " + id + " Version: $LATEST\n"));
  EXPECT_THAT(outcome.log_tail, ContainsRegex("two\\[WARNING\\]\t20.*Z\t" + id + "\twarned\n"));
  EXPECT_THAT(outcome.log_tail, ContainsRegex("END RequestId: " + id + "\nREPORT RequestId: " + id +
                                              "\tDuration: [0-9.]+ ms\tBilled Duration: [0-9]+ ms\t"
                                              "Memory Size: 128 MB\tMax Memory Used: [0-9]+ MB\t"
                                              "Init Duration: [0-9.]+ ms\t\n"));
  std::string all = log();
  EXPECT_THAT(all, HasSubstr("INIT_START Runtime Version: python3.11\n"));
  EXPECT_LT(all.find("loading"), all.find("one\n"));
  EXPECT_LT(all.find("START RequestId"), all.find("one\n"));
}

TEST_F(SandboxTest, ContextAndEnvironment) {
  spec.environment = {{"COLOUR", "blue"}, {"LD_PRELOAD", ""}};
  spec.memory_mb = 256;
  spec.timeout = Millis(7'000);
  python(
      "import os\ndef handler(event, context):\n"
      "    left = context.get_remaining_time_in_millis()\n"
      "    return [os.environ['COLOUR'], context.aws_request_id, context.memory_limit_in_mb,\n"
      "            context.function_name, 6000 < left <= 7000, context.invoked_function_arn,\n"
      "            os.environ['_X_AMZN_TRACE_ID'], os.environ['AWS_LAMBDA_RUNTIME_API'],\n"
      "            os.getcwd(), os.getuid(), os.environ['AWS_REGION']]\n");
  EXPECT_EQ(invoke().payload,
            R"(["blue", "00000000-0000-4000-8000-000000000001", "256", "tester", true, )"
            R"("arn:aws:lambda:ap-northeast-1:000000000000:function:tester", )"
            R"("Root=1-5759e988-bd862e3fe1be46a994272793", "127.0.0.1:9001", "/var/task", 1000, )"
            R"("ap-northeast-1"])");
}

TEST_F(SandboxTest, ErrorsCarryTheFunctionsStack) {
  python(
      "def inner():\n    raise ValueError('bad thing')\n"
      "def handler(event, context):\n    inner()\n");
  auto outcome = invoke();
  EXPECT_EQ(outcome.end, End::kFunctionError);
  EXPECT_EQ(outcome.error_type, "ValueError");
  EXPECT_EQ(outcome.error_message, "bad thing");
  EXPECT_EQ(
      outcome.payload,
      R"({"errorMessage": "bad thing", "errorType": "ValueError", )"
      R"("requestId": "00000000-0000-4000-8000-000000000001", "stackTrace": )"
      R"(["  File \"/var/task/main.py\", line 4, in handler\n    inner()\n", )"
      R"("  File \"/var/task/main.py\", line 2, in inner\n    raise ValueError('bad thing')\n"]})");
  EXPECT_THAT(outcome.log_tail, HasSubstr("[ERROR] ValueError: bad thing\rTraceback"));
  EXPECT_EQ(invoke().end, End::kFunctionError) << "the runtime goes on after an error";
}

TEST_F(SandboxTest, ErrorsOfTheStart) {
  const std::tuple<std::string, std::string, std::string> kCases[] = {
      {"missing.handler", "Runtime.ImportModuleError",
       "Unable to import module 'missing': No module named 'missing'"},
      {"main.absent", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'main'"},
      {"main", "Runtime.MalformedHandlerName",
       "Bad handler 'main': not enough values to unpack (expected 2, got 1)"},
      {"broken.handler", "Runtime.UserCodeSyntaxError",
       "Syntax error in module 'broken': invalid syntax (broken.py, line 1)"},
      {"raises.handler", "RuntimeError", "at import"}};
  python("x = 1\n");
  write("broken.py", "def = 1\n");
  write("raises.py", "raise RuntimeError('at import')\n");
  for (const auto& [handler, type, message] : kCases) {
    spec.handler = handler;
    auto outcome = invoke();
    EXPECT_EQ(outcome.end, End::kFunctionError) << handler;
    EXPECT_EQ(outcome.error_type, type);
    EXPECT_EQ(outcome.error_message, message);
    EXPECT_FALSE(sandbox->alive());
    close();
  }
}

TEST_F(SandboxTest, HandlerInAPackage) {
  files::create_directories(code + "/pkg");
  write("pkg/mod.py", "def fn(event, context):\n    return 'packed'\n");
  spec.handler = "pkg/mod.fn";
  EXPECT_EQ(invoke().payload, R"("packed")");
}

TEST_F(SandboxTest, ResultsThatAreNoJson) {
  python("def handler(event, context):\n    return {1, 2}\n");
  auto outcome = invoke();
  EXPECT_EQ(outcome.error_type, "Runtime.MarshalError");
  EXPECT_EQ(outcome.error_message,
            "Unable to marshal response: Object of type set is not JSON serializable");
}

TEST_F(SandboxTest, ExitsEndTheRuntime) {
  python("import sys\ndef handler(event, context):\n    sys.exit(event['code'])\n");
  auto outcome = invoke(R"({"code": 3})");
  EXPECT_EQ(outcome.end, End::kExited);
  EXPECT_EQ(outcome.error_type, "Runtime.ExitError");
  EXPECT_EQ(outcome.error_message,
            "RequestId: 00000000-0000-4000-8000-000000000001 Error: Runtime exited with error: "
            "exit status 3");
  EXPECT_FALSE(sandbox->alive());
  auto again = try_invoke("{}");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, codes::kClosed);
  close();
  EXPECT_THAT(invoke(R"({"code": 0})").error_message,
              HasSubstr("Error: Runtime exited without providing a reason"));
}

TEST_F(SandboxTest, TimeoutKillsEverything) {
  spec.timeout = Millis(1'000);
  python(
      "import subprocess, time\ndef handler(event, context):\n    print('begun')\n"
      "    subprocess.Popen(['sleep', '1000'])\n    time.sleep(1000)\n");
  auto outcome = invoke();
  EXPECT_EQ(outcome.end, End::kTimeout);
  EXPECT_EQ(outcome.payload,
            R"({"errorType":"Sandbox.Timedout","errorMessage":"RequestId: )"
            R"(00000000-0000-4000-8000-000000000001 Error: Task timed out after 1.00 seconds"})");
  EXPECT_THAT(outcome.log_tail, HasSubstr("begun\n"));
  EXPECT_THAT(
      outcome.log_tail,
      ContainsRegex("Z 00000000-0000-4000-8000-000000000001 Task timed out after 1.00 seconds\n"));
  EXPECT_THAT(outcome.log_tail, HasSubstr("Duration: 1000.00 ms"));
  EXPECT_FALSE(sandbox->alive());
}

TEST_F(SandboxTest, ATimeoutWithoutEndOfInit) {
  spec.timeout = Millis(1'000);
  python("raise SystemExit(7)\n");
  auto outcome = invoke();
  EXPECT_EQ(outcome.end, End::kExited);
  EXPECT_THAT(outcome.error_message, EndsWith("exit status 7"));
}

TEST_F(SandboxTest, MemoryIsBounded) {
  spec.timeout = Millis(60'000);
  python(
      "def handler(event, context):\n    hog = []\n    while True:\n"
      "        hog.append(bytearray(8 << 20))\n");
  auto outcome = invoke();
  EXPECT_EQ(outcome.end, End::kOutOfMemory);
  EXPECT_EQ(outcome.error_type, "Runtime.ExitError");
  EXPECT_THAT(outcome.error_message, EndsWith("Error: Runtime exited with error: signal: killed"));
  EXPECT_EQ(outcome.memory_used_mb, 128U);
}

TEST_F(SandboxTest, ASlowMemoryHogIsHeldToItsSize) {
  spec.timeout = Millis(60'000);
  python(
      "import time\ndef handler(event, context):\n"
      "    hog = bytearray(200 << 20)\n    time.sleep(1000)\n");
  EXPECT_EQ(invoke().end, End::kOutOfMemory);
}

TEST_F(SandboxTest, TmpDoesNotCountAsTheFunctionsMemory) {
  spec.timeout = Millis(60'000);
  python(
      "import os\ndef handler(event, context):\n"
      "    with open('/tmp/big', 'wb') as f:\n"
      "        for i in range(300): f.write(bytes(1 << 20))\n"
      "    return os.path.getsize('/tmp/big')\n");
  auto outcome = invoke();
  EXPECT_EQ(outcome.payload, "314572800");
  EXPECT_LT(outcome.memory_used_mb, 128U);
}

TEST_F(SandboxTest, TmpIsPrivateWritableAndBounded) {
  spec.ephemeral_storage_mb = 16;
  python(
      "import os\ndef handler(event, context):\n    before = os.listdir('/tmp')\n"
      "    open('/tmp/mark', 'w').write('x')\n    try:\n"
      "        with open('/tmp/big', 'wb') as f:\n"
      "            for i in range(32): f.write(bytes(1 << 20))\n"
      "        return 'no limit'\n"
      "    except OSError as e:\n        return [before, e.errno]\n");
  EXPECT_EQ(invoke().payload, "[[], 28]") << "28: ENOSPC";
  close();
  EXPECT_EQ(invoke().payload, "[[], 28]") << "nothing of the sandbox before";
  EXPECT_FALSE(files::exists("/tmp/mark"));
}

TEST_F(SandboxTest, ForkBombIsBounded) {
  spec.timeout = Millis(60'000);
  python(
      "import os, time\ndef handler(event, context):\n    n = 0\n    try:\n        while True:\n"
      "            if os.fork() == 0:\n                time.sleep(1000)\n            n += 1\n"
      "    except OSError as e:\n        return [n < 1024, e.errno]\n");
  spec.memory_mb = 2048;
  EXPECT_EQ(invoke().payload, "[true, 11]") << "11: EAGAIN";
}

TEST_F(SandboxTest, AnExplodingForkBombEndsAtTheTimeout) {
  spec.timeout = Millis(2'000);
  python(
      "import os\ndef handler(event, context):\n    while True:\n        try:\n"
      "            os.fork()\n        except OSError:\n            pass\n");
  auto end = invoke().end;
  EXPECT_TRUE(end == End::kTimeout || end == End::kOutOfMemory || end == End::kFunctionError);
  close();
  python("def handler(event, context):\n    return 'still here'\n");
  EXPECT_EQ(invoke().payload, R"("still here")");
}

TEST_F(SandboxTest, EndlessOutputIsBounded) {
  spec.timeout = Millis(1'500);
  size_t bytes = 0, longest = 0;
  spec.logs = [&](std::vector<LogLine> batch) -> Task<void> {
    for (auto& line : batch) {
      bytes += line.text.size();
      longest = std::max(longest, line.text.size());
    }
    co_return;
  };
  python(
      "import os\ndef handler(event, context):\n    while True:\n"
      "        os.write(1, b'x' * 100000)\n");
  auto outcome = invoke();
  EXPECT_EQ(outcome.end, End::kTimeout);
  EXPECT_EQ(outcome.log_tail.size(), kLogTailBytes);
  EXPECT_THAT(outcome.log_tail, HasSubstr("REPORT RequestId"));
  close();
  EXPECT_GT(bytes, kLogLineBytesMax);
  EXPECT_LE(longest, kLogLineBytesMax);
}

TEST_F(SandboxTest, NothingOfTheMachineIsSeen) {
  std::ofstream(world->root + "/secret") << "of the data directory";
  python(
      "import os\ndef look(path):\n    try:\n        return sorted(os.listdir(path))\n"
      "    except OSError as e:\n        return type(e).__name__\n"
      "def handler(event, context):\n"
      "    pids = [int(p) for p in os.listdir('/proc') if p.isdigit()]\n"
      "    return {'root': look('/'), 'home': look('/home'), 'own': look('/root'),\n"
      "            'shadow': os.path.exists('/etc/shadow'), 'data': look(event['data']),\n"
      "            'var': look('/var'), 'processes': len(pids) <= 4,\n"
      "            'ssl': look('/etc/ssl/private')}\n");
  EXPECT_THAT(
      invoke(R"({"data": ")" + world->root + R"("})").payload,
      MatchesRegex(
          R"(\{"root": \["bin", "dev", "etc", "lib", .*"proc", "sbin", "tmp", "usr", "var"\], )"
          R"("home": "FileNotFoundError", "own": "FileNotFoundError", "shadow": false, )"
          R"("data": "FileNotFoundError", "var": \["runtime", "task"\], "processes": true, )"
          R"("ssl": "FileNotFoundError"\})"));
}

TEST_F(SandboxTest, EverythingButTmpIsReadOnly) {
  python(
      "import os\ndef write(path):\n    try:\n        open(path, 'w').write('x')\n"
      "        return 'written'\n    except OSError as e:\n        return e.errno\n"
      "def handler(event, context):\n"
      "    return [write(p) for p in ('/var/task/main.py', '/var/task/new', '/var/runtime/x',\n"
      "            '/usr/x', '/etc/x', '/x', '/dev/x', '/proc/sys/kernel/core_pattern',\n"
      "            '/tmp/fine')]\n");
  EXPECT_THAT(invoke().payload, MatchesRegex(R"(\[((13|30), ){8}"written"\])"));
  EXPECT_THAT(read_file(code + "/main.py"), StartsWith("import os"));
}

TEST_F(SandboxTest, NoPrivilegesAndNoWayToMore) {
  python(
      "import ctypes, os\ndef handler(event, context):\n"
      "    libc = ctypes.CDLL(None, use_errno=True)\n"
      "    status = open('/proc/self/status').read()\n"
      "    values = dict(l.split(':\\t', 1) for l in status.splitlines() if ':\\t' in l)\n"
      "    def attempt(call, *arguments):\n        ctypes.set_errno(0)\n"
      "        return call(*arguments) == -1 and ctypes.get_errno()\n"
      "    return [values['CapEff'], values['CapPrm'], values['CapAmb'], values['NoNewPrivs'],\n"
      "            values['Seccomp'], os.getgroups(),\n"
      "            attempt(libc.setuid, 0), attempt(libc.unshare, 0x10000000),\n"
      "            attempt(libc.mount, b'x', b'/tmp', b'tmpfs', 0, None),\n"
      "            attempt(libc.ptrace, 16, 1, 0, 0), attempt(libc.socket, 40, 1, 0)]\n");
  EXPECT_EQ(invoke().payload,
            R"(["0000000000000000", "0000000000000000", "0000000000000000", "1", "2", [], )"
            R"(1, 1, 1, 1, 97])");
}

TEST_F(SandboxTest, NoNetworkButItsOwn) {
  python(
      "import socket\ndef handler(event, context):\n"
      "    names = [name for _, name in socket.if_nameindex()]\n    results = []\n"
      "    for address in ('10.0.0.1', '8.8.8.8', '169.254.169.254'):\n        try:\n"
      "            socket.create_connection((address, 80), 1)\n"
      "            results.append('connected')\n"
      "        except OSError as e:\n            results.append(e.errno)\n"
      "    return names + results\n");
  EXPECT_EQ(invoke().payload, R"(["lo", 101, 101, 101])") << "101: ENETUNREACH";
}

TEST_F(SandboxTest, FunctionsDoNotSeeEachOther) {
  python(
      "import os, socket\ndef handler(event, context):\n"
      "    s = socket.socket()\n    s.bind(('127.0.0.1', 7777))\n    s.listen()\n"
      "    globals()['kept'] = s\n"
      "    open('/tmp/note', 'w').write('mine')\n    return os.getpid()\n");
  invoke();
  auto first = std::move(sandbox);
  python(
      "import os, socket\ndef handler(event, context):\n    try:\n"
      "        socket.create_connection(('127.0.0.1', 7777), 1)\n        return 'connected'\n"
      "    except OSError as e:\n        return [e.errno, os.path.exists('/tmp/note')]\n");
  EXPECT_EQ(invoke().payload, "[111, false]") << "111: ECONNREFUSED";
  close();
  sandbox = std::move(first);
}

TEST_F(SandboxTest, FrozenWhenIdleAndThawedByTheNext) {
  python(
      "import threading, time\nticks = 0\ndef tick():\n    global ticks\n    while True:\n"
      "        ticks += 1\n        time.sleep(0.001)\n"
      "threading.Thread(target=tick, daemon=True).start()\n"
      "def handler(event, context):\n    return [ticks, time.monotonic()]\n");
  invoke();
  auto frozen = [](Sandbox* s) -> Task<bool> { co_return s->frozen(); };
  auto read = [&] {
    auto outcome = invoke();
    double ticks = 0, at = 0;
    std::sscanf(outcome.payload.c_str(), "[%lf, %lf]", &ticks, &at);
    return std::pair(ticks, at);
  };
  auto [ticks, at] = read();
  ASSERT_TRUE(eventually([&] { return world->wait(frozen(sandbox.get())); }));
  // Real time passes for the processes and must not be used by them.
  ::usleep(500'000);
  auto [ticks_after, at_after] = read();
  EXPECT_GE(at_after - at, 0.5);
  EXPECT_LT(ticks_after - ticks, 200) << "500 ticks and more had it run on";
}

TEST_F(SandboxTest, AnUnmodifiedSdkReachesTheEndpoint) {
  if (!files::exists("/usr/lib/python3/dist-packages/boto3")) GTEST_SKIP() << "boto3 is absent";
  spec.timeout = Millis(30'000);
  spec.memory_mb = 256;
  spec.credentials = {"AKIDEXAMPLE", "secret", "token"};
  python(
      "import boto3\ns3 = boto3.client('s3')\n"
      "def handler(event, context):\n"
      "    return [s3.list_buckets()['Buckets'], s3.meta.endpoint_url]\n");
  world->endpoint.taken();
  EXPECT_EQ(invoke().payload, R"([[], "http://127.0.0.1:4566"])");
  std::string read = world->endpoint.taken();
  EXPECT_THAT(read, StartsWith("GET / HTTP/1.1\r\n"));
  EXPECT_THAT(read, HasSubstr("host: 127.0.0.1:4566\r\n"));
  EXPECT_THAT(read, HasSubstr("Credential=AKIDEXAMPLE/"));
  EXPECT_THAT(read, HasSubstr("/ap-northeast-1/s3/aws4_request"));
}

// In a process of its own: the program runs itself with these tests alone, and is killed.
constexpr const char* kVictim = "SUIRO_SANDBOX_TEST_VICTIM";

TEST_F(SandboxTest, DISABLED_Victim) {
  python(
      "import subprocess, time\ndef handler(event, context):\n"
      "    subprocess.Popen(['sleep', event['marker']])\n    print('running')\n"
      "    time.sleep(1000)\n");
  spec.timeout = Millis(900'000);
  spec.logs = [](std::vector<LogLine> batch) -> Task<void> {
    for (auto& line : batch) std::printf("%s\n", line.text.c_str());
    std::fflush(stdout);
    co_return;
  };
  ASSERT_NE(::getenv(kVictim), nullptr) << "only run by ProcessesEndWithSuiro";
  invoke(fmt::format(R"({{"marker": "{}"}})", ::getenv(kVictim)));
}

// This instance's directories in every hierarchy.
std::vector<std::string> groups_of(const std::string& instance) {
  std::vector<std::string> found;
  files::recursive_directory_iterator at("/sys/fs/cgroup",
                                         files::directory_options::skip_permission_denied),
      end;
  for (std::error_code error; at != end; at.increment(error)) {
    if (at->path().filename() == "suiro-" + instance) found.push_back(at->path());
  }
  return found;
}

bool is_empty_group(const std::string& path) {
  for (const auto& entry : files::directory_iterator(path)) {
    if (entry.is_directory()) return false;
  }
  return true;
}

bool runs(const std::string& marker) {
  for (const auto& entry : files::directory_iterator("/proc")) {
    std::string line = read_file(entry.path().string() + "/cmdline");
    if (line == std::string("sleep\0", 6) + marker + '\0') return true;
  }
  return false;
}

TEST_F(SandboxTest, ProcessesEndWithSuiro) {
  std::string marker = fmt::format("{}.25", 100'000 + ::getpid());
  int pair[2];
  ASSERT_EQ(::pipe(pair), 0);
  pid_t victim = ::fork();
  if (victim == 0) {
    ::setenv(kVictim, marker.c_str(), 1);
    ::dup2(pair[1], 1);
    ::execl("/proc/self/exe", "victim", "--gtest_also_run_disabled_tests",
            "--gtest_filter=SandboxTest.DISABLED_Victim", nullptr);
    ::_exit(1);
  }
  ::close(pair[1]);
  std::string said;
  char part[1000];
  for (ssize_t count = 1; count > 0 && !said.contains("running\n");) {
    count = ::read(pair[0], part, sizeof part);
    said.append(part, static_cast<size_t>(std::max<ssize_t>(count, 0)));
  }
  EXPECT_THAT(said, HasSubstr("running\n"));
  // /proc shows the words of a command a moment after its start.
  EXPECT_TRUE(eventually([&] { return runs(marker); }));
  ::kill(victim, SIGKILL);
  ::waitpid(victim, nullptr, 0);
  ::close(pair[0]);
  EXPECT_TRUE(eventually([&] { return !runs(marker); }));

  // The next server of the same instance removes the groups that the killed one left.
  std::string instance = fmt::format("test-{}", victim);
  EXPECT_FALSE(groups_of(instance).empty());
  Config config;
  config.run_directory = world->root + "/run-after";
  config.instance = instance;
  auto next = make_host(std::move(config), world->clock);
  ASSERT_TRUE(world->wait(next->start()));
  for (const auto& group : groups_of(instance)) EXPECT_TRUE(is_empty_group(group)) << group;
  world->wait_void(next->stop());
  EXPECT_TRUE(groups_of(instance).empty());
}

TEST_F(SandboxTest, LargePayloads) {
  spec.memory_mb = 512;
  spec.timeout = Millis(30'000);
  python(
      "def handler(event, context):\n    return event if isinstance(event, str) else 'x' * "
      "event\n");
  std::string text = '"' + std::string(kPayloadBytesMax - 2, 'y') + '"';
  EXPECT_EQ(invoke(text).payload, text);
  auto outcome = invoke("6291600");
  EXPECT_EQ(outcome.error_type, "Function.ResponseSizeTooLarge");
  EXPECT_EQ(outcome.error_message,
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).");
  EXPECT_EQ(invoke("3").payload, R"("xxx")") << "the runtime goes on";
  auto refused = try_invoke(text + " ");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, codes::kTooLarge);
}

TEST_F(SandboxTest, EndedByCloseWhileInvoked) {
  python("import time\ndef handler(event, context):\n    time.sleep(1000)\n");
  spec.timeout = Millis(600'000);
  create();
  Invocation invocation;
  invocation.payload = "{}";
  invocation.request_id = "r";
  auto pending =
      asio::co_spawn(world->shards.executor(0), sandbox->invoke(invocation), asio::use_future);
  world->wait_void(sandbox->close());
  auto outcome = pending.get();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, End::kExited);
  sandbox.reset();
}

TEST_F(SandboxTest, ProvidedRuntimeSpeaksTheApi) {
  spec.runtime = "provided.al2023";
  spec.handler = "anything";
  write("bootstrap",
        "#!/usr/bin/python3\nimport http.client, os\n"
        "c = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])\n"
        "base = '/2018-06-01/runtime/'\n"
        "def ask(method, path, body=None, **more):\n"
        "    c.request(method, path, body, **more)\n    a = c.getresponse()\n"
        "    return a.status, a.headers, a.read()\n"
        "while True:\n"
        "    _, h, b = ask('GET', base + 'invocation/next')\n"
        "    i = base + 'invocation/' + h['Lambda-Runtime-Aws-Request-Id']\n"
        "    unknown = ask('POST', base + 'invocation/other/response', b'')[0]\n"
        "    extension = ask('GET', '/2020-01-01/extension/event/next')[0]\n"
        "    if b == b'\"fail\"':\n"
        "        ask('POST', i + '/error', b'{\"errorType\":\"T\",\"errorMessage\":\"M\"}')\n"
        "    elif b == b'\"stream\"':\n"
        "        ask('POST', i + '/response', iter([b'one ', b'two']), encode_chunked=True,\n"
        "            headers={'Transfer-Encoding': 'chunked',\n"
        "                     'Lambda-Runtime-Function-Response-Mode': 'streaming'})\n"
        "    else:\n"
        "        ask('POST', i + '/response', b'[%d,%d]' % (unknown, extension))\n",
        0755);
  EXPECT_EQ(invoke("{}").payload, "[400,404]");
  EXPECT_EQ(invoke(R"("stream")").payload, "one two");
  auto outcome = invoke(R"("fail")");
  EXPECT_EQ(outcome.end, End::kFunctionError);
  EXPECT_EQ(outcome.error_type, "T");
  EXPECT_EQ(outcome.error_message, "M");
}

TEST_F(SandboxTest, ABootstrapThatIsAbsentOrSpeaksNonsense) {
  spec.runtime = "provided.al2023";
  auto absent = invoke();
  EXPECT_EQ(absent.end, End::kExited);
  EXPECT_THAT(absent.log_tail, HasSubstr("execute /var/task/bootstrap"));
  close();
  spec.timeout = Millis(1'000);
  write("bootstrap",
        "#!/usr/bin/python3\nimport socket, time\n"
        "for text in (b'nonsense\\r\\n\\r\\n', b'GET /' + b'x' * 200000, b'POST / HTTP/1.1\\r\\n'\n"
        "             b'Content-Length: 99999999999\\r\\n\\r\\n', b'GET / HTTP/1.1\\r\\n'\n"
        "             b'Transfer-Encoding: chunked\\r\\n\\r\\nzz\\r\\n'):\n"
        "    s = socket.create_connection(('127.0.0.1', 9001))\n    try:\n"
        "        s.sendall(text)\n        print(s.recv(1000)[:12])\n"
        "    except OSError as e:\n        print(type(e).__name__)\n"
        "print('through', flush=True)\nraise SystemExit(9)\n",
        0755);
  auto outcome = invoke();
  EXPECT_THAT(outcome.log_tail, HasSubstr("through"));
  EXPECT_THAT(outcome.log_tail, HasSubstr("HTTP/1.1 400"));
  EXPECT_THAT(outcome.error_message, EndsWith("exit status 9"));
}

// A machine without namespaces: a bwrap that always fails.
class FallbackTest : public SandboxTest {
 protected:
  void SetUp() override {
    set_up();
    write("bwrap", "#!/bin/sh\necho bwrap: No permissions to create a new namespace\nexit 1\n",
          0755);
  }
  void TearDown() override {
    close();
    if (host) world->wait_void(host->stop());
  }
  void start(Unsandboxed unsandboxed, std::string bwrap) {
    Config config;
    config.run_directory = world->root + "/run-fallback";
    config.instance = fmt::format("test-fallback-{}", ::getpid());
    config.unsandboxed = unsandboxed;
    config.bwrap = std::move(bwrap);
    host = make_host(std::move(config), world->clock);
    auto started = world->wait(host->start());
    ASSERT_TRUE(started) << started.error().message;
  }
  std::unique_ptr<Host> host;
};

TEST_F(FallbackTest, RefusedByDefaultWithTheReason) {
  start(Unsandboxed::kRefuse, code + "/bwrap");
  EXPECT_FALSE(host->probe().complete());
  EXPECT_THAT(
      host->probe().missing().front(),
      HasSubstr("namespaces (user, pid, network, mount, ipc, uts): MISSING (forbidden here: "
                "user, pid, net, ipc, uts; bwrap: No permissions to create a new"));
  auto made = world->wait(host->create(spec));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, codes::kUnavailable);
  EXPECT_THAT(made.error().message, HasSubstr("--allow-unsandboxed"));
}

TEST_F(FallbackTest, RunsAsAPlainProcessWhereAllowed) {
  start(Unsandboxed::kAllow, code + "/bwrap");
  spec.timeout = Millis(1'000);
  python(
      "import os, subprocess, tempfile, time\ndef handler(event, context):\n"
      "    if event == 'sleep':\n        subprocess.Popen(['sleep', '1000'])\n"
      "        time.sleep(1000)\n"
      "    return [os.getcwd(), tempfile.gettempdir(), 'HOME' in os.environ]\n");
  auto made = world->wait(host->create(spec));
  ASSERT_TRUE(made) << made.error().message;
  sandbox = std::move(*made);
  EXPECT_EQ(invoke().payload,
            fmt::format(R"(["{}", "{}/run-fallback/tmp/0", true])", code, world->root));
  EXPECT_EQ(invoke(R"("sleep")").end, End::kTimeout);
  close();
  EXPECT_FALSE(files::exists(world->root + "/run-fallback/tmp/0"));
}

TEST_F(FallbackTest, RunsWithWhatIsThereWhereAllowed) {
  start(Unsandboxed::kAllow, "");
  spec.timeout = Millis(1'000);
  python("import time\ndef handler(event, context):\n    time.sleep(event)\n    return event\n");
  auto made = world->wait(host->create(spec));
  ASSERT_TRUE(made) << made.error().message;
  sandbox = std::move(*made);
  EXPECT_EQ(invoke("0").payload, "0");
  EXPECT_EQ(invoke("1000").end, End::kTimeout);
}

class NodeTest : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    if (IsSkipped()) return;
    if (auto why = world->host->refusal("nodejs20.x")) GTEST_SKIP() << *why;
    spec.runtime = "nodejs20.x";
    spec.handler = "index.handler";
  }
};

TEST_F(NodeTest, HandlersOfEveryStyle) {
  const std::pair<std::string, std::string> kCases[] = {
      {"index.js", "exports.handler = async (event) => ({got: event.x});"},
      {"index.js",
       "exports.handler = (event, context, done) => "
       "setTimeout(() => done(null, {got: event.x}), 5);"},
      {"index.js", "exports.handler = (event, context) => context.succeed({got: event.x});"},
      {"index.mjs",
       "const late = await Promise.resolve(1);\n"
       "export const handler = async (event) => ({got: event.x * late});"}};
  for (const auto& [file, text] : kCases) {
    write(file, text);
    EXPECT_EQ(invoke(R"({"x": 4})").payload, R"({"got":4})") << text;
    EXPECT_EQ(invoke(R"({"x": 5})").payload, R"({"got":5})") << text;
    close();
    files::remove(code + "/" + file);
  }
}

TEST_F(NodeTest, ErrorsAndLogs) {
  write("index.js",
        "exports.handler = async (event) => {\n  console.log('a %d', 1, {b: 2});\n"
        "  console.error('worse');\n  if (event.fail) throw new TypeError('broken');\n};\n");
  auto outcome = invoke(R"({"fail": true})");
  EXPECT_EQ(outcome.error_type, "TypeError");
  EXPECT_EQ(outcome.error_message, "broken");
  EXPECT_THAT(outcome.log_tail,
              ContainsRegex("Z\t00000000-0000-4000-8000-000000000001\tINFO\ta 1 \\{ b: 2 \\}\n"));
  EXPECT_THAT(outcome.log_tail, HasSubstr("\tERROR\tworse\n"));
  EXPECT_THAT(outcome.log_tail, HasSubstr("\tERROR\tInvoke Error \t{\"errorType\""));
  EXPECT_EQ(invoke().payload, "null");
  close();
  write("index.js", "require('not-there');\n");
  EXPECT_EQ(invoke().error_type, "Runtime.ImportModuleError");
  close();
  write("index.js", "exports.other = 1;\n");
  auto missing = invoke();
  EXPECT_EQ(missing.error_type, "Runtime.HandlerNotFound");
  EXPECT_EQ(missing.error_message, "index.handler is undefined or not exported");
  close();
  write("index.js",
        "exports.handler = async () => { setImmediate(() => { throw new Error('late'); });"
        " await new Promise(() => {}); };\n");
  EXPECT_EQ(invoke().error_message, "late");
}

TEST_F(NodeTest, AHandlerThatNeverAnswersGivesNull) {
  write("index.js", "exports.handler = (event, context, done) => {};\n");
  EXPECT_EQ(invoke().payload, "null");
}

}  // namespace
}  // namespace suiro::sandbox
