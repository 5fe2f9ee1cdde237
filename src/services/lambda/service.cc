// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/service.h"

#include "services/lambda/api.h"
#include "services/lambda/async.h"
#include "services/lambda/context.h"
#include "services/lambda/invoker.h"
#include "services/lambda/loader.h"
#include "services/lambda/mappings.h"
#include "services/lambda/storage.h"

namespace suiro::lambda {
namespace {

constexpr Millis kSweepInterval = std::chrono::seconds(10);
constexpr Millis kDrainLook = std::chrono::milliseconds(10);

}  // namespace

struct Service::Parts {
  Parts(event::Kernel& kernel, Config config)
      : context(kernel, std::move(config)),
        invoker(context),
        async(context, invoker),
        mappings(context, invoker),
        logic(context, invoker, async, mappings),
        api{logic, context} {}

  Task<Result<void>> resume_shard();
  Task<void> stop_shard();
  Task<void> relieve(uint32_t memory_mb);
  uint32_t relieve_shard(uint32_t memory_mb);
  Task<void> wait_until_idle(std::optional<TimePoint> until);
  static Task<void> sweep(Parts* parts);
  static Task<void> sweep_code(Parts* parts);

  // Runs `make` on every shard, one after the other.
  template <class Make>
  Task<Result<void>> on_every_shard(Make make) {
    for (size_t i = 0; i < context.shards.size(); ++i) {
      CO_TRY_VOID(co_await run_on(context.kernel.shards.executor(i), make));
    }
    co_return ok();
  }

  Context context;
  Invoker invoker;
  AsyncRunner async;
  MappingRunner mappings;
  Logic logic;
  Api api;
};

Service::Service(event::Kernel& kernel, Config config)
    : parts_(std::make_unique<Parts>(kernel, std::move(config))) {
  parts_->async.register_timers();
  parts_->context.capacity.on_pressure(
      [parts = parts_.get()](uint32_t memory_mb) { return parts->relieve(memory_mb); });
}

Service::~Service() = default;

Task<Result<void>> Service::start() {
  Parts& parts = *parts_;
  std::set<std::string> code;
  auto load = [&parts, &code]() -> Task<Result<void>> {
    Loader loader(parts.context);
    CO_TRY_VOID(co_await loader.load());
    code.insert(loader.code_in_use().begin(), loader.code_in_use().end());
    co_return ok();
  };
  CO_TRY_VOID(co_await parts.on_every_shard(load));
  CO_TRY_VOID(parts.context.code.start(code));
  co_return co_await parts.on_every_shard([&parts] { return parts.resume_shard(); });
}

Task<Result<void>> Service::Parts::resume_shard() {
  ShardState& shard = context.shard();
  shard.work.spawn(sweep(this));
  size_t here = context.kernel.shards.current();
  if (here == 0) shard.work.spawn(sweep_code(this));
  for (auto& [name, function] : shard.functions) {
    CO_TRY_VOID(co_await async.recover(function.get()));
  }
  store::ScanOptions options{keys::all(keys::Kind::kMapping)};
  for (bool more = true; more;) {
    CO_TRY(store::ScanPage page, co_await context.kernel.store.scan(options));
    for (const store::Entry& entry : page.entries) {
      CO_TRY(Mapping mapping, decode<Mapping>(entry.value));
      std::string owner = context.arn(mapping.function_name);
      if (context.kernel.shards.owner_index(owner) != here) continue;
      CO_TRY_VOID(mappings.apply(std::move(mapping)));
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  for (auto& [name, function] : shard.functions) async.pump(function.get());
  co_return ok();
}

// Closes sandboxes that nobody used for a while.
Task<void> Service::Parts::sweep(Parts* parts) {
  Context& context = parts->context;
  ShardState& shard = context.shard();
  Clock& clock = context.kernel.clock;
  while (!context.stopping) {
    co_await shard.tick.wait_until(clock, clock.now() + kSweepInterval);
    TimePoint since = clock.now() - context.config.warm_idle_max;
    for (auto& [name, function] : shard.functions) function->pool.evict(since);
  }
}

// Removes the directories of code that no function names any more. One shard does it for all.
Task<void> Service::Parts::sweep_code(Parts* parts) {
  Context& context = parts->context;
  ShardState& shard = context.shard();
  Clock& clock = context.kernel.clock;
  TimePoint due = clock.now() + kCodeSweepInterval;
  while (!context.stopping) {
    co_await shard.tick.wait_until(clock, due);
    if (context.stopping || clock.now() < due) continue;
    due = clock.now() + kCodeSweepInterval;
    std::set<std::string> keep;
    auto collect = [&context, &keep]() -> Task<Result<void>> {
      for (const auto& [name, function] : context.shard().functions) {
        for (const auto& [sha256, code] : function->code) keep.insert(sha256);
      }
      co_return ok();
    };
    if (!co_await parts->on_every_shard(collect)) continue;
    co_await context.code.sweep(std::move(keep));
  }
}

// Gives up idle sandboxes, the longest unused of each shard first, until `memory_mb` come free.
Task<void> Service::Parts::relieve(uint32_t memory_mb) {
  uint32_t freed = 0;
  for (size_t i = 0; i < context.shards.size() && freed < memory_mb; ++i) {
    auto free_some = [this, wanted = memory_mb - freed]() -> Task<uint32_t> {
      co_return relieve_shard(wanted);
    };
    freed += co_await run_on(context.kernel.shards.executor(i), free_some);
  }
}

uint32_t Service::Parts::relieve_shard(uint32_t memory_mb) {
  uint32_t freed = 0;
  while (freed < memory_mb) {
    FunctionState* oldest = nullptr;
    for (auto& [name, function] : context.shard().functions) {
      auto idle = function->pool.oldest_idle();
      if (!idle) continue;
      if (oldest == nullptr || *idle < *oldest->pool.oldest_idle()) oldest = function.get();
    }
    if (oldest == nullptr) break;
    freed += oldest->pool.evict_one();
  }
  return freed;
}

Task<void> Service::stop() {
  parts_->context.stopping = true;
  auto stop_one = [parts = parts_.get()]() -> Task<Result<void>> {
    co_await parts->stop_shard();
    co_return ok();
  };
  auto stopped = co_await parts_->on_every_shard(stop_one);
  CHECK(stopped);
}

Task<void> Service::Parts::wait_until_idle(std::optional<TimePoint> until) {
  ShardState& shard = context.shard();
  Clock& clock = context.kernel.clock;
  auto busy = [&shard] {
    return std::ranges::any_of(shard.functions,
                               [](const auto& one) { return one.second->running != 0; });
  };
  while (busy() && (!until || clock.now() < *until)) {
    co_await shard.tick.wait_until(clock, clock.now() + kDrainLook);
  }
}

Task<void> Service::Parts::stop_shard() {
  ShardState& shard = context.shard();
  shard.tick.notify_all();
  co_await wait_until_idle(context.kernel.clock.now() + context.config.drain_max);
  for (auto& [name, function] : shard.functions) {
    function->pool.stop();
    function->pool.kill_busy();
  }
  co_await wait_until_idle(std::nullopt);
  co_await shard.work.close();
  co_await shard.closing.close();
}

void Service::add_operations(shapes::Registry& registry) {
  add_function_operations(registry, parts_->api);
  add_version_operations(registry, parts_->api);
  add_mapping_operations(registry, parts_->api);
  add_invoke_operations(registry, parts_->api);
}

Task<Result<void>> Service::deliver(event::Event event, store::Batch consume) {
  co_return co_await parts_->logic.deliver(std::move(event), std::move(consume));
}

Task<Result<void>> Service::accepts(std::string target_arn, event::Sender sender) {
  co_return co_await parts_->logic.accepts(std::move(target_arn), std::move(sender));
}

Task<Result<event::FunctionCaller::Reply>> Service::call(std::string function_arn, Bytes payload,
                                                         TraceContext cause) {
  InvokeRequest request{.payload = std::move(payload),
                        .request_id = parts_->context.kernel.random.uuid(),
                        .trace = std::move(cause)};
  CO_TRY(request.function, parse_function_name(function_arn, std::nullopt, parts_->context.place));
  CO_TRY(InvokeReply reply, co_await parts_->logic.invoke(std::move(request)));
  Reply out{.payload = std::move(reply.outcome->payload), .function_error = {}};
  if (reply.outcome->end != sandbox::Outcome::End::kReturned) out.function_error = "Unhandled";
  co_return out;
}

Task<Result<std::vector<UsageLine>>> Service::usage() {
  co_return co_await parts_->logic.usage();
}

Task<Result<Bytes>> Service::code(std::string version_arn) {
  CO_TRY(FunctionName name, parse_function_name(version_arn, std::nullopt, parts_->context.place));
  co_return co_await parts_->logic.code_of(std::move(name));
}

Logic& Service::logic() {
  return parts_->logic;
}

}  // namespace suiro::lambda
