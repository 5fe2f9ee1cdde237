// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/forest.h"

#include <algorithm>

#include "engine/sql/cut_tree.h"

namespace suiro::sql {
namespace {

constexpr uint64_t kSeed = 0x5355'4952'4F01U;  // fixed: a replay rolls the same dice
constexpr size_t kNodeBytes = 160;

}  // namespace

size_t ForestOptions::bytes_max() const {
  const size_t numbers = dimensions * sizeof(double);
  const size_t nodes = 2 * sample_size;  // leaves and inner nodes, each with a box
  const size_t tree = nodes * (kNodeBytes + 2 * numbers);
  return trees * (tree + sample_size * (kNodeBytes + numbers));
}

Forest::Forest(const ForestOptions& options) : options_(options) {
  for (size_t i = 0; i < options.trees; ++i) {
    trees_.push_back(std::make_unique<CutTree>(*this, StateRandom(kSeed + i).next()));
  }
}

Forest::~Forest() = default;

double Forest::score(std::span<const double> point, Attribution* attribution) const {
  if (attribution != nullptr) {
    attribution->high.assign(point.size(), 0);
    attribution->low.assign(point.size(), 0);
  }
  double sum = 0;
  for (const auto& tree : trees_) sum += tree->score(point, attribution);
  const auto count = static_cast<double>(trees_.size());
  for (size_t i = 0; attribution != nullptr && i < point.size(); ++i) {
    attribution->high[i] /= count;
    attribution->low[i] /= count;
  }
  return sum / count;
}

void Forest::add(std::span<const double> point) {
  size_t kept = CutTree::kNone;
  for (const auto& tree : trees_) kept = tree->offer(point, added_, kept);
  ++added_;
}

size_t Forest::keep(std::span<const double> point) {
  size_t out = points_.size();
  if (free_points_.empty()) {
    points_.emplace_back();
  } else {
    out = free_points_.back();
    free_points_.pop_back();
  }
  points_[out] = {.at = {point.begin(), point.end()}, .number = added_, .uses = 0};
  return out;
}

void Forest::release(size_t point) {
  if (--points_[point].uses == 0) free_points_.push_back(point);
}

void Forest::encode(StateWriter& to) const {
  to.unsigned_integer(added_);
  // Points by their places in the state: those that no tree uses are left out.
  std::vector<size_t> places(points_.size(), 0);
  size_t count = 0;
  for (size_t i = 0; i < points_.size(); ++i) {
    if (points_[i].uses > 0) places[i] = count++;
  }
  to.unsigned_integer(count);
  for (const auto& point : points_) {
    if (point.uses == 0) continue;
    to.unsigned_integer(point.number);
    for (const double x : point.at) to.real(x);
  }
  for (const auto& tree : trees_) tree->encode(to, places);
}

void Forest::decode(StateReader& from) {
  added_ = from.unsigned_integer();
  const size_t bytes = options_.dimensions * sizeof(double) + 1;
  const size_t count = from.count(bytes, options_.trees * options_.sample_size);
  for (size_t i = 0; i < count && !from.bad(); ++i) {
    Point point;
    point.number = from.unsigned_integer();
    for (size_t d = 0; d < options_.dimensions; ++d) point.at.push_back(from.finite());
    points_.push_back(std::move(point));
  }
  for (const auto& tree : trees_) {
    if (!from.bad()) tree->decode(from, points_.size());
  }
  if (std::ranges::any_of(points_, [](const Point& point) { return point.uses == 0; })) {
    from.spoil();
  }
}

size_t Forest::size_bytes() const {
  const size_t numbers = options_.dimensions * sizeof(double);
  size_t out = points_.size() * (sizeof(Point) + numbers);
  for (const auto& tree : trees_) out += 2 * tree->samples() * (kNodeBytes + 2 * numbers);
  return out;
}

}  // namespace suiro::sql
