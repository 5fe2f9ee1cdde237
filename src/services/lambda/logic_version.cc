// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "services/lambda/errors.h"
#include "services/lambda/logic.h"
#include "services/lambda/storage.h"

namespace suiro::lambda {
namespace {

// Equal in all that a version fixes.
bool same_behaviour(Settings a, const Settings& b) {
  a.version = b.version;
  a.revision_id = b.revision_id;
  a.last_modified = b.last_modified;
  a.description = b.description;
  return encode(a) == encode(b);
}

std::unexpected<Error> no_alias(const std::string& arn) {
  return fail(kResourceNotFound, "Cannot find alias arn: " + arn);
}

}  // namespace

Task<Result<View>> Logic::publish_version(PublishVersion request) {
  Executor owner = context_.owner(request.name.name);
  auto publish = [this, request = std::move(request)]() -> Task<Result<View>> {
    FunctionState& function = context_.state(request.name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(request.name));
    co_return co_await publish_on_owner(&function, request);
  };
  co_return co_await run_on(owner, std::move(publish));
}

Task<Result<View>> Logic::publish_on_owner(FunctionState* function, PublishVersion request) {
  const Settings& latest = *function->latest;
  if (request.revision_id && *request.revision_id != latest.revision_id) {
    co_return fail(kPreconditionFailed,
                   "The Revision Id provided does not match the latest Revision Id. Call the "
                   "GetFunction/GetAlias API to retrieve the latest Revision Id");
  }
  if (request.code_sha256 && !request.code_sha256->empty()) {
    CO_TRY(Bytes digest, hex_decode(latest.code_sha256));
    if (*request.code_sha256 != base64_encode(digest)) {
      co_return fail(kInvalidParameter,
                     fmt::format("CodeSHA256 ({}) is different from current CodeSHA256 in $LATEST "
                                 "({}). Please try again with the CodeSHA256 in $LATEST.",
                                 *request.code_sha256, base64_encode(digest)));
    }
  }
  if (!function->versions.empty()) {
    const auto& [number, last] = *function->versions.rbegin();
    if (number == function->record.version_last && same_behaviour(latest, *last)) {
      co_return view(*function, std::to_string(number));
    }
  }
  Function record = function->record;
  uint64_t number = ++record.version_last;
  Settings settings = latest;
  settings.version = std::to_string(number);
  settings.revision_id = new_revision();
  settings.last_modified = context_.kernel.clock.now();
  if (request.description) settings.description = *request.description;
  store::Batch batch;
  batch.put(keys::version(function->name, number), encode(settings));
  CO_TRY_VOID(co_await save(function, std::move(record), std::move(batch)));
  function->versions[number] = std::make_shared<const Settings>(std::move(settings));
  retire(*function);
  co_return view(*function, std::to_string(number));
}

Task<Result<Page<View>>> Logic::list_versions(FunctionName name, PageRequest page) {
  auto list = [this, name, page]() -> Task<Result<Page<View>>> {
    CO_TRY(FunctionState * function, existing(name));
    std::vector<std::string> qualifiers{std::string(kLatest)};
    for (const auto& [number, settings] : function->versions) {
      qualifiers.push_back(std::to_string(number));
    }
    auto next = qualifiers.begin();
    if (!page.marker.empty()) {
      next = std::ranges::find(qualifiers, page.marker);
      if (next != qualifiers.end()) ++next;
    }
    Page<View> result;
    for (; next != qualifiers.end(); ++next) {
      if (result.items.size() >= page.items_max) {
        result.next_marker = result.items.back().settings.version;
        break;
      }
      CO_TRY(View one, view(*function, *next));
      result.items.push_back(std::move(one));
    }
    co_return result;
  };
  co_return co_await run_on(context_.owner(name.name), list);
}

// "Create an alias for a Lambda function": weights name one other published version.
Result<void> Logic::check_weights(FunctionState& function, const Alias& alias) {
  auto version_exists = [&](const std::string& version) {
    return is_version_number(version) && function.versions.contains(std::stoull(version));
  };
  if (alias.version != kLatest && !version_exists(alias.version)) {
    return fail(kResourceNotFound,
                "Function not found: " + context_.arn(function.name, alias.version));
  }
  if (alias.weights.empty()) return ok();
  if (alias.weights.size() > 1) {
    return fail(kInvalidParameter,
                "Number of items in AdditionalVersionWeights cannot be greater than 1");
  }
  const auto& [version, weight] = *alias.weights.begin();
  if (alias.version == kLatest || version == kLatest) {
    return fail(kInvalidParameter,
                "$LATEST is not supported for an alias pointing to more than 1 version");
  }
  if (!version_exists(version)) {
    return fail(kResourceNotFound, "Function not found: " + context_.arn(function.name, version));
  }
  if (version == alias.version) {
    return fail(kInvalidParameter,
                fmt::format("Invalid function version {}. Function version {} is already included "
                            "in routing configuration.",
                            version, version));
  }
  if (!(weight >= 0.0 && weight <= 1.0)) {
    return fail(kValidation,
                "1 validation error detected: Value at 'routingConfig."
                "additionalVersionWeights' failed to satisfy constraint: Map value "
                "must satisfy constraint: [Member must have value less than or equal "
                "to 1.0, Member must have value greater than or equal to 0.0]");
  }
  return ok();
}

Task<Result<AliasView>> Logic::save_alias(FunctionState* function, Alias alias) {
  CO_TRY_VOID(check_weights(*function, alias));
  alias.revision_id = new_revision();
  store::Batch batch;
  batch.put(keys::alias(function->name, alias.name), encode(alias));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  function->aliases[alias.name] = alias;
  std::string arn = context_.arn(function->name, alias.name);
  co_return AliasView{std::move(alias), std::move(arn)};
}

Task<Result<AliasView>> Logic::create_alias(FunctionName name, Alias alias) {
  if (!is_alias_name(alias.name)) {
    co_return pattern_error(alias.name, "name", "(?!^[0-9]+$)([a-zA-Z0-9-_]+)");
  }
  auto create = [this, name, alias]() -> Task<Result<AliasView>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    if (function.aliases.contains(alias.name)) {
      co_return fail(kResourceConflict,
                     "Alias already exists: " + context_.arn(name.name, alias.name));
    }
    co_return co_await save_alias(&function, alias);
  };
  co_return co_await run_on(context_.owner(name.name), create);
}

Task<Result<AliasView>> Logic::get_alias(FunctionName name, std::string alias) {
  auto get = [this, name, alias]() -> Task<Result<AliasView>> {
    CO_TRY(FunctionState * function, existing(name));
    std::string arn = context_.arn(name.name, alias);
    auto found = function->aliases.find(alias);
    if (found == function->aliases.end()) co_return no_alias(arn);
    co_return AliasView{found->second, arn};
  };
  co_return co_await run_on(context_.owner(name.name), get);
}

Task<Result<AliasView>> Logic::update_alias(FunctionName name, std::string alias,
                                            AliasChange change) {
  auto update = [this, name, alias, change]() -> Task<Result<AliasView>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    auto found = function.aliases.find(alias);
    if (found == function.aliases.end()) co_return no_alias(context_.arn(name.name, alias));
    Alias next = found->second;
    if (change.revision_id && *change.revision_id != next.revision_id) {
      co_return fail(kPreconditionFailed,
                     "The Revision Id provided does not match the latest Revision Id. Call the "
                     "GetFunction/GetAlias API to retrieve the latest Revision Id");
    }
    if (change.description) next.description = *change.description;
    if (change.version) next.version = *change.version;
    if (change.weights) next.weights = *change.weights;
    co_return co_await save_alias(&function, std::move(next));
  };
  co_return co_await run_on(context_.owner(name.name), update);
}

Task<Result<void>> Logic::delete_alias(FunctionName name, std::string alias) {
  auto remove = [this, name, alias]() -> Task<Result<void>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    if (!function.aliases.contains(alias)) co_return ok();  // deleting is idempotent
    store::Batch batch;
    batch.erase(keys::alias(name.name, alias));
    batch.erase(keys::policy(name.name, alias));
    batch.erase(keys::invoke_config(name.name, alias));
    CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
    function.aliases.erase(alias);
    function.policies.erase(alias);
    function.invoke_configs.erase(alias);
    co_return ok();
  };
  co_return co_await run_on(context_.owner(name.name), remove);
}

Task<Result<Page<AliasView>>> Logic::list_aliases(FunctionName name, std::string version,
                                                  PageRequest page) {
  auto list = [this, name, version, page]() -> Task<Result<Page<AliasView>>> {
    CO_TRY(FunctionState * function, existing(name));
    Page<AliasView> result;
    for (const auto& [alias_name, alias] : function->aliases) {
      if (!page.marker.empty() && alias_name <= page.marker) continue;
      if (!version.empty() && alias.version != version && !alias.weights.contains(version)) {
        continue;
      }
      if (result.items.size() >= page.items_max) {
        result.next_marker = result.items.back().alias.name;
        break;
      }
      result.items.push_back({alias, context_.arn(name.name, alias_name)});
    }
    co_return result;
  };
  co_return co_await run_on(context_.owner(name.name), list);
}

}  // namespace suiro::lambda
