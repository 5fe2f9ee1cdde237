// SPDX-License-Identifier: Apache-2.0
// What `suiro rehearse` prints. Thread: pure functions.
#pragma once

#include <string>
#include <vector>

#include "engine/rehearsal/rehearsal.h"

namespace suiro::server {

// AWS's price of a Standard workflow's state transition, USD; as published for us-east-1.
inline constexpr double kTransitionPrice = 0.025 / 1000;

// Executions, the path of the last one, a table of the plan's states (in all executions, where
// there are several), transitions and what they would cost.
std::string rehearsal_text(const std::string& title, const workflow::Plan& plan,
                           const std::vector<rehearsal::Rehearsed>& runs);
// One object on one line.
std::string rehearsal_json(const rehearsal::Rehearsed& run);
// Where two documents differ first: "$.a[2]: 3 expected, 4 found".
std::string first_difference(const json::Value& expected, const json::Value& found);

}  // namespace suiro::server
