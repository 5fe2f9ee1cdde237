// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/discover.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <map>
#include <set>

#include "engine/sql/lexer.h"

namespace suiro::analytics {
namespace {

namespace json = boost::json;

constexpr size_t kNameMax = 100;
constexpr uint32_t kVarcharMin = 4;
constexpr uint32_t kVarcharMax = 65'535;
constexpr std::string_view kDelimiters[] = {",", "\t", "|", ";"};

// The narrowest type that holds every value seen.
class TypeGuess {
 public:
  void add(const json::value& value) {
    if (value.is_null()) return;
    if (value.is_bool()) return note(kBool, 5);
    if (value.is_int64()) return number(value.as_int64());
    if (value.is_number()) return note(kReal, json::serialize(value).size());
    if (value.is_string()) return text(std::string_view(value.as_string()));
    note(kText, json::serialize(value).size());
  }
  void add_field(std::string_view field) {
    if (field.empty()) return;
    json::error_code wrong;
    json::value value = json::parse(field, wrong);
    if (!wrong && value.is_number()) return add(value);
    text(field);
  }
  std::string type() const {
    if (seen_ == kBool) return "BOOLEAN";
    if (seen_ == kInteger) return "INTEGER";
    if (seen_ == kLong || seen_ == (kInteger | kLong)) return "BIGINT";
    if (seen_ != 0 && (seen_ & ~(kInteger | kLong | kReal)) == 0) return "DOUBLE";
    if (seen_ == kDate) return "DATE";
    if (seen_ == kTime || seen_ == (kDate | kTime)) return "TIMESTAMP";
    uint32_t length = kVarcharMin;
    while (length < longest_ && length < kVarcharMax) length *= 2;
    return fmt::format("VARCHAR({})", std::min(length, kVarcharMax));
  }

 private:
  enum Seen : unsigned {
    kBool = 1,
    kInteger = 2,
    kLong = 4,
    kReal = 8,
    kDate = 16,
    kTime = 32,
    kText = 64
  };
  void note(Seen seen, size_t length) {
    seen_ |= seen;
    longest_ = std::max(longest_, length);
  }
  void number(int64_t value) {
    bool is_short = value >= INT32_MIN && value <= INT32_MAX;
    note(is_short ? kInteger : kLong, std::to_string(value).size());
  }
  void text(std::string_view text) {
    // 'd' stands for a digit: the forms that an input schema's TIMESTAMP and DATE take.
    constexpr std::string_view kDay = "dddd-dd-dd", kClock = "dd:dd:dd";
    auto fits = [](std::string_view part, std::string_view form) {
      return std::ranges::equal(part, form, [](char c, char f) {
        return f == 'd' ? std::isdigit(static_cast<unsigned char>(c)) != 0 : c == f;
      });
    };
    if (text.size() == kDay.size() && fits(text, kDay)) return note(kDate, text.size());
    bool has_clock = text.size() >= 19 && fits(text.substr(0, 10), kDay) &&
                     (text[10] == ' ' || text[10] == 'T') && fits(text.substr(11, 8), kClock);
    bool is_time = has_clock && (text.size() == 19 || text[19] == '.');
    note(is_time ? kTime : kText, text.size());
  }

  unsigned seen_ = 0;
  size_t longest_ = 0;
};

// The columns of JSON documents, in the order in which they first came.
class Tree {
 public:
  void add(const json::object& row) { walk(row, "$", "", 0); }

  std::vector<Column> columns() {
    std::vector<Column> out;
    std::set<std::string> names;
    for (const Leaf& leaf : leaves_) {
      std::string name = column_name(leaf.key);
      if (names.contains(name) && !leaf.parent.empty()) {
        name = column_name(fmt::format("{}_{}", leaf.parent, leaf.key));
      }
      for (int i = 2; !names.insert(name).second; ++i) {
        name = fmt::format("{}_{}", column_name(leaf.key), i);
      }
      out.push_back({std::move(name), leaf.guess.type(), leaf.path});
    }
    return out;
  }
  // A row's values as texts, by path.
  std::vector<std::string> values(const json::object& row) const {
    std::map<std::string, std::string> found;
    collect(row, "$", 0, found);
    std::vector<std::string> out;
    for (const Leaf& leaf : leaves_) out.push_back(found[leaf.path]);
    return out;
  }

 private:
  struct Leaf {
    std::string path;
    std::string key;
    std::string parent;
    TypeGuess guess;
  };

  static std::string path_of(const std::string& above, std::string_view key,
                             const json::value& value) {
    std::string path = fmt::format("{}.{}", above, key);
    return value.is_array() ? path + "[0:]" : path;
  }

  void walk(const json::object& object, const std::string& above, const std::string& parent,
            size_t level) {
    for (const auto& [key, value] : object) {
      std::string path = path_of(above, std::string_view(key), value);
      if (value.is_object() && level + 1 < kFlattenLevels) {
        walk(value.as_object(), path, std::string(key), level + 1);
        continue;
      }
      auto leaf = std::ranges::find(leaves_, path, &Leaf::path);
      if (leaf == leaves_.end()) {
        leaves_.push_back({path, std::string(key), parent, {}});
        leaf = leaves_.end() - 1;
      }
      leaf->guess.add(value);
    }
  }
  static void collect(const json::object& object, const std::string& above, size_t level,
                      std::map<std::string, std::string>& out) {
    for (const auto& [key, value] : object) {
      std::string path = path_of(above, std::string_view(key), value);
      if (value.is_object() && level + 1 < kFlattenLevels) {
        collect(value.as_object(), path, level + 1, out);
      } else if (value.is_string()) {
        out[path] = std::string_view(value.as_string());
      } else if (!value.is_null()) {
        out[path] = json::serialize(value);
      }
    }
  }

  std::vector<Leaf> leaves_;
};

// The documents of one record, one behind the other; empty: it is no JSON.
std::vector<json::value> documents_of(ByteView text) {
  std::vector<json::value> out;
  while (!(text = trim(text)).empty()) {
    json::stream_parser parser;
    json::error_code wrong;
    size_t used = parser.write_some(text.data(), text.size(), wrong);
    if (wrong) return {};
    if (!parser.done()) parser.finish(wrong);
    if (wrong) return {};
    out.push_back(parser.release());
    text.remove_prefix(used);
  }
  return out;
}

struct Rows {
  std::vector<json::object> rows;
  std::string row_path = "$";
};

// The records as rows; none where one of them is no JSON object or list of objects.
Rows json_rows(const std::vector<Bytes>& records) {
  Rows out;
  for (const Bytes& record : records) {
    for (json::value& document : documents_of(record)) {
      if (document.is_object()) {
        out.rows.push_back(std::move(document.as_object()));
        continue;
      }
      if (!document.is_array()) return {};
      out.row_path = "$[0:]";
      for (json::value& row : document.as_array()) {
        if (!row.is_object()) return {};
        out.rows.push_back(std::move(row.as_object()));
      }
    }
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, std::string_view delimiter) {
  std::vector<std::string_view> out;
  for (;;) {
    size_t at = text.find(delimiter);
    out.push_back(text.substr(0, at));
    if (at == text.npos) return out;
    text.remove_prefix(at + delimiter.size());
  }
}

std::optional<Discovered> discover_json(const std::vector<Bytes>& records) {
  Rows rows = json_rows(records);
  if (rows.rows.empty()) return std::nullopt;
  Tree tree;
  for (const json::object& row : rows.rows) tree.add(row);
  Discovered out;
  out.schema.record.format = Format::kJson;
  out.schema.record.row_path = rows.row_path;
  out.schema.encoding = "UTF-8";
  out.schema.columns = tree.columns();
  if (out.schema.columns.empty()) return std::nullopt;
  for (const json::object& row : rows.rows) {
    if (out.parsed.size() == kShownRecordsMax) break;
    out.parsed.push_back(tree.values(row));
  }
  return out;
}

// Lines that have the same number of fields, at least two, by one delimiter.
std::optional<Discovered> discover_csv(const std::vector<Bytes>& records) {
  std::vector<std::string_view> lines;
  bool has_returns = false;
  for (const Bytes& record : records) {
    for (std::string_view line : split(record, "\n")) {
      if (line.ends_with('\r')) {
        has_returns = true;
        line.remove_suffix(1);
      }
      if (!line.empty()) lines.push_back(line);
    }
  }
  for (std::string_view delimiter : kDelimiters) {
    if (lines.empty()) break;
    size_t width = split(lines.front(), delimiter).size();
    bool is_even = std::ranges::all_of(
        lines, [&](std::string_view line) { return split(line, delimiter).size() == width; });
    if (width < 2 || !is_even) continue;
    Discovered out;
    std::vector<TypeGuess> guesses(width);
    for (std::string_view line : lines) {
      auto fields = split(line, delimiter);
      for (size_t i = 0; i < width; ++i) guesses[i].add_field(fields[i]);
      if (out.parsed.size() < kShownRecordsMax)
        out.parsed.emplace_back(fields.begin(), fields.end());
    }
    out.schema.record = {.format = Format::kCsv,
                         .row_path = {},
                         .row_delimiter = has_returns ? "\r\n" : "\n",
                         .column_delimiter = std::string(delimiter)};
    out.schema.encoding = "UTF-8";
    for (size_t i = 0; i < width; ++i) {
      out.schema.columns.push_back({fmt::format("COL_{}", i), guesses[i].type(), ""});
    }
    return out;
  }
  return std::nullopt;
}

}  // namespace

// Developer Guide for SQL, "Using the Schema Discovery Feature on Streaming Data".
std::string column_name(std::string_view element) {
  std::string name, upper;
  for (char c : element) {
    auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '_') name += c;
    upper += static_cast<char>(std::toupper(byte));
  }
  if (name.empty()) return "COL_0";
  bool begins_well = std::isalpha(static_cast<unsigned char>(name.front())) != 0;
  bool is_fine = name.size() == element.size() && begins_well && name.size() <= kNameMax &&
                 !sql::is_reserved(upper);
  if (is_fine) return name;
  return ("COL_" + name).substr(0, kNameMax);
}

Result<Discovered> discover(const std::vector<Bytes>& records) {
  auto found = discover_json(records);
  if (!found) found = discover_csv(records);
  if (found) {
    for (const Bytes& record : records) {
      if (found->raw.size() < kShownRecordsMax) found->raw.push_back(record);
    }
    return *std::move(found);
  }
  Error error{"UnableToDetectSchemaException",
              records.empty()
                  ? "No records were found to detect a schema from"
                  : "The records are neither JSON objects nor lines of comma-separated values"};
  for (const Bytes& record : records) {
    if (error.details.size() == kShownRecordsMax) break;
    error.details.emplace_back("RawInputRecords", is_valid_utf8(record) ? record : "");
  }
  return std::unexpected(std::move(error));
}

}  // namespace suiro::analytics
