// SPDX-License-Identifier: Apache-2.0
#include "server/settings.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace suiro::server {
namespace {

std::string place(const std::filesystem::path& file, const toml::source_region& source) {
  return fmt::format("{}:{}:{}", file.string(), source.begin.line, source.begin.column);
}

// Takes the values of a table out one by one; what is left at the end is unknown.
class TableReader {
 public:
  TableReader(const std::filesystem::path& file, const toml::table& table, std::string name)
      : file_(file), table_(table), name_(std::move(name)) {}

  template <class T>
  Result<void> take(std::string_view key, T& out) {
    known_.emplace_back(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return ok();
    auto value = node->value_exact<T>();
    if (!value) return wrong(*node, key, expected<T>());
    out = *std::move(value);
    return ok();
  }

  template <class T, class Set>
  Result<void> take(std::string_view key, Set set) {
    T value{};
    bool present = table_.contains(key);
    TRY_VOID(take(key, value));
    if (present) set(value);
    return ok();
  }

  // Sections that are written [[key]].
  Result<std::vector<const toml::table*>> sections(std::string_view key) {
    known_.emplace_back(key);
    std::vector<const toml::table*> out;
    const toml::node* node = table_.get(key);
    if (node == nullptr) return out;
    if (!node->is_array_of_tables()) {
      TRY_VOID(wrong(*node, key, fmt::format("sections, each begun by [[{}]]", key)));
    }
    for (const auto& one : *node->as_array()) out.push_back(one.as_table());
    return out;
  }

  // One of `values`, by its place among them.
  Result<void> take_choice(std::string_view key, std::span<const std::string_view> values,
                           std::function<void(size_t)> set) {
    std::string text;
    TRY_VOID(take(key, text));
    if (!table_.contains(key)) return ok();
    auto found = std::ranges::find(values, text);
    if (found == values.end()) {
      return wrong(*table_.get(key), key, fmt::format("one of: {}", fmt::join(values, ", ")));
    }
    set(static_cast<size_t>(found - values.begin()));
    return ok();
  }

  // A list of texts.
  Result<void> take_texts(std::string_view key, std::vector<std::string>& out) {
    known_.emplace_back(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return ok();
    const toml::array* list = node->as_array();
    if (list == nullptr) return wrong(*node, key, "a list of texts in quotes");
    out.clear();
    for (const auto& one : *list) {
      auto text = one.value_exact<std::string>();
      if (!text) return wrong(one, key, "a list of texts in quotes");
      out.push_back(*std::move(text));
    }
    return ok();
  }

  const toml::table* section(std::string_view key) {
    known_.emplace_back(key);
    return table_.get_as<toml::table>(key);
  }

  Result<void> finish() const {
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      return fail(
          codes::kInvalidArgument,
          fmt::format("{}: there is no setting {}{}; known here: {}", place(file_, node.source()),
                      name_, key.str(), fmt::join(known_, ", ")));
    }
    return ok();
  }

 private:
  template <class T>
  static std::string_view expected() {
    if constexpr (std::is_same_v<T, bool>) return "true or false";
    if constexpr (std::is_same_v<T, int64_t>) return "a whole number";
    return "a text in quotes";
  }
  Result<void> wrong(const toml::node& node, std::string_view key, std::string_view want) const {
    return fail(codes::kInvalidArgument,
                fmt::format("{}: {}{} must be {}", place(file_, node.source()), name_, key, want));
  }

  const std::filesystem::path& file_;
  const toml::table& table_;
  std::string name_;
  std::vector<std::string> known_;
};

Result<relay::RelayConfig> read_relay(const std::filesystem::path& file, const toml::table& table) {
  constexpr std::string_view kStarts[] = {"latest", "trim_horizon"};
  constexpr std::string_view kPuts[] = {"each", "atomic"};
  relay::RelayConfig out;
  TableReader reader(file, table, "relay.");
  TRY_VOID(reader.take("name", out.name));
  TRY_VOID(reader.take("source", out.source));
  TRY_VOID(reader.take("endpoint", out.endpoint));
  TRY_VOID(reader.take("region", out.region));
  TRY_VOID(reader.take("stream", out.stream));
  TRY_VOID(reader.take("credentials", out.credentials));
  TRY_VOID(reader.take("profile", out.profile));
  TRY_VOID(reader.take_choice("start", kStarts,
                              [&](size_t place) { out.start = static_cast<relay::Start>(place); }));
  TRY_VOID(reader.take_choice("puts", kPuts,
                              [&](size_t place) { out.puts = static_cast<relay::Puts>(place); }));
  TRY_VOID(reader.finish());
  return out;
}

Result<void> read_analytics(const std::filesystem::path& file, const toml::table& table,
                            AnalyticsSettings& s) {
  TableReader analytics(file, table, "analytics.");
  TRY_VOID(analytics.take<int64_t>("heartbeat_ms", [&](int64_t n) { s.heartbeat_ms = n; }));
  TRY_VOID(
      analytics.take<int64_t>("checkpoint_seconds", [&](int64_t n) { s.checkpoint_seconds = n; }));
  TRY_VOID(analytics.take<int64_t>("state_mb", [&](int64_t n) { s.state_mb = n; }));
  for (const sql::SwitchInfo& each : sql::all_switches()) {
    TRY_VOID(analytics.take_choice(each.name, each.values,
                                   [&](size_t value) { each.set(s.switches, value); }));
  }
  return analytics.finish();
}

Result<void> read_kubernetes(const std::filesystem::path& file, const toml::table& table,
                             KubernetesSettings& s) {
  TableReader cluster(file, table, "tasks.kubernetes.");
  TRY_VOID(cluster.take("url", s.url));
  TRY_VOID(cluster.take("instance", s.instance));
  TRY_VOID(cluster.take("namespace", s.name_space));
  TRY_VOID(cluster.take("token_file", s.token_file));
  TRY_VOID(cluster.take("ca_file", s.ca_file));
  TRY_VOID(cluster.take("image_pull_secret", s.image_pull_secret));
  TRY_VOID(cluster.take("endpoint", s.endpoint));
  TRY_VOID(cluster.take<int64_t>("poll_ms", [&](int64_t n) { s.poll_ms = n; }));
  return cluster.finish();
}

Result<void> read_tasks(const std::filesystem::path& file, const toml::table& table,
                        TasksSettings& s) {
  TableReader tasks(file, table, "tasks.");
  TRY_VOID(tasks.take<int64_t>("cpu_units", [&](int64_t n) { s.cpu_units = n; }));
  TRY_VOID(tasks.take<int64_t>("memory_mb", [&](int64_t n) { s.memory_mb = n; }));
  TRY_VOID(tasks.take("strict", s.strict));
  TRY_VOID(tasks.take<int64_t>("keep_stopped_hours", [&](int64_t n) { s.keep_stopped_hours = n; }));
  TRY_VOID(tasks.take("log_group", s.log_group));
  TRY_VOID(tasks.take_texts("host_volumes", s.host_volumes));
  TRY_VOID(tasks.take("allow_privileged", s.allow_privileged));
  TRY_VOID(tasks.take("allow_host_network", s.allow_host_network));
  TRY_VOID(tasks.take<int64_t>("disk_mb", [&](int64_t n) { s.disk_mb = n; }));
  TRY_VOID(tasks.take("runner", s.runner));
  if (const auto* cluster = tasks.section("kubernetes")) {
    TRY_VOID(read_kubernetes(file, *cluster, s.kubernetes));
  }
  return tasks.finish();
}

Result<void> read_schedules(const std::filesystem::path& file, const toml::table& table,
                            ScheduleSettings& s) {
  TableReader schedules(file, table, "schedules.");
  TRY_VOID(schedules.take("catchup", s.catchup));
  TRY_VOID(schedules.take("max_delay", s.max_delay));
  TRY_VOID(schedules.take("jitter", s.jitter));
  return schedules.finish();
}

Result<void> read_states(const std::filesystem::path& file, const toml::table& table,
                         StatesSettings& s) {
  TableReader states(file, table, "states.");
  TRY_VOID(states.take("events_max", s.events_max));
  TRY_VOID(states.take("payload_bytes_max", s.payload_bytes_max));
  TRY_VOID(states.take("open_executions_max", s.open_executions_max));
  TRY_VOID(states.take("map_children_max", s.map_children_max));
  TRY_VOID(states.take("cache_mb", s.cache_mb));
  return states.finish();
}

Result<void> read_http(const std::filesystem::path& file, const toml::table& table,
                       HttpSettings& s) {
  TableReader http(file, table, "http.");
  TRY_VOID(http.take("allow_private_endpoints", s.allow_private_endpoints));
  return http.finish();
}

// Whether it can stand in a path of the API and in a label ("Object Names and IDs").
bool is_dns_label(std::string_view text) {
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, plain) &&
         !text.starts_with('-') && !text.ends_with('-');
}

Result<void> check_kubernetes(const KubernetesSettings& s) {
  auto bad = [](std::string text) {
    return fail(codes::kInvalidArgument, "tasks.kubernetes." + std::move(text));
  };
  bool local = s.url.starts_with("http://127.0.0.1") || s.url.starts_with("http://localhost");
  if (!s.url.starts_with("https://") && !local) {
    return bad("url must begin with https:// (http:// for loopback addresses alone)");
  }
  if (s.url.ends_with('/')) return bad("url must not end with /");
  if (!is_dns_label(s.instance)) {
    return bad("instance must be lower-case letters, digits and -: it tells this server's Jobs");
  }
  if (!is_dns_label(s.name_space)) return bad("namespace must be a DNS label");
  if (s.token_file.empty() && !local) return bad("token_file must not be empty");
  if (s.poll_ms < 100 || s.poll_ms > 60'000) return bad("poll_ms must be between 100 and 60000");
  return ok();
}

Result<void> check_states(const StatesSettings& s) {
  auto check = [](std::string_view name, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return ok();
    return Result<void>(
        fail(codes::kInvalidArgument,
             fmt::format("states.{} must be between {} and {}", name, least, most)));
  };
  TRY_VOID(check("events_max", s.events_max, 100, 10'000'000));
  TRY_VOID(check("payload_bytes_max", s.payload_bytes_max, 1024, 16 << 20));
  TRY_VOID(check("open_executions_max", s.open_executions_max, 1, 100'000'000));
  TRY_VOID(check("map_children_max", s.map_children_max, 1, 10'000));
  return check("cache_mb", s.cache_mb, 0, 1'048'576);
}

Result<void> check_tasks(const TasksSettings& s) {
  auto bad = [](std::string text) { return fail(codes::kInvalidArgument, std::move(text)); };
  constexpr int64_t kCpuUnitsMax = 1024 * 1024, kMemoryMbMax = 16 * 1024 * 1024;
  if (s.cpu_units < 0 || s.cpu_units > kCpuUnitsMax) {
    return bad(fmt::format("tasks.cpu_units must be between 0 and {}", kCpuUnitsMax));
  }
  if (s.memory_mb < 0 || s.memory_mb > kMemoryMbMax) {
    return bad(fmt::format("tasks.memory_mb must be between 0 and {}", kMemoryMbMax));
  }
  if (s.keep_stopped_hours < 1 || s.keep_stopped_hours > 24 * 365) {
    return bad("tasks.keep_stopped_hours must be between 1 and 8760");
  }
  if (s.log_group.empty()) return bad("tasks.log_group must not be empty");
  if (s.disk_mb < 64 || s.disk_mb > 1'048'576) {
    return bad("tasks.disk_mb must be between 64 and 1048576");
  }
  if (s.runner != "runc" && s.runner != "kubernetes") {
    return bad("tasks.runner must be \"runc\" or \"kubernetes\"");
  }
  if (s.runner == "kubernetes") TRY_VOID(check_kubernetes(s.kubernetes));
  for (const auto& folder : s.host_volumes) {
    if (!folder.starts_with('/')) {
      return bad(fmt::format("tasks.host_volumes: '{}' must be an absolute path", folder));
    }
  }
  return ok();
}

Result<void> read_tables(const std::filesystem::path& file, const toml::table& root, Settings& s) {
  TableReader top(file, root, "");
  TRY_VOID(top.take<std::string>("data", [&](auto& text) { s.data = text; }));
  TRY_VOID(top.take("listen", s.listen));
  TRY_VOID(top.take("region", s.region));
  TRY_VOID(top.take("account", s.account));
  TRY_VOID(top.take("domain", s.domain));
  TRY_VOID(top.take<bool>("auth", [&](bool on) { s.auth = on ? Auth::kOn : Auth::kOff; }));
  TRY_VOID(top.take("iam", s.iam));
  TRY_VOID(top.take<int64_t>("shards", [&](int64_t n) { s.shards = static_cast<size_t>(n); }));
  TRY_VOID(top.take("log_level", s.log_level));
  if (const auto* table = top.section("tls")) {
    TableReader tls(file, *table, "tls.");
    TRY_VOID(tls.take("certificate", s.tls_certificate));
    TRY_VOID(tls.take("key", s.tls_key));
    TRY_VOID(tls.finish());
  }
  if (const auto* table = top.section("encryption")) {
    TableReader encryption(file, *table, "encryption.");
    TRY_VOID(encryption.take("enabled", s.encryption));
    TRY_VOID(encryption.take("key_file", s.encryption_key_file));
    TRY_VOID(encryption.finish());
  }
  if (const auto* table = top.section("sandbox")) {
    TableReader sandbox(file, *table, "sandbox.");
    TRY_VOID(sandbox.take<bool>("allow_unsandboxed", [&](bool allow) {
      s.sandboxing = allow ? Sandboxing::kBestEffort : Sandboxing::kRequired;
    }));
    TRY_VOID(sandbox.take<int64_t>(
        "memory_mb", [&](int64_t mb) { s.sandbox_memory_mb = static_cast<uint64_t>(mb); }));
    TRY_VOID(sandbox.finish());
  }
  if (const auto* table = top.section("kinesis")) {
    TableReader kinesis(file, *table, "kinesis.");
    TRY_VOID(kinesis.take("limits", s.kinesis_limits));
    TRY_VOID(kinesis.finish());
  }
  if (const auto* table = top.section("analytics")) {
    TRY_VOID(read_analytics(file, *table, s.analytics));
  }
  if (const auto* table = top.section("tasks")) {
    TRY_VOID(read_tasks(file, *table, s.tasks));
  }
  if (const auto* table = top.section("states")) {
    TRY_VOID(read_states(file, *table, s.states));
  }
  if (const auto* table = top.section("http")) {
    TRY_VOID(read_http(file, *table, s.http));
  }
  if (const auto* table = top.section("schedules")) {
    TRY_VOID(read_schedules(file, *table, s.schedules));
  }
  if (const auto* table = top.section("access_log")) {
    TableReader log(file, *table, "access_log.");
    TRY_VOID(log.take("bucket", s.access_log_bucket));
    TRY_VOID(log.take("prefix", s.access_log_prefix));
    TRY_VOID(log.take<int64_t>("interval_minutes", [&](int64_t minutes) {
      s.access_log_interval = std::chrono::minutes(minutes);
    }));
    TRY_VOID(log.finish());
  }
  TRY(auto relays, top.sections("relay"));
  for (const auto* table : relays) {
    TRY(auto relay, read_relay(file, *table));
    s.relays.push_back(std::move(relay));
  }
  return top.finish();
}

}  // namespace

std::filesystem::path default_data_directory() {
  auto variable = [](const char* name) { return std::getenv(name); };
  if (const char* data = variable("SUIRO_DATA")) return data;
  if (const char* xdg = variable("XDG_DATA_HOME")) return std::filesystem::path(xdg) / "suiro";
  const char* home = variable("HOME");
  return std::filesystem::path(home ? home : ".") / ".local" / "share" / "suiro";
}

Result<void> load_settings(const std::filesystem::path& file, Settings& settings) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(codes::kInvalidArgument, fmt::format("{}: cannot be read", file.string()));
  std::ostringstream text;
  text << in.rdbuf();
  toml::parse_result parsed = toml::parse(text.str(), file.string());
  if (!parsed) {
    return fail(codes::kInvalidArgument, fmt::format("{}: {}", place(file, parsed.error().source()),
                                                     std::string(parsed.error().description())));
  }
  return read_tables(file, parsed.table(), settings);
}

Result<void> validate(const Settings& s) {
  auto bad = [](std::string text) { return fail(codes::kInvalidArgument, std::move(text)); };
  TRY_VOID(parse_address(s.listen));
  if (s.account.size() != 12 || s.account.find_first_not_of("0123456789") != s.account.npos) {
    return bad(fmt::format("account '{}' must be 12 digits", s.account));
  }
  if (s.region.empty()) return bad("region must not be empty");
  if (s.tls_certificate.empty() != s.tls_key.empty()) {
    return bad("TLS needs both tls.certificate and tls.key");
  }
  constexpr size_t kShardsMax = 256;
  if (s.shards > kShardsMax) return bad(fmt::format("shards must be at most {}", kShardsMax));
  if (s.access_log_interval < std::chrono::minutes(1) ||
      s.access_log_interval > std::chrono::minutes(60)) {
    return bad("access_log.interval_minutes must be from 1 to 60");
  }
  const AnalyticsSettings& analytics = s.analytics;
  if (analytics.heartbeat_ms < 0 || analytics.heartbeat_ms > 3'600'000) {
    return bad("analytics.heartbeat_ms must be between 0 and 3600000");
  }
  if (analytics.checkpoint_seconds < 1 || analytics.checkpoint_seconds > 3'600) {
    return bad("analytics.checkpoint_seconds must be between 1 and 3600");
  }
  if (analytics.state_mb < 16 || analytics.state_mb > 1'048'576) {
    return bad("analytics.state_mb must be between 16 and 1048576");
  }
  if (s.iam != "lenient" && s.iam != "strict") {
    return bad("iam must be \"lenient\" or \"strict\"");
  }
  if (s.kinesis_limits != "none" && s.kinesis_limits != "aws") {
    return bad("kinesis.limits must be \"none\" or \"aws\"");
  }
  TRY_VOID(check_tasks(s.tasks));
  TRY_VOID(check_states(s.states));
  TRY_VOID(schedule_policy(s.schedules));
  std::set<std::string> names;
  for (const auto& relay : s.relays) {
    TRY_VOID(relay::check(relay));
    if (!names.insert(relay.name).second) {
      return bad(fmt::format("relay '{}': the name is used twice", relay.name));
    }
  }
  if (!s.encryption && !s.encryption_key_file.empty()) {
    return bad("encryption.key_file is set, but encryption.enabled is not true");
  }
  return ok();
}

Result<scheduler::Policy> schedule_policy(const ScheduleSettings& s) {
  scheduler::Policy out;
  const std::pair<const char*, const std::string*> kAll[] = {
      {"catchup", &s.catchup}, {"max-delay", &s.max_delay}, {"jitter", &s.jitter}};
  for (const auto& [name, value] : kAll) {
    if (auto set = out.set(name, *value); !set) {
      return fail(codes::kInvalidArgument,
                  fmt::format("schedules: {} = \"{}\": {}", name, *value, set.error().message));
    }
  }
  return out;
}

Result<Address> parse_address(std::string_view text) {
  size_t colon = text.rfind(':');
  auto bad = [&] {
    return fail(
        codes::kInvalidArgument,
        fmt::format("'{}' is not an address; expected host:port, as in 127.0.0.1:4566", text));
  };
  if (colon == text.npos || colon == 0) return bad();
  std::string_view host = text.substr(0, colon), port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  Address out{std::string(host), 0};
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size()) return bad();
  return out;
}

}  // namespace suiro::server
