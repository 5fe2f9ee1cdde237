// SPDX-License-Identifier: Apache-2.0
// config.json of a container (Open Container Initiative, "Runtime Specification" 1.0), and the
// checks that make sure that it says what a task may ask for. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/container/image_user.h"
#include "engine/container/task_runner.h"
#include "engine/image/image.h"

namespace suiro::container {

inline constexpr size_t kContainersMax = 10;  // "Amazon ECS service quotas": of a task definition
inline constexpr size_t kVolumesMax = 64;
inline constexpr uint32_t kIdsOfTask = 65'536;
// Ids that no system hands out, behind those of sandboxes (systemd, "Users, Groups, UIDs and GIDs":
// 1879048192 to 2147483647 are unused).
inline constexpr uint32_t kIdBaseFirst = 1'895'825'408;
inline constexpr uint32_t kIdBases = 3'838;
inline constexpr uint32_t kProcessesDefault = 1024;    // of a task
inline constexpr uint64_t kOpenFilesDefault = 65'535;  // "Container definitions": on Fargate
inline constexpr uint32_t kSharedMemoryMbDefault = 64;
inline constexpr uint32_t kMemoryMbMin = 6;  // "Container definitions": memory

enum class Allowed { kNo, kYes };

// What the configuration allows tasks beyond their own walls.
struct Allowances {
  std::vector<std::string> host_volumes;  // volumes may be these folders or below
  Allowed privileged = Allowed::kNo;
  Allowed host_network = Allowed::kNo;
};

// Errors: kInvalidArgument with what this runner does not do, or what is contradictory.
Result<void> check_spec(const TaskSpec& spec, const Allowances& allowances);

// The folder of the configuration in which `host_path` lies, and the path below it.
struct HostFolder {
  std::string root;
  std::string path;
};
Result<HostFolder> host_folder(const std::string& host_path,
                               const std::vector<std::string>& allowed);

// kOpenFilesDefault, or what this process may have itself.
uint64_t open_files_here();

// Where the supervisor of a task shows things to runc.
struct TaskPlaces {
  int supervisor = 0;        // process id: its namespaces
  std::string stage;         // its mounts
  uint32_t id_base = 0;      // 0: no user namespace
  std::string cgroup;        // of the task, as runc takes it ("/group/task")
  bool limits_swap = false;  // whether the kernel accounts it
  std::string files;         // host folder with hosts, resolv.conf, and hostname of each container
  std::string init_program;  // host path
  uint16_t endpoint_port = 0;
  uint32_t processes_max = kProcessesDefault;
  uint64_t open_files = kOpenFilesDefault;  // where the container does not say
};

// `index` of the container in the spec. The spec was checked.
std::string bundle_config(const TaskSpec& spec, size_t index, const image::ImageConfig& image,
                          const ImageUser& user, const TaskPlaces& places);

// Entry point and command, as the image and the container say.
std::vector<std::string> command_of(const ContainerSpec& container,
                                    const image::ImageConfig& image);
// What it is told by its environment, "NAME=value".
std::vector<std::string> environment_of(const TaskSpec& spec, const ContainerSpec& container,
                                        const image::ImageConfig& image, const ImageUser& user,
                                        uint16_t endpoint_port);
std::string hostname_of(const TaskSpec& spec, const ContainerSpec& container);
// The text of /etc/hosts.
std::string hosts_file(const TaskSpec& spec, const ContainerSpec& container);
// "SIGTERM", "TERM", "15"; SIGTERM where it is empty or unknown.
int signal_number(std::string_view name);

}  // namespace suiro::container
