// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/input_mapper.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/sql/convert.h"
#include "engine/sql/input_rows.h"

namespace suiro::sql {

RowWriter::RowWriter(const std::vector<InputColumn>& columns) : shape_(columns) {
  for (size_t c = 0; c < columns.size(); ++c) {
    if (columns[c].source != InputColumn::Source::kData) metadata_.push_back(c);
  }
}

void RowWriter::begin(size_t rows_expected) {
  columns_.assign(shape_.size(), {});
  for (size_t c = 0; c < shape_.size(); ++c) columns_[c].lane = shape_[c].field.type.lane();
  rowtimes_ms_.clear();
  arena_ = std::make_shared<Arena>();
  rows_ = capacity_ = 0;
  grow(rows_expected);
}

void RowWriter::grow(size_t capacity) {
  capacity_ = capacity;
  for (Vector& column : columns_) {
    if (column.lane == Lane::kInteger) column.integers.resize(capacity);
    if (column.lane == Lane::kReal) column.reals.resize(capacity);
    if (column.lane == Lane::kText) column.texts.resize(capacity);
    column.nulls.resize(capacity, 1);
  }
}

void RowWriter::set(size_t index, const Value& value) {
  Vector& column = columns_[index];
  if (value.null) {  // after another value of the same name
    column.nulls[rows_] = 1;
    return;
  }
  if (column.lane == Lane::kInteger) column.integers[rows_] = value.integer;
  if (column.lane == Lane::kReal) column.reals[rows_] = value.real;
  if (column.lane == Lane::kText) column.texts[rows_] = value.text;
  column.nulls[rows_] = 0;
}

void RowWriter::commit(const InputRecord& record) {
  for (size_t c : metadata_) {
    switch (shape_[c].source) {
      case InputColumn::Source::kData:
        break;
      case InputColumn::Source::kArrivalTime:
        set_integer(c, record.arrival_ms);
        break;
      case InputColumn::Source::kPartitionKey:
        set_text(c, arena_->keep(record.partition_key));
        break;
      case InputColumn::Source::kSequenceNumber:
        set_text(c, arena_->keep(record.sequence_number));
        break;
      case InputColumn::Source::kShardId:
        set_text(c, arena_->keep(record.shard_id));
        break;
    }
  }
  rowtimes_ms_.push_back(record.rowtime_ms);
  ++rows_;
}

void RowWriter::abandon() {
  if (rows_ == capacity_) return;  // no row was begun: all that fit are complete
  for (Vector& column : columns_) {
    column.nulls[rows_] = 1;
    if (column.lane == Lane::kInteger) column.integers[rows_] = 0;
    if (column.lane == Lane::kReal) column.reals[rows_] = 0;
    if (column.lane == Lane::kText) column.texts[rows_] = {};
  }
}

void RowWriter::finish(const std::shared_ptr<const void>& owner, Rows& out) {
  for (Vector& column : columns_) {
    if (column.lane == Lane::kInteger) column.integers.resize(rows_);
    if (column.lane == Lane::kReal) column.reals.resize(rows_);
    if (column.lane == Lane::kText) column.texts.resize(rows_);
    column.nulls.resize(rows_);
    if (std::memchr(column.nulls.data(), 1, rows_) == nullptr) column.nulls.clear();
  }
  out.rowtimes_ms = std::move(rowtimes_ms_);
  out.columns = std::move(columns_);
  out.owners.clear();
  if (owner != nullptr) out.owners.push_back(owner);
  if (arena_->size_bytes() > 0) out.owners.push_back(arena_);
}

size_t rows_per_record(const std::vector<InputColumn>& columns) {
  return std::min(kInputRowsPerRecordMax, kInputFieldsPerRecordMax / columns.size());
}

Error too_many_rows() {
  return Error{errors::kLimit, "the record has too many rows", Retry::kNever, {}};
}

Rejection reject(const InputRecord& record, Error error) {
  return {record.rowtime_ms, std::move(error), Bytes(record.data.substr(0, kErrorDataBytesMax))};
}

bool gives_up(const InputRecord& record, std::vector<Rejection>& rejected, size_t before) {
  if (rejected.size() - before < kRejectionsPerRecordMax) return false;
  rejected.push_back(reject(
      record, Error{errors::kLimit,
                    fmt::format("{} rows of the record are wrong; the rest of it is not read",
                                kRejectionsPerRecordMax),
                    Retry::kNever,
                    {}}));
  return true;
}

Error in_column(const InputColumn& column, Error error) {
  error.message = fmt::format("column {}: {}", column.field.name, error.message);
  return error;
}

struct InputMapper::Impl {
  explicit Impl(std::vector<InputColumn> the_columns)
      : columns(std::move(the_columns)), writer(columns) {}
  std::vector<InputColumn> columns;
  RowWriter writer;
  std::unique_ptr<RecordReader> reader;
};

Result<std::unique_ptr<InputMapper>> InputMapper::create(const InputFormat& format,
                                                         std::vector<InputColumn> columns) {
  if (columns.empty() || columns.size() > kInputColumnsMax) {
    return fail(codes::kInvalidArgument,
                fmt::format("an input has between 1 and {} columns", kInputColumnsMax));
  }
  for (const InputColumn& column : columns) {
    if (column.mapping.size() > kInputMappingBytesMax) {
      return fail(codes::kInvalidArgument, "the mapping of " + column.field.name + " is too long");
    }
    if (column.field.type.lane() == Lane::kNone || column.field.type.is_interval()) {
      return fail(codes::kInvalidArgument,
                  "column " + column.field.name + " cannot be of type " + column.field.type.text());
    }
  }
  auto impl = std::make_unique<Impl>(std::move(columns));
  TRY(impl->reader, format.kind == InputFormat::Kind::kJson
                        ? make_json_reader(format, impl->columns)
                        : make_csv_reader(format, impl->columns));
  return std::unique_ptr<InputMapper>(new InputMapper(std::move(impl)));
}

InputMapper::InputMapper(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
InputMapper::~InputMapper() = default;

size_t InputMapper::whole(ByteView text) const {
  return impl_->reader->whole(text);
}

Schema InputMapper::schema() const {
  Schema schema;
  for (const InputColumn& column : impl_->columns) schema.push_back(column.field);
  return schema;
}

void InputMapper::map(std::span<const InputRecord> records,
                      const std::shared_ptr<const void>& owner, Padding padding, MappedRows& out) {
  std::shared_ptr<const void> holder = owner;
  std::vector<InputRecord> copies;
  if (padding == Padding::kNone) {
    size_t bytes = kInputPaddingBytes;
    for (const InputRecord& record : records) bytes += record.data.size();
    auto buffer = std::make_shared<std::string>();
    buffer->reserve(bytes);
    for (const InputRecord& record : records) buffer->append(record.data);
    buffer->append(kInputPaddingBytes, '\0');
    copies.assign(records.begin(), records.end());
    size_t at = 0;
    for (InputRecord& record : copies) {
      record.data = ByteView(*buffer).substr(at, record.data.size());
      at += record.data.size();
    }
    records = copies;
    holder = buffer;
  }
  out.rejected.clear();
  impl_->writer.begin(records.size());
  for (const InputRecord& record : records) {
    if (record.data.size() > kInputRecordBytesMax) {
      out.rejected.push_back(
          reject(record, Error{errors::kLimit, "the record is too long", Retry::kNever, {}}));
      continue;
    }
    impl_->reader->read(record, impl_->writer, out.rejected);
  }
  impl_->writer.finish(holder, out.rows);
}

}  // namespace suiro::sql
