// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/storage.h"

#include "kernel/event/record.h"
#include "shapes/json.h"

namespace suiro::ecs::storage {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;
// Of a service: 1 has no failures, 2 no client token.
constexpr uint8_t kServiceFailures = 2;
constexpr uint8_t kServiceVersion = 3;
constexpr size_t kFamilyBytes = 3;
constexpr uint32_t kListMax = 1000;
constexpr char kClusters = 'c', kFamilies = 'f', kDefinitions = 'd', kLive = 'a', kStopped = 'z',
               kExpiry = 'x', kOutputs = 'p', kTokens = 'k', kTokenExpiry = 'e', kServices = 'v',
               kSettings = 'g';

store::Key family(char name) {
  return {'y', 1, name};
}

store::Key two_names(char space, std::string_view first, std::string_view second) {
  store::Key key = family(space).append(first);
  key.push_back('\0');
  return key.append(second);
}

uint64_t number_of(TimePoint time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, time.time_since_epoch().count()));
}

store::KeyRange before(char space, TimePoint time) {
  store::Key end = family(space);
  append_be64(end, number_of(time));
  return {family(space), std::move(end)};
}

// Members of the public interface, with their own names, so that later members can be added.
template <class T>
void write_shape(RecordWriter& out, const T& value) {
  out.text(shapes::to_json(value));
}

template <class T>
Result<T> read_shape(RecordReader& in, std::string_view what) {
  auto value = shapes::from_json<T>(in.text());
  if (!value) return fail(codes::kCorrupt, fmt::format("{}: {}", what, value.error().message));
  return *std::move(value);
}

void write_texts(RecordWriter& out, const std::vector<std::string>& texts) {
  out.u32(static_cast<uint32_t>(texts.size()));
  for (const auto& text : texts) out.text(text);
}

Result<std::vector<std::string>> read_texts(RecordReader& in) {
  uint32_t count = in.u32();
  if (count > kListMax) return fail(codes::kCorrupt, "tasks service: a list is too long");
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < count; ++i) texts.push_back(in.text());
  return texts;
}

void write_tags(RecordWriter& out, const Tags& tags) {
  out.u32(static_cast<uint32_t>(tags.size()));
  for (const auto& tag : tags) {
    out.text(tag.key.value_or(""));
    out.text(tag.value.value_or(""));
  }
}

Result<Tags> read_tags(RecordReader& in) {
  uint32_t count = in.u32();
  if (count > kListMax) return fail(codes::kCorrupt, "tasks service: too many tags");
  Tags tags;
  for (uint32_t i = 0; i < count; ++i) {
    shape::Tag& tag = tags.emplace_back();
    tag.key = in.text();
    tag.value = in.text();
  }
  return tags;
}

}  // namespace

store::Key cluster_key(std::string_view name) {
  return family(kClusters).append(name);
}
store::Key family_key(std::string_view name) {
  return family(kFamilies).append(name);
}
store::Key definition_key(std::string_view name, uint32_t revision) {
  store::Key key = two_names(kDefinitions, name, "");
  append_be32(key, revision);
  return key;
}
store::Key live_key(std::string_view task_id) {
  return family(kLive).append(task_id);
}
store::Key stopped_key(std::string_view task_id) {
  return family(kStopped).append(task_id);
}
store::Key expiry_key(TimePoint stopped, std::string_view task_id) {
  store::Key key = family(kExpiry);
  append_be64(key, number_of(stopped));
  return key.append(task_id);
}
store::Key output_key(std::string_view task_id, std::string_view container) {
  return two_names(kOutputs, task_id, container);
}
store::Key token_key(std::string_view cluster, std::string_view token) {
  return two_names(kTokens, cluster, token);
}
store::Key token_expiry_key(TimePoint made, std::string_view cluster, std::string_view token) {
  store::Key key = family(kTokenExpiry);
  append_be64(key, number_of(made));
  return key.append(two_names(kTokens, cluster, token).substr(kFamilyBytes));
}
store::Key service_key(std::string_view cluster, std::string_view name) {
  return two_names(kServices, cluster, name);
}
store::Key setting_key(std::string_view principal, std::string_view name) {
  return two_names(kSettings, principal, name);
}

store::KeyRange clusters() {
  return store::KeyRange::prefix(family(kClusters));
}
store::KeyRange families(std::string_view prefix) {
  return store::KeyRange::prefix(family_key(prefix));
}
store::KeyRange definitions() {
  return store::KeyRange::prefix(family(kDefinitions));
}
store::KeyRange definitions(std::string_view name) {
  return store::KeyRange::prefix(two_names(kDefinitions, name, ""));
}
store::KeyRange live_tasks() {
  return store::KeyRange::prefix(family(kLive));
}
store::KeyRange stopped_tasks() {
  return store::KeyRange::prefix(family(kStopped));
}
store::KeyRange expired(TimePoint time) {
  return before(kExpiry, time);
}
store::KeyRange outputs(std::string_view task_id) {
  return store::KeyRange::prefix(two_names(kOutputs, task_id, ""));
}
store::KeyRange expired_tokens(TimePoint time) {
  return before(kTokenExpiry, time);
}
store::KeyRange services() {
  return store::KeyRange::prefix(family(kServices));
}
store::KeyRange settings() {
  return store::KeyRange::prefix(family(kSettings));
}

std::string name_of(ByteView key) {
  return std::string(key.substr(kFamilyBytes));
}

Result<DefinitionName> definition_of(ByteView key) {
  size_t nul = key.find('\0', kFamilyBytes);
  if (nul == key.npos || key.size() != nul + 1 + 4) {
    return fail(codes::kCorrupt, "task definition: its key");
  }
  return DefinitionName{std::string(key.substr(kFamilyBytes, nul - kFamilyBytes)),
                        read_be32(key.substr(nul + 1))};
}

Result<std::string> expired_task_of(ByteView key) {
  if (key.size() <= kFamilyBytes + 8) return fail(codes::kCorrupt, "stopped task: its key");
  return std::string(key.substr(kFamilyBytes + 8));
}

Result<ExpiredToken> expired_token_of(ByteView key) {
  if (key.size() <= kFamilyBytes + 8) return fail(codes::kCorrupt, "client token: its key");
  auto made = static_cast<int64_t>(read_be64(key.substr(kFamilyBytes, 8)));
  return ExpiredToken{family(kTokens).append(key.substr(kFamilyBytes + 8)),
                      TimePoint(TimePoint::duration(made))};
}

SettingName setting_of(ByteView key) {
  ByteView rest = key.substr(kFamilyBytes);
  size_t nul = rest.find('\0');
  if (nul == rest.npos) return {"", std::string(rest)};
  return {std::string(rest.substr(0, nul)), std::string(rest.substr(nul + 1))};
}

Bytes encode(const ClusterRecord& record) {
  RecordWriter out(kVersion);
  write_shape(out, record.cluster);
  return out.take();
}

Result<ClusterRecord> decode_cluster(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  ClusterRecord record;
  TRY(record.cluster, read_shape<shape::Cluster>(in, "cluster"));
  TRY_VOID(in.end("cluster"));
  return record;
}

Bytes encode(const Definition& record) {
  RecordWriter out(kVersion);
  write_shape(out, record.shape);
  write_tags(out, record.tags);
  return out.take();
}

Result<Definition> decode_definition(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  Definition record;
  TRY(record.shape, read_shape<shape::TaskDefinition>(in, "task definition"));
  TRY(record.tags, read_tags(in));
  TRY_VOID(in.end("task definition"));
  return record;
}

Bytes encode(const TaskRecord& record) {
  RecordWriter out(kVersion);
  write_shape(out, record.task);
  out.text(record.id);
  out.text(record.cluster);
  out.text(record.service);
  out.text(record.deployment_id);
  out.u64(record.queue_number);
  out.u64(record.run_number);
  out.u8(record.placed ? 1 : 0);
  out.u32(record.cpu_units);
  out.u32(record.memory_mb);
  out.u8(static_cast<uint8_t>(record.overlap));
  out.text(record.overlap_key);
  out.u8(record.nominal ? 1 : 0);
  out.time(record.nominal.value_or(TimePoint{}));
  out.text(record.schedule_arn);
  write_texts(out, record.access_key_ids);
  out.text(record.cause.trace_id);
  out.text(record.cause.span_id);
  out.text(record.span_id);
  out.text(record.reference_id);
  write_texts(out, record.essential);
  return out.take();
}

Result<TaskRecord> decode_task(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  TaskRecord record;
  TRY(record.task, read_shape<shape::Task>(in, "task"));
  record.id = in.text();
  record.cluster = in.text();
  record.service = in.text();
  record.deployment_id = in.text();
  record.queue_number = in.u64();
  record.run_number = in.u64();
  record.placed = in.u8() != 0;
  record.cpu_units = in.u32();
  record.memory_mb = in.u32();
  uint8_t overlap = in.u8();
  if (overlap > static_cast<uint8_t>(Overlap::kReplace)) {
    return fail(codes::kCorrupt, "task: its overlap");
  }
  record.overlap = static_cast<Overlap>(overlap);
  record.overlap_key = in.text();
  bool has_nominal = in.u8() != 0;
  TimePoint nominal = in.time();
  if (has_nominal) record.nominal = nominal;
  record.schedule_arn = in.text();
  TRY(record.access_key_ids, read_texts(in));
  record.cause.trace_id = in.text();
  record.cause.span_id = in.text();
  record.span_id = in.text();
  record.reference_id = in.text();
  TRY(record.essential, read_texts(in));
  TRY_VOID(in.end("task"));
  return record;
}

Bytes encode(const ServiceRecord& record) {
  RecordWriter out(kServiceVersion);
  write_shape(out, record.service);
  out.text(record.name);
  out.text(record.cluster);
  out.u64(record.next_deployment);
  out.text(record.good_definition);
  out.u8(record.is_steady ? 1 : 0);
  out.time(record.inactive_since);
  out.u32(record.failures);
  out.time(record.retry_at);
  out.text(record.client_token);
  out.text(record.digest);
  return out.take();
}

Result<ServiceRecord> decode_service(ByteView value) {
  RecordReader in(value);
  uint8_t version = in.version_of(kVersion, kServiceVersion);
  ServiceRecord record;
  TRY(record.service, read_shape<shape::Service>(in, "service"));
  record.name = in.text();
  record.cluster = in.text();
  record.next_deployment = in.u64();
  record.good_definition = in.text();
  record.is_steady = in.u8() != 0;
  record.inactive_since = in.time();
  if (version >= kServiceFailures) {
    record.failures = in.u32();
    record.retry_at = in.time();
  }
  if (version >= kServiceVersion) {
    record.client_token = in.text();
    record.digest = in.text();
  }
  TRY_VOID(in.end("service"));
  return record;
}

Bytes encode(const OutputPosition& record) {
  RecordWriter out(kVersion);
  out.u64(record.to);
  out.u8(record.has_pending ? 1 : 0);
  out.time(record.pending_time);
  out.text(record.pending);
  return out.take();
}

Result<OutputPosition> decode_output(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  OutputPosition record;
  record.to = in.u64();
  record.has_pending = in.u8() != 0;
  record.pending_time = in.time();
  record.pending = in.text();
  TRY_VOID(in.end("output position"));
  return record;
}

Bytes encode(const TokenRecord& record) {
  RecordWriter out(kVersion);
  out.time(record.made);
  out.text(record.digest);
  write_texts(out, record.task_ids);
  return out.take();
}

Result<TokenRecord> decode_token(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  TokenRecord record;
  record.made = in.time();
  record.digest = in.text();
  TRY(record.task_ids, read_texts(in));
  TRY_VOID(in.end("client token"));
  return record;
}

Bytes encode_revision(uint32_t revision) {
  RecordWriter out(kVersion);
  out.u32(revision);
  return out.take();
}

Result<uint32_t> decode_revision(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  uint32_t revision = in.u32();
  TRY_VOID(in.end("family"));
  return revision;
}

Bytes encode_setting(std::string_view value) {
  RecordWriter out(kVersion);
  out.text(value);
  return out.take();
}

Result<std::string> decode_setting(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  std::string text = in.text();
  TRY_VOID(in.end("account setting"));
  return text;
}

}  // namespace suiro::ecs::storage
