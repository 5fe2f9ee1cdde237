// SPDX-License-Identifier: Apache-2.0
#include "server/commands.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log.h"
#include "kernel/event/trace_tree.h"
#include "server/credentials.h"
#include "server/own_service.h"
#include "server/remote.h"
#include "shapes/gen/suiro.h"
#include "shapes/json.h"

namespace suiro::server {
namespace {

namespace shape = shapes::suiro;

// Calls an operation of Suiro's own service with its generated shapes.
template <class Op>
Result<typename Op::Output> call(const ServerAddress& address, const typename Op::Input& input) {
  TRY(Remote remote, Remote::connect(address));
  TRY(std::string reply, remote.call(std::string(Op::operation().name), shapes::to_json(input)));
  return shapes::from_json<typename Op::Output>(reply);
}

}  // namespace

Result<void> print_environment(const ServerAddress& address) {
  TRY(EndpointFile file, read_endpoint_file(address.data));
  TRY(KeyPair root, load_root(address.data));
  fmt::print("export AWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY={}\n", root.access_key_id,
             root.secret_access_key);
  fmt::print("export AWS_DEFAULT_REGION={0}\nexport AWS_REGION={0}\nexport AWS_ENDPOINT_URL={1}\n",
             file.region, address.endpoint.empty() ? file.endpoint : address.endpoint);
  return ok();
}

Result<void> print_trace(const ServerAddress& address, const std::string& id, size_t spans_max) {
  std::vector<event::Span> spans;
  if (!id.empty()) {
    TRY(auto output, call<shape::op::GetTrace>(address, {.id = id}));
    for (const auto& span : output.spans) spans.push_back(from_shape(span));
    fmt::print("{}", event::format_tree(spans));
    return ok();
  }
  shape::ListRecentSpansRequest request;
  request.max_results = static_cast<int32_t>(spans_max);
  TRY(auto output, call<shape::op::ListRecentSpans>(address, request));
  for (const auto& shaped : output.spans) {
    event::Span span = from_shape(shaped);
    fmt::print("{}  {}  {:<24} {} {:>6} ms  {}  {}\n", format_iso8601(span.start), span.trace_id,
               span.kind, status_name(span.status), span.duration.count(), span.resource,
               span.detail);
  }
  return ok();
}

Result<void> print_usage(const ServerAddress& address) {
  TRY(auto output, call<shape::op::GetUsage>(address, {}));
  fmt::print("{:<40} {:>12} {:>10} {:>16} {:>14}\n", "function", "invocations", "errors",
             "billed ms", "GB-seconds");
  for (const auto& row : output.functions) {
    fmt::print("{:<40} {:>12} {:>10} {:>16} {:>14.3f}\n", row.function_name, row.invocations,
               row.errors, row.billed_duration_ms, row.gb_seconds);
  }
  return ok();
}

Result<void> print_relays(const ServerAddress& address) {
  TRY(auto output, call<shape::op::ListRelays>(address, {}));
  fmt::print("{:<20} {:>12} {:>14} {:>9} {:>12}  {}\n", "relay", "records", "bytes", "retries",
             "behind ms", "to");
  for (const auto& row : output.relays) {
    fmt::print("{:<20} {:>12} {:>14} {:>9} {:>12}  {} {}\n", row.name, row.records, row.bytes,
               row.retries, row.millis_behind, row.endpoint, row.stream_name);
    if (row.last_error) fmt::print("    last error: {}\n", *row.last_error);
  }
  return ok();
}

Result<void> print_status(const ServerAddress& address) {
  TRY(auto output, call<shape::op::GetStatus>(address, {}));
  fmt::print("version {}\nup {} s\nstore {}\n", output.version, output.uptime_seconds,
             output.latched ? "LATCHED: " + output.latch_reason.value_or("") : "works");
  return ok();
}

Result<void> back_up(const ServerAddress& address, const std::string& directory) {
  std::error_code error;
  auto absolute = std::filesystem::absolute(directory, error);
  if (error) return fail(codes::kInvalidArgument, error.message());
  fmt::print(stderr, "copying to {} ...\n", absolute.string());
  TRY(auto output, call<shape::op::CreateBackup>(address, {.directory = absolute.string()}));
  fmt::print("backup complete: {}\n", output.directory);
  return ok();
}

Result<void> restore_backup(const ServerAddress& address, const std::string& directory) {
  namespace fs = std::filesystem;
  fs::path from(directory);
  if (!fs::exists(from / "credentials") || !fs::exists(from / "store")) {
    return fail(codes::kInvalidArgument,
                fmt::format("{} is not a backup: it has no store and credentials", directory));
  }
  std::error_code error;
  if (fs::exists(address.data) && !fs::is_empty(address.data, error)) {
    return fail(
        codes::kInvalidArgument,
        fmt::format("{} is not empty; --data names a new directory", address.data.string()));
  }
  fs::create_directories(address.data, error);
  if (!error) fs::permissions(address.data, fs::perms::owner_all, error);
  if (!error) fs::copy(from, address.data, fs::copy_options::recursive, error);
  if (error) {
    return fail(codes::kInvalidArgument,
                fmt::format("cannot copy to {}: {}", address.data.string(), error.message()));
  }
  fmt::print("restored; start it with: suiro up --data {}\n", address.data.string());
  return ok();
}

void print_version() {
  fmt::print("suiro {}\n", kVersion);
}

}  // namespace suiro::server
