// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/input_file.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "engine/sql/row_codec.h"

namespace suiro::sql {
namespace {
constexpr size_t kFileBytesMax = size_t{4} << 30;
}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  if (in) out << in.rdbuf();
  if (!in) return fail(codes::kInvalidArgument, fmt::format("cannot read {}", path));
  std::string text = std::move(out).str();
  if (text.size() > kFileBytesMax) {
    return fail(codes::kInvalidArgument, fmt::format("{} is larger than 4 GiB", path));
  }
  return text;
}

Result<InputFile> InputFile::open(const std::string& path, const InputSchema& schema,
                                  const InputFileOptions& options) {
  InputFile out;
  out.options_ = options;
  out.last_ms_ = options.start_ms;
  TRY(std::string text, read_text_file(path));
  text.append(kInputPaddingBytes, '\0');
  out.text_ = std::make_shared<const std::string>(std::move(text));
  TRY(out.mapper_, InputMapper::create(schema.format, schema.columns));
  for (size_t c = 0; c < schema.columns.size() && !options.rowtime.empty(); ++c) {
    const Field& field = schema.columns[c].field;
    if (!equal_ignore_case(field.name, options.rowtime)) continue;
    const bool fits = field.type.kind == TypeKind::kTimestamp || field.type.is_integer();
    if (!fits) {
      return fail(codes::kInvalidArgument,
                  fmt::format("--rowtime: column {} is neither TIMESTAMP nor BIGINT", field.name));
    }
    out.rowtime_column_ = static_cast<int>(c);
  }
  if (!options.rowtime.empty() && out.rowtime_column_ < 0) {
    return fail(codes::kInvalidArgument,
                fmt::format("--rowtime: {} has no column {}", path, options.rowtime));
  }
  return out;
}

// Rows take the time of their column; what cannot be read, that of the record before it.
void InputFile::stamp(const InputRecord& record, MappedRows& one) {
  if (rowtime_column_ < 0) {
    last_ms_ = record.rowtime_ms;
    return;
  }
  const Vector& times = one.rows.columns[static_cast<size_t>(rowtime_column_)];
  for (size_t i = 0; i < one.rows.size(); ++i) {
    const Value time = value_at(times, i);
    if (!time.null) last_ms_ = time.integer;
    one.rows.rowtimes_ms[i] = last_ms_;
  }
  for (Rejection& each : one.rejected) each.rowtime_ms = last_ms_;
}

void InputFile::next(size_t records_max, MappedRows& out) {
  const size_t end = text_->size() - kInputPaddingBytes;
  const std::string_view text(text_->data(), end);
  out = {};
  for (size_t i = 0; i < records_max && at_ < end; ++i) {
    const size_t line = std::min(text.find(delimiter_, at_), end);
    InputRecord record;
    record.data = text.substr(at_, line - at_);
    record.rowtime_ms = options_.start_ms + static_cast<int64_t>(records_) * options_.pace_ms;
    record.arrival_ms = record.rowtime_ms;
    record.shard_id = "shardId-000000000000";
    const std::string number = std::to_string(records_);
    record.sequence_number = number;
    at_ = line + delimiter_.size();
    if (record.data.find_first_not_of(" \t\r\n") == std::string_view::npos) continue;
    ++records_;
    MappedRows one;
    mapper_->map({&record, 1}, text_, InputMapper::Padding::kPresent, one);
    stamp(record, one);
    if (out.rows.columns.empty()) out.rows.columns.resize(one.rows.columns.size());
    for (size_t c = 0; c < one.rows.columns.size(); ++c) {
      out.rows.columns[c].lane = one.rows.columns[c].lane;
    }
    for (size_t row = 0; row < one.rows.size(); ++row) append_row(out.rows, one.rows, row);
    add_owners(out.rows, one.rows);
    for (Rejection& each : one.rejected) out.rejected.push_back(std::move(each));
  }
}

}  // namespace suiro::sql
