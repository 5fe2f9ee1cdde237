// SPDX-License-Identifier: Apache-2.0
// Settings of `suiro up`: defaults, then the configuration file, then flags. Each is named alike in
// the file (docs/configuration.md) and on the command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/sql/switches.h"
#include "services/relay/config.h"
#include "services/scheduler/policy.h"

namespace suiro::server {

enum class Auth { kOn, kOff };
enum class Sandboxing { kRequired, kBestEffort };

// [analytics]: SQL applications.
struct AnalyticsSettings {
  int64_t heartbeat_ms = 1'000;  // how soon silent inputs close windows; 0: never
  int64_t checkpoint_seconds = 10;
  int64_t state_mb = 1'024;  // of one application's operators together
  sql::Switches switches;    // what the service's documents leave open
};

// [tasks.kubernetes]: the cluster to which tasks are sent, with runner = "kubernetes".
struct KubernetesSettings {
  std::string url;       // of the API server
  std::string instance;  // tells this server's Jobs from those of others in the namespace
  std::string name_space = "default";
  std::string token_file;
  std::string ca_file;  // PEM; empty: the system's
  std::string image_pull_secret;
  std::string endpoint;  // where Pods reach this server
  int64_t poll_ms = 2'000;
};

// [tasks]: container tasks.
struct TasksSettings {
  int64_t cpu_units = 0;            // 1,024 are one core; 0: the machine's
  int64_t memory_mb = 0;            // 0: the machine's, less a reserve
  bool strict = false;              // whether a task that does not fit now is refused, as by AWS
  int64_t keep_stopped_hours = 24;  // how long a stopped task can be described
  std::string log_group = "/suiro/tasks";  // of containers without a logConfiguration
  std::vector<std::string> host_volumes;   // folders that volumes of tasks may be in
  bool allow_privileged = false;
  bool allow_host_network = false;
  int64_t disk_mb = 4096;       // of a task
  std::string runner = "runc";  // or "kubernetes"
  KubernetesSettings kubernetes;
};

// [schedules]: what holds where a schedule's group says nothing else;
// src/services/scheduler/README.md.
struct ScheduleSettings {
  std::string catchup = "last";
  std::string max_delay = "24h";
  std::string jitter = "0s";
};

// [states]: workflows; the defaults are AWS's quotas.
struct StatesSettings {
  int64_t events_max = 25'000;  // of a Standard execution's history
  int64_t payload_bytes_max = 262'144;
  int64_t open_executions_max = 1'000'000;
  int64_t map_children_max = 10'000;  // of one distributed Map, in flight
  int64_t cache_mb = 64;              // of executions that wait
};

// [http]: requests that workflows and rules send to endpoints.
struct HttpSettings {
  bool allow_private_endpoints = false;  // whether more than public https URLs are reached
};

struct Settings {
  std::filesystem::path data;  // the data directory; created with mode 0700 where it is missing
  std::string listen = "127.0.0.1:4566";  // port 0: the system chooses; the ready line tells
  std::string region = "ap-northeast-1";
  std::string account = "000000000000";
  std::string domain = "localhost";  // virtual-host style: <bucket>.<domain>, <bucket>.s3.<domain>
  Auth auth = Auth::kOn;
  std::string iam = "lenient";  // or "strict": roles that IAM does not keep are refused
  size_t shards = 0;            // 0: one for each core
  std::string tls_certificate;  // PEM files; both or none
  std::string tls_key;
  bool encryption = false;          // at rest, AES-256
  std::string encryption_key_file;  // empty: <data>/encryption.key
  Sandboxing sandboxing = Sandboxing::kRequired;
  uint64_t sandbox_memory_mb = 0;  // for all running functions together; 0: half of the machine's
  std::string kinesis_limits = "none";  // or "aws": the throughput of a shard
  AnalyticsSettings analytics;
  TasksSettings tasks;
  ScheduleSettings schedules;
  StatesSettings states;
  HttpSettings http;
  std::string access_log_bucket;  // empty: the log stays in the data directory
  std::string access_log_prefix;
  std::chrono::minutes access_log_interval{5};
  std::string log_level = "info";
  // A flag alone, for one start: open a store whose log is damaged, without what stands behind.
  std::vector<relay::RelayConfig> relays;
  bool accept_data_loss = false;
};

// $SUIRO_DATA, else $XDG_DATA_HOME/suiro, else ~/.local/share/suiro.
std::filesystem::path default_data_directory();

// Reads the file into `settings`; keys that are absent keep their value. Errors: kInvalidArgument
// with file, line and what was expected, also for a key that does not exist.
Result<void> load_settings(const std::filesystem::path& file, Settings& settings);

// What no single value can tell: both TLS files or none, a port, a 12-digit account, ...
Result<void> validate(const Settings& settings);

// Errors: kInvalidArgument naming the setting.
Result<scheduler::Policy> schedule_policy(const ScheduleSettings& settings);

struct Address {
  std::string host;
  uint16_t port = 0;
};
// "host:port", "[v6]:port". Errors: kInvalidArgument.
Result<Address> parse_address(std::string_view text);

}  // namespace suiro::server
