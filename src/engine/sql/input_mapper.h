// SPDX-License-Identifier: Apache-2.0
// InputMapper: bytes of records to rows, by an input schema (RecordColumns, RecordFormat of the
// service's API), and rows to bytes for outputs.
//
// Rules (the service's documents "Mapping Streaming Source Elements to SQL Input Columns" and
// "Working with JSONPath"):
//  - JSON: every column has a path: $.a.b, case-sensitive; missing or null gives NULL. $.list[0:]
//  is
//    the whole list as text; $.list[0:].x gives one row for each element, one list a schema, one
//    level deep; an empty list gives one row of NULLs. A row path ($, $.items[0:]) goes before.
//    A record may hold several documents, one after the other.
//  - CSV: columns by position; fields past the last column are dropped, missing ones are NULL.
//  - What cannot be coerced to the column's type rejects the row, nothing else.
//
// Invariants: 1. Rows keep the order of the records, and their row times. 2. Mapping has no state:
// the same record gives the same rows, whatever batch it comes in.
// Threads: a mapper belongs to one thread at a time; make one for each.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "engine/sql/engine.h"
#include "engine/sql/type.h"
#include "engine/sql/value.h"

namespace suiro::sql {

inline constexpr size_t kInputColumnsMax = 1'000;
inline constexpr size_t kInputMappingBytesMax = 65'535;
inline constexpr size_t kInputRecordBytesMax = 1'048'576;
inline constexpr size_t kInputRowsPerRecordMax = 65'536;       // of documents, lists and CSV lines
inline constexpr size_t kInputFieldsPerRecordMax = 2'097'152;  // of those rows together
// Wrong rows of one record that error_stream is told of; the rest of such a record is not read.
inline constexpr size_t kRejectionsPerRecordMax = 100;
// Readable bytes behind a record's data, of any content, for the JSON parser.
inline constexpr size_t kInputPaddingBytes = 64;

struct InputColumn {
  Field field;
  // Where the value comes from: the record's data by `mapping`, or what the stream knows of it.
  enum class Source {
    kData,
    kArrivalTime,     // APPROXIMATE_ARRIVAL_TIME TIMESTAMP
    kPartitionKey,    // PARTITION_KEY VARCHAR
    kSequenceNumber,  // SEQUENCE_NUMBER VARCHAR
    kShardId,         // SHARD_ID VARCHAR
  } source = Source::kData;
  std::string mapping;  // JSONPath; unused for CSV
};

struct InputFormat {
  enum class Kind { kJson, kCsv } kind = Kind::kJson;
  std::string row_path = "$";          // JSON
  std::string row_delimiter = "\n";    // CSV
  std::string column_delimiter = ",";  // CSV
};

struct InputRecord {
  ByteView data;
  int64_t rowtime_ms = 0;
  int64_t arrival_ms = 0;
  std::string_view partition_key = {};
  std::string_view sequence_number = {};
  std::string_view shard_id = {};
};

struct MappedRows {
  Rows rows;
  std::vector<Rejection> rejected;
};

class InputMapper {
 public:
  // Errors: "InvalidArgument": a path that is none, two lists to flatten, too many columns.
  static Result<std::unique_ptr<InputMapper>> create(const InputFormat& format,
                                                     std::vector<InputColumn> columns);
  ~InputMapper();

  enum class Padding { kNone, kPresent };
  // Texts of the rows point into the records where they can: `owner` keeps them alive. kPresent:
  // kInputPaddingBytes may be read behind each record (records in one buffer, padded at its end).
  void map(std::span<const InputRecord> records, const std::shared_ptr<const void>& owner,
           Padding padding, MappedRows& out);
  // How many bytes at the begin of `text` are whole: CSV to the end of a row, as the reader finds
  // it, JSON to the end of a document. 0: none yet. For texts that are read in parts.
  size_t whole(ByteView text) const;
  // All fields, in the order of the columns.
  Schema schema() const;

 private:
  struct Impl;
  explicit InputMapper(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

enum class OutputFormat { kJson, kCsv };
// What consumers of outputs may want otherwise: nowhere documented.
struct OutputLayout {
  // Members of JSON that are NULL.
  enum class Nulls { kShow, kLeaveOut } nulls = Nulls::kShow;
  // TIMESTAMP columns: `2020-02-29 01:02:03.000`, or milliseconds since 1970.
  enum class Timestamps { kText, kEpochMs } timestamps = Timestamps::kText;
};

// Appends one row: a JSON object keyed by column in the order of the columns, or a CSV line;
// neither ends with a line break. Layout: docs/decisions.
void format_row(const Schema& schema, const Rows& rows, size_t row, OutputFormat format, Bytes& to,
                const OutputLayout& layout = {});

// A value as outputs write it: as CAST does, times with three digits of a fraction.
void append_value_text(const Type& type, const Value& value, Bytes& to);

}  // namespace suiro::sql
