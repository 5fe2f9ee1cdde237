// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/backup.h"

#include <rocksdb/utilities/checkpoint.h>

#include "base/log.h"

namespace suiro::store {
namespace {

class Hold {
 public:
  explicit Hold(BlobFiles& files) : files_(files) { files_.hold(); }
  ~Hold() { files_.drop_hold(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  BlobFiles& files_;
};

Result<void> require_empty(const Files& files, const std::string& to) {
  TRY(auto names, files.list(to));
  if (names.empty()) return ok();
  return fail(codes::kInvalidArgument, "the directory " + to + " is not empty");
}

Result<void> checkpoint(RocksCore& core, const std::string& to) {
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(&core.db(), &made);
  std::unique_ptr<rocksdb::Checkpoint> owned(made);
  if (status.ok()) status = owned->CreateCheckpoint(to + "/rocksdb");
  if (!status.ok()) return fail(rocks_error(status, "cannot copy the database"));
  return ok();
}

Result<void> copy_blobs(const DataDirectory& from, const std::set<Bytes>& ids,
                        const std::string& to) {
  const Files& files = from.plain();
  std::set<std::string> directories;
  for (const Bytes& id : ids) {
    std::string source = from.blob(id);
    std::string target = to + source.substr(from.path().size());
    std::string directory = target.substr(0, target.find_last_of('/'));
    if (directories.insert(directory).second) TRY_VOID(files.make_directory(directory));
    TRY_VOID(files.link_or_copy(source, target));
  }
  for (const std::string& directory : directories) TRY_VOID(files.sync_directory(directory));
  return ok();
}

Result<void> fill(RocksCore& core, BlobFiles& files, const std::string& to) {
  const DataDirectory& from = files.directory();
  // From here on no blob file is unlinked: what the checkpoint names is there.
  Hold hold(files);
  TRY_VOID(checkpoint(core, to));
  TRY(auto ids, RocksCore::live_blob_files(from, to + "/rocksdb"));
  for (const char* name : {"/blobs", "/tmp"}) TRY_VOID(from.plain().make_directory(to + name));
  TRY_VOID(copy_blobs(from, ids, to));
  return from.plain().write_durably(to + "/FORMAT", from.format_text());
}

}  // namespace

Result<void> backup_store(RocksCore& core, BlobFiles& files, const std::string& to) {
  const Files& plain = files.directory().plain();
  TRY_VOID(require_empty(plain, to));
  TRY_VOID(plain.make_directory(to));
  auto result = fill(core, files, to);
  if (result) return ok();
  auto removed = plain.remove_tree(to);
  if (!removed) log::warning("an unfinished backup stays: {}", removed.error().message);
  return result;
}

}  // namespace suiro::store
