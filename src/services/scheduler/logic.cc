// SPDX-License-Identifier: Apache-2.0
// Schedules: made, changed, read, deleted.
#include "services/scheduler/logic.h"

#include "shapes/json.h"

namespace suiro::scheduler {
namespace {

constexpr size_t kScanRows = 1000;

bool is_enabled(const shape::CreateScheduleInput& in) {
  return in.state.value_or("ENABLED") == "ENABLED";
}

// The settings without what belongs to the request.
std::string document_of(shape::CreateScheduleInput in) {
  in.client_token.reset();
  return shapes::to_json(in);
}

// Whether both have the same nominal and due times.
bool same_times(const shape::CreateScheduleInput& a, const shape::CreateScheduleInput& b) {
  return a.schedule_expression == b.schedule_expression &&
         a.schedule_expression_timezone.value_or("UTC") ==
             b.schedule_expression_timezone.value_or("UTC") &&
         a.start_date == b.start_date && a.end_date == b.end_date &&
         a.flexible_time_window.mode == b.flexible_time_window.mode &&
         a.flexible_time_window.maximum_window_in_minutes ==
             b.flexible_time_window.maximum_window_in_minutes;
}

}  // namespace

Logic::Logic(event::Kernel& kernel, const event::OperationCaller& operations,
             const event::RolePermissions& permissions, Policy defaults)
    : kernel_(kernel),
      operations_(operations),
      permissions_(permissions),
      defaults_(defaults),
      zones_(kernel.shards) {
  kernel_.timers.handle(std::string(kRunTimer), [this](event::Timer timer, store::Batch consume) {
    return on_run(std::move(timer), std::move(consume));
  });
  kernel_.timers.handle(std::string(kGroupTimer), [this](event::Timer timer, store::Batch consume) {
    return on_group(std::move(timer), std::move(consume));
  });
}

std::string Logic::arn_of(std::string_view group, std::string_view name) const {
  return fmt::format("arn:aws:scheduler:{}:{}:schedule/{}/{}", kernel_.region, kernel_.account,
                     group, name);
}

std::string Logic::group_arn(std::string_view name) const {
  return fmt::format("arn:aws:scheduler:{}:{}:schedule-group/{}", kernel_.region, kernel_.account,
                     name);
}

Task<Result<void>> Logic::commit(store::Batch batch) {
  auto done = co_await kernel_.store.commit(std::move(batch));
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

Task<Result<Logic::Change>> Logic::begin(const shape::CreateScheduleInput& in) {
  const std::string name = in.group_name.value_or(std::string(kDefaultGroup));
  CO_TRY(auto group, co_await read_group(kernel_.store, name));
  if (!group) co_return no_group(name);
  if (group->value.deleting) {
    co_return conflict(fmt::format("Schedule group {} is being deleted.", name));
  }
  Change change{.group = *std::move(group)};
  CO_TRY(change.old, co_await read_record(kernel_.store, name, in.name));
  co_return change;
}

// The record that `in` asks for, with its first run.
Result<Record> Logic::checked(const shape::CreateScheduleInput& in, const Change& change) {
  const TimePoint now = kernel_.clock.now();
  Record record;
  std::optional<shape::CreateScheduleInput> before;
  if (change.old) {
    record = change.old->value;
    ++record.revision;
    TRY(before, shapes::from_json<shape::CreateScheduleInput>(record.document));
  } else {
    record.group = change.group.value.name;
    record.name = in.name;
    record.created = now;
  }
  const bool keeps_times = before && same_times(*before, in);
  if (!keeps_times) record.rate_from = in.start_date.value_or(now);
  TRY(Plan plan, Plan::compile(in, record.rate_from, zones_));
  const bool new_start = in.start_date && !(before && before->start_date == in.start_date);
  if (!plan.is_one_time() && new_start && *in.start_date < now - kStartDatePastMax) {
    return invalid("The StartDate you specify cannot be earlier than 5 minutes ago.");
  }
  TRY(RunTarget target, RunTarget::compile(in.target, kernel_.region, kernel_.account));
  TRY_VOID(target.check(kernel_, operations_));
  const Policy policy = this->policy(change.group.value, record);
  if (policy.overlap != Overlap::kAllow && !target.is_ecs()) {
    return invalid(
        fmt::format("suiro:overlap={} applies to ECS targets only.", name_of(policy.overlap)));
  }
  record.modified = now;
  record.client_token = in.client_token.value_or("");
  record.document = document_of(in);
  if (!is_enabled(in)) {
    record.next.reset();
  } else if (!keeps_times || !is_enabled(*before)) {
    // A time that passed while the request was on its way still is on time.
    const Millis back = plan.is_one_time() ? kOnTime : Millis(1);
    record.next = plan.after(now - back, policy, arn_of(record));
  }
  return record;
}

Task<Result<std::string>> Logic::create(shape::CreateScheduleInput in) {
  return until_won("Schedule " + in.name, [this, in] { return create_once(in); });
}

Task<Result<std::string>> Logic::create_once(shape::CreateScheduleInput in) {
  CO_TRY(Change change, co_await begin(in));
  if (change.old) {
    const Record& old = change.old->value;
    const bool repeated =
        in.client_token && old.client_token == *in.client_token && old.document == document_of(in);
    if (!repeated) co_return conflict(fmt::format("Schedule {} already exists.", in.name));
    co_return arn_of(old);
  }
  CO_TRY(Record record, checked(in, change));
  store::Batch batch;
  batch.require_version(keys::group(record.group), change.group.version);
  batch.require_absent(keys::schedule(record.group, record.name));
  batch.put(keys::schedule(record.group, record.name), encode(record));
  if (record.next) set_timer(batch, record);
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return arn_of(record);
}

Task<Result<std::string>> Logic::update(shape::CreateScheduleInput in) {
  return until_won("Schedule " + in.name, [this, in] { return update_once(in); });
}

Task<Result<std::string>> Logic::update_once(shape::CreateScheduleInput in) {
  CO_TRY(Change change, co_await begin(in));
  if (!change.old) co_return no_schedule(in.name);
  CO_TRY(Record record, checked(in, change));
  store::Batch batch;
  batch.require_version(keys::group(record.group), change.group.version);
  batch.require_version(keys::schedule(record.group, record.name), change.old->version);
  if (change.old->value.next) cancel_timer(batch, change.old->value);
  batch.put(keys::schedule(record.group, record.name), encode(record));
  if (record.next) set_timer(batch, record);
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return arn_of(record);
}

Task<Result<Record>> Logic::get(std::string group, std::string name) {
  CO_TRY(auto found, co_await read_record(kernel_.store, group, name));
  if (!found) co_return no_schedule(name);
  co_return std::move(found->value);
}

Task<Result<void>> Logic::remove(std::string group, std::string name) {
  return until_won("Schedule " + name, [this, group, name] { return remove_once(group, name); });
}

Task<Result<void>> Logic::remove_once(std::string group, std::string name) {
  CO_TRY(auto found, co_await read_record(kernel_.store, group, name));
  if (!found) co_return no_schedule(name);
  store::Batch batch;
  batch.require_version(keys::schedule(group, name), found->version);
  batch.erase(keys::schedule(group, name));
  if (found->value.next) cancel_timer(batch, found->value);
  co_return co_await commit(std::move(batch));
}

Task<Result<Listed<Record>>> Logic::list(ListSchedules request) {
  store::KeyRange range = keys::schedules(request.group);
  if (!request.group.empty()) {
    CO_TRY(auto group, co_await read_group(kernel_.store, request.group));
    if (!group) co_return no_group(request.group);
    range = store::KeyRange::prefix(keys::schedule(request.group, request.prefix));
  }
  if (!request.token.empty()) {
    auto after = base64_decode(request.token);
    const bool inside = after && *after >= range.begin && *after < range.end;
    if (!inside) co_return invalid("Invalid NextToken.");
    range.begin = *after + '\0';
  }
  Listed<Record> out;
  CO_TRY(auto page, co_await kernel_.store.scan({.range = range, .rows_max = kScanRows}));
  for (auto& entry : page.entries) {
    CO_TRY(Record record, decode_record(entry.value));
    CO_TRY(auto in, shapes::from_json<shape::CreateScheduleInput>(record.document));
    const bool wanted = record.name.starts_with(request.prefix) &&
                        (request.state.empty() || in.state.value_or("ENABLED") == request.state);
    if (wanted) out.items.push_back(std::move(record));
    const bool last = &entry == &page.entries.back() && !page.more;
    const bool full = out.items.size() == request.results_max || &entry == &page.entries.back();
    if (full && !last) {
      out.token = base64_encode(entry.key);
      break;
    }
  }
  co_return out;
}

}  // namespace suiro::scheduler
