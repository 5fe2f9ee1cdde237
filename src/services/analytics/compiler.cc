// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/compiler.h"

#include "services/analytics/errors.h"

namespace suiro::analytics {
namespace {

using Source = sql::InputColumn::Source;

sql::Field metadata(std::string name, sql::TypeKind kind, uint32_t length) {
  sql::Field field{.name = std::move(name)};
  field.type.kind = kind;
  field.type.length = length;
  return field;
}

constexpr uint32_t kPartitionKeyLength = 256;
constexpr uint32_t kSequenceNumberLength = 128;
constexpr uint32_t kShardIdLength = 128;

}  // namespace

Result<sql::Schema> columns_of(const Schema& schema) {
  sql::Schema out;
  for (const Column& column : schema.columns) {
    auto type = sql::parse_type(column.sql_type);
    if (!type) {
      return fail(codes::kInvalidArgument,
                  fmt::format("column {}: {}", column.name, type.error().message));
    }
    out.push_back({column.name, *std::move(type)});
  }
  return out;
}

Result<std::vector<sql::InputColumn>> table_columns(const Schema& schema) {
  TRY(sql::Schema fields, columns_of(schema));
  std::vector<sql::InputColumn> out;
  for (size_t i = 0; i < fields.size(); ++i) {
    out.push_back({.field = std::move(fields[i]), .mapping = schema.columns[i].mapping});
  }
  return out;
}

// Developer Guide for SQL, "Configuring Application Input": metadata columns of a stream's records.
Result<std::vector<sql::InputColumn>> input_columns(const Schema& schema) {
  TRY(auto out, table_columns(schema));
  using sql::TypeKind;
  out.push_back(
      {metadata("APPROXIMATE_ARRIVAL_TIME", TypeKind::kTimestamp, 0), Source::kArrivalTime, ""});
  out.push_back({metadata("PARTITION_KEY", TypeKind::kVarchar, kPartitionKeyLength),
                 Source::kPartitionKey, ""});
  out.push_back({metadata("SEQUENCE_NUMBER", TypeKind::kVarchar, kSequenceNumberLength),
                 Source::kSequenceNumber, ""});
  out.push_back({metadata("SHARD_ID", TypeKind::kVarchar, kShardIdLength), Source::kShardId, ""});
  return out;
}

sql::InputFormat format_of(const Schema& schema) {
  sql::InputFormat format;
  const RecordFormat& record = schema.record;
  if (record.format == Format::kCsv) {
    format.kind = sql::InputFormat::Kind::kCsv;
    format.row_delimiter = record.row_delimiter;
    format.column_delimiter = record.column_delimiter;
  } else if (!record.row_path.empty()) {
    format.row_path = record.row_path;
  }
  return format;
}

Result<std::shared_ptr<const sql::Program>> Compiler::compile(const Configuration& c) const {
  sql::CompileInput known;
  for (const Input& input : c.inputs) {
    auto columns = input_columns(input.schema);
    if (!columns) return invalid(columns.error().message);
    sql::Schema schema;
    for (auto& column : *columns) schema.push_back(std::move(column.field));
    size_t of_records = schema.size() - input.schema.columns.size();
    for (std::string& name : input.stream_names()) {
      known.inputs.push_back({.name = std::move(name),
                              .schema = schema,
                              .origin = sql::StreamDefinition::Origin::kInput,
                              .metadata_columns = of_records});
    }
  }
  for (const Reference& reference : c.references) {
    auto schema = columns_of(reference.schema);
    if (!schema) return invalid(schema.error().message);
    known.tables.push_back({.name = reference.table, .schema = *std::move(schema)});
  }
  auto program = sql::compile(c.code, known, functions_, language_);
  if (!program) return fail("CodeValidationException", program.error().message);
  return program;
}

Result<void> Compiler::check(const Configuration& configuration) const {
  if (configuration.code.empty() || configuration.inputs.empty()) return ok();
  auto program = compile(configuration);
  if (program) return ok();
  // The compiler lists the streams that it knows, the input's first, where it misses a name.
  std::string known =
      fmt::format("one of \"{}\"", configuration.inputs.front().stream_names().front());
  bool lacks_a_name = program.error().message.find(known) != std::string::npos;
  if (configuration.references.empty() && lacks_a_name) return ok();
  return std::unexpected(program.error());
}

}  // namespace suiro::analytics
