// SPDX-License-Identifier: Apache-2.0
// Drawing: a workflow as an SVG picture, with an execution's course in colours where one is given.
//
// The picture needs nothing else: no fonts, scripts or network. Texts are escaped.
// Threads: pure functions. Failure: kTooLarge, as lay_out().
#pragma once

#include <string>

#include "engine/statechart/layout.h"
#include "engine/statechart/looks.h"

namespace suiro::statechart {

struct DrawingOptions {
  std::string title;
  const Looks* looks = nullptr;  // null: the definition alone
};

Result<std::string> draw_svg(const workflow::Plan& plan, const DrawingOptions& options);

// "40 ms", "3.2 s", "2 min 5 s", "1 h 30 min".
std::string duration_text(Millis duration);

}  // namespace suiro::statechart
