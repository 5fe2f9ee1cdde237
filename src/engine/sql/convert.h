// SPDX-License-Identifier: Apache-2.0
// Values from text and back, and the limits of each type: what literals, CAST, the mapping of input
// and the printing of rows share.
//
// How it fails: errors::kInvalidCast for text that is no such value, errors::kNumericOverflow for a
// number that the type cannot hold.
// Thread: any. Source of the rules: the SQL reference's pages "CAST" and "Data Types".
#pragma once

#include <string>
#include <string_view>

#include "engine/sql/type.h"
#include "engine/sql/value.h"

namespace suiro::sql {

enum class Fraction { kRefuse, kAccept };  // of seconds

// 'yyyy-MM-dd', 'HH:mm:ss', 'yyyy-MM-dd HH:mm:ss': nothing before or behind.
Result<int64_t> parse_date(std::string_view text);                          // days
Result<int64_t> parse_time(std::string_view text, Fraction fraction);       // ms of the day
Result<int64_t> parse_timestamp(std::string_view text, Fraction fraction);  // ms
// '[+-]DD HH:MM:SS.SSS' as far as the type's units go; ms or months. The leading field is checked
// against the type's precision, the others against their ranges.
Result<int64_t> parse_interval(std::string_view text, const Type& type);
// Digits with one point, sign and exponent, scaled to `scale` and rounded half up.
Result<int64_t> parse_decimal(std::string_view text, uint32_t scale);
Result<double> parse_real(std::string_view text);

// The value's text as CAST makes it, without a NULL ("" then). Of a text: itself.
void append_text(std::string& out, const Type& type, const Value& value);
std::string text_of(const Type& type, const Value& value);
// As Java prints a double: 2.5, 1.0E10, 3.0; infinities and NaN by these names.
void append_real(std::string& out, double value);

// Whether an integer lane's value is one of the type: range, or the digits of a DECIMAL.
bool fits(const Type& type, int64_t value);
// 10^exponent; exponent <= 18.
int64_t power_of_ten(uint32_t exponent);
// value * 10^(to - from), rounded half away from zero where digits go.
Result<int64_t> rescale(__int128 value, uint32_t from_scale, uint32_t to_scale);
// A double as an integer of `scale`, rounded half away from zero.
Result<int64_t> scaled_of(double value, uint32_t scale);

// Number of characters of UTF-8, and the bytes of its first `characters`.
size_t character_count(std::string_view text);
size_t prefix_bytes(std::string_view text, size_t characters);

}  // namespace suiro::sql
