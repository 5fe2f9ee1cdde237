// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/files.h"

#include <algorithm>

namespace suiro::store {
namespace {

constexpr size_t kCopyChunkBytes = 1 << 20;

const rocksdb::IOOptions kOptions;
const rocksdb::FileOptions kFileOptions;

std::string parent_of(const std::string& path) {
  size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> checked(const rocksdb::IOStatus& status, std::string_view what,
                     const std::string& path) {
  if (status.ok()) return ok();
  return fail(io_error(status, std::string(what) + " " + path));
}

}  // namespace

Error io_error(const rocksdb::IOStatus& status, std::string_view what) {
  return {std::string(codes::kUnavailable), std::string(what) + ": " + status.ToString()};
}

Files::Files(std::shared_ptr<rocksdb::FileSystem> layer)
    : layer_(layer ? std::move(layer) : rocksdb::FileSystem::Default()) {}

Result<void> Files::make_directory(const std::string& path) const {
  TRY(bool there, exists(path));
  if (there) return ok();
  std::string parent = parent_of(path);
  if (parent != path) TRY_VOID(make_directory(parent));
  TRY_VOID(checked(layer_->CreateDirIfMissing(path, kOptions, nullptr), "cannot make", path));
  return sync_directory(parent);
}

Result<std::vector<std::string>> Files::list(const std::string& directory) const {
  std::vector<std::string> names;
  auto status = layer_->GetChildren(directory, kOptions, &names, nullptr);
  if (status.IsNotFound() || status.IsPathNotFound()) return std::vector<std::string>();
  TRY_VOID(checked(status, "cannot list", directory));
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  std::ranges::sort(names);
  return names;
}

Result<bool> Files::exists(const std::string& path) const {
  auto status = layer_->FileExists(path, kOptions, nullptr);
  if (status.IsNotFound()) return false;
  TRY_VOID(checked(status, "cannot look at", path));
  return true;
}

Result<Bytes> Files::read(const std::string& path, size_t size_bytes_max) const {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  TRY_VOID(
      checked(layer_->NewSequentialFile(path, kFileOptions, &file, nullptr), "cannot open", path));
  Bytes all;
  Bytes chunk(std::min(kCopyChunkBytes, size_bytes_max + 1), '\0');
  while (true) {
    rocksdb::Slice got;
    auto status = file->Read(chunk.size(), kOptions, &got, chunk.data(), nullptr);
    TRY_VOID(checked(status, "cannot read", path));
    if (got.empty()) return all;
    all.append(got.data(), got.size());
    if (all.size() > size_bytes_max) return fail(codes::kTooLarge, path + " is too large");
  }
}

Result<void> Files::write_synced(const std::string& path, ByteView bytes) const {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  TRY_VOID(
      checked(layer_->NewWritableFile(path, kFileOptions, &file, nullptr), "cannot make", path));
  auto status = file->Append({bytes.data(), bytes.size()}, kOptions, nullptr);
  if (status.ok()) status = file->Fsync(kOptions, nullptr);
  if (status.ok()) status = file->Close(kOptions, nullptr);
  TRY_VOID(checked(status, "cannot write", path));
  return sync_directory(parent_of(path));
}

Result<void> Files::write_durably(const std::string& path, ByteView bytes) const {
  TRY_VOID(write_synced(path + ".new", bytes));
  TRY_VOID(rename(path + ".new", path));
  return sync_directory(parent_of(path));
}

Result<void> Files::rename(const std::string& from, const std::string& to) const {
  return checked(layer_->RenameFile(from, to, kOptions, nullptr), "cannot rename", from);
}

Result<void> Files::remove(const std::string& path) const {
  return checked(layer_->DeleteFile(path, kOptions, nullptr), "cannot remove", path);
}

Result<void> Files::remove_tree(const std::string& path) const {
  TRY(auto names, list(path));
  for (const std::string& name : names) {
    std::string child = path + "/" + name;
    bool is_directory = false;
    auto status = layer_->IsDirectory(child, kOptions, &is_directory, nullptr);
    TRY_VOID(checked(status, "cannot look at", child));
    TRY_VOID(is_directory ? remove_tree(child) : remove(child));
  }
  TRY(bool there, exists(path));
  if (!there) return ok();
  return checked(layer_->DeleteDir(path, kOptions, nullptr), "cannot remove", path);
}

Result<void> Files::link_or_copy(const std::string& from, const std::string& to) const {
  auto status = layer_->LinkFile(from, to, kOptions, nullptr);
  if (status.ok()) return ok();
  if (status.IsNotSupported()) return copy(from, to);
  return checked(status, "cannot link", from);
}

Result<void> Files::copy(const std::string& from, const std::string& to) const {
  std::unique_ptr<rocksdb::FSSequentialFile> in;
  std::unique_ptr<rocksdb::FSWritableFile> out;
  TRY_VOID(
      checked(layer_->NewSequentialFile(from, kFileOptions, &in, nullptr), "cannot open", from));
  TRY_VOID(checked(layer_->NewWritableFile(to, kFileOptions, &out, nullptr), "cannot make", to));
  Bytes chunk(kCopyChunkBytes, '\0');
  while (true) {
    rocksdb::Slice got;
    TRY_VOID(checked(in->Read(chunk.size(), kOptions, &got, chunk.data(), nullptr), "cannot read",
                     from));
    if (got.empty()) break;
    TRY_VOID(checked(out->Append(got, kOptions, nullptr), "cannot write", to));
  }
  TRY_VOID(checked(out->Fsync(kOptions, nullptr), "cannot sync", to));
  return checked(out->Close(kOptions, nullptr), "cannot close", to);
}

Result<void> Files::sync_directory(const std::string& path) const {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  TRY_VOID(checked(layer_->NewDirectory(path, kOptions, &directory, nullptr), "cannot open", path));
  return checked(directory->Fsync(kOptions, nullptr), "cannot sync", path);
}

}  // namespace suiro::store
