// SPDX-License-Identifier: Apache-2.0
#include "engine/container/output_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "engine/sandbox/files.h"

namespace suiro::container {

namespace {
constexpr uint32_t kMagic = 0x314f5553;  // "SUO1", little-endian
constexpr std::string_view kPrefix = "out.";

template <class T>
T read_le(std::string_view bytes) {
  T value = 0;
  for (size_t i = sizeof(T); i-- > 0;) {
    value = static_cast<T>((value << 8) | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}
}  // namespace

FrameEnd take_frame(std::string_view& rest, Frame& frame) {
  if (rest.size() < kFrameHeadBytes) return FrameEnd::kIncomplete;
  if (read_le<uint32_t>(rest) != kMagic) return FrameEnd::kDamaged;
  uint32_t length = read_le<uint32_t>(rest.substr(4));
  if (length > kFrameBytesMax) return FrameEnd::kDamaged;
  if (rest.size() < kFrameHeadBytes + length) return FrameEnd::kIncomplete;
  frame.time = TimePoint(Millis(static_cast<int64_t>(read_le<uint64_t>(rest.substr(8)))));
  frame.position = read_le<uint64_t>(rest.substr(16));
  if (frame.position > UINT64_MAX - length) return FrameEnd::kDamaged;
  frame.bytes = rest.substr(kFrameHeadBytes, length);
  rest.remove_prefix(kFrameHeadBytes + length);
  return FrameEnd::kWhole;
}

// --- LineCutter

void LineCutter::end_line(uint64_t behind) {
  if (open_.ends_with('\r')) open_.pop_back();
  lines_.push_back({open_time_, std::exchange(open_, {})});
  has_open_ = false;
  committed_ = behind;
}

void LineCutter::feed(const Frame& frame) {
  std::string_view bytes = frame.bytes;
  uint64_t at = frame.position;
  if (at + bytes.size() <= position_) return;
  if (at < position_) {
    bytes.remove_prefix(position_ - at);
    at = position_;
  } else if (at > position_) {
    if (has_open_) end_line(position_);
    committed_ = at;
  }
  while (!bytes.empty()) {
    if (!has_open_) open_time_ = frame.time;
    has_open_ = true;
    size_t end = bytes.find('\n');
    size_t part = std::min({end, bytes.size(), kOutputLineBytesMax - open_.size()});
    open_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
    at += part;
    bool ended = bytes.starts_with('\n');
    if (ended) {
      bytes.remove_prefix(1);
      ++at;
    }
    if (ended || open_.size() >= kOutputLineBytesMax) end_line(at);
  }
  position_ = at;
}

void LineCutter::finish() {
  if (has_open_) end_line(position_);
}

// --- OutputReader

std::string OutputReader::path_of(uint64_t segment) const {
  return fmt::format("{}/{}{:020}", directory_, kPrefix, segment);
}

std::vector<uint64_t> OutputReader::segments() const {
  std::vector<uint64_t> found;
  DIR* folder = ::opendir(directory_.c_str());
  if (folder == nullptr) return found;
  while (dirent* entry = ::readdir(folder)) {
    std::string_view name = entry->d_name;
    uint64_t number = 0;
    if (!name.starts_with(kPrefix)) continue;
    name.remove_prefix(kPrefix.size());
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) found.push_back(number);
  }
  ::closedir(folder);
  std::ranges::sort(found);
  return found;
}

bool OutputReader::read_some(uint64_t segment, size_t& budget) {
  sandbox::Descriptor file(::open(path_of(segment).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  std::string buffer(std::max<size_t>(budget, kFrameHeadBytes + kFrameBytesMax), '\0');
  ssize_t count = ::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_));
  std::string_view rest(buffer.data(), count > 0 ? static_cast<size_t>(count) : 0);
  bool any = false;
  Frame frame;
  while (budget > 0 && cutter_.lines() < kPieceLinesMax &&
         take_frame(rest, frame) == FrameEnd::kWhole) {
    cutter_.feed(frame);
    size_t taken = kFrameHeadBytes + frame.bytes.size();
    offset_ += taken;
    budget -= std::min(budget, taken);
    any = true;
  }
  return any;
}

OutputReader::Piece OutputReader::next(Last last) {
  size_t budget = kPieceBytesMax;
  while (budget > 0 && cutter_.lines() < kPieceLinesMax) {
    auto found = segments();
    if (!segment_) {
      auto behind = std::ranges::upper_bound(found, cutter_.position());
      if (found.empty()) break;
      segment_ = behind == found.begin() ? *behind : *std::prev(behind);
      offset_ = 0;
    }
    // Whether another follows is asked before reading: then this one was complete.
    auto following = std::ranges::upper_bound(found, *segment_);
    if (read_some(*segment_, budget)) continue;
    if (following == found.end()) break;
    segment_ = *following;
    offset_ = 0;
  }
  Piece piece;
  piece.more = budget == 0 || cutter_.lines() >= kPieceLinesMax;
  if (last == Last::kYes && !piece.more) cutter_.finish();
  piece.from = from_;
  piece.to = cutter_.committed();
  piece.lines = cutter_.take_lines();
  from_ = piece.to;
  return piece;
}

void OutputReader::release(uint64_t position) {
  auto found = segments();
  for (size_t i = 0; i + 1 < found.size() && found[i + 1] <= position; ++i) {
    if (segment_ && found[i] >= *segment_) break;
    ::unlink(path_of(found[i]).c_str());
  }
}

}  // namespace suiro::container
