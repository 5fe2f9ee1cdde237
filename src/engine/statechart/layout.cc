// SPDX-License-Identifier: Apache-2.0
#include "engine/statechart/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "engine/statechart/layers.h"

namespace suiro::statechart {
namespace {

using workflow::State;
using workflow::StateGroup;

// Of the font's size; a bold one at its widest.
constexpr double kLetterWidth = 0.62;
constexpr double kWideLetterWidth = 1.0;  // Chinese, Japanese, Korean; pictures
constexpr uint32_t kWideFrom = 0x1100;
constexpr double kNameSize = 12;
constexpr double kDetailSize = 10.5;
constexpr double kPadding = 14;  // of texts, left and right
constexpr double kStateWidthMin = 120;
constexpr double kStateHeight = 46;
constexpr double kTerminalSize = 34;  // the circles of start and end
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
Picture picture_of(const State& state, const Detail& detail,
                   const std::function<Picture(const StateGroup&)>& group) {
  Picture whole;
  double text = std::max(text_width(state.name, kNameSize), text_width(detail(state), kDetailSize));
  whole.width = std::max(kStateWidthMin, text + 2 * kPadding);
  whole.height = kStateHeight;
  std::vector<Picture> parts;
  double inner = 0;
  for (const StateGroup* part : groups_of(state)) {
    parts.push_back(group(*part));
    inner += parts.back().width + (parts.size() > 1 ? kBranchGap : 0);
    whole.height = std::max(whole.height, kHeader + parts.back().height + kInset);
  }
  if (!parts.empty()) whole.width = std::max(whole.width, inner + 2 * kInset);
  whole.nodes.push_back({.state = &state, .box = {0, 0, whole.width, whole.height}});
  double x = (whole.width - inner) / 2;
  for (Picture& part : parts) {
    double width = part.width;
    move_into(whole, std::move(part), {x, kHeader});
    x += width + kBranchGap;
  }
  return whole;
}

class GroupLayout {
 public:
  GroupLayout(const StateGroup& group, const Detail& detail, bool is_root)
      : group_(group), detail_(detail), is_root_(is_root) {}

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
      add(picture_of(*state, detail_, [this](const StateGroup& inside) {
        return GroupLayout(inside, detail_, false).run();
      }));
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
  const Detail& detail_;
  bool is_root_;
  Layers layers_;
  std::vector<Picture> pictures_;
  std::unordered_map<std::string, size_t> place_;
  std::vector<Arrow::Kind> kinds_;
};

}  // namespace

double text_width(std::string_view text, double size) {
  double width = 0;
  for (size_t at = 0; at < text.size();) {
    auto lead = static_cast<unsigned char>(text[at]);
    size_t bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t code = lead < 0x80 ? lead : lead & (0xFFu >> (bytes + 1));
    for (size_t more = 1; more < bytes && at + more < text.size(); ++more) {
      code = code << 6 | (static_cast<unsigned char>(text[at + more]) & 0x3Fu);
    }
    width += size * (code >= kWideFrom ? kWideLetterWidth : kLetterWidth);
    at += bytes;
  }
  return width;
}

Result<Layout> lay_out(const workflow::Plan& plan, const Detail& detail) {
  if (plan.by_name.size() > kStatesMax) {
    return fail(codes::kTooLarge, fmt::format("{} states cannot be drawn; at most {} can",
                                              plan.by_name.size(), kStatesMax));
  }
  Picture picture = GroupLayout(plan.root, detail, true).run();
  return Layout{picture.width, picture.height, std::move(picture.nodes), std::move(picture.arrows)};
}

}  // namespace suiro::statechart
