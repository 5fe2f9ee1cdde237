// SPDX-License-Identifier: Apache-2.0
// Control groups: what a sandbox may use, and stopping and counting it. Works on version 1, version
// 2 and hybrid hierarchies (decision 052).
//
// Place: the server's groups are <own group or root of the hierarchy>/suiro-<instance>/<sandbox>,
// one directory a version-1 controller, and one for all version-2 controllers. Invariants:
//  1. The directory suiro-<instance> belongs to one running server: open() ends and removes what
//     it finds there.
//  2. Memory is bounded by the group even where this process reads nothing.
// Thread: CgroupTree is blocking (the launcher's thread). A Cgroup's freeze(), thaw() and use() are
// single short reads or writes of kernel memory and may run on a shard; the rest is blocking.
// Failure: a missing controller is a Controller without version and a reason, never an Error of
// open().
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace suiro::sandbox {

// 1,769 MB are one vCPU ("Configure Lambda function memory", AWS Lambda Developer Guide).
inline constexpr uint32_t kMemoryMbPerCpu = 1769;

struct CgroupLimits {
  uint64_t memory_bytes = 0;
  uint32_t memory_mb = 0;  // what the share of the processors follows
  uint32_t processes = 0;
};

struct CgroupUse {
  uint64_t anonymous_bytes = 0;  // memory that no file backs: what the function allocated
  uint64_t shared_bytes = 0;     // /tmp
  uint64_t out_of_memory_kills = 0;
};

enum class Resource { kMemory, kCpu, kProcesses, kFreezer };
inline constexpr size_t kResources = 4;
inline constexpr std::array<std::string_view, kResources> kResourceNames{"memory", "cpu", "pids",
                                                                         "freezer"};

struct Controller {
  int version = 0;        // 0: not usable
  std::string directory;  // of this server's groups
  std::string detail;     // where it is, or why it is not usable
};
using Controllers = std::array<Controller, kResources>;

// One sandbox's group. Destroying it leaves the directories; remove() deletes them.
class Cgroup {
 public:
  Cgroup(const Controllers& controllers, std::string name);
  // The files into which a process writes itself to join; empty where no controller is usable.
  std::vector<std::string> procs_files() const;
  // False where there is no freezer, or it failed.
  bool freeze();
  bool thaw();
  CgroupUse use() const;
  // Kills every process of the group, waits for their end and removes the directories.
  // Errors: kInternal when a process does not end or a directory stays.
  Result<void> remove();

 private:
  friend class CgroupTree;
  Result<void> make(const CgroupLimits& limits);
  Result<void> limit_memory(const CgroupLimits& limits);
  Result<void> limit_cpu(const CgroupLimits& limits);
  const Controller& of(Resource resource) const {
    return controllers_[static_cast<size_t>(resource)];
  }
  std::string file(Resource resource, std::string_view name) const;

  Controllers controllers_;
  std::vector<std::string> directories_;
  std::string name_;
};

// A hierarchy as /proc/self/mountinfo shows it.
struct CgroupMount {
  std::string root;  // the part of the hierarchy that is mounted
  std::string point;
  int version = 0;
  std::vector<std::string> controllers;  // of version 1
};
std::vector<CgroupMount> parse_cgroup_mounts(const std::string& mountinfo);

// Where the kernel shows its hierarchies; tests give others.
struct CgroupSources {
  std::string mountinfo = "/proc/self/mountinfo";
  std::string self = "/proc/self/cgroup";
};

class CgroupTree {
 public:
  // Finds the hierarchies, makes this server's directory in each and empties it of what a
  // predecessor left.
  static CgroupTree open(const std::string& instance, const CgroupSources& sources = {});
  const Controller& controller(Resource resource) const {
    return controllers_[static_cast<size_t>(resource)];
  }
  // Errors: kInternal. Limits without a usable controller are left out.
  Result<std::unique_ptr<Cgroup>> create(const std::string& name, const CgroupLimits& limits) const;
  // Removes this server's directories, which must be empty.
  void close() const;

 private:
  Controllers controllers_;
};

}  // namespace suiro::sandbox
