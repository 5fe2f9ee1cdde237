// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/runners.h"

#include "base/check.h"

namespace suiro::analytics {

Runners::Runners(event::Kernel& kernel, const Config& config, const Compiler& compiler)
    : kernel_(kernel), config_(config), compiler_(compiler), running_(kernel.shards.size()) {}

Task<Result<void>> Runners::launch(Application application, std::string arn) {
  if (closing()) co_return fail(codes::kClosed, "Suiro stops");
  ByName& here = running_[kernel_.shards.owner_index(application.name)];
  std::string name = application.name;
  auto runner =
      std::make_shared<Runner>(kernel_, config_, compiler_, std::move(application), std::move(arn));
  bool is_alone = here.emplace(name, runner).second;
  CHECK(is_alone, "an application runs twice");
  auto begun = co_await runner->begin();
  if (!begun) {
    auto found = here.find(name);
    if (found != here.end() && found->second == runner) here.erase(found);
    co_await runner->end();
    co_return begun;
  }
  runner->go();
  co_return ok();
}

Task<void> Runners::halt(std::string name) {
  ByName& here = running_[kernel_.shards.owner_index(name)];
  auto found = here.find(name);
  if (found == here.end()) co_return;
  auto runner = found->second;
  co_await runner->end();
  found = here.find(name);
  if (found != here.end() && found->second == runner) here.erase(found);
}

Task<void> Runners::close() {
  closing_.store(true, std::memory_order_release);
  for (size_t shard = 0; shard < running_.size(); ++shard) {
    co_await run_on(kernel_.shards.executor(shard), [this, shard]() -> Task<void> {
      while (!running_[shard].empty()) {
        std::string name = running_[shard].begin()->first;
        co_await halt(std::move(name));
      }
    });
  }
}

Task<Result<void>> Runners::release(ApplicationId id, store::Batch& batch) {
  CO_TRY(auto entry, co_await kernel_.store.get(Storage::run_key(id)));
  if (!entry) co_return ok();
  CO_TRY(RunState state, decode_run(entry->value));
  for (const Bytes& text : {state.engine, state.reference.blob}) {
    if (text.empty()) continue;
    CO_TRY(auto blob, store::BlobRef::decode(text));
    batch.release(blob);
  }
  co_return ok();
}

}  // namespace suiro::analytics
