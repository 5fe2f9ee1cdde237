// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/discovery.h"

#include <algorithm>

#include "services/analytics/errors.h"
#include "services/analytics/processor.h"
#include "services/analytics/validate.h"

namespace suiro::analytics {
namespace {

constexpr Millis kSampleWait{10'000};  // for the first records
constexpr Millis kSamplePause{200};
constexpr size_t kProcessAttemptsMax = 3;

Error undetected(std::string message, const std::vector<Bytes>& raw) {
  Error error{"UnableToDetectSchemaException", std::move(message)};
  for (const Bytes& record : raw) {
    if (error.details.size() < kShownRecordsMax) {
      error.details.emplace_back("RawInputRecords", is_valid_utf8(record) ? record : "");
    }
  }
  return error;
}

}  // namespace

Task<Result<Discovered>> Discovery::ask(Question question) {
  if (question.stream_arn.empty() == question.bucket_arn.empty()) {
    co_return invalid("Either ResourceARN or S3Configuration is required");
  }
  std::vector<Bytes> raw;
  if (question.stream_arn.empty()) {
    CO_TRY(raw, co_await from_object(question));
  } else {
    CO_TRY(raw, co_await from_stream(question));
  }
  if (!question.processor) co_return discover(raw);
  CO_TRY(auto processed, co_await process(question, raw));
  auto found = discover(processed);
  auto shown = [&](const std::vector<Bytes>& records) {
    return std::vector<std::string>(
        records.begin(),
        records.begin() + static_cast<ptrdiff_t>(std::min(records.size(), kShownRecordsMax)));
  };
  if (!found) {
    Error error = undetected(found.error().message, raw);
    for (auto& record : shown(processed)) {
      error.details.emplace_back("ProcessedInputRecords", std::move(record));
    }
    co_return std::unexpected(std::move(error));
  }
  found->raw = shown(raw);
  found->processed = shown(processed);
  co_return found;
}

Task<Result<std::vector<Bytes>>> Discovery::from_stream(const Question& question) {
  if (question.from == StartAt::kLastStoppedPoint) {
    co_return invalid("A schema cannot be discovered from LAST_STOPPED_POINT");
  }
  auto source = kernel_.targets.stream(question.stream_arn);
  if (!source) co_return invalid(source.error().message);
  auto shards = co_await (*source)->shards(question.stream_arn);
  if (!shards) co_return invalid(shards.error().message);
  bool from_horizon = question.from == StartAt::kTrimHorizon;
  std::map<std::string, event::StreamPosition> positions;
  event::StreamGeneration generation;
  for (const auto& shard : *shards) {
    generation = shard.generation;
    event::StreamStart start{from_horizon ? event::StreamStart::At::kTrimHorizon
                                          : event::StreamStart::At::kLatest};
    CO_TRY(positions[shard.id],
           co_await (*source)->locate({question.stream_arn, shard.id, shard.generation}, start));
  }
  std::vector<Bytes> out;
  TimePoint until = kernel_.clock.now() + kSampleWait;
  for (size_t bytes = 0; out.empty();) {
    for (auto& [shard, position] : positions) {
      if (out.size() >= kSampleRecordsMax || bytes >= kSampleBytesMax) break;
      CO_TRY(auto batch,
             co_await (*source)->read({.place = {question.stream_arn, shard, generation},
                                       .from = position,
                                       .records_max = kSampleRecordsMax - out.size(),
                                       .bytes_max = kSampleBytesMax}));
      position = batch.next;
      for (auto& record : batch.records) {
        bytes += record.data.size();
        out.push_back(std::move(record.data));
      }
    }
    if (!out.empty() || kernel_.clock.now() >= until) break;
    co_await kernel_.clock.sleep_for(kSamplePause);
  }
  co_return out;
}

// The object's beginning, one record a line.
Task<Result<std::vector<Bytes>>> Discovery::from_object(const Question& question) {
  CO_TRY(std::string bucket, bucket_of(question.bucket_arn));
  if (kernel_.objects == nullptr) co_return invalid("no lake is there");
  auto object = co_await kernel_.objects->read(bucket, question.key, "");
  if (!object) co_return invalid(object.error().message);
  size_t size =
      static_cast<size_t>(std::min<uint64_t>(object->bytes->size_bytes(), kSampleBytesMax));
  CO_TRY(Bytes text, co_await object->bytes->read(0, size));
  bool is_cut = size < object->bytes->size_bytes();
  std::vector<Bytes> out;
  std::string_view rest = text;
  while (!rest.empty() && out.size() < kSampleRecordsMax) {
    size_t end = rest.find('\n');
    if (end == rest.npos && is_cut) break;
    out.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  if (discover(out) || is_cut) co_return out;
  co_return std::vector<Bytes>{std::move(text)};  // one document over several lines
}

Task<Result<std::vector<Bytes>>> Discovery::process(const Question& question,
                                                    std::vector<Bytes> records) {
  if (records.empty()) co_return records;
  auto caller = kernel_.targets.caller(*question.processor);
  if (!caller) co_return invalid(caller.error().message);
  std::vector<event::StreamRecord> rows;
  for (size_t i = 0; i < records.size(); ++i) {
    rows.push_back({.position = {i},
                    .sequence_number = std::to_string(i),
                    .arrived = kernel_.clock.now(),
                    .data = records[i]});
  }
  FunctionCall call{.caller = *caller,
                    .function_arn = *question.processor,
                    .application_arn = {},
                    .stream_arn = question.stream_arn,
                    .shard_id = {}};
  Error last;
  for (size_t attempt = 0; attempt < kProcessAttemptsMax; ++attempt) {
    auto processed = co_await process_records(kernel_, call, rows, {});
    if (!processed) {
      last = processed.error();
      continue;
    }
    std::vector<Bytes> out;
    for (ProcessedRecord& record : *processed) {
      if (record.outcome == ProcessedRecord::Outcome::kOk) out.push_back(std::move(record.data));
    }
    co_return out;
  }
  co_return std::unexpected(undetected(last.message, records));
}

}  // namespace suiro::analytics
