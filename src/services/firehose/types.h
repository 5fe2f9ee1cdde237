// SPDX-License-Identifier: Apache-2.0
// The nouns of the service: a delivery stream's record, its lanes, blocks of records. Plain values.
// Bytes on disk: docs/formats/firehose.md.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/strong.h"
#include "base/trace.h"
#include "kernel/store/store.h"

namespace suiro::firehose {

struct StreamIdTag;
using StreamId = Strong<StreamIdTag, uint64_t>;

// What a delivery stream delivers to; the number is on disk.
enum class Kind : uint8_t { kS3 = 1, kHttp = 2, kSearch = 3 };
enum class SourceType : uint8_t { kDirectPut = 1, kKinesis = 2 };

// A delivery stream as it is persisted.
struct StreamRecord {
  StreamId id;
  std::string name;
  TimePoint created;
  TimePoint updated;
  uint32_t version = 1;
  SourceType source = SourceType::kDirectPut;
  std::string source_arn;   // Kinesis
  std::string source_role;  // Kinesis
  Kind kind = Kind::kS3;
  // The destination's configuration as JSON of its AWS shape (ExtendedS3DestinationConfiguration,
  // ...), defaults filled in.
  std::string document;
  std::map<std::string, std::string> tags;
};

// A stream's records wait in lanes, each a queue of blocks with a consumer of its own.
//
//   put ─► kSource ─(function)─► kReady ─► destination
//     └──────(no function)────────┘ │└─(given up)─► kUndelivered ─► error prefix
//     └─► kBackup ─► backup bucket  └─(from the function) kUnprocessed ─► error prefix
enum class LaneKind : uint8_t {
  kSource = 1,
  kReady = 2,
  kBackup = 3,
  kUnprocessed = 4,
  kUndelivered = 5,
};
inline constexpr LaneKind kLaneKinds[] = {LaneKind::kSource, LaneKind::kReady, LaneKind::kBackup,
                                          LaneKind::kUnprocessed, LaneKind::kUndelivered};

// Records that were committed together.
struct Block {
  TimePoint arrived;   // of its oldest record at the service
  TimePoint queued;    // in this lane: what buffering counts from
  TraceContext cause;  // of the first record
  std::vector<Bytes> records;
};

// The place of a record in its lane.
struct RecordPlace {
  uint64_t block = 0;
  uint32_t index = 0;
};

// A delivery that failed and is to be repeated, so that a restart does not begin anew.
struct Attempt {
  uint64_t last_block = 0;  // of the cut
  std::string request_id;   // the same in every attempt
  TimePoint first;
  uint32_t made = 0;
  std::vector<uint32_t> remaining;  // of OpenSearch: which records are still to be sent; or empty
};

}  // namespace suiro::firehose
