// SPDX-License-Identifier: Apache-2.0
// JSON records. Flat schemas, every column a member of the document itself, are read in one pass,
// straight into the lanes; others by looking up each column's path.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "engine/sql/convert.h"
#include "engine/sql/function.h"
#include "engine/sql/input_coercion.h"
#include "engine/sql/input_rows.h"

namespace suiro::sql {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr size_t kPathKeysMax = 64;
constexpr size_t kIntegerDigitsFast = 18;

simdjson::padded_string_view padded(std::string_view text) {
  return simdjson::padded_string_view(text.data(), text.size(),
                                      text.size() + simdjson::SIMDJSON_PADDING);
}

Error damaged(simdjson::error_code code) {
  return Error{errors::kInvalidFormat,
               fmt::format("the record is no JSON: {}", simdjson::error_message(code)),
               Retry::kNever,
               {}};
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

struct FlatColumn {
  size_t index = 0;
  std::string key;  // as it stands in JSON, with its closing quote
  const Type* type = nullptr;
  enum class Fast { kNone, kInteger, kText } fast = Fast::kNone;
};

// Digits alone; no other form of a number.
bool fast_integer(std::string_view token, int64_t& value) {
  const char* at = token.data();
  const char* end = at + token.size();
  const bool negative = *at == '-';
  at += negative ? 1 : 0;
  const char* begin = at;
  uint64_t number = 0;
  for (; at != end && static_cast<uint8_t>(*at - '0') < 10; ++at) {
    number = number * 10 + static_cast<uint64_t>(*at - '0');
  }
  const auto digits = static_cast<size_t>(at - begin);
  while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  if (at != end || digits == 0 || digits > kIntegerDigitsFast) return false;
  value = negative ? -static_cast<int64_t>(number) : static_cast<int64_t>(number);
  return true;
}

class JsonReader final : public RecordReader {
 public:
  JsonReader(const std::vector<InputColumn>& columns, JsonPath row, std::vector<JsonPath> paths)
      : columns_(columns), row_(std::move(row)), paths_(std::move(paths)) {
    bool flat = row_.keys.empty() && row_.list == JsonPath::List::kNone;
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].source != InputColumn::Source::kData) continue;
      const JsonPath& path = paths_[c];
      flat = flat && path.keys.size() == 1 && path.list == JsonPath::List::kNone &&
             path.keys[0].find_first_of("\"\\") == std::string::npos;
      if (!flat) break;
      const Type& type = columns_[c].field.type;
      auto fast = FlatColumn::Fast::kNone;
      if (type.is_integer()) fast = FlatColumn::Fast::kInteger;
      if (type.kind == TypeKind::kVarchar) fast = FlatColumn::Fast::kText;
      flat_.push_back({c, path.keys[0] + '"', &type, fast});
    }
    if (!flat) flat_.clear();
    for (const JsonPath& path : paths_) {
      if (path.list == JsonPath::List::kElements) list_ = &path;
    }
  }

  void read(const InputRecord& record, RowWriter& writer,
            std::vector<Rejection>& rejected) override {
    std::string_view rest = record.data;
    const size_t before = rejected.size();
    for (size_t rows = writer.rows(); !is_blank(rest);) {
      auto done = flat_.empty() ? read_nested(rest, record, writer, rejected)
                                : read_flat(rest, record, writer);
      if (!done) {
        writer.abandon();
        rejected.push_back(reject(record, std::move(done).error()));
        if (rest.empty()) return;
      }
      if (gives_up(record, rejected, before)) return;
      if (writer.rows() - rows >= kInputRowsPerRecordMax) {
        rejected.push_back(reject(
            record, Error{errors::kLimit, "the record has too many rows", Retry::kNever, {}}));
        return;
      }
    }
  }

 private:
  // Errors leave `rest` at the next document, or empty where it cannot be found.
  Result<void> read_flat(std::string_view& rest, const InputRecord& record, RowWriter& writer) {
    const std::string_view text = std::exchange(rest, {});
    ondemand::document document;
    ondemand::object object;
    auto code = parser_.iterate(padded(text)).get(document);
    if (!code) code = document.get_object().get(object);
    if (code) return fail(damaged(code));
    writer.open();
    size_t next = 0;
    Error wrong;
    const char* end = text.data() + text.size();
    for (auto each : object) {
      ondemand::field field;
      if (auto bad = std::move(each).get(field)) return fail(damaged(bad));
      const char* key = field.key().raw();
      const FlatColumn* column = nullptr;
      for (size_t tried = 0; tried < flat_.size() && column == nullptr; ++tried) {
        const FlatColumn& candidate = flat_[next];
        next = next + 1 == flat_.size() ? 0 : next + 1;
        if (static_cast<size_t>(end - key) < candidate.key.size()) continue;
        if (std::memcmp(key, candidate.key.data(), candidate.key.size()) == 0) column = &candidate;
      }
      if (column == nullptr) continue;
      auto done = read_value(*column, field.value(), writer);
      if (!done && wrong.code.empty()) wrong = in_column(columns_[column->index], done.error());
    }
    const char* at = nullptr;
    if (document.current_location().get(at) == simdjson::SUCCESS) {
      rest = text.substr(static_cast<size_t>(at - text.data()));
    }
    if (!wrong.code.empty()) return fail(std::move(wrong));
    writer.commit(record);
    return ok();
  }

  static Result<void> read_value(const FlatColumn& column, ondemand::value value,
                                 RowWriter& writer) {
    std::string_view token = value.raw_json_token();
    int64_t integer = 0;
    if (column.fast == FlatColumn::Fast::kInteger && fast_integer(token, integer) &&
        fits(*column.type, integer)) {
      writer.set_integer(column.index, integer);
      return ok();
    }
    if (column.fast == FlatColumn::Fast::kText && token[0] == '"') {
      size_t size = token.size();
      while (token[size - 1] != '"') --size;
      if (size >= 2 && size - 2 <= column.type->length &&
          std::memchr(token.data(), '\\', size) == nullptr) {
        writer.set_text(column.index, token.substr(1, size - 2));
        return ok();
      }
    }
    if (token[0] == '{' || token[0] == '[') {
      if (auto code = simdjson::to_json_string(value).get(token)) return fail(damaged(code));
    }
    TRY(Value coerced, coerce_json(*column.type, token, writer.arena()));
    writer.set(column.index, coerced);
    return ok();
  }

  Result<void> read_nested(std::string_view& rest, const InputRecord& record, RowWriter& writer,
                           std::vector<Rejection>& rejected) {
    TRY(std::string_view document, next_document(rest));
    TRY(auto found, find(document, row_.keys));
    if (!found) return ok();
    std::vector<std::string_view> rows{*found};
    if (row_.list != JsonPath::List::kNone || found->starts_with('[')) {
      TRY(rows, elements(*found));
    }
    if (rows.size() > kInputRowsPerRecordMax) {
      return fail(errors::kLimit, "the record has too many rows");
    }
    const size_t before = rejected.size();
    for (std::string_view row : rows) {
      if (rejected.size() - before >= kRejectionsPerRecordMax) return ok();
      auto done = read_row(row, record, writer);
      if (!done) {
        writer.abandon();
        rejected.push_back(reject(record, std::move(done).error()));
      }
    }
    return ok();
  }

  // One row, or one for each element of the list that is flattened.
  Result<void> read_row(std::string_view row, const InputRecord& record, RowWriter& writer) {
    std::vector<std::string_view> items{{}};
    enum class From { kItem, kNothing } from = From::kNothing;
    if (list_ != nullptr) {
      TRY(auto list, find(row, list_->keys));
      if (list && list->starts_with('[')) {
        from = From::kItem;
        TRY(items, elements(*list));
        if (items.empty()) {  // an empty list: a row of NULLs
          writer.open();
          writer.commit(record);
          return ok();
        }
      }
    }
    if (items.size() > kInputRowsPerRecordMax) {
      return fail(errors::kLimit, "the record has too many rows");
    }
    for (std::string_view item : items) {
      writer.open();
      for (size_t c = 0; c < columns_.size(); ++c) {
        if (columns_[c].source != InputColumn::Source::kData) continue;
        const bool below = paths_[c].list == JsonPath::List::kElements;
        if (below && from == From::kNothing) continue;
        TRY(auto token, find(below ? item : row, below ? paths_[c].below : paths_[c].keys));
        if (!token) continue;
        auto value = coerce_json(columns_[c].field.type, *token, writer.arena());
        if (!value) return fail(in_column(columns_[c], std::move(value).error()));
        writer.set(c, *value);
      }
      writer.commit(record);
    }
    return ok();
  }

  // The text of the first document; `rest` is what follows it.
  Result<std::string_view> next_document(std::string_view& rest) {
    const std::string_view text = std::exchange(rest, {});
    ondemand::document document;
    auto code = parser_.iterate(padded(text)).get(document);
    ondemand::json_type type{};
    if (!code) code = document.type().get(type);
    std::string_view out;
    if (!code && type == ondemand::json_type::object) {
      ondemand::object object;
      code = document.get_object().get(object);
      if (!code) code = object.raw_json().get(out);
    } else if (!code && type == ondemand::json_type::array) {
      ondemand::array array;
      code = document.get_array().get(array);
      if (!code) code = array.raw_json().get(out);
    } else if (!code) {
      return fail(errors::kInvalidFormat, "the record is no JSON object");
    }
    if (code) return fail(damaged(code));
    rest = text.substr(static_cast<size_t>(out.data() - text.data()) + out.size());
    return out;
  }

  // The value at a path as it stands in the text; none: missing.
  Result<std::optional<std::string_view>> find(std::string_view text,
                                               const std::vector<std::string>& keys) {
    if (keys.empty()) return text;
    ondemand::document document;
    auto code = parser_.iterate(padded(text)).get(document);
    ondemand::object object;
    if (!code) code = document.get_object().get(object);
    ondemand::value value;
    for (size_t k = 0; k < keys.size() && !code; ++k) {
      code = object.find_field_unordered(keys[k]).get(value);
      if (!code && k + 1 < keys.size()) code = value.get_object().get(object);
    }
    if (code == simdjson::NO_SUCH_FIELD || code == simdjson::INCORRECT_TYPE) {
      return std::optional<std::string_view>{};
    }
    std::string_view out;
    if (!code) code = simdjson::to_json_string(value).get(out);
    if (code) return fail(damaged(code));
    return out;
  }

  Result<std::vector<std::string_view>> elements(std::string_view list) {
    std::vector<std::string_view> out;
    ondemand::document document;
    auto code = parser_.iterate(padded(list)).get(document);
    ondemand::array array;
    if (!code) code = document.get_array().get(array);
    if (code) return fail(damaged(code));
    for (auto each : array) {
      ondemand::value value;
      code = std::move(each).get(value);
      std::string_view text;
      if (!code) code = simdjson::to_json_string(value).get(text);
      if (code) return fail(damaged(code));
      out.push_back(text);
    }
    return out;
  }

  const std::vector<InputColumn>& columns_;
  JsonPath row_;
  std::vector<JsonPath> paths_;
  const JsonPath* list_ = nullptr;
  std::vector<FlatColumn> flat_;
  ondemand::parser parser_;
};

}  // namespace

Result<JsonPath> parse_json_path(std::string_view text) {
  auto bad = [&] {
    return fail(codes::kInvalidArgument,
                fmt::format("'{}' is no path: expected $, .name and [0:]", text));
  };
  if (!text.starts_with('$')) return bad();
  JsonPath path;
  for (size_t at = 1; at < text.size();) {
    auto& keys = path.list == JsonPath::List::kNone ? path.keys : path.below;
    if (keys.size() >= kPathKeysMax) return bad();
    if (text.substr(at).starts_with("[0:]")) {
      if (path.list != JsonPath::List::kNone) {
        return fail(codes::kInvalidArgument, fmt::format("'{}' flattens more than one list", text));
      }
      path.list = JsonPath::List::kWhole;
      at += 4;
    } else if (text.substr(at).starts_with("['") || text.substr(at).starts_with("[\"")) {
      const size_t end = text.find(text[at + 1], at + 2);
      if (end == std::string_view::npos || text.substr(end + 1, 1) != "]") return bad();
      keys.emplace_back(text.substr(at + 2, end - at - 2));
      at = end + 2;
    } else if (text[at] == '.') {
      const size_t end = std::min(text.find_first_of(".[", at + 1), text.size());
      if (end == at + 1) return bad();
      keys.emplace_back(text.substr(at + 1, end - at - 1));
      at = end;
    } else {
      return bad();
    }
  }
  if (!path.below.empty()) path.list = JsonPath::List::kElements;
  return path;
}

Result<std::unique_ptr<RecordReader>> make_json_reader(const InputFormat& format,
                                                       const std::vector<InputColumn>& columns) {
  TRY(JsonPath row, parse_json_path(format.row_path));
  if (row.list == JsonPath::List::kElements) {
    return fail(codes::kInvalidArgument, "the row path goes on behind its list");
  }
  std::vector<JsonPath> paths(columns.size());
  const JsonPath* list = nullptr;
  for (size_t c = 0; c < columns.size(); ++c) {
    if (columns[c].source != InputColumn::Source::kData) continue;
    std::string mapping = columns[c].mapping;
    // Paths may repeat the row path.
    if (format.row_path.size() > 1 && mapping.starts_with(format.row_path)) {
      mapping = "$" + mapping.substr(format.row_path.size());
    }
    TRY(paths[c], parse_json_path(mapping));
    if (paths[c].list != JsonPath::List::kElements) continue;
    if (list != nullptr && list->keys != paths[c].keys) {
      return fail(codes::kInvalidArgument, "a schema can flatten one list, not two");
    }
    list = &paths[c];
  }
  return std::make_unique<JsonReader>(columns, std::move(row), std::move(paths));
}

}  // namespace suiro::sql
