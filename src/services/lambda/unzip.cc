// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/unzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "services/lambda/errors.h"

namespace suiro::lambda {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBlockBytes = 64 << 10;
constexpr size_t kLinkHopsMax = 40;  // as many as Linux follows
constexpr std::string_view kNotAZip =
    "Could not unzip uploaded file. Please check your file, then try to upload again.";

struct ArchiveFree {
  void operator()(struct archive* reader) const { archive_read_free(reader); }
};
using ArchivePtr = std::unique_ptr<struct archive, ArchiveFree>;

// A file descriptor that closes itself.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> refuse(std::string_view path, std::string_view why) {
  return fail(kInvalidParameter,
              fmt::format("Could not unzip uploaded file: entry \"{}\" {}.", path, why));
}

std::unexpected<Error> disk_error(std::string_view path) {
  return fail(codes::kInternal,
              fmt::format("cannot write {} while unpacking code: {}", path, std::strerror(errno)));
}

class Unzipper {
 public:
  Unzipper(fs::path root, UnzipLimits limits) : root_(std::move(root)), limits_(limits) {}

  Result<void> run(struct archive* reader) {
    for (;;) {
      archive_entry* entry = nullptr;
      int status = archive_read_next_header(reader, &entry);
      if (status == ARCHIVE_EOF) break;
      if (status < ARCHIVE_WARN) return fail(kInvalidParameter, std::string(kNotAZip));
      if (++entries_ > limits_.entries_max) {
        return fail(kInvalidParameter, fmt::format("Could not unzip uploaded file: it has more "
                                                   "than {} entries.",
                                                   limits_.entries_max));
      }
      TRY_VOID(unpack(reader, entry));
    }
    if (entries_ == 0) return fail(kInvalidParameter, "Uploaded file must be a non-empty zip");
    return check_links();
  }

 private:
  // The entry's name as a path below the root, or why it cannot be one.
  Result<fs::path> name_of(archive_entry* entry) const {
    const char* raw = archive_entry_pathname_utf8(entry);
    if (raw == nullptr) raw = archive_entry_pathname(entry);
    if (raw == nullptr || *raw == '\0') return refuse("", "has no name");
    std::string_view text = raw;
    if (text.size() > limits_.path_bytes_max) return refuse(text, "has too long a name");
    if (text.front() == '/') return refuse(text, "has an absolute path");
    fs::path clean;
    for (const fs::path& part : fs::path(text)) {
      if (part == "..") return refuse(text, "has \"..\" in its path");
      if (part.empty() || part == ".") continue;
      if (part.native().size() > NAME_MAX) return refuse(text, "has too long a name");
      clean /= part;
      if (clean.native().size() < text.size() && links_.contains(clean) &&
          clean != fs::path(text)) {
        return refuse(text, "passes through a symbolic link");
      }
    }
    return clean;
  }

  Result<void> unpack(struct archive* reader, archive_entry* entry) {
    TRY(fs::path name, name_of(entry));
    if (archive_entry_hardlink(entry) != nullptr) {
      return refuse(name.native(), "is a hard link, which functions cannot have");
    }
    if (name.empty()) return ok();  // "./"
    TRY_VOID(make_parents(name));
    switch (archive_entry_filetype(entry)) {
      case AE_IFDIR:
        return make_directory(name);
      case AE_IFLNK:
        return make_link(name, entry);
      case AE_IFREG:
        return make_file(reader, name, archive_entry_perm(entry));
      default:
        return refuse(name.native(), "is neither a file nor a directory nor a symbolic link");
    }
  }

  Result<void> make_parents(const fs::path& name) {
    fs::path parent;
    for (const fs::path& part : name.parent_path()) {
      parent /= part;
      if (directories_.contains(parent)) continue;
      TRY_VOID(make_directory(parent));
    }
    return ok();
  }

  Result<void> make_directory(const fs::path& name) {
    if (directories_.contains(name)) return ok();
    fs::path full = root_ / name;
    if (::mkdir(full.c_str(), 0755) != 0) {
      if (errno == EEXIST) return refuse(name.native(), "is there twice, as different things");
      return disk_error(full.native());
    }
    directories_.insert(name);
    return ok();
  }

  Result<void> make_link(const fs::path& name, archive_entry* entry) {
    const char* target = archive_entry_symlink_utf8(entry);
    if (target == nullptr) target = archive_entry_symlink(entry);
    if (target == nullptr || *target == '\0') return refuse(name.native(), "is an empty link");
    if (*target == '/') return refuse(name.native(), "is a link that points outside");
    fs::path full = root_ / name;
    if (::symlink(target, full.c_str()) != 0) {
      if (errno == EEXIST) return refuse(name.native(), "is there twice");
      return disk_error(full.native());
    }
    links_.emplace(name, target);
    return ok();
  }

  Result<void> make_file(struct archive* reader, const fs::path& name, unsigned mode) {
    fs::path full = root_ / name;
    // Every function may read its files; who may execute them is as the zip says.
    mode_t access = 0644 | ((mode & 0111) != 0 ? 0111 : 0);
    File file(::open(full.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, access));
    if (file.get() < 0) {
      if (errno == EEXIST) return refuse(name.native(), "is there twice");
      return disk_error(full.native());
    }
    std::vector<char> block(kReadBlockBytes);
    for (;;) {
      la_ssize_t count = archive_read_data(reader, block.data(), block.size());
      if (count == 0) break;
      if (count < 0) return fail(kInvalidParameter, std::string(kNotAZip));
      bytes_ += static_cast<uint64_t>(count);
      if (bytes_ > limits_.bytes_max) {
        return fail(kInvalidParameter,
                    fmt::format("Unzipped size must be smaller than {} bytes", limits_.bytes_max));
      }
      TRY_VOID(write_all(file.get(), {block.data(), static_cast<size_t>(count)}, full));
    }
    // The umask of the process must not hide the code from the function's user.
    if (::fchmod(file.get(), access) != 0) return disk_error(full.native());
    return ok();
  }

  static Result<void> write_all(int fd, std::string_view bytes, const fs::path& path) {
    while (!bytes.empty()) {
      ssize_t written = ::write(fd, bytes.data(), bytes.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        return disk_error(path.native());
      }
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return ok();
  }

  // With all links known: where each one really leads, whether or not something is there. To the
  // letter alone, a link whose way passes through other links can look harmless.
  Result<void> check_links() const {
    for (const auto& [link, target] : links_) {
      std::deque<fs::path> rest(link.begin(), link.end());
      std::vector<fs::path> at;  // below the root, all links resolved
      size_t hops = 0;
      while (!rest.empty()) {
        fs::path part = std::move(rest.front());
        rest.pop_front();
        if (part.empty() || part == ".") continue;
        if (part == "..") {
          if (at.empty()) return refuse(link.native(), "is a link that points outside");
          at.pop_back();
          continue;
        }
        at.push_back(std::move(part));
        auto next = links_.find(joined(at));
        if (next == links_.end()) continue;
        if (++hops > kLinkHopsMax) return refuse(link.native(), "is a link that leads nowhere");
        at.pop_back();
        rest.insert(rest.begin(), next->second.begin(), next->second.end());
      }
    }
    return ok();
  }

  static fs::path joined(const std::vector<fs::path>& parts) {
    fs::path path;
    for (const fs::path& part : parts) path /= part;
    return path;
  }

  fs::path root_;
  UnzipLimits limits_;
  size_t entries_ = 0;
  uint64_t bytes_ = 0;
  std::set<fs::path> directories_;
  std::map<fs::path, fs::path> links_;  // name -> target
};

Result<void> unpack_into(const std::string& zip, const std::string& to, UnzipLimits limits) {
  ArchivePtr reader(archive_read_new());
  if (!reader) return fail(codes::kInternal, "out of memory while unpacking code");
  archive_read_support_format_zip_seekable(reader.get());
  if (archive_read_open_filename(reader.get(), zip.c_str(), kReadBlockBytes) != ARCHIVE_OK) {
    return fail(kInvalidParameter, std::string(kNotAZip));
  }
  TRY_VOID(Unzipper(to, limits).run(reader.get()));
  File directory(::open(to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::syncfs(directory.get()) != 0) return disk_error(to);
  return ok();
}

}  // namespace

Result<void> unzip(const std::string& zip, const std::string& to, UnzipLimits limits) {
  if (::mkdir(to.c_str(), 0755) != 0) return disk_error(to);
  Result<void> done = unpack_into(zip, to, limits);
  if (!done) {
    std::error_code ignored;  // what stays is swept at the next start
    fs::remove_all(to, ignored);
  }
  return done;
}

}  // namespace suiro::lambda
