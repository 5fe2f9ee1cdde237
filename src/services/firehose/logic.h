// SPDX-License-Identifier: Apache-2.0
// Logic: the rules of delivery streams: their life, their configuration, puts.
//
// Invariants:
//  1. An acknowledged put is on disk. Where the destination is in the lake each record is in
//  exactly
//     one object; elsewhere it is delivered at least once.
//  2. A stream's changes and deliveries run on the shard that owns its ARN.
//  3. A deleted stream's buffered records are erased with it.
//
// Thread: every public method from any shard; it hops to the owner itself. Errors: AWS's
// (errors.h). Rules: Amazon Data Firehose API Reference, the page of each action. Bytes:
// docs/formats/firehose.md.
#pragma once

#include "services/firehose/consumers.h"
#include "services/firehose/context.h"
#include "services/firehose/intake.h"

namespace suiro::firehose {

struct CreateRequest {
  std::string name;
  SourceType source = SourceType::kDirectPut;
  std::string source_arn;
  std::string source_role;
  Kind kind = Kind::kS3;
  std::string document;
  std::map<std::string, std::string> tags;
};

struct UpdateRequest {
  std::string name;
  std::string version;
  std::string destination_id;
  Kind kind = Kind::kS3;
  std::string document;  // of the ...Update shape
};

inline constexpr std::string_view kDestinationId = "destinationId-000000000001";

class Logic {
 public:
  Logic(event::Kernel& kernel, Context::Send send);

  // Takes up every stream's lanes and sources.
  Task<Result<void>> start();
  // No loop begins anything new; what runs goes on, and counts no failure any more.
  Task<void> close();
  // close(), and waits for what runs; what is buffered stays.
  Task<void> stop();

  Task<Result<std::string>> create(CreateRequest request);  // the ARN
  Task<Result<StreamRecord>> describe(std::string name);
  struct Names {
    std::vector<std::string> names;
    bool more = false;
  };
  struct ListRequest {
    std::string after;
    size_t names_max = kListDefault;
    std::optional<SourceType> source;
  };
  Task<Result<Names>> list(ListRequest request);
  Task<Result<void>> remove(std::string name);
  Task<Result<void>> update(UpdateRequest request);
  // Adds `tags`, then takes `keys` away.
  Task<Result<void>> change_tags(std::string name, std::map<std::string, std::string> tags,
                                 std::vector<std::string> keys);

  // Record ids, in the order of the records. Errors: ResourceNotFoundException,
  // InvalidArgumentException, ServiceUnavailableException, those of the store.
  Task<Result<std::vector<std::string>>> put(std::string name, std::vector<Bytes> records,
                                             TraceContext cause);
  // RecordSink.
  Task<Result<void>> append(std::string arn, std::vector<Bytes> records, store::Batch also,
                            TraceContext cause);
  Task<Result<void>> check(std::string arn);

  Context& context() { return context_; }

 private:
  Task<Result<void>> load_shard();
  Task<Result<StatePtr>> load(store::Entry entry);
  StatePtr add_state(StreamRecord record, store::Version version, DestinationPtr destination);
  Task<Result<void>> load_lane(StatePtr state, LaneKind kind);
  Task<void> close_stream(StatePtr state);
  Task<Result<void>> commit_record(StatePtr state, StreamRecord record);
  Task<Result<void>> create_here(CreateRequest request, DestinationPtr destination);
  Task<Result<void>> remove_here(std::string name);
  Task<Result<void>> update_here(UpdateRequest request);

  Context context_;
  std::unique_ptr<asio::thread_pool> pool_;
  Intake intake_;
  Consumers consumers_;
};

// "lane's place" as PutRecord answers it.
std::string record_id(StreamId stream, const RecordPlace& place);

}  // namespace suiro::firehose
