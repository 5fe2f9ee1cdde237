// SPDX-License-Identifier: Apache-2.0
// CSV as AWS reads it: RFC 4180 with a choice of delimiter; empty lines are skipped; missing fields
// are empty texts, fields beyond the header are dropped; every value is a text.
#include <algorithm>
#include <unordered_set>

#include "engine/workflow/item_source.h"

namespace suiro::workflow {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Java's String.hashCode(), over UTF-16, spread as HashMap does.
uint32_t java_hash(std::string_view text) {
  uint32_t hash = 0;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t point = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (size_t k = 1; k < length && i + k < text.size(); ++k) {
      point = point << 6 | (static_cast<uint8_t>(text[i + k]) & 0x3Fu);
    }
    if (point >= 0x10000) {
      hash = hash * 31 + (0xD800 + ((point - 0x10000) >> 10));
      point = 0xDC00 + ((point - 0x10000) & 0x3FF);
    }
    hash = hash * 31 + point;
    i += length;
  }
  return hash ^ hash >> 16;
}

// AWS tells the columns of an item in the order of Java's HashMap, which recorded outputs show: by
// bucket of a table that is a power of two and at most three quarters full.
std::vector<size_t> told_order(const std::vector<std::string>& headers) {
  size_t table = 16;
  while (headers.size() * 4 > table * 3) table *= 2;
  std::vector<std::pair<uint32_t, size_t>> buckets;
  for (size_t column = 0; column < headers.size(); ++column) {
    buckets.emplace_back(java_hash(headers[column]) & (table - 1), column);
  }
  std::ranges::sort(buckets);
  std::vector<size_t> order;
  for (const auto& [bucket, column] : buckets) order.push_back(column);
  return order;
}

class CsvParser final : public ItemParser {
 public:
  explicit CsvParser(CsvOptions options) : options_(std::move(options)) {}

  Result<void> feed(ByteView chunk, std::vector<Item>& out) override {
    if (!begun_) TRY_VOID(begin());
    if (at_start_ && !pass_byte_order_mark(chunk)) return ok();
    size_t at = 0;
    while (at < chunk.size()) {
      // Runs of plain bytes are taken at once.
      const size_t plain = plain_run(chunk.substr(at));
      if (plain > 0) {
        field_.append(chunk.substr(at, plain));
        row_begun_ = true;
        at += plain;
        if (field_.size() > kItemBytesMax) return too_large();
        continue;
      }
      TRY_VOID(take(chunk[at++], out));
    }
    return ok();
  }

  Result<void> finish(std::vector<Item>& out) override {
    if (!begun_) TRY_VOID(begin());
    if (at_start_) TRY_VOID(feed_kept(out));
    if (where_ == Where::kQuoted) return wrong("A quoted field of the CSV file has no end.");
    if (row_begun_) TRY_VOID(end_row(out));
    if (!header_) return wrong("The CSV file has no header.");
    return ok();
  }

 private:
  enum class Where : uint8_t { kFieldStart, kPlain, kQuoted, kQuoteInQuoted };

  static std::unexpected<Error> wrong(std::string message) {
    return fail(kItemReaderFailed, std::move(message));
  }
  static std::unexpected<Error> too_large() {
    return wrong("A row of the CSV file is larger than 8 MiB.");
  }

  Result<void> begin() {
    begun_ = true;
    if (options_.headers) TRY_VOID(set_header(*options_.headers));
    return ok();
  }

  // The mark may be cut by the end of a chunk. False: too few bytes to tell.
  bool pass_byte_order_mark(ByteView& chunk) {
    kept_.append(chunk);
    if (kept_.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(kept_)) return false;
    at_start_ = false;
    chunk = kept_;
    if (chunk.starts_with(kByteOrderMark)) chunk.remove_prefix(kByteOrderMark.size());
    return true;
  }
  Result<void> feed_kept(std::vector<Item>& out) {
    at_start_ = false;
    const Bytes kept = std::move(kept_);
    return feed(kept, out);
  }

  size_t plain_run(ByteView bytes) {
    if (where_ != Where::kPlain && where_ != Where::kQuoted) return 0;
    size_t end = 0;
    if (where_ == Where::kQuoted) {
      end = bytes.find('"');
    } else {
      const char ends[] = {options_.delimiter, '\n', '\r'};
      end = bytes.find_first_of(std::string_view(ends, 3));
    }
    return end == ByteView::npos ? bytes.size() : end;
  }

  Result<void> take(char byte, std::vector<Item>& out) {
    const bool after_return = std::exchange(after_return_, false);
    switch (where_) {
      case Where::kQuoted:  // plain_run() stops at quotes only
        where_ = Where::kQuoteInQuoted;
        return ok();
      case Where::kQuoteInQuoted:
        if (byte == '"') {
          field_.push_back('"');
          where_ = Where::kQuoted;
          return ok();
        }
        where_ = Where::kPlain;  // what follows a closing quote belongs to the field
        break;
      case Where::kFieldStart:
        if (byte == '\n' && after_return) return ok();
        if (byte == '"') {
          row_begun_ = true;
          where_ = Where::kQuoted;
          return ok();
        }
        break;
      case Where::kPlain:
        break;
    }
    if (byte == options_.delimiter) return end_field();
    if (byte == '\n' || byte == '\r') {
      after_return_ = byte == '\r';
      if (!row_begun_) return ok();  // an empty line
      return end_row(out);
    }
    where_ = Where::kPlain;
    field_.push_back(byte);
    row_begun_ = true;
    return ok();
  }

  Result<void> end_field() {
    row_begun_ = true;
    row_bytes_ += field_.size();
    if (row_bytes_ > kItemBytesMax || fields_.size() >= kCsvFieldsMax) return too_large();
    fields_.push_back(std::move(field_));
    field_.clear();
    where_ = Where::kFieldStart;
    return ok();
  }

  Result<void> end_row(std::vector<Item>& out) {
    TRY_VOID(end_field());
    row_begun_ = false;
    row_bytes_ = 0;
    std::vector<std::string> fields = std::exchange(fields_, {});
    for (const auto& field : fields) {
      if (!is_valid_utf8(field)) return wrong("The CSV file is not encoded in UTF-8.");
    }
    if (!header_) return set_header(std::move(fields));
    fields.resize(header_->size());
    json::Object item;
    item.reserve(fields.size());
    for (size_t column : order_) item.set((*header_)[column], std::move(fields[column]));
    out.push_back({std::move(item), std::nullopt});
    return ok();
  }

  Result<void> set_header(std::vector<std::string> names) {
    size_t bytes = 0;
    std::unordered_set<std::string_view> seen;
    for (const auto& name : names) {
      bytes += name.size() + 1;
      if (!seen.insert(name).second) return wrong("CSV headers cannot contain duplicates.");
    }
    if (bytes > kCsvHeaderBytesMax) return wrong("CSV headers cannot exceed 10 KiB.");
    order_ = told_order(names);
    header_ = std::move(names);
    return ok();
  }

  CsvOptions options_;
  bool begun_ = false;
  bool at_start_ = true;
  Bytes kept_;
  Where where_ = Where::kFieldStart;
  bool after_return_ = false;
  bool row_begun_ = false;
  size_t row_bytes_ = 0;
  std::string field_;
  std::vector<std::string> fields_;
  std::optional<std::vector<std::string>> header_;
  std::vector<size_t> order_;
};

}  // namespace

std::unique_ptr<ItemParser> csv_items(CsvOptions options) {
  return std::make_unique<CsvParser>(std::move(options));
}

}  // namespace suiro::workflow
