// SPDX-License-Identifier: Apache-2.0
// What a Parquet file tells of itself: its columns, its row groups, its pages.
//
// Invariants of what is given:
//  1. The schema is flat: every column is a leaf beneath the root, required or optional.
//  2. Each row group has one chunk for each column, in the columns' order; a chunk lies within the
//     file, before its footer.
//  3. Sizes and counts are not negative and within the limits below.
//
// Threads: pure. Failure: kInvalidArgument with a sentence that names the column where there is
// one. Source: parquet.thrift of the Apache Parquet format.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"

namespace suiro::parquet {

inline constexpr size_t kFooterBytesMax = 16 << 20;
inline constexpr size_t kColumnsMax = 10'000;
inline constexpr size_t kPageHeaderBytesMax = 1 << 20;
inline constexpr size_t kPageBytesMax = 32 << 20;  // packed, and unpacked
inline constexpr size_t kPageValuesMax = 1U << 31;

enum class Type : uint8_t {
  kBoolean = 0,
  kInt32 = 1,
  kInt64 = 2,
  kInt96 = 3,
  kFloat = 4,
  kDouble = 5,
  kByteArray = 6,
  kFixedLength = 7,
};
enum class Encoding : uint8_t {
  kPlain = 0,
  kPlainDictionary = 2,
  kRle = 3,
  kBitPacked = 4,
  kDeltaBinaryPacked = 5,
  kDeltaLengthByteArray = 6,
  kDeltaByteArray = 7,
  kRleDictionary = 8,
  kByteStreamSplit = 9,
};
enum class Codec : uint8_t { kNone = 0, kSnappy = 1, kGzip = 2, kZstd = 6 };
// What the values of a column mean.
enum class Meaning : uint8_t {
  kNone,
  kText,
  kUnsigned,
  kDecimal,
  kDate,
  kTime,
  kTimestamp,
  kUuid,
  kFloat16,
  kBinary,
};

struct Column {
  std::string name;
  Type type = Type::kBoolean;
  int32_t length = 0;  // of kFixedLength
  bool is_optional = false;
  Meaning meaning = Meaning::kNone;
  int32_t scale = 0;        // of kDecimal
  int fraction_digits = 0;  // of kTime, kTimestamp: 3, 6, 9
  bool is_utc = true;       // of kTimestamp
};

struct Chunk {
  uint64_t offset = 0;
  uint64_t size = 0;
  Codec codec = Codec::kNone;
};
struct RowGroup {
  uint64_t rows = 0;
  std::vector<Chunk> chunks;
};
struct Metadata {
  std::vector<Column> columns;
  std::vector<RowGroup> groups;
};

// `data_end`: where the footer begins in its file.
Result<Metadata> parse_footer(ByteView footer, uint64_t data_end);

enum class PageKind : uint8_t { kData = 0, kIndex = 1, kDictionary = 2, kDataV2 = 3 };
struct PageHeader {
  size_t header_bytes = 0;
  PageKind kind = PageKind::kIndex;
  size_t packed_bytes = 0;
  size_t unpacked_bytes = 0;
  std::optional<uint32_t> crc;
  size_t values = 0;
  Encoding encoding = Encoding::kPlain;
  Encoding level_encoding = Encoding::kRle;
  // Of kDataV2: levels stand before the values and are never packed.
  size_t definition_bytes = 0;
  size_t repetition_bytes = 0;
  bool is_packed = true;
};
// Nothing where `bytes` ends within the header.
Result<std::optional<PageHeader>> parse_page_header(ByteView bytes);

}  // namespace suiro::parquet
