// SPDX-License-Identifier: Apache-2.0
// CHECK(condition, message): a bug ends the process, in release too. The process is then restarted
// and recovers from the store; going on with broken state would put acknowledged data at risk.
#pragma once

#include <string_view>

namespace suiro {
// Prints "CHECK failed: <condition> at <file>:<line>: <message>" to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               std::string_view message = {});
}  // namespace suiro

#define CHECK(condition, ...)                                                           \
  do {                                                                                  \
    if (!(condition)) [[unlikely]]                                                      \
      ::suiro::check_failed(#condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)
