// SPDX-License-Identifier: Apache-2.0
// Extraction: a table or a query as files of rows: one consistent state, read in parallel ranges.
//
//   Source (snapshot) ─► ranges of the primary key ─► threads, one a session ─► part-00000.tsv ...
//
// Invariants:
//  1. The parts hold each row of the snapshot once; in order of the parts' numbers they are in
//     order of the primary key.
//  2. A part appears under its name only when it is whole.
//  3. Memory is bounded: a buffer of kBufferBytes a connection.
//
// Threads: run() starts one a connection and joins them; progress is told by the calling thread.
// Failure: the first error ends all; parts that are whole stay where they are.
#pragma once

#include <functional>

#include "base/clock.h"
#include "engine/extract/row_writer.h"

namespace suiro::extract {

inline constexpr size_t kBufferBytes = 1 << 20;
inline constexpr size_t kRangesPerSession = 4;
inline constexpr Millis kProgressInterval{200};

struct Job {
  std::string table;                 // or
  std::string query;                 // read as one range
  std::vector<std::string> columns;  // of the table; empty: all
  std::string where;                 // of the table; SQL
  Format format = Format::kTsv;
  Header header = Header::kNames;
};

struct Part {
  std::string path;
  uint64_t rows = 0;
  uint64_t size_bytes = 0;
  std::string sha256;  // hexadecimal
};

struct Summary {
  std::vector<Part> parts;
  uint64_t rows = 0;
  uint64_t size_bytes = 0;
  std::string position;  // of the snapshot in the database's log
  std::vector<std::string> columns;
};

struct Progress {
  uint64_t rows = 0;
  uint64_t rows_estimated = 0;  // 0: not known
  size_t parts_done = 0;
  size_t parts = 0;
};

// The queries of the ranges, in order.
struct RangePlan {
  std::vector<std::string> queries;
  uint64_t rows_estimated = 0;
};
// Errors: kNotFound (no such table), kInvalidArgument.
Result<RangePlan> plan_ranges(Source& source, const Job& job);

// Writes the parts into `directory`, which exists.
Result<Summary> run(Source& source, const Job& job, const std::string& directory,
                    const std::function<void(const Progress&)>& progress);

}  // namespace suiro::extract
