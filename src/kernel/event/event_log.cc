// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/event_log.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/shard.h"
#include "kernel/event/record.h"

namespace suiro::event {
namespace {

constexpr char kSpace[] = {'e', 1};
constexpr uint8_t kEventVersion = 1;
constexpr size_t kLaneOffset = sizeof(kSpace);
constexpr size_t kSequenceOffset = kLaneOffset + 8;
constexpr uint32_t kAttributesMax = 1000;

}  // namespace

LaneId lane_of(std::string_view target_arn) {
  return stable_hash(target_arn);
}

store::Key log_prefix() {
  return store::Key(kSpace, sizeof(kSpace));
}

store::Key lane_prefix(LaneId lane) {
  store::Key key = log_prefix();
  append_be64(key, lane);
  return key;
}

LaneId lane_of_key(ByteView key) {
  CHECK(key.size() > kLaneOffset + 8);
  return read_be64(key.substr(kLaneOffset));
}

store::Version version_of_key(ByteView key) {
  CHECK(key.size() > kSequenceOffset + 8);
  return store::Version(read_be64(key.substr(kSequenceOffset)));
}

Bytes encode_event(const Event& event) {
  RecordWriter out(kEventVersion);
  out.text(event.id);
  out.text(event.source_arn);
  out.text(event.kind);
  out.text(event.target_arn);
  out.text(event.cause.trace_id);
  out.text(event.cause.span_id);
  out.time(event.at);
  out.u32(event.attempt);
  out.u32(event.policy.attempts_max);
  out.u64(static_cast<uint64_t>(event.policy.age_max.count()));
  out.text(event.policy.dead_letter_arn);
  out.u32(static_cast<uint32_t>(event.attributes.size()));
  for (const auto& [name, value] : event.attributes) {
    out.text(name);
    out.text(value);
  }
  out.text(event.payload);
  return out.take();
}

Result<Event> decode_event(ByteView bytes) {
  RecordReader in(bytes);
  Event event;
  in.version(kEventVersion);
  event.id = in.text();
  event.source_arn = in.text();
  event.kind = in.text();
  event.target_arn = in.text();
  event.cause.trace_id = in.text();
  event.cause.span_id = in.text();
  event.at = in.time();
  event.attempt = in.u32();
  event.policy.attempts_max = in.u32();
  event.policy.age_max = Millis(static_cast<int64_t>(in.u64()));
  event.policy.dead_letter_arn = in.text();
  uint32_t attributes = in.u32();
  if (attributes > kAttributesMax) return fail(codes::kCorrupt, "event: too many attributes");
  for (uint32_t i = 0; i < attributes; ++i) {
    Bytes name = in.text();
    event.attributes[std::move(name)] = in.text();
  }
  event.payload = in.text();
  TRY_VOID(in.end("event"));
  return event;
}

std::string event_span_id(const Event& event) {
  return fmt::format("{:016x}", stable_hash(event.id));
}

void emit(store::Batch& batch, Event event, Random& random) {
  CHECK(!event.target_arn.empty(), "an event needs a target");
  CHECK(event.at != TimePoint{}, "an event needs the time at which it happened");
  CHECK(event.attributes.size() <= kAttributesMax);
  if (event.id.empty()) event.id = random.uuid();
  if (event.cause.trace_id.empty()) event.cause = TraceContext::begin(event.at, random);
  batch.append(lane_prefix(lane_of(event.target_arn)), encode_event(event));
}

namespace {

// The entry of the ARN's service in one of the registries.
template <typename Member>
Result<Member*> find_by_service(const std::map<std::string, Member*, std::less<>>& members,
                                std::string_view arn, std::string_view what, Retry retry) {
  TRY(Arn parsed, Arn::parse(arn));
  auto found = members.find(parsed.service);
  if (found != members.end()) return found->second;
  return fail(codes::kNotFound, fmt::format("no service {} {}", what, arn), retry);
}

}  // namespace

void Targets::add_target(std::string service, Target* target) {
  CHECK(targets_.emplace(std::move(service), target).second, "two targets of one service");
}

void Targets::add_source(std::string service, PullSource* source) {
  CHECK(sources_.emplace(std::move(service), source).second, "two sources of one service");
}

void Targets::add_stream(std::string service, StreamSource* stream) {
  CHECK(streams_.emplace(std::move(service), stream).second, "two streams of one service");
}

void Targets::add_sink(std::string service, RecordSink* sink) {
  CHECK(sinks_.emplace(std::move(service), sink).second, "two sinks of one service");
}

void Targets::add_caller(std::string service, FunctionCaller* caller) {
  CHECK(callers_.emplace(std::move(service), caller).second, "two callers of one service");
}

Result<Target*> Targets::target(std::string_view arn) const {
  return find_by_service(targets_, arn, "can take events for", Retry::kLater);
}

Result<PullSource*> Targets::source(std::string_view arn) const {
  return find_by_service(sources_, arn, "can be read from by", Retry::kNever);
}

Result<StreamSource*> Targets::stream(std::string_view arn) const {
  return find_by_service(streams_, arn, "has a stream", Retry::kNever);
}

Result<RecordSink*> Targets::sink(std::string_view arn) const {
  return find_by_service(sinks_, arn, "takes records for", Retry::kNever);
}

Result<FunctionCaller*> Targets::caller(std::string_view arn) const {
  return find_by_service(callers_, arn, "answers calls to", Retry::kNever);
}

}  // namespace suiro::event
