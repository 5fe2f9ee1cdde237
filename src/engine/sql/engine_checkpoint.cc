// SPDX-License-Identifier: Apache-2.0
// Checkpoints: docs/formats/sql-state.md.
#include "base/digest.h"
#include "engine/sql/engine_streams.h"

namespace suiro::sql {

// Of what the state depends on: the tree of each pump, the streams, the options that change
// results.
Bytes Engine::Impl::fingerprint() const {
  Bytes shape;
  SnapshotWriter to(shape);
  for (const StreamDefinition& stream : program->streams) {
    to.text(stream.name);
    for (const Field& field : stream.schema) to.text(field.name + " " + field.type.text());
  }
  for (const auto& pump : pumps) {
    to.number(pump == nullptr ? 0 : 1);
    if (pump != nullptr) pump->describe(to);
  }
  to.number(static_cast<uint64_t>(options.group_rowtime));
  return sha256(shape);
}

Result<Bytes> Engine::Impl::checkpoint() const {
  if (!taken.empty()) {
    return fail(codes::kInvalidArgument, "rows wait to be taken before the checkpoint");
  }
  Bytes out;
  SnapshotWriter to(out);
  to.number(kStateVersion);
  to.text(fingerprint());
  to.number(static_cast<uint64_t>(started_));
  to.integer(options.start_ms);
  to.integer(now_ms);
  to.number(rows_in);
  to.number(rows_rejected);
  for (const StreamState& stream : streams) {
    to.integer(stream.bound_ms);
    to.integer(stream.last_ms);
    if (stream.gate) stream.gate->encode(to);
  }
  for (const auto& pump : pumps) {
    if (pump == nullptr) continue;
    Bytes state;
    SnapshotWriter part(state);
    pump->encode(part);
    to.text(state);
  }
  encode_errors(to);
  return out;
}

Result<void> Engine::Impl::restore(ByteView state) {
  SnapshotReader from(state);
  const uint64_t version = from.number();
  if (version < kStateVersionRead || version > kStateVersion) {
    return fail(codes::kCorrupt, "the state of the SQL program has another version");
  }
  if (from.text() != fingerprint()) {
    return fail(codes::kInvalidArgument, "the state belongs to another program");
  }
  started_ = from.number() == 0 ? Started::kNo : Started::kYes;
  if (from.integer() != options.start_ms) {
    return fail(codes::kInvalidArgument, "the state belongs to a program of another start");
  }
  now_ms = from.integer();
  rows_in = from.number();
  rows_rejected = from.number();
  for (StreamState& stream : streams) {
    stream.bound_ms = from.integer();
    stream.last_ms = from.integer();
    stream.passed_ms = stream.bound_ms == kBoundEnd ? stream.last_ms : stream.bound_ms;
    if (stream.gate) stream.gate->decode(from);
  }
  for (const auto& pump : pumps) {
    if (pump == nullptr) continue;
    SnapshotReader part(from.text());
    pump->decode(part);
    if (part.failed() || !part.at_end()) from.fail();
  }
  decode_errors(from, version);
  if (!from.at_end()) from.fail();
  return from.result();
}

void Engine::Impl::encode_errors(SnapshotWriter& to) const {
  to.number(errors_lost_);
  to.integer(errors_lost_ms_);
  to.number(errors_.size());
  for (const auto& [order_ms, error] : errors_) {
    to.integer(order_ms);
    to.integer(error.time_ms);
    to.number(error.source);
    to.text(error.name);
    to.text(error.message);
    to.text(error.pump);
    to.text(error.data);
  }
}

void Engine::Impl::decode_errors(SnapshotReader& from, uint64_t version) {
  errors_.clear();
  errors_bytes_ = 0;
  errors_lost_ = version < 2 ? 0 : from.number();
  errors_lost_ms_ = version < 2 ? kBoundNone : from.integer();
  for (size_t left = from.count(); left > 0 && !from.failed(); --left) {
    PendingError error;
    const int64_t order_ms = version < 2 ? kBoundNone : from.integer();
    error.time_ms = from.integer();
    error.order_ms = version < 2 ? error.time_ms : order_ms;
    error.source = from.number();
    error.name = Bytes(from.text());
    error.message = Bytes(from.text());
    error.pump = Bytes(from.text());
    error.data = Bytes(from.text());
    errors_bytes_ += error.size_bytes();
    const int64_t place_ms = error.order_ms;
    errors_.emplace(place_ms, std::move(error));
  }
}

}  // namespace suiro::sql
