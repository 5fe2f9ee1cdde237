// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/cut_tree.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace suiro::sql {
namespace {

// A point that would be parted at a depth, and one that lies in a leaf of `mass`.
double unseen(size_t depth) {
  return 1.0 / static_cast<double>(depth + 1);
}
double seen(size_t depth, size_t mass, size_t total) {
  const double share = static_cast<double>(mass) / static_cast<double>(total);
  const double damped = 1 - 0.5 * share;
  return damped / (static_cast<double>(depth) + std::log2(static_cast<double>(mass) + 1));
}

double above(double x, double most) {
  return x > most ? x - most : 0;
}
double below(double x, double least) {
  return x < least ? least - x : 0;
}

}  // namespace

std::span<const double> CutTree::point_at(size_t point) const {
  return forest_.points_[point].at;
}

double CutTree::score(std::span<const double> point, Attribution* attribution) const {
  if (root_ == kNone) return 0;
  const double scale = std::log2(static_cast<double>(nodes_[root_].mass) + 1);
  Attribution own;
  if (attribution != nullptr) {
    own.high.assign(point.size(), 0);
    own.low.assign(point.size(), 0);
  }
  const double out = walk(root_, 0, point, attribution == nullptr ? nullptr : &own) * scale;
  if (attribution != nullptr) {
    for (size_t i = 0; i < point.size(); ++i) {
      attribution->high[i] += own.high[i] * scale;
      attribution->low[i] += own.low[i] * scale;
    }
  }
  return out;
}

// The score of the node's part of the tree: with the probability that a random cut of the node's
// box, stretched to the point, parts the point from it, the point is unseen at this depth; else its
// score is that of the child on its side.
double CutTree::walk(size_t index, size_t depth, std::span<const double> point,
                     Attribution* attribution) const {
  const Node& node = nodes_[index];
  double outside = 0;
  double sides = 0;
  for (size_t i = 0; i < point.size(); ++i) {
    outside += above(point[i], node.most[i]) + below(point[i], node.least[i]);
    sides += std::max(node.most[i], point[i]) - std::min(node.least[i], point[i]);
  }
  const bool parted = outside > 0 && sides > 0;
  const double chance = !parted ? 0 : node.is_leaf() ? 1 : std::min(1.0, outside / sides);
  double inner = 0;
  if (chance < 1) {
    if (node.is_leaf()) {
      inner = seen(depth, node.mass, nodes_[root_].mass);
      const double part = inner / static_cast<double>(2 * point.size());
      for (size_t i = 0; attribution != nullptr && i < point.size(); ++i) {
        attribution->high[i] = attribution->low[i] = part;
      }
    } else {
      const bool second = point[node.dimension] > node.cut;
      inner = walk(node.children[second ? 1 : 0], depth + 1, point, attribution);
    }
  }
  if (chance == 0) return inner;
  const double here = chance * unseen(depth);
  for (size_t i = 0; attribution != nullptr && i < point.size(); ++i) {
    const double high = above(point[i], node.most[i]) / outside * here;
    const double low = below(point[i], node.least[i]) / outside * here;
    attribution->high[i] = high + (1 - chance) * attribution->high[i];
    attribution->low[i] = low + (1 - chance) * attribution->low[i];
  }
  return here + (1 - chance) * inner;
}

size_t CutTree::offer(std::span<const double> at, uint64_t number, size_t point) {
  expire(number);
  // Weighted reservoir sampling: the smallest log(-log u) - age weight stay; each point's weight is
  // fixed when it comes, because all age alike.
  const double fresh =
      static_cast<double>(number) / static_cast<double>(forest_.options_.time_decay);
  const double weight = std::log(-std::log(random_.unit_above_zero() * (1 - 0x1.0p-53))) - fresh;
  if (samples_.size() == forest_.options_.sample_size) {
    if (weight >= samples_.front().weight) return point;
    drop(0);
  }
  if (point == kNone) point = forest_.keep(at);
  ++forest_.points_[point].uses;
  samples_.push_back({weight, point});
  std::push_heap(samples_.begin(), samples_.end());
  oldest_ = std::min(oldest_, number);
  insert(point);
  return point;
}

void CutTree::drop(size_t sample) {
  const size_t point = samples_[sample].point;
  samples_.erase(samples_.begin() + static_cast<ptrdiff_t>(sample));
  std::make_heap(samples_.begin(), samples_.end());
  remove(point);
  const bool was_oldest = forest_.points_[point].number == oldest_;
  forest_.release(point);
  if (!was_oldest) return;
  oldest_ = UINT64_MAX;
  for (const auto& left : samples_) {
    oldest_ = std::min(oldest_, forest_.points_[left.point].number);
  }
}

void CutTree::expire(uint64_t number) {
  while (!samples_.empty() && oldest_ + forest_.options_.time_decay < number) {
    const auto old = std::ranges::find_if(samples_, [&](const Sample& sample) {
      return forest_.points_[sample.point].number == oldest_;
    });
    CHECK(old != samples_.end(), "the oldest point of a sample is not in it");
    drop(static_cast<size_t>(old - samples_.begin()));
  }
}

size_t CutTree::new_node() {
  if (free_nodes_.empty()) {
    nodes_.emplace_back();
    return nodes_.size() - 1;
  }
  const size_t out = free_nodes_.back();
  free_nodes_.pop_back();
  nodes_[out] = Node{};
  return out;
}

// Mass and box of an inner node, from its children.
void CutTree::fit(Node& node) const {
  const Node& a = nodes_[node.children[0]];
  const Node& b = nodes_[node.children[1]];
  node.mass = a.mass + b.mass;
  node.least.resize(a.least.size());
  node.most.resize(a.most.size());
  for (size_t i = 0; i < a.least.size(); ++i) {
    node.least[i] = std::min(a.least[i], b.least[i]);
    node.most[i] = std::max(a.most[i], b.most[i]);
  }
}

// A random cut of the node's box stretched to the point; true: it parts the two.
bool CutTree::cut_off(const Node& node, std::span<const double> at, size_t& dimension,
                      double& cut) {
  double sides = 0;
  for (size_t i = 0; i < at.size(); ++i) {
    sides += std::max(node.most[i], at[i]) - std::min(node.least[i], at[i]);
  }
  double place = random_.unit() * sides;
  for (size_t i = 0; i < at.size(); ++i) {
    const double least = std::min(node.least[i], at[i]);
    const double side = std::max(node.most[i], at[i]) - least;
    if (place >= side && i + 1 < at.size()) {
      place -= side;
      continue;
    }
    dimension = i;
    cut = least + std::min(place, side);
    if (at[i] > node.most[i] && cut >= node.most[i]) {
      if (cut >= at[i]) cut = node.most[i];
      return true;
    }
    if (at[i] < node.least[i] && cut < node.least[i]) return true;
    return false;
  }
  return false;
}

void CutTree::insert(size_t point) {
  const auto at = point_at(point);
  const size_t leaf = new_node();
  nodes_[leaf].point = point;
  nodes_[leaf].mass = 1;
  nodes_[leaf].least.assign(at.begin(), at.end());
  nodes_[leaf].most.assign(at.begin(), at.end());
  if (root_ == kNone) {
    root_ = leaf;
    return;
  }
  std::vector<size_t> path;
  size_t* link = &root_;
  for (;;) {
    const size_t index = *link;
    const Node& node = nodes_[index];
    size_t dimension = 0;
    double cut = 0;
    bool parts = cut_off(node, at, dimension, cut);
    const bool equal = node.is_leaf() && std::ranges::equal(node.least, at);
    if (node.is_leaf() && !equal && !parts) {
      // Rounding hid the cut: part at the first dimension that differs.
      dimension = 0;
      while (node.least[dimension] == at[dimension]) ++dimension;
      cut = std::min(node.least[dimension], at[dimension]);
      parts = true;
    }
    if (equal) {
      ++nodes_[index].mass;
      free_nodes_.push_back(leaf);
      break;
    }
    if (parts) {
      const bool second = at[dimension] > cut;
      const size_t parent = new_node();
      auto& made = nodes_[parent];
      made.dimension = dimension;
      made.cut = cut;
      made.children[second ? 1 : 0] = leaf;
      made.children[second ? 0 : 1] = index;
      if (path.empty()) {
        root_ = parent;
      } else {
        auto& above_it = nodes_[path.back()];
        above_it.children[above_it.children[0] == index ? 0 : 1] = parent;
      }
      path.push_back(parent);
      break;
    }
    path.push_back(index);
    link = &nodes_[index].children[at[node.dimension] > node.cut ? 1 : 0];
  }
  for (auto index = path.rbegin(); index != path.rend(); ++index) fit(nodes_[*index]);
}

void CutTree::remove(size_t point) {
  const auto at = point_at(point);
  std::vector<size_t> path;
  size_t index = root_;
  while (!nodes_[index].is_leaf()) {
    path.push_back(index);
    index = nodes_[index].children[at[nodes_[index].dimension] > nodes_[index].cut ? 1 : 0];
  }
  Node& leaf = nodes_[index];
  if (--leaf.mass > 0) {
    // Another point of the same place stands for the leaf.
    if (leaf.point == point) {
      const auto other = std::ranges::find_if(samples_, [&](const Sample& sample) {
        return std::ranges::equal(point_at(sample.point), at);
      });
      if (other != samples_.end()) leaf.point = other->point;
    }
  } else {
    free_nodes_.push_back(index);
    if (path.empty()) {
      root_ = kNone;
      return;
    }
    const size_t parent = path.back();
    path.pop_back();
    const auto& children = nodes_[parent].children;
    const size_t sibling = children[0] == index ? children[1] : children[0];
    free_nodes_.push_back(parent);
    if (path.empty()) {
      root_ = sibling;
    } else {
      auto& above_it = nodes_[path.back()];
      above_it.children[above_it.children[0] == parent ? 0 : 1] = sibling;
    }
  }
  for (auto up = path.rbegin(); up != path.rend(); ++up) fit(nodes_[*up]);
}

void CutTree::encode(StateWriter& to, std::span<const size_t> places) const {
  to.unsigned_integer(random_.state());
  to.unsigned_integer(samples_.size());
  for (const auto& sample : samples_) {
    to.real(sample.weight);
    to.unsigned_integer(places[sample.point]);
  }
  if (root_ != kNone) encode_node(to, root_, places);
}

void CutTree::encode_node(StateWriter& to, size_t index, std::span<const size_t> places) const {
  const Node& node = nodes_[index];
  to.unsigned_integer(node.is_leaf() ? node.mass : 0);
  if (node.is_leaf()) return to.unsigned_integer(places[node.point]);
  to.unsigned_integer(node.dimension);
  to.real(node.cut);
  encode_node(to, node.children[0], places);
  encode_node(to, node.children[1], places);
}

void CutTree::decode(StateReader& from, size_t points) {
  random_ = StateRandom(from.unsigned_integer());
  constexpr size_t kSampleBytes = 9;
  for (size_t left = from.count(kSampleBytes, forest_.options_.sample_size);
       left > 0 && !from.bad(); --left) {
    const double weight = from.finite();
    const size_t point = from.unsigned_integer();
    if (point >= points) return from.spoil();
    ++forest_.points_[point].uses;
    oldest_ = std::min(oldest_, forest_.points_[point].number);
    samples_.push_back({weight, point});
  }
  if (!std::is_heap(samples_.begin(), samples_.end())) return from.spoil();
  if (samples_.empty() || from.bad()) return;
  root_ = decode_node(from, points, 0);
  if (!from.bad() && nodes_[root_].mass != samples_.size()) from.spoil();
}

size_t CutTree::decode_node(StateReader& from, size_t points, size_t depth) {
  const size_t mass = from.unsigned_integer();
  const size_t index = new_node();
  if (depth > forest_.options_.sample_size || mass > samples_.size() ||
      nodes_.size() > 2 * forest_.options_.sample_size) {
    from.spoil();
  }
  if (from.bad()) return index;
  if (mass > 0) {
    const size_t point = from.unsigned_integer();
    if (point >= points || from.bad()) {
      from.spoil();
      return index;
    }
    auto& leaf = nodes_[index];
    leaf.mass = mass;
    leaf.point = point;
    leaf.least = leaf.most = forest_.points_[point].at;
    return index;
  }
  const size_t dimension = from.unsigned_integer();
  const double cut = from.finite();
  if (dimension >= forest_.options_.dimensions) from.spoil();
  if (from.bad()) return index;
  const size_t first = decode_node(from, points, depth + 1);
  const size_t second = from.bad() ? first : decode_node(from, points, depth + 1);
  auto& node = nodes_[index];
  node.dimension = dimension;
  node.cut = cut;
  if (from.bad()) return index;
  node.children[0] = first;
  node.children[1] = second;
  fit(node);
  return index;
}

}  // namespace suiro::sql
