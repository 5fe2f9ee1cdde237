// SPDX-License-Identifier: Apache-2.0
// `suiro plan` and `suiro apply`: definition files against a running server. Described for users in
// docs/definitions.md.
#pragma once

#include <CLI/CLI.hpp>

#include "base/result.h"
#include "server/commands.h"

namespace suiro::server {

// Exit status of `suiro plan` where something would change; 0: nothing.
inline constexpr int kPlanHasChanges = 3;

class PlanCommand {
 public:
  void add_to(CLI::App* plan, CLI::App* apply);
  bool parsed() const { return plan_->parsed() || apply_->parsed(); }
  // The exit status, or what went wrong.
  Result<int> run(const ServerAddress& address) const;

 private:
  CLI::App* plan_ = nullptr;
  CLI::App* apply_ = nullptr;
  std::vector<std::string> files_;
  std::string from_ = "now";
  uint32_t days_ = 31;
  bool markdown_ = false;
  bool json_ = false;
  bool prune_ = false;
};

}  // namespace suiro::server
