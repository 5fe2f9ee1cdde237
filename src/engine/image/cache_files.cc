// SPDX-License-Identifier: Apache-2.0
// The cache's directory: reading it at the start, and its small files. Everything here blocks.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/digest.h"
#include "base/log.h"
#include "engine/image/cache.h"
#include "engine/image/cache_parts.h"
#include "engine/image/layer_root.h"

namespace suiro::image {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr int64_t kVersion = 1;
constexpr size_t kSmallFileBytesMax = 2 * kConfigBytesMax;

std::unexpected<Error> disk_error(std::string_view doing, const std::string& path) {
  return fail(codes::kUnavailable,
              fmt::format("image cache: cannot {} {}: {}", doing, path, std::strerror(errno)),
              Retry::kLater);
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    out.push_back(entry.path().filename().string());
  }
  return out;
}

// A file that this version did not write is as one that is not there.
std::optional<json::object> read_json(const std::string& path) {
  auto bytes = read_whole(path, kSmallFileBytesMax);
  if (!bytes) return std::nullopt;
  boost::system::error_code error;
  json::value value = json::parse(*bytes, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::value* version = value.as_object().if_contains("version");
  if (version == nullptr || !version->is_int64() || version->as_int64() != kVersion) {
    return std::nullopt;
  }
  return std::move(value.as_object());
}

std::string text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

uint64_t number(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return 0;
  if (value->is_uint64()) return value->as_uint64();
  return value->is_int64() && value->as_int64() > 0 ? static_cast<uint64_t>(value->as_int64()) : 0;
}

TimePoint used_at(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return TimePoint(Millis(info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000));
}

std::string digest_of_name(std::string_view name) {
  std::string out(name);
  if (size_t dash = out.find('-'); dash != out.npos) out[dash] = ':';
  return out;
}

}  // namespace

std::string file_name_of(std::string_view digest) {
  std::string out(digest);
  if (size_t colon = out.find(':'); colon != out.npos) out[colon] = '-';
  return out;
}

std::string hash_name(std::string_view name) {
  return hex_encode(sha256(name));
}

void touch(const std::string& file, TimePoint time) {
  auto since = time.time_since_epoch();
  timespec at{since.count() / 1000, (since.count() % 1000) * 1'000'000};
  timespec times[2] = {at, at};
  (void)::utimensat(AT_FDCWD, file.c_str(), times, 0);
}

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return ok();
  return disk_error("make", path);
}

Result<void> sync_directory(const std::string& directory) {
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return disk_error("sync", directory);
  return ok();
}

Result<void> rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return disk_error("rename to", to);
  return sync_directory(fs::path(to).parent_path().string());
}

Result<void> write_durably(const std::string& temporary, const std::string& path,
                           const Bytes& content) {
  Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return disk_error("make", temporary);
  for (ByteView rest = content; !rest.empty();) {
    ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return disk_error("write", temporary);
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file.get()) != 0) return disk_error("sync", temporary);
  return rename_durably(temporary, path);
}

Result<Bytes> read_whole(const std::string& path, size_t bytes_max) {
  Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!file.valid() || ::fstat(file.get(), &info) != 0) return disk_error("read", path);
  if (static_cast<uint64_t>(info.st_size) > bytes_max) {
    return fail(codes::kTooLarge, fmt::format("{} is too large", path));
  }
  Bytes out(static_cast<size_t>(info.st_size), '\0');
  size_t at = 0;
  while (at < out.size()) {
    ssize_t count = ::pread(file.get(), out.data() + at, out.size() - at, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return disk_error("read", path);
    at += static_cast<size_t>(count);
  }
  return out;
}

std::string Cache::path(std::string_view folder, std::string_view name) const {
  return fmt::format("{}/{}/{}", options_.directory, folder, name);
}

std::string Cache::temporary() {
  return path(kTemporary, std::to_string(++temporaries_));
}

Result<void> Cache::write_file(std::string_view folder, std::string_view name,
                               const Bytes& content) {
  return write_durably(temporary(), path(folder, name), content);
}

Result<void> Cache::remove_file(std::string_view folder, std::string_view name) {
  std::string file = path(folder, name);
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) return disk_error("remove", file);
  return sync_directory(path(folder, ""));
}

Result<void> Cache::move_away(std::string_view folder, std::string_view name,
                              const std::string& to) {
  std::string from = path(folder, name);
  if (::rename(from.c_str(), to.c_str()) != 0) return disk_error("rename", from);
  return sync_directory(path(folder, ""));
}

Cache::Removed Cache::remove_layer(const std::string& digest, const std::string& to) {
  Removed out;
  out.done = move_away(kLayers, file_name_of(digest), to);
  std::error_code error;
  out.is_there = !out.done && fs::exists(path(kLayers, file_name_of(digest)), error);
  // What is left in tmp/ goes at the next start.
  if (out.done) out.done = remove_tree(to);
  return out;
}

std::string Cache::text_of_hold(const std::string& name, const Hold& hold) {
  json::object out;
  out["version"] = kVersion;
  out["name"] = name;
  out["image"] = hold.image;
  out["named"] = hold.named;
  return json::serialize(out);
}

std::string Cache::text_of_record(const Record& record) {
  json::object out;
  out["version"] = kVersion;
  out["digest"] = record.digest;
  out["configDigest"] = record.config_digest;
  out["config"] = record.config_text;
  out["sizeBytes"] = record.size_bytes;
  json::array layers;
  for (const auto& layer : record.layers) layers.emplace_back(layer);
  out["layers"] = std::move(layers);
  return json::serialize(out);
}

Result<void> Cache::load() {
  std::error_code error;
  fs::create_directories(options_.directory, error);
  // Programs with the set-user-id bit lie below: nobody else may come near them.
  if (error || ::chmod(options_.directory.c_str(), 0700) != 0) {
    return disk_error("make", options_.directory);
  }
  TRY_VOID(remove_tree(path(kTemporary, "")));
  for (std::string_view folder : {kTemporary, kLayers, kImages, kReferences, kHolders}) {
    std::string name = path(folder, "");
    if (::mkdir(name.c_str(), 0755) != 0 && errno != EEXIST) return disk_error("make", name);
  }
  TRY_VOID(sync_directory(options_.directory));
  load_layers();
  TRY_VOID(load_images());
  TRY_VOID(load_names(kReferences, references_));
  TRY_VOID(load_names(kHolders, holders_));
  for (const auto& [name, hold] : holders_) ++images_.at(hold.image).holds;
  return ok();
}

// A directory that cannot be read as a layer stays unknown, and is replaced when it is needed.
void Cache::load_layers() {
  for (const std::string& name : names_in(path(kLayers, ""))) {
    std::string digest = digest_of_name(name);
    auto facts = read_json(path(kLayers, name) + "/" + std::string(kLayerFacts));
    if (!is_digest(digest) || !facts) {
      log::warning("image cache: {} is not a layer and is removed", name);
      std::string to = temporary();
      if (move_away(kLayers, name, to)) (void)remove_tree(to);
      continue;
    }
    Layer layer;
    layer.diff_id = text(*facts, "diffId");
    layer.tar_bytes = number(*facts, "tarBytes");
    bytes_ += layer.tar_bytes;
    layers_.emplace(std::move(digest), std::move(layer));
  }
}

Result<void> Cache::load_images() {
  for (const std::string& name : names_in(path(kImages, ""))) {
    auto facts = read_json(path(kImages, name));
    Record record;
    bool is_whole = facts.has_value();
    if (facts) {
      record.digest = text(*facts, "digest");
      record.config_digest = text(*facts, "configDigest");
      record.config_text = text(*facts, "config");
      record.size_bytes = number(*facts, "sizeBytes");
      record.used = used_at(path(kImages, name));
      const json::value* layers = facts->if_contains("layers");
      is_whole = file_name_of(record.digest) == name && layers != nullptr && layers->is_array() &&
                 parse_config(record.config_text).has_value();
      for (const json::value& layer : is_whole ? layers->as_array() : json::array()) {
        std::string digest = layer.is_string() ? std::string(layer.as_string()) : std::string();
        is_whole = is_whole && layers_.contains(digest);
        record.layers.push_back(std::move(digest));
      }
    }
    if (!is_whole) {
      TRY_VOID(remove_file(kImages, name));
      continue;
    }
    for (const auto& layer : record.layers) ++layers_.at(layer).images;
    images_.emplace(record.digest, std::move(record));
  }
  return ok();
}

// Names of images that are gone go too.
Result<void> Cache::load_names(std::string_view folder, std::map<std::string, Hold>& into) {
  for (const std::string& file : names_in(path(folder, ""))) {
    auto facts = read_json(path(folder, file));
    Hold hold;
    std::string name;
    if (facts) {
      name = text(*facts, "name");
      hold = {text(*facts, "image"), text(*facts, "named")};
    }
    if (!facts || hash_name(name) != file || !images_.contains(hold.image)) {
      TRY_VOID(remove_file(folder, file));
      continue;
    }
    into.insert_or_assign(std::move(name), std::move(hold));
  }
  return ok();
}

}  // namespace suiro::image
