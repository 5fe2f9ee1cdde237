// SPDX-License-Identifier: Apache-2.0
// The process's log on stderr: one line an entry, "2026-01-02T03:04:05.678Z level text". Log where
// an error is handled, once. Any thread.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace suiro::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// Entries below `level` are dropped. Default: kInfo.
void set_level(Level level);
void write(Level level, std::string_view text);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace suiro::log
