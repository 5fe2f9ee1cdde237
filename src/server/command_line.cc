// SPDX-License-Identifier: Apache-2.0
#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.h"
#include "server/command_extract.h"
#include "server/command_plan.h"
#include "server/command_rehearse.h"
#include "server/command_run.h"
#include "server/command_sql.h"
#include "server/command_timeline.h"
#include "server/commands.h"
#include "server/settings.h"
#include "server/up.h"

namespace suiro::server {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int report(const Result<void>& done) {
  if (done) return 0;
  fmt::print(stderr, "suiro: {}\n", done.error().message);
  return kFailed;
}

int report(const Result<int>& status) {
  return status ? *status : report(Result<void>(std::unexpected(status.error())));
}

// Options of `suiro up`. A flag that is given wins over the configuration file.
struct UpOptions {
  Settings flags;
  std::vector<std::string> switches;  // of SQL
  std::string data;
  std::string config;
  std::string auth;
  bool allow_unsandboxed = false;
  CLI::App* command = nullptr;

  void add_to(CLI::App& app) {
    command = app.add_subcommand("up", "Run Suiro in the foreground; SIGTERM drains and ends it");
    command->add_option("--config", config, "Configuration file (TOML); flags win over it");
    command->add_option("--data", data,
                        "Data directory (default: " + default_data_directory().string() + ")");
    command->add_option("--listen", flags.listen, "Address; port 0 picks a free one")
        ->default_str(flags.listen);
    command->add_option("--region", flags.region, "Region in ARNs")->default_str(flags.region);
    command->add_option("--account", flags.account, "Account id")->default_str(flags.account);
    command->add_option("--domain", flags.domain, "Host names <bucket>.<domain> reach the bucket")
        ->default_str(flags.domain);
    command->add_option("--auth", auth, "on: every request is signed; off: none is checked")
        ->check(CLI::IsMember({"on", "off"}))
        ->default_str("on");
    command
        ->add_option("--iam", flags.iam,
                     "strict: functions and tasks need a role that IAM keeps; lenient: not")
        ->check(CLI::IsMember({"lenient", "strict"}))
        ->default_str(flags.iam);
    command->add_option("--shards", flags.shards, "Event loops (default: one for each core)");
    command->add_option("--tls-certificate", flags.tls_certificate, "PEM file; with --tls-key");
    command->add_option("--tls-key", flags.tls_key, "PEM file; with --tls-certificate");
    command->add_flag("--encryption", flags.encryption, "Encrypt data at rest (AES-256)");
    command->add_option("--encryption-key-file", flags.encryption_key_file,
                        "32 bytes (default: <data>/encryption.key, made at the first start)");
    command->add_flag("--allow-unsandboxed", allow_unsandboxed,
                      "Run functions even where the machine lacks protections");
    command->add_option("--sandbox-memory-mb", flags.sandbox_memory_mb,
                        "Memory of all running functions together (default: half the machine's)");
    command
        ->add_option("--kinesis-limits", flags.kinesis_limits,
                     "Throughput of a stream's shard: none, or aws for that of AWS")
        ->check(CLI::IsMember({"none", "aws"}))
        ->default_str(flags.kinesis_limits);
    add_analytics();
    command->add_option("--access-log-bucket", flags.access_log_bucket,
                        "Deliver the access log to this bucket");
    command->add_option("--access-log-prefix", flags.access_log_prefix, "Prefix of its keys");
    command->add_option_function<int>(
        "--access-log-interval",
        [this](int minutes) { flags.access_log_interval = std::chrono::minutes(minutes); },
        "Minutes between deliveries (default: 5)");
    command->add_flag("--accept-data-loss", flags.accept_data_loss,
                      "Start with a damaged log once, without the writes behind the damage");
    command->add_option("--log-level", flags.log_level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
        ->default_str(flags.log_level);
  }

  void add_analytics() {
    AnalyticsSettings& to = flags.analytics;
    command->add_option("--analytics-heartbeat-ms", to.heartbeat_ms,
                        "How soon silent inputs of SQL applications close windows (0: never)");
    command->add_option("--analytics-checkpoint-seconds", to.checkpoint_seconds,
                        "How often a SQL application's state is written");
    command->add_option("--analytics-state-mb", to.state_mb, "Memory of one SQL application");
    command->add_option("--analytics-switch", switches,
                        "NAME=VALUE (repeatable): what the documents of SQL leave open; see "
                        "docs/decisions/136-sql-open-points.md");
  }

  Result<void> choose_analytics(AnalyticsSettings& to) const {
    auto take = [&](const char* option, auto member) {
      if (given(option)) to.*member = flags.analytics.*member;
    };
    take("--analytics-heartbeat-ms", &AnalyticsSettings::heartbeat_ms);
    take("--analytics-checkpoint-seconds", &AnalyticsSettings::checkpoint_seconds);
    take("--analytics-state-mb", &AnalyticsSettings::state_mb);
    for (const std::string& each : switches) TRY_VOID(sql::set_switch(to.switches, each));
    return ok();
  }

  bool given(const char* option) const { return command->count(option) > 0; }

  template <class T>
  void choose(const char* option, T Settings::* member, Settings& settings) const {
    if (given(option)) settings.*member = flags.*member;
  }

  Result<Settings> settings() const {
    Settings s;
    s.data = default_data_directory();
    if (!config.empty()) TRY_VOID(load_settings(config, s));
    if (given("--data")) s.data = data;
    if (given("--auth")) s.auth = auth == "off" ? Auth::kOff : Auth::kOn;
    if (allow_unsandboxed) s.sandboxing = Sandboxing::kBestEffort;
    choose("--listen", &Settings::listen, s);
    choose("--region", &Settings::region, s);
    choose("--account", &Settings::account, s);
    choose("--domain", &Settings::domain, s);
    choose("--shards", &Settings::shards, s);
    choose("--tls-certificate", &Settings::tls_certificate, s);
    choose("--tls-key", &Settings::tls_key, s);
    choose("--encryption", &Settings::encryption, s);
    choose("--encryption-key-file", &Settings::encryption_key_file, s);
    choose("--sandbox-memory-mb", &Settings::sandbox_memory_mb, s);
    choose("--iam", &Settings::iam, s);
    choose("--kinesis-limits", &Settings::kinesis_limits, s);
    TRY_VOID(choose_analytics(s.analytics));
    choose("--access-log-bucket", &Settings::access_log_bucket, s);
    choose("--access-log-prefix", &Settings::access_log_prefix, s);
    choose("--access-log-interval", &Settings::access_log_interval, s);
    s.accept_data_loss = flags.accept_data_loss;
    choose("--log-level", &Settings::log_level, s);
    TRY_VOID(validate(s));
    return s;
  }
};

// Options of the commands that speak to a running server.
struct ClientOptions {
  std::string data;
  std::string endpoint;
  void add_to(CLI::App* command) {
    command->add_option("--data", data,
                        "Data directory of the server (default: the server of AWS_ENDPOINT_URL, "
                        "where region and keys stand in the environment too, else " +
                            default_data_directory().string() + ")");
    command->add_option("--endpoint", endpoint, "URL of the server, where it is not the one there");
  }
  ServerAddress address() const {
    using From = ServerAddress::From;
    if (!data.empty()) return {data, endpoint, From::kData};
    return {default_data_directory(), endpoint, From::kEnvironmentFirst};
  }
};

CLI::App* add_restore(CLI::App& app, std::string& data, std::string& backup) {
  auto* restore = app.add_subcommand("restore", "Make a new data directory from a backup");
  restore->add_option("backup", backup, "Directory that `suiro backup` wrote")->required();
  restore->add_option(
      "--data", data,
      "New or empty directory (default: " + default_data_directory().string() + ")");
  return restore;
}

int run_up(const UpOptions& options) {
  auto settings = options.settings();
  if (!settings) {
    fmt::print(stderr, "suiro: {}\n", settings.error().message);
    return kUsage;
  }
  return report(up(*settings));
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app("Suiro runs AWS-style serverless systems from one binary.", "suiro");
  app.require_subcommand(1);
  app.fallthrough(false);
  UpOptions up_options;
  up_options.add_to(app);
  ClientOptions client;
  std::string id, directory;
  size_t spans_max = 20;
  auto add = [&](const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    client.add_to(command);
    return command;
  };
  auto* env = add("env", "Print the exports that point aws and the SDKs at the server");
  auto* trace = add("trace", "Print what a request caused, as a tree; without an id, the newest");
  trace->add_option("id", id, "Trace id, request id or span id");
  trace->add_option("--newest", spans_max, "How many, without an id")->default_str("20");
  auto* usage = add("usage", "Print invocations, billed time and GB-seconds per function");
  auto* relays = add("relays", "Print what each relay of the configuration sent, and its lag");
  auto* status = add("status", "Print whether the server runs and its store works");
  auto* backup = add("backup", "Copy everything, consistently, while the server runs");
  backup->add_option("directory", directory, "New or empty directory on the server")->required();
  CLI::App* restore = add_restore(app, client.data, directory);
  PlanCommand plan;
  plan.add_to(add("plan", "Print what applying definition files would change, and run when"),
              add("apply", "Make what definition files say"));
  RunCommand run;
  run.add_to(add("run", "Start a task by hand and follow its log; ends with its exit code"));
  TimelineCommand timeline;
  timeline.add_to(add("timeline", "Draw the runs of tasks, planned against actual"));
  ExtractCommand extract;
  extract.add_to(add("extract", "Read a table of a database into files or the lake"));
  RehearseCommand rehearse;
  rehearse.add_to(add("rehearse", "Run a workflow in virtual time, with mocked tasks"));
  DrawCommand draw;
  draw.add_to(add("draw", "Draw a workflow, or an execution of it, as SVG"));
  SqlCommand sql;
  sql.add_to(app);
  auto* version = app.add_subcommand("version", "Print the version");
  app.set_version_flag("--version", fmt::format("suiro {}", kVersion), "Print the version");
  auto named = [&](CLI::App* command) { return argc > 1 && command->check_name(argv[1]); };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(named).empty()) {
    fmt::print(stderr, "suiro: there is no command '{}'; suiro --help lists them\n", argv[1]);
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // CLI11 reports by exceptions, --help included
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (up_options.command->parsed()) return run_up(up_options);
  if (env->parsed()) return report(print_environment(client.address()));
  if (trace->parsed()) return report(print_trace(client.address(), id, spans_max));
  if (usage->parsed()) return report(print_usage(client.address()));
  if (relays->parsed()) return report(print_relays(client.address()));
  if (status->parsed()) return report(print_status(client.address()));
  if (backup->parsed()) return report(back_up(client.address(), directory));
  if (restore->parsed()) return report(restore_backup(client.address(), directory));
  if (plan.parsed()) return report(plan.run(client.address()));
  if (run.parsed()) return report(run.run(client.address()));
  if (timeline.parsed()) return report(timeline.run(client.address()));
  if (extract.parsed()) return report(extract.run(client.address()));
  if (rehearse.parsed()) return report(rehearse.run(client.address()));
  if (draw.parsed()) return report(draw.run(client.address()));
  if (sql.parsed()) return report(sql.run());
  if (version->parsed()) print_version();
  return 0;
}

}  // namespace suiro::server
