// SPDX-License-Identifier: Apache-2.0
// Applications as data: create, describe, list, delete, change, tags, versions, operations.
#include "services/analytics/logic.h"

#include "base/arn.h"
#include "services/analytics/runners.h"
#include "services/analytics/validate.h"

namespace suiro::analytics {
namespace {

constexpr std::string_view kTokenAlphabet = "0123456789abcdef";
constexpr size_t kTokenLength = 32;

std::chrono::seconds second_of(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
}

// Ids as AWS gives them: the version that brought the part, and a number.
class Ids {
 public:
  explicit Ids(uint64_t version) : version_(version) {}
  std::string next() { return fmt::format("{}.{}", version_, ++count_); }

 private:
  uint64_t version_;
  int count_ = 0;
};

void give_ids(Configuration& c, const Logic::NewId& next) {
  for (Input& input : c.inputs) input.id = next();
  for (Output& output : c.outputs) output.id = next();
  for (Reference& reference : c.references) reference.id = next();
  for (LoggingOption& option : c.logging) option.id = next();
}

}  // namespace

Logic::Logic(event::Kernel& kernel, const Config& config)
    : kernel_(kernel),
      config_(config),
      storage_(kernel.store),
      compiler_(config.switches.language, config.switches.functions),
      runners_(std::make_unique<Runners>(kernel, config, compiler_)) {
  for (size_t i = 0; i < kernel.shards.size(); ++i) {
    scopes_.push_back(std::make_unique<TaskScope>(kernel.shards.executor(i)));
  }
}

Logic::~Logic() = default;

std::string Logic::arn_of(std::string_view name) const {
  return fmt::format("arn:aws:kinesisanalytics:{}:{}:application/{}", kernel_.region,
                     kernel_.account, name);
}

Result<std::string> Logic::name_of_arn(std::string_view text) const {
  constexpr std::string_view kKind = "application/";
  auto arn = Arn::parse(text);
  if (!arn || arn->service != "kinesisanalytics" || arn->region != kernel_.region ||
      arn->account != kernel_.account || !arn->resource.starts_with(kKind)) {
    return no_such_application(text);
  }
  return arn->resource.substr(kKind.size());
}

Task<Result<void>> Logic::commit(store::Batch batch) {
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  co_return ok();
}

Task<Result<Found>> Logic::existing(std::string name) {
  CO_TRY(auto found, co_await storage_.application(name));
  if (!found) co_return no_such_application(arn_of(name));
  co_return *std::move(found);
}

// --- Create, describe, list --------------------------------------------------------------------

Task<Result<Application>> Logic::create(Definition definition) {
  auto attempt = [&] { return try_create(definition); };
  co_return co_await run_on(kernel_.shards.owner(definition.name),
                            [&] { return settle(definition.name, attempt); });
}

Task<Result<Application>> Logic::try_create(Definition definition) {
  CO_TRY(auto found, co_await storage_.application(definition.name));
  if (found) co_return in_use(fmt::format("Application {} already exists", definition.name));
  CO_TRY_VOID(validate_tags(definition.tags));
  Ids ids(1);
  give_ids(definition.configuration, [&] { return ids.next(); });
  CO_TRY_VOID(validate(definition.configuration));
  CO_TRY_VOID(compiler_.check(definition.configuration));
  CO_TRY(auto all, co_await storage_.applications("", kApplicationsMax));
  if (all.rows.size() >= kApplicationsMax) {
    co_return fail("LimitExceededException",
                   fmt::format("An account can have at most {} applications", kApplicationsMax));
  }
  TimePoint now = kernel_.clock.now();
  Found made{.record = {.id = ApplicationId(kernel_.random.next()),
                        .name = std::move(definition.name),
                        .description = std::move(definition.description),
                        .created = now,
                        .last_update = now,
                        .version_created = now,
                        .conditional_token = kernel_.random.text(kTokenLength, kTokenAlphabet),
                        .configuration = std::move(definition.configuration),
                        .tags = std::move(definition.tags)}};
  store::Batch batch;
  Storage::put_version(batch, made.record);
  Storage::put(batch, made);
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return std::move(made.record);
}

Task<Result<Application>> Logic::describe(std::string name) {
  CO_TRY(Found found, co_await existing(std::move(name)));
  co_return std::move(found.record);
}

Task<Result<Logic::Listing>> Logic::list(std::string after, size_t rows_max) {
  CO_TRY(auto page, co_await storage_.applications(std::move(after), rows_max));
  Listing out{.more = page.more};
  for (Found& row : page.rows) out.rows.push_back(std::move(row.record));
  co_return out;
}

// --- Delete ------------------------------------------------------------------------------------

Task<Result<void>> Logic::remove(std::string name, TimePoint created) {
  auto attempt = [&] { return try_remove(name, created); };
  CO_TRY(Application application,
         co_await run_on(kernel_.shards.owner(name), [&] { return settle(name, attempt); }));
  follow(std::move(application));
  co_return ok();
}

Task<Result<Application>> Logic::try_remove(std::string name, TimePoint created) {
  CO_TRY(Found found, co_await existing(name));
  Application& application = found.record;
  if (second_of(created) != second_of(application.created)) {
    co_return invalid(fmt::format("CreateTimestamp is not that of application {}", arn_of(name)));
  }
  if (application.status != Status::kReady && application.status != Status::kRunning) {
    co_return in_use(fmt::format("Application {} cannot be deleted while it is {}", arn_of(name),
                                 name_of(application.status)));
  }
  application.status = Status::kDeleting;
  store::Batch batch;
  Storage::put(batch, found);
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return std::move(application);
}

// --- Change ------------------------------------------------------------------------------------

Result<void> Logic::check_guard(const Application& application, const Guard& guard) const {
  if (!guard.version && !guard.token) {
    return invalid("CurrentApplicationVersionId or ConditionalToken is required");
  }
  bool is_current = (!guard.version || *guard.version == application.version) &&
                    (!guard.token || *guard.token == application.conditional_token);
  if (is_current) return ok();
  return fail("ConcurrentModificationException",
              fmt::format("Application {} was changed meanwhile: its version is {}",
                          arn_of(application.name), application.version));
}

Task<Result<Changed>> Logic::change(std::string name, Guard guard, std::string operation,
                                    Edit edit) {
  auto attempt = [&] { return try_change(name, guard, operation, edit); };
  CO_TRY(Changed changed,
         co_await run_on(kernel_.shards.owner(name), [&] { return settle(name, attempt); }));
  if (changed.application.status == Status::kUpdating) follow(changed.application);
  co_return changed;
}

Task<Result<Changed>> Logic::try_change(std::string name, Guard guard, std::string operation,
                                        const Edit& edit) {
  CO_TRY(Found found, co_await existing(name));
  Application& application = found.record;
  CO_TRY_VOID(check_guard(application, guard));
  if (application.status != Status::kReady && application.status != Status::kRunning) {
    co_return in_use(fmt::format("Application {} cannot be changed while it is {}", arn_of(name),
                                 name_of(application.status)));
  }
  if (application.version >= kVersionMax) co_return invalid("The application has no more versions");
  Ids ids(application.version + 1);
  CO_TRY_VOID(edit(application.configuration, [&] { return ids.next(); }));
  CO_TRY_VOID(validate(application.configuration));
  CO_TRY_VOID(compiler_.check(application.configuration));
  if (application.status == Status::kRunning) {
    auto program = compiler_.compile(application.configuration);
    if (!program) co_return std::unexpected(program.error());
  }
  TimePoint now = kernel_.clock.now();
  bool runs = application.status == Status::kRunning;
  application.updated_from = application.version++;
  application.last_update = now;
  application.version_created = now;
  application.conditional_token = kernel_.random.text(kTokenLength, kTokenAlphabet);
  if (runs) application.status = Status::kUpdating;
  Operation record{
      .id = kernel_.random.uuid(),
      .kind = std::move(operation),
      .begun = now,
      .ended = now,
      .outcome = runs ? Operation::Outcome::kInProgress : Operation::Outcome::kSuccessful,
      .from_version = application.updated_from,
      .to_version = application.version};
  std::string operation_id = record.id;
  store::Batch batch;
  begin_operation(batch, application, std::move(record));
  Storage::put_version(batch, application);
  Storage::put(batch, found);
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return Changed{std::move(application), std::move(operation_id)};
}

void Logic::begin_operation(store::Batch& batch, Application& application,
                            Operation operation) const {
  Storage::put_operation(batch, application.id, ++application.operations, operation);
}

// --- Versions, operations, tags ----------------------------------------------------------------

Task<Result<std::optional<VersionRecord>>> Logic::version(const Application& application,
                                                          uint64_t number) {
  return storage_.version(application.id, number);
}

Task<Result<std::vector<VersionRecord>>> Logic::versions(const Application& application,
                                                         uint64_t before, size_t rows_max) {
  return storage_.versions(application.id, before, rows_max);
}

Task<Result<std::vector<Operation>>> Logic::operations(const Application& application) {
  return storage_.operations(application.id);
}

Task<Result<void>> Logic::tag(std::string name, std::map<std::string, std::string> added,
                              std::vector<std::string> removed) {
  auto attempt = [&] { return try_tag(name, added, removed); };
  co_return co_await run_on(kernel_.shards.owner(name), [&] { return settle(name, attempt); });
}

Task<Result<void>> Logic::try_tag(std::string name, const std::map<std::string, std::string>& added,
                                  const std::vector<std::string>& removed) {
  CO_TRY(Found found, co_await existing(name));
  auto& tags = found.record.tags;
  for (const auto& [key, value] : added) tags[key] = value;
  for (const auto& key : removed) tags.erase(key);
  CO_TRY_VOID(validate_tags(tags));
  store::Batch batch;
  Storage::put(batch, found);
  co_return co_await commit(std::move(batch));
}

}  // namespace suiro::analytics
