// SPDX-License-Identifier: Apache-2.0
#include "services/events/storage.h"

#include "kernel/event/record_parts.h"
#include "services/events/records.h"

namespace suiro::events {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;
constexpr uint32_t kStoredTargetsMax = 1000;

store::Key bus_key(std::string_view name) {
  return key_family('b').append(name);
}

store::Key rules_of(std::string_view bus) {
  return key_family('r').append(bus).append(1, '\0');
}

store::Key rule_key(std::string_view bus, std::string_view rule) {
  return rules_of(bus).append(rule);
}

}  // namespace

Bytes encode(const Bus& bus) {
  RecordWriter out(kVersion);
  out.text(bus.description);
  out.text(bus.policy);
  out.time(bus.created);
  out.time(bus.modified);
  event::write_map(out, bus.tags);
  return out.take();
}

Result<Bus> decode_bus(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Bus bus;
  bus.description = in.text();
  bus.policy = in.text();
  bus.created = in.time();
  bus.modified = in.time();
  bus.tags = event::read_map(in);
  TRY_VOID(in.end("event bus"));
  return bus;
}

Bytes encode(const Rule& rule) {
  RecordWriter out(kVersion);
  out.text(rule.pattern);
  out.text(rule.schedule);
  out.text(rule.description);
  out.text(rule.role_arn);
  out.text(rule.managed_by);
  out.u8(static_cast<uint8_t>(rule.state));
  out.time(rule.created);
  out.time(rule.schedule_from);
  out.time(rule.next_due);
  event::write_map(out, rule.tags);
  out.u32(static_cast<uint32_t>(rule.targets.size()));
  for (const std::string& target : rule.targets) out.text(target);
  return out.take();
}

Result<Rule> decode_rule(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Rule rule;
  rule.pattern = in.text();
  rule.schedule = in.text();
  rule.description = in.text();
  rule.role_arn = in.text();
  rule.managed_by = in.text();
  uint8_t state = in.u8();
  if (state > static_cast<uint8_t>(RuleState::kEnabledWithManagement)) {
    return fail(codes::kCorrupt, "rule: an unknown state");
  }
  rule.state = static_cast<RuleState>(state);
  rule.created = in.time();
  rule.schedule_from = in.time();
  rule.next_due = in.time();
  rule.tags = event::read_map(in);
  uint32_t targets = in.u32();
  if (targets > kStoredTargetsMax) return fail(codes::kCorrupt, "rule: too many targets");
  for (uint32_t i = 0; i < targets; ++i) rule.targets.push_back(in.text());
  TRY_VOID(in.end("rule"));
  return rule;
}

Task<Result<std::optional<Found<Bus>>>> Storage::bus(std::string name) {
  CO_TRY(auto entry, co_await store_.get(bus_key(name)));
  std::optional<Found<Bus>> found;
  if (!entry && name != kDefaultBus) co_return found;
  found.emplace();
  if (entry) {
    CO_TRY(found->record, decode_bus(entry->value));
    found->version = entry->version;
  }
  found->name = std::move(name);
  co_return found;
}

Task<Result<std::optional<Found<Rule>>>> Storage::rule(RuleName name) {
  CO_TRY(auto entry, co_await store_.get(rule_key(name.bus, name.rule)));
  std::optional<Found<Rule>> found;
  if (!entry) co_return found;
  found.emplace();
  CO_TRY(found->record, decode_rule(entry->value));
  found->version = entry->version;
  found->name = std::move(name.rule);
  co_return found;
}

Task<Result<Storage::Page<Bus>>> Storage::buses(Listing listing) {
  return scan_page<Bus>(store_, key_family('b'), std::move(listing), decode_bus);
}

Task<Result<Storage::Page<Rule>>> Storage::rules(std::string bus, Listing listing) {
  return scan_page<Rule>(store_, rules_of(bus), std::move(listing), decode_rule);
}

void Storage::put(store::Batch& batch, const Found<Bus>& bus) {
  put_record(batch, bus_key(bus.name), bus);
}

void Storage::put(store::Batch& batch, const std::string& bus, const Found<Rule>& rule) {
  put_record(batch, rule_key(bus, rule.name), rule);
}

void Storage::erase(store::Batch& batch, const Found<Bus>& bus) {
  erase_record(batch, bus_key(bus.name), bus.version);
}

void Storage::erase(store::Batch& batch, const std::string& bus, const Found<Rule>& rule) {
  erase_record(batch, rule_key(bus, rule.name), rule.version);
}

}  // namespace suiro::events
