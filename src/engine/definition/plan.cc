// SPDX-License-Identifier: Apache-2.0
#include "engine/definition/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/definition/fields.h"
#include "engine/definition/handlers.h"

namespace suiro::definition {
namespace {

const json::value* find(const json::object& object, std::string_view name) {
  return object.if_contains(name);
}

// What differs. A field that the file leaves open is left as it is.
std::vector<FieldChange> differences(Kind kind, const json::object& wanted,
                                     const json::object& actual) {
  std::vector<FieldChange> out;
  for (const Field& field : fields_of(kind)) {
    const json::value* after = find(wanted, field.name);
    const json::value* before = find(actual, field.name);
    if (after == nullptr || (before != nullptr && *before == *after)) continue;
    out.push_back({std::string(field.name), before == nullptr ? json::value() : *before, *after});
  }
  return out;
}

const Recorded* find(const std::vector<Recorded>& record, const Resource& like) {
  auto found = std::ranges::find_if(record, [&](const Recorded& known) {
    return known.resource.kind == like.kind && known.resource.name == like.name;
  });
  return found == record.end() ? nullptr : &*found;
}

bool holds(const std::vector<Resource>& resources, const Resource& like) {
  return std::ranges::any_of(resources, [&](const Resource& resource) {
    return resource.kind == like.kind && resource.name == like.name;
  });
}

Result<Change> change_of(const Context& context, const Resource& resource,
                         const std::vector<Recorded>& record) {
  const Handler& handler = handler_of(resource.kind);
  Change change{.resource = resource};
  TRY(json::object wanted, handler.wanted(resource));
  TRY(auto actual, handler.read(context, resource.name));
  if (!actual) {
    change.action = Action::kCreate;
    change.fields = differences(resource.kind, wanted, {});
    return change;
  }
  if (!handler.keeps_description()) {
    const Recorded* recorded = find(record, resource);
    (*actual)["description"] =
        recorded == nullptr ? "" : text_at(recorded->resource.properties, "description");
  }
  change.fields = differences(resource.kind, wanted, *actual);
  change.actual = *std::move(actual);
  if (change.fields.empty()) return change;
  change.action = Action::kUpdate;
  for (const FieldChange& field : change.fields) {
    if (!handler.is_fixed(field.name)) continue;
    return fail(codes::kInvalidArgument,
                fmt::format("{} {}: {} cannot change while it exists; remove it first",
                            kind_name(resource.kind), resource.name, field.name));
  }
  return change;
}

constexpr std::string_view kOrigins[] = {"made", "intended", "found"};

json::value record_of(const std::vector<Recorded>& record) {
  json::array out;
  for (const auto& [resource, origin] : record) {
    out.push_back(json::object{{"kind", kind_name(resource.kind)},
                               {"name", resource.name},
                               {"origin", kOrigins[static_cast<size_t>(origin)]},
                               {"properties", resource.properties}});
  }
  return out;
}

Result<void> write_record(const Calls& calls, const std::string& name,
                          const std::vector<Recorded>& record) {
  TRY_VOID(calls.call("suiro", "PutDefinition",
                      {{"Name", name}, {"Document", json::serialize(record_of(record))}}));
  return ok();
}

bool is_same(const Resource& a, const Resource& b) {
  return a.kind == b.kind && a.name == b.name;
}

// The origin of what is known stays, unless `origin` is that it was made.
void put(std::vector<Recorded>& record, const Resource& resource, Origin origin) {
  for (Recorded& known : record) {
    if (!is_same(known.resource, resource)) continue;
    known.resource = resource;
    if (origin != Origin::kFound) known.origin = origin;
    return;
  }
  record.push_back({resource, origin});
}

void erase(std::vector<Recorded>& record, const Resource& resource) {
  std::erase_if(record, [&](const Recorded& known) { return is_same(known.resource, resource); });
}

// Makes a resource. What could not be made is not kept as its own.
Result<void> create_one(const Context& context, const Plan& plan, const Change& change,
                        std::vector<Recorded>& record) {
  auto made = handler_of(change.resource.kind).create(context, change.resource);
  if (made) {
    put(record, change.resource, Origin::kMade);
    return ok();
  }
  auto now = handler_of(change.resource.kind).read(context, change.resource.name);
  if (now && !*now) erase(record, change.resource);
  if (now && *now && made.error().code.find("Exist") != std::string::npos) {
    erase(record, change.resource);  // somebody else was faster
  }
  TRY_VOID(write_record(context.calls, plan.name, record));
  return made;
}

bool needs_connection(const Change& change) {
  if (change.action == Action::kCreate) return true;
  if (change.action != Action::kUpdate) return false;
  return std::ranges::any_of(change.fields, [](const FieldChange& field) {
    return field.name == "notify" || field.name == "event_bus" || field.name == "dead_letter" ||
           field.name == "sources";
  });
}

}  // namespace

bool Plan::empty() const {
  return std::ranges::all_of(changes, [](const Change& change) {
    return change.action == Action::kKeep || change.action == Action::kLeave;
  });
}

std::string Context::arn(std::string_view service, std::string_view rest) const {
  return fmt::format("arn:aws:{}:{}:{}:{}", service, region, account, rest);
}

std::string Context::role_arn(std::string_view role) const {
  if (role.starts_with("arn:")) return std::string(role);
  return fmt::format("arn:aws:iam::{}:role/{}", account, role);
}

const Handler& handler_of(Kind kind) {
  static const BucketHandler kBucket;
  static const QueueHandler kQueue;
  static const StreamHandler kStream;
  static const FunctionHandler kFunction;
  static const TaskHandler kTask;
  static const ApplicationHandler kApplication;
  static const ScheduleHandler kSchedule;
  const Handler* handlers[kKinds] = {&kBucket, &kQueue,       &kStream,  &kFunction,
                                     &kTask,   &kApplication, &kSchedule};
  return *handlers[static_cast<size_t>(kind)];
}

Result<std::vector<Recorded>> read_record(const Calls& calls, const std::string& name) {
  TRY(auto found,
      calls.find("suiro", "GetDefinition", {{"Name", name}}, {"ResourceNotFoundException"}));
  std::vector<Recorded> out;
  if (!found) return out;
  boost::system::error_code failed;
  json::value record = json::parse(text_at(*found, "Document"), failed);
  if (failed || !record.is_array()) return fail(codes::kCorrupt, "the record is not readable");
  for (const auto& item : record.as_array()) {
    const json::object& entry = item.as_object();
    auto origin = std::ranges::find(kOrigins, text_at(entry, "origin"));
    if (origin == std::end(kOrigins)) return fail(codes::kCorrupt, "the record has no origins");
    for (size_t i = 0; i < kKinds; ++i) {
      auto kind = static_cast<Kind>(i);
      if (kind_name(kind) != text_at(entry, "kind")) continue;
      out.push_back({{kind, text_at(entry, "name"), object_at(entry, "properties")},
                     static_cast<Origin>(origin - std::begin(kOrigins))});
    }
  }
  return out;
}

Result<Plan> make_plan(const Context& context, const Document& document, Prune prune) {
  Plan plan{.name = document.name};
  TRY(plan.record, read_record(context.calls, document.name));
  for (const Resource& resource : document.resources) {
    TRY(Change change, change_of(context, resource, plan.record));
    plan.changes.push_back(std::move(change));
  }
  std::vector<Recorded> gone;
  for (const Recorded& known : plan.record) {
    if (!holds(document.resources, known.resource)) gone.push_back(known);
  }
  // What was made last goes first.
  std::ranges::sort(gone, std::greater(), [](const Recorded& known) {
    return std::pair(known.resource.kind, known.resource.name);
  });
  for (Recorded& known : gone) {
    TRY(auto actual, handler_of(known.resource.kind).read(context, known.resource.name));
    if (!actual && prune == Prune::kNo) continue;
    bool goes = prune == Prune::kYes && known.origin != Origin::kFound;
    plan.changes.push_back({goes ? Action::kRemove : Action::kLeave,
                            std::move(known.resource),
                            actual.value_or(json::object()),
                            {},
                            known.origin});
  }
  return plan;
}

Result<void> apply(const Context& context, const Plan& plan, const Progress& progress) {
  std::vector<Recorded> record = plan.record;
  auto is_work = [](const Change& change) {
    return change.action != Action::kKeep && change.action != Action::kLeave;
  };
  auto of = static_cast<size_t>(std::ranges::count_if(plan.changes, is_work));
  size_t number = 0;
  bool changed = false;
  for (const Change& change : plan.changes) {
    if (change.action == Action::kRemove || change.action == Action::kLeave) continue;
    bool is_new = find(record, change.resource) == nullptr;
    changed |= is_new || change.action != Action::kKeep;
    put(record, change.resource,
        change.action == Action::kCreate ? Origin::kIntended : Origin::kFound);
  }
  if (changed) TRY_VOID(write_record(context.calls, plan.name, record));
  for (const Change& change : plan.changes) {
    if (change.action == Action::kCreate) {
      progress(++number, of, change);
      TRY_VOID(create_one(context, plan, change, record));
    } else if (change.action == Action::kUpdate) {
      progress(++number, of, change);
      TRY_VOID(handler_of(change.resource.kind).update(context, change.resource, change.actual));
    }
  }
  if (changed) TRY_VOID(write_record(context.calls, plan.name, record));
  for (const Change& change : plan.changes) {
    if (!needs_connection(change)) continue;
    TRY_VOID(handler_of(change.resource.kind).connect(context, change.resource));
  }
  for (const Change& change : plan.changes) {
    if (change.action != Action::kRemove) continue;
    progress(++number, of, change);
    TRY_VOID(handler_of(change.resource.kind).remove(context, change.resource.name));
    erase(record, change.resource);
    TRY_VOID(write_record(context.calls, plan.name, record));
  }
  return ok();
}

}  // namespace suiro::definition
