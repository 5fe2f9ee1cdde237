// SPDX-License-Identifier: Apache-2.0
// ItemStream: the items of a distributed Map in their order: of the state's input, of files of the
// lake, of a listing; a chunk at a time.
//
//   next() ─► state data │ file ─► parser (engine/workflow/item_source.h) │ page of a listing
//                           └─► rows of Parquet (engine/parquet/reader.h)
//
// Invariants:
//  1. It holds one chunk of a file (of Parquet: its open pages), one page of a listing, one list of
//     files.
//  2. The role of the machine is asked before a file is read (s3:HeadObject), and lists itself.
//
// Threads: one coroutine at a time. Failure: States.ItemReaderFailed; kUnavailable and the like of
// the store, with Retry::kLater, say nothing about the items.
#pragma once

#include <deque>
#include <memory>

#include "engine/parquet/reader.h"
#include "engine/workflow/item_source.h"
#include "kernel/event/kernel.h"
#include "kernel/event/operation_caller.h"
#include "services/states/map_runs.h"

namespace suiro::states {

inline constexpr size_t kFileChunkBytes = 256 << 10;
inline constexpr size_t kStateItemsAtOnce = 2'000;

struct ItemChunk {
  std::vector<workflow::Item> items;
  std::string source;    // $$.Map.Item.Source
  bool last = false;     // nothing follows; items may be here
  uint64_t skipped = 0;  // items before these that were passed over, unread
  // Of a listing: each item is an object of it, by "Key"; or the file that the items end.
  bool are_listed = false;
  std::string ended_key = {};
};

class ItemStream {
 public:
  // What `call` points to outlives the stream; `state` is its Map. A listing begins behind the key
  // `listed_after`, if it is not empty.
  ItemStream(event::Kernel& kernel, event::OperationCaller* operations, const MapRunCall& call,
             const workflow::State& state, std::string listed_after);
  // The first `items` are known: they may be skipped. Before the first next().
  void pass_over(uint64_t items) { pass_over_ = items; }
  Task<Result<ItemChunk>> next();
  // Of the first file that was opened, where it is not one of a listing; empty: none yet.
  const std::string& first_etag() const { return first_etag_; }

 private:
  using Parser = std::unique_ptr<workflow::ItemParser>;
  enum class Stage : uint8_t { kStart, kState, kFiles, kListing, kOver };

  Result<void> begin();
  ItemChunk next_of_state();
  Task<Result<void>> read_list();
  Task<Result<ItemChunk>> next_of_file();
  Task<Result<void>> open_file();
  bool are_tables() const;
  Task<Result<ItemChunk>> next_of_table();
  Task<Result<uint64_t>> open_table();
  std::string version_of(const workflow::ItemFile& file) const;
  Task<Result<Bytes>> read_object(uint64_t offset, size_t length);
  Task<Result<ItemChunk>> next_of_listing();
  Task<Result<void>> ask_permission(workflow::ItemFile file, std::string version);
  Task<Result<event::ObjectReader::Object>> open(workflow::ItemFile file, std::string version);
  Task<Result<Bytes>> read_whole(workflow::ItemFile file, std::string version);
  Task<Result<std::string>> call_s3(std::string operation, json::Object input);
  Result<Parser> parser() const;
  std::string argument(std::string_view name) const;
  bool is_listing() const;

  event::Kernel& kernel_;
  event::OperationCaller* operations_;
  const MapRunCall& call_;
  const workflow::MapFields& fields_;
  Stage stage_ = Stage::kStart;
  size_t state_at_ = 0;
  std::deque<workflow::ItemFile> files_;
  std::optional<std::vector<std::string>> columns_;  // of an inventory's lists
  event::ObjectReader::Object object_;
  uint64_t object_at_ = 0;
  Parser parser_;
  std::unique_ptr<parquet::Reader> table_;  // reads object_
  bool lists_are_tables_ = false;           // of an inventory
  uint64_t pass_over_ = 0;
  std::string source_;
  std::string file_key_;
  std::string first_etag_;
  bool list_read_ = false;
  std::string listed_after_;
  std::string page_token_;
  bool listing_over_ = true;
};

}  // namespace suiro::states
