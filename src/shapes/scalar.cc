// SPDX-License-Identifier: Apache-2.0
#include "shapes/scalar.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "base/check.h"
#include "shapes/json.h"

namespace suiro::shapes {
namespace {

template <class T>
Result<void> read_number(std::string_view text, void* value, std::string_view expected) {
  T number{};
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end) {
    return fail(kSerialization, fmt::format("Expected {}.", expected));
  }
  *static_cast<T*>(value) = number;
  return ok();
}

Result<void> read_double(std::string_view text, void* value) {
  auto& number = *static_cast<double*>(value);
  if (text == "NaN") {
    number = std::numeric_limits<double>::quiet_NaN();
  } else if (text == "Infinity") {
    number = std::numeric_limits<double>::infinity();
  } else if (text == "-Infinity") {
    number = -std::numeric_limits<double>::infinity();
  } else {
    return read_number<double>(text, value, "a number");
  }
  return ok();
}

Result<void> read_time(std::string_view text, void* value) {
  auto& when = *static_cast<TimePoint*>(value);
  double seconds = 0;
  if (read_number<double>(text, &seconds, "")) {
    TRY(when, time_of_seconds(seconds));
    return ok();
  }
  Result<TimePoint> parsed =
      text.find(',') == std::string_view::npos ? parse_iso8601(text) : parse_http_date(text);
  if (!parsed) return fail(kSerialization, "Expected a timestamp.");
  when = *parsed;
  return ok();
}

std::string double_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return fmt::format(FMT_COMPILE("{}"), value);
}

std::string time_text(TimePoint when, TimeFormat format) {
  if (format == TimeFormat::kRfc822) return format_http_date(when);
  if (format != TimeFormat::kUnix) return format_iso8601(when);
  std::string text;
  append_epoch_seconds(text, when);
  return text;
}

}  // namespace

Result<TimePoint> time_of_seconds(double seconds) {
  // The years 0 to 9999.
  if (!(seconds >= -62167219200.0 && seconds < 253402300800.0)) {
    return fail(kSerialization, "Expected a timestamp between the years 0 and 9999.");
  }
  return TimePoint(Millis(std::llround(seconds * 1000)));
}

std::string scalar_text(const Shape& shape, const void* value, TimeFormat format) {
  switch (shape.kind) {
    case Kind::kString:
      return *static_cast<const std::string*>(value);
    case Kind::kInteger:
      return fmt::format(FMT_COMPILE("{}"), *static_cast<const int32_t*>(value));
    case Kind::kLong:
      return fmt::format(FMT_COMPILE("{}"), *static_cast<const int64_t*>(value));
    case Kind::kBoolean:
      return *static_cast<const bool*>(value) ? "true" : "false";
    case Kind::kDouble:
      return double_text(*static_cast<const double*>(value));
    case Kind::kBlob:
      return base64_encode(*static_cast<const Bytes*>(value));
    case Kind::kTimestamp:
      return time_text(*static_cast<const TimePoint*>(value), format);
    default:
      check_failed("scalar", __FILE__, __LINE__, shape.name);
  }
}

Result<void> read_scalar(std::string_view text, const Shape& shape, void* value) {
  switch (shape.kind) {
    case Kind::kString:
      static_cast<std::string*>(value)->assign(text);
      return ok();
    case Kind::kInteger:
      return read_number<int32_t>(text, value, "an integer");
    case Kind::kLong:
      return read_number<int64_t>(text, value, "a long integer");
    case Kind::kBoolean:
      if (text != "true" && text != "false" && text != "True" && text != "False") {
        return fail(kSerialization, "Expected true or false.");
      }
      *static_cast<bool*>(value) = text[0] == 't' || text[0] == 'T';
      return ok();
    case Kind::kDouble:
      return read_double(text, value);
    case Kind::kBlob: {
      Result<Bytes> bytes = base64_decode(text);
      if (!bytes) return fail(kSerialization, "Expected base64.");
      *static_cast<Bytes*>(value) = *std::move(bytes);
      return ok();
    }
    case Kind::kTimestamp:
      return read_time(text, value);
    default:
      return fail(kSerialization, fmt::format("Expected {}, not text.", shape.name));
  }
}

}  // namespace suiro::shapes
