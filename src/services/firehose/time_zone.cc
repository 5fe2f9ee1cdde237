// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/time_zone.h"

#include <algorithm>
#include <fstream>

namespace suiro::firehose {
namespace {

constexpr std::string_view kDirectory = "/usr/share/zoneinfo/";
constexpr size_t kHeaderBytes = 44;
constexpr uint32_t kCountMax = 100'000;
constexpr std::streamsize kFileBytesMax = 1 << 20;

std::unexpected<Error> corrupt() {
  return fail(codes::kCorrupt, "the time zone's file is not in the TZif format");
}

struct Header {
  uint8_t version = 0;
  uint32_t utc_flags = 0, standard_flags = 0, leaps = 0, times = 0, types = 0, characters = 0;
  size_t body_bytes(size_t time_bytes) const {
    return times * (time_bytes + 1) + types * size_t{6} + characters + leaps * (time_bytes + 4) +
           standard_flags + utc_flags;
  }
};

Result<Header> read_header(ByteView bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with("TZif")) return corrupt();
  Header header{.version = static_cast<uint8_t>(bytes[4])};
  uint32_t* fields[] = {&header.utc_flags, &header.standard_flags, &header.leaps,
                        &header.times,     &header.types,          &header.characters};
  for (size_t i = 0; i < std::size(fields); ++i) {
    *fields[i] = read_be32(bytes.substr(20 + 4 * i));
    if (*fields[i] > kCountMax) return corrupt();
  }
  if (header.types == 0) return corrupt();
  return header;
}

bool is_zone_name(std::string_view name) {
  return name.size() <= 50 && name.front() != '/' && std::ranges::all_of(name, [](unsigned char c) {
           return std::isalnum(c) || c == '_' || c == '/' || c == '-' || c == '+';
         });
}

}  // namespace

Result<TimeZone> TimeZone::parse(ByteView bytes) {
  TRY(Header header, read_header(bytes));
  size_t time_bytes = 4;
  bytes.remove_prefix(kHeaderBytes);
  if (header.version >= '2') {
    if (bytes.size() < header.body_bytes(4)) return corrupt();
    bytes.remove_prefix(header.body_bytes(4));
    TRY(header, read_header(bytes));
    bytes.remove_prefix(kHeaderBytes);
    time_bytes = 8;
  }
  if (bytes.size() < header.body_bytes(time_bytes)) return corrupt();
  ByteView kinds = bytes.substr(header.times * time_bytes);
  ByteView types = kinds.substr(header.times);
  auto offset_of = [&](size_t type) {
    return static_cast<int32_t>(read_be32(types.substr(type * 6)));
  };
  TimeZone zone;
  zone.first_offset_s_ = offset_of(0);
  for (size_t i = 0; i < header.times; ++i) {
    ByteView at = bytes.substr(i * time_bytes);
    auto kind = static_cast<uint8_t>(kinds[i]);
    if (kind >= header.types) return corrupt();
    int64_t seconds =
        time_bytes == 8 ? static_cast<int64_t>(read_be64(at)) : static_cast<int32_t>(read_be32(at));
    zone.changes_.push_back({seconds, offset_of(kind)});
  }
  if (!std::ranges::is_sorted(zone.changes_, {}, &Change::at)) return corrupt();
  return zone;
}

Result<TimeZone> TimeZone::load(std::string_view name) {
  if (name.empty() || name == "UTC") return TimeZone();
  if (!is_zone_name(name)) return fail(codes::kNotFound, "no such time zone");
  std::ifstream file(std::string(kDirectory) + std::string(name), std::ios::binary);
  if (!file) return fail(codes::kNotFound, "no such time zone");
  Bytes bytes(static_cast<size_t>(kFileBytesMax), '\0');
  file.read(bytes.data(), kFileBytesMax);
  bytes.resize(static_cast<size_t>(file.gcount()));
  return parse(bytes);
}

std::chrono::seconds TimeZone::offset_at(TimePoint time) const {
  int64_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  auto next = std::ranges::upper_bound(changes_, seconds, {}, &Change::at);
  if (next == changes_.begin()) return std::chrono::seconds(first_offset_s_);
  return std::chrono::seconds(std::prev(next)->offset_s);
}

}  // namespace suiro::firehose
