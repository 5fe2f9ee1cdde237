// SPDX-License-Identifier: Apache-2.0
// App: everything of one Suiro, made, wired, started and stopped in order. The only place where
// protocol, services and kernel meet.
//
//   made -start()-> serving -stop()-> stopped
//
// Start: credentials, store, shards, journal, services (memory from the store), sandboxes, events
// and timers, and only then connections. Stop: connections drain, events and timers stop, services
// stop, sandboxes end, the journal's last counters are written, shards stop, the store closes.
//
// Thread: main. It waits for coroutines on shard 0.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "base/shard.h"
#include "kernel/event/runtime.h"
#include "kernel/store/rocks_store.h"
#include "server/credentials.h"
#include "server/settings.h"

namespace suiro::server {

class App {
 public:
  // Errors: what is wrong with the settings, the data directory or the store.
  static Result<std::unique_ptr<App>> make(const Settings& settings);
  ~App();

  Result<void> start();
  void stop();
  // After start(): "http://127.0.0.1:4566".
  const std::string& endpoint() const { return endpoint_; }
  Shards& shards() { return *shards_; }

 private:
  struct Parts;  // protocol, services and sandboxes

  explicit App(const Settings& settings);
  Result<void> open_store();

  const Settings settings_;
  RealClock clock_;
  SystemRandom random_;
  std::string endpoint_;
  std::unique_ptr<KeyRing> keys_;
  std::unique_ptr<store::RocksStore> store_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<event::KernelRuntime> runtime_;
  std::unique_ptr<Parts> parts_;
  bool started_ = false;
};

}  // namespace suiro::server
