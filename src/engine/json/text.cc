// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>

#include "engine/json/value.h"

namespace suiro::json {
namespace {

// Builds a Value of Boost.JSON's events.
struct Builder {
  using error_code = boost::system::error_code;
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;

  struct Open {
    Value value;  // an array or an object
    std::string name;
  };
  std::vector<Open> open;
  Value root;
  std::string text;

  void add(Value value) {
    if (open.empty()) {
      root = std::move(value);
    } else if (Open& top = open.back(); top.value.is_array()) {
      top.value.edit_array().push_back(std::move(value));
    } else {
      top.value.edit_object().set(std::move(top.name), std::move(value));
      top.name.clear();
    }
  }
  void close() {
    Value done = std::move(open.back().value);
    open.pop_back();
    add(std::move(done));
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return open.push_back({Object{}, {}}), true; }
  bool on_object_end(std::size_t, error_code&) { return close(), true; }
  bool on_array_begin(error_code&) { return open.push_back({Array{}, {}}), true; }
  bool on_array_end(std::size_t, error_code&) { return close(), true; }
  bool on_key_part(std::string_view part, std::size_t, error_code&) {
    return open.back().name.append(part), true;
  }
  bool on_key(std::string_view part, std::size_t, error_code&) {
    return open.back().name.append(part), true;
  }
  bool on_string_part(std::string_view part, std::size_t, error_code&) {
    return text.append(part), true;
  }
  bool on_string(std::string_view part, std::size_t, error_code&) {
    text.append(part);
    add(std::move(text));
    text.clear();
    return true;
  }
  bool on_number_part(std::string_view, error_code&) { return true; }
  bool on_int64(int64_t value, std::string_view, error_code&) { return add(value), true; }
  bool on_uint64(uint64_t value, std::string_view, error_code&) {
    return add(static_cast<double>(value)), true;
  }
  // The parser's own value can be off by the last digit. The text is whole: it comes in one piece.
  bool on_double(double value, std::string_view digits, error_code&) {
    double exact = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), exact);
    const bool is_whole = failed == std::errc() && end == digits.data() + digits.size();
    return add(is_whole ? exact : value), true;
  }
  bool on_bool(bool value, error_code&) { return add(value), true; }
  bool on_null(error_code&) { return add(nullptr), true; }
  bool on_comment_part(std::string_view, error_code&) { return true; }
  bool on_comment(std::string_view, error_code&) { return true; }
};

// Takes Boost.JSON's events and keeps nothing.
struct Listener {
  using error_code = boost::system::error_code;
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t, error_code&) { return true; }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(std::string_view, std::size_t, error_code&) { return true; }
  bool on_key(std::string_view, std::size_t, error_code&) { return true; }
  bool on_string_part(std::string_view, std::size_t, error_code&) { return true; }
  bool on_string(std::string_view, std::size_t, error_code&) { return true; }
  bool on_number_part(std::string_view, error_code&) { return true; }
  bool on_int64(int64_t, std::string_view, error_code&) { return true; }
  bool on_uint64(uint64_t, std::string_view, error_code&) { return true; }
  bool on_double(double, std::string_view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(std::string_view, error_code&) { return true; }
  bool on_comment(std::string_view, error_code&) { return true; }
};

void append_escaped(std::string& out, std::string_view text) {
  out += '"';
  size_t from = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, from, at - from);
    from = at + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        fmt::format_to(std::back_inserter(out), "\\u{:04X}", c);
    }
  }
  out.append(text, from);
  out += '"';
}

void append_line(std::string& out, int level) {
  if (level < 0) return;
  out += '\n';
  out.append(static_cast<size_t>(level) * 2, ' ');
}

// How many bytes more than one each byte takes within quotes.
struct EscapeBytes {
  constexpr EscapeBytes() {
    for (size_t c = 0; c < 0x20; ++c) more[c] = 5;
    for (const unsigned char c : {'"', '\\', '\n', '\r', '\t', '\b', '\f'}) more[c] = 1;
  }
  uint8_t more[256] = {};
};
constexpr EscapeBytes kEscapeBytes;

size_t escaped_size(std::string_view text) {
  size_t size = text.size() + 2;
  for (const char c : text) size += kEscapeBytes.more[static_cast<unsigned char>(c)];
  return size;
}

// Counts the bytes of compact JSON text. Every value takes at least one, so the limit bounds the
// time, too, however often parts of the value are shared.
class Counter {
 public:
  explicit Counter(size_t bytes_max) : bytes_max_(bytes_max) {}

  size_t count(const Value& value) {
    add(value, 1);
    return bytes_;
  }
  bool is_too_deep() const { return is_too_deep_; }

 private:
  bool is_over() const { return bytes_ > bytes_max_; }

  void add(const Value& value, int depth) {
    switch (value.kind()) {
      case Kind::kString:
        bytes_ += escaped_size(value.as_string());
        return;
      case Kind::kArray: {
        const Array& array = value.as_array();
        if (!enter(depth)) return;
        bytes_ += array.empty() ? 0 : array.size() - 1;
        for (size_t i = 0; i < array.size() && !is_over(); ++i) add(array[i], depth + 1);
        return;
      }
      case Kind::kObject: {
        const Object& object = value.as_object();
        if (!enter(depth)) return;
        bytes_ += object.empty() ? 0 : 2 * object.size() - 1;
        for (size_t i = 0; i < object.size() && !is_over(); ++i) {
          bytes_ += escaped_size(object.at(i).first);
          add(object.at(i).second, depth + 1);
        }
        return;
      }
      default:
        bytes_ += write(value).size();
    }
  }
  // Into an array or object: its brackets.
  bool enter(int depth) {
    bytes_ += 2;
    is_too_deep_ = is_too_deep_ || depth > kDepthMax;
    if (is_too_deep_)
      bytes_ = std::max(bytes_, bytes_max_ == SIZE_MAX ? SIZE_MAX / 2 : bytes_max_ + 1);
    return !is_too_deep_;
  }

  size_t bytes_max_;
  size_t bytes_ = 0;
  bool is_too_deep_ = false;
};

// `level` < 0: compact.
void write_value(std::string& out, const Value& value, int level) {
  int inner = level < 0 ? -1 : level + 1;
  bool first = true;
  auto separate = [&] {
    if (!first) out += ',';
    first = false;
    append_line(out, inner);
  };
  switch (value.kind()) {
    case Kind::kNull:
      out += "null";
      break;
    case Kind::kBool:
      out += value.as_bool() ? "true" : "false";
      break;
    case Kind::kInteger:
      fmt::format_to(std::back_inserter(out), "{}", value.as_integer());
      break;
    case Kind::kDouble:
      append_double(out, value.as_double());
      break;
    case Kind::kString:
      append_escaped(out, value.as_string());
      break;
    case Kind::kArray:
      out += '[';
      for (const Value& element : value.as_array()) {
        separate();
        write_value(out, element, inner);
      }
      if (!first) append_line(out, level);
      out += ']';
      break;
    case Kind::kObject:
      out += '{';
      for (const auto& [name, member] : value.as_object()) {
        separate();
        append_escaped(out, name);
        out += level < 0 ? ":" : ": ";
        write_value(out, member, inner);
      }
      if (!first) append_line(out, level);
      out += '}';
      break;
  }
}

}  // namespace

Result<Value> parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::basic_parser<Builder> parser(options);
  boost::system::error_code error;
  size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = boost::json::error::extra_data;
  if (error) {
    return fail(codes::kInvalidArgument,
                fmt::format("not JSON at offset {}: {}", used, error.message()));
  }
  return std::move(parser.handler().root);
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  double size = std::fabs(value);
  if (size != 0 && (size < 1e-3 || size >= 1e7)) {
    char digits[32];
    auto [end, error] =
        std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific);
    std::string_view all(digits, end);
    size_t e = all.find('e');
    std::string_view mantissa = all.substr(0, e);
    out += mantissa;
    if (mantissa.find('.') == std::string_view::npos) out += ".0";
    int exponent = 0;
    std::string_view tail = all.substr(e + 1);
    if (tail.front() == '+') tail.remove_prefix(1);
    std::from_chars(tail.data(), tail.data() + tail.size(), exponent);
    fmt::format_to(std::back_inserter(out), "E{}", exponent);
    return;
  }
  char digits[64];
  auto [end, error] =
      std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed);
  std::string_view all(digits, end);
  out += all;
  if (all.find('.') == std::string_view::npos) out += ".0";
}

void write(std::string& out, const Value& value) {
  write_value(out, value, -1);
}

std::string write(const Value& value) {
  std::string out;
  write_value(out, value, -1);
  return out;
}

std::string write_pretty(const Value& value) {
  std::string out;
  write_value(out, value, 0);
  return out;
}

size_t written_size(const Value& value, size_t bytes_max) {
  return Counter(bytes_max).count(value);
}

Fit fit(const Value& value, size_t bytes_max) {
  Counter counter(bytes_max);
  const size_t bytes = counter.count(value);
  if (counter.is_too_deep()) return Fit::kTooDeep;
  return bytes > bytes_max ? Fit::kTooLarge : Fit::kFits;
}

bool is_readable(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::basic_parser<Listener> parser(options);
  boost::system::error_code error;
  return parser.write_some(false, text.data(), text.size(), error) == text.size() && !error;
}

}  // namespace suiro::json
