// SPDX-License-Identifier: Apache-2.0
// The cases under tests/golden/workflow/items: a comment, the reader, the file as a JSON text, a
// line "---", then an item a line or "error" with the beginning of its sentence. Each file is read
// whole, in bytes, and packed.
#include "engine/workflow/item_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/gzip.h"

namespace suiro::workflow {
namespace {

std::unique_ptr<ItemParser> parser_of(const json::Value& reader) {
  const std::string type = reader.find("type")->as_string();
  if (type == "JSONL") return json_lines_items();
  if (type == "JSON") {
    const json::Value* pointer = reader.find("pointer");
    auto parser = json_items(pointer == nullptr ? "" : pointer->as_string());
    EXPECT_TRUE(parser) << parser.error().message;
    return *std::move(parser);
  }
  CsvOptions options;
  if (const auto* delimiter = reader.find("delimiter")) {
    options.delimiter = delimiter->as_string()[0];
  }
  if (const auto* headers = reader.find("headers")) {
    options.headers.emplace();
    for (const auto& name : headers->as_array()) options.headers->push_back(name.as_string());
  }
  return csv_items(std::move(options));
}

std::string read_in_chunks(ItemParser& parser, ByteView bytes, size_t chunk) {
  std::vector<Item> items;
  for (size_t at = 0; at < bytes.size(); at += chunk) {
    auto fed = parser.feed(bytes.substr(at, chunk), items);
    if (!fed) return "error " + fed.error().message + "\n";
  }
  if (auto done = parser.finish(items); !done) return "error " + done.error().message + "\n";
  std::string told;
  for (const Item& item : items) told += json::write(item_as_input(item)) + "\n";
  return told;
}

void expect_told(const std::string& told, const std::string& expected) {
  if (expected.starts_with("error ")) {
    EXPECT_TRUE(told.starts_with(expected.substr(0, expected.size() - 1))) << told;
  } else {
    EXPECT_EQ(told, expected);
  }
}

TEST(ItemSource, Golden) {
  size_t cases = 0;
  const std::filesystem::path folder = SUIRO_SOURCE_DIR "/tests/golden/workflow/items";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".txt") continue;
    SCOPED_TRACE(entry.path().filename().string());
    std::ifstream in(entry.path());
    std::string about;
    std::string reader_text;
    std::string file_text;
    std::string mark;
    ASSERT_TRUE(std::getline(in, about) && std::getline(in, reader_text) &&
                std::getline(in, file_text) && std::getline(in, mark) && mark == "---");
    const std::string expected(std::istreambuf_iterator<char>(in), {});
    const json::Value reader = json::parse(reader_text).value();
    const std::string file = json::parse(file_text).value().as_string();
    expect_told(read_in_chunks(*parser_of(reader), file, 1 << 20), expected);
    expect_told(read_in_chunks(*parser_of(reader), file, 1), expected);
    expect_told(read_in_chunks(*unpacked_items(parser_of(reader)), file, 3), expected);
    const Bytes packed = gzip(file.substr(0, file.size() / 2)) + gzip(file.substr(file.size() / 2));
    expect_told(read_in_chunks(*unpacked_items(parser_of(reader)), packed, 5), expected);
    ++cases;
  }
  EXPECT_GE(cases, 20u);
}

TEST(ItemSource, PackedFileThatIsCutOff) {
  const Bytes packed = gzip("[1,2,3]");
  EXPECT_EQ(read_in_chunks(*unpacked_items(json_items("").value()),
                           ByteView(packed).substr(0, packed.size() - 9), 4),
            "error The gzip file is cut off.\n");
}

TEST(ItemSource, AFewPackedBytesComeOutInParts) {
  std::string file;
  for (int i = 0; i < 10'000; ++i) file += "7\n";
  const Bytes packed = gzip(file);
  ASSERT_LT(packed.size(), 1000u);
  auto parser = unpacked_items(json_lines_items(), 1000);
  std::vector<Item> items;
  ASSERT_TRUE(parser->feed(packed, items));
  size_t calls = 1, all = items.size();
  while (parser->pending()) {
    EXPECT_LE(items.size(), 600u);
    items.clear();
    ASSERT_TRUE(parser->resume(items));
    all += items.size();
    ++calls;
  }
  ASSERT_TRUE(parser->finish(items));
  EXPECT_EQ(all, 10'000u);
  EXPECT_GE(calls, 20u);
  // Who does not resume gets the same.
  const std::string told = read_in_chunks(*unpacked_items(json_lines_items(), 1000), packed, 50);
  EXPECT_EQ(told, file);
}

TEST(ItemSource, PointersThatAreNone) {
  EXPECT_FALSE(json_items("a"));
  EXPECT_FALSE(json_items("/a~2"));
  EXPECT_TRUE(json_items("/"));
}

TEST(ItemSource, HeaderThatIsTooLong) {
  std::vector<Item> items;
  auto fed = csv_items({})->feed(std::string(11'000, 'x') + "\n", items);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, kItemReaderFailed);
}

TEST(ItemSource, Inventory) {
  auto inventory = parse_inventory(R"({"sourceBucket":"a","destinationBucket":"arn:aws:s3:::lists",
    "fileFormat":"CSV","fileSchema":"Bucket, Key, Size",
    "files":[{"key":"x/1.csv.gz","size":1},{"key":"x/2.csv.gz","size":1}]})");
  ASSERT_TRUE(inventory) << inventory.error().message;
  EXPECT_EQ(inventory->columns, (std::vector<std::string>{"Bucket", "Key", "Size"}));
  ASSERT_EQ(inventory->files.size(), 2u);
  EXPECT_EQ(inventory->files[1].bucket, "lists");
  EXPECT_EQ(inventory->files[1].key, "x/2.csv.gz");
  EXPECT_FALSE(parse_inventory(R"({"destinationBucket":"b","fileFormat":"ORC","fileSchema":"",
    "files":[]})"));
  EXPECT_FALSE(parse_inventory("{}"));
}

TEST(ItemSource, AthenaManifest) {
  auto files = parse_athena_manifest("s3://b/a/1.gz\n\"s3://b/a/2.gz\"\r\n\n");
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ((*files)[1].key, "a/2.gz");
  EXPECT_FALSE(parse_athena_manifest("b/a\n"));
}

TEST(ItemSource, Listing) {
  auto listed = parse_listing(R"({"NextContinuationToken":"t","Contents":[{"Key":"k","ETag":"\"e\"",
    "LastModified":"2022-11-17T15:44:41.000Z","Size":8910,"StorageClass":"STANDARD","X":1}]})");
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(listed->next_token, "t");
  EXPECT_EQ(json::write(listed->items[0].value),
            R"({"Etag":"\"e\"","Key":"k","LastModified":1668699881,"Size":8910,)"
            R"("StorageClass":"STANDARD"})");
  EXPECT_FALSE(parse_listing(R"({"Contents":[{"Key":"k","LastModified":1e300}]})"));
}

}  // namespace
}  // namespace suiro::workflow
