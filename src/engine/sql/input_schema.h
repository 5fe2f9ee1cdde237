// SPDX-License-Identifier: Apache-2.0
// An input schema as a text: the service's JSON (SourceSchema of its API), or one line a column.
//
//   {"RecordFormat": {"RecordFormatType": "JSON", "MappingParameters": {"JSONMappingParameters":
//     {"RecordRowPath": "$"}}}, "RecordColumns": [{"Name": "ID", "SqlType": "INTEGER",
//     "Mapping": "$.id"}]}
//
//   # a comment
//   format csv             json (the default), csv
//   delimiter |            of columns; `row delimiter \n` of rows; `row path $.items[0:]`
//   ID INTEGER $.id        name, type, path (JSON: $.NAME where there is none)
//   + PARTITION_KEY        what the stream knows of a record: also APPROXIMATE_ARRIVAL_TIME,
//                          SEQUENCE_NUMBER, SHARD_ID
//
// How it fails: "InvalidArgument" with what is wrong, and the line. Thread: any.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/sql/input_mapper.h"
#include "engine/sql/plan.h"

namespace suiro::sql {

inline constexpr size_t kSchemaBytesMax = size_t{4} << 20;

struct InputSchema {
  InputFormat format;
  std::vector<InputColumn> columns;
};

Result<InputSchema> parse_input_schema(std::string_view text);
// For compile(): the columns, and how many of the last are metadata.
StreamDefinition definition_of(std::string_view name, const InputSchema& schema);
// The column of one of the four metadata names.
Result<InputColumn> metadata_column(std::string_view name);

}  // namespace suiro::sql
