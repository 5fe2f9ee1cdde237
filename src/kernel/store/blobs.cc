// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/blobs.h"

#include "base/check.h"
#include "kernel/store/reads.h"

namespace suiro::store {
namespace {

Error not_found() {
  return {std::string(codes::kNotFound), "the blob does not exist (any more)"};
}

// Ids grow with the commits, so that the database appends instead of inserting; ten random bytes
// make them unique.
Bytes new_id(uint64_t sequence, Random& random) {
  Bytes id;
  append_be64(id, sequence << 16);
  id.resize(6);
  id += random.bytes(10);
  return id;
}

class MemoryReader final : public BlobReader {
 public:
  explicit MemoryReader(Bytes bytes) : bytes_(std::move(bytes)) {}
  uint64_t size_bytes() const override { return bytes_.size(); }
  Task<Result<Bytes>> read(uint64_t offset, size_t length) override {
    if (offset >= bytes_.size()) co_return Bytes();
    co_return bytes_.substr(offset, length);
  }

 private:
  Bytes bytes_;
};

std::optional<Result<Bytes>> get_inline(RocksCore& core, const BlobRef& ref, Tier tier) {
  rocksdb::ReadOptions options;
  options.read_tier = tier == Tier::kMemory ? rocksdb::kBlockCacheTier : rocksdb::kReadAllTier;
  rocksdb::PinnableSlice stored;
  auto status = core.db().Get(options, core.blobs(), slice(ref.id), &stored);
  if (status.IsIncomplete() && tier == Tier::kMemory) return std::nullopt;
  if (status.IsNotFound()) return Result<Bytes>(fail(not_found()));
  if (!status.ok()) return Result<Bytes>(fail(rocks_error(status, "a blob cannot be read")));
  if (stored.size() != ref.size_bytes + 1 || stored[0] != kBlobFormat) {
    return Result<Bytes>(fail(codes::kCorrupt, "a blob has an unknown format or size"));
  }
  return Result<Bytes>(Bytes(stored.data() + 1, stored.size() - 1));
}

class Writer final : public BlobWriter {
 public:
  explicit Writer(Bytes id) { ref_.id = std::move(id); }
  Task<Result<void>> append(Bytes chunk) override {
    if (bytes_.size() + chunk.size() > kInlineBlobBytesMax) {
      co_return fail(codes::kTooLarge, "blobs of this size are not supported yet");
    }
    bytes_ += chunk;
    co_return ok();
  }
  Task<Result<PendingBlob>> finish() override {
    auto impl = std::make_unique<PendingBlob::Impl>();
    ref_.size_bytes = bytes_.size();
    impl->ref = ref_;
    impl->bytes = std::move(bytes_);
    co_return PendingBlob(std::move(impl));
  }

 private:
  BlobRef ref_;
  Bytes bytes_;
};

}  // namespace

Blobs::Blobs(std::shared_ptr<RocksCore> core, std::shared_ptr<IoPool> pool, Random& random)
    : core_(std::move(core)), pool_(std::move(pool)), random_(random) {}

std::unique_ptr<BlobWriter> Blobs::write() {
  return std::make_unique<Writer>(new_id(core_->sequence(), random_));
}

Task<Result<std::unique_ptr<BlobReader>>> Blobs::open(BlobRef ref) {
  auto fast = get_inline(*core_, ref, Tier::kMemory);
  if (!fast) {
    auto slow = [this, ref] { return *get_inline(*core_, ref, Tier::kDisk); };
    fast = co_await pool_->run(std::move(slow));
  }
  CO_TRY(Bytes bytes, *std::move(fast));
  co_return std::make_unique<MemoryReader>(std::move(bytes));
}

void Blobs::release(std::vector<Bytes> ids) {
  CHECK(ids.empty());
}

}  // namespace suiro::store
