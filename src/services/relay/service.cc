// SPDX-License-Identifier: Apache-2.0
#include "services/relay/service.h"

namespace suiro::relay {

Service::Service(event::Kernel& kernel, std::vector<RelayConfig> relays) {
  if (relays.empty()) return;
  client_ = std::make_unique<http_out::Client>(http_out::Config());
  Send send = [this](http_out::Request request) { return client_->send(std::move(request)); };
  for (RelayConfig& config : relays) {
    Executor executor = kernel.shards.owner(config.name);
    relays_.push_back(std::make_unique<Running>(kernel, executor, std::move(config), send));
  }
}

Task<Result<void>> Service::start() {
  for (auto& running : relays_) {
    auto begin = [one = running.get()]() -> Task<void> {
      one->scope.spawn(one->relay.run());
      co_return;
    };
    co_await run_on(running->scope.executor(), begin);
  }
  co_return ok();
}

Task<void> Service::stop() {
  for (auto& running : relays_) {
    auto end = [one = running.get()]() -> Task<void> {
      one->relay.stop();
      co_return;
    };
    co_await run_on(running->scope.executor(), end);
  }
  if (client_) client_->close();
  for (auto& running : relays_) {
    auto wait = [one = running.get()]() -> Task<void> { co_await one->scope.close(); };
    co_await run_on(running->scope.executor(), wait);
  }
}

std::vector<RelayStatus> Service::statuses() const {
  std::vector<RelayStatus> out;
  for (const auto& running : relays_) out.push_back(running->relay.status());
  return out;
}

}  // namespace suiro::relay
