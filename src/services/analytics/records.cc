// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/records.h"

#include "base/json_record.h"

namespace suiro::analytics {

template <class V>
void members(Column& c, V& v) {
  v("name", c.name), v("sql_type", c.sql_type), v("mapping", c.mapping);
}
template <class V>
void members(RecordFormat& r, V& v) {
  v("format", r.format), v("row_path", r.row_path), v("row_delimiter", r.row_delimiter);
  v("column_delimiter", r.column_delimiter);
}
template <class V>
void members(Schema& s, V& v) {
  v("record", s.record), v("encoding", s.encoding), v("columns", s.columns);
}
template <class V>
void members(Resource& r, V& v) {
  v("arn", r.arn), v("role", r.role);
}
template <class V>
void members(Input& i, V& v) {
  v("id", i.id), v("prefix", i.prefix), v("stream", i.stream), v("processor", i.processor);
  v("parallelism", i.parallelism), v("schema", i.schema), v("start_at", i.start_at);
}
template <class V>
void members(Output& o, V& v) {
  v("id", o.id), v("stream", o.stream), v("kind", o.kind), v("target", o.target);
  v("format", o.format);
}
template <class V>
void members(Reference& r, V& v) {
  v("id", r.id), v("table", r.table), v("bucket_arn", r.bucket_arn), v("key", r.key);
  v("role", r.role), v("schema", r.schema);
}
template <class V>
void members(LoggingOption& l, V& v) {
  v("id", l.id), v("log_stream_arn", l.log_stream_arn), v("role", l.role);
}
template <class V>
void members(Configuration& c, V& v) {
  v("code", c.code), v("role", c.role), v("inputs", c.inputs), v("outputs", c.outputs);
  v("references", c.references), v("logging", c.logging);
}
template <class V>
void members(Application& a, V& v) {
  v("id", a.id), v("name", a.name), v("description", a.description), v("status", a.status);
  v("version", a.version), v("updated_from", a.updated_from), v("created", a.created);
  v("last_update", a.last_update), v("version_created", a.version_created);
  v("conditional_token", a.conditional_token), v("operations", a.operations);
  v("starts", a.starts);
  v("configuration", a.configuration), v("tags", a.tags);
}
template <class V>
void members(VersionRecord& r, V& v) {
  v("version", r.version), v("updated_from", r.updated_from), v("created", r.created);
  v("configuration", r.configuration);
}
template <class V>
void members(Operation& o, V& v) {
  v("id", o.id), v("kind", o.kind), v("begun", o.begun), v("ended", o.ended);
  v("outcome", o.outcome), v("from_version", o.from_version), v("to_version", o.to_version);
  v("failure", o.failure);
}

namespace {

bool in_range(const Application& a) {
  for (const Input& input : a.configuration.inputs) {
    if (input.start_at > StartAt::kLastStoppedPoint || input.parallelism > kParallelismMax) {
      return false;
    }
  }
  return a.status <= Status::kDeleting;
}
bool in_range(const VersionRecord&) {
  return true;
}
bool in_range(const Operation& o) {
  return o.outcome <= Operation::Outcome::kCancelled;
}

}  // namespace

Bytes encode(const Application& value) {
  return encode_json_record(value);
}
Bytes encode(const VersionRecord& value) {
  return encode_json_record(value);
}
Bytes encode(const Operation& value) {
  return encode_json_record(value);
}

template <class T>
Result<T> decode(ByteView bytes) {
  TRY(T value, decode_json_record<T>(bytes, "applications"));
  if (!in_range(value)) return fail(codes::kCorrupt, "application: a value out of its range");
  return value;
}

template Result<Application> decode(ByteView);
template Result<VersionRecord> decode(ByteView);
template Result<Operation> decode(ByteView);

}  // namespace suiro::analytics
