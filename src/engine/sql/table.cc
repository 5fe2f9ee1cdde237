// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/table.h"

#include <cmath>

#include "base/bytes.h"

namespace suiro::sql {

Result<size_t> column_named(std::string_view function, const Schema& cursor,
                            std::string_view name) {
  std::vector<size_t> alike;
  for (size_t i = 0; i < cursor.size(); ++i) {
    if (cursor[i].name == name) return i;
    if (equal_ignore_case(cursor[i].name, name)) alike.push_back(i);
  }
  if (alike.size() == 1) return alike[0];
  return refuse("{}: the cursor has no column {}", function, name);
}

Result<std::vector<size_t>> numeric_columns(std::string_view function, const Schema& cursor,
                                            size_t most) {
  std::vector<size_t> out;
  for (size_t i = 0; i < cursor.size(); ++i) {
    const auto& type = cursor[i].type;
    if (type.kind == TypeKind::kDecimal) {
      return refuse("{}: column {} is a DECIMAL: CAST it AS DOUBLE", function, cursor[i].name);
    }
    if (type.is_numeric()) out.push_back(i);
  }
  if (out.empty()) return refuse("{}: the cursor has no numeric column", function);
  if (out.size() > most) {
    return refuse("{}: the cursor has {} numeric columns, at most {}", function, out.size(), most);
  }
  return out;
}

void prepare(Rows& rows, const Schema& schema) {
  if (!rows.columns.empty()) return;
  for (const auto& field : schema) rows.columns.push_back({.lane = field.type.lane()});
}

bool number_at(const Vector& column, size_t row, double& value) {
  const Value at = column.at(row);
  if (at.null) return false;
  value = column.lane == Lane::kReal ? at.real : static_cast<double>(at.integer);
  return std::isfinite(value);
}

uint64_t stable_hash(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001B3U;
  }
  return StateRandom(hash).next();
}

}  // namespace suiro::sql
