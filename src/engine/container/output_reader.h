// SPDX-License-Identifier: Apache-2.0
// OutputReader: a container's output on disk, as lines (docs/formats/task-directories.md).
//
//   supervisor ── frames ──► out.POSITION ... ──► OutputReader::next() ──► Observer::write()
//                                 └──◄── removed behind what was committed: release()
//
// Invariants: lines come in order and once; `to` of a piece is the position from which a later
// reader goes on. A frame that is not whole yet is not there yet; a torn frame with a segment
// behind it is skipped. A gap of positions (output that was dropped) ends its line.
// Thread: one at a time; blocking (reads of small files).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/container/task_runner.h"

namespace suiro::container {

inline constexpr size_t kFrameHeadBytes = 24;
inline constexpr size_t kFrameBytesMax = 64 * 1024;
inline constexpr size_t kPieceBytesMax = 512 * 1024;  // of one next()
inline constexpr size_t kPieceLinesMax = 4096;

struct Frame {
  TimePoint time;
  uint64_t position = 0;
  std::string_view bytes;
};
enum class FrameEnd { kWhole, kIncomplete, kDamaged };
// Takes the frame at the beginning of `rest` off it.
FrameEnd take_frame(std::string_view& rest, Frame& frame);

// Cuts what comes in at line ends.
class LineCutter {
 public:
  explicit LineCutter(uint64_t position) : position_(position), committed_(position) {}
  // Bytes before the position are skipped: they were handed over earlier.
  void feed(const Frame& frame);
  void finish();  // no more comes: the open line ends
  // Lines so far, and the position behind the last of them.
  std::vector<OutputLine> take_lines() { return std::exchange(lines_, {}); }
  size_t lines() const { return lines_.size(); }
  uint64_t committed() const { return committed_; }
  uint64_t position() const { return position_; }

 private:
  void end_line(uint64_t behind);
  uint64_t position_;   // behind the last byte that was seen
  uint64_t committed_;  // behind the last line
  std::string open_;
  TimePoint open_time_;
  bool has_open_ = false;
  std::vector<OutputLine> lines_;
};

class OutputReader {
 public:
  OutputReader(std::string directory, uint64_t position)
      : directory_(std::move(directory)), cutter_(position), from_(position) {}
  struct Piece {
    uint64_t from = 0;
    uint64_t to = 0;
    std::vector<OutputLine> lines;
    bool more = false;  // the limit of a piece ended it
  };
  enum class Last { kNo, kYes };
  // Lines that are there now; with kYes the open one too, once nothing else is there.
  Piece next(Last last);
  // What lies wholly before `position` will not be asked for again.
  void release(uint64_t position);

 private:
  std::vector<uint64_t> segments() const;
  std::string path_of(uint64_t segment) const;
  // Reads at most `limit` bytes of frames; false when the segment has no further whole frame.
  bool read_some(uint64_t segment, size_t& budget);

  std::string directory_;
  LineCutter cutter_;
  uint64_t from_;
  std::optional<uint64_t> segment_;  // the one that is read
  uint64_t offset_ = 0;              // in it
};

}  // namespace suiro::container
