// SPDX-License-Identifier: Apache-2.0
// Settings of a stream: retention, mode, record size, tags, metrics, encryption.
#include "services/kinesis/logic.h"
#include "services/kinesis/storage.h"

namespace suiro::kinesis {
namespace {

constexpr std::string_view kMetrics[] = {"IncomingBytes",
                                         "IncomingRecords",
                                         "IteratorAgeMilliseconds",
                                         "OutgoingBytes",
                                         "OutgoingRecords",
                                         "ReadProvisionedThroughputExceeded",
                                         "WriteProvisionedThroughputExceeded"};
// The key that AWS keeps for the service; the only one that Suiro's own encryption stands for.
constexpr std::string_view kServiceKey = "alias/aws/kinesis";

Result<void> check_retention(const std::string& name, uint32_t current, int64_t hours,
                             Logic::Retention direction) {
  if (hours < kRetentionHoursMin) {
    return invalid(
        fmt::format("Minimum allowed retention period is {} hours. Requested retention "
                    "period ({} hours) is too short.",
                    kRetentionHoursMin, hours));
  }
  if (hours > kRetentionHoursMax) {
    return invalid(
        fmt::format("Maximum allowed retention period is {} hours. Requested retention "
                    "period ({} hours) is too long.",
                    kRetentionHoursMax, hours));
  }
  bool grows = direction == Logic::Retention::kIncrease;
  if (grows ? hours >= current : hours <= current) return ok();
  return invalid(fmt::format(
      "Requested retention period ({} hours) for stream {} can not be {} "
      "than existing retention period ({} hours). Use {}RetentionPeriod "
      "API.",
      hours, name, grows ? "shorter" : "longer", current, grows ? "Decrease" : "Increase"));
}

}  // namespace

Task<Result<void>> Logic::save(StreamPtr stream, StreamRecord record) {
  store::Batch batch;
  batch.put(storage::stream_key(stream->name), storage::encode(record));
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  bool map_changes = record.max_record_kib != stream->record.max_record_kib ||
                     record.key_id != stream->record.key_id;
  stream->record = std::move(record);
  if (map_changes) renew_map(*stream);
  co_return ok();
}

template <class Edit>
Task<Result<void>> Logic::edit(std::string name, Edit edit) {
  auto run = [&](StreamPtr stream) -> Task<Result<void>> {
    StreamRecord record = stream->record;
    CO_TRY_VOID(edit(record));
    if (record == stream->record) co_return ok();
    co_return co_await save(std::move(stream), std::move(record));
  };
  co_return co_await change(name, run);
}

Task<Result<void>> Logic::set_retention(std::string name, int64_t hours, Retention direction) {
  auto set = [&](StreamRecord& record) -> Result<void> {
    TRY_VOID(check_retention(name, record.retention_hours, hours, direction));
    record.retention_hours = static_cast<uint32_t>(hours);
    return ok();
  };
  co_return co_await edit(name, set);
}

Task<Result<void>> Logic::set_mode(std::string name, Mode mode) {
  auto set = [&](StreamRecord& record) -> Result<void> {
    record.mode = mode;
    return ok();
  };
  co_return co_await edit(std::move(name), set);
}

Task<Result<void>> Logic::set_record_size(std::string name, uint32_t kib) {
  auto set = [&](StreamRecord& record) -> Result<void> {
    record.max_record_kib = kib;
    return ok();
  };
  co_return co_await edit(std::move(name), set);
}

Result<void> Logic::merge_tags(Tags& tags, Tags more, std::string_view resource) {
  for (auto& [key, value] : more) tags[key] = std::move(value);
  if (tags.size() <= kTagsMax) return ok();
  return invalid(
      fmt::format("{} cannot have more than {} tags associated with it.", resource, kTagsMax));
}

Task<Result<void>> Logic::tag(std::string name, Tags tags) {
  auto set = [&](StreamRecord& record) { return merge_tags(record.tags, std::move(tags), name); };
  co_return co_await edit(name, set);
}

Task<Result<void>> Logic::untag(std::string name, std::vector<std::string> keys) {
  auto set = [&](StreamRecord& record) -> Result<void> {
    for (const std::string& key : keys) record.tags.erase(key);
    return ok();
  };
  co_return co_await edit(std::move(name), set);
}

Task<Result<Logic::MetricsChange>> Logic::set_metrics(std::string name,
                                                      std::vector<std::string> metrics,
                                                      Metrics what) {
  if (std::ranges::find(metrics, "ALL") != metrics.end()) {
    metrics.assign(std::begin(kMetrics), std::end(kMetrics));
  }
  MetricsChange out;
  auto set = [&](StreamRecord& record) -> Result<void> {
    out.before = record.metrics;
    std::set<std::string> now(record.metrics.begin(), record.metrics.end());
    for (const std::string& metric : metrics) {
      what == Metrics::kEnable ? void(now.insert(metric)) : void(now.erase(metric));
    }
    record.metrics.assign(now.begin(), now.end());
    out.after = record.metrics;
    return ok();
  };
  CO_TRY_VOID(co_await edit(std::move(name), set));
  co_return out;
}

Task<Result<void>> Logic::set_key(std::string name, std::string key_id) {
  auto set = [&](StreamRecord& record) -> Result<void> {
    if (!key_id.empty() && !config_.encrypted_at_rest) {
      return fail(codes::kNotImplemented,
                  "Encryption at rest is off in this store: start Suiro with [encryption] enabled "
                  "= true to have streams encrypted.");
    }
    if (!key_id.empty() && key_id != kServiceKey) {
      return fail("KMSNotFoundException",
                  fmt::format("Key {} is not here: Suiro encrypts with its store's key, which "
                              "stands for {}.",
                              key_id, kServiceKey));
    }
    record.key_id = std::move(key_id);
    return ok();
  };
  co_return co_await edit(std::move(name), set);
}

}  // namespace suiro::kinesis
