// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/code_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/blocking.h"
#include "base/digest.h"
#include "base/log.h"
#include "services/lambda/errors.h"
#include "services/lambda/limits.h"
#include "services/lambda/unzip.h"

namespace suiro::lambda {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIncoming = "incoming-";
constexpr std::string_view kUnpacking = "unpacking-";
constexpr size_t kBlobReadBytes = 1 << 20;

std::unexpected<Error> disk_error(std::string_view path) {
  return fail(codes::kInternal, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

Result<void> append_file(const std::string& path, const Bytes& bytes) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return disk_error(path);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      auto failed = disk_error(path);
      ::close(fd);
      return failed;
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  ::close(fd);
  return ok();
}

Result<void> unpack_and_rename(const std::string& zip, const std::string& temporary,
                               const std::string& to) {
  TRY_VOID(unzip(zip, temporary, {kUnzippedBytesMax, kZipEntriesMax, kZipPathBytesMax}));
  if (::rename(temporary.c_str(), to.c_str()) != 0) {
    bool present = errno == EEXIST || errno == ENOTEMPTY;  // another request was faster
    auto failed = disk_error(to);
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    if (!present) return failed;
  }
  int parent = ::open(fs::path(to).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool synced = parent >= 0 && ::fsync(parent) == 0;
  auto failed = disk_error(to);
  if (parent >= 0) ::close(parent);
  if (!synced) return failed;
  return ok();
}

void remove(const std::string& path) {
  std::error_code failed;
  fs::remove_all(path, failed);
  if (failed) log::warning("cannot remove {}: {}", path, failed.message());
}

}  // namespace

// The file of a zip while it arrives; gone with this object.
class CodeStore::Incoming {
 public:
  explicit Incoming(std::string path) : path_(std::move(path)) {}
  ~Incoming() { ::unlink(path_.c_str()); }
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

CodeStore::CodeStore(std::string directory, store::Store& store, Random& random,
                     CodeThreads threads)
    : directory_(std::move(directory)), store_(store), random_(random) {
  if (threads == CodeThreads::kOwn) pool_ = std::make_unique<asio::thread_pool>(kCodeThreads);
}

CodeStore::~CodeStore() {
  if (pool_) pool_->join();
}

Task<Result<ReceivedCode>> CodeStore::receive(Next next, uint64_t bytes_max) {
  Incoming file(fmt::format("{}/{}{}", directory_, kIncoming, random_.uuid()));
  Digest digest(DigestKind::kSha256);
  auto writer = store_.write_blob();
  ReceivedCode code;
  for (;;) {
    CO_TRY(Bytes piece, co_await next());
    if (piece.empty()) break;
    code.size_bytes += piece.size();
    if (code.size_bytes > bytes_max) {
      co_return fail(
          kInvalidParameter,
          fmt::format("The deployment package must be smaller than {} bytes", bytes_max));
    }
    digest.update(piece);
    CO_TRY_VOID(co_await on_pool(pool_.get(), [&] { return append_file(file.path(), piece); }));
    CO_TRY_VOID(co_await writer->append(std::move(piece)));
  }
  if (code.size_bytes == 0)
    co_return fail(kInvalidParameter, "Uploaded file must be a non-empty zip");
  code.sha256 = hex_encode(digest.finish());
  CO_TRY_VOID(co_await unpack(file.path(), code.sha256));
  CO_TRY(store::PendingBlob blob, co_await writer->finish());
  code.blob = std::make_shared<store::PendingBlob>(std::move(blob));
  co_return code;
}

Task<Result<void>> CodeStore::unpack(std::string zip, std::string sha256) {
  std::string to = fmt::format("{}/{}", directory_, sha256);
  std::string temporary = fmt::format("{}/{}{}", directory_, kUnpacking, random_.uuid());
  co_return co_await on_pool(pool_.get(), [&]() -> Result<void> {
    if (is_directory(to)) return ok();
    return unpack_and_rename(zip, temporary, to);
  });
}

Task<Result<std::string>> CodeStore::directory_of(std::string sha256, Bytes blob) {
  std::string path = fmt::format("{}/{}", directory_, sha256);
  if (is_directory(path)) co_return path;
  CO_TRY(auto ref, store::BlobRef::decode(blob));
  CO_TRY(auto reader, co_await store_.open_blob(ref));
  Incoming file(fmt::format("{}/{}{}", directory_, kIncoming, random_.uuid()));
  for (uint64_t at = 0; at < reader->size_bytes();) {
    CO_TRY(Bytes piece, co_await reader->read(at, kBlobReadBytes));
    at += piece.size();
    CO_TRY_VOID(co_await on_pool(pool_.get(), [&] { return append_file(file.path(), piece); }));
  }
  CO_TRY_VOID(co_await unpack(file.path(), sha256));
  co_return path;
}

Task<Result<Bytes>> CodeStore::read_zip(Bytes blob) {
  CO_TRY(auto ref, store::BlobRef::decode(blob));
  CO_TRY(auto reader, co_await store_.open_blob(ref));
  co_return co_await reader->read(0, reader->size_bytes());
}

Result<void> CodeStore::start(const std::set<std::string>& keep) {
  std::error_code failed;
  fs::create_directories(directory_, failed);
  if (failed) {
    return fail(codes::kInternal, fmt::format("cannot make {}: {}", directory_, failed.message()));
  }
  for (const std::string& name : unused(keep)) remove(directory_ + "/" + name);
  return ok();
}

std::set<std::string> CodeStore::unused(const std::set<std::string>& keep) const {
  std::set<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory_, failed)) {
    std::string name = entry.path().filename().native();
    if (!keep.contains(name)) names.insert(std::move(name));
  }
  return names;
}

Task<void> CodeStore::sweep(std::set<std::string> keep) {
  unused_ = co_await on_pool(pool_.get(), [&] {
    std::set<std::string> left = unused(keep);
    for (const std::string& name : unused_) {
      if (left.erase(name) != 0) remove(directory_ + "/" + name);
    }
    return left;
  });
}

}  // namespace suiro::lambda
