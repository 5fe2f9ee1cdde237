// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/picture_number.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <vector>

#include "engine/jsonata/number_text.h"
#include "engine/jsonata/value.h"

namespace suiro::jsonata {
namespace {

using Points = std::u32string;
using View = std::u32string_view;
constexpr size_t kNone = View::npos;
// Decimal places that are printed.
constexpr size_t kPlacesMax = 100;

struct Symbols {
  char32_t decimal, grouping, exponent, digit, zero, separator, percent, per_mille;
  Points minus;

  explicit Symbols(const NumberSymbols& given) {
    auto one = [&](std::string_view name, char32_t otherwise) {
      const auto found = given.find(name);
      return found == given.end() || found->second.empty() ? otherwise : found->second[0];
    };
    decimal = one("decimal-separator", U'.');
    grouping = one("grouping-separator", U',');
    exponent = one("exponent-separator", U'e');
    digit = one("digit", U'#');
    zero = one("zero-digit", U'0');
    separator = one("pattern-separator", U';');
    percent = one("percent", U'%');
    per_mille = one("per-mille", U'\u2030');
    const auto found = given.find("minus-sign");
    minus = found == given.end() ? U"-" : found->second;
  }
  bool is_digit(char32_t c) const { return c >= zero && c <= zero + 9; }
  bool is_place(char32_t c) const { return is_digit(c) || c == digit; }
  bool is_active(char32_t c) const {
    return is_place(c) || c == decimal || c == exponent || c == grouping || c == separator;
  }
};

// What a picture (one of two) says.
struct Form {
  Points whole, prefix, suffix, active, mantissa, integer, fraction;
  std::optional<Points> exponent;
  // Numbers of digits.
  size_t integer_min = 0, fraction_min = 0, fraction_max = 0, exponent_min = 0;
  int scale = 0;
  std::vector<size_t> groups, fraction_groups;
  size_t regular_group = 0;
};

template <class Is>
size_t count(View text, Is is) {
  return static_cast<size_t>(std::ranges::count_if(text, is));
}

Form split(View picture, const Symbols& s) {
  Form out;
  out.whole = picture;
  auto bounds = [&](char32_t c) { return s.is_active(c) && c != s.exponent; };
  const auto first = std::ranges::find_if(picture, bounds);
  const auto last = std::find_if(picture.rbegin(), picture.rend(), bounds);
  const size_t begin = first == picture.end() ? 0 : static_cast<size_t>(first - picture.begin());
  const size_t end = last == picture.rend()
                         ? picture.size()
                         : picture.size() - static_cast<size_t>(last - picture.rbegin());
  out.prefix = picture.substr(0, begin);
  out.suffix = picture.substr(end);
  out.active = picture.substr(begin, end - begin);
  const size_t e = out.active.find(s.exponent);
  out.mantissa = out.active.substr(0, e);
  if (e != kNone) out.exponent = out.active.substr(e + 1);
  const size_t point = out.mantissa.find(s.decimal);
  out.integer = out.mantissa.substr(0, point);
  if (point != kNone) out.fraction = out.mantissa.substr(point + 1);
  return out;
}

// The code of what is wrong; the last rule that is broken wins.
std::string_view check(const Form& form, const Symbols& s) {
  const View whole = form.whole;
  auto twice = [&](char32_t c) { return whole.find(c) != whole.rfind(c); };
  auto has = [&](char32_t c) { return whole.find(c) != kNone; };
  auto is_digit = [&](char32_t c) { return s.is_digit(c); };
  std::string_view code;
  const size_t point = whole.find(s.decimal);
  if (twice(s.decimal)) code = "D3081";
  if (twice(s.percent)) code = "D3082";
  if (twice(s.per_mille)) code = "D3083";
  if (has(s.percent) && has(s.per_mille)) code = "D3084";
  if (count(form.mantissa, [&](char32_t c) { return s.is_place(c); }) == 0) code = "D3085";
  if (count(form.active, [&](char32_t c) { return !s.is_active(c); }) > 0) code = "D3086";
  if (point != kNone) {
    const bool before = point > 0 && whole[point - 1] == s.grouping;
    const bool behind = point + 1 < whole.size() && whole[point + 1] == s.grouping;
    if (before || behind) code = "D3087";
  } else if (!form.integer.empty() && form.integer.back() == s.grouping) {
    code = "D3088";
  }
  if (whole.find(Points(2, s.grouping)) != kNone) code = "D3089";
  const size_t first = form.integer.find(s.digit);
  if (first != kNone && count(View(form.integer).substr(0, first), is_digit) > 0) code = "D3090";
  const size_t last = form.fraction.rfind(s.digit);
  if (last != kNone && count(View(form.fraction).substr(last), is_digit) > 0) code = "D3091";
  if (form.exponent && !form.exponent->empty() && (has(s.percent) || has(s.per_mille))) {
    code = "D3092";
  }
  if (form.exponent &&
      (form.exponent->empty() || count(*form.exponent, is_digit) < form.exponent->size())) {
    code = "D3093";
  }
  return code;
}

void analyse(Form& form, const Symbols& s) {
  auto is_digit = [&](char32_t c) { return s.is_digit(c); };
  auto is_place = [&](char32_t c) { return s.is_place(c); };
  for (size_t i = 0; i < form.integer.size(); ++i) {
    if (form.integer[i] == s.grouping) {
      form.groups.push_back(count(View(form.integer).substr(i), is_place));
    }
  }
  for (size_t i = 0; i < form.fraction.size(); ++i) {
    if (form.fraction[i] == s.grouping) {
      form.fraction_groups.push_back(count(View(form.fraction).substr(0, i), is_place));
    }
  }
  const size_t factor = std::accumulate(form.groups.begin(), form.groups.end(), size_t{0},
                                        [](size_t a, size_t b) { return std::gcd(a, b); });
  bool regular = !form.groups.empty();
  for (size_t i = 1; regular && i <= form.groups.size(); ++i) {
    regular = std::ranges::find(form.groups, i * factor) != form.groups.end();
  }
  form.regular_group = regular ? factor : 0;
  form.integer_min = count(form.integer, is_digit);
  form.scale = static_cast<int>(form.integer_min);
  form.fraction_min = count(form.fraction, is_digit);
  form.fraction_max = std::min(count(form.fraction, is_place), kPlacesMax);
  if (form.integer_min == 0 && form.fraction_max == 0) {
    if (form.exponent) {
      form.fraction_min = form.fraction_max = 1;
    } else {
      form.integer_min = 1;
    }
  }
  if (form.exponent && form.integer_min == 0 && form.integer.find(s.digit) != kNone) {
    form.integer_min = 1;
  }
  if (form.integer_min == 0 && form.fraction_min == 0) form.fraction_min = 1;
  if (form.exponent) form.exponent_min = count(*form.exponent, is_digit);
}

Points grouped(const std::string& digits, const Form& form, const Symbols& s) {
  Points out;
  for (size_t i = 0; i < digits.size(); ++i) {
    const size_t right = digits.size() - i;
    const bool here = form.regular_group > 0
                          ? right % form.regular_group == 0
                          : std::ranges::find(form.groups, right) != form.groups.end();
    if (here && i > 0) out += s.grouping;
    out += s.zero + static_cast<char32_t>(digits[i] - '0');
  }
  return out;
}

std::string to_text(View points) {
  std::string out;
  for (char32_t point : points) append_point(out, point);
  return out;
}

std::string print(double mantissa, std::optional<int> exponent, const Form& form,
                  const Symbols& s) {
  const double rounded = round_half_even(mantissa, static_cast<int>(form.fraction_max));
  const std::string fixed = fmt::format("{:.{}f}", std::fabs(rounded), form.fraction_max);
  const size_t point = fixed.find('.');
  std::string integer = fixed.substr(0, point);
  std::string fraction = point == std::string::npos ? "" : fixed.substr(point + 1);
  integer.erase(0, std::min(integer.find_first_not_of('0'), integer.size()));
  while (fraction.ends_with('0')) fraction.pop_back();
  if (integer.size() < form.integer_min) integer.insert(0, form.integer_min - integer.size(), '0');
  if (fraction.size() < form.fraction_min) fraction.resize(form.fraction_min, '0');
  Points out = form.prefix + grouped(integer, form, s);
  if (!fraction.empty() && form.whole.find(s.decimal) != kNone) {
    out += s.decimal;
    for (size_t i = 0; i < fraction.size(); ++i) {
      if (i > 0 && std::ranges::find(form.fraction_groups, i) != form.fraction_groups.end()) {
        out += s.grouping;
      }
      out += s.zero + static_cast<char32_t>(fraction[i] - '0');
    }
  }
  if (exponent) {
    std::string digits = std::to_string(std::abs(*exponent));
    if (digits.size() < form.exponent_min) digits.insert(0, form.exponent_min - digits.size(), '0');
    out += s.exponent;
    if (*exponent < 0) out += s.minus;
    for (char c : digits) out += s.zero + static_cast<char32_t>(c - '0');
  }
  return to_text(out + form.suffix);
}

}  // namespace

Points to_points(std::string_view text) {
  Points out;
  for (size_t at = 0; at < text.size();) out += next_point(text, at);
  return out;
}

std::expected<std::string, Fault> format_number(double value, std::string_view picture,
                                                const NumberSymbols& symbols) {
  const Symbols s(symbols);
  const Points all = to_points(picture);
  const size_t between = all.find(s.separator);
  if (between != all.rfind(s.separator)) return std::unexpected(Fault{.code = "D3080"});
  std::vector<Form> forms = {split(View(all).substr(0, between), s)};
  if (between != kNone) forms.push_back(split(View(all).substr(between + 1), s));
  for (Form& form : forms) {
    const std::string_view code = check(form, s);
    if (!code.empty()) return std::unexpected(Fault{.code = std::string(code)});
    analyse(form, s);
  }
  if (forms.size() == 1) {
    forms.push_back(forms[0]);
    forms[1].prefix.insert(0, s.minus);
  }
  const Form& form = forms[value >= 0 ? 0 : 1];
  double mantissa = value;
  if (form.whole.find(s.percent) != kNone) {
    mantissa *= 100;
  } else if (form.whole.find(s.per_mille) != kNone) {
    mantissa *= 1000;
  }
  if (!std::isfinite(mantissa)) {
    return std::unexpected(Fault{.code = "D1001", .value = number_text(mantissa)});
  }
  std::optional<int> exponent;
  if (form.exponent_min > 0) {
    exponent = 0;
    const double most = std::pow(10, form.scale), least = std::pow(10, form.scale - 1);
    for (; mantissa != 0 && std::fabs(mantissa) < least; --*exponent) mantissa *= 10;
    for (; std::fabs(mantissa) > most; ++*exponent) mantissa /= 10;
  }
  return print(mantissa, exponent, form, s);
}

}  // namespace suiro::jsonata
