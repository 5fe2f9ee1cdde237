// SPDX-License-Identifier: Apache-2.0
// Rows as the bytes of outputs: docs/decisions/143-sql-output-layout.md.
#include <cmath>
#include <utility>

#include "base/bytes.h"
#include "engine/sql/convert.h"
#include "engine/sql/input_mapper.h"
#include "engine/sql/row_codec.h"

namespace suiro::sql {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

void append_json_text(std::string_view text, Bytes& to) {
  to += '"';
  for (char c : text) {
    switch (c) {
      case '"':
        to += "\\\"";
        break;
      case '\\':
        to += "\\\\";
        break;
      case '\n':
        to += "\\n";
        break;
      case '\r':
        to += "\\r";
        break;
      case '\t':
        to += "\\t";
        break;
      case '\b':
        to += "\\b";
        break;
      case '\f':
        to += "\\f";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          to += "\\u00";
          to += {kHexDigits[static_cast<uint8_t>(c) >> 4], kHexDigits[c & 15]};
        } else {
          to += c;
        }
    }
  }
  to += '"';
}

// As CAST writes it, but with three digits of a fraction always.
std::string plain_text(const Type& type, const Value& value) {
  std::string text = text_of(type, value);
  if (type.kind != TypeKind::kTimestamp && type.kind != TypeKind::kTime) return text;
  const size_t point = text.find('.');
  if (point == std::string::npos) return text + ".000";
  text.append(std::min<size_t>(3, 4 - std::min<size_t>(4, text.size() - point)), '0');
  return text;
}

void append_json(const Type& type, const Value& value, Bytes& to) {
  if (value.null) {
    to += "null";
  } else if (type.kind == TypeKind::kBoolean) {
    to += value.integer != 0 ? "true" : "false";
  } else if (type.lane() == Lane::kReal && !std::isfinite(value.real)) {
    to += "null";
  } else if (type.is_numeric()) {
    append_text(to, type, value);
  } else if (type.is_binary()) {
    append_json_text(base64_encode(value.text), to);
  } else if (type.is_text()) {
    append_json_text(value.text, to);
  } else {
    append_json_text(plain_text(type, value), to);
  }
}

void append_csv(const Type& type, const Value& value, Bytes& to) {
  if (value.null) return;
  std::string text = type.is_binary() ? base64_encode(value.text) : plain_text(type, value);
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string::npos) {
    to += text;
    return;
  }
  to += '"';
  for (char c : text) {
    if (c == '"') to += '"';
    to += c;
  }
  to += '"';
}

}  // namespace

void format_row(const Schema& schema, const Rows& rows, size_t row, OutputFormat format, Bytes& to,
                const OutputLayout& layout) {
  static const Type kMilliseconds = [] {
    Type type;
    type.kind = TypeKind::kBigint;
    return type;
  }();
  const bool by_epoch = layout.timestamps == OutputLayout::Timestamps::kEpochMs;
  const bool json = format == OutputFormat::kJson;
  const bool leave_out = json && layout.nulls == OutputLayout::Nulls::kLeaveOut;
  if (json) to += '{';
  bool first = true;
  for (size_t c = 0; c < schema.size(); ++c) {
    const Value value = value_at(rows.columns[c], row);
    if (leave_out && value.null) continue;
    if (!std::exchange(first, false)) to += ',';
    const bool as_number = by_epoch && schema[c].type.kind == TypeKind::kTimestamp;
    const Type& type = as_number ? kMilliseconds : schema[c].type;
    if (!json) {
      append_csv(type, value, to);
      continue;
    }
    append_json_text(schema[c].name, to);
    to += ':';
    append_json(type, value, to);
  }
  if (json) to += '}';
}

void append_value_text(const Type& type, const Value& value, Bytes& to) {
  to += plain_text(type, value);
}

}  // namespace suiro::sql
