// SPDX-License-Identifier: Apache-2.0
// ItemParser: the items of a data set out of the bytes of its file, chunk by chunk: what a
// distributed Map's ItemReader reads.
//
//   chunk ─feed()─► items that end in it          finish(): the last one, or why the file is wrong
//
// Invariants:
//  1. The same bytes give the same items, however they are cut into chunks.
//  2. A parser keeps at most one item (kItemBytesMax) and its own state.
//  3. After an error a parser is not used again.
//
// Threads: one at a time. Failure: errors have the code "States.ItemReaderFailed" and AWS's
// sentence, or one in its manner where AWS documents none.
// Source: Step Functions Developer Guide, "ItemReader (Map)".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "engine/json/value.h"

namespace suiro::workflow {

inline constexpr std::string_view kItemReaderFailed = "States.ItemReaderFailed";
// One item's text in its file. Larger ones fail the run.
inline constexpr size_t kItemBytesMax = 8 << 20;
// AWS: "CSV headers of up to 10 KiB".
inline constexpr size_t kCsvHeaderBytesMax = 10 << 10;
inline constexpr size_t kCsvFieldsMax = 10'000;
inline constexpr int64_t kItemsMax = 100'000'000;

struct Item {
  json::Value value;
  std::optional<std::string> key;  // of a member of an object
};

// What a child takes in when no ItemSelector says otherwise: the value, or {"Key", "Value"}.
json::Value item_as_input(const Item& item);

class ItemParser {
 public:
  virtual ~ItemParser() = default;
  // Appends the items that end in `chunk`, or in that part of it that one call takes: pending()
  // then, and the parser keeps the rest.
  virtual Result<void> feed(ByteView chunk, std::vector<Item>& out) = 0;
  // Whether resume() is called next, in place of feed() or finish(). Who does not makes the parser
  // keep more, and finish() take it all at once.
  virtual bool pending() const { return false; }
  virtual Result<void> resume(std::vector<Item>&) { return ok(); }
  // The file ends here.
  virtual Result<void> finish(std::vector<Item>& out) = 0;
};

struct CsvOptions {
  char delimiter = ',';
  // Given names of columns; absent: the first row has them.
  std::optional<std::vector<std::string>> headers;
};
std::unique_ptr<ItemParser> csv_items(CsvOptions options);
// `pointer`: RFC 6901; empty: the document itself. There must be an array or an object.
// Errors: kItemReaderFailed for a malformed pointer.
Result<std::unique_ptr<ItemParser>> json_items(std::string_view pointer);
std::unique_ptr<ItemParser> json_lines_items();
// In front of another parser: what begins as a gzip member (RFC 1952) is unpacked, other bytes
// pass. Few packed bytes can make very many: one call unpacks about `step_bytes_max`.
inline constexpr size_t kUnpackedStepBytes = 256 << 10;
std::unique_ptr<ItemParser> unpacked_items(std::unique_ptr<ItemParser> inner,
                                           size_t step_bytes_max = kUnpackedStepBytes);

// --- lists of files
// -------------------------------------------------------------------------------
struct ItemFile {
  std::string bucket;
  std::string key;
};
inline constexpr size_t kManifestBytesMax = 16 << 20;

struct Inventory {
  std::vector<ItemFile> files;
  std::vector<std::string> columns;  // of CSV: names from fileSchema
  bool is_parquet = false;
};
// manifest.json of S3 Inventory. ORC is refused.
Result<Inventory> parse_inventory(std::string_view manifest);
// The data manifest of an Athena UNLOAD: an "s3://bucket/key" a line.
Result<std::vector<ItemFile>> parse_athena_manifest(std::string_view manifest);

// --- listings
// -------------------------------------------------------------------------------------
struct ListedObjects {
  std::vector<Item> items;  // {"Etag", "Key", "LastModified", "Size", "StorageClass"}
  std::string next_token;   // empty: this was the last page
};
// The output of S3's ListObjectsV2 as plain JSON.
Result<ListedObjects> parse_listing(std::string_view output);

}  // namespace suiro::workflow
