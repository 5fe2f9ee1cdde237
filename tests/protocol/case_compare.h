// SPDX-License-Identifier: Apache-2.0
// Whether two bodies mean the same: trees of JSON, XML and CBOR are compared, not bytes.
#pragma once

#include <string>
#include <string_view>

#include "shapes/shape.h"

namespace suiro::cases {

// Whether two texts are equal or name one instant.
bool same_text(const std::string& a, const std::string& b);

// Each returns what differs; empty: nothing. `actual` is ours.
std::string compare_json(std::string_view actual, std::string_view expected);
// Without white space between elements, the root's namespace and request ids.
std::string compare_xml(std::string_view actual, std::string_view expected);
std::string compare_cbor(std::string_view actual, std::string_view expected);

}  // namespace suiro::cases
