// SPDX-License-Identifier: Apache-2.0
#include "engine/statechart/layers.h"

#include <algorithm>

namespace suiro::statechart {
namespace {

constexpr double kColumnGap = 28;
constexpr double kRowGap = 38;
constexpr double kBendWidth = 10;
constexpr double kLaneWidth = 14;
constexpr double kBackStep = 6;      // between edges that go back side by side
constexpr size_t kBackStepsMax = 4;  // then they share
constexpr double kBackGap = kBackStep * (kBackStepsMax + 1);  // above or below all rows
constexpr int kOrderSweeps = 8;
constexpr int kColumnSweeps = 8;

}  // namespace

void Layers::add_vertex(double width, double height) {
  items_.push_back({.width = width, .height = height});
  vertices_ = items_.size();
}

void Layers::add_edge(size_t from, size_t to) {
  edges_.push_back({from, to});
}

void Layers::arrange() {
  break_cycles();
  assign_rows();
  add_bends();
  order_rows();
  set_columns();
  set_rows_down();
}

// An edge to a vertex that is being visited closes a cycle.
void Layers::break_cycles() {
  enum class Mark : uint8_t { kNew, kOpen, kDone };
  std::vector<std::vector<size_t>> out(vertices_);
  for (size_t e = 0; e < edges_.size(); ++e) out[edges_[e].from].push_back(e);
  std::vector<Mark> marks(vertices_, Mark::kNew);
  struct Visit {
    size_t vertex;
    size_t next = 0;
  };
  for (size_t root = 0; root < vertices_; ++root) {
    if (marks[root] != Mark::kNew) continue;
    std::vector<Visit> path = {{root}};
    marks[root] = Mark::kOpen;
    while (!path.empty()) {
      Visit& top = path.back();
      if (top.next == out[top.vertex].size()) {
        marks[top.vertex] = Mark::kDone;
        path.pop_back();
        continue;
      }
      Edge& edge = edges_[out[top.vertex][top.next++]];
      if (marks[edge.to] == Mark::kOpen) {
        edge.back = true;
      } else if (marks[edge.to] == Mark::kNew) {
        marks[edge.to] = Mark::kOpen;
        path.push_back({edge.to});
      }
    }
  }
}

void Layers::assign_rows() {
  std::vector<size_t> waiting(vertices_, 0);
  std::vector<std::vector<size_t>> out(vertices_);
  for (const Edge& edge : edges_) {
    if (edge.back) continue;
    ++waiting[edge.to];
    out[edge.from].push_back(edge.to);
  }
  std::vector<size_t> ready;
  for (size_t v = 0; v < vertices_; ++v) {
    if (waiting[v] == 0) ready.push_back(v);
  }
  while (!ready.empty()) {
    size_t vertex = ready.back();
    ready.pop_back();
    for (size_t target : out[vertex]) {
      items_[target].row = std::max(items_[target].row, items_[vertex].row + 1);
      if (--waiting[target] == 0) ready.push_back(target);
    }
  }
  size_t rows = 0;
  for (size_t v = 0; v < vertices_; ++v) rows = std::max(rows, items_[v].row + 1);
  rows_.resize(rows);
  for (size_t v = 0; v < vertices_; ++v) rows_[items_[v].row].push_back(v);
}

void Layers::add_bends() {
  for (Edge& edge : edges_) {
    if (edge.back) continue;
    size_t before = edge.from;
    for (size_t row = items_[edge.from].row + 1; row < items_[edge.to].row; ++row) {
      size_t bend = items_.size();
      items_.push_back({.width = kBendWidth, .row = row});
      rows_[row].push_back(bend);
      items_[before].below.push_back(bend);
      items_[bend].above.push_back(before);
      edge.bends.push_back(bend);
      before = bend;
    }
    items_[before].below.push_back(edge.to);
    items_[edge.to].above.push_back(before);
  }
}

void Layers::order_rows() {
  for (auto& row : rows_) {
    for (size_t at = 0; at < row.size(); ++at) items_[row[at]].x = static_cast<double>(at);
  }
  for (int sweep = 0; sweep < kOrderSweeps; ++sweep) {
    if (sweep % 2 == 0) {
      for (auto& row : rows_) sort_row(row, true);
    } else {
      for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) sort_row(*row, false);
    }
  }
}

void Layers::sort_row(std::vector<size_t>& row, bool by_above) {
  struct Wish {
    double mean;
    size_t at;
    size_t item;
    auto operator<=>(const Wish&) const = default;
  };
  std::vector<Wish> order;
  for (size_t item : row) {
    const auto& near = by_above ? items_[item].above : items_[item].below;
    double mean = items_[item].x;
    if (!near.empty()) {
      mean = 0;
      for (size_t other : near) mean += items_[other].x;
      mean /= static_cast<double>(near.size());
    }
    order.push_back({mean, order.size(), item});
  }
  std::ranges::sort(order);
  for (size_t at = 0; at < row.size(); ++at) {
    row[at] = order[at].item;
    items_[row[at]].x = static_cast<double>(at);
  }
}

void Layers::set_columns() {
  for (auto& row : rows_) {
    double x = 0;
    for (size_t item : row) {
      items_[item].x = x + items_[item].width / 2;
      x += items_[item].width + kColumnGap;
    }
  }
  for (int sweep = 0; sweep < kColumnSweeps; ++sweep) pull(sweep % 2 == 0);
  double left = 0;
  double right = 0;
  for (const Item& item : items_) {
    left = std::min(left, item.x - item.width / 2);
    right = std::max(right, item.x + item.width / 2);
  }
  for (Item& item : items_) item.x -= left;
  graph_width_ = right - left;
}

// Moves the items of each row towards the means of their neighbours.
void Layers::pull(bool by_above) {
  auto pull_row = [&](std::vector<size_t>& row) {
    std::vector<double> wanted;
    for (size_t item : row) {
      const auto& near = by_above ? items_[item].above : items_[item].below;
      double mean = 0;
      for (size_t other : near) mean += items_[other].x;
      wanted.push_back(near.empty() ? items_[item].x : mean / static_cast<double>(near.size()));
    }
    spread(row, wanted);
  };
  if (by_above) {
    for (auto& row : rows_) pull_row(row);
  } else {
    for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) pull_row(*row);
  }
}

// Nearest to the wanted places while order and gaps are kept: what would overlap is merged into a
// block that stands at the mean of what its members want.
void Layers::spread(std::vector<size_t>& row, const std::vector<double>& wanted) {
  struct Block {
    double place = 0;   // of its first item's middle
    double sum = 0;     // of the members' wants, less their offsets
    double length = 0;  // from its first item's middle to its last one's
    std::vector<size_t> members;
  };
  auto distance = [&](size_t left, size_t right) {
    return (items_[left].width + items_[right].width) / 2 + kColumnGap;
  };
  std::vector<Block> blocks;
  for (size_t at = 0; at < row.size(); ++at) {
    blocks.push_back({wanted[at], wanted[at], 0, {row[at]}});
    while (blocks.size() > 1) {
      Block& right = blocks.back();
      Block& left = blocks[blocks.size() - 2];
      double offset = left.length + distance(left.members.back(), right.members.front());
      if (left.place + offset <= right.place) break;
      left.sum += right.sum - offset * static_cast<double>(right.members.size());
      left.length = offset + right.length;
      left.members.insert(left.members.end(), right.members.begin(), right.members.end());
      left.place = left.sum / static_cast<double>(left.members.size());
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) {
    double x = block.place;
    for (size_t at = 0; at < block.members.size(); ++at) {
      if (at > 0) x += distance(block.members[at - 1], block.members[at]);
      items_[block.members[at]].x = x;
    }
  }
}

void Layers::set_rows_down() {
  size_t backs = 0;
  double above = 0;
  double below = 0;
  for (Edge& edge : edges_) {
    if (!edge.back) continue;
    edge.number = backs++;
    if (items_[edge.to].row == 0 && !is_last_in_row(edge.to)) above = kBackGap;
    if (items_[edge.from].row + 1 == rows_.size() && !is_last_in_row(edge.from)) below = kBackGap;
  }
  double y = above;
  for (const auto& row : rows_) {
    double height = 0;
    for (size_t item : row) height = std::max(height, items_[item].height);
    for (size_t item : row) {
      // A long edge crosses the whole row.
      if (item >= vertices_) items_[item].height = height;
      items_[item].y = y + (height - items_[item].height) / 2;
    }
    spans_.push_back({y, y + height});
    y += height + kRowGap;
  }
  height_ = rows_.empty() ? 0 : y - kRowGap + below;
  width_ = graph_width_;
  for (const Edge& edge : edges_) {
    if (edge.back) width_ = std::max(width_, side_lane(edge) + kLaneWidth);
  }
}

// Each arrow back has a lane of its own, right of the graph.
double Layers::side_lane(const Edge& edge) const {
  return graph_width_ + kLaneWidth * static_cast<double>(edge.number + 1);
}

bool Layers::is_last_in_row(size_t vertex) const {
  return rows_[items_[vertex].row].back() == vertex;
}

Point Layers::corner(size_t vertex) const {
  const Item& item = items_[vertex];
  return {item.x - item.width / 2, item.y};
}

LayeredEdge Layers::back_edge(const Edge& edge) const {
  const Item& from = items_[edge.from];
  const Item& to = items_[edge.to];
  const double lane = side_lane(edge);
  // Those of one state must not lie upon each other.
  const double step = kBackStep * static_cast<double>(edge.number % kBackStepsMax);
  LayeredEdge out{.back = true};
  if (is_last_in_row(edge.from)) {
    double y = from.y + from.height / 2 + step;
    out.points = {{from.x + from.width / 2, y}, {lane, y}};
  } else {
    double x = from.x + from.width * 0.25 + step;
    double y = spans_[from.row].bottom + kBackStep + step;
    out.points = {{x, from.y + from.height}, {x, y}, {lane, y}};
  }
  if (is_last_in_row(edge.to)) {
    double y = to.y + to.height / 2 - kBackStep - step / 2;
    out.points.insert(out.points.end(), {{lane, y}, {to.x + to.width / 2, y}});
  } else {
    double x = to.x + to.width * 0.25 + step;
    double y = spans_[to.row].top - kBackStep - step;
    out.points.insert(out.points.end(), {{lane, y}, {x, y}, {x, to.y}});
  }
  return out;
}

LayeredEdge Layers::edge(size_t index) const {
  const Edge& edge = edges_[index];
  if (edge.back) return back_edge(edge);
  const Item& from = items_[edge.from];
  const Item& to = items_[edge.to];
  // Straight down to the end of its row, and from the begin of the other: beside a low state may
  // stand a tall one.
  LayeredEdge out;
  out.points.push_back({from.x, from.y + from.height});
  if (spans_[from.row].bottom > from.y + from.height) {
    out.points.push_back({from.x, spans_[from.row].bottom});
  }
  for (size_t at : edge.bends) {
    const Item& bend = items_[at];
    out.points.push_back({bend.x, bend.y});
    out.points.push_back({bend.x, bend.y + bend.height});
  }
  if (spans_[to.row].top < to.y) out.points.push_back({to.x, spans_[to.row].top});
  out.points.push_back({to.x, to.y});
  return out;
}

}  // namespace suiro::statechart
