// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/data_directory.h"

#include <rocksdb/env.h>

#include <algorithm>

#include "base/log.h"
#include "kernel/store/encryption.h"

namespace suiro::store {
namespace {

constexpr std::string_view kFormatLine = "suiro-store 1\n";
constexpr std::string_view kPlainLine = "encryption none\n";
constexpr std::string_view kCipherLine = "encryption aes-256-ctr\n";
constexpr size_t kFormatBytesMax = 4096;

std::string format_of(ByteView key) {
  std::string text(kFormatLine);
  if (key.empty()) return text + std::string(kPlainLine);
  return text + std::string(kCipherLine) + "check " + key_check_value(key) + "\n";
}

}  // namespace

DataDirectory::DataDirectory(Options options)
    : path_(std::move(options.path)),
      key_file_(std::move(options.key_file)),
      plain_(std::move(options.layer)) {}

DataDirectory::~DataDirectory() {
  if (lock_ == nullptr) return;
  auto status = plain_.layer().UnlockFile(lock_, rocksdb::IOOptions(), nullptr);
  if (!status.ok()) log::warning("unlocking {}: {}", path_, status.ToString());
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(Options options) {
  auto directory = std::unique_ptr<DataDirectory>(new DataDirectory(std::move(options)));
  if (!directory->key_file_.empty()) {
    TRY(directory->key_, read_key_file(directory->key_file_));
  }
  TRY_VOID(directory->plain_.make_directory(directory->path_));
  TRY_VOID(directory->lock());
  directory->format_text_ = format_of(directory->key_);
  TRY(bool is_store, directory->plain_.exists(directory->path_ + "/FORMAT"));
  TRY_VOID(is_store ? directory->read_format() : directory->begin_making());
  auto layer = directory->plain_.shared_layer();
  if (!directory->key_.empty()) layer = encrypted_layer(layer, directory->key_);
  directory->data_ = std::make_unique<Files>(layer);
  directory->env_ = rocksdb::NewCompositeEnv(layer);
  return directory;
}

Result<void> DataDirectory::lock() {
  std::string file = path_ + "/LOCK";
  auto status = plain_.layer().LockFile(file, rocksdb::IOOptions(), &lock_, nullptr);
  if (status.ok()) return ok();
  lock_ = nullptr;
  return fail(codes::kUnavailable,
              "the store in " + path_ + " is open in another process (" + status.ToString() + ")");
}

Result<void> DataDirectory::read_format() {
  TRY(Bytes text, plain_.read(path_ + "/FORMAT", kFormatBytesMax));
  if (text == format_text_) {
    TRY(bool database, plain_.exists(database_current()));
    if (database) return ok();
    return fail(codes::kCorrupt, "the store in " + path_ + " has lost its database (rocksdb/)");
  }
  if (!text.starts_with(kFormatLine)) {
    return fail(codes::kInvalidArgument,
                "the store in " + path_ + " has a format that this version of suiro cannot read: " +
                    text.substr(0, text.find('\n')));
  }
  bool encrypted = text.find(kCipherLine) != std::string::npos;
  if (encrypted && key_.empty()) {
    return fail(codes::kInvalidArgument,
                "the store in " + path_ + " is encrypted; give its key file");
  }
  if (!encrypted && !key_.empty()) {
    return fail(codes::kInvalidArgument,
                "the store in " + path_ + " is not encrypted, but a key file is given");
  }
  return fail(codes::kInvalidArgument,
              "the key in " + key_file_ + " is not the key of the store in " + path_);
}

Result<void> DataDirectory::begin_making() {
  TRY(auto names, plain_.list(path_));
  std::erase_if(names, [](auto& name) { return name == "LOCK" || name == "lost+found"; });
  bool unfinished = std::ranges::find(names, "FORMAT.new") != names.end();
  if (!names.empty() && !unfinished) {
    return fail(codes::kInvalidArgument,
                path_ + " is neither empty nor a store (it has no FORMAT file)");
  }
  // FORMAT.new stays until the rest is gone: it is what makes the removal harmless.
  for (const std::string& name : {"rocksdb", "blobs", "tmp"}) {
    TRY_VOID(plain_.remove_tree(path_ + "/" + name));
  }
  TRY_VOID(plain_.write_synced(path_ + "/FORMAT.new", format_text_));
  is_new_ = true;
  for (const std::string& name : {database(), blobs(), temporaries()}) {
    TRY_VOID(plain_.make_directory(name));
  }
  return ok();
}

Result<void> DataDirectory::finish_making() {
  TRY_VOID(plain_.rename(path_ + "/FORMAT.new", path_ + "/FORMAT"));
  TRY_VOID(plain_.sync_directory(path_));
  is_new_ = false;
  return ok();
}

std::string DataDirectory::database_current() const {
  return database() + "/CURRENT";
}

std::string DataDirectory::temporary(ByteView blob_id) const {
  return temporaries() + "/" + hex_encode(blob_id);
}

std::string DataDirectory::blob_directory(ByteView blob_id) const {
  return blobs() + "/" + hex_encode(blob_id.substr(blob_id.size() - 1));
}

std::string DataDirectory::blob(ByteView blob_id) const {
  return blob_directory(blob_id) + "/" + hex_encode(blob_id);
}

}  // namespace suiro::store
