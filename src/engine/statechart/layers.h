// SPDX-License-Identifier: Apache-2.0
// Layers: a directed graph laid out in rows, after Sugiyama: cycles are broken, vertices get the
// row behind their last predecessor, long edges get a bend in every row that they cross, rows are
// ordered by the means of their neighbours, and columns straightened. Edges that go back run in
// lanes right of the graph; they reach them between the rows, or from the last one of a row.
//
// Thread: one. Failure: none; time grows with the number of bends, vertices times edges at worst.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/statechart/layout.h"

namespace suiro::statechart {

struct LayeredEdge {
  std::vector<Point> points;
  bool back = false;
};

class Layers {
 public:
  void add_vertex(double width, double height);
  void add_edge(size_t from, size_t to);
  // Once, when all is added.
  void arrange();

  double width() const { return width_; }
  double height() const { return height_; }
  Point corner(size_t vertex) const;
  // By the order of add_edge().
  LayeredEdge edge(size_t index) const;

 private:
  // A vertex, or the bend of a long edge.
  struct Item {
    double width = 0;
    double height = 0;
    size_t row = 0;
    double x = 0;  // of its middle
    double y = 0;  // of its upper edge
    std::vector<size_t> above;
    std::vector<size_t> below;
  };
  struct Edge {
    size_t from;
    size_t to;
    bool back = false;
    size_t number = 0;  // among those that go back
    std::vector<size_t> bends;
  };

  void break_cycles();
  void assign_rows();
  void add_bends();
  void order_rows();
  void sort_row(std::vector<size_t>& row, bool by_above);
  void set_columns();
  void pull(bool by_above);
  void spread(std::vector<size_t>& row, const std::vector<double>& wanted);
  void set_rows_down();
  double side_lane(const Edge& edge) const;
  bool is_last_in_row(size_t vertex) const;
  LayeredEdge back_edge(const Edge& edge) const;

  std::vector<Item> items_;
  std::vector<Edge> edges_;
  struct Span {
    double top = 0;
    double bottom = 0;
  };

  std::vector<std::vector<size_t>> rows_;
  std::vector<Span> spans_;  // of the rows
  size_t vertices_ = 0;
  double width_ = 0;
  double height_ = 0;
  double graph_width_ = 0;  // without the lanes at the side
};

}  // namespace suiro::statechart
