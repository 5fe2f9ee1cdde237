// SPDX-License-Identifier: Apache-2.0
#include "engine/parquet/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <unordered_set>

#include "engine/parquet/thrift.h"

namespace suiro::parquet {
namespace {

using Field = ThriftReader::Field;

std::unexpected<Error> damaged(std::string_view what) {
  return fail(codes::kInvalidArgument, fmt::format("The Parquet file is damaged: {}.", what));
}
std::unexpected<Error> refused(const Column& column, std::string_view what) {
  return fail(codes::kInvalidArgument,
              fmt::format("Column {} of the Parquet file {}.", column.name, what));
}

// SchemaElement, as it stands there.
struct Element {
  Column column;
  std::optional<int64_t> type;
  int64_t repetition = 0;
  int64_t children = 0;
  int64_t converted = -1;
  int64_t logical = -1;
  int64_t integer_bits = 64;
  bool is_signed = true;
};

constexpr int64_t kRepeated = 2;

// TimeUnit: a union whose field says the unit.
int fraction_digits(ThriftReader& reader) {
  int digits = 3;
  for (Field field; reader.next_field(field); reader.skip(field)) digits = 3 * field.id;
  return digits;
}

void read_logical(ThriftReader& reader, Element& element) {
  for (Field kind; reader.next_field(kind);) {
    element.logical = kind.id;
    if (!reader.enter(kind)) return;
    for (Field field; reader.next_field(field);) {
      if (kind.id == 5 && field.id == 1) {
        element.column.scale = static_cast<int32_t>(reader.integer(field));
      } else if ((kind.id == 7 || kind.id == 8) && field.id == 1) {
        element.column.is_utc = reader.boolean(field);
      } else if ((kind.id == 7 || kind.id == 8) && field.id == 2 && reader.enter(field)) {
        element.column.fraction_digits = fraction_digits(reader);
      } else if (kind.id == 10 && field.id == 2) {
        element.is_signed = reader.boolean(field);
      } else {
        reader.skip(field);
      }
    }
  }
}

Element read_element(ThriftReader& reader) {
  Element element;
  for (Field field; reader.next_field(field);) {
    switch (field.id) {
      case 1:
        element.type = reader.integer(field);
        break;
      case 2:
        element.column.length = static_cast<int32_t>(reader.integer(field));
        break;
      case 3:
        element.repetition = reader.integer(field);
        break;
      case 4:
        element.column.name = reader.binary(field);
        break;
      case 5:
        element.children = reader.integer(field);
        break;
      case 6:
        element.converted = reader.integer(field);
        break;
      case 7:
        element.column.scale = static_cast<int32_t>(reader.integer(field));
        break;
      case 10:
        if (reader.enter(field)) read_logical(reader, element);
        break;
      default:
        reader.skip(field);
    }
  }
  return element;
}

// What a number of an enumeration of the format says of a column.
struct Kind {
  int64_t number;
  Meaning meaning;
  int fraction_digits = 0;  // 0: said elsewhere
};
// ConvertedType, the older form; -1: there is none.
constexpr Kind kConvertedTypes[] = {
    {-1, Meaning::kNone},     {0, Meaning::kText},  // UTF8
    {4, Meaning::kText},                            // ENUM
    {5, Meaning::kDecimal},   {6, Meaning::kDate},         {7, Meaning::kTime, 3},
    {8, Meaning::kTime, 6},   {9, Meaning::kTimestamp, 3}, {10, Meaning::kTimestamp, 6},
    {11, Meaning::kUnsigned},  // 8 to 64 bits
    {12, Meaning::kUnsigned}, {13, Meaning::kUnsigned},    {14, Meaning::kUnsigned},
    {15, Meaning::kNone},  // signed, 8 to 64 bits
    {16, Meaning::kNone},     {17, Meaning::kNone},        {18, Meaning::kNone},
    {19, Meaning::kText},  // JSON
    {20, Meaning::kBinary},
};
constexpr Kind kLogicalTypes[] = {
    {1, Meaning::kText},  // STRING
    {4, Meaning::kText},  // ENUM
    {5, Meaning::kDecimal},   {6, Meaning::kDate},      {7, Meaning::kTime},
    {8, Meaning::kTimestamp}, {10, Meaning::kUnsigned},  // INTEGER without a sign
    {11, Meaning::kNone},                                // UNKNOWN
    {12, Meaning::kText},                                // JSON
    {13, Meaning::kBinary},   {14, Meaning::kUuid},     {15, Meaning::kFloat16},
};
constexpr int64_t kInteger = 10;

std::optional<Meaning> meaning_of(const Element& element, Column& column) {
  if (element.logical == kInteger && element.is_signed) return Meaning::kNone;
  const bool is_logical = element.logical != -1;
  const std::span<const Kind> kinds =
      is_logical ? std::span<const Kind>(kLogicalTypes) : kConvertedTypes;
  const auto kind =
      std::ranges::find(kinds, is_logical ? element.logical : element.converted, &Kind::number);
  if (kind == kinds.end()) return std::nullopt;
  if (kind->fraction_digits > 0) column.fraction_digits = kind->fraction_digits;
  return kind->meaning;
}

// Whether values of the physical type can mean that.
bool fits(const Column& column) {
  const Type type = column.type;
  const bool is_integer = type == Type::kInt32 || type == Type::kInt64;
  const bool is_bytes = type == Type::kByteArray || type == Type::kFixedLength;
  switch (column.meaning) {
    case Meaning::kNone:
      return true;
    case Meaning::kText:
    case Meaning::kBinary:
      return is_bytes;
    case Meaning::kUnsigned:
      return is_integer;
    case Meaning::kDecimal:
      return (is_integer || is_bytes) && column.scale >= 0 && column.scale <= 38;
    case Meaning::kDate:
      return type == Type::kInt32;
    case Meaning::kTime:
    case Meaning::kTimestamp:
      return is_integer && column.fraction_digits >= 3 && column.fraction_digits <= 9;
    case Meaning::kUuid:
      return type == Type::kFixedLength && column.length == 16;
    case Meaning::kFloat16:
      return type == Type::kFixedLength && column.length == 2;
  }
  return false;
}

Result<Column> column_of(Element element) {
  Column& column = element.column;
  if (column.name.empty() || !is_valid_utf8(column.name)) return damaged("a column has no name");
  if (element.children != 0 || !element.type) return refused(column, "is nested: not supported");
  if (element.repetition == kRepeated) return refused(column, "is repeated: not supported");
  if (element.repetition != 0 && element.repetition != 1) return damaged("repetition of a column");
  if (*element.type < 0 || *element.type > 7) return damaged("type of column " + column.name);
  column.type = static_cast<Type>(*element.type);
  column.is_optional = element.repetition == 1;
  if (column.type == Type::kFixedLength &&
      (column.length <= 0 || static_cast<size_t>(column.length) > kPageBytesMax)) {
    return damaged("length of column " + column.name);
  }
  const auto meaning = meaning_of(element, column);
  if (!meaning) return refused(column, "has a logical type that is not supported");
  column.meaning = *meaning;
  if (!fits(column)) return refused(column, "has a logical type that its values cannot have");
  return std::move(column);
}

Result<void> read_schema(ThriftReader& reader, size_t count, Metadata& out) {
  if (!out.columns.empty()) return damaged("its schema");  // what was read refers to the first
  if (count < 2) return damaged("it has no columns");
  if (count - 1 > kColumnsMax) {
    return fail(codes::kInvalidArgument, "The Parquet file has more than 10,000 columns.");
  }
  (void)read_element(reader);  // the root
  std::unordered_set<std::string> names;
  for (size_t index = 1; index < count; ++index) {
    Element element = read_element(reader);
    if (!reader.is_ok()) return damaged("its schema");
    TRY(Column column, column_of(std::move(element)));
    if (!names.insert(column.name).second) return refused(column, "is there twice");
    out.columns.push_back(std::move(column));
  }
  return ok();
}

struct RawChunk {
  int64_t type = -1, codec = -1, size = -1, data_at = -1, dictionary_at = 0;
  bool is_elsewhere = false, is_encrypted = false;
};

void read_chunk_metadata(ThriftReader& reader, RawChunk& chunk) {
  for (Field field; reader.next_field(field);) {
    switch (field.id) {
      case 1:
        chunk.type = reader.integer(field);
        break;
      case 4:
        chunk.codec = reader.integer(field);
        break;
      case 7:
        chunk.size = reader.integer(field);
        break;
      case 9:
        chunk.data_at = reader.integer(field);
        break;
      case 11:
        chunk.dictionary_at = reader.integer(field);
        break;
      default:
        reader.skip(field);
    }
  }
}

RawChunk read_chunk(ThriftReader& reader) {
  RawChunk chunk;
  for (Field field; reader.next_field(field);) {
    if (field.id == 3 && reader.enter(field)) {
      read_chunk_metadata(reader, chunk);
      continue;
    }
    if (field.id == 1) chunk.is_elsewhere = true;
    if (field.id == 8 || field.id == 9) chunk.is_encrypted = true;
    reader.skip(field);
  }
  return chunk;
}

Result<Chunk> chunk_of(const RawChunk& raw, const Column& column, uint64_t data_end) {
  if (raw.is_encrypted) return refused(column, "is encrypted: not supported");
  if (raw.is_elsewhere) return refused(column, "lies in another file: not supported");
  if (raw.type != static_cast<int64_t>(column.type)) {
    return damaged("type of a chunk of column " + column.name);
  }
  if (raw.codec != 0 && raw.codec != 1 && raw.codec != 2 && raw.codec != 6) {
    return refused(column, "is compressed with neither Snappy, GZIP nor ZSTD: not supported");
  }
  int64_t start = raw.data_at;
  if (raw.dictionary_at > 0 && raw.dictionary_at < start) start = raw.dictionary_at;
  if (start < 4 || raw.size < 0 || static_cast<uint64_t>(start) > data_end ||
      static_cast<uint64_t>(raw.size) > data_end - static_cast<uint64_t>(start)) {
    return damaged("a chunk of column " + column.name + " lies outside of it");
  }
  return Chunk{static_cast<uint64_t>(start), static_cast<uint64_t>(raw.size),
               static_cast<Codec>(raw.codec)};
}

Result<RowGroup> read_group(ThriftReader& reader, const Metadata& metadata, uint64_t data_end) {
  RowGroup group;
  for (Field field; reader.next_field(field);) {
    if (field.id == 3) {
      const int64_t rows = reader.integer(field);
      if (rows < 0) return damaged("rows of a row group");
      group.rows = static_cast<uint64_t>(rows);
    } else if (field.id == 1) {
      const size_t count = reader.structs(field);
      if (count != metadata.columns.size()) return damaged("columns of a row group");
      group.chunks.clear();
      for (const Column& column : metadata.columns) {
        const RawChunk raw = read_chunk(reader);
        if (!reader.is_ok()) return damaged("its row groups");
        TRY(const Chunk chunk, chunk_of(raw, column, data_end));
        group.chunks.push_back(chunk);
      }
    } else {
      reader.skip(field);
    }
  }
  if (!reader.is_ok() || group.chunks.empty()) return damaged("its row groups");
  return group;
}

struct Levels {
  int64_t values = -1, encoding = -1, level_encoding = 3, definition = 0, repetition = 0;
  bool is_packed = true;
};

// DataPageHeader, DictionaryPageHeader, DataPageHeaderV2.
Levels read_levels(ThriftReader& reader, PageKind kind) {
  Levels out;
  const bool is_second = kind == PageKind::kDataV2;
  for (Field field; reader.next_field(field);) {
    if (field.id == 1) {
      out.values = reader.integer(field);
    } else if (field.id == (is_second ? 4 : 2)) {
      out.encoding = reader.integer(field);
    } else if (kind == PageKind::kData && field.id == 3) {
      out.level_encoding = reader.integer(field);
    } else if (is_second && field.id == 5) {
      out.definition = reader.integer(field);
    } else if (is_second && field.id == 6) {
      out.repetition = reader.integer(field);
    } else if (is_second && field.id == 7) {
      out.is_packed = reader.boolean(field);
    } else {
      reader.skip(field);
    }
  }
  return out;
}

bool is_within(int64_t value, size_t most) {
  return value >= 0 && static_cast<uint64_t>(value) <= most;
}

Result<void> take_levels(const Levels& levels, PageHeader& out) {
  if (!is_within(levels.values, kPageValuesMax) || !is_within(levels.encoding, 255) ||
      !is_within(levels.level_encoding, 255) || !is_within(levels.definition, out.packed_bytes) ||
      !is_within(levels.repetition, out.packed_bytes)) {
    return damaged("the header of a page");
  }
  out.values = static_cast<size_t>(levels.values);
  out.encoding = static_cast<Encoding>(levels.encoding);
  out.level_encoding = static_cast<Encoding>(levels.level_encoding);
  out.definition_bytes = static_cast<size_t>(levels.definition);
  out.repetition_bytes = static_cast<size_t>(levels.repetition);
  out.is_packed = levels.is_packed;
  if (out.definition_bytes + out.repetition_bytes > std::min(out.packed_bytes, out.unpacked_bytes))
    return damaged("the levels of a page");
  return ok();
}

}  // namespace

Result<Metadata> parse_footer(ByteView footer, uint64_t data_end) {
  Metadata metadata;
  ThriftReader reader(footer);
  for (Field field; reader.next_field(field);) {
    if (field.id == 2) {
      TRY_VOID(read_schema(reader, reader.structs(field), metadata));
    } else if (field.id == 4) {
      const size_t count = reader.structs(field);
      if (metadata.columns.empty()) return damaged("it has no columns");
      metadata.groups.clear();
      for (size_t index = 0; index < count; ++index) {
        TRY(RowGroup group, read_group(reader, metadata, data_end));
        metadata.groups.push_back(std::move(group));
      }
    } else {
      reader.skip(field);
    }
  }
  if (!reader.is_ok()) return damaged("its footer");
  if (metadata.columns.empty()) return damaged("it has no columns");
  return metadata;
}

Result<std::optional<PageHeader>> parse_page_header(ByteView bytes) {
  ThriftReader reader(bytes);
  PageHeader out;
  int64_t kind = -1, unpacked = -1, packed = -1;
  Levels levels[4];
  for (Field field; reader.next_field(field);) {
    if (field.id == 1) {
      kind = reader.integer(field);
    } else if (field.id == 2) {
      unpacked = reader.integer(field);
    } else if (field.id == 3) {
      packed = reader.integer(field);
    } else if (field.id == 4) {
      out.crc = static_cast<uint32_t>(reader.integer(field));
    } else if ((field.id == 5 || field.id == 7 || field.id == 8) && reader.enter(field)) {
      const PageKind of = field.id == 5   ? PageKind::kData
                          : field.id == 7 ? PageKind::kDictionary
                                          : PageKind::kDataV2;
      levels[static_cast<size_t>(of)] = read_levels(reader, of);
    } else {
      reader.skip(field);
    }
  }
  if (reader.is_cut()) return std::optional<PageHeader>();
  if (!reader.is_ok() || !is_within(kind, 3)) return damaged("the header of a page");
  if (!is_within(packed, kPageBytesMax) || !is_within(unpacked, kPageBytesMax)) {
    return fail(codes::kInvalidArgument, "A page of the Parquet file is larger than 32 MiB.");
  }
  out.header_bytes = reader.position();
  out.kind = static_cast<PageKind>(kind);
  out.packed_bytes = static_cast<size_t>(packed);
  out.unpacked_bytes = static_cast<size_t>(unpacked);
  if (out.kind != PageKind::kIndex) {
    TRY_VOID(take_levels(levels[static_cast<size_t>(kind)], out));
  }
  return std::optional<PageHeader>(out);
}

}  // namespace suiro::parquet
