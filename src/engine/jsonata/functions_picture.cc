// SPDX-License-Identifier: Apache-2.0
// Functions that format by pictures, and those of time.
#include <cmath>

#include "engine/jsonata/evaluator.h"
#include "engine/jsonata/picture_date.h"
#include "engine/jsonata/picture_number.h"

namespace suiro::jsonata {
namespace {

constexpr std::string_view kIsoPicture = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

template <class T>
Value given(const Call& call, std::expected<T, Fault> result) {
  if (!result) return call.evaluator.fail(std::move(result).error());
  if constexpr (std::is_same_v<T, std::string>) {
    return call.evaluator.text(*result);
  } else {
    return Value(*result);
  }
}

// Longer ones are refused: what they cost grows with their square.
constexpr size_t kPictureBytesMax = 4096;

bool is_short(const Call& call, const Value& picture) {
  if (!picture.is_string() || picture.text().size() <= kPictureBytesMax) return true;
  call.evaluator.fail(Fault{
      .code = std::string(codes::kTooLarge),
      .message = "A picture string has more than " + std::to_string(kPictureBytesMax) + " bytes"});
  return false;
}

double now_of(const Call& call) {
  return static_cast<double>(call.evaluator.environment().now.time_since_epoch().count());
}

// "+0530", "-0500" in minutes.
int offset_of(const Value& zone) {
  if (!zone.is_string()) return 0;
  const std::string text(zone.text());
  const long value = std::clamp(std::strtol(text.c_str(), nullptr, 10), -9959l, 9959l);
  return static_cast<int>(value / 100 * 60 + value % 100);
}

Value format_time(const Call& call, double millis, const Value& picture, const Value& zone) {
  if (!is_short(call, picture)) return Value::failed();
  auto read = DatePicture::read(picture.is_string() ? picture.text() : kIsoPicture);
  if (!read) return call.evaluator.fail(std::move(read).error());
  return given(call, read->format(millis, offset_of(zone)));
}

Value fn_now(const Call& call) {
  return format_time(call, now_of(call), call[0], call[1]);
}

Value fn_millis(const Call& call) {
  return Value(now_of(call));
}

Value fn_from_millis(const Call& call) {
  return call[0].undefined() ? Value() : format_time(call, call[0].number(), call[1], call[2]);
}

Value fn_to_millis(const Call& call) {
  if (call[0].undefined()) return {};
  if (!call[1].is_string()) {
    const auto millis = parse_iso_time(call[0].text());
    return millis ? Value(*millis) : call.evaluator.fail("D3110", call[0]);
  }
  if (!is_short(call, call[1])) return Value::failed();
  auto picture = DatePicture::read(call[1].text());
  if (!picture) return call.evaluator.fail(std::move(picture).error());
  if (!call.evaluator.step(call[0].text().size() / 64 + 1)) return Value::failed();
  auto millis = picture->parse(call[0].text(), now_of(call));
  if (!millis) return call.evaluator.fail(std::move(millis).error());
  return *millis ? Value(**millis) : Value();
}

Value fn_format_integer(const Call& call) {
  if (call[0].undefined()) return {};
  const double value = std::floor(call[0].number());
  if (!std::isfinite(value)) return call.evaluator.fail("D1001", call[0]);
  if (!is_short(call, call[1])) return Value::failed();
  auto picture = IntegerPicture::read(call[1].is_string() ? call[1].text() : "");
  if (!picture) return call.evaluator.fail(std::move(picture).error());
  return given(call, picture->format(value));
}

Value fn_parse_integer(const Call& call) {
  if (call[0].undefined()) return {};
  if (!is_short(call, call[1])) return Value::failed();
  auto picture = IntegerPicture::read(call[1].is_string() ? call[1].text() : "");
  if (!picture) return call.evaluator.fail(std::move(picture).error());
  return Value(picture->parse(call[0].text()));
}

Value fn_format_number(const Call& call) {
  if (call[0].undefined()) return {};
  if (!is_short(call, call[1])) return Value::failed();
  NumberSymbols symbols;
  const Members options(call[2]);
  for (size_t i = 0; i < options.size(); ++i) {
    const Value option = options.value(i);
    if (option.is_string()) symbols[std::string(options.name(i))] = to_points(option.text());
  }
  const std::string_view picture = call[1].is_string() ? call[1].text() : "";
  return given(call, format_number(call[0].number(), picture, symbols));
}

constexpr NativeEntry kPictureFunctions[] = {
    {"now", "<s?s?:s>", 2, fn_now},
    {"millis", "<:n>", 0, fn_millis},
    {"fromMillis", "<n-s?s?:s>", 3, fn_from_millis},
    {"toMillis", "<s-s?:n>", 2, fn_to_millis},
    {"formatInteger", "<n-s:s>", 2, fn_format_integer},
    {"parseInteger", "<s-s:n>", 2, fn_parse_integer},
    {"formatNumber", "<n-so?:s>", 3, fn_format_number},
};

}  // namespace

std::span<const NativeEntry> picture_functions() {
  return kPictureFunctions;
}

}  // namespace suiro::jsonata
