// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "services/lambda/errors.h"
#include "services/lambda/logic.h"
#include "services/lambda/storage.h"
#include "services/lambda/validate.h"

namespace suiro::lambda {
namespace {

constexpr size_t kReadBytes = 1 << 20;  // of an object of the lake at a time
constexpr std::string_view kRevisionMismatch =
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias "
    "API to retrieve the latest Revision Id";

Result<void> check_revision(const std::optional<std::string>& wanted, const Settings& latest) {
  if (wanted && *wanted != latest.revision_id) {
    return fail(kPreconditionFailed, std::string(kRevisionMismatch));
  }
  return ok();
}

// AWS Lambda API Reference, "CreateFunction": the role must be there and trust Lambda.
Result<void> check_assumable(const event::Kernel& kernel, const std::string& role) {
  if (kernel.roles == nullptr || kernel.roles->check(role, "lambda.amazonaws.com")) return ok();
  return fail(kInvalidParameter, "The role defined for the function cannot be assumed by Lambda.");
}

}  // namespace

Result<FunctionState*> Logic::existing(const FunctionName& name) {
  FunctionState* function = context_.find(name.name);
  if (function == nullptr || !function->exists) {
    return fail(kResourceNotFound,
                "Function not found: " + context_.arn(name.name, name.qualifier));
  }
  return function;
}

Result<View> Logic::view(FunctionState& function, const std::string& qualifier) {
  std::string arn = context_.arn(function.name, qualifier);
  const Settings* settings = nullptr;
  if (qualifier.empty() || qualifier == kLatest) {
    settings = function.latest.get();
  } else {
    std::string version = qualifier;
    if (auto alias = function.aliases.find(qualifier); alias != function.aliases.end()) {
      version = alias->second.version;
    }
    if (version == kLatest) {
      settings = function.latest.get();
    } else if (is_version_number(version)) {
      auto found = function.versions.find(std::stoull(version));
      if (found != function.versions.end()) settings = found->second.get();
    }
  }
  if (settings == nullptr) return fail(kResourceNotFound, "Function not found: " + arn);
  return View{*settings, function.name, arn, function.record.tags,
              function.record.reserved_concurrency};
}

Task<Result<void>> Logic::save(FunctionState* function, Function record, store::Batch batch) {
  batch.put(keys::function(function->name), encode(record));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  function->latest = std::make_shared<const Settings>(record.latest);
  function->record = std::move(record);
  function->exists = true;
  co_return ok();
}

// Sandboxes of settings that no version has any more are closed.
void Logic::retire(FunctionState& function) {
  std::vector<std::string> keep;
  if (function.exists) {
    keep.push_back(generation_of(*function.latest));
    for (const auto& [number, settings] : function.versions) {
      keep.push_back(generation_of(*settings));
    }
  }
  function.pool.retire(std::move(keep));
}

// Code that neither `latest` nor a published version names is deleted with the batch.
void Logic::forget_unused_code(FunctionState& function, const Settings& latest, store::Batch& batch,
                               std::vector<std::string>* gone) {
  for (const auto& [sha256, code] : function.code) {
    bool used = latest.code_sha256 == sha256;
    for (const auto& [number, settings] : function.versions) {
      used = used || settings->code_sha256 == sha256;
    }
    if (used) continue;
    if (auto ref = store::BlobRef::decode(code.blob)) batch.release(*ref);
    batch.erase(keys::code(function.name, sha256));
    gone->push_back(sha256);
  }
}

Task<Result<ReceivedCode>> Logic::receive(CodeSource source) {
  if (source.zip && !source.bucket.empty()) {
    co_return fail(kInvalidParameter,
                   "Please do not provide other FunctionCode parameters when providing a ZipFile.");
  }
  if (source.zip) {
    bool given = false;
    CodeStore::Next next = [&]() -> Task<Result<Bytes>> {
      if (std::exchange(given, true)) co_return Bytes();
      co_return std::move(*source.zip);
    };
    co_return co_await context_.code.receive(std::move(next), kZipDirectBytesMax);
  }
  if (source.bucket.empty() || source.key.empty()) {
    co_return fail(kInvalidParameter, "Please provide a source for function code.");
  }
  event::ObjectReader* lake = context_.kernel.objects;
  if (lake == nullptr) co_return unsupported("Code from the lake, where no s3 service runs,");
  auto object = co_await lake->read(source.bucket, source.key, source.object_version.value_or(""));
  if (!object) {
    co_return fail(kInvalidParameter,
                   fmt::format("Error occurred while GetObject. S3 Error Code: {}. S3 Error "
                               "Message: {}",
                               object.error().code, object.error().message));
  }
  uint64_t at = 0;
  CodeStore::Next next = [&]() -> Task<Result<Bytes>> {
    if (at >= object->bytes->size_bytes()) co_return Bytes();
    CO_TRY(Bytes piece, co_await object->bytes->read(at, kReadBytes));
    at += piece.size();
    co_return piece;
  };
  co_return co_await context_.code.receive(std::move(next), kZipBytesMax);
}

Task<Result<View>> Logic::create_function(CreateFunction request) {
  if (!is_function_name(request.name)) {
    co_return pattern_error(request.name, "functionName", "[a-zA-Z0-9-_]+");
  }
  if (!request.settings.runtime || !request.settings.handler) {
    co_return fail(kInvalidParameter,
                   "Runtime and Handler are mandatory parameters for functions "
                   "created with deployment packages.");
  }
  CO_TRY(Settings settings, with_change(Settings{}, request.settings));
  CO_TRY_VOID(check_assumable(context_.kernel, settings.role));
  CO_TRY_VOID(check_tags(request.tags));
  if (auto why = context_.config.host->refusal(settings.runtime)) {
    co_return fail(kInvalidParameter, *why);
  }
  if (!settings.dead_letter_arn.empty()) {
    CO_TRY_VOID(co_await check_destination(settings.dead_letter_arn, "dead letter"));
  }
  CO_TRY(ReceivedCode code, co_await receive(std::move(request.code)));
  co_return co_await run_on(context_.owner(request.name), [this, request = std::move(request),
                                                           settings = std::move(settings),
                                                           code = std::move(code)]() mutable {
    return create_on_owner(std::move(request), std::move(settings), std::move(code));
  });
}

Task<Result<View>> Logic::create_on_owner(CreateFunction request, Settings settings,
                                          ReceivedCode code) {
  FunctionState& function = context_.state(request.name);
  CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
  if (function.exists) {
    co_return fail(kResourceConflict, "Function already exist: " + request.name);
  }
  settings.code_sha256 = code.sha256;
  settings.code_size_bytes = code.size_bytes;
  settings.revision_id = new_revision();
  settings.last_modified = context_.kernel.clock.now();
  Function record{request.name, std::move(settings)};
  record.tags = std::move(request.tags);
  store::Batch batch;
  CodeRecord stored{batch.adopt(code.blob).encode(), code.size_bytes};
  batch.put(keys::code(request.name, code.sha256), encode(stored));
  CO_TRY_VOID(co_await save(&function, std::move(record), std::move(batch)));
  function.code[code.sha256] = std::move(stored);
  retire(function);
  if (request.publish == Publish::kYes) co_return co_await publish_on_owner(&function, {});
  co_return view(function, "");
}

Task<Result<View>> Logic::update_code(UpdateCode request) {
  CO_TRY(ReceivedCode code, co_await receive(std::move(request.code)));
  Executor owner = context_.owner(request.name.name);
  co_return co_await run_on(owner,
                            [this, request = std::move(request), code = std::move(code)]() mutable {
                              return update_code_on_owner(std::move(request), std::move(code));
                            });
}

Task<Result<View>> Logic::update_code_on_owner(UpdateCode request, ReceivedCode code) {
  FunctionState& function = context_.state(request.name.name);
  CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
  CO_TRY_VOID(existing(request.name));
  CO_TRY_VOID(check_revision(request.revision_id, *function.latest));
  Function record = function.record;
  record.latest.code_sha256 = code.sha256;
  record.latest.code_size_bytes = code.size_bytes;
  if (request.mode == Mode::kDryRun) {
    co_return View{record.latest, function.name, context_.arn(function.name), record.tags,
                   record.reserved_concurrency};
  }
  record.latest.revision_id = new_revision();
  record.latest.last_modified = context_.kernel.clock.now();
  store::Batch batch;
  std::optional<CodeRecord> stored;
  if (!function.code.contains(code.sha256)) {
    stored = CodeRecord{batch.adopt(code.blob).encode(), code.size_bytes};
    batch.put(keys::code(function.name, code.sha256), encode(*stored));
  }
  std::vector<std::string> gone;
  forget_unused_code(function, record.latest, batch, &gone);
  CO_TRY_VOID(co_await save(&function, std::move(record), std::move(batch)));
  for (const std::string& sha256 : gone) function.code.erase(sha256);
  if (stored) function.code[code.sha256] = *std::move(stored);
  retire(function);
  if (request.publish == Publish::kYes) co_return co_await publish_on_owner(&function, {});
  co_return view(function, "");
}

Task<Result<View>> Logic::update_settings(FunctionName name, SettingsChange change,
                                          std::optional<std::string> revision_id) {
  if (change.dead_letter_arn && !change.dead_letter_arn->empty()) {
    CO_TRY_VOID(with_change(Settings{}, change));  // its form, before it is looked for
    CO_TRY_VOID(co_await check_destination(*change.dead_letter_arn, "dead letter"));
  }
  if (change.role) {
    CO_TRY_VOID(with_change(Settings{}, change));
    CO_TRY_VOID(check_assumable(context_.kernel, *change.role));
  }
  auto update = [this, name, change, revision_id]() -> Task<Result<View>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    CO_TRY_VOID(check_revision(revision_id, *function.latest));
    Function record = function.record;
    CO_TRY(record.latest, with_change(std::move(record.latest), change));
    if (auto why = context_.config.host->refusal(record.latest.runtime)) {
      co_return fail(kInvalidParameter, *why);
    }
    record.latest.revision_id = new_revision();
    record.latest.last_modified = context_.kernel.clock.now();
    CO_TRY_VOID(co_await save(&function, std::move(record), {}));
    retire(function);
    co_return view(function, "");
  };
  co_return co_await run_on(context_.owner(name.name), update);
}

Task<Result<View>> Logic::get_function(FunctionName name) {
  auto get = [this, name]() -> Task<Result<View>> {
    CO_TRY(FunctionState * function, existing(name));
    co_return view(*function, name.qualifier);
  };
  co_return co_await run_on(context_.owner(name.name), get);
}

Task<Result<Bytes>> Logic::code_of(FunctionName name) {
  auto find = [this, name]() -> Task<Result<Bytes>> {
    CO_TRY(FunctionState * function, existing(name));
    CO_TRY(View found, view(*function, name.qualifier));
    auto code = function->code.find(found.settings.code_sha256);
    if (code == function->code.end()) co_return fail(kResourceNotFound, "The code is gone.");
    co_return code->second.blob;
  };
  CO_TRY(Bytes blob, co_await run_on(context_.owner(name.name), find));
  co_return co_await context_.code.read_zip(std::move(blob));
}

Task<Result<void>> Logic::delete_function(FunctionName name) {
  auto remove = [this, name]() -> Task<Result<void>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    if (name.qualifier.empty()) co_return co_await delete_whole(&function);
    co_return co_await delete_version(&function, name.qualifier);
  };
  co_return co_await run_on(context_.owner(name.name), remove);
}

Task<Result<void>> Logic::delete_version(FunctionState* function, std::string version) {
  if (version == kLatest) {
    co_return fail(kInvalidParameter,
                   "$LATEST version cannot be deleted without deleting the function.");
  }
  if (!is_version_number(version)) {
    co_return fail(kInvalidParameter,
                   "Deletion of aliases is not currently supported. Please use DeleteAlias.");
  }
  auto found = function->versions.find(std::stoull(version));
  if (found == function->versions.end()) co_return ok();  // deleting is idempotent
  std::vector<std::string> users;
  for (const auto& [name, alias] : function->aliases) {
    if (alias.version == version || alias.weights.contains(version)) users.push_back(name);
  }
  if (!users.empty()) {
    co_return fail(kResourceConflict, fmt::format("Unable to delete version because the following "
                                                  "aliases reference it: [{}]",
                                                  fmt::join(users, ", ")));
  }
  std::shared_ptr<const Settings> settings = found->second;
  function->versions.erase(found);
  store::Batch batch;
  batch.erase(keys::version(function->name, std::stoull(version)));
  std::vector<std::string> gone;
  forget_unused_code(*function, *function->latest, batch, &gone);
  auto committed = co_await context_.kernel.store.commit(std::move(batch));
  if (!committed) {
    function->versions.emplace(std::stoull(version), std::move(settings));
    co_return std::unexpected(std::move(committed).error());
  }
  for (const std::string& sha256 : gone) function->code.erase(sha256);
  retire(*function);
  co_return ok();
}

Task<Result<void>> Logic::delete_whole(FunctionState* function) {
  store::Batch batch;
  batch.erase(keys::function(function->name));
  using keys::Kind;
  for (Kind kind : {Kind::kVersion, Kind::kAlias, Kind::kPolicy, Kind::kInvokeConfig, Kind::kCode,
                    Kind::kAsync, Kind::kPayload}) {
    batch.erase_range(keys::of_function(kind, function->name));
  }
  for (const auto& [sha256, code] : function->code) {
    if (auto ref = store::BlobRef::decode(code.blob)) batch.release(*ref);
  }
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  function->exists = false;
  context_.reserved_total -= function->record.reserved_concurrency.value_or(0);
  function->record = {};
  function->versions.clear();
  function->aliases.clear();
  function->policies.clear();
  function->invoke_configs.clear();
  function->code.clear();
  for (const Bytes& id : function->async.ready) function->async.held.erase(id);
  function->async.ready.clear();
  function->async.more_on_disk = false;
  function->async.backlog = 0;
  retire(*function);
  co_return ok();
}

Task<Result<Page<View>>> Logic::list_functions(PageRequest page, Versions versions) {
  std::map<std::string, std::vector<View>> found;
  for (size_t shard = 0; shard < context_.shards.size(); ++shard) {
    auto collect = [this, versions]() -> Task<Result<std::vector<View>>> {
      std::vector<View> views;
      for (const auto& [name, function] : context_.shard().functions) {
        if (!function->exists) continue;
        CO_TRY(View latest, view(*function, versions == Versions::kAll ? "$LATEST" : ""));
        views.push_back(std::move(latest));
        if (versions != Versions::kAll) continue;
        for (const auto& [number, settings] : function->versions) {
          CO_TRY(View one, view(*function, std::to_string(number)));
          views.push_back(std::move(one));
        }
      }
      co_return views;
    };
    CO_TRY(std::vector<View> views,
           co_await run_on(context_.kernel.shards.executor(shard), collect));
    for (View& one : views) found[one.name].push_back(std::move(one));
  }
  Page<View> result;
  for (auto& [name, views] : found) {
    if (name <= page.marker && !page.marker.empty()) continue;
    if (result.items.size() >= page.items_max) {
      result.next_marker = result.items.back().name;
      break;
    }
    std::ranges::move(views, std::back_inserter(result.items));
  }
  co_return result;
}

}  // namespace suiro::lambda
