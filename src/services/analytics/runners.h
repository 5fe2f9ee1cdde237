// SPDX-License-Identifier: Apache-2.0
// Runners: the applications that run, each on the shard that owns its name.
//
// Thread: launch() and halt() on the application's shard; close() on any.
#pragma once

#include "services/analytics/runner.h"

namespace suiro::analytics {

class Runners {
 public:
  Runners(event::Kernel& kernel, const Config& config, const Compiler& compiler);

  // Begins to run an application; no other of its name runs. Errors: kClosed: halted meanwhile;
  // others: it cannot run as it is.
  Task<Result<void>> launch(Application application, std::string arn);
  // Ends the one of that name, where there is one.
  Task<void> halt(std::string name);
  // Ends all; nothing is launched any more.
  Task<void> close();
  bool closing() const { return closing_.load(std::memory_order_acquire); }

  // Gives back the blobs of an application's run, in the commit that deletes it.
  Task<Result<void>> release(ApplicationId id, store::Batch& batch);

 private:
  using ByName = std::map<std::string, std::shared_ptr<Runner>>;

  event::Kernel& kernel_;
  const Config& config_;
  const Compiler& compiler_;
  std::vector<ByName> running_;  // one a shard
  std::atomic<bool> closing_ = false;
};

}  // namespace suiro::analytics
