// SPDX-License-Identifier: Apache-2.0
// Text within XML: of elements, and of attributes in double quotes. Threads: any.
#pragma once

#include <string>
#include <string_view>

namespace suiro {

// Appends text with &, <, >, double quotes and control characters but tabs and line feeds escaped.
void append_xml_text(std::string& out, std::string_view text);

}  // namespace suiro
