// SPDX-License-Identifier: Apache-2.0
#include "engine/statechart/drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/xml_text.h"

namespace suiro::statechart {
namespace {

constexpr double kMargin = 24;
constexpr double kTitleHeight = 34;
constexpr double kLegendHeight = 30;
constexpr double kWidthMin = 640;
constexpr double kTitleSize = 15;
constexpr double kLegendGap = 102;

constexpr std::array kStatuses = {Status::kSucceeded, Status::kCaught,  Status::kFailed,
                                  Status::kRunning,   Status::kAborted, Status::kNotRun};

constexpr std::string_view kStyle =
    "text{font-family:system-ui,sans-serif;font-size:12px;fill:#16202b}"
    ".title{font-size:15px;font-weight:600}.name{font-weight:600}.small{font-size:10.5px;fill:#"
    "5b6875}"
    ".state{stroke-width:1.4}.not-run{fill:#fff;stroke:#aab4be}"
    ".running{fill:#dcebfb;stroke:#1f6fbf}.succeeded{fill:#dff3e3;stroke:#2b8a3e}"
    ".caught-error{fill:#fdecd2;stroke:#d9780b}.failed{fill:#fbdfdf;stroke:#c92a2a}"
    ".aborted{fill:#ececec;stroke:#757f89}.around{fill-opacity:.35}"
    ".circle{fill:#f1f3f5;stroke:#6b7681;stroke-width:1.4}"
    ".arrow{fill:none;stroke:#6b7681;stroke-width:1.3}.catch{stroke:#d9780b;stroke-dasharray:5 3}"
    ".default{stroke-dasharray:2 3}";

// Control characters are no XML 1.0, not even as references: spaces stand for them.
std::string escaped(std::string_view text) {
  std::string plain(text);
  std::ranges::replace_if(plain, [](unsigned char c) { return c < 0x20; }, ' ');
  std::string out;
  append_xml_text(out, plain);
  return out;
}

std::string class_of(Status status) {
  std::string name(status_text(status));
  for (char& c : name) c = c == ' ' ? '-' : c;
  return name;
}

std::string arrow_tip(std::string_view id, std::string_view colour) {
  return fmt::format(
      "<marker id=\"{}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
      "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"{}\"/></marker>",
      id, colour);
}

void append_arrow(std::string& out, const Arrow& arrow) {
  std::string_view kind = arrow.kind == Arrow::Kind::kCatch     ? " catch"
                          : arrow.kind == Arrow::Kind::kDefault ? " default"
                                                                : "";
  fmt::format_to(std::back_inserter(out), "<path class=\"arrow{}\" marker-end=\"url(#{})\" d=\"",
                 kind, arrow.kind == Arrow::Kind::kCatch ? "tip-catch" : "tip");
  const auto& points = arrow.points;
  fmt::format_to(std::back_inserter(out), "M{:.1f} {:.1f}", points[0].x, points[0].y);
  for (size_t at = 1; at < points.size(); ++at) {
    const Point& from = points[at - 1];
    const Point& to = points[at];
    if (arrow.back) {
      fmt::format_to(std::back_inserter(out), "L{:.1f} {:.1f}", to.x, to.y);
      continue;
    }
    double middle = (from.y + to.y) / 2;
    fmt::format_to(std::back_inserter(out), "C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", from.x,
                   middle, to.x, middle, to.x, to.y);
  }
  out += "\"/>\n";
}

// "Task · 3 × · 1 retry · 2.1 s"
std::string detail_of(const workflow::State& state, const Look* look) {
  std::string text(state.type());
  if (look == nullptr || look->visits == 0) return text;
  if (look->visits > 1) text += fmt::format(" · {} ×", look->visits);
  if (look->retries > 0) {
    text += fmt::format(" · {} {}", look->retries, look->retries == 1 ? "retry" : "retries");
  }
  if (look->status != Status::kRunning) text += " · " + duration_text(look->longest);
  return text;
}

std::string tooltip_of(const Node& node, const Look& look) {
  return fmt::format("{}: {}, {} visits, {} failed attempts, {} retries, {} in all, longest {}",
                     node.state->name, status_text(look.status), look.visits, look.failures,
                     look.retries, duration_text(look.total), duration_text(look.longest));
}

void append_circle(std::string& out, const Node& node) {
  double radius = node.box.width / 2;
  fmt::format_to(
      std::back_inserter(out),
      "<circle class=\"circle\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"/>"
      "<text class=\"small\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
      node.box.x + radius, node.box.y + radius, radius, node.box.x + radius,
      node.box.y + radius + 3.5, node.kind == Node::Kind::kStart ? "Start" : "End");
}

const Look* look_of(const workflow::State& state, const Looks* looks) {
  if (looks == nullptr) return nullptr;
  auto found = looks->states.find(state.name);
  return found == looks->states.end() ? nullptr : &found->second;
}

void append_state(std::string& out, const Node& node, const Looks* looks) {
  const Look* look = look_of(*node.state, looks);
  bool around = std::holds_alternative<workflow::ParallelFields>(node.state->fields) ||
                std::holds_alternative<workflow::MapFields>(node.state->fields);
  const Box& box = node.box;
  out += "<g>";
  if (look != nullptr) out += "<title>" + escaped(tooltip_of(node, *look)) + "</title>";
  fmt::format_to(std::back_inserter(out),
                 "<rect class=\"state {}{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                 "height=\"{:.1f}\" rx=\"6\"/>",
                 class_of(look == nullptr ? Status::kNotRun : look->status),
                 around ? " around" : "", box.x, box.y, box.width, box.height);
  double middle = box.x + box.width / 2;
  fmt::format_to(std::back_inserter(out),
                 "<text class=\"name\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>"
                 "<text class=\"small\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                 middle, box.y + 19, escaped(node.state->name), middle, box.y + 34,
                 escaped(detail_of(*node.state, look)));
  out += "</g>\n";
}

bool has(const Layout& layout, Arrow::Kind kind) {
  return std::ranges::any_of(layout.arrows, [=](const Arrow& arrow) { return arrow.kind == kind; });
}

// What the picture has: colours of states where it shows a course, forms of arrows.
void append_legend(std::string& out, const Layout& layout, bool coloured, double y) {
  double x = 0;
  auto text = [&](std::string_view words) {
    fmt::format_to(std::back_inserter(out),
                   "<text class=\"small\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", x + 19, y + 10,
                   words);
    x += kLegendGap;
  };
  for (Status status : kStatuses) {
    if (!coloured) break;
    fmt::format_to(std::back_inserter(out),
                   "<rect class=\"state {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" "
                   "height=\"12\" rx=\"3\"/>",
                   class_of(status), x, y);
    text(status_text(status));
  }
  for (auto [kind, words] : {std::pair(Arrow::Kind::kCatch, "on an error"),
                             std::pair(Arrow::Kind::kDefault, "default")}) {
    if (!has(layout, kind)) continue;
    fmt::format_to(std::back_inserter(out), "<path class=\"arrow {}\" d=\"M{:.1f} {:.1f}h14\"/>",
                   kind == Arrow::Kind::kCatch ? "catch" : "default", x, y + 6);
    text(words);
  }
}

std::string title_of(const DrawingOptions& options) {
  std::string title = options.title;
  if (options.looks == nullptr || !options.looks->begun) return title;
  if (!options.looks->ended) return title + " · running";
  return title + (options.looks->failed ? " · failed after " : " · succeeded after ") +
         duration_text(*options.looks->ended - *options.looks->begun);
}

}  // namespace

std::string duration_text(Millis duration) {
  int64_t ms = duration.count();
  if (ms < 1'000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{:.1f} s", static_cast<double>(ms) / 1'000);
  int64_t seconds = ms / 1'000;
  if (seconds < 3'600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 172'800) return fmt::format("{} h {} min", seconds / 3'600, seconds % 3'600 / 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds % 86'400 / 3'600);
}

Result<std::string> draw_svg(const workflow::Plan& plan, const DrawingOptions& options) {
  TRY(Layout layout, lay_out(plan, [&](const workflow::State& state) {
        return detail_of(state, look_of(state, options.looks));
      }));
  double head = options.title.empty() ? 0 : kTitleHeight;
  bool coloured = options.looks != nullptr;
  size_t legend = (coloured ? kStatuses.size() : 0) + (has(layout, Arrow::Kind::kCatch) ? 1 : 0) +
                  (has(layout, Arrow::Kind::kDefault) ? 1 : 0);
  double foot = legend > 0 ? kLegendHeight : 0;
  const std::string title = title_of(options);
  double title_width = text_width(title, kTitleSize);
  double width =
      std::max({layout.width, kWidthMin, title_width, kLegendGap * static_cast<double>(legend)}) +
      2 * kMargin;
  double height = layout.height + head + foot + 2 * kMargin;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\">\n<style>{2}</style>\n"
      "<defs>{3}{4}</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      width, height, kStyle, arrow_tip("tip", "#6b7681"), arrow_tip("tip-catch", "#d9780b"));
  fmt::format_to(std::back_inserter(out), "<g transform=\"translate({:.1f} {:.1f})\">\n", kMargin,
                 kMargin);
  if (head > 0) {
    fmt::format_to(std::back_inserter(out), "<text class=\"title\" x=\"0\" y=\"12\">{}</text>\n",
                   escaped(title));
  }
  double left = (width - 2 * kMargin - layout.width) / 2;
  fmt::format_to(std::back_inserter(out), "<g transform=\"translate({:.1f} {:.1f})\">\n", left,
                 head);
  for (const Node& node : layout.nodes) {
    if (node.kind == Node::Kind::kState) {
      append_state(out, node, options.looks);
    } else {
      append_circle(out, node);
    }
  }
  for (const Arrow& arrow : layout.arrows) append_arrow(out, arrow);
  out += "</g>\n";
  if (legend > 0) append_legend(out, layout, coloured, head + layout.height + kMargin);
  out += "</g>\n</svg>\n";
  return out;
}

}  // namespace suiro::statechart
