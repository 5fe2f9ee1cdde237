// SPDX-License-Identifier: Apache-2.0
// Uploads of layers that are under way: bytes that arrive in order, in one part or many.
//
//   begin() -> open --append()*--> open --finish(digest)--> a layer of the repository
//                    │ cancel(), idle for kUploadIdleMax, end of the process
//                    └──> gone
//
// Invariants:
//  1. An upload lives on the shard that owns its id; its memory is that of a BlobWriter.
//  2. At most kUploadsMax uploads a shard; one call at a time works on an upload.
//  3. Uploads do not outlive the process: the client is told that the upload is unknown, and begins
//     again. What was acknowledged as a layer is durable.
// Threads: any; calls hop to the owner.
#pragma once

#include <unordered_map>

#include "base/digest.h"
#include "kernel/event/kernel.h"
#include "services/ecr/logic.h"

namespace suiro::ecr {

inline constexpr size_t kUploadsMax = 256;
inline constexpr Millis kUploadIdleMax = std::chrono::hours(1);

class Uploads {
 public:
  Uploads(event::Kernel& kernel, Logic& logic);
  ~Uploads();

  // Gives all uploads up. After the last call.
  Task<void> stop();

  // Errors: kRepositoryNotFound, kLimitExceeded. Returns the upload's id.
  Task<Result<std::string>> begin(std::string repository);
  struct Part {
    std::string repository;
    std::string id;
    Bytes bytes;
    std::optional<uint64_t> first_byte;  // where the client thinks that it is
  };
  // Returns how many bytes the upload has now. Errors: kUploadNotFound, kInvalidLayerPart (with the
  // detail "lastValidByteReceived"), kInvalidLayer beyond kLayerBytesMax.
  Task<Result<uint64_t>> append(Part part);
  Task<Result<uint64_t>> size(std::string repository, std::string id);
  // Makes the bytes a layer. Errors: kInvalidLayer where they do not have that digest: the upload
  // is gone then; kEmptyUpload.
  enum class Empty { kAllow, kRefuse };
  Task<Result<uint64_t>> finish(std::string repository, std::string id, Digest digest, Empty empty);
  Task<Result<void>> cancel(std::string repository, std::string id);

 private:
  struct Upload {
    std::string repository;
    std::unique_ptr<store::BlobWriter> writer;
    suiro::Digest hash{DigestKind::kSha256};
    uint64_t size_bytes = 0;
    TimePoint touched;
    bool is_busy = false;
  };
  using Table = std::unordered_map<std::string, std::unique_ptr<Upload>>;

  Table& table() { return tables_[kernel_.shards.current()]; }
  Result<Upload*> take(const std::string& repository, const std::string& id);
  void drop_idle(Table& table);
  Task<Result<uint64_t>> append_here(Part part);
  Task<Result<uint64_t>> finish_here(std::string repository, std::string id, Digest digest,
                                     Empty empty);
  std::unexpected<Error> unknown(const std::string& repository, const std::string& id) const;

  event::Kernel& kernel_;
  Logic& logic_;
  std::vector<Table> tables_;
};

}  // namespace suiro::ecr
