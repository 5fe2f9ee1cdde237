// SPDX-License-Identifier: Apache-2.0
// A robust random cut forest (Guha, Mishra, Roy, Schrijvers: "Robust Random Cut Forest Based
// Anomaly Detection On Streams"): trees over samples of the points of a stream; a point is the more
// anomalous the sooner a random cut would part it from the sample.
//
// Invariants:
//  1. A tree holds at most `sample_size` points, none older than `time_decay` points; newer points
//     weigh exponentially more in its sample.
//  2. Its dice are part of the state, so that a replay gives the same scores, bit by bit.
//  3. The memory is bounded by bytes_max(), which is known when the program is bound.
// Threads: an instance belongs to one thread. Format of the state: docs/formats/sql-functions.md.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/sql/state.h"
#include "engine/sql/table.h"

namespace suiro::sql {

struct ForestOptions {
  size_t trees = 100;
  size_t sample_size = 256;
  uint64_t time_decay = 100'000;
  size_t dimensions = 1;

  size_t bytes_max() const;
};

// What each dimension brings to a score, by the side on which the point lies.
struct Attribution {
  std::vector<double> high;
  std::vector<double> low;
};

class CutTree;

class Forest {
 public:
  explicit Forest(const ForestOptions& options);
  ~Forest();
  // Points that were added.
  uint64_t size() const { return added_; }
  // The point's score against the points so far, from 0; `attribution`: null, or filled so that the
  // sum of all is the score.
  double score(std::span<const double> point, Attribution* attribution) const;
  void add(std::span<const double> point);

  void encode(StateWriter& to) const;
  void decode(StateReader& from);
  size_t size_bytes() const;

 private:
  friend class CutTree;
  // A point that lies in the samples of `uses` trees.
  struct Point {
    std::vector<double> at;
    uint64_t number = 0;  // as it came
    size_t uses = 0;
  };
  size_t keep(std::span<const double> point);
  void release(size_t point);

  ForestOptions options_;
  uint64_t added_ = 0;
  std::vector<Point> points_;
  std::vector<size_t> free_points_;
  std::vector<std::unique_ptr<CutTree>> trees_;
};

}  // namespace suiro::sql
