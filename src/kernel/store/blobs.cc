// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/blobs.h"

#include "base/check.h"
#include "kernel/store/reads.h"

namespace suiro::store {
namespace {

// What a writer collects before it goes to the writers.
constexpr size_t kWriteChunkBytes = 1 << 20;

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

class FileReader final : public BlobReader {
 public:
  FileReader(std::shared_ptr<OpenBlobFile> file, std::shared_ptr<BlobFiles> files)
      : file_(std::move(file)), files_(std::move(files)) {}
  uint64_t size_bytes() const override { return file_->size_bytes(); }
  Task<Result<Bytes>> read(uint64_t offset, size_t length) override {
    auto read = [file = file_, offset, length] { return file->read(offset, length); };
    co_return co_await files_->readers().run(std::move(read));
  }

 private:
  std::shared_ptr<OpenBlobFile> file_;
  std::shared_ptr<BlobFiles> files_;
};

// A published file until a batch that adopted it has committed.
class PublishedFile final : public BlobFile {
 public:
  PublishedFile(std::shared_ptr<BlobFiles> files, Bytes id)
      : files_(std::move(files)), id_(std::move(id)) {}
  ~PublishedFile() override {
    if (!kept_) files_->unlink_later({id_});
  }
  void keep() override { kept_ = true; }

 private:
  std::shared_ptr<BlobFiles> files_;
  Bytes id_;
  bool kept_ = false;
};

std::optional<Result<Bytes>> get_inline(RocksCore& core, const BlobRef& ref, Tier tier) {
  rocksdb::ReadOptions options;
  options.read_tier = tier == Tier::kMemory ? rocksdb::kBlockCacheTier : rocksdb::kReadAllTier;
  rocksdb::PinnableSlice stored;
  auto status = core.db().Get(options, core.blobs(), slice(ref.id), &stored);
  // RocksDB 7.8 answers an empty value, not "incomplete", for a table that it has not opened yet.
  bool unknown = status.IsIncomplete() || (status.ok() && stored.empty());
  if (unknown && tier == Tier::kMemory) return std::nullopt;
  if (status.IsNotFound()) return Result<Bytes>(fail(not_found()));
  if (!status.ok()) return Result<Bytes>(fail(rocks_error(status, "a blob cannot be read")));
  if (stored.size() != ref.size_bytes + 1 || stored[0] != kBlobFormat) {
    return Result<Bytes>(fail(codes::kCorrupt, "a blob has an unknown format or size"));
  }
  return Result<Bytes>(Bytes(stored.data() + 1, stored.size() - 1));
}

//   memory --append() beyond kInlineBlobBytesMax--> file --finish()--> finished
//     any --failure--> failed
class Writer final : public BlobWriter {
 public:
  Writer(std::shared_ptr<BlobFiles> files, Bytes id, uint64_t inline_bytes_max)
      : files_(std::move(files)), inline_bytes_max_(inline_bytes_max) {
    ref_.id = std::move(id);
  }
  ~Writer() override {
    file_.reset();
    if (has_temporary_) files_->remove_temporary_later(ref_.id);
  }

  Task<Result<void>> append(Bytes chunk) override {
    ref_.size_bytes += chunk.size();
    if (buffer_.empty()) {
      buffer_ = std::move(chunk);
    } else {
      buffer_ += chunk;
    }
    if (ref_.size_bytes <= inline_bytes_max_ || buffer_.size() < kWriteChunkBytes) co_return ok();
    co_return co_await files_->writers().run([this] { return write_out(); });
  }

  Task<Result<PendingBlob>> finish() override {
    auto impl = std::make_unique<PendingBlob::Impl>();
    if (ref_.size_bytes <= inline_bytes_max_) {
      impl->ref = ref_;
      impl->bytes = std::move(buffer_);
      co_return PendingBlob(std::move(impl));
    }
    CO_TRY_VOID(co_await files_->writers().run([this] { return finish_file(); }));
    ref_.place = BlobRef::Place::kFile;
    impl->ref = ref_;
    impl->file = std::make_unique<PublishedFile>(files_, ref_.id);
    co_return PendingBlob(std::move(impl));
  }

 private:
  // On the writers.
  Result<void> write_out() {
    if (!file_) {
      if (has_temporary_) return fail(codes::kInternal, "this blob has failed before");
      has_temporary_ = true;
      const DataDirectory& directory = files_->directory();
      TRY(file_, BlobFileWriter::create(directory.data(), directory.temporary(ref_.id)));
    }
    Bytes bytes = std::move(buffer_);
    buffer_.clear();
    auto written = file_->append(bytes);
    if (!written) file_.reset();
    return written;
  }

  Result<void> finish_file() {
    TRY_VOID(write_out());
    auto finished = file_->finish();
    file_.reset();
    if (!finished) {
      // A sync that failed may have lost bytes of other files too.
      files_->latch().close(finished.error().message);
      return finished;
    }
    TRY_VOID(files_->publish(ref_.id));
    has_temporary_ = false;
    return ok();
  }

  std::shared_ptr<BlobFiles> files_;
  const uint64_t inline_bytes_max_;
  BlobRef ref_;
  Bytes buffer_;
  std::unique_ptr<BlobFileWriter> file_;
  bool has_temporary_ = false;
};

}  // namespace

Blobs::Blobs(std::shared_ptr<RocksCore> core, std::shared_ptr<BlobFiles> files, Random& random,
             uint64_t inline_bytes_max)
    : core_(std::move(core)),
      files_(std::move(files)),
      random_(random),
      inline_bytes_max_(std::min(inline_bytes_max, kInlineBlobBytesMax)) {}

std::unique_ptr<BlobWriter> Blobs::write() {
  return std::make_unique<Writer>(files_, new_id(core_->sequence(), random_), inline_bytes_max_);
}

Task<Result<std::unique_ptr<BlobReader>>> Blobs::open(BlobRef ref) {
  if (ref.place == BlobRef::Place::kFile) {
    auto open_file = [files = files_, ref] {
      const DataDirectory& directory = files->directory();
      return OpenBlobFile::open(directory.data(), directory.blob(ref.id), ref.size_bytes);
    };
    CO_TRY(auto file, co_await files_->readers().run(std::move(open_file)));
    co_return std::make_unique<FileReader>(std::move(file), files_);
  }
  auto fast = get_inline(*core_, ref, Tier::kMemory);
  if (!fast) {
    auto slow = [this, ref] { return *get_inline(*core_, ref, Tier::kDisk); };
    fast = co_await files_->readers().run(std::move(slow));
  }
  CO_TRY(Bytes bytes, *std::move(fast));
  co_return std::make_unique<MemoryReader>(std::move(bytes));
}

}  // namespace suiro::store
