// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/picture_integer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/bytes.h"
#include "engine/jsonata/value.h"

namespace suiro::jsonata {
namespace {

constexpr std::string_view kFew[] = {"Zero",    "One",     "Two",       "Three",    "Four",
                                     "Five",    "Six",     "Seven",     "Eight",    "Nine",
                                     "Ten",     "Eleven",  "Twelve",    "Thirteen", "Fourteen",
                                     "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen"};
constexpr std::string_view kFewth[] = {
    "Zeroth",     "First",     "Second",    "Third",       "Fourth",     "Fifth",     "Sixth",
    "Seventh",    "Eighth",    "Ninth",     "Tenth",       "Eleventh",   "Twelfth",   "Thirteenth",
    "Fourteenth", "Fifteenth", "Sixteenth", "Seventeenth", "Eighteenth", "Nineteenth"};
constexpr std::string_view kTens[] = {"Twenty", "Thirty",  "Forty",  "Fifty",
                                      "Sixty",  "Seventy", "Eighty", "Ninety"};
constexpr std::string_view kThousands[] = {"Thousand", "Million", "Billion", "Trillion"};

// Zeros of the families of decimal digits in Unicode.
constexpr uint32_t kZeros[] = {0x30,   0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6,
                               0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50, 0x0ED0,
                               0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
                               0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900,
                               0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10};

struct Roman {
  int value;
  std::string_view letters;
};
constexpr Roman kRoman[] = {{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"},
                            {90, "xc"},  {50, "l"},   {40, "xl"}, {10, "x"},   {9, "ix"},
                            {5, "v"},    {4, "iv"},   {1, "i"}};

enum class Number : uint8_t { kCardinal, kOrdinal };

// Whether it follows other words: "... and one", "..., one hundred".
enum class Place : uint8_t { kFirst, kBehind };

std::string words(double value, Place place, Number number) {
  const bool ordinal = number == Number::kOrdinal, behind = place == Place::kBehind;
  if (value < 20) {
    const auto at = static_cast<size_t>(value);
    return (behind ? " and " : "") + std::string(ordinal ? kFewth[at] : kFew[at]);
  }
  if (value < 100) {
    const auto tens = static_cast<size_t>(value) / 10, rest = static_cast<size_t>(value) % 10;
    std::string out = (behind ? " and " : "") + std::string(kTens[tens - 2]);
    if (rest > 0) return out + "-" + words(static_cast<double>(rest), Place::kFirst, number);
    return ordinal ? out.substr(0, out.size() - 1) + "ieth" : out;
  }
  double unit = 100;
  std::string_view name = "Hundred";
  if (value >= 1000) {
    const auto power = std::min<size_t>(static_cast<size_t>(std::floor(std::log10(value) / 3)),
                                        std::size(kThousands));
    unit = std::pow(1000, static_cast<double>(power));
    name = kThousands[power - 1];
  }
  const double count = std::floor(value / unit), rest = value - count * unit;
  std::string out = (behind ? ", " : "") + words(count, Place::kFirst, Number::kCardinal) + " " +
                    std::string(name);
  if (rest > 0) return out + words(rest, Place::kBehind, number);
  return ordinal ? out + "th" : out;
}

const std::map<std::string, double, std::less<>>& word_values() {
  static const auto values = [] {
    std::map<std::string, double, std::less<>> out;
    for (size_t i = 0; i < std::size(kFew); ++i) {
      out[to_lower(kFew[i])] = static_cast<double>(i);
      out[to_lower(kFewth[i])] = static_cast<double>(i);
    }
    for (size_t i = 0; i < std::size(kTens); ++i) {
      const std::string word = to_lower(kTens[i]);
      out[word] = out[word.substr(0, word.size() - 1) + "ieth"] = static_cast<double>(i + 2) * 10;
    }
    out["hundred"] = out["hundredth"] = 100;
    for (size_t i = 0; i < std::size(kThousands); ++i) {
      const std::string word = to_lower(kThousands[i]);
      out[word] = out[word + "th"] = std::pow(1000, static_cast<double>(i + 1));
    }
    return out;
  }();
  return values;
}

double parse_words(std::string_view text) {
  std::string rest = to_lower(text);
  std::vector<std::string> parts(1);
  for (size_t at = 0; at < rest.size();) {
    const std::string_view here = std::string_view(rest).substr(at);
    const size_t between = here.starts_with(", ")      ? 2
                           : here.starts_with(" and ") ? 5
                           : here[0] == ' ' || here[0] == '\t' || here[0] == '\n' || here[0] == '-'
                               ? 1
                               : 0;
    if (between == 0) {
      parts.back() += here[0];
      ++at;
    } else {
      parts.emplace_back();
      at += between;
    }
  }
  std::vector<double> sums = {0};
  for (const std::string& part : parts) {
    const auto found = word_values().find(part);
    if (found == word_values().end()) return NAN;
    if (found->second >= 100) {
      sums.back() *= found->second;
    } else if (sums.back() >= 1000) {
      sums.push_back(found->second);
    } else {
      sums.back() += found->second;
    }
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

std::string letters(double value, char first) {
  std::string out;
  for (; value > 0; value = std::floor((value - 1) / 26)) {
    out += static_cast<char>(first + static_cast<int>(std::fmod(value - 1, 26)));
  }
  return {out.rbegin(), out.rend()};
}

double parse_roman(std::string_view text) {
  double out = 0, most = 1;
  for (size_t at = text.size(); at-- > 0;) {
    const auto* digit = std::ranges::find(kRoman, text.substr(at, 1), &Roman::letters);
    if (digit == std::end(kRoman)) return NAN;
    const double value = digit->value;
    out += value < most ? -value : value;
    most = std::max(most, value);
  }
  return out;
}

uint32_t zero_of(uint32_t point) {
  for (uint32_t zero : kZeros) {
    if (point >= zero && point <= zero + 9) return zero;
  }
  return 0;
}

std::string suffix_of(const std::string& digits) {
  const char last = digits.back();
  const bool teen = digits.size() > 1 && digits[digits.size() - 2] == '1';
  if (teen || last < '1' || last > '3') return "th";
  return last == '1' ? "st" : last == '2' ? "nd" : "rd";
}

}  // namespace

std::string in_case(std::string text, IntegerPicture::Case letter_case) {
  if (letter_case == IntegerPicture::Case::kLower) return to_lower(text);
  if (letter_case == IntegerPicture::Case::kUpper) {
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c ^ 0x20) : c;
  }
  return text;
}

std::expected<IntegerPicture, Fault> IntegerPicture::read(std::string_view picture) {
  IntegerPicture out;
  const size_t semicolon = picture.rfind(';');
  const std::string_view form = picture.substr(0, semicolon);
  if (semicolon != std::string_view::npos) {
    out.ordinal = picture.substr(semicolon + 1).starts_with('o');
  }
  if (form == "A" || form == "I" || form == "W") out.letter_case = Case::kUpper;
  if (form == "Ww") out.letter_case = Case::kTitle;
  if (form == "A" || form == "a") return out.form = Form::kLetters, out;
  if (form == "I" || form == "i") return out.form = Form::kRoman, out;
  if (form == "W" || form == "w" || form == "Ww") return out.form = Form::kWords, out;
  std::vector<uint32_t> points;
  for (size_t at = 0; at < form.size();) points.push_back(next_point(form, at));
  size_t digits = 0;
  for (size_t i = points.size(); i-- > 0;) {
    const uint32_t zero = zero_of(points[i]);
    if (zero != 0) {
      if (out.mandatory > 0 && zero != out.zero) return std::unexpected(Fault{.code = "D3131"});
      out.zero = zero;
      ++out.mandatory;
      ++digits;
    } else if (points[i] == '#') {
      ++out.optional;
      ++digits;
    } else {
      out.separators.push_back({digits, points[i]});
    }
  }
  if (out.mandatory == 0) {
    return std::unexpected(Fault{.code = "D3130"}.with_value(quoted(form)));
  }
  out.find_group();
  return out;
}

void IntegerPicture::find_group() {
  size_t factor = 0;
  for (const Separator& separator : separators) {
    if (separator.point != separators[0].point) return;
    factor = std::gcd(factor, separator.position);
  }
  for (size_t i = 1; i <= separators.size(); ++i) {
    if (std::ranges::find(separators, i * factor, &Separator::position) == separators.end()) {
      return;
    }
  }
  group = factor;
}

std::string IntegerPicture::format_decimal(double value) const {
  std::string digits = number_text(value);
  if (digits.size() < mandatory) digits.insert(0, mandatory - digits.size(), '0');
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    const size_t right = digits.size() - i;  // digits from here on
    for (const Separator& separator : separators) {
      const bool here = group > 0 ? right % group == 0 && &separator == &separators[0]
                                  : right == separator.position;
      if (here && i > 0) append_point(out, separator.point);
    }
    const bool digit = digits[i] >= '0' && digits[i] <= '9';
    append_point(out, digit ? static_cast<uint32_t>(digits[i] - '0') + zero
                            : static_cast<uint32_t>(digits[i]));
  }
  return ordinal ? out + suffix_of(digits) : out;
}

std::expected<std::string, Fault> IntegerPicture::format(double value) const {
  const double size = std::fabs(value);
  std::string out;
  switch (form) {
    case Form::kLetters:
      out = letters(size, letter_case == Case::kUpper ? 'A' : 'a');
      break;
    case Form::kRoman: {
      if (size > kRomanMax) {
        return std::unexpected(Fault{.code = std::string(codes::kTooLarge),
                                     .message = "Roman numerals beyond 1000000 are not written"});
      }
      auto rest = static_cast<int>(size);
      for (const Roman& digit : kRoman) {
        for (; rest >= digit.value; rest -= digit.value) out += digit.letters;
      }
      out = in_case(out, letter_case);
      break;
    }
    case Form::kWords:
      out = in_case(words(size, Place::kFirst, ordinal ? Number::kOrdinal : Number::kCardinal),
                    letter_case);
      break;
    case Form::kDecimal:
      out = format_decimal(size);
  }
  return value < 0 ? "-" + out : out;
}

double IntegerPicture::parse(std::string_view text) const {
  if (form == Form::kWords) return parse_words(text);
  if (form == Form::kRoman) return parse_roman(to_lower(text));
  if (form == Form::kLetters) {
    double out = 0;
    for (char c : text) out = out * 26 + (c - (letter_case == Case::kUpper ? 'A' : 'a') + 1);
    return out;
  }
  std::string digits;
  if (ordinal) text = text.substr(0, text.size() - std::min<size_t>(2, text.size()));
  for (size_t at = 0; at < text.size();) {
    const uint32_t point = next_point(text, at);
    if (point >= zero && point <= zero + 9) {
      digits += static_cast<char>('0' + (point - zero));
    } else if (point == '-' && digits.empty()) {
      digits += '-';
    } else if (std::ranges::find(separators, point, &Separator::point) == separators.end()) {
      break;
    }
  }
  if (digits.find_first_of("0123456789") == std::string::npos) return NAN;
  return std::strtod(digits.c_str(), nullptr);
}

std::string IntegerPicture::pattern() const {
  const bool upper = letter_case == Case::kUpper;
  switch (form) {
    case Form::kLetters:
      return upper ? "[A-Z]+" : "[a-z]+";
    case Form::kRoman:
      return upper ? "[MDCLXVI]+" : "[mdclxvi]+";
    case Form::kWords: {
      std::string out = "(?:";
      for (const auto& [word, value] : word_values()) out += word + "|";
      return out + "and|[\\-, ])+";
    }
    case Form::kDecimal:
      break;
  }
  std::string out = parse_width > 0 ? "[0-9]{" + std::to_string(parse_width) + "}" : "[0-9]+";
  return ordinal ? out + "(?:th|st|nd|rd)" : out;
}

}  // namespace suiro::jsonata
