// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/statechart/drawing.h"

namespace suiro::statechart {
namespace {

using workflow::EventType;
using workflow::HistoryEvent;

constexpr std::string_view kOrders = R"({
  "StartAt": "Check",
  "States": {
    "Check": {"Type": "Choice", "Choices": [
        {"Variable": "$.a", "IsPresent": true, "Next": "Split"},
        {"Variable": "$.b", "IsPresent": true, "Next": "Wait"}], "Default": "Refuse"},
    "Wait": {"Type": "Wait", "Seconds": 5, "Next": "Check"},
    "Split": {"Type": "Parallel", "Next": "Each", "Catch": [
        {"ErrorEquals": ["States.ALL"], "Next": "Refuse"}], "Branches": [
        {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "Next": "Left <2>"},
                                       "Left <2>": {"Type": "Pass", "End": true}}},
        {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "End": true}}}]},
    "Each": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "One", "States": {
        "One": {"Type": "Pass", "End": true}}}},
    "Refuse": {"Type": "Fail", "Error": "Refused"}
  }})";

std::shared_ptr<const workflow::Plan> plan_of(std::string_view text) {
  auto compiled = workflow::compile(text);
  EXPECT_TRUE(compiled.plan) << compiled.summary();
  return compiled.plan;
}

std::string type_of(const workflow::State& state) {
  return std::string(state.type());
}

bool overlap(const Box& a, const Box& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

bool inside(const Box& inner, const Box& outer) {
  return inner.x >= outer.x && inner.y >= outer.y &&
         inner.x + inner.width <= outer.x + outer.width &&
         inner.y + inner.height <= outer.y + outer.height;
}

const Box& box_of(const Layout& layout, std::string_view name) {
  for (const Node& node : layout.nodes) {
    if (node.state != nullptr && node.state->name == name) return node.box;
  }
  ADD_FAILURE() << "no box of " << name;
  return layout.nodes.front().box;
}

TEST(Layout, StatesOfAGroupDoNotOverlapAndStandInTheirParents) {
  auto plan = plan_of(kOrders);
  auto layout = lay_out(*plan, type_of);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->nodes.size(), 9u + 2);  // with start and end
  for (const Node& a : layout->nodes) {
    EXPECT_TRUE(inside(a.box, {0, 0, layout->width, layout->height}));
    for (const Node& b : layout->nodes) {
      if (&a == &b || a.state == nullptr || b.state == nullptr) continue;
      if (a.state->group == b.state->group) {
        EXPECT_FALSE(overlap(a.box, b.box)) << a.state->name << " and " << b.state->name;
      }
    }
  }
  for (const char* name : {"Left", "Left <2>", "Right"}) {
    EXPECT_TRUE(inside(box_of(*layout, name), box_of(*layout, "Split"))) << name;
  }
  EXPECT_TRUE(inside(box_of(*layout, "One"), box_of(*layout, "Each")));
  EXPECT_LT(box_of(*layout, "Check").y, box_of(*layout, "Split").y);
  EXPECT_LT(box_of(*layout, "Split").y, box_of(*layout, "Each").y);
}

TEST(Layout, ArrowsThatGoBackRunAtTheSide) {
  auto plan = plan_of(kOrders);
  auto layout = lay_out(*plan, type_of);
  ASSERT_TRUE(layout);
  size_t back = 0;
  for (const Arrow& arrow : layout->arrows) {
    if (arrow.back) ++back;
  }
  EXPECT_EQ(back, 1u);  // Wait to Check
}

// Two loops from states that have neighbours at their right, and a tall state beside low ones.
constexpr std::string_view kLoops = R"({
  "StartAt": "Poll",
  "States": {
    "Poll": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:p",
      "Next": "Ready?", "Catch": [{"ErrorEquals": ["Gone"], "Next": "Refuse"},
                                  {"ErrorEquals": ["States.ALL"], "Next": "Repair"}]},
    "Ready?": {"Type": "Choice", "Choices": [
        {"Variable": "$.ready", "IsPresent": true, "Next": "Split"},
        {"Variable": "$.again", "IsPresent": true, "Next": "Ready?"}], "Default": "Poll"},
    "Repair": {"Type": "Pass", "Next": "Poll"},
    "Split": {"Type": "Parallel", "Next": "Each", "Catch": [
        {"ErrorEquals": ["States.ALL"], "Next": "Refuse"}], "Branches": [
        {"StartAt": "Left", "States": {
          "Left": {"Type": "Choice", "Choices": [
             {"Variable": "$.a", "IsPresent": true, "Next": "A"},
             {"Variable": "$.b", "IsPresent": true, "Next": "B"}], "Default": "A"},
          "A": {"Type": "Pass", "Next": "Left"}, "B": {"Type": "Pass", "Next": "Left"}}},
        {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "End": true}}}]},
    "Each": {"Type": "Map", "Next": "After", "ItemProcessor": {"StartAt": "One", "States": {
        "One": {"Type": "Pass", "Next": "Two"}, "Two": {"Type": "Pass", "End": true}}}},
    "After": {"Type": "Pass", "End": true},
    "Refuse": {"Type": "Fail", "Error": "Refused"}
  }})";

// Points of the line as it is drawn.
std::vector<Point> samples(const Arrow& arrow) {
  std::vector<Point> out;
  for (size_t at = 1; at < arrow.points.size(); ++at) {
    const Point& from = arrow.points[at - 1];
    const Point& to = arrow.points[at];
    for (double t = 0; t <= 1; t += 1.0 / 64) {
      // A cubic curve whose middle points lie halfway down.
      double x = arrow.back ? t : t * t * (3 - 2 * t);
      double y = arrow.back ? t : 1.5 * t - 1.5 * t * t + t * t * t;
      out.push_back({from.x + (to.x - from.x) * x, from.y + (to.y - from.y) * y});
    }
  }
  return out;
}

bool holds(const Box& box, const Point& point, double margin) {
  return point.x > box.x + margin && point.x < box.x + box.width - margin &&
         point.y > box.y + margin && point.y < box.y + box.height - margin;
}

TEST(Layout, ArrowsCrossNoStates) {
  for (std::string_view text : {kOrders, kLoops}) {
    auto layout = lay_out(*plan_of(text), type_of);
    ASSERT_TRUE(layout);
    for (const Arrow& arrow : layout->arrows) {
      for (const Node& node : layout->nodes) {
        // What is inside of a state has arrows there.
        if (holds(node.box, arrow.points.front(), 1) && holds(node.box, arrow.points.back(), 1)) {
          continue;
        }
        for (const Point& point : samples(arrow)) {
          ASSERT_FALSE(holds(node.box, point, 1)) << (node.state ? node.state->name : "a circle")
                                                  << " at " << point.x << ", " << point.y;
        }
      }
      for (const Point& point : arrow.points) {
        EXPECT_TRUE(holds({0, 0, layout->width, layout->height}, point, -0.1));
      }
    }
  }
}

TEST(Layout, ArrowsThatGoBackDoNotLieUponEachOther) {
  auto layout = lay_out(*plan_of(kLoops), type_of);
  ASSERT_TRUE(layout);
  std::vector<std::pair<Point, Point>> lines;
  for (const Arrow& arrow : layout->arrows) {
    if (!arrow.back) continue;
    for (size_t at = 1; at < arrow.points.size(); ++at) {
      lines.emplace_back(arrow.points[at - 1], arrow.points[at]);
    }
  }
  EXPECT_GE(lines.size(), 5u * 3);
  auto overlap_on = [](double a, double b, double c, double d) {
    return std::max(std::min(a, b), std::min(c, d)) < std::min(std::max(a, b), std::max(c, d));
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const auto& [a, b] = lines[i];
      const auto& [c, d] = lines[j];
      bool level = a.y == b.y && c.y == d.y && a.y == c.y && overlap_on(a.x, b.x, c.x, d.x);
      bool upright = a.x == b.x && c.x == d.x && a.x == c.x && overlap_on(a.y, b.y, c.y, d.y);
      EXPECT_FALSE(level || upright) << a.x << ", " << a.y;
    }
  }
}

TEST(Layout, TextsFitIntoTheirStates) {
  auto plan = plan_of(kOrders);
  const std::string detail = "Pass · 700 × · 1,260 retries · 5 min 12 s";
  auto layout = lay_out(*plan, [&](const workflow::State&) { return detail; });
  ASSERT_TRUE(layout);
  for (const Node& node : layout->nodes) {
    if (node.state != nullptr) EXPECT_GT(node.box.width, text_width(detail, 10.5));
  }
  EXPECT_EQ(text_width("請求書", 12), 36);
  EXPECT_LT(text_width("ü", 12), text_width("ab", 12));
}

TEST(Layout, RefusesMoreThanItCanDraw) {
  std::string states;
  for (size_t at = 0; at <= kStatesMax; ++at) {
    states +=
        fmt::format(R"({}"S{}":{{"Type":"Pass",{}}})", at == 0 ? "" : ",", at,
                    at == kStatesMax ? "\"End\":true" : fmt::format("\"Next\":\"S{}\"", at + 1));
  }
  auto plan = plan_of(R"({"StartAt":"S0","States":{)" + states + "}}");
  ASSERT_TRUE(plan);
  EXPECT_EQ(lay_out(*plan, type_of).error().code, codes::kTooLarge);
}

HistoryEvent event(uint64_t id, uint64_t previous, int64_t ms, EventType type,
                   std::string name = "") {
  HistoryEvent event{
      .id = id, .previous_id = previous, .time = TimePoint(Millis(ms)), .type = type};
  event.name = std::move(name);
  return event;
}

TEST(Looks, CountVisitsRetriesAndTimes) {
  Looks looks = looks_of({
      event(1, 0, 0, EventType::kExecutionStarted),
      event(2, 0, 0, EventType::kTaskStateEntered, "Call"),
      event(3, 2, 0, EventType::kTaskScheduled),
      event(4, 3, 10, EventType::kTaskStarted),
      event(5, 4, 20, EventType::kTaskFailed),
      event(6, 5, 1020, EventType::kTaskScheduled),
      event(7, 6, 1030, EventType::kTaskStarted),
      event(8, 7, 1500, EventType::kTaskSucceeded),
      event(9, 8, 1500, EventType::kTaskStateExited, "Call"),
      event(10, 9, 1500, EventType::kTaskStateEntered, "Next"),
      event(11, 10, 1500, EventType::kTaskScheduled),
      event(12, 11, 1600, EventType::kTaskTimedOut),
      event(13, 12, 1600, EventType::kExecutionFailed),
  });
  EXPECT_EQ(looks.path, (std::vector<std::string>{"Call", "Next"}));
  const Look& call = looks.states.at("Call");
  EXPECT_EQ(call.status, Status::kSucceeded);
  EXPECT_EQ(call.failures, 1u);
  EXPECT_EQ(call.retries, 1u);
  EXPECT_EQ(call.total, Millis(1500));
  EXPECT_EQ(looks.states.at("Next").status, Status::kFailed);
  EXPECT_TRUE(looks.failed);
}

TEST(Looks, TellIterationsApart) {
  Looks looks = looks_of({
      event(1, 0, 0, EventType::kExecutionStarted),
      event(2, 0, 0, EventType::kMapStateEntered, "Each"),
      event(3, 2, 0, EventType::kMapStateStarted),
      event(4, 3, 0, EventType::kMapIterationStarted, "Each"),
      event(5, 4, 0, EventType::kPassStateEntered, "One"),
      event(6, 3, 0, EventType::kMapIterationStarted, "Each"),
      event(7, 6, 5, EventType::kPassStateEntered, "One"),
      event(8, 5, 30, EventType::kPassStateExited, "One"),
      event(9, 7, 40, EventType::kPassStateExited, "One"),
      event(10, 9, 40, EventType::kMapStateSucceeded),
      event(11, 9, 40, EventType::kMapStateExited, "Each"),
      event(12, 11, 40, EventType::kExecutionSucceeded),
  });
  EXPECT_EQ(looks.states.at("One").visits, 2u);
  EXPECT_EQ(looks.states.at("One").total, Millis(30 + 35));
  EXPECT_EQ(looks.states.at("Each").status, Status::kSucceeded);
  EXPECT_EQ(looks.states.at("Each").longest, Millis(40));
}

TEST(Looks, TellWhichStatesFailed) {
  // A task in a Map in a branch fails; beside it another branch waits.
  Looks looks = looks_of({
      event(1, 0, 0, EventType::kExecutionStarted),
      event(2, 0, 0, EventType::kParallelStateEntered, "Both"),
      event(3, 2, 0, EventType::kParallelStateStarted),
      event(4, 3, 0, EventType::kMapStateEntered, "Each"),
      event(5, 4, 0, EventType::kMapStateStarted),
      event(6, 5, 0, EventType::kMapIterationStarted, "Each"),
      event(7, 6, 0, EventType::kTaskStateEntered, "Call"),
      event(8, 3, 0, EventType::kWaitStateEntered, "Beside"),
      event(9, 7, 0, EventType::kTaskScheduled),
      event(10, 9, 5, EventType::kTaskFailed),
      event(11, 10, 5, EventType::kMapIterationFailed, "Each"),
      event(12, 11, 5, EventType::kMapStateFailed),
      event(13, 12, 5, EventType::kParallelStateFailed),
      event(14, 13, 5, EventType::kExecutionFailed),
  });
  for (const char* name : {"Both", "Each", "Call"}) {
    EXPECT_EQ(looks.states.at(name).status, Status::kFailed) << name;
    EXPECT_EQ(looks.states.at(name).failures, 1u) << name;
  }
  EXPECT_EQ(looks.states.at("Beside").status, Status::kAborted);
  // Data that a Choice cannot read.
  looks = looks_of({
      event(1, 0, 0, EventType::kExecutionStarted),
      event(2, 0, 0, EventType::kChoiceStateEntered, "Check"),
      event(3, 2, 0, EventType::kExecutionFailed),
  });
  EXPECT_EQ(looks.states.at("Check").status, Status::kFailed);
}

// What fails as it is entered is told past its entry (decision 230).
TEST(Looks, FindTheStateOfAnEvaluation) {
  std::vector<HistoryEvent> history = {
      event(1, 0, 0, EventType::kExecutionStarted),
      event(2, 0, 0, EventType::kPassStateEntered, "First"),
      event(3, 2, 0, EventType::kPassStateExited, "First"),
      event(4, 3, 0, EventType::kTaskStateEntered, "Call"),
      event(5, 3, 0, EventType::kEvaluationFailed, "Call"),
  };
  auto caught = history;
  caught.push_back(event(6, 5, 7, EventType::kTaskStateExited, "Call"));
  caught.push_back(event(7, 6, 7, EventType::kExecutionSucceeded));
  Looks looks = looks_of(caught);
  EXPECT_EQ(looks.states.at("Call").status, Status::kCaught);
  EXPECT_EQ(looks.states.at("Call").longest, Millis(7));
  EXPECT_EQ(looks.states.at("First").status, Status::kSucceeded);
  auto failed = history;
  failed.push_back(event(6, 5, 7, EventType::kExecutionFailed));
  looks = looks_of(failed);
  EXPECT_EQ(looks.states.at("Call").status, Status::kFailed);
  EXPECT_EQ(looks.states.at("Call").failures, 1u);
  EXPECT_EQ(looks.states.at("First").failures, 0u);
}

TEST(Looks, ChildrenAreCountedInTheirExecution) {
  auto child = [](int64_t ms, bool fails) {
    return looks_of({
        event(1, 0, 0, EventType::kExecutionStarted),
        event(2, 0, 0, EventType::kTaskStateEntered, "Post"),
        event(3, 2, 0, EventType::kTaskScheduled),
        event(4, 3, ms, fails ? EventType::kTaskFailed : EventType::kTaskSucceeded),
        fails ? event(5, 4, ms, EventType::kExecutionFailed)
              : event(5, 4, ms, EventType::kTaskStateExited, "Post"),
    });
  };
  Looks looks = looks_of({
      event(1, 0, 0, EventType::kExecutionStarted),
      event(2, 0, 0, EventType::kMapStateEntered, "Shops"),
  });
  add_child(looks, child(30, false));
  add_child(looks, child(50, true));
  add_child(looks, child(20, false));
  const Look& post = looks.states.at("Post");
  EXPECT_EQ(post.visits, 3u);
  EXPECT_EQ(post.failures, 1u);
  EXPECT_EQ(post.status, Status::kFailed);
  EXPECT_EQ(post.total, Millis(30 + 50 + 20));
  EXPECT_EQ(post.longest, Millis(50));
  EXPECT_EQ(looks.path, std::vector<std::string>{"Shops"});
  EXPECT_EQ(looks.states.at("Shops").visits, 1u);
  EXPECT_FALSE(looks.ended);
}

TEST(Drawing, ShowsEveryStateEscapedAndItsCourse) {
  auto plan = plan_of(kOrders);
  Looks looks;
  looks.states["Left <2>"] = {
      .status = Status::kCaught, .visits = 3, .retries = 1, .longest = Millis(2500)};
  auto svg = draw_svg(*plan, {.title = "a & b", .looks = &looks});
  ASSERT_TRUE(svg);
  for (const char* text : {"Left &lt;2&gt;", "a &amp; b", "Pass · 3 × · 1 retry · 2.5 s",
                           "caught-error", ">Start<", ">End<"}) {
    EXPECT_NE(svg->find(text), std::string::npos) << text;
  }
  EXPECT_EQ(svg->find("Left <2>"), std::string::npos);
  EXPECT_TRUE(svg->ends_with("</svg>\n"));
}

TEST(Drawing, TellsDurations) {
  EXPECT_EQ(duration_text(Millis(40)), "40 ms");
  EXPECT_EQ(duration_text(Millis(3'200)), "3.2 s");
  EXPECT_EQ(duration_text(Millis(125'000)), "2 min 5 s");
  EXPECT_EQ(duration_text(std::chrono::minutes(90)), "1 h 30 min");
  EXPECT_EQ(duration_text(std::chrono::hours(51)), "2 d 3 h");
}

}  // namespace
}  // namespace suiro::statechart
