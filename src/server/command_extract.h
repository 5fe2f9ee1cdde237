// SPDX-License-Identifier: Apache-2.0
// `suiro extract`: a table or a query of MariaDB, MySQL or PostgreSQL as files, on this machine or
// in the lake. Described in src/engine/extract/README.md.
#pragma once

#include <CLI/CLI.hpp>

#include "engine/extract/extraction.h"
#include "server/commands.h"

namespace suiro::server {

class ExtractCommand {
 public:
  void add_to(CLI::App* command);
  bool parsed() const { return command_->parsed(); }
  Result<void> run(const ServerAddress& address) const;

 private:
  struct Target;
  Result<Target> target() const;
  Result<extract::SourceUrl> source() const;
  Result<void> store(const ServerAddress& address, const Target& target,
                     const extract::Summary& summary) const;
  std::string manifest(const extract::SourceUrl& source, const extract::Summary& summary) const;

  CLI::App* command_ = nullptr;
  std::string source_;
  std::string to_;
  std::string password_file_;
  std::string format_ = "tsv";
  size_t connections_ = 4;
  bool no_header_ = false;
  extract::Job job_;
};

}  // namespace suiro::server
