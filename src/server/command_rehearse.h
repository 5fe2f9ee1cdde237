// SPDX-License-Identifier: Apache-2.0
// `suiro rehearse`: a workflow in virtual time, with mocked tasks. `suiro draw`: a workflow, or an
// execution of it, as a picture. Described in src/engine/rehearsal/README.md.
#pragma once

#include <CLI/CLI.hpp>

#include "engine/rehearsal/rehearsal.h"
#include "server/commands.h"

namespace suiro::server {

inline constexpr size_t kRehearsalsMax = 10'000;

class RehearseCommand {
 public:
  void add_to(CLI::App* command);
  bool parsed() const { return command_->parsed(); }
  // Errors: an input that cannot be read; executions that did not succeed; another output than the
  // expected one.
  Result<void> run(const ServerAddress& address) const;

 private:
  Result<std::vector<TimePoint>> starts() const;
  // What every execution is given.
  struct Given {
    std::string input = "{}";
    rehearsal::Mocks mocks;
  };
  Result<Given> given(const ServerAddress& address) const;
  Result<std::vector<rehearsal::Rehearsed>> rehearse(
      const std::shared_ptr<const workflow::Plan>& plan, const Given& given) const;
  Result<void> show(const workflow::Plan& plan,
                    const std::vector<rehearsal::Rehearsed>& runs) const;
  Result<void> judge(const std::vector<rehearsal::Rehearsed>& runs) const;

  CLI::App* command_ = nullptr;
  std::string file_;
  std::string input_;
  std::string mocks_;
  std::string recorded_;
  std::string save_mocks_;
  std::string from_ = "now";
  size_t days_ = 0;
  std::string schedule_;
  std::string zone_;
  std::string svg_;
  std::string expect_;
  bool json_ = false;
  uint64_t seed_ = 1;
};

class DrawCommand {
 public:
  void add_to(CLI::App* command);
  bool parsed() const { return command_->parsed(); }
  Result<void> run(const ServerAddress& address) const;

 private:
  CLI::App* command_ = nullptr;
  std::string what_;
  std::string to_;
};

}  // namespace suiro::server
