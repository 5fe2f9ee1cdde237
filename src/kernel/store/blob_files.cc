// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "kernel/store/blobs.h"

namespace suiro::store {
namespace {

void warn(const Result<void>& result) {
  if (!result) log::warning("blob files: {}", result.error().message);
}

}  // namespace

BlobFiles::BlobFiles(std::shared_ptr<const DataDirectory> directory, std::shared_ptr<Latch> latch,
                     std::shared_ptr<IoPool> readers, std::shared_ptr<IoPool> writers)
    : directory_(std::move(directory)),
      latch_(std::move(latch)),
      readers_(std::move(readers)),
      writers_(std::move(writers)) {}

Result<void> BlobFiles::make_blob_directory(ByteView id) {
  std::string path = directory_->blob_directory(id);
  {
    std::lock_guard lock(mutex_);
    if (made_.contains(path)) return ok();
  }
  TRY_VOID(directory_->plain().make_directory(path));
  // It may have been there, made by another thread or a killed process that had not synced it yet.
  TRY_VOID(directory_->plain().sync_directory(directory_->blobs()));
  std::lock_guard lock(mutex_);
  made_.insert(std::move(path));
  return ok();
}

Result<void> BlobFiles::publish(ByteView id) {
  auto publish = [&]() -> Result<void> {
    TRY_VOID(make_blob_directory(id));
    TRY_VOID(directory_->plain().rename(directory_->temporary(id), directory_->blob(id)));
    return directory_->plain().sync_directory(directory_->blob_directory(id));
  };
  auto result = publish();
  if (!result) latch_->close(result.error().message);
  return result;
}

void BlobFiles::unlink_later(std::vector<Bytes> ids) {
  {
    std::lock_guard lock(mutex_);
    if (holds_ != 0) {
      std::ranges::move(ids, std::back_inserter(held_));
      return;
    }
  }
  writers_->post_cleanup([this, ids = std::move(ids)] { unlink(ids); });
}

void BlobFiles::unlink(const std::vector<Bytes>& ids) {
  for (const Bytes& id : ids) warn(directory_->plain().remove(directory_->blob(id)));
}

void BlobFiles::remove_temporary_later(Bytes id) {
  writers_->post_cleanup(
      [this, id = std::move(id)] { warn(directory_->plain().remove(directory_->temporary(id))); });
}

void BlobFiles::hold() {
  std::lock_guard lock(mutex_);
  ++holds_;
}

void BlobFiles::drop_hold() {
  std::vector<Bytes> ids;
  {
    std::lock_guard lock(mutex_);
    if (--holds_ != 0) return;
    ids.swap(held_);
  }
  if (!ids.empty()) unlink_later(std::move(ids));
}

Result<size_t> BlobFiles::sweep(RocksCore& core) {
  const Files& files = directory_->plain();
  TRY(auto temporaries, files.list(directory_->temporaries()));
  for (const std::string& name : temporaries) {
    TRY_VOID(files.remove(directory_->temporaries() + "/" + name));
  }
  TRY_VOID(files.make_directory(directory_->temporaries()));
  TRY(auto names, files.list(directory_->blobs()));
  size_t removed = temporaries.size();
  if (names.empty()) return removed;
  TRY(auto live, core.live_blob_files());
  for (const std::string& name : names) {
    TRY(size_t more, sweep_directory(name, live));
    removed += more;
  }
  return removed;
}

Result<size_t> BlobFiles::sweep_directory(const std::string& name, const std::set<Bytes>& live) {
  const Files& files = directory_->plain();
  std::string path = directory_->blobs() + "/" + name;
  TRY(auto entries, files.list(path));
  size_t removed = 0;
  for (const std::string& entry : entries) {
    auto id = hex_decode(entry);
    if (id && live.contains(*id)) continue;
    TRY_VOID(files.remove(path + "/" + entry));
    ++removed;
  }
  return removed;
}

}  // namespace suiro::store
