// SPDX-License-Identifier: Apache-2.0
// Layout: where the states of a workflow and the arrows between them stand in a picture.
//
// Layered: a state lies below all that lead to it (arrows that go back are drawn at the side), and
// the order within a row keeps crossings few. Branches and item processors are laid out first and
// stand inside their Parallel or Map.
//
// Invariants: no two states of a group overlap; what is inside a state lies within its box, and so
// do its name and its detail; no arrow crosses a state of its group.
// Threads: pure functions. Failure: a plan of more than kStatesMax states is kTooLarge.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/workflow/plan.h"

namespace suiro::statechart {

inline constexpr size_t kStatesMax = 2'000;

// In CSS pixels; y grows downwards.
struct Point {
  double x = 0;
  double y = 0;
};

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

struct Node {
  enum class Kind : uint8_t { kState, kStart, kEnd } kind = Kind::kState;
  const workflow::State* state = nullptr;  // of kState
  Box box;
};

struct Arrow {
  enum class Kind : uint8_t { kNext, kChoice, kDefault, kCatch } kind = Kind::kNext;
  std::vector<Point> points;  // from the source's edge to the target's
  bool back = false;          // against the flow: at the side
};

struct Layout {
  double width = 0;
  double height = 0;
  std::vector<Node> nodes;  // those around others come first
  std::vector<Arrow> arrows;
};

// The text below a state's name.
using Detail = std::function<std::string(const workflow::State& state)>;

// Errors: kTooLarge.
Result<Layout> lay_out(const workflow::Plan& plan, const Detail& detail);

// About, in a font that is `size` high.
double text_width(std::string_view text, double size);

}  // namespace suiro::statechart
