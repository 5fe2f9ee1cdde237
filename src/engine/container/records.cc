// SPDX-License-Identifier: Apache-2.0
#include "engine/container/records.h"

#include <type_traits>

namespace suiro::container {

namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kElementsMax = 100'000;

// The lists of fields, below.
template <class A>
void visit(A& a, EnvironmentVariable& v);
template <class A>
void visit(A& a, Ulimit& v);
template <class A>
void visit(A& a, Tmpfs& v);
template <class A>
void visit(A& a, Mount& v);
template <class A>
void visit(A& a, Volume& v);
template <class A>
void visit(A& a, Dependency& v);
template <class A>
void visit(A& a, HealthCheck& v);
template <class A>
void visit(A& a, PortMapping& v);
template <class A>
void visit(A& a, RestartPolicy& v);
template <class A>
void visit(A& a, RegistryCredentials& v);
template <class A>
void visit(A& a, ContainerSpec& v);
template <class A>
void visit(A& a, TaskSpec& v);
template <class A>
void visit(A& a, ContainerReport& v);
template <class A>
void visit(A& a, TaskReport& v);
template <class A>
void visit(A& a, ContainerProgress& v);
template <class A>
void visit(A& a, TaskState& v);

// Writing and reading go through the same list of fields (visit below), so that they agree.
class Writer {
 public:
  template <class... T>
  void operator()(T&... fields) {
    (one(fields), ...);
  }
  Bytes bytes;

 private:
  void one(std::string& text) {
    append_be32(bytes, static_cast<uint32_t>(text.size()));
    bytes.append(text);
  }
  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void one(T& number) {
    append_be64(bytes, static_cast<uint64_t>(number));
  }
  template <class Rep, class Period>
  void one(std::chrono::duration<Rep, Period>& time) {
    append_be64(bytes, static_cast<uint64_t>(time.count()));
  }
  void one(TimePoint& time) {
    append_be64(bytes, static_cast<uint64_t>(time.time_since_epoch().count()));
  }
  template <class T>
  void one(std::vector<T>& list) {
    append_be32(bytes, static_cast<uint32_t>(list.size()));
    for (auto& element : list) one(element);
  }
  template <class T>
  void one(std::optional<T>& maybe) {
    bytes.push_back(maybe ? 1 : 0);
    if (maybe) one(*maybe);
  }
  void one(std::map<std::string, std::string>& map) {
    append_be32(bytes, static_cast<uint32_t>(map.size()));
    for (const auto& [key, value] : map) {
      std::string first = key, second = value;
      one(first);
      one(second);
    }
  }
  template <class T>
    requires(std::is_class_v<T>)
  void one(T& structure) {
    visit(*this, structure);
  }
};

class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  template <class... T>
  void operator()(T&... fields) {
    (one(fields), ...);
  }
  bool failed() const { return failed_; }
  bool done() const { return !failed_ && rest_.empty(); }

 private:
  ByteView take(size_t count) {
    if (failed_ || rest_.size() < count) {
      failed_ = true;
      return {};
    }
    ByteView taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  uint64_t number64() {
    ByteView taken = take(8);
    return failed_ ? 0 : read_be64(taken);
  }
  size_t count() {
    ByteView taken = take(4);
    uint32_t number = failed_ ? 0 : read_be32(taken);
    if (number > kElementsMax) failed_ = true;
    return failed_ ? 0 : number;
  }
  void one(std::string& text) {
    ByteView size = take(4);
    text = failed_ ? ByteView() : take(read_be32(size));
  }
  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void one(T& number) {
    number = static_cast<T>(number64());
  }
  template <class Rep, class Period>
  void one(std::chrono::duration<Rep, Period>& time) {
    time = std::chrono::duration<Rep, Period>(static_cast<Rep>(number64()));
  }
  void one(TimePoint& time) { time = TimePoint(Millis(static_cast<int64_t>(number64()))); }
  template <class T>
  void one(std::vector<T>& list) {
    size_t size = count();
    for (size_t i = 0; i < size && !failed_; ++i) one(list.emplace_back());
  }
  template <class T>
  void one(std::optional<T>& maybe) {
    ByteView present = take(1);
    if (failed_ || present[0] == 0) return;
    one(maybe.emplace());
  }
  void one(std::map<std::string, std::string>& map) {
    size_t size = count();
    for (size_t i = 0; i < size && !failed_; ++i) {
      std::string key, value;
      one(key);
      one(value);
      map[key] = value;
    }
  }
  template <class T>
    requires(std::is_class_v<T>)
  void one(T& structure) {
    visit(*this, structure);
  }

  ByteView rest_;
  bool failed_ = false;
};

template <class A>
void visit(A& a, EnvironmentVariable& v) {
  a(v.name, v.value);
}
template <class A>
void visit(A& a, Ulimit& v) {
  a(v.name, v.soft, v.hard);
}
template <class A>
void visit(A& a, Tmpfs& v) {
  a(v.path, v.size_mb, v.options);
}
template <class A>
void visit(A& a, Mount& v) {
  a(v.volume, v.path, v.access);
}
template <class A>
void visit(A& a, Volume& v) {
  a(v.name, v.host_path);
}
template <class A>
void visit(A& a, Dependency& v) {
  a(v.container, v.condition);
}
template <class A>
void visit(A& a, HealthCheck& v) {
  a(v.command, v.interval, v.timeout, v.retries, v.start_period);
}
template <class A>
void visit(A& a, PortMapping& v) {
  a(v.container_port, v.host_port, v.protocol);
}
template <class A>
void visit(A& a, RestartPolicy& v) {
  a(v.ignored_exit_codes, v.attempt_period);
}
template <class A>
void visit(A& a, RegistryCredentials& v) {
  a(v.user, v.password);
}
template <class A>
void visit(A& a, ContainerSpec& v) {
  a(v.name, v.image, v.essential, v.entry_point, v.command, v.working_directory, v.user,
    v.environment, v.cpu_units, v.memory_mb, v.memory_reservation_mb, v.read_only_root,
    v.init_process, v.ulimits, v.tmpfs, v.shared_memory_mb, v.mounts, v.volumes_from,
    v.dependencies, v.health_check, v.add_capabilities, v.drop_capabilities, v.ports, v.extra_hosts,
    v.system_controls, v.start_timeout, v.stop_timeout, v.restart, v.registry_credentials,
    v.hostname, v.privileged, v.full_output);
}
template <class A>
void visit(A& a, TaskSpec& v) {
  a(v.id, v.arn, v.family, v.containers, v.volumes, v.network, v.cpu_units, v.memory_mb,
    v.processes_max, v.disk_mb);
}
template <class A>
void visit(A& a, ContainerReport& v) {
  a(v.name, v.state, v.exit_code, v.reason, v.out_of_memory, v.health, v.image_digest, v.runtime_id,
    v.restarts, v.memory_peak_bytes, v.processor_time, v.started, v.stopped);
}
template <class A>
void visit(A& a, TaskReport& v) {
  a(v.id, v.containers, v.pull_started, v.pull_stopped, v.started, v.stopping, v.execution_stopped,
    v.stop_code, v.stopped_reason);
}
template <class A>
void visit(A& a, ContainerProgress& v) {
  a(v.attempt, v.finished, v.unstartable);
}
template <class A>
void visit(A& a, TaskState& v) {
  a(v.phase, v.boot_id, v.id_base, v.made_ms, v.stop_requested, v.report, v.progress);
}

template <class T>
Bytes encode(const T& structure) {
  Writer writer;
  writer.bytes.push_back(static_cast<char>(kVersion));
  visit(writer, const_cast<T&>(structure));  // a Writer changes nothing
  return std::move(writer.bytes);
}

template <class T>
Result<T> decode(ByteView bytes, std::string_view what) {
  if (bytes.empty() || static_cast<uint8_t>(bytes[0]) != kVersion) {
    return fail(codes::kCorrupt, std::string(what) + ": unknown version");
  }
  Reader reader(bytes.substr(1));
  T structure;
  visit(reader, structure);
  if (!reader.done()) return fail(codes::kCorrupt, std::string(what) + ": damaged");
  return structure;
}

}  // namespace

Bytes encode_spec(const TaskSpec& spec) {
  return encode(spec);
}
Result<TaskSpec> decode_spec(ByteView bytes) {
  return decode<TaskSpec>(bytes, "task spec");
}
Bytes encode_state(const TaskState& state) {
  return encode(state);
}
Result<TaskState> decode_state(ByteView bytes) {
  auto state = decode<TaskState>(bytes, "task state");
  if (state && state->progress.size() != state->report.containers.size()) {
    return fail(codes::kCorrupt, "task state: damaged");
  }
  return state;
}

}  // namespace suiro::container
