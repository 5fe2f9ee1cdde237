// SPDX-License-Identifier: Apache-2.0
// Text that goes to clients: cut between characters, never within one, and without bytes that no
// JSON or XML parser takes.
//
// Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace suiro {

// The longest beginning of at most `bytes_max` bytes that does not end within a character. What is
// no UTF-8 is cut where it is.
std::string_view utf8_prefix(std::string_view text, size_t bytes_max);

// Bytes that are no UTF-8 become U+FFFD each; what is UTF-8 stays as it is.
std::string with_valid_utf8(std::string text);

// As with_valid_utf8(); besides, what XML 1.0 has no character for (section 2.2, "Char") becomes
// U+FFFD.
std::string with_xml_characters(std::string text);

}  // namespace suiro
