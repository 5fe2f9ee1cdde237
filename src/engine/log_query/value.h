// SPDX-License-Identifier: Apache-2.0
// What a field of a log event, or an expression over fields, is worth.
//
// Invariants: a missing field is kMissing, and so is a number that is none (a division by zero); a
// JSON null is missing too. Texts that read as numbers count as numbers where one is wanted, since
// fields that `parse` takes out of a message are all texts.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "engine/json/value.h"

namespace suiro::log_query {

// The last millisecond of the year 9999: what lies beyond is no time.
inline constexpr int64_t kTimeMillisMax = 253'402'300'799'999;

// In order: missing, true or false, numbers, a time, text, a JSON array or object.
using Value =
    std::variant<std::monostate, bool, int64_t, double, TimePoint, std::string, json::Value>;

inline bool is_missing(const Value& value) {
  return std::holds_alternative<std::monostate>(value);
}

Value value_of(const json::Value& value);
// Missing where it is infinite or no number.
Value value_of(double number);

// As GetQueryResults shows it: times as "2006-01-02 15:04:05.000", true as "1", structures as JSON.
std::string text_of(const Value& value);
// The text of a string, without a copy; `room` holds any other's.
std::string_view view_of(const Value& value, std::string& room);
// A time's milliseconds; 1 of true; of a text that is a number. None for anything else.
std::optional<double> number_of(const Value& value);
std::optional<double> parse_number(std::string_view text);
// A number other than 0, true, or a text other than "", "0" and "false".
bool truth_of(const Value& value);

// Whether both are the same number, or the same text. Nothing equals what is missing.
bool equal(const Value& left, const Value& right);
// Below 0: left comes first. By number where both are numbers, by text otherwise.
int compare(const Value& left, const Value& right);
// The order of `sort` (Amazon CloudWatch Logs User Guide, "sort"): what is missing, then texts in
// natural order ("a5" before "a12"), then numbers.
int compare_in_sort(const Value& left, const Value& right);

// What it takes in memory, about.
size_t bytes_of(const Value& value);

}  // namespace suiro::log_query
