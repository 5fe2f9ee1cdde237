// SPDX-License-Identifier: Apache-2.0
#include "services/scheduler/storage.h"

#include "kernel/event/record_parts.h"

namespace suiro::scheduler {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;

store::Key family(char name) {
  return {'d', 1, name};
}

}  // namespace

namespace keys {

store::Key group(std::string_view name) {
  return family('g') + std::string(name);
}

store::KeyRange groups() {
  return store::KeyRange::prefix(family('g'));
}

store::Key schedule(std::string_view group, std::string_view name) {
  return family('s') + std::string(group) + '\0' + std::string(name);
}

store::KeyRange schedules(std::string_view group) {
  if (group.empty()) return store::KeyRange::prefix(family('s'));
  return store::KeyRange::prefix(schedule(group, ""));
}

}  // namespace keys

Bytes encode(const Group& group) {
  RecordWriter out(kVersion);
  out.text(group.name);
  out.time(group.created);
  out.time(group.modified);
  out.u8(group.deleting ? 1 : 0);
  out.text(group.client_token);
  event::write_map(out, group.tags);
  return out.take();
}

Result<Group> decode_group(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Group group;
  group.name = in.text();
  group.created = in.time();
  group.modified = in.time();
  group.deleting = in.u8() != 0;
  group.client_token = in.text();
  group.tags = event::read_map(in);
  TRY_VOID(in.end("schedule group"));
  return group;
}

Bytes encode(const Record& record) {
  RecordWriter out(kVersion);
  out.text(record.group);
  out.text(record.name);
  out.time(record.created);
  out.time(record.modified);
  out.u32(record.revision);
  out.text(record.client_token);
  out.time(record.rate_from);
  out.u8(record.next ? 1 : 0);
  if (record.next) {
    out.time(record.next->nominal);
    out.time(record.next->due);
  }
  out.text(record.document);
  return out.take();
}

Result<Record> decode_record(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Record record;
  record.group = in.text();
  record.name = in.text();
  record.created = in.time();
  record.modified = in.time();
  record.revision = in.u32();
  record.client_token = in.text();
  record.rate_from = in.time();
  if (in.u8() != 0) record.next = {.nominal = in.time(), .due = in.time()};
  record.document = in.text();
  TRY_VOID(in.end("schedule"));
  return record;
}

Bytes encode(const RunTimer& timer) {
  RecordWriter out(kVersion);
  out.u32(timer.revision);
  out.time(timer.nominal);
  return out.take();
}

Result<RunTimer> decode_run_timer(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  RunTimer timer{.revision = in.u32(), .nominal = in.time()};
  TRY_VOID(in.end("timer of a schedule"));
  return timer;
}

Task<Result<std::optional<Stored<Group>>>> read_group(store::Store& store, std::string name) {
  CO_TRY(auto entry, co_await store.get(keys::group(name)));
  if (!entry) co_return std::optional<Stored<Group>>();
  CO_TRY(Group group, decode_group(entry->value));
  co_return Stored<Group>{std::move(group), entry->version};
}

Task<Result<std::optional<Stored<Record>>>> read_record(store::Store& store, std::string group,
                                                        std::string name) {
  CO_TRY(auto entry, co_await store.get(keys::schedule(group, name)));
  if (!entry) co_return std::optional<Stored<Record>>();
  CO_TRY(Record record, decode_record(entry->value));
  co_return Stored<Record>{std::move(record), entry->version};
}

}  // namespace suiro::scheduler
