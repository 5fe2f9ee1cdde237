// SPDX-License-Identifier: Apache-2.0
// Pictures of dates and times: "[Y0001]-[M01]-[D01]T[H01]:[m01]".
//
// Source: fn:format-dateTime of XPath Functions and Operators 3.1, as far as JSONata has it.
// Milliseconds of the Unix epoch; the Gregorian calendar; English names.
#pragma once

#include <optional>
#include <vector>

#include "engine/jsonata/picture_integer.h"

namespace suiro::jsonata {

class DatePicture {
 public:
  // Errors: D3132, D3135, and those of IntegerPicture.
  static std::expected<DatePicture, Fault> read(std::string_view picture);

  // The clock of a place that is so many minutes ahead of UTC. Errors: D3133, D3134.
  std::expected<std::string, Fault> format(double millis, int offset_minutes) const;
  // nullopt: the text does not look like that. What the picture leaves out before its first part
  // is taken from `now`. Errors: D3133, D3136.
  std::expected<std::optional<double>, Fault> parse(std::string_view text, double now) const;

 private:
  struct Part {
    std::string literal;  // where there is no component
    char component = 0;
    bool named = false;
    IntegerPicture::Case names = IntegerPicture::Case::kLower;
    bool zulu = false;  // "Z" for no offset
    std::optional<size_t> width_min = {};
    std::optional<size_t> width_max = {};
    std::optional<IntegerPicture> integer = {};
    size_t year_digits = 0;  // the last ones; 0: all
  };
  static std::expected<Part, Fault> read_part(std::string_view marker, Part* previous);
  static void set_width(Part& part, std::string_view width);
  static std::expected<std::string, Fault> format_offset(const Part& part, int offset_minutes);
  static std::expected<std::string, Fault> format_part(const Part& part, double millis,
                                                       int offset_minutes);
  static std::expected<std::string, Fault> pattern_of(const Part& part);
  static std::optional<double> value_of(const Part& part, std::string_view text);

  std::vector<Part> parts_;
};

// "2018-01-01T00:00:00.000Z", with parts left out from the right. nullopt: it is none.
std::optional<double> parse_iso_time(std::string_view text);

}  // namespace suiro::jsonata
