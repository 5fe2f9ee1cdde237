// SPDX-License-Identifier: Apache-2.0
#include "engine/container/bundle.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/container/json_text.h"
#include "engine/container/seccomp_profile.h"

namespace suiro::container {

namespace {

constexpr uint64_t kMegabyte = 1024 * 1024;
constexpr int kOomScore = 500;  // the machine's memory killer takes it before Suiro
constexpr auto kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

using Words = std::vector<std::string>;

const Words kMasked = {"/proc/asound",      "/proc/acpi",          "/proc/kcore",
                       "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
                       "/proc/timer_stats", "/proc/sched_debug",   "/proc/scsi",
                       "/proc/interrupts",  "/sys/firmware",       "/sys/devices/virtual/powercap",
                       "/sys/kernel/debug", "/sys/kernel/tracing"};
const Words kReadOnly = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

const ContainerSpec* find(const TaskSpec& spec, std::string_view name) {
  auto at = std::ranges::find(spec.containers, name, &ContainerSpec::name);
  return at == spec.containers.end() ? nullptr : &*at;
}

class Config {
 public:
  Config(const TaskSpec& spec, size_t index, const image::ImageConfig& image, const ImageUser& user,
         const TaskPlaces& places)
      : spec_(spec),
        container_(spec.containers[index]),
        index_(index),
        image_(image),
        user_(user),
        places_(places),
        capabilities_(capabilities_of(container_).value_or(Words{})) {}

  std::string text() {
    json_.open('{').member("ociVersion", "1.0.2");
    process();
    json_.key("root").open('{').member("path", fmt::format("{}/roots/{}", places_.stage, index_));
    json_.member("readonly", container_.read_only_root).close('}');
    json_.member("hostname", hostname_of(spec_, container_));
    mounts();
    json_.key("linux").open('{');
    namespaces();
    resources();
    system_controls();
    json_.member("cgroupsPath", fmt::format("{}/{}", places_.cgroup, index_));
    json_.member("rootfsPropagation", "private");
    if (!container_.privileged) {
      json_.member("maskedPaths", kMasked).member("readonlyPaths", kReadOnly);
      json_.key("seccomp").raw(seccomp_profile(capabilities_));
    }
    json_.close('}').close('}');
    return json_.take();
  }

 private:
  void process() {
    json_.key("process").open('{').member("terminal", false);
    json_.key("user").open('{').member("uid", user_.uid).member("gid", user_.gid);
    json_.key("additionalGids").open('[');
    for (uint32_t group : user_.groups) json_.value(group);
    json_.close(']').close('}');
    Words command = command_of(container_, image_);
    if (container_.init_process) command.insert(command.begin(), {"/dev/init", "init"});
    json_.member("args", command);
    json_.member("env", environment_of(spec_, container_, image_, user_, places_.endpoint_port));
    std::string directory = container_.working_directory;
    if (directory.empty()) directory = image_.working_dir;
    json_.member("cwd", directory.empty() ? "/" : directory);
    json_.key("capabilities").open('{').member("bounding", capabilities_);
    if (user_.uid == 0) {
      json_.member("effective", capabilities_).member("permitted", capabilities_);
    }
    json_.close('}');
    limits();
    json_.member("noNewPrivileges", !container_.privileged).member("oomScoreAdj", kOomScore);
    json_.close('}');
  }

  void limit(std::string_view name, uint64_t soft, uint64_t hard) {
    std::string full = "RLIMIT_" + std::string(name);
    for (char& c : full) c = static_cast<char>(::toupper(static_cast<unsigned char>(c)));
    json_.open('{').member("type", full).member("hard", hard).member("soft", soft).close('}');
  }
  void limits() {
    json_.key("rlimits").open('[');
    auto said = [&](std::string_view name) {
      return std::ranges::find(container_.ulimits, name, &Ulimit::name) != container_.ulimits.end();
    };
    if (!said("nofile")) limit("nofile", places_.open_files, places_.open_files);
    if (!said("core")) limit("core", 0, 0);
    for (const auto& one : container_.ulimits) limit(one.name, one.soft, one.hard);
    json_.close(']');
  }

  void mount(std::string_view type, std::string_view from, std::string_view to, Words options) {
    json_.open('{').member("destination", to).member("type", type).member("source", from);
    json_.member("options", options).close('}');
  }
  void bind(const std::string& from, std::string_view to, Access access) {
    mount("bind", from, to,
          {"bind", access == Access::kReadOnly ? "ro" : "rw", "nosuid", "nodev", "rprivate"});
  }
  void system_mounts() {
    mount("proc", "proc", "/proc", {"nosuid", "noexec", "nodev"});
    mount("tmpfs", "tmpfs", "/dev", {"nosuid", "strictatime", "mode=755", "size=65536k"});
    mount("devpts", "devpts", "/dev/pts",
          {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
    uint32_t shared = container_.shared_memory_mb;
    if (shared == 0) shared = kSharedMemoryMbDefault;
    mount("tmpfs", "shm", "/dev/shm",
          {"nosuid", "noexec", "nodev", "mode=1777", fmt::format("size={}m", shared)});
    mount("mqueue", "mqueue", "/dev/mqueue", {"nosuid", "noexec", "nodev"});
    std::string write = container_.privileged ? "rw" : "ro";
    if (spec_.network == NetworkMode::kHost) {
      // A new sysfs would need a network namespace of the container's own.
      mount("none", "/sys", "/sys", {"rbind", "nosuid", "noexec", "nodev", write, "rslave"});
    } else {
      mount("sysfs", "sysfs", "/sys", {"nosuid", "noexec", "nodev", write});
    }
    for (std::string name : {"hosts", "hostname"}) {
      bind(fmt::format("{}/{}.{}", places_.files, name, index_), "/etc/" + name, Access::kReadOnly);
    }
    bind(places_.files + "/resolv.conf", "/etc/resolv.conf", Access::kReadOnly);
    if (container_.init_process) {
      mount("bind", places_.init_program, "/dev/init", {"bind", "ro", "nosuid", "nodev"});
    }
  }
  void volume_mounts(const ContainerSpec& of) {
    for (const auto& wanted : of.mounts) {
      auto at = std::ranges::find(spec_.volumes, wanted.volume, &Volume::name);
      auto number = at - spec_.volumes.begin();
      bool own = at->host_path.empty();
      std::string from = own ? fmt::format("{}/disk/volume{}", places_.stage, number)
                             : fmt::format("{}/volumes/{}", places_.stage, number);
      bind(from, wanted.path, wanted.access);
    }
  }
  void mounts() {
    json_.key("mounts").open('[');
    system_mounts();
    for (const auto& name : container_.volumes_from) volume_mounts(*find(spec_, name));
    volume_mounts(container_);
    for (const auto& one : container_.tmpfs) {
      Words options = one.options;
      for (const char* always : {"nosuid", "nodev"}) options.emplace_back(always);
      options.push_back(fmt::format("size={}m", one.size_mb));
      mount("tmpfs", "tmpfs", one.path, options);
    }
    json_.close(']');
  }

  void name_space(std::string_view type, int descriptor) {
    json_.open('{').member("type", type);
    if (descriptor != 0) {
      json_.member("path", fmt::format("/proc/{}/fd/{}", places_.supervisor, descriptor));
    }
    json_.close('}');
  }
  void namespaces() {
    constexpr int kUser = 10, kNetwork = 11;  // supervisor.h: kUserNamespace, kNetworkNamespace
    json_.key("namespaces").open('[');
    for (const char* type : {"pid", "mount", "ipc", "uts", "cgroup"}) name_space(type, 0);
    if (spec_.network != NetworkMode::kHost) name_space("network", kNetwork);
    if (places_.id_base != 0) name_space("user", kUser);
    json_.close(']');
    if (places_.id_base == 0) return;
    for (const char* kind : {"uidMappings", "gidMappings"}) {
      json_.key(kind).open('[').open('{').member("containerID", 0);
      json_.member("hostID", places_.id_base).member("size", kIdsOfTask).close('}').close(']');
    }
  }

  void resources() {
    json_.key("resources").open('{');
    json_.key("devices").open('[').open('{');
    json_.member("allow", container_.privileged).member("access", "rwm").close('}').close(']');
    uint32_t memory_mb = container_.memory_mb != 0 ? container_.memory_mb : spec_.memory_mb;
    json_.key("memory").open('{');
    if (memory_mb != 0) {
      json_.member("limit", memory_mb * kMegabyte);
      if (places_.limits_swap) json_.member("swap", memory_mb * kMegabyte);
    }
    if (container_.memory_reservation_mb != 0) {
      json_.member("reservation", container_.memory_reservation_mb * kMegabyte);
    }
    json_.close('}');
    if (container_.cpu_units != 0) {
      json_.key("cpu").open('{').member("shares", std::max(2U, container_.cpu_units)).close('}');
    }
    json_.key("pids").open('{').member("limit", places_.processes_max).close('}');
    json_.close('}');
  }

  void system_controls() {
    json_.key("sysctl").open('{');
    for (const auto& [name, value] : container_.system_controls) json_.member(name, value);
    json_.close('}');
  }

  const TaskSpec& spec_;
  const ContainerSpec& container_;
  size_t index_;
  const image::ImageConfig& image_;
  const ImageUser& user_;
  const TaskPlaces& places_;
  Words capabilities_;
  JsonText json_;
};

}  // namespace

std::string bundle_config(const TaskSpec& spec, size_t index, const image::ImageConfig& image,
                          const ImageUser& user, const TaskPlaces& places) {
  return Config(spec, index, image, user, places).text();
}

Words command_of(const ContainerSpec& container, const image::ImageConfig& image) {
  // An entry point of the container's own leaves the image's command out.
  Words command = container.entry_point.empty() ? image.entrypoint : container.entry_point;
  const Words& rest =
      container.command.empty() && container.entry_point.empty() ? image.cmd : container.command;
  command.insert(command.end(), rest.begin(), rest.end());
  return command;
}

Words environment_of(const TaskSpec& spec, const ContainerSpec& container,
                     const image::ImageConfig& image, const ImageUser& user,
                     uint16_t endpoint_port) {
  std::vector<std::pair<std::string, std::string>> variables;
  auto set = [&](std::string name, std::string value) {
    auto at = std::ranges::find(variables, name, &std::pair<std::string, std::string>::first);
    if (at == variables.end()) {
      variables.emplace_back(std::move(name), std::move(value));
    } else {
      at->second = std::move(value);
    }
  };
  auto set_line = [&](const std::string& line) {
    size_t end = std::min(line.find('='), line.size());
    set(line.substr(0, end), line.substr(std::min(end + 1, line.size())));
  };
  set_line(kPath);
  set("HOSTNAME", hostname_of(spec, container));
  set("HOME", user.home);
  if (endpoint_port != 0) {
    set("AWS_ENDPOINT_URL", fmt::format("http://127.0.0.1:{}", endpoint_port));
  }
  for (const auto& line : image.env) set_line(line);
  for (const auto& variable : container.environment) set(variable.name, variable.value);
  Words lines;
  for (const auto& [name, value] : variables) lines.push_back(name + "=" + value);
  return lines;
}

std::string hostname_of(const TaskSpec& spec, const ContainerSpec& container) {
  return container.hostname.empty() ? "task-" + spec.id.substr(0, 12) : container.hostname;
}

std::string hosts_file(const TaskSpec& spec, const ContainerSpec& container) {
  std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  text += fmt::format("127.0.0.1 {}\n", hostname_of(spec, container));
  for (const auto& [name, address] : container.extra_hosts) {
    text += fmt::format("{} {}\n", address, name);
  }
  return text;
}

uint64_t open_files_here() {
  rlimit own{};
  if (::getrlimit(RLIMIT_NOFILE, &own) != 0) return 1024;
  return std::min<uint64_t>(own.rlim_max, kOpenFilesDefault);
}

int signal_number(std::string_view name) {
  int number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  bool whole = end == name.data() + name.size();
  if (error == std::errc() && whole && number > 0 && number < NSIG) return number;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (int i = 1; i < NSIG; ++i) {
    const char* known = ::sigabbrev_np(i);
    if (known != nullptr && name == known) return i;
  }
  return SIGTERM;
}

}  // namespace suiro::container
