// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "engine/definition/handlers.h"

namespace suiro::definition {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPackedBytesMax = 250 << 20;  // Lambda's limit of unpacked code
constexpr size_t kPackedFilesMax = 20'000;

struct ArchiveDeleter {
  void operator()(archive* a) const { archive_write_free(a); }
};
struct EntryDeleter {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};

la_ssize_t append(archive*, void* to, const void* bytes, size_t size) {
  static_cast<Bytes*>(to)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

Result<void> add_file(archive* zip, const fs::path& root, const fs::path& file) {
  TRY(Bytes bytes, file_bytes(file.string(), kPackedBytesMax));
  std::error_code error;
  bool runs = (fs::status(file, error).permissions() & fs::perms::owner_exec) != fs::perms::none;
  std::unique_ptr<archive_entry, EntryDeleter> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), file.lexically_relative(root).generic_string().c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), runs ? 0755 : 0644);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
  constexpr time_t kFirstDay = 315'532'800;  // 1980-01-01, the first that a zip can say
  archive_entry_set_mtime(entry.get(), kFirstDay, 0);
  if (archive_write_header(zip, entry.get()) != ARCHIVE_OK ||
      archive_write_data(zip, bytes.data(), bytes.size()) !=
          static_cast<la_ssize_t>(bytes.size())) {
    return fail(codes::kInvalidArgument,
                fmt::format("{}: {}", file.string(), archive_error_string(zip)));
  }
  return ok();
}

Result<std::vector<fs::path>> files_below(const fs::path& root) {
  std::vector<fs::path> out;
  size_t size = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(root, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().filename() == "__pycache__") {
      at.disable_recursion_pending();
      continue;
    }
    if (!at->is_regular_file(error)) continue;
    size += at->file_size(error);
    out.push_back(at->path());
    if (size > kPackedBytesMax || out.size() > kPackedFilesMax) {
      return fail(codes::kTooLarge,
                  fmt::format("{}: more than 250 MiB or 20,000 files", root.string()));
    }
  }
  if (error) {
    return fail(codes::kInvalidArgument, fmt::format("{}: {}", root.string(), error.message()));
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

Result<Bytes> file_bytes(const std::string& path, size_t bytes_max) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return fail(codes::kInvalidArgument, fmt::format("{}: cannot be read", path));
  auto size = static_cast<size_t>(std::max<std::streamoff>(0, in.tellg()));
  if (size > bytes_max) return fail(codes::kTooLarge, fmt::format("{}: too large", path));
  Bytes bytes(size, '\0');
  in.seekg(0);
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  if (!in) return fail(codes::kInvalidArgument, fmt::format("{}: cannot be read", path));
  return bytes;
}

Result<Bytes> packed(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (path.ends_with(".zip")) return file_bytes(path, kPackedBytesMax);
    return fail(codes::kInvalidArgument, fmt::format("{}: expected a folder or a .zip", path));
  }
  TRY(auto files, files_below(path));
  Bytes out;
  std::unique_ptr<archive, ArchiveDeleter> zip(archive_write_new());
  archive_write_set_format_zip(zip.get());
  archive_write_set_bytes_in_last_block(zip.get(), 1);
  if (archive_write_open(zip.get(), &out, nullptr, append, nullptr) != ARCHIVE_OK) {
    return fail(codes::kInternal, archive_error_string(zip.get()));
  }
  for (const auto& file : files) TRY_VOID(add_file(zip.get(), path, file));
  if (archive_write_close(zip.get()) != ARCHIVE_OK) {
    return fail(codes::kInternal, archive_error_string(zip.get()));
  }
  return out;
}

}  // namespace suiro::definition
