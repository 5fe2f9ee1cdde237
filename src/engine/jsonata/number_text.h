// SPDX-License-Identifier: Apache-2.0
// Numbers as $number reads them and $round rounds them.
#pragma once

#include <optional>
#include <string_view>

namespace suiro::jsonata {

// Decimal as in JSON, but for leading zeros; 0x, 0o and 0b; nullopt: none of these.
std::optional<double> parse_number(std::string_view text);
// value * 10^places, without the error of the multiplication.
double scaled(double value, int places);
// To so many decimal places; a half goes to the even neighbour.
double round_half_even(double value, int places);

}  // namespace suiro::jsonata
