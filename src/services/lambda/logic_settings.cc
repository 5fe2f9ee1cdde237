// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/errors.h"
#include "services/lambda/logic.h"
#include "services/lambda/storage.h"
#include "services/lambda/validate.h"

namespace suiro::lambda {
namespace {

std::unexpected<Error> no_invoke_config(const std::string& arn) {
  return fail(kResourceNotFound,
              fmt::format("The function {} doesn't have an EventInvokeConfig", arn));
}

std::string config_key(const FunctionName& name) {
  return name.qualifier == kLatest ? "" : name.qualifier;
}

}  // namespace

// The qualifier is $LATEST, a version or an alias that exists.
Result<void> Logic::check_qualifier(FunctionState& function, const std::string& qualifier) {
  TRY_VOID(view(function, qualifier));
  return ok();
}

Task<Result<void>> Logic::check_destination(std::string arn, std::string_view what) {
  std::string role(what);
  Result<event::Target*> target = context_.kernel.targets.target(arn);
  Result<Arn> parsed = Arn::parse(arn);
  if (!parsed || !target || (parsed->service != "sqs" && parsed->service != "lambda")) {
    co_return fail(kInvalidParameter,
                   fmt::format("The {} target {} is not supported: it must be an SQS queue{}.",
                               role, arn, role == "destination" ? " or a function" : ""));
  }
  // Whether it exists. AWS lets the function's role decide who may send, so the target's own
  // policy does not count.
  Result<void> accepted =
      co_await (*target)->accepts(arn, {"lambda.amazonaws.com", "", context_.kernel.account});
  if (!accepted && accepted.error().code == codes::kNotFound) {
    co_return fail(kInvalidParameter, fmt::format("The {} target {} does not exist.", role, arn));
  }
  co_return ok();
}

Task<Result<void>> Logic::put_concurrency(FunctionName name, std::optional<int32_t> reserved) {
  auto put = [this, name, reserved]() -> Task<Result<void>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    Function record = function.record;
    uint32_t before = record.reserved_concurrency.value_or(0);
    uint32_t after = static_cast<uint32_t>(reserved.value_or(0));
    uint32_t total = context_.config.account_concurrency;
    uint32_t sum = context_.reserved_total.fetch_add(after) + after - before;
    if (after > before && sum + kUnreservedConcurrencyMin > total) {
      context_.reserved_total.fetch_sub(after);
      co_return fail(kInvalidParameter,
                     fmt::format("Specified ReservedConcurrentExecutions for function decreases "
                                 "account's UnreservedConcurrentExecution below its minimum value "
                                 "of [{}].",
                                 kUnreservedConcurrencyMin));
    }
    record.reserved_concurrency.reset();
    if (reserved) record.reserved_concurrency = after;
    Result<void> saved = co_await save(&function, std::move(record), {});
    context_.reserved_total.fetch_sub(saved ? before : after);
    if (saved) async_.pump(&function);
    co_return saved;
  };
  co_return co_await run_on(context_.owner(name.name), put);
}

Task<Result<InvokeConfigView>> Logic::put_invoke_config(FunctionName name,
                                                        InvokeConfigChange change, Merge merge) {
  if (change.age_max_s && (*change.age_max_s < static_cast<int32_t>(kAsyncAgeSecondsMin) ||
                           *change.age_max_s > static_cast<int32_t>(kAsyncAgeSecondsMax))) {
    co_return range_error(std::to_string(*change.age_max_s), "maximumEventAgeInSeconds",
                          "between 60 and 21600");
  }
  if (change.retries_max &&
      (*change.retries_max < 0 || *change.retries_max > static_cast<int32_t>(kAsyncRetriesMax))) {
    co_return range_error(std::to_string(*change.retries_max), "maximumRetryAttempts",
                          "between 0 and 2");
  }
  for (const auto& arn : {change.on_success_arn, change.on_failure_arn}) {
    if (arn && !arn->empty()) CO_TRY_VOID(co_await check_destination(*arn, "destination"));
  }
  auto put = [this, name, change, merge]() -> Task<Result<InvokeConfigView>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    CO_TRY_VOID(check_qualifier(function, name.qualifier));
    std::string arn =
        context_.arn(name.name, name.qualifier.empty() ? std::string(kLatest) : name.qualifier);
    auto found = function.invoke_configs.find(config_key(name));
    InvokeConfig config;
    if (merge == Merge::kUpdate) {
      if (found == function.invoke_configs.end()) co_return no_invoke_config(arn);
      config = found->second;
    }
    if (change.age_max_s) config.age_max_s = static_cast<uint32_t>(*change.age_max_s);
    if (change.retries_max) config.retries_max = static_cast<uint32_t>(*change.retries_max);
    if (change.on_success_arn) config.on_success_arn = *change.on_success_arn;
    if (change.on_failure_arn) config.on_failure_arn = *change.on_failure_arn;
    config.last_modified = context_.kernel.clock.now();
    store::Batch batch;
    batch.put(keys::invoke_config(name.name, config_key(name)), encode(config));
    CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
    function.invoke_configs[config_key(name)] = config;
    co_return InvokeConfigView{std::move(config), std::move(arn)};
  };
  co_return co_await run_on(context_.owner(name.name), put);
}

Task<Result<InvokeConfigView>> Logic::get_invoke_config(FunctionName name) {
  auto get = [this, name]() -> Task<Result<InvokeConfigView>> {
    CO_TRY(FunctionState * function, existing(name));
    std::string arn =
        context_.arn(name.name, name.qualifier.empty() ? std::string(kLatest) : name.qualifier);
    auto found = function->invoke_configs.find(config_key(name));
    if (found == function->invoke_configs.end()) co_return no_invoke_config(arn);
    co_return InvokeConfigView{found->second, std::move(arn)};
  };
  co_return co_await run_on(context_.owner(name.name), get);
}

Task<Result<void>> Logic::delete_invoke_config(FunctionName name) {
  auto remove = [this, name]() -> Task<Result<void>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    if (!function.invoke_configs.contains(config_key(name))) {
      co_return no_invoke_config(context_.arn(name.name, name.qualifier));
    }
    store::Batch batch;
    batch.erase(keys::invoke_config(name.name, config_key(name)));
    CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
    function.invoke_configs.erase(config_key(name));
    co_return ok();
  };
  co_return co_await run_on(context_.owner(name.name), remove);
}

Task<Result<Page<InvokeConfigView>>> Logic::list_invoke_configs(FunctionName name,
                                                                PageRequest page) {
  auto list = [this, name, page]() -> Task<Result<Page<InvokeConfigView>>> {
    CO_TRY(FunctionState * function, existing(name));
    Page<InvokeConfigView> result;
    for (const auto& [qualifier, config] : function->invoke_configs) {
      std::string shown = qualifier.empty() ? std::string(kLatest) : qualifier;
      std::string arn = context_.arn(name.name, shown);
      if (!page.marker.empty() && qualifier <= page.marker) continue;
      if (result.items.size() >= page.items_max) break;
      result.next_marker = qualifier;
      result.items.push_back({config, std::move(arn)});
    }
    bool rest = !function->invoke_configs.empty() &&
                result.next_marker != function->invoke_configs.rbegin()->first;
    if (!rest || result.items.empty()) result.next_marker.clear();
    co_return result;
  };
  co_return co_await run_on(context_.owner(name.name), list);
}

Task<Result<void>> Logic::change_tags(FunctionName name, TagChange change) {
  auto update = [this, name, change]() -> Task<Result<void>> {
    FunctionState& function = context_.state(name.name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing(name));
    Function record = function.record;
    for (const auto& [key, value] : change.set) record.tags[key] = value;
    for (const auto& key : change.remove) record.tags.erase(key);
    CO_TRY_VOID(check_tags(record.tags));
    co_return co_await save(&function, std::move(record), {});
  };
  co_return co_await run_on(context_.owner(name.name), update);
}

Task<Result<AccountView>> Logic::account() {
  AccountView total;
  total.concurrency = context_.config.account_concurrency;
  total.unreserved_concurrency =
      total.concurrency - std::min<uint32_t>(total.concurrency, context_.reserved_total);
  for (size_t shard = 0; shard < context_.shards.size(); ++shard) {
    auto collect = [this]() -> Task<Result<AccountView>> {
      AccountView mine;
      for (const auto& [name, function] : context_.shard().functions) {
        if (!function->exists) continue;
        ++mine.functions;
        for (const auto& [sha256, code] : function->code) mine.code_bytes += code.size_bytes;
      }
      co_return mine;
    };
    CO_TRY(AccountView part, co_await run_on(context_.kernel.shards.executor(shard), collect));
    total.functions += part.functions;
    total.code_bytes += part.code_bytes;
  }
  co_return total;
}

Task<Result<std::vector<UsageLine>>> Logic::usage() {
  std::vector<UsageLine> lines;
  store::ScanOptions options{keys::all(keys::Kind::kUsage)};
  for (bool more = true; more;) {
    CO_TRY(store::ScanPage page, co_await context_.kernel.store.scan(options));
    for (const store::Entry& entry : page.entries) {
      keys::Parts parts = keys::parts(entry.key);
      CO_TRY(Usage usage, decode<Usage>(entry.value));
      lines.push_back({std::string(parts.name), std::string(parts.rest), usage});
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return lines;
}

}  // namespace suiro::lambda
