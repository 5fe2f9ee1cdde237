// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/cgroup.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <sstream>

#include "base/log.h"
#include "engine/sandbox/files.h"

namespace suiro::sandbox {

namespace {

constexpr uint32_t kCpuPeriodUs = 100'000;
constexpr int kRemoveRounds = 2'000;  // of kRemovePauseUs: 2 s
constexpr useconds_t kRemovePauseUs = 1'000;
constexpr std::string_view kNotMounted = "no cgroup hierarchy with this controller is mounted";
constexpr size_t kStaleGroupsMax = 100'000;

std::vector<std::string> words(std::string_view line, char separator) {
  std::vector<std::string> parts;
  while (!line.empty()) {
    size_t end = std::min(line.find(separator), line.size());
    if (end > 0) parts.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return parts;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

// The number after `key` in a file of "key value" lines; 0 where it is absent.
uint64_t value_of(std::string_view text, std::string_view key) {
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      uint64_t value = 0;
      std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), value);
      return value;
    }
    at = end + 1;
  }
  return 0;
}

// This process's group in the hierarchy of `controller` ("" for version 2), as /proc/self/cgroup
// has it.
std::string own_path(const std::string& text, std::string_view controller) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    size_t first = line.find(':');
    size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string list = line.substr(first + 1, second - first - 1);
    bool ours = controller.empty() ? list.empty() : contains(words(list, ','), controller);
    if (ours) return line.substr(second + 1);
  }
  return "/";
}

// The child into which this process moves where its group must hand controllers down.
constexpr std::string_view kServerGroup = "/suiro-server";

// The directories in which this server's own may be made: its own group, then the root of the
// mount.
std::vector<std::string> candidates(const CgroupMount& mount, const std::string& own) {
  std::string below =
      own.ends_with(kServerGroup) ? own.substr(0, own.size() - kServerGroup.size()) + "/" : own;
  if (below.size() > 1 && below.ends_with('/')) below.pop_back();
  if (mount.root != "/" && below.starts_with(mount.root)) below = below.substr(mount.root.size());
  std::vector<std::string> found;
  std::string group = mount.point + (below == "/" ? "" : below);
  struct stat ignored{};
  if (!below.starts_with("/..") && ::stat(group.c_str(), &ignored) == 0) found.push_back(group);
  if (!contains(found, mount.point)) found.push_back(mount.point);
  return found;
}

bool make_group(const std::string& path) {
  return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

void thaw(const std::string& group) {
  (void)write_control(group + "/freezer.state", "THAWED");
  (void)write_control(group + "/cgroup.freeze", "0");
}

// Kills what is in the group and removes it. A killed process leaves the group when its parent or
// the kernel has reaped it, which no file of version 1 announces: hence the bounded polling.
Result<void> empty_and_remove(const std::string& directory) {
  for (int round = 0; round < kRemoveRounds; ++round) {
    if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return ok();
    if (errno != EBUSY) return fail(errno_error("remove " + directory));
    auto processes = read_small_file(directory + "/cgroup.procs");
    for (const auto& word : words(processes ? *processes : "", '\n')) {
      pid_t process = 0;
      std::from_chars(word.data(), word.data() + word.size(), process);
      if (process > 1) ::kill(process, SIGKILL);
    }
    thaw(directory);
    ::usleep(kRemovePauseUs);
  }
  return fail(codes::kInternal, "processes of " + directory + " do not end");
}

std::vector<std::string> groups_in(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> groups;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_directory(error) && groups.size() < kStaleGroupsMax) {
      groups.push_back(at->path().string());
    }
  }
  return groups;
}

// Ends and removes what an earlier server of this instance left in these directories. A process
// that one of the hierarchies froze ends in none of them.
void remove_stale(const std::vector<std::string>& directories) {
  for (const auto& directory : directories) {
    for (const auto& group : groups_in(directory)) thaw(group);
  }
  for (const auto& directory : directories) {
    for (const auto& group : groups_in(directory)) {
      if (auto removed = empty_and_remove(group); !removed) {
        log::warning("sandbox: {}", removed.error().message);
      }
    }
    ::rmdir(directory.c_str());
  }
}

// --- version 2 ---

std::vector<std::string> list_of(const std::string& path) {
  auto text = read_small_file(path);
  if (!text) return {};
  std::replace(text->begin(), text->end(), '\n', ' ');
  return words(*text, ' ');
}

bool contains_all(const std::vector<std::string>& list, const std::vector<std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& word) { return contains(list, word); });
}

// Hands those of `wanted` that `group` has to its children, all or none: cpu and pids alone would
// make a group that holds processes a threaded one, whose children can hold no process.
Result<void> enable(const std::string& group, const std::vector<std::string>& wanted) {
  auto available = list_of(group + "/cgroup.controllers");
  auto enabled = list_of(group + "/cgroup.subtree_control");
  std::string change;
  for (const auto& name : wanted) {
    if (contains(available, name) && !contains(enabled, name)) change += "+" + name + " ";
  }
  if (change.empty()) return ok();
  return write_control(group + "/cgroup.subtree_control", change);
}

// As enable(). A group that holds processes cannot hand controllers down (cgroups(7), "no internal
// processes"): where it is our own, this process moves to a child of it first.
Result<void> delegate(const std::string& group, bool own_group,
                      const std::vector<std::string>& wanted) {
  auto done = enable(group, wanted);
  if (done || !own_group) return done;
  std::string leaf = group + std::string(kServerGroup);
  std::string self = fmt::format("{}", ::getpid());
  if (!make_group(leaf)) return done;
  done = write_control(leaf + "/cgroup.procs", self);
  if (done) done = enable(group, wanted);
  if (!done) {
    (void)write_control(group + "/cgroup.procs", self);
    ::rmdir(leaf.c_str());
  }
  return done;
}

// Makes this server's directory in `place`; the controllers that its children can have.
Result<std::vector<std::string>> prepare_version_2(const std::string& place, bool own_group,
                                                   const std::string& directory,
                                                   const std::vector<std::string>& wanted) {
  TRY_VOID(delegate(place, own_group, wanted));
  if (!make_group(directory)) return fail(errno_error("create " + directory));
  (void)enable(directory, wanted);
  return list_of(directory + "/cgroup.subtree_control");
}

// First a place where all controllers that version 1 does not have can be used, then one where some
// can: a session's own group often lacks the cpu controller that the root has.
void open_version_2(const CgroupMount& mount, const std::string& own, const std::string& instance,
                    Controllers& controllers) {
  std::vector<std::string> wanted;
  bool missing = false;
  for (size_t i = 0; i < kResources; ++i) {
    if (controllers[i].version != 0) continue;
    missing = true;
    if (static_cast<Resource>(i) != Resource::kFreezer) wanted.emplace_back(kResourceNames[i]);
  }
  if (!missing) return;
  std::string reason;
  auto places = candidates(mount, own);
  for (bool all : {true, false}) {
    for (const auto& place : places) {
      if (all && !contains_all(list_of(place + "/cgroup.controllers"), wanted)) continue;
      std::string directory = fmt::format("{}/suiro-{}", place, instance);
      bool own_group = place == places.front();
      auto usable = prepare_version_2(place, own_group, directory, wanted);
      if (!usable) reason = usable.error().message;
      if (!usable || (all && !contains_all(*usable, wanted))) {
        ::rmdir(directory.c_str());
        continue;
      }
      for (size_t i = 0; i < kResources; ++i) {
        bool freezer = static_cast<Resource>(i) == Resource::kFreezer;
        bool can = freezer || contains(*usable, kResourceNames[i]);
        if (controllers[i].version == 0 && can) {
          controllers[i] = {2, directory, "cgroup v2 at " + place};
        }
      }
      return;
    }
  }
  for (auto& controller : controllers) {
    // Where version 1 has the controller, its own reason is the one to act on.
    if (controller.version == 0 && controller.detail == kNotMounted) controller.detail = reason;
  }
}

void open_version_1(const CgroupMount& mount, const std::string& own, const std::string& instance,
                    size_t resource, Controllers& controllers) {
  for (const auto& place : candidates(mount, own)) {
    std::string directory = fmt::format("{}/suiro-{}", place, instance);
    if (!make_group(directory)) {
      controllers[resource].detail = errno_error("create " + directory).message;
      continue;
    }
    controllers[resource] = {1, directory, "cgroup v1 at " + place};
    return;
  }
}

}  // namespace

// --- mounts ---

std::vector<CgroupMount> parse_cgroup_mounts(const std::string& text) {
  std::vector<CgroupMount> mounts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    auto left = words(std::string_view(line).substr(0, dash), ' ');
    auto right = words(std::string_view(line).substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    if (right[0] != "cgroup" && right[0] != "cgroup2") continue;
    CgroupMount mount{left[3], left[4], right[0] == "cgroup2" ? 2 : 1, {}};
    if (mount.version == 1) mount.controllers = words(right[2], ',');
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

// --- Cgroup ---

Cgroup::Cgroup(const Controllers& controllers, std::string name)
    : controllers_(controllers), name_(std::move(name)) {
  for (const auto& controller : controllers_) {
    if (controller.version == 0) continue;
    std::string directory = controller.directory + "/" + name_;
    if (!contains(directories_, directory)) directories_.push_back(directory);
  }
}

std::string Cgroup::file(Resource resource, std::string_view name) const {
  return fmt::format("{}/{}/{}", of(resource).directory, name_, name);
}

std::vector<std::string> Cgroup::procs_files() const {
  std::vector<std::string> files;
  for (const auto& directory : directories_) files.push_back(directory + "/cgroup.procs");
  return files;
}

Result<void> Cgroup::limit_memory(const CgroupLimits& limits) {
  std::string bytes = fmt::format("{}", limits.memory_bytes);
  if (of(Resource::kMemory).version == 1) {
    TRY_VOID(write_control(file(Resource::kMemory, "memory.limit_in_bytes"), bytes));
    // Absent where the kernel does not account swap: then the limit holds for memory alone.
    (void)write_control(file(Resource::kMemory, "memory.memsw.limit_in_bytes"), bytes);
  } else if (of(Resource::kMemory).version == 2) {
    TRY_VOID(write_control(file(Resource::kMemory, "memory.max"), bytes));
    (void)write_control(file(Resource::kMemory, "memory.swap.max"), "0");
  }
  return ok();
}

// Weight by memory under contention; at most the vCPUs of the memory, and never less than one, so
// that an idle machine does not slow a small function down.
Result<void> Cgroup::limit_cpu(const CgroupLimits& limits) {
  uint64_t quota = std::max<uint64_t>(
      kCpuPeriodUs, static_cast<uint64_t>(kCpuPeriodUs) * limits.memory_mb / kMemoryMbPerCpu);
  if (of(Resource::kCpu).version == 1) {
    uint64_t shares = std::max<uint64_t>(2, 1024ULL * limits.memory_mb / kMemoryMbPerCpu);
    TRY_VOID(write_control(file(Resource::kCpu, "cpu.shares"), fmt::format("{}", shares)));
    TRY_VOID(
        write_control(file(Resource::kCpu, "cpu.cfs_period_us"), fmt::format("{}", kCpuPeriodUs)));
    TRY_VOID(write_control(file(Resource::kCpu, "cpu.cfs_quota_us"), fmt::format("{}", quota)));
  } else if (of(Resource::kCpu).version == 2) {
    uint64_t weight = std::max<uint64_t>(1, 100ULL * limits.memory_mb / kMemoryMbPerCpu);
    TRY_VOID(write_control(file(Resource::kCpu, "cpu.weight"), fmt::format("{}", weight)));
    TRY_VOID(
        write_control(file(Resource::kCpu, "cpu.max"), fmt::format("{} {}", quota, kCpuPeriodUs)));
  }
  return ok();
}

Result<void> Cgroup::make(const CgroupLimits& limits) {
  for (const auto& directory : directories_) {
    if (!make_group(directory)) return fail(errno_error("create " + directory));
  }
  TRY_VOID(limit_memory(limits));
  TRY_VOID(limit_cpu(limits));
  if (of(Resource::kProcesses).version != 0) {
    TRY_VOID(
        write_control(file(Resource::kProcesses, "pids.max"), fmt::format("{}", limits.processes)));
  }
  return ok();
}

bool Cgroup::freeze() {
  const auto& freezer = of(Resource::kFreezer);
  if (freezer.version == 0) return false;
  if (freezer.version == 2)
    return write_control(file(Resource::kFreezer, "cgroup.freeze"), "1").has_value();
  return write_control(file(Resource::kFreezer, "freezer.state"), "FROZEN").has_value();
}

bool Cgroup::thaw() {
  const auto& freezer = of(Resource::kFreezer);
  if (freezer.version == 0) return false;
  if (freezer.version == 2)
    return write_control(file(Resource::kFreezer, "cgroup.freeze"), "0").has_value();
  return write_control(file(Resource::kFreezer, "freezer.state"), "THAWED").has_value();
}

CgroupUse Cgroup::use() const {
  CgroupUse use;
  int version = of(Resource::kMemory).version;
  if (version == 0) return use;
  bool first = version == 1;
  if (auto text = read_small_file(file(Resource::kMemory, "memory.stat"))) {
    use.anonymous_bytes = value_of(*text, first ? "rss" : "anon");
    use.shared_bytes = value_of(*text, "shmem");
  }
  std::string_view events = first ? "memory.oom_control" : "memory.events";
  if (auto text = read_small_file(file(Resource::kMemory, events))) {
    use.out_of_memory_kills = value_of(*text, "oom_kill");
  }
  return use;
}

Result<void> Cgroup::remove() {
  Result<void> result;
  for (const auto& directory : directories_) {
    if (auto removed = empty_and_remove(directory); !removed) result = removed;
  }
  return result;
}

// --- CgroupTree ---

CgroupTree CgroupTree::open(const std::string& instance, const CgroupSources& sources) {
  CgroupTree tree;
  for (auto& controller : tree.controllers_) {
    controller.detail = kNotMounted;
  }
  auto mountinfo = read_small_file(sources.mountinfo);
  auto self = read_small_file(sources.self);
  if (!mountinfo || !self) return tree;
  auto mounts = parse_cgroup_mounts(*mountinfo);
  std::vector<std::string> stale;
  for (const auto& mount : mounts) {
    // A predecessor may have run in another place than this one will.
    auto known = std::ranges::find_first_of(mount.controllers, kResourceNames);
    if (mount.version == 1 && known == mount.controllers.end()) continue;
    std::string own = own_path(*self, mount.version == 2 ? std::string_view() : *known);
    for (const auto& place : candidates(mount, own)) {
      stale.push_back(fmt::format("{}/suiro-{}", place, instance));
    }
  }
  remove_stale(stale);
  for (const auto& mount : mounts) {
    for (size_t i = 0; i < kResources; ++i) {
      if (mount.version != 1 || tree.controllers_[i].version != 0) continue;
      if (!contains(mount.controllers, kResourceNames[i])) continue;
      open_version_1(mount, own_path(*self, kResourceNames[i]), instance, i, tree.controllers_);
    }
  }
  for (const auto& mount : mounts) {
    if (mount.version != 2) continue;
    open_version_2(mount, own_path(*self, ""), instance, tree.controllers_);
    break;
  }
  return tree;
}

Result<std::unique_ptr<Cgroup>> CgroupTree::create(const std::string& name,
                                                   const CgroupLimits& limits) const {
  auto group = std::make_unique<Cgroup>(controllers_, name);
  if (auto made = group->make(limits); !made) {
    (void)group->remove();
    return fail(made.error());
  }
  return group;
}

void CgroupTree::close() const {
  for (const auto& controller : controllers_) {
    if (controller.version != 0) ::rmdir(controller.directory.c_str());
  }
}

}  // namespace suiro::sandbox
