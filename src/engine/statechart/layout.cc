// SPDX-License-Identifier: Apache-2.0
#include "engine/statechart/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "engine/statechart/layers.h"

namespace suiro::statechart {
namespace {

using workflow::State;
using workflow::StateGroup;

constexpr double kLetterWidth = 7.2;
constexpr double kStateWidthMin = 120;
constexpr double kStateHeight = 46;
constexpr double kTerminalSize = 26;  // the circles of start and end
constexpr double kInset = 18;         // of what is inside a Parallel or Map
constexpr double kHeader = 40;        // its title
constexpr double kBranchGap = 24;

// A group by itself, its corner at 0, 0.
struct Picture {
  double width = 0;
  double height = 0;
  std::vector<Node> nodes;
  std::vector<Arrow> arrows;
};

void move_into(Picture& target, Picture part, Point by) {
  for (Node& node : part.nodes) {
    node.box.x += by.x;
    node.box.y += by.y;
    target.nodes.push_back(node);
  }
  for (Arrow& arrow : part.arrows) {
    for (Point& point : arrow.points) {
      point.x += by.x;
      point.y += by.y;
    }
    target.arrows.push_back(std::move(arrow));
  }
}

std::vector<const StateGroup*> groups_of(const State& state) {
  std::vector<const StateGroup*> groups;
  if (auto* parallel = std::get_if<workflow::ParallelFields>(&state.fields)) {
    for (const StateGroup& branch : parallel->branches) groups.push_back(&branch);
  } else if (auto* map = std::get_if<workflow::MapFields>(&state.fields)) {
    groups.push_back(&map->processor);
  }
  return groups;
}

struct Transition {
  std::string target;  // empty: the end
  Arrow::Kind kind = Arrow::Kind::kNext;
};

std::vector<Transition> transitions_of(const State& state) {
  std::vector<Transition> out;
  if (auto* choice = std::get_if<workflow::ChoiceFields>(&state.fields)) {
    for (const auto& rule : choice->rules) out.push_back({rule.next, Arrow::Kind::kChoice});
    if (choice->default_next) out.push_back({*choice->default_next, Arrow::Kind::kDefault});
  } else {
    out.push_back({state.next.value_or(""), Arrow::Kind::kNext});
  }
  for (const auto& catcher : state.catchers) out.push_back({catcher.next, Arrow::Kind::kCatch});
  return out;
}

// The state with what is inside of it, its box first.
Picture picture_of(const State& state, const std::function<Picture(const StateGroup&)>& group) {
  Picture whole;
  double title = 28 + kLetterWidth * static_cast<double>(state.name.size());
  whole.width = std::max(kStateWidthMin, title);
  whole.height = kStateHeight;
  whole.nodes.push_back({.state = &state, .box = {}});
  double x = kInset;
  for (const StateGroup* part : groups_of(state)) {
    Picture inside = group(*part);
    double width = inside.width;
    whole.height = std::max(whole.height, kHeader + inside.height + kInset);
    move_into(whole, std::move(inside), {x, kHeader});
    x += width + kBranchGap;
  }
  if (whole.nodes.size() > 1) whole.width = std::max(whole.width, x - kBranchGap + kInset);
  whole.nodes.front().box = {0, 0, whole.width, whole.height};
  return whole;
}

class GroupLayout {
 public:
  GroupLayout(const StateGroup& group, bool is_root) : group_(group), is_root_(is_root) {}

  Picture run() {
    add_vertices();
    add_edges();
    layers_.arrange();
    Picture out;
    out.width = layers_.width();
    out.height = layers_.height();
    for (size_t v = 0; v < pictures_.size(); ++v) {
      move_into(out, std::move(pictures_[v]), layers_.corner(v));
    }
    for (size_t e = 0; e < kinds_.size(); ++e) {
      LayeredEdge edge = layers_.edge(e);
      out.arrows.push_back({kinds_[e], std::move(edge.points), edge.back});
    }
    return out;
  }

 private:
  static Picture nested(const StateGroup& group) { return GroupLayout(group, false).run(); }

  void add(Picture picture) {
    layers_.add_vertex(picture.width, picture.height);
    pictures_.push_back(std::move(picture));
  }

  void add_circle(Node::Kind kind) {
    Picture circle{.width = kTerminalSize, .height = kTerminalSize};
    circle.nodes.push_back({.kind = kind, .box = {0, 0, kTerminalSize, kTerminalSize}});
    add(std::move(circle));
  }

  void add_vertices() {
    if (is_root_) add_circle(Node::Kind::kStart);
    for (const auto& state : group_.states) {
      place_[state->name] = pictures_.size();
      add(picture_of(*state, nested));
    }
    if (is_root_) add_circle(Node::Kind::kEnd);
  }

  void connect(size_t from, size_t to, Arrow::Kind kind) {
    layers_.add_edge(from, to);
    kinds_.push_back(kind);
  }

  void add_edges() {
    auto start = place_.find(group_.start_at);
    if (is_root_ && start != place_.end()) connect(0, start->second, Arrow::Kind::kNext);
    for (const auto& state : group_.states) {
      std::vector<std::string> done;
      for (const Transition& transition : transitions_of(*state)) {
        // Several rules to one state are one arrow.
        if (std::ranges::find(done, transition.target) != done.end()) continue;
        done.push_back(transition.target);
        auto target = place_.find(transition.target);
        if (target != place_.end()) {
          connect(place_.at(state->name), target->second, transition.kind);
        } else if (is_root_ && transition.target.empty()) {
          connect(place_.at(state->name), pictures_.size() - 1, transition.kind);
        }
      }
    }
  }

  const StateGroup& group_;
  bool is_root_;
  Layers layers_;
  std::vector<Picture> pictures_;
  std::unordered_map<std::string, size_t> place_;
  std::vector<Arrow::Kind> kinds_;
};

}  // namespace

Result<Layout> lay_out(const workflow::Plan& plan) {
  if (plan.by_name.size() > kStatesMax) {
    return fail(codes::kTooLarge, fmt::format("{} states cannot be drawn; at most {} can",
                                              plan.by_name.size(), kStatesMax));
  }
  Picture picture = GroupLayout(plan.root, true).run();
  return Layout{picture.width, picture.height, std::move(picture.nodes), std::move(picture.arrows)};
}

}  // namespace suiro::statechart
