// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/input_file.h"

#include <fmt/format.h>

#include <deque>
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

// The mapper was given the number of each record in the batch as its time. Rows take the time of
// their column; what cannot be read, that of the record before it.
void InputFile::stamp(std::span<const InputRecord> records, MappedRows& batch) {
  size_t row = 0, rejected = 0;
  auto& times = batch.rows.rowtimes_ms;
  for (size_t number = 0; number < records.size(); ++number) {
    if (rowtime_column_ < 0) last_ms_ = records[number].arrival_ms;
    const auto is_of = [&](int64_t time) { return time == static_cast<int64_t>(number); };
    for (; row < times.size() && is_of(times[row]); ++row) {
      if (rowtime_column_ >= 0) {
        const Vector& column = batch.rows.columns[static_cast<size_t>(rowtime_column_)];
        const Value time = value_at(column, row);
        if (!time.null) last_ms_ = time.integer;
      }
      times[row] = last_ms_;
    }
    for (; rejected < batch.rejected.size() && is_of(batch.rejected[rejected].rowtime_ms);
         ++rejected) {
      batch.rejected[rejected].rowtime_ms = last_ms_;
    }
  }
}

void InputFile::next(size_t records_max, MappedRows& out) {
  const size_t end = text_->size() - kInputPaddingBytes;
  const std::string_view text(text_->data(), end);
  std::vector<InputRecord> records;
  std::deque<std::string> numbers;
  while (records.size() < records_max && at_ < end) {
    const size_t line = std::min(text.find(delimiter_, at_), end);
    InputRecord record;
    record.data = text.substr(at_, line - at_);
    at_ = line + delimiter_.size();
    if (record.data.find_first_not_of(" \t\r\n") == std::string_view::npos) continue;
    record.rowtime_ms = static_cast<int64_t>(records.size());
    record.arrival_ms = options_.start_ms + static_cast<int64_t>(records_) * options_.pace_ms;
    record.shard_id = "shardId-000000000000";
    record.sequence_number = numbers.emplace_back(std::to_string(records_++));
    records.push_back(record);
  }
  mapper_->map(records, text_, InputMapper::Padding::kPresent, out);
  stamp(records, out);
}

}  // namespace suiro::sql
