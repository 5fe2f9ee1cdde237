// SPDX-License-Identifier: Apache-2.0
#include <clocale>
#include <cmath>
#include <cwctype>

#include "engine/jsonata/evaluator.h"

namespace suiro::jsonata {
namespace {

Value fn_string(const Call& call) {
  const Value& value = call[0];
  if (value.undefined() || value.is_string()) return value;
  const bool pretty = call[1].is(Type::kBool) && call[1].truth();
  TextBuilder out(call.evaluator.arena());
  const auto layout = pretty ? Evaluator::Layout::kPretty : Evaluator::Layout::kCompact;
  return call.evaluator.append_string(out, value, layout) ? Value(out.view()) : Value::failed();
}

// Places `begin` to `end` as Array.prototype.slice counts them.
std::string_view slice(std::string_view text, double begin, double end) {
  const auto size = static_cast<double>(count_points(text));
  auto place = [size](double at) {
    at = std::isnan(at) ? 0 : std::trunc(at);
    return at < 0 ? std::max(size + at, 0.0) : std::min(at, size);
  };
  const double from = place(begin), to = place(end);
  if (from >= to) return {};
  const size_t first = offset_of_point(text, static_cast<size_t>(from));
  const std::string_view rest = text.substr(first);
  return rest.substr(0, offset_of_point(rest, static_cast<size_t>(to - from)));
}

Value fn_substring(const Call& call) {
  if (call[0].undefined()) return {};
  const std::string_view text = call[0].text();
  const auto size = static_cast<double>(count_points(text));
  double start = call[1].is_number() ? call[1].number() : 0;
  if (size + start < 0) start = 0;
  if (!call[2].is_number()) return Value(slice(text, start, size));
  const double length = call[2].number();
  if (length <= 0) return Value(std::string_view());
  return Value(slice(text, start, start >= 0 ? start + length : size + start + length));
}

Value fn_substring_before(const Call& call) {
  if (call[0].undefined() || !call[1].is_string()) return call[0];
  const std::string_view text = call[0].text();
  return Value(text.substr(0, find_text(text, call[1].text())));
}

Value fn_substring_after(const Call& call) {
  if (call[0].undefined() || !call[1].is_string()) return call[0];
  const std::string_view text = call[0].text();
  const size_t at = find_text(text, call[1].text());
  return at == std::string_view::npos ? call[0] : Value(text.substr(at + call[1].text().size()));
}

// Letters of all scripts, one by one, as the C library's table of Unicode maps them.
locale_t unicode() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

enum class Case : uint8_t { kLower, kUpper };

template <Case to>
Value fn_case(const Call& call) {
  if (call[0].undefined()) return {};
  constexpr uint32_t kSharpS = 0xDF;
  const std::string_view text = call[0].text();
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const uint32_t point = next_point(text, at);
    if (point < 0x80) {
      const bool letter =
          to == Case::kUpper ? point >= 'a' && point <= 'z' : point >= 'A' && point <= 'Z';
      out += static_cast<char>(letter ? point ^ 0x20 : point);
    } else if (to == Case::kUpper && point == kSharpS) {
      out += "SS";
    } else if (unicode() == nullptr) {
      append_point(out, point);
    } else {
      append_point(
          out, to == Case::kUpper ? towupper_l(point, unicode()) : towlower_l(point, unicode()));
    }
  }
  return call.evaluator.text(out);
}

Value fn_length(const Call& call) {
  if (call[0].undefined()) return {};
  return Value(static_cast<double>(count_points(call[0].text())));
}

Value fn_trim(const Call& call) {
  if (call[0].undefined()) return {};
  std::string out;
  for (char c : call[0].text()) {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!space) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return call.evaluator.text(out);
}

Value fn_pad(const Call& call) {
  if (call[0].undefined()) return {};
  const std::string_view text = call[0].text();
  std::string_view fill = call[2].is_string() ? call[2].text() : "";
  if (fill.empty()) fill = " ";
  const double width = call[1].is_number() ? std::trunc(call[1].number()) : 0;
  const double missing = std::fabs(width) - static_cast<double>(count_points(text));
  if (!(missing > 0)) return call[0];
  Evaluator& evaluator = call.evaluator;
  if (missing > 1e9 || !evaluator.arena().room(static_cast<size_t>(missing) * 4)) {
    evaluator.arena().room(SIZE_MAX);
    return evaluator.step(0), Value::failed();
  }
  auto left = static_cast<size_t>(missing);
  const size_t whole = count_points(fill);
  std::string padding;
  for (; left >= whole; left -= whole) padding += fill;
  padding += fill.substr(0, offset_of_point(fill, left));
  TextBuilder out(evaluator.arena());
  out.append(width > 0 ? text : std::string_view(padding));
  out.append(width > 0 ? std::string_view(padding) : text);
  return Value(out.view());
}

Value fn_join(const Call& call) {
  if (call[0].undefined()) return {};
  const Items items(call[0]);
  if (!call.evaluator.step(items.size())) return Value::failed();
  TextBuilder out(call.evaluator.arena());
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0 && call[1].is_string()) out.append(call[1].text());
    if (items[i].is_string()) out.append(items[i].text());
  }
  return Value(out.view());
}

constexpr NativeEntry kStringFunctions[] = {
    {"string", "<x-b?:s>", 1, fn_string},
    {"substring", "<s-nn?:s>", 3, fn_substring},
    {"substringBefore", "<s-s:s>", 2, fn_substring_before},
    {"substringAfter", "<s-s:s>", 2, fn_substring_after},
    {"lowercase", "<s-:s>", 1, fn_case<Case::kLower>},
    {"uppercase", "<s-:s>", 1, fn_case<Case::kUpper>},
    {"length", "<s-:n>", 1, fn_length},
    {"trim", "<s-:s>", 1, fn_trim},
    {"pad", "<s-ns?:s>", 3, fn_pad},
    {"join", "<a<s>s?:s>", 2, fn_join},
};

}  // namespace

std::span<const NativeEntry> string_functions() {
  return kStringFunctions;
}

}  // namespace suiro::jsonata
