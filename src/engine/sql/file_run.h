// SPDX-License-Identifier: Apache-2.0
// A program run over files in virtual time: what `suiro sql` does, and the golden tests. Inputs
// are read side by side, batch by batch; the engine puts their rows in order by ROWTIME.
//
// How it fails: "InvalidArgument" with a text that names the file or the option.
// Thread: the caller's, and as many as the options say.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/sql/engine.h"

namespace suiro::sql {

// As the command line says it; lists are NAME=FILE.
struct FileRunOptions {
  std::string program;
  std::vector<std::string> inputs, schemas, tables, outputs;
  std::string format = "json";  // csv
  std::string rowtime;          // a column; empty: start and pace
  std::string start = "1970-01-01 00:00:00.000";
  std::vector<std::string> switches;  // NAME=VALUE: switches.h
  int64_t pace_ms = 1'000;
  size_t threads = 1;
  size_t batch_rows = 1'024;
  size_t restart_rows = 0;                           // checkpoint and restore after so many rows
  std::function<Bytes(Bytes state)> exchange_state;  // of each checkpoint: what is restored
  size_t memory_mb = 256;
  bool explain = false;
  bool open_end = false;  // windows stay open at the end
  bool show_rowtime = false;
};

// Rows of the chosen streams, and those of error_stream where it was not chosen.
enum class RowKind { kWanted, kError };
using RowPrinter = std::function<void(RowKind kind, std::string_view lines)>;

Result<void> run_files(const FileRunOptions& options, const RowPrinter& printer);

}  // namespace suiro::sql
