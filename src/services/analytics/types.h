// SPDX-License-Identifier: Apache-2.0
// What the service keeps of an application: its configuration, versions and operations. No wire, no
// keys. Both APIs (kinesisanalytics, kinesisanalyticsv2) speak about these.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strong.h"

namespace suiro::analytics {

// Limits: Kinesis Data Analytics for SQL Developer Guide, "Limits".
inline constexpr size_t kApplicationsMax = 50;
inline constexpr size_t kCodeBytesMax = 102'400;
inline constexpr size_t kInputsMax = 1;
inline constexpr size_t kReferencesMax = 1;
inline constexpr size_t kOutputsMax = 3;
inline constexpr size_t kLoggingOptionsMax = 1;
inline constexpr size_t kTagsMax = 50;
inline constexpr uint32_t kParallelismMax = 64;
inline constexpr size_t kNameBytesMax = 32;  // of an in-application stream or table
inline constexpr size_t kColumnNameMax = 256;
inline constexpr size_t kSqlTypeMax = 100;
inline constexpr size_t kMappingMax = 65'535;
inline constexpr uint64_t kReferenceBytesMax = 1ULL << 30;
inline constexpr uint64_t kVersionMax = 999'999'999;
// Older versions and operations of an application are forgotten.
inline constexpr size_t kVersionsKept = 100;
inline constexpr size_t kOperationsKept = 100;

struct ApplicationIdTag;
// Random; an application made again under its old name has another id, and so none of its state.
using ApplicationId = Strong<ApplicationIdTag, uint64_t>;

enum class Status : uint8_t { kReady, kStarting, kRunning, kStopping, kUpdating, kDeleting };
std::string_view name_of(Status status);

enum class Format : uint8_t { kJson, kCsv };
std::string_view name_of(Format format);

struct Column {
  std::string name;
  std::string sql_type;
  std::string mapping;
  bool operator==(const Column&) const = default;
};

struct RecordFormat {
  Format format = Format::kJson;
  std::string row_path;          // JSON; empty: not told
  std::string row_delimiter;     // CSV
  std::string column_delimiter;  // CSV
  bool operator==(const RecordFormat&) const = default;
};

struct Schema {
  RecordFormat record;
  std::string encoding;  // "UTF-8", or empty: not told
  std::vector<Column> columns;
  bool operator==(const Schema&) const = default;
};

// A resource and, in version 1 of the API, the role to use it with.
struct Resource {
  std::string arn;
  std::string role;
  bool operator==(const Resource&) const = default;
};

enum class StartAt : uint8_t { kNone, kNow, kTrimHorizon, kLastStoppedPoint };
std::string_view name_of(StartAt at);  // "NOW"; empty for kNone

struct Input {
  std::string id;
  std::string prefix;
  Resource stream;
  std::optional<Resource> processor;  // a function that sees the records first
  uint32_t parallelism = 1;
  Schema schema;
  StartAt start_at = StartAt::kNone;  // as of the last StartApplication
  bool operator==(const Input&) const = default;
  // "PREFIX_001", ...
  std::vector<std::string> stream_names() const;
};

enum class Destination : uint8_t { kStream, kDelivery, kFunction };

struct Output {
  std::string id;
  std::string stream;  // the in-application stream
  Destination kind = Destination::kStream;
  Resource target;
  Format format = Format::kJson;
  bool operator==(const Output&) const = default;
};

struct Reference {
  std::string id;
  std::string table;
  std::string bucket_arn;
  std::string key;
  std::string role;
  Schema schema;
  bool operator==(const Reference&) const = default;
};

struct LoggingOption {
  std::string id;
  std::string log_stream_arn;
  std::string role;
  bool operator==(const LoggingOption&) const = default;
};

// What a version number stands for.
struct Configuration {
  std::string code;
  std::string role;  // ServiceExecutionRole of version 2 of the API
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<Reference> references;
  std::vector<LoggingOption> logging;
  bool operator==(const Configuration&) const = default;
};

struct Application {
  ApplicationId id;
  std::string name;
  std::string description;
  Status status = Status::kReady;
  uint64_t version = 1;
  uint64_t updated_from = 0;  // the version before; 0: none
  TimePoint created;
  TimePoint last_update;
  TimePoint version_created;
  std::string conditional_token;  // changes with every change of the application
  uint64_t operations = 0;        // how many were begun: numbers them
  uint64_t starts = 0;            // how often it was started
  Configuration configuration;
  std::map<std::string, std::string> tags;
};

struct VersionRecord {
  uint64_t version = 0;
  uint64_t updated_from = 0;
  TimePoint created;
  Configuration configuration;
};

struct Operation {
  enum class Outcome : uint8_t { kInProgress, kSuccessful, kFailed, kCancelled };
  std::string id;
  std::string kind;  // "StartApplication"
  TimePoint begun;
  TimePoint ended;
  Outcome outcome = Outcome::kSuccessful;
  uint64_t from_version = 0;  // 0: no new version was made
  uint64_t to_version = 0;
  std::string failure;
};
std::string_view name_of(Operation::Outcome outcome);

}  // namespace suiro::analytics
