// SPDX-License-Identifier: Apache-2.0
#include "services/states/refusal.h"

#include <fmt/format.h>

namespace suiro::states {
namespace {

// A text as the service that wrote the recorded answers quotes it: in the quotes that it does not
// hold, with escapes for what cannot be printed.
std::string quoted(std::string_view text) {
  const char quote =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"'
                                                                                            : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0;
    if (c == static_cast<unsigned char>(quote) || c == '\\') {
      out += '\\';
      out += text[at];
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20 || c == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
    } else if (c == 0xC2 && next < 0xA0) {  // U+0080 to U+009F
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", next);
      ++at;
    } else {
      out += text[at];
    }
  }
  return out + quote;
}

// "Label contains invalid character: 'X'": the character is quoted once more by itself.
std::string label_message(const std::string& message) {
  constexpr std::string_view kBegin = "Label contains invalid character: '";
  if (!message.starts_with(kBegin) || !message.ends_with('\'')) return message;
  std::string_view character(message);
  character.remove_prefix(kBegin.size());
  character.remove_suffix(1);
  return std::string(kBegin.substr(0, kBegin.size() - 1)) + quoted(character);
}

}  // namespace

Error definition_refused(const workflow::Compiled& compiled, std::string_view definition) {
  Error error{.code = "InvalidDefinition",
              .message = "Invalid State Machine Definition: " + compiled.summary()};
  if (!compiled.diagnostics.empty() && compiled.diagnostics.front().code == "INVALID_LABEL_NAME") {
    error.message =
        fmt::format("Error=ValueError Args=[{}] in definition '{}'.",
                    quoted(label_message(compiled.diagnostics.front().message)), definition);
  }
  return error;
}

}  // namespace suiro::states
