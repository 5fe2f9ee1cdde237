// SPDX-License-Identifier: Apache-2.0
#include "engine/definition/fields.h"

#include <array>

namespace suiro::definition {
namespace {

using enum Type;
constexpr auto kRequired = Field::Need::kRequired;
constexpr auto kOptional = Field::Need::kOptional;

constexpr auto kNotification = std::to_array<Field>({
    {"events", kTexts, R"(["s3:ObjectCreated:*"])"},
    {"prefix", kText, R"("")"},
    {"suffix", kText, R"("")"},
    {"function", kText},
    {"queue", kText},
});
constexpr auto kBucket = std::to_array<Field>({
    {"description", kText, R"("")"},
    {"versioning", kBoolean, "false"},
    {"expire_after", kDuration},
    {"notify", kObjects, "[]", kOptional, {}, kNotification},
    {"event_bus", kBoolean, "false"},
});

constexpr auto kDeadLetter = std::to_array<Field>({
    {"queue", kText, {}, kRequired},
    {"after", kInteger, "3"},
});
constexpr auto kQueue = std::to_array<Field>({
    {"description", kText, R"("")"},
    {"fifo", kBoolean, "false"},
    {"content_deduplication", kBoolean, "false"},
    {"visibility_timeout", kDuration, "30"},
    {"retention", kDuration, "345600"},
    {"delay", kDuration, "0"},
    {"receive_wait", kDuration, "0"},
    {"dead_letter", kObject, {}, kOptional, {}, kDeadLetter},
});

constexpr auto kStream = std::to_array<Field>({
    {"description", kText, R"("")"},
    {"shards", kInteger},
    {"retention", kDuration, "86400"},
});

constexpr auto kSource = std::to_array<Field>({
    {"queue", kText},
    {"stream", kText},
    {"batch_size", kInteger},
    {"batch_window", kDuration, "0"},
    {"partial_failures", kBoolean, "false"},
});
constexpr auto kFunction = std::to_array<Field>({
    {"description", kText, R"("")"},
    {"runtime", kText, {}, kRequired},
    {"handler", kText, {}, kRequired},
    {"code", kPath, {}, kRequired},
    {"memory", kInteger, "128"},
    {"timeout", kDuration, "3"},
    {"environment", kTextMap, "{}"},
    {"role", kText},
    {"sources", kObjects, "[]", kOptional, {}, kSource},
});

constexpr auto kTmpfs = std::to_array<Field>({
    {"path", kText, {}, kRequired},
    {"size_mb", kInteger, {}, kRequired},
});
constexpr auto kRestart = std::to_array<Field>({
    {"after", kDuration, "60"},
    {"ignored_exit_codes", kTexts, "[]"},
});
constexpr auto kTask = std::to_array<Field>({
    {"description", kText, R"("")"},
    {"image", kText, {}, kRequired},
    {"entry_point", kTexts, "[]"},
    {"command", kTexts, "[]"},
    {"cpu", kInteger, "256"},
    {"memory", kInteger, "512"},
    {"environment", kTextMap, "{}"},
    {"secrets", kTextMap, "{}"},
    {"environment_files", kTexts, "[]"},
    {"user", kText, R"("")"},
    {"working_directory", kText, R"("")"},
    {"read_only", kBoolean, "false"},
    {"tmpfs", kObjects, "[]", kOptional, {}, kTmpfs},
    {"stop_timeout", kDuration, "30"},
    {"restart", kObject, {}, kOptional, {}, kRestart},
    {"role", kText, R"("")"},
    {"log_group", kText, R"("")"},
});

constexpr auto kInput = std::to_array<Field>({
    {"stream", kText, {}, kRequired},
    {"schema", kPath, {}, kRequired},
});
constexpr auto kReference = std::to_array<Field>({
    {"bucket", kText, {}, kRequired},
    {"key", kText, {}, kRequired},
    {"schema", kPath, {}, kRequired},
});
constexpr auto kOutput = std::to_array<Field>({
    {"stream", kText},
    {"delivery_stream", kText},
    {"function", kText},
    {"format", kText, R"("JSON")", kOptional, "JSON|CSV"},
});
constexpr auto kApplication = std::to_array<Field>({
    {"description", kText, R"("")"},
    {"code", kPath, {}, kRequired},
    {"role", kText},
    {"inputs", kObjectMap, "{}", kOptional, {}, kInput},
    {"references", kObjectMap, "{}", kOptional, {}, kReference},
    {"outputs", kObjectMap, "{}", kOptional, {}, kOutput},
});

constexpr auto kSchedule = std::to_array<Field>({
    {"name", kText},
    {"description", kText, R"("")"},
    {"expression", kText, {}, kRequired},
    {"timezone", kText},
    {"enabled", kBoolean, "true"},
    {"start", kText},
    {"end", kText},
    {"flexible_window", kDuration, "0"},
    {"missed", kText, {}, kOptional, "none|last|all"},
    {"missed_within", kDuration},
    {"overlap", kText, {}, kOptional, "allow|forbid|queue|replace"},
    {"jitter", kDuration},
    {"command", kTexts, "[]"},
    {"environment", kTextMap, "{}"},
    {"count", kInteger, "1"},
    {"task", kText},
    {"function", kText},
    {"queue", kText},
    {"input", kText, R"("")"},
});

}  // namespace

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, kKinds> kNames{
      "bucket", "queue", "stream", "function", "task", "application", "schedule"};
  return kNames[static_cast<size_t>(kind)];
}

std::string_view section_name(Kind kind) {
  constexpr std::array<std::string_view, kKinds> kNames{
      "buckets", "queues", "streams", "functions", "tasks", "applications", "schedules"};
  return kNames[static_cast<size_t>(kind)];
}

std::span<const Field> fields_of(Kind kind) {
  switch (kind) {
    case Kind::kBucket:
      return kBucket;
    case Kind::kQueue:
      return kQueue;
    case Kind::kStream:
      return kStream;
    case Kind::kFunction:
      return kFunction;
    case Kind::kTask:
      return kTask;
    case Kind::kApplication:
      return kApplication;
    case Kind::kSchedule:
      return kSchedule;
  }
  return {};
}

}  // namespace suiro::definition
