// SPDX-License-Identifier: Apache-2.0
// Which types go together: branches of CASE, columns of UNION, columns of INSERT.
// Source of the rules: the service's SQL reference, "Data Types" (assignability).
#include <algorithm>

#include "engine/sql/bind.h"

namespace suiro::sql {
namespace {

uint32_t whole_digits(const Type& type) {
  switch (type.kind) {
    case TypeKind::kTinyint:
      return 3;
    case TypeKind::kSmallint:
      return 5;
    case TypeKind::kInteger:
      return 10;
    case TypeKind::kBigint:
      return 19;
    default:
      return type.length - type.scale;
  }
}

Type common_number(const Type& a, const Type& b) {
  Type out;
  if (a.lane() == Lane::kReal || b.lane() == Lane::kReal) {
    out.kind = a.kind == TypeKind::kReal && b.kind == TypeKind::kReal ? TypeKind::kReal
                                                                      : TypeKind::kDouble;
  } else if (a.is_integer() && b.is_integer()) {
    out.kind = std::max(a.kind, b.kind);
  } else {
    out.kind = TypeKind::kDecimal;
    const uint32_t scale = std::max(a.is_integer() ? 0 : a.scale, b.is_integer() ? 0 : b.scale);
    const uint32_t whole = std::max(whole_digits(a), whole_digits(b));
    out.length = std::min(whole + scale, kDecimalDigitsMax);
    out.scale = std::min(scale, out.length);
  }
  return out;
}

Type common_text(const Type& a, const Type& b) {
  Type out;
  const bool fixed = a.kind == b.kind && a.length == b.length;
  const bool binary = a.is_binary();
  out.kind = fixed ? a.kind : binary ? TypeKind::kVarbinary : TypeKind::kVarchar;
  out.length = std::max(a.length, b.length);
  return out;
}

Type common_interval(const Type& a, const Type& b) {
  Type out = a;
  out.leading = std::min(a.leading, b.leading);
  out.trailing = std::max(a.trailing, b.trailing);
  out.leading_digits = std::max(a.leading_digits, b.leading_digits);
  out.fraction_digits = std::max(a.fraction_digits, b.fraction_digits);
  return out;
}

}  // namespace

std::optional<Type> common_type(const Type& a, const Type& b) {
  std::optional<Type> out;
  if (a.kind == TypeKind::kNull) {
    out = b;
  } else if (b.kind == TypeKind::kNull) {
    out = a;
  } else if (a.is_numeric() && b.is_numeric()) {
    out = common_number(a, b);
  } else if ((a.is_text() && b.is_text()) || (a.is_binary() && b.is_binary())) {
    out = common_text(a, b);
  } else if (a.is_interval() && a.kind == b.kind) {
    out = common_interval(a, b);
  } else if (a.kind == b.kind && a.kind != TypeKind::kRow) {
    out = a;
  }
  if (out) {
    out->nullable =
        a.nullable || b.nullable || a.kind == TypeKind::kNull || b.kind == TypeKind::kNull;
  }
  return out;
}

bool is_assignable(const Type& from, const Type& to) {
  if (from.kind == TypeKind::kNull) return true;
  if (from.is_numeric()) return to.is_numeric();
  if (from.is_text()) return to.is_text();
  if (from.is_binary()) return to.is_binary();
  return from.kind == to.kind && from.kind != TypeKind::kRow;
}

bool same_type(const Type& a, const Type& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == TypeKind::kDecimal) return a.length == b.length && a.scale == b.scale;
  if (a.lane() == Lane::kText) return a.length == b.length;
  if (a.is_interval()) return a.leading == b.leading && a.trailing == b.trailing;
  return a.kind != TypeKind::kRow || a.fields == b.fields;
}

}  // namespace suiro::sql
