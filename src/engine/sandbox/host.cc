// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/executor_work_guard.hpp>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/shard.h"
#include "engine/sandbox/embedded.h"
#include "engine/sandbox/probe.h"
#include "engine/sandbox/process_sandbox.h"
#include "engine/sandbox/runtimes.h"

namespace suiro::sandbox {

namespace {

constexpr uint64_t kMegabyte = 1024 * 1024;
// User ids that no system hands out (systemd, "Users, Groups, UIDs and GIDs": 1879048192 and up are
// unused). Each server takes a run of them by its instance.
constexpr unsigned kUidFirst = 1'879'048'192;
constexpr unsigned kUidRuns = 4096;
constexpr unsigned kUidsPerRun = 4096;
// Without a memory group: room for what an interpreter maps beside the function's own data.
constexpr uint64_t kDataLimitExtra = 256 * kMegabyte;

constexpr std::pair<std::string_view, std::string_view> kEtcFiles[] = {
    {"passwd",
     "root:x:0:0:root:/:/usr/sbin/nologin\n"
     "sbx_user:x:1000:1000::/tmp:/usr/sbin/nologin\n"},
    {"group", "root:x:0:\nsbx_user:x:1000:\n"},
    {"hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"},
    {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
    {"resolv.conf", ""}};

// Numbers of running sandboxes; each is one slot's user id and name.
class Slots {
 public:
  explicit Slots(size_t count) : used_(count, false) {}
  std::optional<size_t> take() {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < used_.size(); ++i) {
      if (!used_[i]) {
        used_[i] = true;
        ++taken_;
        return i;
      }
    }
    return std::nullopt;
  }
  void give_back(size_t slot) {
    std::lock_guard lock(mutex_);
    used_[slot] = false;
    --taken_;
  }
  size_t taken() const {
    std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<bool> used_;
  size_t taken_ = 0;
};

class ProcessHost final : public Host {
 public:
  ProcessHost(Config config, Clock& clock)
      : config_(std::move(config)), clock_(clock), slots_(config_.sandboxes_max) {
    CHECK(config_.sandboxes_max <= kUidsPerRun);
  }
  ~ProcessHost() override { CHECK(!thread_.joinable(), "a sandbox host was not stopped"); }

  Task<Result<void>> start() override;
  const Probe& probe() const override { return probe_; }
  std::optional<std::string> refusal(std::string_view runtime) const override;
  Task<Result<std::unique_ptr<Sandbox>>> create(Spec spec) override;
  Task<void> stop() override;

 private:
  Result<void> prepare();
  Result<void> write_guest_files();
  LaunchRequest base_request() const;
  LaunchRequest request_of(const Spec& spec, const Runtime& runtime, size_t slot) const;
  Result<void> check(const Spec& spec) const;
  unsigned host_uid(size_t slot) const;
  struct Started {
    Launched launched;
    std::unique_ptr<Cgroup> group;
    Micros at;
  };
  Result<Started> start_processes(const Spec& spec, const LaunchRequest& request, size_t number);

  Config config_;
  Clock& clock_;
  Slots slots_;
  // One thread from start() to stop(): sandboxes end with the thread that started them.
  asio::io_context launcher_;
  std::optional<asio::executor_work_guard<Executor>> work_;
  std::thread thread_;
  CgroupTree cgroups_;
  Probe probe_;
  Isolation isolation_ = Isolation::kNone;
  Interpreters interpreters_;
  std::atomic<uint64_t> next_number_ = 1;
};

// --- start and stop ---

Task<Result<void>> ProcessHost::start() {
  work_.emplace(launcher_.get_executor());
  thread_ = std::thread([this] { launcher_.run(); });
  auto preparing = [this]() -> Task<Result<void>> { co_return prepare(); };
  co_return co_await run_on(launcher_.get_executor(), preparing);
}

Task<void> ProcessHost::stop() {
  CHECK(slots_.taken() == 0, "a sandbox is open at the host's stop");
  if (!thread_.joinable()) co_return;
  work_.reset();
  thread_.join();
  cgroups_.close();
}

Result<void> ProcessHost::prepare() {
  TRY_VOID(make_directory(config_.run_directory, 0700));
  TRY_VOID(write_guest_files());
  std::error_code ignored;
  std::filesystem::remove_all(config_.run_directory + "/tmp", ignored);
  cgroups_ = CgroupTree::open(config_.instance);
  config_.bwrap = first_program({config_.bwrap, "/usr/bin/bwrap", "/usr/local/bin/bwrap"});
  interpreters_.python = first_program(
      {config_.python, "/usr/bin/python3.11", "/usr/local/bin/python3.11", "/usr/bin/python3"});
  interpreters_.node =
      first_program({config_.node, "/usr/bin/node", "/usr/bin/nodejs", "/usr/local/bin/node"});
  auto result = probe_machine(base_request(), cgroups_);
  probe_ = std::move(result.probe);
  probe_.runtimes = describe_runtimes(interpreters_);
  isolation_ = result.isolation;
  return ok();
}

Result<void> ProcessHost::write_guest_files() {
  std::string guest = config_.run_directory + "/guest";
  std::string etc = config_.run_directory + "/etc";
  TRY_VOID(make_directory(guest, 0755));
  TRY_VOID(make_directory(etc, 0755));
  for (const auto& file : embedded_files()) {
    unsigned mode = file.name.contains('.') ? 0644 : 0755;
    TRY_VOID(write_file(fmt::format("{}/{}", guest, file.name), file.bytes, mode));
  }
  for (const auto& [name, text] : kEtcFiles) {
    TRY_VOID(write_file(fmt::format("{}/{}", etc, name), text, 0644));
  }
  return ok();
}

// --- sandboxes ---

unsigned ProcessHost::host_uid(size_t slot) const {
  auto run = static_cast<unsigned>(stable_hash(config_.instance) % kUidRuns);
  return kUidFirst + run * kUidsPerRun + static_cast<unsigned>(slot);
}

LaunchRequest ProcessHost::base_request() const {
  LaunchRequest request;
  request.isolation = isolation_;
  request.bwrap = config_.bwrap;
  request.guest_directory = config_.run_directory + "/guest";
  request.launcher = request.guest_directory + "/sandbox_launcher";
  request.etc_directory = config_.run_directory + "/etc";
  request.tmp_bytes = kMegabyte;
  request.host_uid = host_uid(0);
  return request;
}

LaunchRequest ProcessHost::request_of(const Spec& spec, const Runtime& runtime, size_t slot) const {
  LaunchRequest request = base_request();
  request.code_directory = spec.code_directory;
  request.tmp_bytes = spec.ephemeral_storage_mb * kMegabyte;
  request.host_uid = host_uid(slot);
  if (config_.serve_endpoint) request.endpoint_port = config_.endpoint_port;
  if (isolation_ == Isolation::kNone) {
    request.tmp_directory = fmt::format("{}/tmp/{}", config_.run_directory, slot);
  }
  if (cgroups_.controller(Resource::kMemory).version == 0) {
    request.data_limit_bytes = spec.memory_mb * kMegabyte + kDataLimitExtra;
  }
  Places places = places_of(request);
  request.command = runtime_command(runtime, interpreters_, places, spec.memory_mb);
  request.environment = runtime_environment(spec, runtime, places);
  return request;
}

std::optional<std::string> ProcessHost::refusal(std::string_view name) const {
  auto runtime = find_runtime(name);
  if (!runtime) return runtime.error().message;
  if (runtime_command(*runtime, interpreters_, {"", "", ""}, kMemoryMbMin).empty()) {
    return fmt::format("no interpreter for {} is installed on this machine", name);
  }
  if (probe_.complete() || config_.unsandboxed == Unsandboxed::kAllow) return std::nullopt;
  std::string list;
  for (const auto& line : probe_.missing()) list += (list.empty() ? "" : "; ") + line;
  return fmt::format(
      "functions are not run without their protections ({}); --allow-unsandboxed runs them anyway",
      list);
}

Result<void> ProcessHost::check(const Spec& spec) const {
  TRY_VOID(find_runtime(spec.runtime));
  if (auto why = refusal(spec.runtime)) return fail(codes::kUnavailable, *why);
  for (const auto& [name, value] : spec.environment) {
    bool bad = name.empty() || name.contains('=') || name.contains('\0') || value.contains('\0');
    if (bad) return fail(codes::kInvalidArgument, "malformed environment variable");
  }
  if (spec.memory_mb < kMemoryMbMin || spec.memory_mb > kMemoryMbMax) {
    return fail(codes::kInvalidArgument, "memory size out of range");
  }
  return ok();
}

Result<ProcessHost::Started> ProcessHost::start_processes(const Spec& spec,
                                                          const LaunchRequest& request,
                                                          size_t number) {
  Started started;
  started.at = clock_.steady();
  if (!request.tmp_directory.empty()) TRY_VOID(make_directory(request.tmp_directory, 0700));
  CgroupLimits limits;
  limits.memory_mb = spec.memory_mb;
  limits.memory_bytes = (uint64_t{spec.memory_mb} + spec.ephemeral_storage_mb) * kMegabyte;
  limits.processes = kProcessesMax;
  TRY(started.group, cgroups_.create(fmt::format("{}", number), limits));
  LaunchRequest with_group = request;
  with_group.cgroup_procs_files = started.group->procs_files();
  auto launched = launch(with_group);
  if (!launched) {
    (void)started.group->remove();
    return fail(launched.error());
  }
  started.launched = std::move(*launched);
  return started;
}

Task<Result<std::unique_ptr<Sandbox>>> ProcessHost::create(Spec spec) {
  CO_TRY_VOID(check(spec));
  auto slot = slots_.take();
  if (!slot) co_return fail(codes::kThrottled, "too many sandboxes run", Retry::kLater);
  CO_TRY(Runtime runtime, find_runtime(spec.runtime));
  auto request = request_of(spec, runtime, *slot);
  size_t number = next_number_++;
  auto starting = [this, &spec, &request, number]() -> Task<Result<Started>> {
    co_return start_processes(spec, request, number);
  };
  auto started = co_await run_on(launcher_.get_executor(), starting);
  if (!started) {
    slots_.give_back(*slot);
    co_return fail(started.error());
  }
  SandboxSetting setting{.launcher = launcher_.get_executor(),
                         .clock = clock_,
                         .serve_endpoint = config_.serve_endpoint,
                         .freeze_after = config_.freeze_after,
                         .isolation = isolation_,
                         .tmp_directory = request.tmp_directory,
                         .freed = [this, slot = *slot] { slots_.give_back(slot); }};
  Executor executor = co_await asio::this_coro::executor;
  auto sandbox = std::make_unique<ProcessSandbox>(executor, std::move(setting), std::move(spec),
                                                  std::move(started->launched),
                                                  std::move(started->group), started->at);
  if (auto ready = co_await sandbox->start(); !ready) {
    co_await sandbox->close();
    co_return fail(ready.error());
  }
  co_return sandbox;
}

}  // namespace

std::unique_ptr<Host> make_host(Config config, Clock& clock) {
  return std::make_unique<ProcessHost>(std::move(config), clock);
}

}  // namespace suiro::sandbox
