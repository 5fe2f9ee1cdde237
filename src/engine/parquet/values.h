// SPDX-License-Identifier: Apache-2.0
// JSON values of a column's stored ones.
//
//   text, ENUM, JSON      the text as it is              UUID       8-4-4-4-12 digits
//   integers              numbers; unsigned ones above 2^63 - 1 as their digits in a text
//   FLOAT, DOUBLE         the shortest number that reads back as the same; NaN and infinities as
//                         "NaN", "Infinity", "-Infinity"
//   DECIMAL               a number where JSON's (a 64-bit integer, or a double of 15 significant
//                         digits) has exactly that value, else its digits as text
//   DATE, TIME, TIMESTAMP ISO 8601 texts with all digits of their unit; "Z" behind what is in UTC
//   INT96                 a timestamp in UTC, nanoseconds
//   other bytes           base64
//
// Threads: pure. Failure: kInvalidArgument, with the column's name.
#pragma once

#include "engine/json/value.h"
#include "engine/parquet/metadata.h"

namespace suiro::parquet {

// Of kInt32 (sign-extended) and kInt64.
Result<json::Value> value_of_integer(const Column& column, int64_t value);
// Of kByteArray and kFixedLength.
Result<json::Value> value_of_bytes(const Column& column, ByteView bytes);
// Bytes of a value of a fixed width as PLAIN has it; zero: kBoolean and kByteArray have none.
size_t plain_width(const Column& column);
// `bytes`: plain_width() of them.
Result<json::Value> value_of_plain(const Column& column, ByteView bytes);

uint32_t read_le32(ByteView bytes);
uint64_t read_le64(ByteView bytes);

}  // namespace suiro::parquet
