// SPDX-License-Identifier: Apache-2.0
#include "engine/container/kubernetes_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/container/bundle.h"
#include "engine/container/kubernetes_json.h"
#include "engine/container/seccomp_profile.h"

namespace suiro::container::kubernetes {

namespace {

namespace json = boost::json;

constexpr size_t kLabelBytesMax = 63;  // "Object Names and IDs": RFC 1123 label names

template <class... Arguments>
std::unexpected<Error> refuse(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  return fail(codes::kInvalidArgument, fmt::format(text, std::forward<Arguments>(arguments)...) +
                                           " (tasks run as Kubernetes Jobs: [tasks] runner)");
}

bool is_label(std::string_view text) {
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= kLabelBytesMax && std::ranges::all_of(text, plain) &&
         !text.starts_with('-') && !text.ends_with('-');
}

// Names of containers have letters, digits, - and _ in ECS.
std::string label_of(std::string_view name, size_t index) {
  if (is_label(name)) return std::string(name);
  std::string out = fmt::format("c{}-", index);
  for (char c : name.substr(0, kLabelBytesMax - 8)) {
    out.push_back(std::isalnum(static_cast<unsigned char>(c)) != 0
                      ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
                      : '-');
  }
  while (out.ends_with('-')) out.pop_back();
  return out;
}

struct Ids {
  std::optional<uint32_t> user, group;
};

std::optional<uint32_t> number_of(std::string_view text) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Ids> ids_of(const ContainerSpec& c) {
  Ids ids;
  if (c.user.empty()) return ids;
  std::string_view text = c.user;
  size_t colon = text.find(':');
  ids.user = number_of(text.substr(0, colon));
  if (colon != text.npos) ids.group = number_of(text.substr(colon + 1));
  if (!ids.user || (colon != text.npos && !ids.group)) {
    return refuse("container {}: user {}: only numbers, \"uid\" or \"uid:gid\"", c.name, c.user);
  }
  return ids;
}

// What has no counterpart in a Pod, or another meaning there.
Result<void> check_container(const TaskSpec& spec, const ContainerSpec& c) {
  struct Line {
    bool used;
    std::string_view what;
  };
  const Line lines[] = {
      {c.privileged, "privileged"},
      {!c.ulimits.empty(), "ulimits"},
      {!c.system_controls.empty(), "systemControls"},
      {!c.ports.empty(), "portMappings"},
      {c.restart.has_value(), "restartPolicy"},
      {c.health_check.has_value(), "healthCheck"},
      {c.init_process, "initProcessEnabled"},
      {!c.volumes_from.empty(), "volumesFrom"},
      {!c.extra_hosts.empty(), "extraHosts"},
      {c.start_timeout.count() != 0, "startTimeout"},
      {c.registry_credentials.has_value(), "repositoryCredentials"},
      {!c.hostname.empty() && (spec.containers.size() > 1 || !is_label(c.hostname)), "hostname"},
  };
  for (const auto& line : lines) {
    if (line.used) return refuse("container {}: {} is not supported", c.name, line.what);
  }
  for (const auto& one : c.tmpfs) {
    if (!one.options.empty()) {
      return refuse("container {}: tmpfs {}: mountOptions are not supported", c.name, one.path);
    }
  }
  TRY_VOID(ids_of(c));
  TRY_VOID(capabilities_of(c));
  return ok();
}

Result<void> check_limits(const TaskSpec& spec) {
  if (spec.disk_mb != 0) return refuse("a size of the task's disk is not supported");
  if (spec.processes_max != 0) return refuse("a number of processes is not supported");
  if (spec.memory_mb == 0 || spec.containers.size() == 1) return ok();
  uint64_t sum = 0;
  for (const auto& c : spec.containers) {
    if (c.memory_mb == 0) {
      return refuse(
          "container {}: memory is needed where a task with memory has several containers", c.name);
    }
    sum += c.memory_mb;
  }
  if (sum > spec.memory_mb) return refuse("the containers' memory exceeds the task's");
  return ok();
}

Result<void> check_dependencies(const ContainerSpec& c) {
  for (const auto& dependency : c.dependencies) {
    if (dependency.condition == Dependency::Condition::kSuccess) continue;
    std::string_view name = dependency.condition == Dependency::Condition::kStart      ? "START"
                            : dependency.condition == Dependency::Condition::kComplete ? "COMPLETE"
                                                                                       : "HEALTHY";
    return refuse("container {}: dependsOn {} {}: only SUCCESS is supported", c.name,
                  dependency.container, name);
  }
  return ok();
}

bool depends(const ContainerSpec& c, std::string_view on) {
  return std::ranges::any_of(c.dependencies, [&](const auto& d) { return d.container == on; });
}

// Init containers run one after the other before all the rest: SUCCESS means this only where each
// waits for the one before it, and all others for the last.
Result<std::vector<std::string>> chain_of(const TaskSpec& spec) {
  std::set<std::string> awaited;
  for (const auto& c : spec.containers) {
    TRY_VOID(check_dependencies(c));
    for (const auto& dependency : c.dependencies) awaited.insert(dependency.container);
  }
  std::vector<std::string> chain;
  while (chain.size() < awaited.size()) {
    const ContainerSpec* next = nullptr;
    for (const auto& c : spec.containers) {
      if (!awaited.contains(c.name) || std::ranges::find(chain, c.name) != chain.end()) continue;
      bool open = std::ranges::any_of(c.dependencies, [&](const auto& d) {
        return std::ranges::find(chain, d.container) == chain.end();
      });
      bool follows = chain.empty() || depends(c, chain.back());
      if (!open && follows && next == nullptr) next = &c;
    }
    if (next == nullptr) {
      return refuse("dependsOn: the containers that others wait for must form one chain");
    }
    if (next->essential) {
      return refuse("container {}: an essential container that others wait for", next->name);
    }
    chain.push_back(next->name);
  }
  for (const auto& c : spec.containers) {
    if (chain.empty() || awaited.contains(c.name) || depends(c, chain.back())) continue;
    return refuse("container {}: it does not wait for {}, but a Job would make it wait", c.name,
                  chain.back());
  }
  if (chain.size() == spec.containers.size()) return refuse("dependsOn: circular");
  return chain;
}

std::string mebibytes(uint64_t count) {
  return fmt::format("{}Mi", count);
}

std::string millicores(uint32_t cpu_units) {
  return fmt::format("{}m", std::max<uint64_t>(1, uint64_t{cpu_units} * 1000 / 1024));
}

// ECS's cpu of a container is a share: what is requested. The task's is an upper bound.
json::object resources_of(const TaskSpec& spec, const ContainerSpec& c) {
  json::object limits, requests;
  bool alone = spec.containers.size() == 1;
  uint32_t memory = c.memory_mb != 0 ? c.memory_mb : alone ? spec.memory_mb : 0;
  if (alone && spec.memory_mb != 0) memory = std::min(memory, spec.memory_mb);
  uint32_t reserved = c.memory_reservation_mb != 0 ? c.memory_reservation_mb : memory;
  uint32_t cpu = c.cpu_units != 0 ? c.cpu_units : alone ? spec.cpu_units : 0;
  if (memory != 0) limits["memory"] = mebibytes(memory);
  if (reserved != 0) requests["memory"] = mebibytes(reserved);
  if (spec.cpu_units != 0) limits["cpu"] = millicores(spec.cpu_units);
  // Without a request Kubernetes would request the limit, for each container.
  if (cpu != 0 || spec.cpu_units != 0) requests["cpu"] = millicores(cpu);
  json::object out;
  if (!limits.empty()) out["limits"] = std::move(limits);
  if (!requests.empty()) out["requests"] = std::move(requests);
  return out;
}

json::object security_of(const ContainerSpec& c) {
  json::object out{{"allowPrivilegeEscalation", false},
                   {"readOnlyRootFilesystem", c.read_only_root},
                   {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  json::array added;
  for (const auto& name : capabilities_of(c).value_or(std::vector<std::string>())) {
    added.emplace_back(name.substr(std::string_view("CAP_").size()));
  }
  json::object capabilities{{"drop", json::array{"ALL"}}};
  if (!added.empty()) capabilities["add"] = std::move(added);
  out["capabilities"] = std::move(capabilities);
  auto ids = ids_of(c).value_or(Ids{});
  if (ids.user) out["runAsUser"] = *ids.user;
  if (ids.group) out["runAsGroup"] = *ids.group;
  return out;
}

// "$(NAME)" would be replaced in a Pod: a doubled $ keeps it ("Define Dependent Environment
// Variables").
std::string literal(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out.push_back(text[i]);
    bool opens = i + 1 < text.size() && (text[i + 1] == '(' || text[i + 1] == '$');
    if (text[i] == '$' && opens) out.push_back('$');
  }
  return out;
}

json::array words_of(const std::vector<std::string>& words) {
  json::array out;
  for (const auto& word : words) out.emplace_back(literal(word));
  return out;
}

// A loopback address in a Pod is not this machine.
bool is_here(std::string_view url) {
  return url.contains("://127.") || url.contains("://localhost") || url.contains("://[::1]") ||
         url.contains("://0.0.0.0");
}

json::array environment_of(const ContainerSpec& c, const KubernetesConfig& config) {
  json::array out;
  for (const auto& [name, value] : c.environment) {
    std::string given = value;
    if (name == "AWS_ENDPOINT_URL" && is_here(value)) {
      if (config.endpoint.empty()) continue;
      given = config.endpoint;
    }
    // Later ones of the same name replace earlier ones, as in ECS.
    auto same = std::ranges::find_if(
        out, [&](const json::value& one) { return text_at(one, {"name"}) == name; });
    if (same != out.end()) out.erase(same);
    out.push_back({{"name", name}, {"value", literal(given)}});
  }
  return out;
}

// Writes the pod's document, collecting volumes from its containers.
class PodWriter {
 public:
  PodWriter(const TaskSpec& spec, const std::vector<Part>& parts, const KubernetesConfig& config)
      : spec_(spec), parts_(parts), config_(config) {}

  json::object pod() {
    for (size_t i = 0; i < spec_.volumes.size(); ++i) {
      volumes_.push_back({{"name", fmt::format("volume-{}", i)}, {"emptyDir", json::object()}});
    }
    json::array containers;
    std::chrono::seconds grace{0};
    for (size_t i = 0; i < parts_.size(); ++i) {
      grace = std::max(grace, spec_.containers[i].stop_timeout);
      auto one = container(i);
      if (!parts_[i].first) containers.push_back(std::move(one));
    }
    json::object out{{"restartPolicy", "Never"},
                     {"automountServiceAccountToken", false},
                     {"enableServiceLinks", false},
                     {"terminationGracePeriodSeconds", grace.count()},
                     {"containers", std::move(containers)}};
    if (json::array first = init_containers(); !first.empty()) {
      out["initContainers"] = std::move(first);
    }
    if (!volumes_.empty()) out["volumes"] = std::move(volumes_);
    if (!config_.image_pull_secret.empty()) {
      out["imagePullSecrets"] = json::array{{{"name", config_.image_pull_secret}}};
    }
    const auto& hostname = spec_.containers.front().hostname;
    if (!hostname.empty()) out["hostname"] = hostname;
    return out;
  }

 private:
  // In the order of the chain: each waits for as many as stand before it.
  json::array init_containers() {
    std::vector<std::string> chain = chain_of(spec_).value_or(std::vector<std::string>());
    json::array out;
    for (const auto& name : chain) {
      for (size_t i = 0; i < parts_.size(); ++i) {
        if (parts_[i].name == name) out.push_back(written_.at(i));
      }
    }
    return out;
  }

  json::object container(size_t index) {
    const ContainerSpec& c = spec_.containers[index];
    json::object out{{"name", parts_[index].as}, {"image", c.image}};
    if (!c.entry_point.empty()) out["command"] = words_of(c.entry_point);
    if (!c.command.empty()) out["args"] = words_of(c.command);
    if (!c.working_directory.empty()) out["workingDir"] = c.working_directory;
    if (auto variables = environment_of(c, config_); !variables.empty()) {
      out["env"] = std::move(variables);
    }
    if (auto resources = resources_of(spec_, c); !resources.empty()) {
      out["resources"] = std::move(resources);
    }
    out["securityContext"] = security_of(c);
    if (auto found = mounts(index); !found.empty()) out["volumeMounts"] = std::move(found);
    written_[index] = out;
    return out;
  }

  json::array mounts(size_t index) {
    const ContainerSpec& c = spec_.containers[index];
    json::array out;
    for (const auto& mount : c.mounts) {
      auto at = std::ranges::find(spec_.volumes, mount.volume, &Volume::name);
      out.push_back({{"name", fmt::format("volume-{}", at - spec_.volumes.begin())},
                     {"mountPath", mount.path},
                     {"readOnly", mount.access == Access::kReadOnly}});
    }
    size_t number = 0;
    auto memory = [&](const std::string& path, uint32_t size_mb) {
      std::string name = fmt::format("memory-{}-{}", index, number++);
      json::object source{{"medium", "Memory"}, {"sizeLimit", mebibytes(size_mb)}};
      volumes_.push_back({{"name", name}, {"emptyDir", std::move(source)}});
      out.push_back({{"name", name}, {"mountPath", path}});
    };
    for (const auto& one : c.tmpfs) memory(one.path, one.size_mb);
    if (c.shared_memory_mb != 0) memory("/dev/shm", c.shared_memory_mb);
    return out;
  }

  const TaskSpec& spec_;
  const std::vector<Part>& parts_;
  const KubernetesConfig& config_;
  json::array volumes_;
  std::map<size_t, json::object> written_;
};

}  // namespace

std::string job_name(const std::string& task_id) {
  return "suiro-" + task_id;
}

Result<std::vector<Part>> plan(const TaskSpec& spec) {
  if (spec.network == NetworkMode::kHost) return refuse("networkMode host is not supported");
  if (spec.network == NetworkMode::kNone) {
    return refuse("networkMode none is not supported: a Pod has the cluster's network");
  }
  for (const auto& volume : spec.volumes) {
    if (!volume.host_path.empty()) {
      return refuse("volume {}: folders of the host are not supported", volume.name);
    }
  }
  // What holds for every runner: names, paths, sizes.
  TRY_VOID(check_spec(spec, {}));
  for (const auto& c : spec.containers) TRY_VOID(check_container(spec, c));
  TRY_VOID(check_limits(spec));
  TRY(auto chain, chain_of(spec));
  std::vector<Part> parts;
  std::set<std::string> used;
  for (size_t i = 0; i < spec.containers.size(); ++i) {
    const ContainerSpec& c = spec.containers[i];
    bool first = std::ranges::find(chain, c.name) != chain.end();
    parts.push_back({c.name, label_of(c.name, i), c.essential, first});
    if (!used.insert(parts.back().as).second) {
      return refuse("container {}: its name and another's are one in lower case", c.name);
    }
  }
  return parts;
}

json::object job_of(const TaskSpec& spec, const std::vector<Part>& parts,
                    const KubernetesConfig& config) {
  json::object labels{{kTaskLabel, spec.id}, {kInstanceLabel, config.instance}};
  json::array told;
  for (const auto& part : parts) {
    told.push_back({{"name", part.name},
                    {"as", part.as},
                    {"essential", part.essential},
                    {"first", part.first}});
  }
  json::object annotations{{"suiro/arn", spec.arn},
                           {"suiro/family", spec.family},
                           {kContainersAnnotation, json::serialize(told)}};
  json::object pod{{"metadata", {{"labels", labels}}},
                   {"spec", PodWriter(spec, parts, config).pod()}};
  return {
      {"apiVersion", "batch/v1"},
      {"kind", "Job"},
      {"metadata", {{"name", job_name(spec.id)}, {"labels", labels}, {"annotations", annotations}}},
      {"spec", {{"backoffLimit", 0}, {"parallelism", 1}, {"completions", 1}, {"template", pod}}}};
}

Result<std::vector<Part>> parts_of(const json::value& job) {
  auto corrupt = fail(codes::kCorrupt, fmt::format("no readable {}", kContainersAnnotation));
  std::string text = text_at(job, {"metadata", "annotations", kContainersAnnotation});
  boost::system::error_code error;
  json::value told = json::parse(text, error);
  const auto* list = told.if_array();
  if (error || list == nullptr || list->empty() || list->size() > kContainersMax) return corrupt;
  std::vector<Part> parts;
  for (const auto& one : *list) {
    const auto* essential = value_at(one, {"essential"});
    const auto* first = value_at(one, {"first"});
    Part part{text_at(one, {"name"}), text_at(one, {"as"}),
              essential != nullptr && *essential == true, first != nullptr && *first == true};
    if (part.name.empty() || !is_label(part.as)) return corrupt;
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace suiro::container::kubernetes
