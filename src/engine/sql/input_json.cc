// SPDX-License-Identifier: Apache-2.0
// JSON records. Flat schemas, every column a member of the document itself, are read in one pass,
// straight into the lanes; others by looking up each column's path.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <unordered_map>

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

// Where the values of a schema lie below a place in a document: one walk finds them all.
struct PathTree {
  std::vector<size_t> slots;                           // of the value at this place
  std::map<std::string, PathTree, std::less<>> below;  // by key, as it stands in JSON
  void add(std::span<const std::string> keys, size_t slot) {
    PathTree* at = this;
    for (const std::string& key : keys) at = &at->below[key];
    at->slots.push_back(slot);
  }
};

// By slot: the value as it stands in the text; none: missing. Of a key that comes twice the last.
using Tokens = std::vector<std::optional<std::string_view>>;

// A key without its quotes; the text goes on at least to the quote that closes it.
std::string_view key_text(const char* raw) {
  const char* end = raw;
  while (*end != '"') end += *end == '\\' ? 2 : 1;
  return {raw, static_cast<size_t>(end - raw)};
}

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
      : columns_(columns),
        row_(std::move(row)),
        paths_(std::move(paths)),
        rows_max_(rows_per_record(columns)) {
    row_path_.add(row_.keys, 0);
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
    for (size_t i = 0; i < flat_.size(); ++i) {
      flat_by_key_.emplace(std::string_view(flat_[i].key).substr(0, flat_[i].key.size() - 1), i);
    }
    plant();
  }

  void read(const InputRecord& record, RowWriter& writer,
            std::vector<Rejection>& rejected) override {
    std::string_view rest = record.data;
    const size_t before = rejected.size();
    // A single document is not looked for: most records are one.
    auto alone = flat_.empty() || starts_list(rest) ? Documents::kMany : Documents::kOne;
    for (size_t rows = writer.rows(); !is_blank(rest);) {
      const std::string_view text =
          alone == Documents::kOne ? rest : rest.substr(0, document_end(rest));
      size_t used = text.size();
      auto done = flat_.empty() || starts_list(text) ? read_nested(text, record, writer, rejected)
                                                     : read_flat(text, used, record, writer);
      if (!done) writer.abandon();
      const bool damaged = !done && used == 0;
      if (damaged && alone == Documents::kOne && document_end(rest) < rest.size()) {
        alone = Documents::kMany;  // the first of several may be whole
        continue;
      }
      if (!done) rejected.push_back(reject(record, std::move(done).error()));
      rest.remove_prefix(damaged ? text.size() : used);
      alone = Documents::kMany;
      if (gives_up(record, rejected, before)) return;
      if (writer.rows() - rows >= rows_max_ && !is_blank(rest)) {
        rejected.push_back(reject(record, too_many_rows()));
        return;
      }
    }
  }

  size_t whole(std::string_view text) const override {
    std::string_view rest = text;
    size_t end = 0;
    for (Closed closed = Closed::kYes; !is_blank(rest);) {
      const size_t size = document_end(rest, &closed);
      if (closed == Closed::kNo) break;
      rest.remove_prefix(size);
      end = text.size() - rest.size();
    }
    return end;
  }

 private:
  enum class Documents { kOne, kMany };
  enum class Closed { kNo, kYes };

  static bool starts_list(std::string_view text) {
    const size_t at = text.find_first_not_of(" \t\r\n");
    return at != std::string_view::npos && text[at] == '[';
  }

  // Behind the bracket that closes the first document; the whole text where there is none.
  static size_t document_end(std::string_view text, Closed* closed = nullptr) {
    size_t depth = 0;
    if (closed != nullptr) *closed = Closed::kYes;
    for (size_t i = text.find_first_not_of(" \t\r\n"); i < text.size(); ++i) {
      const char c = text[i];
      if (c == '"' && depth > 0) {
        for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth <= 1) return i + 1;
        --depth;
      } else if (depth == 0) {
        break;  // no document begins here
      }
    }
    if (closed != nullptr) *closed = Closed::kNo;
    return text.size();
  }

  // The trees of the paths: beside the list that is flattened, and below its elements.
  void plant() {
    list_slot_ = columns_.size();
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].source != InputColumn::Source::kData) continue;
      if (paths_[c].list == JsonPath::List::kElements) {
        if (element_columns_.empty()) row_tree_.add(paths_[c].keys, list_slot_);
        element_tree_.add(paths_[c].below, c);
        element_columns_.push_back(c);
      } else {
        row_tree_.add(paths_[c].keys, c);
        row_columns_.push_back(c);
      }
    }
  }

  const FlatColumn* flat_column(const char* key, const char* end, size_t& next) const {
    const FlatColumn& expected = flat_[next];
    if (static_cast<size_t>(end - key) >= expected.key.size() &&
        std::memcmp(key, expected.key.data(), expected.key.size()) == 0) {
      next = next + 1 == flat_.size() ? 0 : next + 1;
      return &expected;
    }
    const auto found = flat_by_key_.find(key_text(key));
    if (found == flat_by_key_.end()) return nullptr;
    next = found->second + 1 == flat_.size() ? 0 : found->second + 1;
    return &flat_[found->second];
  }

  // `used`: the size of the document, or 0 where it is damaged.
  Result<void> read_flat(std::string_view text, size_t& used, const InputRecord& record,
                         RowWriter& writer) {
    used = 0;
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
      const FlatColumn* column = flat_column(field.key().raw(), end, next);
      if (column == nullptr) continue;
      auto done = read_value(*column, field.value(), writer);
      if (!done && wrong.code.empty()) wrong = in_column(columns_[column->index], done.error());
    }
    const char* at = nullptr;
    used = text.size();
    if (document.current_location().get(at) == simdjson::SUCCESS) {
      used = static_cast<size_t>(at - text.data());
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

  Result<void> read_nested(std::string_view document, const InputRecord& record, RowWriter& writer,
                           std::vector<Rejection>& rejected) {
    document = document.substr(std::min(document.find_first_not_of(" \t\r\n"), document.size()));
    if (!document.starts_with('{') && !document.starts_with('[')) {
      return fail(errors::kInvalidFormat, "the record is no JSON object");
    }
    Tokens found(1);
    TRY_VOID(walk(document, row_path_, found));
    if (!found[0]) return ok();
    std::vector<std::string_view> rows{*found[0]};
    if (row_.list != JsonPath::List::kNone || found[0]->starts_with('[')) {
      TRY(rows, elements(*found[0]));
    }
    if (rows.size() > rows_max_) return fail(too_many_rows());
    const size_t before = rejected.size(), first = writer.rows();
    for (std::string_view row : rows) {
      if (rejected.size() - before >= kRejectionsPerRecordMax) return ok();
      auto done = read_row(row, writer.rows() - first, record, writer);
      if (!done) {
        writer.abandon();
        rejected.push_back(reject(record, std::move(done).error()));
      }
    }
    return ok();
  }

  // One row, or one for each element of the list that is flattened; the values beside the list are
  // the same in all of them.
  Result<void> read_row(std::string_view row, size_t rows, const InputRecord& record,
                        RowWriter& writer) {
    tokens_.assign(columns_.size() + 1, std::nullopt);
    TRY_VOID(walk(row, row_tree_, tokens_));
    std::vector<std::string_view> items{{}};
    const auto list = tokens_[list_slot_];
    const bool flattens = list && list->starts_with('[');
    if (flattens) {
      TRY(items, elements(*list));
    }
    if (items.empty()) {  // an empty list: a row of NULLs
      writer.open();
      writer.commit(record);
      return ok();
    }
    if (rows + items.size() > rows_max_) return fail(too_many_rows());
    std::vector<Value> beside;
    for (size_t c : row_columns_) {
      TRY(const Value value, coerced(c, writer));
      beside.push_back(value);
    }
    for (std::string_view item : items) {
      writer.open();
      for (size_t i = 0; i < beside.size(); ++i) writer.set(row_columns_[i], beside[i]);
      if (flattens) {
        for (size_t c : element_columns_) tokens_[c].reset();
        TRY_VOID(walk(item, element_tree_, tokens_));
        for (size_t c : element_columns_) {
          TRY(Value value, coerced(c, writer));
          writer.set(c, value);
        }
      }
      writer.commit(record);
    }
    return ok();
  }

  Result<Value> coerced(size_t column, RowWriter& writer) const {
    if (!tokens_[column]) return Value{};
    auto value = coerce_json(columns_[column].field.type, *tokens_[column], writer.arena());
    if (!value) return fail(in_column(columns_[column], std::move(value).error()));
    return value;
  }

  // The values of the tree's places. What is no object has nothing below it.
  Result<void> walk(std::string_view text, const PathTree& tree, Tokens& out) {
    for (size_t slot : tree.slots) out[slot] = text;
    if (tree.below.empty() || !text.starts_with('{')) return ok();
    // Values that are wanted whole, and in part: looked into when the walk is over.
    std::vector<std::pair<std::string_view, const PathTree*>> again;
    ondemand::document document;
    ondemand::object object;
    auto code = parser_.iterate(padded(text)).get(document);
    if (!code) code = document.get_object().get(object);
    if (code) return fail(damaged(code));
    TRY_VOID(walk_object(object, tree, out, again));
    for (const auto& [part, below] : again) TRY_VOID(walk(part, *below, out));
    return ok();
  }

  static Result<void> walk_object(
      ondemand::object& object, const PathTree& tree, Tokens& out,
      std::vector<std::pair<std::string_view, const PathTree*>>& again) {
    for (auto each : object) {
      ondemand::field field;
      if (auto bad = std::move(each).get(field)) return fail(damaged(bad));
      const auto found = tree.below.find(key_text(field.key().raw()));
      if (found == tree.below.end()) continue;
      const PathTree& place = found->second;
      ondemand::value value = field.value();
      ondemand::json_type type{};
      if (auto bad = value.type().get(type)) return fail(damaged(bad));
      if (place.slots.empty()) {
        if (type != ondemand::json_type::object) continue;
        ondemand::object inner;
        if (auto bad = value.get_object().get(inner)) return fail(damaged(bad));
        TRY_VOID(walk_object(inner, place, out, again));
        continue;
      }
      std::string_view text;
      if (auto bad = simdjson::to_json_string(value).get(text)) return fail(damaged(bad));
      for (size_t slot : place.slots) out[slot] = text;
      if (!place.below.empty()) again.emplace_back(text, &place);
    }
    return ok();
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
  size_t rows_max_;  // of a record
  std::vector<FlatColumn> flat_;
  std::unordered_map<std::string_view, size_t> flat_by_key_;
  PathTree row_path_, row_tree_, element_tree_;
  std::vector<size_t> row_columns_, element_columns_;
  size_t list_slot_ = 0;
  Tokens tokens_;
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
