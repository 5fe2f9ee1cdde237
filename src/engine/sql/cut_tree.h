// SPDX-License-Identifier: Apache-2.0
// One tree of a Forest: cuts at its inner nodes, points at its leaves, and the sample that they
// are. Private to the forest.
#pragma once

#include <span>
#include <vector>

#include "engine/sql/forest.h"

namespace suiro::sql {

class CutTree {
 public:
  CutTree(Forest& forest, uint64_t seed) : forest_(forest), random_(seed) {}

  // The score against this tree's sample; adds to `attribution` where that is not null.
  double score(std::span<const double> point, Attribution* attribution) const;
  // Rolls whether the point enters the sample; it may drive another one out. `point`: of the
  // forest's points, or kNone where it has not been kept yet; returns it where it was taken.
  size_t offer(std::span<const double> at, uint64_t number, size_t point);
  size_t samples() const { return samples_.size(); }

  static constexpr size_t kNone = SIZE_MAX;

  void encode(StateWriter& to, std::span<const size_t> places) const;
  void decode(StateReader& from, size_t points);

 private:
  // children[0] == kNone: a leaf with `mass` equal points, of which `point` is one.
  struct Node {
    size_t children[2] = {kNone, kNone};
    size_t point = kNone;
    size_t mass = 0;
    size_t dimension = 0;
    double cut = 0;  // at most that: the first child
    std::vector<double> least;
    std::vector<double> most;
    bool is_leaf() const { return children[0] == kNone; }
  };
  // A point's place in the sample; the greatest weight leaves first.
  struct Sample {
    double weight = 0;
    size_t point = kNone;
    bool operator<(const Sample& other) const {
      return weight != other.weight ? weight < other.weight : point < other.point;
    }
  };

  void insert(size_t point);
  void remove(size_t point);
  void expire(uint64_t number);
  void drop(size_t sample);
  size_t new_node();
  void fit(Node& node) const;
  bool cut_off(const Node& node, std::span<const double> at, size_t& dimension, double& cut);
  std::span<const double> point_at(size_t point) const;
  void encode_node(StateWriter& to, size_t node, std::span<const size_t> places) const;
  size_t decode_node(StateReader& from, size_t points, size_t depth);
  double walk(size_t node, size_t depth, std::span<const double> point,
              Attribution* attribution) const;

  Forest& forest_;
  StateRandom random_;
  size_t root_ = kNone;
  std::vector<Node> nodes_;
  std::vector<size_t> free_nodes_;
  std::vector<Sample> samples_;  // a heap, the greatest weight first
  uint64_t oldest_ = UINT64_MAX;
};

}  // namespace suiro::sql
