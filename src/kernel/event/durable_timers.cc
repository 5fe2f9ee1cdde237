// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/durable_timers.h"

#include "base/check.h"
#include "kernel/event/record.h"

namespace suiro::event {
namespace {
constexpr uint8_t kTimerVersion = 1;
}

DurableTimers::DurableTimers(TimerHand::Parts parts) : parts_(parts) {
  parts_.store.observe_puts(timer_space(),
                            [this, gate = gate_](std::vector<store::AppendedRecord> records) {
                              gate->pass([&] {
                                for (auto& record : records) {
                                  auto hand = hands_.find(timer_kind_of_key(record.key));
                                  if (hand != hands_.end())
                                    hand->second->offer(std::move(record.key));
                                }
                              });
                            });
}

DurableTimers::~DurableTimers() {
  gate_->close();
}

void DurableTimers::set(store::Batch& batch, const Timer& timer) {
  RecordWriter out(kTimerVersion);
  out.text(timer.payload);
  batch.put(timer_key(timer), out.take());
}

void DurableTimers::cancel(store::Batch& batch, const Timer& timer) {
  batch.erase(timer_key(timer));
}

void DurableTimers::handle(std::string kind, Handler handler) {
  CHECK(!started_, "handlers are registered before the timers start");
  auto hand = std::make_unique<TimerHand>(parts_, kind, std::move(handler));
  CHECK(hands_.emplace(std::move(kind), std::move(hand)).second, "two handlers of one kind");
}

Task<void> DurableTimers::start() {
  started_ = true;
  gate_->open();
  for (auto& [kind, hand] : hands_) {
    co_await run_on(parts_.shards.owner(kind), [&hand] { return hand->start(); });
  }
}

Task<void> DurableTimers::stop() {
  gate_->close();
  for (auto& [kind, hand] : hands_) {
    co_await run_on(parts_.shards.owner(kind), [&hand] { return hand->stop(); });
  }
}

}  // namespace suiro::event
