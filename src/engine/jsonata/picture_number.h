// SPDX-License-Identifier: Apache-2.0
// Pictures of numbers: "#,##0.00;(#,##0.00)".
//
// Source: fn:format-number of XPath Functions and Operators 3.1, as far as JSONata has it.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "engine/jsonata/fault.h"

namespace suiro::jsonata {

// The characters of a decimal format, by its property's name; those not given are the default.
using NumberSymbols = std::map<std::string, std::u32string, std::less<>>;

// Errors: D3080 to D3093; D1001 for an infinite value.
std::expected<std::string, Fault> format_number(double value, std::string_view picture,
                                                const NumberSymbols& symbols);

std::u32string to_points(std::string_view text);

}  // namespace suiro::jsonata
