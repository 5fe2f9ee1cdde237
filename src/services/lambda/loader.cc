// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/loader.h"

#include "services/lambda/storage.h"

namespace suiro::lambda {

Task<Result<void>> Loader::load() {
  using keys::Kind;
  CO_TRY_VOID(co_await each(static_cast<char>(Kind::kFunction), &Loader::add_function));
  CO_TRY_VOID(co_await each(static_cast<char>(Kind::kVersion), &Loader::add_version));
  CO_TRY_VOID(co_await each(static_cast<char>(Kind::kAlias), &Loader::add_alias));
  CO_TRY_VOID(co_await each(static_cast<char>(Kind::kPolicy), &Loader::add_policy));
  CO_TRY_VOID(co_await each(static_cast<char>(Kind::kInvokeConfig), &Loader::add_invoke_config));
  CO_TRY_VOID(co_await each(static_cast<char>(Kind::kCode), &Loader::add_code));
  co_return co_await usage_of_today();
}

Task<Result<void>> Loader::each(char kind, Apply apply) {
  store::ScanOptions options{keys::all(static_cast<keys::Kind>(kind))};
  size_t here = context_.kernel.shards.current();
  for (bool more = true; more;) {
    CO_TRY(store::ScanPage page, co_await context_.kernel.store.scan(options));
    for (const store::Entry& entry : page.entries) {
      keys::Parts parts = keys::parts(entry.key);
      if (context_.kernel.shards.owner_index(context_.arn(parts.name)) != here) continue;
      CO_TRY_VOID((this->*apply)(context_.state(parts.name), parts.rest, entry.value));
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

Result<void> Loader::add_function(FunctionState& function, std::string_view, ByteView value) {
  TRY(function.record, decode<Function>(value));
  function.latest = std::make_shared<const Settings>(function.record.latest);
  function.exists = true;
  context_.reserved_total += function.record.reserved_concurrency.value_or(0);
  return ok();
}

Result<void> Loader::add_version(FunctionState& function, std::string_view rest, ByteView value) {
  if (rest.size() != 8) return fail(codes::kCorrupt, "a version key of lambda is malformed");
  TRY(Settings settings, decode<Settings>(value));
  function.versions[read_be64(rest)] = std::make_shared<const Settings>(std::move(settings));
  return ok();
}

Result<void> Loader::add_alias(FunctionState& function, std::string_view rest, ByteView value) {
  TRY(function.aliases[std::string(rest)], decode<Alias>(value));
  return ok();
}

Result<void> Loader::add_policy(FunctionState& function, std::string_view rest, ByteView value) {
  TRY(function.policies[std::string(rest)], decode<Policy>(value));
  return ok();
}

Result<void> Loader::add_invoke_config(FunctionState& function, std::string_view rest,
                                       ByteView value) {
  TRY(function.invoke_configs[std::string(rest)], decode<InvokeConfig>(value));
  return ok();
}

Result<void> Loader::add_code(FunctionState& function, std::string_view rest, ByteView value) {
  TRY(function.code[std::string(rest)], decode<CodeRecord>(value));
  code_in_use_.insert(std::string(rest));
  return ok();
}

Task<Result<void>> Loader::usage_of_today() {
  std::string day = format_iso8601(context_.kernel.clock.now()).substr(0, 10);
  for (auto& [name, function] : context_.shard().functions) {
    CO_TRY(auto entry, co_await context_.kernel.store.get(keys::usage(day, name)));
    if (!entry) continue;
    CO_TRY(function->usage, decode<Usage>(entry->value));
    function->usage_day = day;
  }
  co_return ok();
}

}  // namespace suiro::lambda
