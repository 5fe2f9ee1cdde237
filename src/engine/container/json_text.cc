// SPDX-License-Identifier: Apache-2.0
#include "engine/container/json_text.h"

#include <fmt/format.h>

namespace suiro::container {

void JsonText::quote(std::string_view text) {
  text_.push_back('"');
  for (char c : text) {
    if (c == '"' || c == '\\') {
      text_.push_back('\\');
      text_.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text_.append(fmt::format("\\u{:04x}", static_cast<unsigned char>(c)));
    } else {
      text_.push_back(c);
    }
  }
  text_.push_back('"');
}

}  // namespace suiro::container
