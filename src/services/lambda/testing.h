// SPDX-License-Identifier: Apache-2.0
// For tests of the service: zips, a host whose sandboxes are plain objects, and a kernel under a
// virtual clock with the service in it.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "engine/sandbox/sandbox.h"
#include "kernel/event/testing.h"
#include "services/lambda/service.h"

namespace suiro::lambda::testing {

// Of Config, whatever the machine has.
inline constexpr int kStartsMax = 4;

struct ZipEntry {
  std::string name;
  std::string text;
  unsigned type = AE_IFREG;
  std::string link = {};  // AE_IFLNK: where it points
};

inline Bytes make_zip(const std::vector<ZipEntry>& entries) {
  std::vector<char> out(8 << 20);
  size_t used = 0;
  struct archive* writer = archive_write_new();
  archive_write_set_format_zip(writer);
  CHECK(archive_write_open_memory(writer, out.data(), out.size(), &used) == ARCHIVE_OK);
  for (const ZipEntry& one : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, one.name.c_str());
    archive_entry_set_filetype(entry, one.type);
    archive_entry_set_perm(entry, 0755);
    if (one.type == AE_IFLNK) archive_entry_set_symlink(entry, one.link.c_str());
    if (one.type == AE_IFREG) archive_entry_set_size(entry, static_cast<int64_t>(one.text.size()));
    CHECK(archive_write_header(writer, entry) == ARCHIVE_OK, archive_error_string(writer));
    if (one.type == AE_IFREG) archive_write_data(writer, one.text.data(), one.text.size());
    archive_entry_free(entry);
  }
  CHECK(archive_write_close(writer) == ARCHIVE_OK);
  archive_write_free(writer);
  return Bytes(out.data(), used);
}

// What a fake function does with an invocation.
struct Act {
  Millis takes{0};
  sandbox::Outcome::End end = sandbox::Outcome::End::kReturned;
  Bytes payload = "null";
};
inline Act fails(std::string payload = R"({"errorType":"Error","errorMessage":"no"})") {
  return {Millis(0), sandbox::Outcome::End::kFunctionError, std::move(payload)};
}

class FakeHost final : public sandbox::Host {
 public:
  using Behaviour =
      std::function<Act(const sandbox::Spec& spec, const sandbox::Invocation& invocation)>;
  explicit FakeHost(Clock& clock) : clock_(clock) {}
  ~FakeHost() override { CHECK(open == 0, "a sandbox was not closed"); }

  Task<Result<void>> start() override { co_return ok(); }
  const sandbox::Probe& probe() const override { return probe_; }
  std::optional<std::string> refusal(std::string_view runtime) const override {
    if (runtime == refused) return "The interpreter of " + refused + " is not on this machine.";
    return std::nullopt;
  }
  Task<Result<std::unique_ptr<sandbox::Sandbox>>> create(sandbox::Spec spec) override {
    ++created;
    ++open;
    open_max = std::max(open_max, open);
    auto executor = co_await asio::this_coro::executor;
    co_return std::make_unique<Fake>(this, std::move(spec), executor);
  }
  Task<void> stop() override { co_return; }

  Behaviour behave = [](const auto&, const auto&) { return Act{}; };
  std::string refused;
  int created = 0;
  int open = 0;
  int open_max = 0;
  int running = 0;
  int running_max = 0;
  std::vector<sandbox::Invocation> seen;

 private:
  class Fake final : public sandbox::Sandbox {
   public:
    Fake(FakeHost* host, sandbox::Spec spec, Executor executor)
        : host_(host), spec_(std::move(spec)), stop_(executor), since_(host->clock_.now()) {}
    ~Fake() override { CHECK(!alive_, "a sandbox was destroyed before it was closed"); }
    Task<Result<sandbox::Outcome>> invoke(sandbox::Invocation invocation) override {
      CHECK(idle_, "two invocations at once");
      if (!alive_) co_return fail(codes::kClosed, "closed");
      idle_ = false;
      host_->seen.push_back(invocation);
      Act act = host_->behave(spec_, invocation);
      host_->running_max = std::max(host_->running_max, ++host_->running);
      if (act.takes > Millis(0)) {
        co_await stop_.wait_until(host_->clock_, host_->clock_.now() + act.takes);
      }
      --host_->running;
      if (!alive_) act = {Millis(0), sandbox::Outcome::End::kExited, "{}"};
      sandbox::Outcome outcome;
      outcome.end = act.end;
      outcome.payload = act.payload;
      outcome.duration = act.takes;
      outcome.billed = std::max(Millis(1), act.takes);
      if (!warm_) outcome.init_duration = Micros(1000);
      if (act.end != sandbox::Outcome::End::kReturned) outcome.error_message = "no";
      outcome.log_tail = "START\nEND\n";
      warm_ = true;
      idle_ = true;
      since_ = host_->clock_.now();
      co_return outcome;
    }
    bool alive() const override { return alive_; }
    bool started() const override { return true; }
    bool idle() const override { return idle_; }
    TimePoint idle_since() const override { return since_; }
    bool frozen() const override { return false; }
    Task<void> close() override {
      if (!alive_) co_return;
      alive_ = false;
      --host_->open;
      stop_.notify_all();
    }

   private:
    FakeHost* host_;
    sandbox::Spec spec_;
    Signal stop_;
    TimePoint since_;
    bool alive_ = true;
    bool idle_ = true;
    bool warm_ = false;
  };

  Clock& clock_;
  sandbox::Probe probe_;
};

// A target that notes what it got: a queue or anything else that is no function.
class NotingTarget final : public event::Target {
 public:
  explicit NotingTarget(event::Kernel& kernel) : kernel_(kernel) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override {
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(consume)));
    events.push_back(std::move(event));
    co_return ok();
  }
  Task<Result<void>> accepts(std::string arn, event::Sender) override {
    if (arn.ends_with(":absent")) co_return fail(codes::kNotFound, "no such queue");
    co_return ok();
  }
  std::vector<event::Event> events;

 private:
  event::Kernel& kernel_;
};

// A queue in memory, with visibility timeouts and message groups' order left to its test.
class FakeQueue final : public event::PullSource {
 public:
  explicit FakeQueue(Clock& clock) : clock_(clock) {}
  void send(std::string id, std::string body) {
    messages_.push_back({id, std::move(body), TimePoint{}});
  }
  size_t size() const { return messages_.size(); }

  Task<Result<std::vector<event::SourceRecord>>> pull(PullRequest request) override {
    ++pulls;
    TimePoint until = clock_.now() + request.wait;
    for (;;) {
      std::vector<event::SourceRecord> found = take(request.records_max);
      if (!found.empty() || clock_.now() >= until) co_return found;
      co_await clock_.sleep_until(std::min(until, clock_.now() + Millis(50)));
    }
  }
  Task<Result<void>> ack(std::string, std::vector<std::string> handles, store::Batch) override {
    for (const auto& handle : handles) {
      std::erase_if(messages_, [&](const Message& message) { return message.id == handle; });
    }
    co_return ok();
  }
  Task<Result<void>> release(std::string, std::vector<std::string> handles, Millis delay) override {
    for (Message& message : messages_) {
      if (std::ranges::find(handles, message.id) != handles.end()) {
        message.visible = clock_.now() + delay;
      }
    }
    co_return ok();
  }
  Task<Result<uint64_t>> backlog(std::string) override {
    co_return static_cast<uint64_t>(std::ranges::count_if(
        messages_, [&](const Message& message) { return message.visible <= clock_.now(); }));
  }
  Task<Result<Info>> describe(std::string arn) override {
    if (arn.ends_with(":absent")) co_return fail(codes::kNotFound, "no such queue");
    co_return Info{visibility, arn.ends_with(".fifo")};
  }
  int pulls = 0;
  Millis visibility = std::chrono::seconds(30);

 private:
  struct Message {
    std::string id, body;
    TimePoint visible;
  };
  std::vector<event::SourceRecord> take(size_t most) {
    std::vector<event::SourceRecord> found;
    for (Message& message : messages_) {
      if (found.size() == most) break;
      if (message.visible > clock_.now()) continue;
      message.visible = clock_.now() + visibility;
      found.push_back({message.id,
                       message.id,
                       R"({"messageId":")" + message.id + R"(","body":)" + message.body + "}",
                       {}});
    }
    return found;
  }
  Clock& clock_;
  std::vector<Message> messages_;
};

// A stream in memory: shards of records, as a StreamSource shows them.
class FakeStream final : public event::StreamSource {
 public:
  explicit FakeStream(Clock& clock) : clock_(clock) { open("shard-0"); }
  // What retention does: the records before `offset` are gone.
  void trim(uint64_t offset, std::string_view shard = "shard-0") { find(shard)->horizon = offset; }
  // Deletes the stream; open() makes another of its name.
  void remove() {
    ++generation_;
    shards_.clear();
  }
  void open(std::string shard, std::vector<std::string> parents = {}) {
    shards_.push_back({{shard, std::move(parents), true}, {}, 0});
  }
  void close(std::string_view shard) { find(shard)->info.open = false; }
  void put(std::string key, std::string data, std::string_view shard = "shard-0") {
    auto& records = find(shard)->records;
    uint64_t offset = records.size();
    records.push_back(
        {{offset}, fmt::format("{:056}", offset), std::move(key), "", clock_.now(), data});
  }

  Task<Result<std::vector<event::StreamShard>>> shards(std::string arn) override {
    if (arn.ends_with("/absent")) co_return fail(codes::kNotFound, "no such stream");
    std::vector<event::StreamShard> out;
    if (shards_.empty()) co_return fail(codes::kNotFound, "no such stream");
    for (const One& one : shards_) {
      out.push_back(one.info);
      out.back().generation = event::StreamGeneration(generation_);
    }
    co_return out;
  }
  Task<Result<event::StreamPosition>> locate(event::StreamPlace place,
                                             event::StreamStart start) override {
    if (!is_there(place)) co_return fail(codes::kNotFound, "no such stream");
    uint64_t offset = 0;
    for (const auto& record : find(place.shard)->records) {
      if (start.at == event::StreamStart::At::kTrimHorizon) break;
      if (record.arrived >= start.timestamp) break;
      offset = record.position.offset + 1;
    }
    co_return event::StreamPosition{offset};
  }
  Task<Result<event::StreamBatch>> read(ReadRequest request) override {
    TimePoint until = clock_.now() + request.wait;
    for (;;) {
      if (!is_there(request.place)) co_return fail(codes::kNotFound, "no such stream");
      const One& one = *find(request.place.shard);
      event::StreamBatch batch;
      batch.next = std::max(request.from, event::StreamPosition{one.horizon});
      for (size_t i = batch.next.offset; i < one.records.size(); ++i) {
        if (batch.records.size() == request.records_max) break;
        batch.records.push_back(one.records[i]);
        batch.next = {i + 1};
      }
      batch.ended = !one.info.open && batch.next.offset == one.records.size();
      bool is_over = !batch.records.empty() || batch.ended || clock_.now() >= until;
      if (is_over) co_return batch;
      co_await clock_.sleep_until(std::min(until, clock_.now() + Millis(50)));
    }
  }

 private:
  struct One {
    event::StreamShard info;
    std::vector<event::StreamRecord> records;
    uint64_t horizon = 0;
  };
  bool is_there(const event::StreamPlace& place) const {
    bool fits = place.generation.value() == 0 || place.generation.value() == generation_;
    return fits && std::ranges::find(shards_, place.shard,
                                     [](const One& one) { return one.info.id; }) != shards_.end();
  }
  One* find(std::string_view shard) {
    for (One& one : shards_) {
      if (one.info.id == shard) return &one;
    }
    CHECK(false, "no such shard");
    return nullptr;
  }
  Clock& clock_;
  uint64_t generation_ = 1;
  std::deque<One> shards_;
};

// One kernel under a virtual clock, one shard, and the service on a fake host.
class LambdaSim {
 public:
  explicit LambdaSim(uint64_t memory_mb = 1024) : memory_mb_(memory_mb) { make(); }
  ~LambdaSim() {
    if (service) stop();
  }

  void make() {
    host = std::make_unique<FakeHost>(sim.clock());
    queue_target = std::make_unique<NotingTarget>(sim.kernel());
    if (!stream) stream = std::make_unique<FakeStream>(sim.clock());
    if (!queue) queue = std::make_unique<FakeQueue>(sim.clock());
    Config config;
    config.code_directory = directory.path() + "/code";
    config.code_threads = CodeThreads::kNone;
    config.host = host.get();
    config.sandbox_memory_mb = memory_mb_;
    config.starts_max = static_cast<size_t>(kStartsMax);
    config.account_concurrency = 200;
    service = std::make_unique<Service>(sim.kernel(), config);
    sim.kernel().targets.add_target("lambda", service->target());
    sim.kernel().targets.add_target("sqs", queue_target.get());
    sim.kernel().targets.add_source("sqs", queue.get());
    sim.kernel().targets.add_stream("kinesis", stream.get());
    before_start();
    Result<void> started = sim.run(service->start());
    CHECK(started, started ? "" : started.error().message);
    sim.start();
  }
  // Ends the process; a crash loses what is not committed.
  void stop() {
    sim.stop();
    auto stopped = sim.spawn(service->stop());
    for (int i = 0; i < 1000 && !event::SimKernel::is_ready(stopped); ++i) sim.advance(Millis(100));
    CHECK(event::SimKernel::is_ready(stopped), "the service does not stop");
    service.reset();
  }
  void restart() {
    stop();
    auto behave = host->behave;
    sim.reopen();
    before_start = [this, behave] { host->behave = behave; };
    make();
  }
  Logic& logic() { return service->logic(); }

  Result<View> create(const std::string& name, SettingsChange change = {}) {
    Logic::CreateFunction request{name};
    request.code.zip = make_zip({{"main.py", "def handler(event, context): return event\n"}});
    request.settings = std::move(change);
    request.settings.runtime = request.settings.runtime.value_or("python3.11");
    request.settings.handler = "main.handler";
    request.settings.role = "arn:aws:iam::000000000000:role/any";
    return sim.run(logic().create_function(std::move(request)));
  }
  Task<Result<InvokeReply>> invoke(const std::string& name, Bytes payload = "{}",
                                   InvocationType type = InvocationType::kRequestResponse) {
    return logic().invoke(
        {{name, ""}, type, std::move(payload), "", sim.random().uuid(), TraceContext{}});
  }

  store::TemporaryDirectory directory;
  event::SimKernel sim{event::SimOptions{.shards = 1}};
  std::unique_ptr<FakeHost> host;
  std::unique_ptr<NotingTarget> queue_target;
  std::unique_ptr<FakeQueue> queue;
  std::unique_ptr<FakeStream> stream;
  std::unique_ptr<Service> service;
  std::function<void()> before_start = [] {};

 private:
  uint64_t memory_mb_;
};

}  // namespace suiro::lambda::testing
