// SPDX-License-Identifier: Apache-2.0
// RowWriter: rows as text.
//
//   TSV    as mysqldump --tab and PostgreSQL's COPY write it: tab, newline, carriage return and
//          backslash are escaped (\t \n \r \\), NULL is \N
//   CSV    RFC 4180 with line ends of one newline: NULL is an empty field, an empty text is ""
//   JSONL  an object a line; numbers with the digits of the database, NULL is null
//
// Binary values are base64 in all of them, since they need not be UTF-8.
// Thread: one. Failure: kInvalidArgument for a JSON value of the database that is none.
#pragma once

#include <string>

#include "engine/extract/source.h"

namespace suiro::extract {

enum class Format : uint8_t { kTsv, kCsv, kJsonl };
std::string_view extension_of(Format format);  // "tsv"
// The names as the first line of each part, or of the first one only; of JSONL there is none.
enum class Header : uint8_t { kNone, kNames, kFirstPart };

class RowWriter {
 public:
  explicit RowWriter(Format format) : format_(format) {}
  void set_columns(std::vector<Column> columns) { columns_ = std::move(columns); }
  void append_header(std::string& out) const;
  Result<void> append_row(std::string& out, std::span<const Field> fields) const;

 private:
  Result<void> append_json_row(std::string& out, std::span<const Field> fields) const;

  Format format_;
  std::vector<Column> columns_;
};

}  // namespace suiro::extract
