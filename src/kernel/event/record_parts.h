// SPDX-License-Identifier: Apache-2.0
// Fields that records of several services have: maps of texts (tags), and what may be absent. A map
// of more pairs than there are bytes for spoils the record, so that end() fails.
// Thread: pure functions.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "kernel/event/record.h"

namespace suiro::event {

inline void write_map(RecordWriter& out, const std::map<std::string, std::string>& map) {
  out.u32(static_cast<uint32_t>(map.size()));
  for (const auto& [key, value] : map) {
    out.text(key);
    out.text(value);
  }
}
inline std::map<std::string, std::string> read_map(RecordReader& in) {
  constexpr size_t kPairBytesMin = 8;
  std::map<std::string, std::string> map;
  for (uint32_t left = in.count(kPairBytesMin); left > 0; --left) {
    Bytes key = in.text();
    map[std::move(key)] = in.text();
  }
  return map;
}

inline void write_optional(RecordWriter& out, const std::optional<std::string>& text) {
  out.u8(text ? 1 : 0);
  if (text) out.text(*text);
}
inline std::optional<std::string> read_optional_text(RecordReader& in) {
  if (in.u8() == 0) return std::nullopt;
  return in.text();
}
inline void write_optional(RecordWriter& out, std::optional<TimePoint> time) {
  out.u8(time ? 1 : 0);
  if (time) out.time(*time);
}
inline std::optional<TimePoint> read_optional_time(RecordReader& in) {
  if (in.u8() == 0) return std::nullopt;
  return in.time();
}

}  // namespace suiro::event
