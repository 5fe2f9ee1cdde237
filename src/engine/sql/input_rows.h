// SPDX-License-Identifier: Apache-2.0
// The inside of InputMapper: where rows are written, and the readers of JSON and CSV.
// Only input_*.cc include it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sql/input_mapper.h"

namespace suiro::sql {

// Columns with a row under construction: it counts when it is committed.
class RowWriter {
 public:
  explicit RowWriter(const std::vector<InputColumn>& columns);
  void begin(size_t rows_expected);
  size_t rows() const { return rows_; }
  Arena& arena() { return *arena_; }

  void open() {
    if (rows_ == capacity_) grow(capacity_ * 2 + 1);
  }
  void set_integer(size_t column, int64_t value) {
    columns_[column].integers[rows_] = value;
    columns_[column].nulls[rows_] = 0;
  }
  void set_text(size_t column, std::string_view value) {
    columns_[column].texts[rows_] = value;
    columns_[column].nulls[rows_] = 0;
  }
  void set(size_t column, const Value& value);
  void commit(const InputRecord& record);
  void abandon();
  // All rows, with what holds their texts.
  void finish(const std::shared_ptr<const void>& owner, Rows& out);

 private:
  void grow(size_t capacity);

  const std::vector<InputColumn>& shape_;
  std::vector<Vector> columns_;
  std::vector<size_t> metadata_;
  std::vector<int64_t> rowtimes_ms_;
  std::shared_ptr<Arena> arena_;
  size_t rows_ = 0;
  size_t capacity_ = 0;
};

// $.a.b, $.list[0:], $.list[0:].x
struct JsonPath {
  std::vector<std::string> keys;
  enum class List { kNone, kWhole, kElements } list = List::kNone;
  std::vector<std::string> below;  // kElements
};
Result<JsonPath> parse_json_path(std::string_view text);

// Reads a record into the writer; a row that cannot be read is abandoned, and described.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // `record.data` has kInputPaddingBytes behind it.
  virtual void read(const InputRecord& record, RowWriter& writer,
                    std::vector<Rejection>& rejected) = 0;
  // How many bytes at the begin of `text` are whole rows or documents; 0: none yet.
  virtual size_t whole(std::string_view text) const = 0;
};

Result<std::unique_ptr<RecordReader>> make_json_reader(const InputFormat& format,
                                                       const std::vector<InputColumn>& columns);
Result<std::unique_ptr<RecordReader>> make_csv_reader(const InputFormat& format,
                                                      const std::vector<InputColumn>& columns);

// How many rows a record of such columns may have.
size_t rows_per_record(const std::vector<InputColumn>& columns);
Error too_many_rows();
Rejection reject(const InputRecord& record, Error error);
// Whether a record has so many wrong rows, since there were `before` rejections, that the rest of
// it is not read: a last rejection says so.
bool gives_up(const InputRecord& record, std::vector<Rejection>& rejected, size_t before);
Error in_column(const InputColumn& column, Error error);

}  // namespace suiro::sql
