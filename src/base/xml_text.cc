// SPDX-License-Identifier: Apache-2.0
#include "base/xml_text.h"

#include <fmt/format.h>

#include <iterator>

namespace suiro {

void append_xml_text(std::string& out, std::string_view text) {
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c > '>' || (c >= 0x20 && c != '&' && c != '<' && c != '>' && c != '"')) continue;
    if (c == '\n' || c == '\t') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Control characters are no XML 1.0; S3 writes them as references all the same.
        fmt::format_to(std::back_inserter(out), "&#x{:x};", static_cast<unsigned>(c));
    }
  }
  out.append(text, plain, text.size() - plain);
}

}  // namespace suiro
