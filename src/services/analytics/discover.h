// SPDX-License-Identifier: Apache-2.0
// Guesses an input schema from sample records: JSON objects or CSV lines, their columns, names and
// types. Source of the rules: Developer Guide for SQL, "Using the Schema Discovery Feature".
//
// Threads: any; no state.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "services/analytics/types.h"

namespace suiro::analytics {

inline constexpr size_t kSampleRecordsMax = 100;
inline constexpr size_t kSampleBytesMax = size_t{1} << 20;
inline constexpr size_t kShownRecordsMax = 20;  // raw, processed and parsed ones in the answer
inline constexpr size_t kFlattenLevels = 2;

struct Discovered {
  Schema schema;
  std::vector<std::vector<std::string>> parsed;
  std::vector<std::string> processed;  // what the function made of them; empty: there was none
  std::vector<std::string> raw;
};

// Errors: UnableToDetectSchemaException, whose details hold the records as RawInputRecords.
Result<Discovered> discover(const std::vector<Bytes>& records);

// A column's name from an element's: reserved words, bad first characters, other characters and too
// long names get the prefix COL_ and lose what no name may hold.
std::string column_name(std::string_view element);

}  // namespace suiro::analytics
