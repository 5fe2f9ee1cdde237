// SPDX-License-Identifier: Apache-2.0
// Pictures of integers: "#,##0", "i", "Ww;o".
//
// Source: fn:format-integer of XPath Functions and Operators 3.1, as far as JSONata has it.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "engine/jsonata/fault.h"

namespace suiro::jsonata {

struct IntegerPicture {
  enum class Form : uint8_t { kDecimal, kLetters, kRoman, kWords };
  enum class Case : uint8_t { kLower, kUpper, kTitle };
  struct Separator {
    size_t position;  // digits to its right
    uint32_t point;
  };

  Form form = Form::kDecimal;
  Case letter_case = Case::kLower;
  bool ordinal = false;
  uint32_t zero = '0';  // of the family of digits
  size_t mandatory = 0;
  size_t optional = 0;
  std::vector<Separator> separators;  // from the right
  size_t group = 0;                   // all separators are the same, each so many digits
  size_t parse_width = 0;             // exactly so many digits belong to it; 0: all

  // Errors: D3130, D3131.
  static std::expected<IntegerPicture, Fault> read(std::string_view picture);

  // Of an integral, finite number. Errors: TooLarge for a Roman one beyond kRomanMax.
  std::expected<std::string, Fault> format(double value) const;
  // NaN where the text is no such number.
  double parse(std::string_view text) const;
  // A regular expression that the text of such a number matches.
  std::string pattern() const;

  static constexpr double kRomanMax = 1'000'000;

 private:
  std::string format_decimal(double value) const;
  void find_group();
};

// "monday" to "MONDAY"; ASCII.
std::string in_case(std::string text, IntegerPicture::Case letter_case);

}  // namespace suiro::jsonata
