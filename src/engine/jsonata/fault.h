// SPDX-License-Identifier: Apache-2.0
// Fault: why an expression cannot be compiled or evaluated, with what its message names.
//
// Codes and texts are those that JSONata documents and Step Functions shows to its users.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro::jsonata {

struct Fault {
  std::string code;
  int64_t position = -1;  // byte offset in the expression's text; -1: not known yet
  // What the text names, by the names of its placeholders. `value` and `value2` are JSON text.
  std::string token = {};
  bool has_token = false;
  std::string value = {};
  std::string value2 = {};
  std::string type = {};
  std::string message = {};  // of $error and $assert; the whole text where the code has none
  int index = 0;

  Fault&& with_token(std::string_view text) && {
    token = text;
    has_token = true;
    return std::move(*this);
  }
  Fault&& with_value(std::string text) && {
    value = std::move(text);
    return std::move(*this);
  }
};

// The message without code and position.
std::string message_of(const Fault& fault);
// Code, message, and the detail "position": UTF-16 units from the begin of `text`, as in JSONata.
Error error_of(const Fault& fault, std::string_view text);
// JSON text of a string.
std::string quoted(std::string_view text);

}  // namespace suiro::jsonata
