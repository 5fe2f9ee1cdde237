// SPDX-License-Identifier: Apache-2.0
#include "server/command_sql.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>

#include "engine/sql/switches.h"

namespace suiro::server {
namespace {

std::string switches_text() {
  std::string out;
  for (const sql::SwitchInfo& each : sql::all_switches()) {
    out += fmt::format("{}={}\n", each.name, fmt::join(each.values, "|"));
  }
  return out;
}

}  // namespace

void SqlCommand::add_to(CLI::App& app) {
  sql::FileRunOptions& a = options_;
  command_ = app.add_subcommand("sql", "Run a streaming SQL program over files, in virtual time");
  command_->add_option("program", a.program, "File with the program")->required();
  command_->add_option("--input", a.inputs, "NAME=FILE: records of a stream, one a line");
  command_->add_option("--schema", a.schemas, "NAME=FILE: schema of an input or a table");
  command_->add_option("--table", a.tables, "NAME=FILE: a reference table");
  command_->add_option("--output", a.outputs,
                       "Stream to print (default: those that no pump reads; error_stream goes to "
                       "stderr)");
  command_->add_option("--format", a.format, "json or csv")
      ->check(CLI::IsMember({"json", "csv"}))
      ->default_str(a.format);
  command_->add_option("--rowtime", a.rowtime, "Column that holds a record's ROWTIME");
  command_->add_option("--start", a.start, "Time of the first record, without --rowtime")
      ->default_str(a.start);
  command_->add_option("--pace", a.pace_ms, "Milliseconds between records, without --rowtime")
      ->default_str("1000");
  command_->add_flag("--show-rowtime", a.show_rowtime, "Print each row's ROWTIME before it");
  command_->add_flag("--open-end", a.open_end, "Leave windows open at the end of the inputs");
  command_->add_flag("--explain", a.explain, "Print the plan and end");
  command_->add_option("--threads", a.threads, "Threads")->default_str("1");
  command_->add_option("--batch", a.batch_rows, "Records that are read together")
      ->check(CLI::Range(1, 65536))
      ->default_str("1024");
  command_->add_option("--restart-every", a.restart_rows,
                       "Checkpoint and restore after so many rows; the output stays the same");
  command_->add_option("--memory-mb", a.memory_mb, "Memory of one operator")->default_str("256");
  command_->add_option(
      "--switch", a.switches,
      "NAME=VALUE (repeatable): what the service's documents leave open.\n" + switches_text());
}

Result<void> SqlCommand::run() const {
  return sql::run_files(options_, [](sql::RowKind kind, std::string_view lines) {
    std::fwrite(lines.data(), 1, lines.size(), kind == sql::RowKind::kWanted ? stdout : stderr);
  });
}

}  // namespace suiro::server
