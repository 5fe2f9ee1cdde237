// SPDX-License-Identifier: Apache-2.0
// `suiro run TASK`: starts a task by hand, with overrides, and follows its log to its end.
#pragma once

#include <CLI/CLI.hpp>

#include "base/result.h"
#include "server/commands.h"

namespace suiro::server {

class RunCommand {
 public:
  void add_to(CLI::App* command);
  bool parsed() const { return command_->parsed(); }
  // The exit status: the container's, 1 where it had none or the command failed.
  Result<int> run(const ServerAddress& address) const;

 private:
  CLI::App* command_ = nullptr;
  std::string task_;
  std::vector<std::string> command_line_;
  std::vector<std::string> environment_;
  std::string cluster_ = "default";
  bool detach_ = false;
};

}  // namespace suiro::server
