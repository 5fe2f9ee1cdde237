// SPDX-License-Identifier: Apache-2.0
// A file of records (`suiro sql`, golden tests) as batches of rows: each line is a record; its
// ROWTIME is that of a column, or runs on by a pace. Thread: one at a time. How it fails: texts a
// person can act on.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/sql/input_mapper.h"
#include "engine/sql/input_schema.h"

namespace suiro::sql {

// The whole file. Errors: it cannot be read, or is larger than the limit.
Result<std::string> read_text_file(const std::string& path);

struct InputFileOptions {
  std::string rowtime;  // name of a column; empty: by the pace
  int64_t start_ms = 0;
  int64_t pace_ms = 0;
};

class InputFile {
 public:
  static Result<InputFile> open(const std::string& path, const InputSchema& schema,
                                const InputFileOptions& options);
  // Up to `records_max` records, which may give no row.
  void next(size_t records_max, MappedRows& out);

  bool at_end() const { return at_ >= text_->size() - kInputPaddingBytes; }

 private:
  InputFile() = default;
  void stamp(std::span<const InputRecord> records, MappedRows& batch);

  InputFileOptions options_;
  std::shared_ptr<const std::string> text_;
  size_t at_ = 0;
  uint64_t records_ = 0;
  std::unique_ptr<InputMapper> mapper_;
  std::string delimiter_ = "\n";
  int rowtime_column_ = -1;
  int64_t last_ms_ = 0;
};

}  // namespace suiro::sql
