// SPDX-License-Identifier: Apache-2.0
#include "engine/container/runc_probe.h"

#include <fmt/format.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/bytes.h"
#include "engine/container/process.h"

namespace suiro::container {

namespace {

constexpr int kVersionTimeoutMs = 10'000;
constexpr int kProbeRounds = 10'000;  // of kProbePauseUs: 10 s
constexpr useconds_t kProbePauseUs = 1'000;
constexpr uint32_t kUnitsOfCore = 1024;
constexpr uint64_t kMegabyte = 1024 * 1024;
constexpr auto kProbeTask = "00000000000000000000000000000000";

constexpr auto kContainers = "containers by runc";
constexpr auto kUsers = "user ids of its own";
constexpr auto kNamespaces = "namespaces (pid, network, mount)";
constexpr auto kFilter = "system-call filter";
constexpr auto kPrivileges = "no new privileges, few capabilities";
constexpr auto kPaths = "paths of the kernel are masked";
constexpr auto kDisk = "disk limit";

using Lines = std::vector<RunnerProbe::Line>;

// What the program inside said ("Key: value" or "Key:\tvalue"), or why it could not.
struct Told {
  std::string text;
  std::string failure;
  std::string value(std::string_view key) const {
    size_t at = text.find(std::string(key) + ":");
    if (at == std::string::npos) return {};
    size_t end = std::min(text.find('\n', at), text.size());
    return std::string(trim(text.substr(at + key.size() + 1, end - at - key.size() - 1)));
  }
};

TaskSpec probe_spec() {
  TaskSpec spec;
  spec.id = kProbeTask;
  spec.containers.push_back({.name = "probe", .image = "probe"});
  spec.containers[0].entry_point = {"/probe", "inside"};
  return spec;
}

// A layer with the supervisor as its only program.
Result<void> make_layer(const TaskSetting& setting, const std::string& layer) {
  for (const char* name : {"", "/proc", "/sys", "/dev", "/etc", "/tmp"}) {
    TRY_VOID(sandbox::make_directory(layer + name, 0755));
  }
  std::error_code error;
  std::filesystem::copy_file(setting.program, layer + "/probe", error);
  if (error) return fail(codes::kInternal, "copy the probe: " + error.message());
  return ok();
}

Result<std::string> run_inside(const TaskSetting& setting, const std::string& directory,
                               uint32_t id_base, const std::atomic<bool>& unwanted) {
  TaskSpec spec = probe_spec();
  std::string folder = directory + "/c/0";
  TRY_VOID(sandbox::make_directory(folder, 0700));
  TRY_VOID(sandbox::make_directory(directory + "/etc", 0755));
  for (const char* name : {"/etc/hosts.0", "/etc/hostname.0", "/etc/resolv.conf"}) {
    TRY_VOID(sandbox::write_file(directory + name, "probe\n", 0644));
  }
  TRY_VOID(make_layer(setting, directory + "/layer"));
  TRY_VOID(setting.disks.make(directory + "/disk.img", kDiskMbMin));
  TRY_VOID(setting.groups.make(kProbeTask, {.processes = kProcessesDefault}));
  TRY(sandbox::Descriptor lock, claim_task(directory));
  TRY(pid_t supervisor, start_supervisor({.lock = lock.get(),
                                          .program = setting.program,
                                          .task_directory = directory,
                                          .runc = setting.config.runc,
                                          .runc_root = setting.runc_root,
                                          .stage = setting.stage,
                                          .id_base = id_base,
                                          .cgroup_procs = setting.groups.supervisor_procs()}));
  TaskPlaces places{.supervisor = supervisor,
                    .stage = setting.stage,
                    .id_base = id_base,
                    .cgroup = setting.groups.path_of(kProbeTask),
                    .files = directory + "/etc",
                    .open_files = open_files_here()};
  TRY_VOID(
      sandbox::write_file(folder + "/config.json", bundle_config(spec, 0, {}, {}, places), 0600));
  std::string plan = fmt::format("id {}-0-1\nlayer {}/layer\n", kProbeTask, directory);
  TRY_VOID(sandbox::write_file(folder + "/plan", plan, 0600));
  TRY_VOID(send_command(directory, "start 0 1 0"));
  std::optional<AttemptEnd> end;
  for (int round = 0; round < kProbeRounds && !end && !unwanted; ++round) {
    end = read_end(folder);
    if (!end) ::usleep(kProbePauseUs);
  }
  if (!end) return fail(codes::kTimeout, "a container did not end in time");
  if (end->how == AttemptEnd::How::kFailed) return fail(codes::kInternal, runc_complaint(folder));
  std::string text;
  for (auto& line : OutputReader(folder, 0).next(OutputReader::Last::kYes).lines) {
    text += line.text + "\n";
  }
  return text;
}

Told try_container(const TaskSetting& setting, const std::string& directory, uint32_t id_base,
                   const std::atomic<bool>& unwanted) {
  auto text = run_inside(setting, directory, id_base, unwanted);
  if (auto supervisor = find_supervisor(directory)) (void)end_supervisor(directory, *supervisor);
  (void)setting.groups.remove(kProbeTask);
  std::error_code ignored;
  std::filesystem::remove_all(setting.runc_root + "/" + kProbeTask + "-0-1", ignored);
  std::filesystem::remove_all(directory, ignored);
  Told told;
  if (text) told.text = *text;
  if (!text) told.failure = text.error().message;
  return told;
}

void add_container_lines(const Told& told, const std::string& users_failure, Lines& lines) {
  bool users = users_failure.empty();
  lines.push_back(
      {kUsers, users, users ? "unused ids of the machine for each task" : users_failure});
  bool apart = told.value("Pid") == "1" && told.value("Devices") == "1";
  lines.push_back({kNamespaces, apart, apart ? "by runc" : "the probe saw more than its own"});
  bool filter = told.value("Seccomp") == "2";
  lines.push_back({kFilter, filter, filter ? "a list of allowed calls" : "runc has no seccomp"});
  bool bare = told.value("NoNewPrivs") == "1" && told.value("Mount") == "refused";
  lines.push_back({kPrivileges, bare, "capabilities " + told.value("CapBnd")});
  bool masked = told.value("Masked") == "yes";
  lines.push_back({kPaths, masked, masked ? "/proc and /sys" : "the probe could read them"});
  lines.push_back({kDisk, true, "an ext4 file system in a file for each task"});
}

void add_groups(const TaskGroups& groups, Lines& lines) {
  constexpr std::pair<TaskGroups::Kind, const char*> kLimits[] = {
      {TaskGroups::kMemory, "memory limit"},
      {TaskGroups::kCpu, "cpu limit"},
      {TaskGroups::kProcesses, "process limit"}};
  for (const auto& [kind, name] : kLimits) {
    const auto& controller = groups.controller(kind);
    lines.push_back({name, controller.version != 0, controller.detail});
  }
}

std::string missing_program(const RuncConfig& config) {
  if (::geteuid() != 0) return "container tasks need Suiro to run as root";
  if (config.runc.empty()) {
    return "container tasks need runc, which is not installed: apt-get install runc";
  }
  if (config.mkfs.empty()) {
    return "container tasks need mkfs.ext4, which is not installed: apt-get install e2fsprogs";
  }
  return {};
}

}  // namespace

std::string find_program(std::initializer_list<std::string> candidates) {
  for (const auto& path : candidates) {
    if (!path.empty() && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

RunnerProbe look_at_machine(const RuncConfig& config) {
  RunnerProbe probe;
  probe.cpu_units = std::max(1U, std::thread::hardware_concurrency()) * kUnitsOfCore;
  struct sysinfo machine{};
  if (::sysinfo(&machine) == 0) {
    probe.memory_mb = static_cast<uint32_t>(machine.totalram * machine.mem_unit / kMegabyte);
  }
  probe.refusal = missing_program(config);
  probe.pending = probe.refusal.empty();
  if (!probe.pending) probe.lines.push_back({kContainers, false, probe.refusal});
  return probe;
}

RuncProbe probe_runc(const TaskSetting& setting, const std::string& directory,
                     const std::atomic<bool>& unwanted) {
  RuncProbe result;
  auto& probe = result.probe;
  probe = look_at_machine(setting.config);
  probe.pending = false;
  if (!probe.refusal.empty()) return result;
  auto version =
      run_process({setting.config.runc, "--version"}, Errors::kDiscard, kVersionTimeoutMs);
  std::string first = version ? version->output.substr(0, version->output.find('\n')) : "";
  Told mapped = try_container(setting, directory, kIdBaseFirst, unwanted);
  result.user_namespaces = mapped.failure.empty();
  Told told = result.user_namespaces ? mapped : try_container(setting, directory, 0, unwanted);
  probe.lines.push_back(
      {kContainers, told.failure.empty(), told.failure.empty() ? first : told.failure});
  if (!told.failure.empty()) {
    probe.refusal = "container tasks do not work on this machine: " + told.failure;
    return result;
  }
  add_container_lines(told, mapped.failure, probe.lines);
  add_groups(setting.groups, probe.lines);
  if (setting.config.unprotected == Unprotected::kAllow) return result;
  std::string list;
  for (const auto& line : probe.lines) {
    if (line.present) continue;
    list +=
        fmt::format("{}{}: MISSING ({})", list.empty() ? "" : "; ", line.protection, line.detail);
  }
  if (list.empty()) return result;
  probe.refusal = fmt::format(
      "tasks are not run without their protections ({}); "
      "--allow-unsandboxed runs them anyway",
      list);
  return result;
}

}  // namespace suiro::container
