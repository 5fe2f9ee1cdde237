// SPDX-License-Identifier: Apache-2.0
// Records as they come from a stream: JSON, flat and nested, and CSV. The first byte chooses the
// schema; rows that come out are printed, which reads every value.
#include <cstdint>
#include <string>

#include "engine/sql/input_schema.h"
#include "engine/sql/row_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro::sql;
  static constexpr const char* kSchemas[] = {
      "I INTEGER $.i\nS VARCHAR(5) $.s\nC CHAR(4) $.c\nD DECIMAL(9,2) $.d\nR DOUBLE $.r\nB BOOLEAN "
      "$.b\nT TIMESTAMP $.t\nX VARBINARY(8) $.x\n",
      "ID BIGINT $.id\nW VARCHAR(64) $.list\nN VARCHAR(8) $.list[0:].n\nQ REAL $.list[0:].q.z\n",
      "row path $.rows[0:]\nA TINYINT $.a\nD DATE $.d\nH TIME $.h\n",
      "format csv\nA INTEGER\nB VARCHAR(8)\nT TIMESTAMP\n",
      "format csv\ndelimiter ||\nrow delimiter \\r\\n\nA DOUBLE\nB BOOLEAN\n"};
  if (size == 0) return 0;
  auto schema = parse_input_schema(kSchemas[data[0] % std::size(kSchemas)]);
  if (!schema) __builtin_trap();
  auto mapper = InputMapper::create(schema->format, schema->columns);
  if (!mapper) __builtin_trap();
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  InputRecord record{.data = text};
  MappedRows mapped;
  (*mapper)->map({&record, 1}, nullptr, InputMapper::Padding::kNone, mapped);
  std::string out;
  const Schema columns = (*mapper)->schema();
  for (size_t i = 0; i < mapped.rows.size(); ++i) {
    out.clear();
    format_row(columns, mapped.rows, i, OutputFormat::kJson, out);
    format_row(columns, mapped.rows, i, OutputFormat::kCsv, out);
  }
  return 0;
}
