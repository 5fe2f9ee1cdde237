// SPDX-License-Identifier: Apache-2.0
// Delimited records: columns by position. A field may stand in double quotes, doubled inside; an
// empty field without quotes is NULL. Columns that the record has not are NULL, fields that the
// schema has not are dropped.

#include "engine/sql/function.h"
#include "engine/sql/input_coercion.h"
#include "engine/sql/input_rows.h"

namespace suiro::sql {
namespace {

// Delimiters may be written with \n, \r, \t, \\ and \|.
std::string plain(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char next = text[++i];
    out += next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : next;
  }
  return out;
}

class CsvReader final : public RecordReader {
 public:
  CsvReader(const std::vector<InputColumn>& columns, std::string row, std::string column)
      : columns_(columns), row_(std::move(row)), column_(std::move(column)) {
    for (size_t c = 0; c < columns.size(); ++c) {
      if (columns[c].source == InputColumn::Source::kData) data_.push_back(c);
    }
  }

  void read(const InputRecord& record, RowWriter& writer,
            std::vector<Rejection>& rejected) override {
    std::string_view rest = record.data;
    if (!is_valid_utf8(rest)) {
      rejected.push_back(reject(
          record, Error{errors::kInvalidFormat, "the record is no UTF-8", Retry::kNever, {}}));
      return;
    }
    const size_t before = rejected.size();
    const size_t rows = writer.rows(), rows_max = rows_per_record(columns_);
    while (!rest.empty()) {
      if (gives_up(record, rejected, before)) return;
      if (skip_empty(rest)) continue;
      if (writer.rows() - rows >= rows_max) {
        rejected.push_back(reject(record, too_many_rows()));
        return;
      }
      writer.open();
      auto done = read_row(rest, writer);
      if (done) {
        writer.commit(record);
      } else {
        writer.abandon();
        rejected.push_back(reject(record, std::move(done).error()));
      }
    }
  }

  size_t whole(std::string_view text) const override {
    std::string_view rest = text;
    size_t end = 0;
    Arena arena;
    while (!rest.empty()) {
      arena.clear();
      if (skip_empty(rest)) {
        if (rest.empty() && !text.ends_with(row_)) break;  // a part of a delimiter
      } else if (!skip_row(rest, arena)) {
        break;
      }
      end = text.size() - rest.size();
    }
    return end;
  }

 private:
  struct FieldText {
    std::string_view text;
    enum class Quotes { kNone, kPresent } quotes = Quotes::kNone;
    enum class Last { kNo, kYes } last = Last::kNo;
  };

  bool skip_empty(std::string_view& rest) const {
    size_t at = rest.starts_with('\r') && row_ == "\n" ? 1 : 0;
    if (!rest.substr(at).starts_with(row_) && at < rest.size()) return false;
    rest.remove_prefix(std::min(rest.size(), at + row_.size()));
    return true;
  }

  Result<void> read_row(std::string_view& rest, RowWriter& writer) const {
    Error wrong;
    for (size_t at = 0;; ++at) {
      auto field = next_field(rest, writer.arena());
      if (!field) {
        skip_broken(rest);
        return fail(std::move(field).error());
      }
      const bool empty = field->text.empty() && field->quotes == FieldText::Quotes::kNone;
      if (at < data_.size() && !empty) {
        const InputColumn& column = columns_[data_[at]];
        auto value = coerce_text(column.field.type, field->text, writer.arena());
        if (value) writer.set(data_[at], *value);
        if (!value && wrong.code.empty()) wrong = in_column(column, std::move(value).error());
      }
      if (field->last == FieldText::Last::kYes) break;
    }
    if (!wrong.code.empty()) return fail(std::move(wrong));
    return ok();
  }

  // A row with the delimiter that ends it; false: that has not come yet.
  bool skip_row(std::string_view& rest, Arena& arena) const {
    for (;;) {
      const std::string_view before = rest;
      auto field = next_field(rest, arena);
      if (!field) {
        if (rest.empty()) return false;  // a quote that may yet be closed
        skip_broken(rest);
        return !rest.empty() || before.ends_with(row_);
      }
      if (field->last == FieldText::Last::kNo) continue;
      return !rest.empty() || before.ends_with(row_);
    }
  }

  // To the end of a row that cannot be read.
  void skip_broken(std::string_view& rest) const {
    const size_t end = rest.find(row_);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + row_.size());
  }

  // Where a field without quotes ends. One pass: neither delimiter is looked for beyond the other.
  size_t field_end(std::string_view text) const {
    for (size_t at = 0; at < text.size(); ++at) {
      if (text[at] != column_[0] && text[at] != row_[0]) continue;
      const std::string_view rest = text.substr(at);
      if (rest.starts_with(column_) || rest.starts_with(row_)) return at;
    }
    return text.size();
  }

  // Takes a field and the delimiter behind it. Errors leave `rest` behind the closing quote, or
  // empty where there is none.
  Result<FieldText> next_field(std::string_view& rest, Arena& arena) const {
    FieldText field;
    if (rest.starts_with('"')) {
      TRY(field.text, quoted(rest, arena));
      field.quotes = FieldText::Quotes::kPresent;
    } else {
      const size_t end = field_end(rest);
      field.text = rest.substr(0, end);
      rest.remove_prefix(end);
      const bool at_row_end = rest.empty() || rest.starts_with(row_);
      if (at_row_end && row_ == "\n" && field.text.ends_with('\r')) field.text.remove_suffix(1);
    }
    if (rest.starts_with("\r\n") && row_ == "\n") rest.remove_prefix(1);
    if (rest.starts_with(column_)) {
      rest.remove_prefix(column_.size());
    } else if (rest.empty() || rest.starts_with(row_)) {
      rest.remove_prefix(std::min(rest.size(), row_.size()));
      field.last = FieldText::Last::kYes;
    } else {
      return fail(errors::kInvalidFormat, "a quoted field goes on behind its closing quote");
    }
    return field;
  }

  static Result<std::string_view> quoted(std::string_view& rest, Arena& arena) {
    std::string& text = arena.scratch();
    for (size_t i = 1; i < rest.size(); ++i) {
      if (rest[i] != '"') {
        text += rest[i];
      } else if (i + 1 < rest.size() && rest[i + 1] == '"') {
        text += rest[++i];
      } else {
        rest.remove_prefix(i + 1);
        return arena.keep(text);
      }
    }
    rest = {};
    return fail(errors::kInvalidFormat, "a quoted field is not closed");
  }

  const std::vector<InputColumn>& columns_;
  std::vector<size_t> data_;
  std::string row_, column_;
};

}  // namespace

Result<std::unique_ptr<RecordReader>> make_csv_reader(const InputFormat& format,
                                                      const std::vector<InputColumn>& columns) {
  std::string row = plain(format.row_delimiter), column = plain(format.column_delimiter);
  if (row.empty() || column.empty() || row == column) {
    return fail(codes::kInvalidArgument, "CSV needs two delimiters that differ");
  }
  return std::make_unique<CsvReader>(columns, std::move(row), std::move(column));
}

}  // namespace suiro::sql
