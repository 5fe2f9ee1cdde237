// SPDX-License-Identifier: Apache-2.0
// Reading versions: finding one, conditions, ranges, and the stream of its bytes.
#include <fmt/format.h>

#include <charconv>

#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

// How often a version that was replaced between its finding and its opening is found again.
constexpr int kReadAttemptsMax = 10;
// Parts opened before the first byte goes out. What is open stays readable when it is replaced; a
// longer list is opened on the way, and ends early where the object was replaced.
constexpr size_t kPartsOpenMax = 64;

// A stretch of one blob.
struct Stretch {
  store::BlobRef blob;
  uint64_t offset = 0;
  uint64_t length = 0;
  std::unique_ptr<store::BlobReader> reader;
};

class ObjectBody final : public shapes::ByteSource {
 public:
  ObjectBody(store::Store& store, std::vector<Stretch> stretches)
      : store_(store), stretches_(std::move(stretches)) {
    for (auto& stretch : stretches_) length_ += stretch.length;
  }

  Task<Result<void>> open_first() {
    for (size_t i = 0; i < stretches_.size() && i < kPartsOpenMax; ++i) {
      CO_TRY_VOID(co_await open(stretches_[i]));
    }
    co_return ok();
  }

  Task<Result<Bytes>> read(size_t bytes_max) override {
    if (at_ == stretches_.size()) co_return Bytes();
    Stretch& stretch = stretches_[at_];
    CO_TRY_VOID(co_await open(stretch));
    size_t want = std::min<uint64_t>({bytes_max, kPieceBytes, stretch.length});
    CO_TRY(Bytes piece, co_await stretch.reader->read(stretch.offset, want));
    if (piece.empty()) co_return fail(codes::kCorrupt, "a blob is shorter than its object says");
    stretch.offset += piece.size();
    stretch.length -= piece.size();
    if (stretch.length == 0) {
      stretch.reader.reset();
      ++at_;
    }
    co_return piece;
  }

  std::optional<uint64_t> length() const override { return length_; }

 private:
  Task<Result<void>> open(Stretch& stretch) {
    if (stretch.reader) co_return ok();
    CO_TRY(stretch.reader, co_await store_.open_blob(stretch.blob));
    co_return ok();
  }

  store::Store& store_;
  std::vector<Stretch> stretches_;
  size_t at_ = 0;
  uint64_t length_ = 0;
};

// The stretches of `range` over blobs that lie one behind the other.
class Cutter {
 public:
  explicit Cutter(ByteRange range) : range_(range) {}
  void blob(const std::optional<store::BlobRef>& ref, uint64_t size_bytes) {
    uint64_t first = std::max(range_.first, begin_);
    uint64_t last = std::min(range_.first + range_.length, begin_ + size_bytes);
    if (ref && first < last) out_.push_back({*ref, first - begin_, last - first, nullptr});
    begin_ += size_bytes;
  }
  std::vector<Stretch> take() { return std::move(out_); }

 private:
  ByteRange range_;
  uint64_t begin_ = 0;
  std::vector<Stretch> out_;
};

bool in_etag_list(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string_view one = trim(list.substr(0, comma));
    list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
    if (one == "*") return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one.size() >= 2 && one.front() == '"' && one.back() == '"') {
      one = one.substr(1, one.size() - 2);
    }
    if (one == etag) return true;
  }
  return false;
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> Found::version() const {
  if (bucket->record.versioning == Versioning::kOff) return std::nullopt;
  return record.version_text();
}

Result<void> check_read(const ReadConditions& conditions, const ObjectRecord& record) {
  // HTTP dates have whole seconds.
  auto modified = std::chrono::floor<std::chrono::seconds>(record.modified);
  if (conditions.if_match) {
    if (!in_etag_list(*conditions.if_match, record.etag)) return precondition_failed("If-Match");
  } else if (conditions.if_unmodified_since && modified > *conditions.if_unmodified_since) {
    return precondition_failed("If-Unmodified-Since");
  }
  if (conditions.if_none_match) {
    if (in_etag_list(*conditions.if_none_match, record.etag)) return not_modified();
  } else if (conditions.if_modified_since && modified <= *conditions.if_modified_since) {
    return not_modified();
  }
  return ok();
}

Result<std::optional<ByteRange>> parse_range(std::string_view header, uint64_t size_bytes) {
  std::string_view text = trim(header);
  if (!text.starts_with("bytes=")) return std::optional<ByteRange>();
  text.remove_prefix(6);
  if (text.find(',') != text.npos) return not_implemented("Range");
  size_t dash = text.find('-');
  if (dash == text.npos) return std::optional<ByteRange>();
  std::string_view from = trim(text.substr(0, dash)), to = trim(text.substr(dash + 1));
  auto first = number(from), last = number(to);
  if ((!from.empty() && !first) || (!to.empty() && !last) || (from.empty() && to.empty())) {
    return std::optional<ByteRange>();
  }
  if (!first) {
    if (*last == 0 || size_bytes == 0) return invalid_range(std::string(header), size_bytes);
    uint64_t length = std::min(*last, size_bytes);
    return std::optional(ByteRange{size_bytes - length, length});
  }
  if (last && *last < *first) return std::optional<ByteRange>();
  if (*first >= size_bytes) return invalid_range(std::string(header), size_bytes);
  uint64_t end = last ? std::min(*last, size_bytes - 1) : size_bytes - 1;
  return std::optional(ByteRange{*first, end - *first + 1});
}

Result<ByteRange> part_range(const Found& found, uint32_t number) {
  const uint32_t parts = std::max(found.record.parts_count, 1U);
  if (number == 0 || number > parts) {
    return Failure(Error{"InvalidPartNumber",
                         "The requested partnumber is not satisfiable",
                         Retry::kNever,
                         {{"PartNumberRequested", fmt::to_string(number)},
                          {"ActualPartCount", fmt::to_string(parts)}}});
  }
  if (found.parts.empty()) return ByteRange{0, found.record.size_bytes};
  uint64_t first = 0;
  for (uint32_t i = 0; i + 1 < number; ++i) first += found.parts[i].size_bytes;
  return ByteRange{first, found.parts[number - 1].size_bytes};
}

std::string checksum_text(const StoredChecksum& checksum, uint32_t parts_count) {
  std::string text = base64_encode(checksum.raw);
  if (checksum.scope == ChecksumScope::kComposite) text += fmt::format("-{}", parts_count);
  return text;
}

Task<Result<Logic::Located>> Logic::locate(std::string bucket, Bytes key, VersionChoice version) {
  CO_TRY(auto head, co_await storage_.head(bucket, key));
  using Kind = VersionChoice::Kind;
  if (version.kind == Kind::kCurrent) {
    if (!head) co_return no_such_key(key);
    co_return Located{*std::move(head), true};
  }
  const bool by_null = version.kind == Kind::kNull;
  std::string text = by_null ? "null" : version.id.str();
  if (!head) co_return no_such_version(key, text);
  auto matches = [&](const ObjectRecord& record) {
    return by_null ? record.null_version : !record.null_version && record.id == version.id;
  };
  if (matches(head->record)) co_return Located{*std::move(head), true};
  Order order = by_null ? head->record.null_behind : version.id.order;
  if (order == Order()) co_return no_such_version(key, text);
  CO_TRY(auto behind, co_await storage_.behind(bucket, key, order));
  if (!behind || !matches(behind->record)) co_return no_such_version(key, text);
  co_return Located{*std::move(behind), false};
}

Task<Result<Found>> Logic::find(ReadRequest request) {
  CO_TRY_VOID(check_key(request.key));
  Found found;
  CO_TRY(found.bucket, co_await bucket(request.bucket, Freshness::kCached));
  CO_TRY(auto located, co_await locate(request.bucket, request.key, request.version));
  found.record = std::move(located.stored.record);
  found.current = located.head;
  if (found.record.delete_marker) {
    // The caller says so in the reply's headers too.
    std::vector<std::pair<std::string, std::string>> details = {
        {"Key", request.key}, {"DeleteMarkerVersion", found.record.version_text()}};
    if (request.version.kind == VersionChoice::Kind::kCurrent) {
      co_return Failure(Error{"NoSuchKey", "The specified key does not exist.", Retry::kNever,
                              std::move(details)});
    }
    co_return Failure(Error{"MethodNotAllowed",
                            "The specified method is not allowed against this resource.",
                            Retry::kNever, std::move(details)});
  }
  if (auto met = check_read(request.conditions, found.record); !met) {
    if (met.error().code == "NotModified") {
      met.error().details = {{"ETag", "\"" + found.record.etag + "\""},
                             {"Last-Modified", format_http_date(found.record.modified)}};
    }
    co_return fail(met.error());
  }
  if (!found.record.parts_list.empty()) {
    CO_TRY(found.parts, co_await storage_.parts_list(found.record.parts_list));
  }
  co_return found;
}

Task<Result<shapes::Body>> Logic::open(Found found, ByteRange range) {
  Cutter cutter(range);
  if (found.parts.empty()) {
    cutter.blob(found.record.blob, found.record.size_bytes);
  }
  for (auto& part : found.parts) cutter.blob(part.blob, part.size_bytes);
  std::vector<Stretch> stretches = cutter.take();
  if (stretches.size() == 1 && range.length <= kPieceBytes) {
    CO_TRY(auto reader, co_await storage_.store().open_blob(stretches[0].blob));
    CO_TRY(Bytes bytes, co_await reader->read(stretches[0].offset, range.length));
    co_return shapes::body_of(std::move(bytes));
  }
  auto body = std::make_unique<ObjectBody>(storage_.store(), std::move(stretches));
  CO_TRY_VOID(co_await body->open_first());
  co_return shapes::Body(std::move(body));
}

Task<Result<Logic::Opened>> Logic::read(ReadRequest request, RangeOf range_of) {
  for (int attempt = 1;; ++attempt) {
    auto found = co_await find(request);
    if (!found && found.error().code != codes::kNotFound) co_return fail(found.error());
    if (found) {
      CO_TRY(ByteRange range, range_of(*found));
      auto body = co_await open(*found, range);
      if (body) co_return Opened{*std::move(found), *std::move(body)};
      if (body.error().code != codes::kNotFound) co_return fail(body.error());
    }
    if (attempt == kReadAttemptsMax) co_return conflict();
  }
}

}  // namespace suiro::s3
