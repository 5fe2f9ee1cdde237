// SPDX-License-Identifier: Apache-2.0
#include "engine/image/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "base/digest.h"
#include "engine/image/image.h"
#include "engine/image/layer_root.h"

namespace suiro::image {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufs = ".wh..wh.";

struct ArchiveFree {
  void operator()(struct archive* reader) const { archive_read_free(reader); }
};
using ArchivePtr = std::unique_ptr<struct archive, ArchiveFree>;

std::unexpected<Error> refuse(std::string_view path, std::string_view why) {
  return fail(kImageInvalid, fmt::format("layer: entry \"{}\" {}", path, why));
}

std::unexpected<Error> broken(struct archive* reader) {
  const char* text = archive_error_string(reader);
  return fail(kImageInvalid, fmt::format("layer: not a tar archive: {}",
                                         text == nullptr ? "it ends too early" : text));
}

// The tar archive behind the compression, counted and hashed on its way.
class TarBytes {
 public:
  TarBytes(struct archive* compressed, uint64_t bytes_max)
      : compressed_(compressed), bytes_max_(bytes_max), hash_(DigestKind::kSha256) {
    block_.resize(kBlockBytes);
  }

  static la_ssize_t on_read(struct archive* tar, void* self, const void** out) {
    auto* bytes = static_cast<TarBytes*>(self);
    la_ssize_t count = bytes->next();
    *out = bytes->block_.data();
    if (count < 0) archive_set_error(tar, EINVAL, "%s", bytes->error_.message.c_str());
    return count;
  }

  // What is behind the archive's end belongs to its digest.
  Result<Unpacked> finish(size_t entries) {
    la_ssize_t count = 0;
    while ((count = next()) > 0) {
    }
    if (count < 0) return fail(error_);
    return Unpacked{"sha256:" + hex_encode(hash_.finish()), total_, entries};
  }
  bool failed() const { return !error_.code.empty(); }
  const Error& error() const { return error_; }

 private:
  la_ssize_t next() {
    if (failed()) return -1;
    la_ssize_t count = archive_read_data(compressed_, block_.data(), block_.size());
    if (count < 0) {
      error_ = broken(compressed_).error();
      return -1;
    }
    total_ += static_cast<uint64_t>(count);
    if (total_ > bytes_max_) {
      error_ = {std::string(kImageTooLarge),
                fmt::format("layer: it unpacks to more than {} bytes", bytes_max_)};
      return -1;
    }
    hash_.update({block_.data(), static_cast<size_t>(count)});
    return count;
  }

  struct archive* compressed_;
  uint64_t bytes_max_;
  Digest hash_;
  std::vector<char> block_;
  uint64_t total_ = 0;
  Error error_;
};

class Unpacker {
 public:
  Unpacker(struct archive* tar, LayerRoot root, UnpackLimits limits)
      : tar_(tar), root_(std::move(root)), limits_(limits) {}

  Result<size_t> run() {
    for (;;) {
      archive_entry* entry = nullptr;
      int status = archive_read_next_header(tar_, &entry);
      if (status == ARCHIVE_EOF) break;
      if (status < ARCHIVE_WARN) return broken(tar_);
      if (++entries_ > limits_.entries_max) {
        return fail(kImageTooLarge,
                    fmt::format("layer: it has more than {} entries", limits_.entries_max));
      }
      TRY_VOID(unpack(entry));
    }
    TRY_VOID(finish_directories());
    TRY_VOID(root_.sync());
    return entries_;
  }

 private:
  // Without "./", doubled and trailing slashes; empty: the root.
  Result<std::string> clean(const char* raw) const {
    if (raw == nullptr || *raw == '\0') return refuse("", "has no name");
    std::string_view rest = raw;
    if (rest.size() > limits_.path_bytes_max)
      return refuse(rest.substr(0, 128), "has too long a name");
    std::string out;
    while (!rest.empty()) {
      size_t slash = std::min(rest.find('/'), rest.size());
      std::string_view part = rest.substr(0, slash);
      rest.remove_prefix(std::min(slash + 1, rest.size()));
      if (part.empty() || part == ".") continue;
      if (part == "..") return refuse(raw, "has \"..\" in its path");
      if (part.size() > NAME_MAX) return refuse(part.substr(0, 128), "has too long a name");
      if (!out.empty()) out += '/';
      out += part;
    }
    return out;
  }

  Result<Attributes> attributes_of(archive_entry* entry, const std::string& path) const {
    Attributes out;
    out.mode = static_cast<uint32_t>(archive_entry_perm(entry));
    out.uid = static_cast<uid_t>(archive_entry_uid(entry));
    out.gid = static_cast<gid_t>(archive_entry_gid(entry));
    out.modified_s = archive_entry_mtime(entry);
    out.modified_ns = archive_entry_mtime_nsec(entry);
    if (out.modified_ns < 0 || out.modified_ns >= 1'000'000'000) out.modified_ns = 0;
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    size_t total = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
      if (name == nullptr) continue;
      std::string_view key = name;
      if (key.starts_with("trusted.") || key.starts_with("user.overlay.")) {
        return refuse(path, fmt::format("has the attribute {}, which layers cannot have", key));
      }
      total += key.size() + size;
      if (total > limits_.attribute_bytes_max) return refuse(path, "has too long attributes");
      out.extended.emplace_back(key, std::string(static_cast<const char*>(value), size));
    }
    return out;
  }

  Result<void> unpack(archive_entry* entry) {
    TRY(std::string path, clean(archive_entry_pathname(entry)));
    TRY(Attributes attributes, attributes_of(entry, path));
    size_t slash = path.rfind('/');
    std::string parent = slash == path.npos ? "" : path.substr(0, slash);
    std::string_view name = std::string_view(path).substr(slash == path.npos ? 0 : slash + 1);
    if (name.starts_with(kWhiteout)) return hide(path, parent, name);
    if (const char* target = archive_entry_hardlink(entry)) {
      TRY(std::string below, clean(target));
      if (path.empty() || below.empty()) return refuse(path, "is a hard link of no file");
      return root_.make_hard_link(path, below);
    }
    auto type = archive_entry_filetype(entry);
    if (path.empty()) {
      if (type != AE_IFDIR) return refuse("/", "is not a directory");
      directories_.insert_or_assign("", std::move(attributes));
      return ok();
    }
    switch (type) {
      case AE_IFDIR:
        // Times and modes come last: writing below would change or forbid them.
        TRY_VOID(root_.make_directory(path, {.extended = attributes.extended}));
        directories_.insert_or_assign(std::move(path), std::move(attributes));
        return ok();
      case AE_IFREG:
        return make_file(path, attributes);
      case AE_IFLNK:
        return make_link(entry, path, attributes);
      case AE_IFIFO:
        return root_.make_pipe(path, attributes);
      case AE_IFCHR:
      case AE_IFBLK:
        if (path.starts_with("dev/")) return ok();
        return refuse(path, "is a device node outside of /dev");
      default:
        return refuse(path, "is of a kind that layers cannot have");
    }
  }

  Result<void> hide(const std::string& path, const std::string& parent, std::string_view name) {
    if (name == kOpaque) return root_.hide_below(parent);
    if (name.starts_with(kAufs)) return ok();  // bookkeeping of another file system
    std::string_view hidden = name.substr(kWhiteout.size());
    if (hidden.empty() || hidden == "." || hidden == "..") return refuse(path, "hides no name");
    return root_.hide(parent.empty() ? std::string(hidden) : fmt::format("{}/{}", parent, hidden));
  }

  Result<void> make_link(archive_entry* entry, const std::string& path,
                         const Attributes& attributes) {
    const char* target = archive_entry_symlink(entry);
    if (target == nullptr || *target == '\0') return refuse(path, "is an empty link");
    if (std::strlen(target) > limits_.path_bytes_max) return refuse(path, "has too long a target");
    return root_.make_link(path, target, attributes);
  }

  Result<void> make_file(const std::string& path, const Attributes& attributes) {
    TRY(Fd file, root_.make_file(path));
    const void* block = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    la_int64_t end = 0;
    for (;;) {
      int status = archive_read_data_block(tar_, &block, &size, &offset);
      if (status == ARCHIVE_EOF) break;
      if (status < ARCHIVE_WARN) return broken(tar_);
      if (offset < end) return refuse(path, "has overlapping parts");
      // A sparse file claims what it does not bring: its size is bounded as the rest is.
      if (static_cast<uint64_t>(offset) + size > limits_.bytes_max) return too_large(path);
      TRY_VOID(write_all(file, {static_cast<const char*>(block), size}, offset, path));
      end = offset + static_cast<la_int64_t>(size);
    }
    if (offset > end) {
      if (static_cast<uint64_t>(offset) > limits_.bytes_max) return too_large(path);
      if (::ftruncate(file.get(), offset) != 0) return disk_error(path);
    }
    return root_.finish_file(file, path, attributes);
  }

  std::unexpected<Error> too_large(const std::string& path) const {
    return fail(kImageTooLarge,
                fmt::format("layer: \"{}\" is larger than {} bytes", path, limits_.bytes_max));
  }

  static std::unexpected<Error> disk_error(const std::string& path) {
    return fail(codes::kUnavailable,
                fmt::format("unpacking a layer: cannot write {}: {}", path, std::strerror(errno)),
                Retry::kLater);
  }

  static Result<void> write_all(const Fd& file, std::string_view bytes, la_int64_t offset,
                                const std::string& path) {
    while (!bytes.empty()) {
      ssize_t written = ::pwrite(file.get(), bytes.data(), bytes.size(), offset);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return disk_error(path);
      bytes.remove_prefix(static_cast<size_t>(written));
      offset += written;
    }
    return ok();
  }

  // Deepest first; the root is the last.
  Result<void> finish_directories() {
    for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) {
      TRY_VOID(root_.finish_directory(it->first, it->second));
    }
    return ok();
  }

  struct archive* tar_;
  LayerRoot root_;
  UnpackLimits limits_;
  size_t entries_ = 0;
  std::map<std::string, Attributes> directories_;  // of several entries the last counts
};

}  // namespace

Result<Unpacked> unpack_layer(const std::string& layer, const std::string& to,
                              UnpackLimits limits) {
  ArchivePtr compressed(archive_read_new());
  ArchivePtr tar(archive_read_new());
  if (!compressed || !tar) return fail(codes::kUnavailable, "out of memory while unpacking");
  archive_read_support_filter_gzip(compressed.get());
  archive_read_support_filter_zstd(compressed.get());
  archive_read_support_format_raw(compressed.get());
  archive_read_support_format_empty(compressed.get());
  archive_entry* whole = nullptr;
  int status = archive_read_open_filename(compressed.get(), layer.c_str(), kBlockBytes);
  if (status == ARCHIVE_OK) status = archive_read_next_header(compressed.get(), &whole);
  if (status != ARCHIVE_OK && status != ARCHIVE_EOF) return broken(compressed.get());
  TarBytes bytes(compressed.get(), limits.bytes_max);
  archive_read_support_format_tar(tar.get());
  archive_read_support_format_empty(tar.get());
  if (archive_read_open(tar.get(), &bytes, nullptr, TarBytes::on_read, nullptr) != ARCHIVE_OK) {
    if (bytes.failed()) return fail(bytes.error());
    return broken(tar.get());
  }
  TRY(LayerRoot root, LayerRoot::open(to));
  auto entries = Unpacker(tar.get(), std::move(root), limits).run();
  if (!entries) return fail(bytes.failed() ? bytes.error() : entries.error());
  return bytes.finish(*entries);
}

}  // namespace suiro::image
