// SPDX-License-Identifier: Apache-2.0
// `suiro sql`: runs a streaming SQL program over files, in virtual time, and prints the rows of its
// streams. Described in src/engine/sql/README.md.
#pragma once

#include <CLI/CLI.hpp>

#include "base/result.h"
#include "engine/sql/file_run.h"

namespace suiro::server {

class SqlCommand {
 public:
  void add_to(CLI::App& app);
  bool parsed() const { return command_->parsed(); }
  Result<void> run() const;

 private:
  CLI::App* command_ = nullptr;
  sql::FileRunOptions options_;
};

}  // namespace suiro::server
