// SPDX-License-Identifier: Apache-2.0
// Packed files, lists of files, and listings of objects.
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/clock.h"
#include "engine/workflow/item_source.h"

namespace suiro::workflow {
namespace {

constexpr size_t kUnpackBytes = 64 << 10;
constexpr int kGzipWindow = 15 + 16;  // zlib: gzip members only

std::unexpected<Error> wrong(std::string message) {
  return fail(kItemReaderFailed, std::move(message));
}

class Unpacker final : public ItemParser {
 public:
  Unpacker(std::unique_ptr<ItemParser> inner, size_t step_bytes_max)
      : inner_(std::move(inner)), step_bytes_max_(step_bytes_max) {}
  ~Unpacker() override {
    if (mode_ == Mode::kPacked) inflateEnd(&stream_);
  }

  Result<void> feed(ByteView chunk, std::vector<Item>& out) override {
    if (mode_ == Mode::kUnknown) {
      kept_.append(chunk);
      if (kept_.size() < kMagic.size() && kMagic.starts_with(kept_)) return ok();
      return begin(out);
    }
    if (mode_ == Mode::kPlain) return inner_->feed(chunk, out);
    kept_.append(chunk);
    return unpack(step_bytes_max_, out);
  }
  bool pending() const override { return pending_; }
  Result<void> resume(std::vector<Item>& out) override {
    return pending_ ? unpack(step_bytes_max_, out) : ok();
  }

  Result<void> finish(std::vector<Item>& out) override {
    if (mode_ == Mode::kUnknown) TRY_VOID(begin(out));
    if (pending_) TRY_VOID(unpack(SIZE_MAX, out));
    if (mode_ == Mode::kPacked && !between_members_) return wrong("The gzip file is cut off.");
    return inner_->finish(out);
  }

 private:
  enum class Mode : uint8_t { kUnknown, kPlain, kPacked };
  static constexpr std::string_view kMagic = "\x1F\x8B";

  Result<void> begin(std::vector<Item>& out) {
    if (!kept_.starts_with(kMagic)) {
      mode_ = Mode::kPlain;
      return inner_->feed(std::exchange(kept_, {}), out);
    }
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) return wrong("The gzip file cannot be read.");
    mode_ = Mode::kPacked;
    return unpack(step_bytes_max_, out);
  }

  // Of what is kept, until about `bytes_max` came out.
  Result<void> unpack(size_t bytes_max, std::vector<Item>& out) {
    pending_ = true;
    size_t unpacked = 0;
    Bytes part;
    while (unpacked < bytes_max) {
      if (between_members_ && kept_.empty()) return pending_ = false, ok();
      if (std::exchange(between_members_, false)) inflateReset(&stream_);
      part.resize(std::min(kUnpackBytes, bytes_max));
      stream_.next_in = reinterpret_cast<Bytef*>(kept_.data());
      stream_.avail_in = static_cast<uInt>(kept_.size());
      stream_.next_out = reinterpret_cast<Bytef*>(part.data());
      stream_.avail_out = static_cast<uInt>(part.size());
      const int done = inflate(&stream_, Z_NO_FLUSH);
      if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR) {
        return wrong("The gzip file is damaged.");
      }
      kept_.erase(0, kept_.size() - stream_.avail_in);
      part.resize(part.size() - stream_.avail_out);
      unpacked += part.size();
      between_members_ = done == Z_STREAM_END;
      TRY_VOID(inner_->feed(part, out));
      if (kept_.empty() && (between_members_ || stream_.avail_out > 0)) {
        return pending_ = false, ok();
      }
    }
    return ok();
  }

  std::unique_ptr<ItemParser> inner_;
  Mode mode_ = Mode::kUnknown;
  size_t step_bytes_max_;
  Bytes kept_;  // what was fed and is not looked at yet
  bool pending_ = false;
  z_stream stream_ = {};
  bool between_members_ = false;
};

const std::string* text_of(const json::Value& object, std::string_view name) {
  const json::Value* found = object.find(name);
  return found != nullptr && found->is_string() ? &found->as_string() : nullptr;
}

std::vector<std::string> split_columns(std::string_view schema) {
  std::vector<std::string> columns;
  while (true) {
    const size_t end = schema.find(',');
    columns.emplace_back(trim(schema.substr(0, end)));
    if (end == std::string_view::npos) return columns;
    schema.remove_prefix(end + 1);
  }
}

}  // namespace

std::unique_ptr<ItemParser> unpacked_items(std::unique_ptr<ItemParser> inner,
                                           size_t step_bytes_max) {
  return std::make_unique<Unpacker>(std::move(inner), step_bytes_max);
}

Result<Inventory> parse_inventory(std::string_view manifest) {
  auto document = json::parse(manifest);
  if (!document)
    return wrong("The S3 Inventory manifest is malformed: " + document.error().message);
  const std::string* format = text_of(*document, "fileFormat");
  const std::string* bucket = text_of(*document, "destinationBucket");
  const std::string* schema = text_of(*document, "fileSchema");
  const json::Value* files = document->find("files");
  if (format == nullptr || bucket == nullptr || schema == nullptr || files == nullptr ||
      !files->is_array()) {
    return wrong(
        "The S3 Inventory manifest lacks fileFormat, destinationBucket, fileSchema or files.");
  }
  Inventory inventory;
  inventory.is_parquet = *format == "Parquet";
  if (!inventory.is_parquet && *format != "CSV") {
    return wrong("S3 Inventory lists of format " + *format + " are not supported.");
  }
  if (!inventory.is_parquet) inventory.columns = split_columns(*schema);
  constexpr std::string_view kArn = "arn:aws:s3:::";
  const std::string name = bucket->starts_with(kArn) ? bucket->substr(kArn.size()) : *bucket;
  for (const json::Value& file : files->as_array()) {
    const std::string* key = text_of(file, "key");
    if (key == nullptr) return wrong("A file of the S3 Inventory manifest has no key.");
    inventory.files.push_back({name, *key});
  }
  return inventory;
}

Result<std::vector<ItemFile>> parse_athena_manifest(std::string_view manifest) {
  std::vector<ItemFile> files;
  constexpr std::string_view kScheme = "s3://";
  while (!manifest.empty()) {
    const size_t end = std::min(manifest.find('\n'), manifest.size());
    std::string_view line = trim(manifest.substr(0, end));
    manifest.remove_prefix(std::min(end + 1, manifest.size()));
    if (line.size() >= 2 && line.front() == '"' && line.back() == '"') {
      line = line.substr(1, line.size() - 2);
    }
    if (line.empty()) continue;
    const size_t slash =
        line.starts_with(kScheme) ? line.find('/', kScheme.size()) : std::string_view::npos;
    if (slash == std::string_view::npos || slash + 1 == line.size()) {
      return wrong("A line of the Athena manifest is no S3 URI.");
    }
    files.push_back({std::string(line.substr(kScheme.size(), slash - kScheme.size())),
                     std::string(line.substr(slash + 1))});
  }
  return files;
}

Result<ListedObjects> parse_listing(std::string_view output) {
  auto document = json::parse(output);
  if (!document) return wrong("The listing is malformed: " + document.error().message);
  ListedObjects listed;
  if (const auto* token = text_of(*document, "NextContinuationToken")) listed.next_token = *token;
  const json::Value* contents = document->find("Contents");
  if (contents == nullptr || !contents->is_array()) return listed;
  for (const json::Value& object : contents->as_array()) {
    json::Object item;
    const auto copy = [&](const char* from, const char* to) {
      if (const json::Value* found = object.find(from)) item.set(to, *found);
    };
    copy("ETag", "Etag");
    copy("Key", "Key");
    if (const json::Value* modified = object.find("LastModified")) {
      // Whole seconds of the epoch, whichever form the service's output has.
      if (modified->is_string()) {
        TRY(TimePoint time, parse_iso8601(modified->as_string()));
        item.set("LastModified", int64_t{time.time_since_epoch().count() / 1000});
      } else if (modified->is_number()) {
        constexpr double kSecondsMax = 1e12;
        if (std::fabs(modified->as_double()) > kSecondsMax) {
          return wrong("The listing is malformed: LastModified is no time");
        }
        item.set("LastModified", static_cast<int64_t>(modified->as_double()));
      }
    }
    copy("Size", "Size");
    copy("StorageClass", "StorageClass");
    listed.items.push_back({std::move(item), std::nullopt});
  }
  return listed;
}

}  // namespace suiro::workflow
