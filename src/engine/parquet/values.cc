// SPDX-License-Identifier: Apache-2.0
#include "engine/parquet/values.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>

namespace suiro::parquet {
namespace {

constexpr int64_t kFirstDay = -719'528;  // 0000-01-01
constexpr int64_t kLastDay = 2'932'896;  // 9999-12-31
constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kUnixEpochAsJulianDay = 2'440'588;
constexpr size_t kDecimalBytesMax = 16;
constexpr size_t kExactDigits = 15;  // decimal digits that a double always keeps
__extension__ using Wide = __int128;

std::unexpected<Error> wrong(const Column& column, std::string_view what) {
  return fail(codes::kInvalidArgument,
              fmt::format("Column {} of the Parquet file {}.", column.name, what));
}

Result<std::string> date_text(const Column& column, int64_t day) {
  if (day < kFirstDay || day > kLastDay) {
    return wrong(column, "has a time outside of the years 0 to 9999");
  }
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string time_text(int64_t second, int64_t fraction, int digits) {
  return fmt::format("{:02}:{:02}:{:02}.{:0{}}", second / 3600, second / 60 % 60, second % 60,
                     fraction, digits);
}

int64_t units_a_second(int digits) {
  return digits == 3 ? 1'000 : digits == 6 ? 1'000'000 : 1'000'000'000;
}

Result<json::Value> time_of_day(const Column& column, int64_t value) {
  const int64_t unit = units_a_second(column.fraction_digits);
  if (value < 0 || value / unit >= kDaySeconds) return wrong(column, "has a time outside of a day");
  return json::Value(time_text(value / unit, value % unit, column.fraction_digits));
}

Result<json::Value> timestamp(const Column& column, int64_t value) {
  const int64_t unit = units_a_second(column.fraction_digits);
  const int64_t fraction = ((value % unit) + unit) % unit;
  const int64_t seconds = value / unit - (value % unit < 0 ? 1 : 0);
  const int64_t in_day = ((seconds % kDaySeconds) + kDaySeconds) % kDaySeconds;
  TRY(std::string text, date_text(column, (seconds - in_day) / kDaySeconds));
  text += "T" + time_text(in_day, fraction, column.fraction_digits);
  if (column.is_utc) text += "Z";
  return json::Value(std::move(text));
}

// Nanoseconds of the day, then the Julian day.
Result<json::Value> value_of_int96(const Column& column, ByteView bytes) {
  const uint64_t nanos = read_le64(bytes);
  const auto day = static_cast<int32_t>(read_le32(bytes.substr(8)));
  constexpr uint64_t kSecond = 1'000'000'000;
  if (nanos / kSecond >= kDaySeconds) return wrong(column, "has a time outside of a day");
  TRY(std::string text, date_text(column, day - kUnixEpochAsJulianDay));
  text += "T" + time_text(static_cast<int64_t>(nanos / kSecond),
                          static_cast<int64_t>(nanos % kSecond), 9);
  return json::Value(text + "Z");
}

json::Value decimal(const Column& column, Wide value) {
  const bool is_negative = value < 0;
  auto rest =
      is_negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  std::string digits;
  for (; rest > 0; rest /= 10) digits += static_cast<char>('0' + static_cast<int>(rest % 10));
  const auto scale = static_cast<size_t>(column.scale);
  const size_t significant = digits.size();
  while (digits.size() <= scale) digits += '0';
  std::reverse(digits.begin(), digits.end());
  if (scale > 0) digits.insert(digits.size() - scale, ".");
  if (is_negative) digits.insert(0, "-");
  if (scale == 0 && value >= INT64_MIN && value <= INT64_MAX) {
    return json::Value(static_cast<int64_t>(value));
  }
  if (scale == 0 || significant > kExactDigits) return json::Value(std::move(digits));
  double number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return json::Value(number);
}

Result<json::Value> decimal_of_bytes(const Column& column, ByteView bytes) {
  if (bytes.empty() || bytes.size() > kDecimalBytesMax) {
    return wrong(column, "has a decimal of no or more than 16 bytes");
  }
  unsigned __int128 value = (static_cast<uint8_t>(bytes[0]) & 0x80) != 0 ? ~Wide{0} : 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return decimal(column, static_cast<Wide>(value));
}

json::Value real(double value) {
  if (std::isfinite(value)) return json::Value(value);
  if (std::isnan(value)) return json::Value("NaN");
  return json::Value(value < 0 ? "-Infinity" : "Infinity");
}

// The double whose shortest text is the float's.
json::Value real_of_float(float value) {
  if (!std::isfinite(value)) return real(value);
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  double number = 0;
  std::from_chars(text, end, number);
  return json::Value(number);
}

json::Value real_of_half(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int fraction = bits & 0x3FF;
  double value =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 0x400, exponent - 25);
  if (exponent == 0x1F) value = fraction == 0 ? HUGE_VAL : std::nan("");
  return real((bits & 0x8000) != 0 ? -value : value);
}

std::string uuid_text(ByteView bytes) {
  std::string text = hex_encode(bytes);
  for (const size_t at : {8, 13, 18, 23}) text.insert(at, "-");
  return text;
}

}  // namespace

uint32_t read_le32(ByteView bytes) {
  uint32_t value = 0;
  for (size_t index = 4; index-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[index]);
  return value;
}

uint64_t read_le64(ByteView bytes) {
  return uint64_t{read_le32(bytes.substr(4))} << 32 | read_le32(bytes);
}

Result<json::Value> value_of_integer(const Column& column, int64_t value) {
  switch (column.meaning) {
    case Meaning::kDecimal:
      return decimal(column, value);
    case Meaning::kDate: {
      TRY(std::string text, date_text(column, value));
      return json::Value(std::move(text));
    }
    case Meaning::kTime:
      return time_of_day(column, value);
    case Meaning::kTimestamp:
      return timestamp(column, value);
    case Meaning::kUnsigned:
      if (column.type == Type::kInt32) return json::Value(value & 0xFFFF'FFFF);
      if (value >= 0) return json::Value(value);
      return json::Value(std::to_string(static_cast<uint64_t>(value)));
    default:
      return json::Value(value);
  }
}

Result<json::Value> value_of_bytes(const Column& column, ByteView bytes) {
  switch (column.meaning) {
    case Meaning::kText:
      if (!is_valid_utf8(bytes)) return wrong(column, "has a text that is not UTF-8");
      return json::Value(std::string(bytes));
    case Meaning::kDecimal:
      return decimal_of_bytes(column, bytes);
    case Meaning::kUuid:
      return json::Value(uuid_text(bytes));
    case Meaning::kFloat16:
      return real_of_half(static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) |
                                                static_cast<uint8_t>(bytes[1]) << 8));
    default:
      return json::Value(base64_encode(bytes));
  }
}

size_t plain_width(const Column& column) {
  switch (column.type) {
    case Type::kInt32:
    case Type::kFloat:
      return 4;
    case Type::kInt64:
    case Type::kDouble:
      return 8;
    case Type::kInt96:
      return 12;
    case Type::kFixedLength:
      return static_cast<size_t>(column.length);
    case Type::kBoolean:
    case Type::kByteArray:
      return 0;
  }
  return 0;
}

Result<json::Value> value_of_plain(const Column& column, ByteView bytes) {
  switch (column.type) {
    case Type::kInt32:
      return value_of_integer(column, static_cast<int32_t>(read_le32(bytes)));
    case Type::kInt64:
      return value_of_integer(column, static_cast<int64_t>(read_le64(bytes)));
    case Type::kInt96:
      return value_of_int96(column, bytes);
    case Type::kFloat:
      return real_of_float(std::bit_cast<float>(read_le32(bytes)));
    case Type::kDouble:
      return real(std::bit_cast<double>(read_le64(bytes)));
    default:
      return value_of_bytes(column, bytes);
  }
}

}  // namespace suiro::parquet
