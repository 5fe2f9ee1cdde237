// SPDX-License-Identifier: Apache-2.0
#include "engine/extract/row_writer.h"

#include "base/bytes.h"
#include "engine/json/value.h"

namespace suiro::extract {
namespace {

void append_tsv(std::string& out, std::string_view text) {
  for (char c : text) {
    switch (c) {
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        out += c;
    }
  }
}

void append_csv(std::string& out, std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (char c : text) {
    if (c == '"') out += c;
    out += c;
  }
  out += '"';
}

// RFC 8259's grammar: databases have numbers that are none (NaN, Infinity).
bool is_json_number(std::string_view text) {
  auto value = json::parse(text);
  return value && value->is_number();
}

Result<void> append_json(std::string& out, const Column& column, std::string_view text) {
  switch (column.kind) {
    case Column::Kind::kNumber:
      if (is_json_number(text)) {
        out += text;
        return ok();
      }
      break;
    case Column::Kind::kBool:
      out += text == "t" || text == "1" || text == "true" ? "true" : "false";
      return ok();
    case Column::Kind::kJson: {
      TRY(json::Value value, json::parse(text));
      json::write(out, value);
      return ok();
    }
    default:
      break;
  }
  json::write(out, json::Value(text));
  return ok();
}

}  // namespace

std::string_view extension_of(Format format) {
  return format == Format::kTsv ? "tsv" : format == Format::kCsv ? "csv" : "jsonl";
}

void RowWriter::append_header(std::string& out) const {
  if (format_ == Format::kJsonl) return;
  for (size_t at = 0; at < columns_.size(); ++at) {
    if (at > 0) out += format_ == Format::kTsv ? '\t' : ',';
    if (format_ == Format::kTsv) {
      append_tsv(out, columns_[at].name);
    } else {
      append_csv(out, columns_[at].name);
    }
  }
  out += '\n';
}

Result<void> RowWriter::append_json_row(std::string& out, std::span<const Field> fields) const {
  out += '{';
  for (size_t at = 0; at < fields.size(); ++at) {
    if (at > 0) out += ',';
    json::write(out, json::Value(columns_[at].name));
    out += ':';
    if (!fields[at]) {
      out += "null";
    } else if (columns_[at].kind == Column::Kind::kBinary) {
      json::write(out, json::Value(base64_encode(*fields[at])));
    } else {
      TRY_VOID(append_json(out, columns_[at], *fields[at]));
    }
  }
  out += "}\n";
  return ok();
}

Result<void> RowWriter::append_row(std::string& out, std::span<const Field> fields) const {
  if (format_ == Format::kJsonl) return append_json_row(out, fields);
  for (size_t at = 0; at < fields.size(); ++at) {
    if (at > 0) out += format_ == Format::kTsv ? '\t' : ',';
    if (!fields[at]) {
      if (format_ == Format::kTsv) out += "\\N";
      continue;
    }
    std::string binary;
    std::string_view text = *fields[at];
    if (columns_[at].kind == Column::Kind::kBinary) text = binary = base64_encode(text);
    if (format_ == Format::kTsv) {
      append_tsv(out, text);
    } else {
      append_csv(out, text);
    }
  }
  out += '\n';
  return ok();
}

}  // namespace suiro::extract
