// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/records.h"

#include "base/json_record.h"

namespace suiro::lambda {

template <class V>
void members(Settings& s, V& v) {
  v("version", s.version), v("description", s.description), v("handler", s.handler);
  v("runtime", s.runtime), v("role", s.role), v("memory_mb", s.memory_mb);
  v("timeout_s", s.timeout_s), v("ephemeral_mb", s.ephemeral_mb), v("environment", s.environment);
  v("tracing_mode", s.tracing_mode), v("log_group", s.log_group);
  v("dead_letter_arn", s.dead_letter_arn), v("code_sha256", s.code_sha256);
  v("code_size_bytes", s.code_size_bytes), v("revision_id", s.revision_id);
  v("last_modified", s.last_modified);
}

template <class V>
void members(Function& f, V& v) {
  v("name", f.name), v("latest", f.latest), v("version_last", f.version_last);
  v("reserved_concurrency", f.reserved_concurrency), v("tags", f.tags);
}

template <class V>
void members(Alias& a, V& v) {
  v("name", a.name), v("description", a.description), v("version", a.version);
  v("weights", a.weights), v("revision_id", a.revision_id);
}

template <class V>
void members(Policy& p, V& v) {
  v("document", p.document), v("revision_id", p.revision_id);
}

template <class V>
void members(InvokeConfig& c, V& v) {
  v("age_max_s", c.age_max_s), v("retries_max", c.retries_max);
  v("on_success_arn", c.on_success_arn), v("on_failure_arn", c.on_failure_arn);
  v("last_modified", c.last_modified);
}

template <class V>
void members(Mapping& m, V& v) {
  v("uuid", m.uuid), v("source_arn", m.source_arn), v("function_name", m.function_name);
  v("qualifier", m.qualifier), v("batch_size", m.batch_size), v("window_s", m.window_s);
  v("concurrency_max", m.concurrency_max), v("report_failures", m.report_failures);
  v("filters", m.filters), v("enabled", m.enabled), v("last_modified", m.last_modified);
  v("starting_position", m.starting_position), v("starting_at", m.starting_at);
  v("generation", m.generation);
  v("parallelization", m.parallelization), v("bisect", m.bisect);
  v("record_age_max_s", m.record_age_max_s), v("retries_max", m.retries_max);
  v("on_failure_arn", m.on_failure_arn), v("tumbling_window_s", m.tumbling_window_s);
}

template <class V>
void members(LaneProgress& p, V& v) {
  v("position", p.position), v("ended", p.ended), v("window_open", p.window_open);
  v("window_begin", p.window_begin), v("window_state", p.window_state);
  v("generation", p.generation), v("attempts", p.attempts), v("ends", p.ends);
}

template <class V>
void members(AsyncInvocation& a, V& v) {
  v("request_id", a.request_id), v("qualifier", a.qualifier), v("accepted", a.accepted);
  v("state", a.state), v("due", a.due), v("attempts", a.attempts), v("throttles", a.throttles);
  v("client_context", a.client_context);
  v("trace_id", a.cause.trace_id), v("span_id", a.cause.span_id);
}

template <class V>
void members(Usage& u, V& v) {
  v("invocations", u.invocations), v("errors", u.errors), v("throttles", u.throttles);
  v("cold_starts", u.cold_starts), v("billed_ms", u.billed_ms), v("megabyte_ms", u.megabyte_ms);
}

Bytes encode(const Function& value) {
  return encode_json_record(value);
}
Bytes encode(const Settings& value) {
  return encode_json_record(value);
}
Bytes encode(const Alias& value) {
  return encode_json_record(value);
}
Bytes encode(const Policy& value) {
  return encode_json_record(value);
}
Bytes encode(const InvokeConfig& value) {
  return encode_json_record(value);
}
Bytes encode(const Mapping& value) {
  return encode_json_record(value);
}
Bytes encode(const LaneProgress& value) {
  return encode_json_record(value);
}
Bytes encode(const AsyncInvocation& value) {
  return encode_json_record(value);
}
Bytes encode(const Usage& value) {
  return encode_json_record(value);
}
Bytes encode(const CodeRecord& value) {
  Bytes bytes(1, kJsonRecordVersion);
  append_be64(bytes, value.size_bytes);
  return bytes + value.blob;
}

template <class T>
Result<T> decode(ByteView bytes) {
  return decode_json_record<T>(bytes, "lambda");
}

template <>
Result<CodeRecord> decode<CodeRecord>(ByteView bytes) {
  if (bytes.size() < 9 || bytes[0] != kJsonRecordVersion) {
    return fail(codes::kCorrupt, "a code record of lambda is malformed");
  }
  return CodeRecord{Bytes(bytes.substr(9)), read_be64(bytes.substr(1))};
}

template Result<Function> decode<Function>(ByteView);
template Result<Settings> decode<Settings>(ByteView);
template Result<Alias> decode<Alias>(ByteView);
template Result<Policy> decode<Policy>(ByteView);
template Result<InvokeConfig> decode<InvokeConfig>(ByteView);
template Result<Mapping> decode<Mapping>(ByteView);
template Result<LaneProgress> decode<LaneProgress>(ByteView);
template Result<AsyncInvocation> decode<AsyncInvocation>(ByteView);
template Result<Usage> decode<Usage>(ByteView);

}  // namespace suiro::lambda
