// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <sstream>

#include "engine/parquet/reader.h"
#include "engine/parquet/unpack.h"
#include "engine/parquet/values.h"

namespace suiro::parquet {
namespace {

Bytes file(const std::string& name) {
  std::ifstream in(std::string(PARQUET_CASES) + "/" + name, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

json::Array lines(const std::string& name) {
  json::Array out;
  std::istringstream in(file(name));
  for (std::string line; std::getline(in, line);) out.push_back(json::parse(line).value());
  return out;
}

template <class T>
T run(Task<T> task) {
  asio::io_context context;
  std::optional<T> out;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr error, T value) {
    EXPECT_EQ(error, nullptr);
    out = std::move(value);
  });
  context.run();
  return *std::move(out);
}

struct Stored {
  Bytes bytes;
  size_t reads = 0;
  size_t largest = 0;
  size_t busy_every = 0;  // reads that fail, to be asked again; zero: none

  ReadFunction function() {
    return [this](uint64_t offset, size_t length) -> Task<Result<Bytes>> {
      ++reads;
      largest = std::max(largest, length);
      if (busy_every > 0 && reads % busy_every == 0) {
        co_return fail(codes::kUnavailable, "busy", Retry::kLater);
      }
      EXPECT_LE(offset, bytes.size());
      co_return bytes.substr(offset, length);
    };
  }
};

// All rows, asked for again where reading was busy.
Result<json::Array> rows_of(Stored& stored, uint64_t skip = 0) {
  auto opened = run(Reader::open(stored.function(), stored.bytes.size()));
  if (!opened) return fail(opened.error());
  (*opened)->skip(skip);
  json::Array out;
  while (true) {
    auto rows = run((*opened)->next());
    if (!rows && rows.error().retry == Retry::kLater) continue;
    if (!rows) return fail(rows.error());
    if (rows->empty()) return out;
    out.insert(out.end(), rows->begin(), rows->end());
  }
}

struct Case {
  std::string name;
  std::string expected;
};
const Case kCases[] = {{"types_snappy", "types_snappy"},
                       {"encodings", "encodings"},
                       {"gzip_v1", "zstd_v2"},
                       {"gzip_v2", "gzip_v2"},
                       {"zstd_v2", "zstd_v2"}};

TEST(Parquet, ReadsWhatOthersWrote) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    Stored stored{file(one.name + ".parquet")};
    auto rows = rows_of(stored);
    ASSERT_TRUE(rows) << rows.error().message;
    const json::Array expected = lines(one.expected + ".jsonl");
    ASSERT_EQ(rows->size(), expected.size());
    for (size_t row = 0; row < expected.size(); ++row) {
      EXPECT_TRUE((*rows)[row] == expected[row])
          << row << ": " << json::write((*rows)[row]) << " not " << json::write(expected[row]);
      // Members in the columns' order.
      for (size_t member = 0; member < expected[row].as_object().size(); ++member) {
        EXPECT_EQ((*rows)[row].as_object().at(member).first,
                  expected[row].as_object().at(member).first);
      }
    }
  }
}

TEST(Parquet, SkipsRowGroups) {
  Stored stored{file("types_snappy.parquet")};  // groups of 5, 5 and 2 rows
  const json::Array all = rows_of(stored).value();
  for (const auto& [asked, skipped] : std::map<uint64_t, size_t>{
           {0, 0}, {4, 0}, {5, 5}, {9, 5}, {10, 10}, {11, 10}, {12, 12}, {99, 12}}) {
    auto reader = run(Reader::open(stored.function(), stored.bytes.size())).value();
    EXPECT_EQ(reader->skip(asked), skipped);
    const json::Array rest = run(reader->next()).value();
    ASSERT_EQ(rest.size(), all.size() - skipped);
    for (size_t row = 0; row < rest.size(); ++row) EXPECT_TRUE(rest[row] == all[skipped + row]);
  }
}

TEST(Parquet, GoesOnAfterBusyReads) {
  Stored calm{file("zstd_v2.parquet")};
  const json::Array all = rows_of(calm).value();
  Stored busy{calm.bytes, 0, 0, 4};
  const auto rows = rows_of(busy);
  ASSERT_TRUE(rows);
  EXPECT_GT(busy.reads, calm.reads);
  EXPECT_TRUE(json::Value(*rows) == json::Value(all));
}

std::string refusal(Bytes bytes) {
  Stored stored{std::move(bytes)};
  auto rows = rows_of(stored);
  return rows ? "" : rows.error().message;
}

TEST(Parquet, RefusesWhatItDoesNotRead) {
  EXPECT_EQ(refusal(file("repeated.parquet")),
            "Column tags of the Parquet file is repeated: not supported.");
  EXPECT_EQ(refusal("a,b\n1,2\n3,4\n"), "The file is no Parquet file.");
  EXPECT_EQ(refusal(""), "The file is no Parquet file.");
  EXPECT_EQ(refusal(Bytes("PAR1\0\0\0\0PARE", 12)), "Encrypted Parquet files are not supported.");
  EXPECT_EQ(refusal(Bytes("PAR1\xFF\xFF\xFF\x7FPAR1", 12)),
            "The Parquet file is damaged: its footer is larger than the file.");
  EXPECT_EQ(refusal(Bytes("PAR1\0\0\0\0PAR1", 12)), "The Parquet file is damaged: its footer.");
}

TEST(Parquet, RefusesCutFiles) {
  for (const Case& one : kCases) {
    const Bytes whole = file(one.name + ".parquet");
    for (size_t size = 0; size < whole.size(); size += 7) {
      EXPECT_NE(refusal(whole.substr(0, size)), "") << one.name << " of " << size;
      // The tail with its footer is there, what was before it is not.
      if (size > 0) EXPECT_NE(refusal(whole.substr(size)), "") << one.name << " from " << size;
    }
  }
}

// One byte in turn: rows or a sentence, never more.
TEST(Parquet, StandsDamage) {
  for (const Case& one : kCases) {
    Stored stored{file(one.name + ".parquet")};
    for (size_t at = 0; at < stored.bytes.size(); at += 23) {
      for (const char flipped : {'\xFF', '\x01'}) {
        const char kept = std::exchange(stored.bytes[at], stored.bytes[at] ^ flipped);
        auto reader = run(Reader::open(stored.function(), stored.bytes.size()));
        if (reader) {
          auto rows = run((*reader)->next());
          if (!rows) EXPECT_FALSE(rows.error().message.empty());
        } else {
          EXPECT_EQ(reader.error().code, codes::kInvalidArgument);
        }
        stored.bytes[at] = kept;
      }
    }
  }
}

TEST(Parquet, RefusesBombs) {
  // Snappy tells its size first: 2^31 - 1 bytes, in a page that tells of 10.
  EXPECT_FALSE(unpack(Codec::kSnappy, "\xFF\xFF\xFF\xFF\x07", 10));
  EXPECT_FALSE(unpack(Codec::kGzip, "", 0));
  EXPECT_FALSE(unpack(Codec::kZstd, "no frame", 8));
  EXPECT_FALSE(unpack(Codec::kNone, "three", 4));
  // Type: data; unpacked size 1 GiB; packed size 1.
  const Bytes page("\x15\x00\x15\x80\x80\x80\x80\x08\x15\x02\x00", 11);
  EXPECT_EQ(parse_page_header(page).error().message,
            "A page of the Parquet file is larger than 32 MiB.");
  EXPECT_FALSE(parse_page_header(page.substr(0, 5)).value().has_value());
}

std::string integer(Column column, int64_t value) {
  column.name = "c";
  auto out = value_of_integer(column, value);
  return out ? json::write(*out) : out.error().message;
}

TEST(Parquet, ValuesOfIntegers) {
  EXPECT_EQ(integer({.type = Type::kInt64, .meaning = Meaning::kUnsigned}, -1),
            R"("18446744073709551615")");
  EXPECT_EQ(integer({.type = Type::kInt32, .meaning = Meaning::kUnsigned}, -1), "4294967295");
  EXPECT_EQ(integer({.type = Type::kInt32, .meaning = Meaning::kDate}, -1), R"("1969-12-31")");
  EXPECT_EQ(integer({.type = Type::kInt32, .meaning = Meaning::kDate}, 2'932'896),
            R"("9999-12-31")");
  EXPECT_EQ(integer({.type = Type::kInt32, .meaning = Meaning::kDate}, 2'932'897),
            "Column c of the Parquet file has a time outside of the years 0 to 9999.");
  const Column nanos{.type = Type::kInt64, .meaning = Meaning::kTimestamp, .fraction_digits = 9};
  EXPECT_EQ(integer(nanos, -1), R"("1969-12-31T23:59:59.999999999Z")");
  Column local = nanos;
  local.is_utc = false;
  EXPECT_EQ(integer(local, INT64_MIN), R"("1677-09-21T00:12:43.145224192")");
  const Column time{.type = Type::kInt32, .meaning = Meaning::kTime, .fraction_digits = 3};
  EXPECT_EQ(integer(time, 86'399'999), R"("23:59:59.999")");
  EXPECT_EQ(integer(time, 86'400'000), "Column c of the Parquet file has a time outside of a day.");
  const Column decimal{.type = Type::kInt64, .meaning = Meaning::kDecimal, .scale = 2};
  EXPECT_EQ(integer(decimal, -5), "-0.05");
  EXPECT_EQ(integer(decimal, 123'456'789'012'345), "1.23456789012345E12");
  EXPECT_EQ(integer(decimal, 1'234'567'890'123'456), R"("12345678901234.56")");
}

TEST(Parquet, ValuesOfBytes) {
  const auto told = [](Column column, Bytes bytes) {
    column.name = "c";
    auto out = value_of_plain(column, bytes);
    return out ? json::write(*out) : out.error().message;
  };
  EXPECT_EQ(told({.type = Type::kByteArray, .meaning = Meaning::kText}, "\xFF"),
            "Column c of the Parquet file has a text that is not UTF-8.");
  EXPECT_EQ(told({.type = Type::kByteArray}, "\xFF"), R"("/w==")");
  const Column decimal{.type = Type::kByteArray, .meaning = Meaning::kDecimal, .scale = 1};
  EXPECT_EQ(told(decimal, "\xFF"), "-0.1");
  EXPECT_EQ(told(decimal, Bytes(1, '\x80') + Bytes(15, '\0')),
            R"("-17014118346046923173168730371588410572.8")");
  EXPECT_EQ(told(decimal, Bytes(17, '\0')),
            "Column c of the Parquet file has a decimal of no or more than 16 bytes.");
  // 5 ns past noon of the day of Julian number 2,440,588.
  EXPECT_EQ(
      told({.type = Type::kInt96}, Bytes("\x05\x80\xA7\x48\x4A\x27\x00\x00\x8C\x3D\x25\x00", 12)),
      R"("1970-01-01T12:00:00.000000005Z")");
  EXPECT_EQ(told({.type = Type::kDouble}, Bytes("\0\0\0\0\0\0\xF0\xFF", 8)), R"("-Infinity")");
}

TEST(Parquet, ComparesChecksums) {
  // A page of one INT32, 7, with its CRC-32.
  Bytes page(
      "\x15\x00\x15\x08\x15\x08\x15\xB5\xE1\xE0\xB6\x08\x1C\x15\x02\x15\x00\x15\x06\x15\x06\x00\x00"
      "\x07\x00\x00\x00",
      27);
  const Column column{.name = "c", .type = Type::kInt32};
  const auto value = [&]() -> std::string {
    Stored stored{page};
    const ReadFunction read = stored.function();
    ColumnReader reader(read, column, {.offset = 0, .size = page.size()}, 1, kWindowBytesMin);
    auto loaded = run(reader.load());
    return loaded ? json::write(reader.next().value()) : loaded.error().message;
  };
  EXPECT_EQ(value(), "7");
  page.back() = '\x01';
  EXPECT_EQ(value(), "The Parquet file is damaged: the checksum of a page of column c.");
}

// A footer tells of a column each chunk by its schema; a second one may not come behind them.
TEST(Parquet, RefusesASecondSchema) {
  const Bytes column("\x15\x02\x25\x00\x18\x01", 6);  // a required INT32; its name's length
  const Bytes schema = Bytes("\x29\x2C\x00", 3) + column + Bytes("a\0", 2);
  // One row in one chunk of no bytes.
  const Bytes group("\x29\x1C\x19\x1C\x3C\x15\x02\x35\x00\x36\x00\x26\x08\x00\x00\x26\x02\x00", 18);
  const Bytes second =
      Bytes("\x09\x04\x3C\x00", 4) + column + Bytes("a\0", 2) + column + Bytes("b\0", 2);
  const auto told = [](Bytes footer) {
    footer += '\0';
    const Bytes size(1, static_cast<char>(footer.size()));
    return refusal("PAR1" + footer + size + Bytes(3, '\0') + "PAR1");
  };
  EXPECT_EQ(told(schema + group),
            "The Parquet file is damaged: there are fewer values than rows of column a.");
  EXPECT_EQ(told(schema + group + second), "The Parquet file is damaged: its schema.");
}

// A page of few bytes may tell of millions of lengths, which are held.
TEST(Parquet, CountsLengthsAsHeld) {
  constexpr size_t kLengths = 1'000'000;
  // Blocks of 65,536 values in one miniblock; the count; the first. Then differences of no bits.
  Bytes body("\x80\x80\x04\x01\xC0\x84\x3D\x00", 8);
  for (size_t at = 0; at < kLengths; at += 65'536) body.append(2, '\0');
  const auto twice = static_cast<char>(2 * body.size());
  const Bytes page = Bytes("\x15\x00\x15", 3) + twice + "\x15" + twice +
                     Bytes("\x2C\x15\x02\x15\x0C\x15\x06\x15\x06\x00\x00", 11) + body;
  Stored stored{page};
  const ReadFunction read = stored.function();
  const Column column{.name = "c", .type = Type::kByteArray};
  ColumnReader reader(read, column, {.offset = 0, .size = page.size()}, 1, kWindowBytesMin);
  const auto loaded = run(reader.load());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_GE(reader.held_bytes(), kLengths * sizeof(uint32_t));
}

TEST(Parquet, ReadsPagesOnly) {
  Stored stored{file("zstd_v2.parquet")};
  ASSERT_TRUE(rows_of(stored));
  // Three row groups of four columns, the tail, the footer.
  EXPECT_EQ(stored.reads, 14u);
  EXPECT_LT(stored.largest, stored.bytes.size());
}

}  // namespace
}  // namespace suiro::parquet
