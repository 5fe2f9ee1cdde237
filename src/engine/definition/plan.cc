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

const Resource* find(const std::vector<Resource>& resources, const Resource& like) {
  auto found = std::ranges::find_if(resources, [&](const Resource& resource) {
    return resource.kind == like.kind && resource.name == like.name;
  });
  return found == resources.end() ? nullptr : &*found;
}

Result<Change> change_of(const Context& context, const Resource& resource,
                         const std::vector<Resource>& record) {
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
    const Resource* recorded = find(record, resource);
    (*actual)["description"] =
        recorded == nullptr ? "" : text_at(recorded->properties, "description");
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

json::value record_of(const std::vector<Resource>& resources) {
  json::array out;
  for (const Resource& resource : resources) {
    out.push_back(json::object{{"kind", kind_name(resource.kind)},
                               {"name", resource.name},
                               {"properties", resource.properties}});
  }
  return out;
}

Result<void> write_record(const Calls& calls, const std::string& name,
                          const std::vector<Resource>& resources) {
  TRY_VOID(calls.call("suiro", "PutDefinition",
                      {{"Name", name}, {"Document", json::serialize(record_of(resources))}}));
  return ok();
}

void put(std::vector<Resource>& record, const Resource& resource) {
  for (Resource& known : record) {
    if (known.kind != resource.kind || known.name != resource.name) continue;
    known = resource;
    return;
  }
  record.push_back(resource);
}

Result<void> remove_one(const Context& context, const Change& change,
                        std::vector<Resource>& record) {
  TRY_VOID(handler_of(change.resource.kind).remove(context, change.resource.name));
  std::erase_if(record, [&](const Resource& resource) {
    return resource.kind == change.resource.kind && resource.name == change.resource.name;
  });
  return ok();
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

Result<std::vector<Resource>> read_record(const Calls& calls, const std::string& name) {
  TRY(auto found,
      calls.find("suiro", "GetDefinition", {{"Name", name}}, {"ResourceNotFoundException"}));
  std::vector<Resource> out;
  if (!found) return out;
  boost::system::error_code failed;
  json::value record = json::parse(text_at(*found, "Document"), failed);
  if (failed || !record.is_array()) return fail(codes::kCorrupt, "the record is not readable");
  for (const auto& item : record.as_array()) {
    const json::object& entry = item.as_object();
    for (size_t i = 0; i < kKinds; ++i) {
      if (kind_name(static_cast<Kind>(i)) != text_at(entry, "kind")) continue;
      out.push_back({static_cast<Kind>(i), text_at(entry, "name"), object_at(entry, "properties")});
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
  std::vector<Resource> gone;
  for (const Resource& resource : plan.record) {
    if (find(document.resources, resource) == nullptr) gone.push_back(resource);
  }
  // What was made last goes first.
  std::ranges::sort(gone, std::greater(),
                    [](const Resource& r) { return std::pair(r.kind, r.name); });
  for (Resource& resource : gone) {
    TRY(auto actual, handler_of(resource.kind).read(context, resource.name));
    if (!actual && prune == Prune::kNo) continue;
    Action action = prune == Prune::kYes ? Action::kRemove : Action::kLeave;
    plan.changes.push_back({action, std::move(resource), actual.value_or(json::object()), {}});
  }
  return plan;
}

Result<void> apply(const Context& context, const Plan& plan, const Progress& progress) {
  std::vector<Resource> record = plan.record;
  size_t of = static_cast<size_t>(std::ranges::count_if(plan.changes, [](const Change& change) {
    return change.action != Action::kKeep && change.action != Action::kLeave;
  }));
  size_t number = 0;
  bool grew = false;
  for (const Change& change : plan.changes) {
    if (change.action == Action::kRemove || change.action == Action::kLeave) continue;
    grew |= find(record, change.resource) == nullptr || change.action == Action::kUpdate;
    put(record, change.resource);
  }
  if (grew) TRY_VOID(write_record(context.calls, plan.name, record));
  for (const Change& change : plan.changes) {
    const Handler& handler = handler_of(change.resource.kind);
    if (change.action == Action::kCreate) {
      progress(++number, of, change);
      TRY_VOID(handler.create(context, change.resource));
    } else if (change.action == Action::kUpdate) {
      progress(++number, of, change);
      TRY_VOID(handler.update(context, change.resource, change.actual));
    }
  }
  for (const Change& change : plan.changes) {
    if (!needs_connection(change)) continue;
    TRY_VOID(handler_of(change.resource.kind).connect(context, change.resource));
  }
  for (const Change& change : plan.changes) {
    if (change.action != Action::kRemove) continue;
    progress(++number, of, change);
    TRY_VOID(remove_one(context, change, record));
    TRY_VOID(write_record(context.calls, plan.name, record));
  }
  return ok();
}

}  // namespace suiro::definition
