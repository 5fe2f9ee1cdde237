// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/input_schema.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "base/bytes.h"

namespace suiro::sql {
namespace {

namespace dom = simdjson::dom;

constexpr uint32_t kMetadataTextLength = 256;

auto wrong(std::string message) {
  return fail(codes::kInvalidArgument, std::move(message));
}

std::string text_at(dom::element from, std::string_view key) {
  std::string_view text;
  return from[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

Result<void> read_format(dom::element schema, InputFormat& format) {
  dom::element record, mapping;
  if (schema["RecordFormat"].get(record)) return wrong("the schema has no RecordFormat");
  const std::string kind = text_at(record, "RecordFormatType");
  if (kind != "JSON" && kind != "CSV") return wrong("RecordFormatType is JSON or CSV");
  format.kind = kind == "JSON" ? InputFormat::Kind::kJson : InputFormat::Kind::kCsv;
  if (record["MappingParameters"].get(mapping)) return ok();
  dom::element parameters;
  if (!mapping["JSONMappingParameters"].get(parameters)) {
    format.row_path = text_at(parameters, "RecordRowPath");
  }
  if (!mapping["CSVMappingParameters"].get(parameters)) {
    format.row_delimiter = text_at(parameters, "RecordRowDelimiter");
    format.column_delimiter = text_at(parameters, "RecordColumnDelimiter");
  }
  return ok();
}

Result<InputSchema> parse_document(std::string_view text) {
  dom::parser parser;
  dom::element schema;
  if (auto code = parser.parse(simdjson::padded_string(text)).get(schema)) {
    return wrong(fmt::format("the schema is no JSON: {}", simdjson::error_message(code)));
  }
  InputSchema out;
  TRY_VOID(read_format(schema, out.format));
  dom::array columns;
  if (schema["RecordColumns"].get(columns)) return wrong("the schema has no RecordColumns");
  for (dom::element column : columns) {
    InputColumn next;
    next.field.name = text_at(column, "Name");
    if (next.field.name.empty()) return wrong("a column of the schema has no Name");
    TRY(next.field.type, parse_type(text_at(column, "SqlType")));
    next.mapping = text_at(column, "Mapping");
    if (next.mapping.empty()) next.mapping = "$." + next.field.name;
    out.columns.push_back(std::move(next));
  }
  return out;
}

// "DECIMAL(10, 2) $.price": the type ends before the path.
Result<InputColumn> parse_column(std::string_view line) {
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return wrong("expected: NAME TYPE [PATH]");
  InputColumn column;
  column.field.name = line.substr(0, blank);
  std::string_view rest = trim(line.substr(blank));
  const size_t path = rest.find(" $");
  TRY(column.field.type, parse_type(trim(rest.substr(0, path))));
  column.mapping = path == std::string_view::npos ? "$." + column.field.name
                                                  : std::string(trim(rest.substr(path)));
  return column;
}

Result<void> parse_line(std::string_view line, InputSchema& out) {
  auto after = [&](std::string_view word) { return std::string(trim(line.substr(word.size()))); };
  if (line.starts_with("format ")) {
    const std::string kind = after("format ");
    if (kind != "json" && kind != "csv") return wrong("a format is json or csv");
    out.format.kind = kind == "json" ? InputFormat::Kind::kJson : InputFormat::Kind::kCsv;
  } else if (line.starts_with("delimiter ")) {
    out.format.column_delimiter = after("delimiter ");
  } else if (line.starts_with("row delimiter ")) {
    out.format.row_delimiter = after("row delimiter ");
  } else if (line.starts_with("row path ")) {
    out.format.row_path = after("row path ");
  } else if (line.starts_with("+ ")) {
    TRY(auto column, metadata_column(after("+ ")));
    out.columns.push_back(std::move(column));
  } else {
    TRY(auto column, parse_column(line));
    out.columns.push_back(std::move(column));
  }
  return ok();
}

}  // namespace

Result<InputColumn> metadata_column(std::string_view name) {
  using Source = InputColumn::Source;
  static constexpr std::pair<std::string_view, Source> kKnown[] = {
      {"APPROXIMATE_ARRIVAL_TIME", Source::kArrivalTime},
      {"PARTITION_KEY", Source::kPartitionKey},
      {"SEQUENCE_NUMBER", Source::kSequenceNumber},
      {"SHARD_ID", Source::kShardId}};
  for (const auto& [known, source] : kKnown) {
    if (known != name) continue;
    InputColumn column;
    column.field.name = name;
    column.source = source;
    column.field.type.kind =
        source == Source::kArrivalTime ? TypeKind::kTimestamp : TypeKind::kVarchar;
    column.field.type.length = source == Source::kArrivalTime ? 0 : kMetadataTextLength;
    return column;
  }
  return wrong(fmt::format("'{}' is no metadata of a record", name));
}

Result<InputSchema> parse_input_schema(std::string_view text) {
  if (text.size() > kSchemaBytesMax) return wrong("the schema is too long");
  if (trim(text).starts_with('{')) return parse_document(text);
  InputSchema out;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    auto done = parse_line(line, out);
    if (!done) return wrong(fmt::format("line {}: {}", number, done.error().message));
  }
  return out;
}

StreamDefinition definition_of(std::string_view name, const InputSchema& schema) {
  StreamDefinition out;
  out.name = name;
  out.origin = StreamDefinition::Origin::kInput;
  for (const InputColumn& column : schema.columns) {
    out.schema.push_back(column.field);
    if (column.source != InputColumn::Source::kData) ++out.metadata_columns;
  }
  return out;
}

}  // namespace suiro::sql
