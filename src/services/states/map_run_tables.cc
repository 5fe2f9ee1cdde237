// SPDX-License-Identifier: Apache-2.0
// The part of ItemStream that reads Parquet: rows of files that are read from their end.
#include <fmt/format.h>

#include "services/states/map_run_items.h"

namespace suiro::states {
namespace {

// What the reader says of the file is the run's failure; what the store says passes.
Error told_by_reader(Error error) {
  if (error.code == codes::kInvalidArgument) error.code = workflow::kItemReaderFailed;
  return error;
}

}  // namespace

bool ItemStream::are_tables() const {
  if (columns_) return false;
  return lists_are_tables_ ||
         (fields_.item_reader && fields_.item_reader->input_type == workflow::InputType::kParquet);
}

// Row groups that were read before a crash are passed over unread.
Task<Result<uint64_t>> ItemStream::open_table() {
  const workflow::ItemFile file = files_.front();
  CO_TRY(object_, co_await open(file, version_of(file)));
  auto read = [this](uint64_t offset, size_t length) -> Task<Result<Bytes>> {
    co_return co_await read_object(offset, length);
  };
  auto table = co_await parquet::Reader::open(std::move(read), object_.bytes->size_bytes());
  if (!table) co_return fail(told_by_reader(table.error()));
  table_ = *std::move(table);
  files_.pop_front();
  source_ = fmt::format("S3://{}/{}", file.bucket, file.key);
  file_key_ = file.key;
  const uint64_t skipped = table_->skip(pass_over_);
  pass_over_ -= skipped;
  co_return skipped;
}

Task<Result<ItemChunk>> ItemStream::next_of_table() {
  ItemChunk chunk;
  if (table_ == nullptr) {
    CO_TRY(chunk.skipped, co_await open_table());
  } else {
    auto rows = co_await table_->next();
    if (!rows) co_return fail(told_by_reader(rows.error()));
    for (json::Value& row : *rows) chunk.items.push_back({std::move(row), std::nullopt});
    pass_over_ -= std::min<uint64_t>(pass_over_, chunk.items.size());
    if (chunk.items.empty()) {
      table_.reset();
      object_.bytes.reset();
      if (is_listing()) chunk.ended_key = file_key_;
    }
  }
  chunk.source = source_;
  co_return chunk;
}

}  // namespace suiro::states
