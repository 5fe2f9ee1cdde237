// SPDX-License-Identifier: Apache-2.0
#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "shapes/json.h"
#include "shapes/scalar.h"

namespace suiro::shapes {
namespace {

std::string sdk_name(std::string_view name) {
  std::string out(name);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
  return out;
}

// As Java's Instant writes itself: no fraction where there is none.
std::string sdk_time(TimePoint when) {
  std::string out = format_iso8601(when);
  if (out.ends_with(".000Z")) out.replace(out.size() - 5, 5, "Z");
  return out;
}

class Writer {
 public:
  Writer(std::string& out, Dialect dialect) : out_(out), dialect_(dialect) {}

  void structure(const Shape& shape, const void* value) {
    if (is_sdk(dialect_)) return sorted_structure(shape, value);
    out_ += '{';
    bool first = true;
    for (const Member& member : shape.members) {
      if (dialect_ == Dialect::kWire && !member.in_response_body()) continue;
      if (is_streamed(member.shape->kind)) continue;
      const void* held = member.get(value);
      if (held == nullptr) continue;
      if (!first) out_ += ',';
      first = false;
      append_json_string(out_, dialect_ == Dialect::kWire ? member.wire_name : member.name);
      out_ += ':';
      this->member(member, held);
    }
    out_ += '}';
  }

  void member(const Member& member, const void* value) {
    const TimeFormat own = member.time_format;
    any(*member.shape, value, own == TimeFormat::kDefault ? member.shape->time_format : own);
  }

 private:
  void sorted_structure(const Shape& shape, const void* value) {
    std::vector<std::pair<std::string, const Member*>> present;
    for (const Member& member : shape.members) {
      if (is_streamed(member.shape->kind) || member.get(value) == nullptr) continue;
      present.emplace_back(sdk_name(member.name), &member);
    }
    std::ranges::sort(present, {}, &std::pair<std::string, const Member*>::first);
    out_ += '{';
    bool first = true;
    for (const auto& [name, member] : present) {
      if (!first) out_ += ',';
      first = false;
      append_json_string(out_, name);
      out_ += ':';
      this->member(*member, member->get(value));
    }
    out_ += '}';
  }

  void any(const Shape& shape, const void* value, TimeFormat format) {
    switch (shape.kind) {
      case Kind::kString:
        return append_json_string(out_, *static_cast<const std::string*>(value));
      case Kind::kInteger:
        fmt::format_to(std::back_inserter(out_), FMT_COMPILE("{}"),
                       *static_cast<const int32_t*>(value));
        return;
      case Kind::kLong:
        fmt::format_to(std::back_inserter(out_), FMT_COMPILE("{}"),
                       *static_cast<const int64_t*>(value));
        return;
      case Kind::kBoolean:
        out_ += *static_cast<const bool*>(value) ? "true" : "false";
        return;
      case Kind::kDouble:
        return append_json_double(out_, *static_cast<const double*>(value));
      case Kind::kBlob:
        return blob(*static_cast<const Bytes*>(value));
      case Kind::kTimestamp:
        return time(*static_cast<const TimePoint*>(value), format);
      case Kind::kList:
        return list(shape, value);
      case Kind::kMap:
        return map(shape, value);
      case Kind::kStructure:
        return structure(shape, value);
      case Kind::kDocument:
        out_ += boost::json::serialize(*static_cast<const boost::json::value*>(value));
        return;
      case Kind::kStream:
      case Kind::kEvents:
        CHECK(false, "a stream inside JSON");
    }
  }

  void blob(const Bytes& bytes) {
    if (is_sdk(dialect_) && is_valid_utf8(bytes)) return append_json_string(out_, bytes);
    out_ += '"';
    out_ += base64_encode(bytes);
    out_ += '"';
  }

  void time(TimePoint when, TimeFormat format) {
    if (dialect_ == Dialect::kSdkMillis) {
      fmt::format_to(std::back_inserter(out_), FMT_COMPILE("{}"), when.time_since_epoch().count());
      return;
    }
    if (dialect_ == Dialect::kSdk) return append_json_string(out_, sdk_time(when));
    if (format == TimeFormat::kDefault) {
      format = dialect_ == Dialect::kWire ? TimeFormat::kUnix : TimeFormat::kIso8601;
    }
    if (format != TimeFormat::kUnix) {
      append_json_string(
          out_, format == TimeFormat::kRfc822 ? format_http_date(when) : format_iso8601(when));
      return;
    }
    append_epoch_seconds(out_, when);
  }

  void list(const Shape& shape, const void* value) {
    out_ += '[';
    const size_t size = shape.list->size(value);
    for (size_t i = 0; i < size; ++i) {
      if (i > 0) out_ += ',';
      any(*shape.element, shape.list->at(value, i), shape.element->time_format);
    }
    out_ += ']';
  }

  void map(const Shape& shape, const void* value) {
    struct Context {
      Writer* writer;
      const Shape* element;
      bool first = true;
    } context{this, shape.element};
    out_ += '{';
    shape.map->each(value, &context, [](void* at, std::string_view key, const void* held) {
      auto& self = *static_cast<Context*>(at);
      if (!self.first) self.writer->out_ += ',';
      self.first = false;
      append_json_string(self.writer->out_, key);
      self.writer->out_ += ':';
      self.writer->any(*self.element, held, self.element->time_format);
    });
    out_ += '}';
  }

  std::string& out_;
  Dialect dialect_;
};

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    switch (c) {
      case '"':
        out += '"';
        break;
      case '\\':
        out += '\\';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, plain, text.size() - plain);
  out += '"';
}

void append_json_member(std::string& object, std::string_view name, std::string_view text) {
  CHECK(object.size() >= 2 && object.back() == '}');
  object.pop_back();
  if (object.back() != '{') object += ',';
  append_json_string(object, name);
  object += ':';
  append_json_string(object, text);
  object += '}';
}

void append_json_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), value);
  }
}

void append_epoch_seconds(std::string& out, TimePoint when) {
  const int64_t millis = when.time_since_epoch().count();
  if (millis < 0) out += '-';
  const uint64_t size =
      millis < 0 ? 0 - static_cast<uint64_t>(millis) : static_cast<uint64_t>(millis);
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), size / 1000);
  if (size % 1000 == 0) return;
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(".{:03}"), size % 1000);
  while (out.back() == '0') out.pop_back();
}

void write_json(std::string& out, const Shape& shape, const void* value, Dialect dialect) {
  Writer(out, dialect).structure(shape, value);
}

void write_json_member(std::string& out, const Member& member, const void* value, Dialect dialect) {
  Writer(out, dialect).member(member, value);
}

}  // namespace suiro::shapes
