// SPDX-License-Identifier: Apache-2.0
#include "services/states/storage.h"

#include "kernel/event/record_parts.h"

namespace suiro::states {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;

store::Key family(char kind) {
  return {'w', 1, 'm', kind};
}

store::Key of_machine(char kind, std::string_view machine) {
  return family(kind) + std::string(machine) + '\0';
}

store::Key numbered(char kind, std::string_view machine, uint64_t number) {
  store::Key key = of_machine(kind, machine);
  append_be64(key, number);
  return key;
}

void write_configuration(RecordWriter& out, const Configuration& configuration) {
  out.u64(configuration.revision);
  out.text(configuration.revision_id);
  out.text(configuration.role_arn);
  out.text(configuration.logging);
  out.text(configuration.tracing);
}

Configuration read_configuration(RecordReader& in) {
  Configuration out;
  out.revision = in.u64();
  out.revision_id = in.text();
  out.role_arn = in.text();
  out.logging = in.text();
  out.tracing = in.text();
  return out;
}

template <class T>
Read<T> read(store::Store& store, store::Key key, Result<T> (*decode)(ByteView)) {
  CO_TRY(auto entry, co_await store.get(std::move(key)));
  if (!entry) co_return std::optional<Stored<T>>();
  CO_TRY(T value, decode(entry->value));
  co_return Stored<T>{std::move(value), entry->version};
}

}  // namespace

namespace keys {

store::Key machine(std::string_view name) {
  return family('m') + std::string(name);
}
store::Key definition(std::string_view machine, uint64_t revision) {
  return numbered('d', machine, revision);
}
store::Key version(std::string_view machine, uint64_t number) {
  return numbered('v', machine, number);
}
store::Key alias(std::string_view machine, std::string_view name) {
  return of_machine('a', machine) + std::string(name);
}
store::Key activity(std::string_view name) {
  return family('y') + std::string(name);
}

store::KeyRange machines() {
  return store::KeyRange::prefix(family('m'));
}
store::KeyRange definitions(std::string_view machine) {
  return store::KeyRange::prefix(of_machine('d', machine));
}
store::KeyRange versions(std::string_view machine) {
  return store::KeyRange::prefix(of_machine('v', machine));
}
store::KeyRange aliases(std::string_view machine) {
  return store::KeyRange::prefix(of_machine('a', machine));
}
store::KeyRange activities() {
  return store::KeyRange::prefix(family('y'));
}

}  // namespace keys

Bytes encode(const Machine& machine) {
  RecordWriter out(kVersion);
  out.text(machine.name);
  out.u64(machine.incarnation);
  out.u8(machine.type == workflow::MachineType::kExpress ? 1 : 0);
  out.time(machine.created);
  out.time(machine.updated);
  out.u8(machine.deleting ? 1 : 0);
  write_configuration(out, machine.now);
  out.u64(machine.versions_made);
  out.u64(machine.published);
  out.u8(machine.created_with_version ? 1 : 0);
  out.text(machine.created_description);
  event::write_map(out, machine.tags);
  return out.take();
}

Result<Machine> decode_state_machine(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Machine out;
  out.name = in.text();
  out.incarnation = in.u64();
  out.type = in.u8() != 0 ? workflow::MachineType::kExpress : workflow::MachineType::kStandard;
  out.created = in.time();
  out.updated = in.time();
  out.deleting = in.u8() != 0;
  out.now = read_configuration(in);
  out.versions_made = in.u64();
  out.published = in.u64();
  out.created_with_version = in.u8() != 0;
  out.created_description = in.text();
  out.tags = event::read_map(in);
  TRY_VOID(in.end("state machine"));
  return out;
}

Bytes encode(const Version& version) {
  RecordWriter out(kVersion);
  out.u64(version.number);
  out.time(version.created);
  out.text(version.description);
  write_configuration(out, version.configuration);
  return out.take();
}

Result<Version> decode_version(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Version out;
  out.number = in.u64();
  out.created = in.time();
  out.description = in.text();
  out.configuration = read_configuration(in);
  TRY_VOID(in.end("version of a state machine"));
  return out;
}

Bytes encode(const Alias& alias) {
  RecordWriter out(kVersion);
  out.text(alias.name);
  out.time(alias.created);
  out.time(alias.updated);
  out.text(alias.description);
  out.u32(static_cast<uint32_t>(alias.routes.size()));
  for (const Route& route : alias.routes) {
    out.u64(route.version);
    out.u32(route.weight);
  }
  return out.take();
}

Result<Alias> decode_alias(ByteView bytes) {
  constexpr size_t kRouteBytes = 12;
  RecordReader in(bytes);
  in.version(kVersion);
  Alias out;
  out.name = in.text();
  out.created = in.time();
  out.updated = in.time();
  out.description = in.text();
  for (uint32_t left = in.count(kRouteBytes); left > 0; --left) {
    Route& route = out.routes.emplace_back();
    route.version = in.u64();
    route.weight = in.u32();
  }
  TRY_VOID(in.end("alias of a state machine"));
  return out;
}

Bytes encode(const Activity& activity) {
  RecordWriter out(kVersion);
  out.text(activity.name);
  out.time(activity.created);
  event::write_map(out, activity.tags);
  return out.take();
}

Result<Activity> decode_activity(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Activity out;
  out.name = in.text();
  out.created = in.time();
  out.tags = event::read_map(in);
  TRY_VOID(in.end("activity"));
  return out;
}

Bytes encode_definition(std::string_view text) {
  RecordWriter out(kVersion, text.size() + 8);
  out.text(text);
  return out.take();
}

Result<std::string> decode_definition(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  std::string text = in.text();
  TRY_VOID(in.end("definition of a state machine"));
  return text;
}

Read<Machine> read_machine(store::Store& store, std::string name) {
  return read<Machine>(store, keys::machine(name), decode_state_machine);
}
Read<Version> read_version(store::Store& store, std::string machine, uint64_t number) {
  return read<Version>(store, keys::version(machine, number), decode_version);
}
Read<Alias> read_alias(store::Store& store, std::string machine, std::string name) {
  return read<Alias>(store, keys::alias(machine, name), decode_alias);
}
Read<Activity> read_activity(store::Store& store, std::string name) {
  return read<Activity>(store, keys::activity(name), decode_activity);
}

Task<Result<std::string>> read_definition(store::Store& store, std::string machine,
                                          uint64_t revision) {
  CO_TRY(auto entry, co_await store.get(keys::definition(machine, revision)));
  if (!entry) co_return fail(codes::kNotFound, "the revision has gone");
  co_return decode_definition(entry->value);
}

}  // namespace suiro::states
