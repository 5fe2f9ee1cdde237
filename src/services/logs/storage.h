// SPDX-License-Identifier: Apache-2.0
// Keys and records of the logs service. Events lie in blocks: some seconds of one stream in one
// key.
//
// Invariants:
//  1. A block's key begins with the time of its first event; its events are in order of time; it
//  spans
//     at most Stream::block_span. Blocks of one stream may overlap.
//  2. A block is written only with a commit that requires the stream's record, so that none
//  outlives
//     its stream.
// Threads: any. Bytes on disk: docs/formats/logs.md.
#pragma once

#include <optional>

#include "kernel/store/store.h"
#include "services/logs/types.h"

namespace suiro::logs {

template <class T>
struct Found {
  std::string name;
  T record;
  store::Version version;
};

struct BlockEvents {
  store::Key key;
  TimePoint first;
  std::vector<LogEvent> events;
};

class Storage {
 public:
  explicit Storage(store::Store& store) : store_(store) {}
  store::Store& store() { return store_; }

  Task<Result<std::optional<Found<Group>>>> group(std::string name);
  Task<Result<std::optional<Found<Stream>>>> stream(GroupId group, std::string name);

  struct Listing {
    std::string prefix;
    std::string after;  // names beyond this one; empty: from the start (the end, backward)
    store::Direction direction = store::Direction::kForward;
    size_t rows_max = 1000;
  };
  struct GroupPage {
    std::vector<Found<Group>> rows;
    bool more = false;
  };
  struct StreamPage {
    std::vector<Found<Stream>> rows;
    bool more = false;
  };
  Task<Result<GroupPage>> groups(Listing listing);
  Task<Result<StreamPage>> streams(GroupId group, Listing listing);

  // Each requires the record's version; 0: absent.
  static void put_group(store::Batch& batch, const Found<Group>& group);
  static void put_stream(store::Batch& batch, GroupId group, const Found<Stream>& stream);
  static void require_group(store::Batch& batch, const Found<Group>& group);
  static void erase_group(store::Batch& batch, const Found<Group>& group);
  static void erase_stream(store::Batch& batch, GroupId group, const Found<Stream>& stream);

  // Adds the events (sorted here by time) to the stream: its record and its blocks.
  static void add_events(store::Batch& batch, GroupId group, Found<Stream>& stream, TimePoint now,
                         std::vector<NewEvent> events);

  struct BlockScan {
    GroupId group;
    StreamId stream;
    // Blocks whose first event is in [from, to].
    TimePoint from = {};
    TimePoint to = TimePoint::max();
    store::Key after = {};  // beyond this block, in the direction of the scan
    store::Direction direction = store::Direction::kForward;
    size_t rows_max = 16;
    size_t bytes_max = 512 << 10;
  };
  struct BlockPage {
    std::vector<BlockEvents> blocks;
    bool more = false;
  };
  Task<Result<BlockPage>> blocks(BlockScan scan);

 private:
  store::Store& store_;
};

// What an event counts for in limits and in storedBytes.
inline size_t event_bytes(std::string_view message) {
  return message.size() + kEventOverheadBytes;
}

}  // namespace suiro::logs
