// SPDX-License-Identifier: Apache-2.0
#include "engine/definition/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/definition/fields.h"

namespace suiro::definition {
namespace {

constexpr size_t kValueBytesMax = 120;

std::string_view verb(Action action) {
  switch (action) {
    case Action::kKeep:
      return "keep";
    case Action::kCreate:
      return "create";
    case Action::kUpdate:
      return "change";
    case Action::kRemove:
      return "remove";
    case Action::kLeave:
      return "leave";
  }
  return "keep";
}

std::string_view sign(Action action) {
  switch (action) {
    case Action::kCreate:
      return "+";
    case Action::kUpdate:
      return "~";
    case Action::kRemove:
      return "-";
    default:
      return "?";
  }
}

std::string shown(const json::value& value) {
  if (value.is_null()) return "nothing";
  std::string text = value.is_string() ? std::string(value.as_string()) : json::serialize(value);
  if (text.empty()) return "nothing";
  std::ranges::replace(text, '\n', ' ');
  if (text.size() > kValueBytesMax) text = text.substr(0, kValueBytesMax) + "...";
  return text;
}

std::string minute(TimePoint time) {
  return format_iso8601(time).substr(0, 16) + "Z";
}

std::string times(const std::vector<TimePoint>& list) {
  std::string out;
  for (size_t i = 0; i < std::min(list.size(), kForecastListedMax); ++i) {
    out.append(i == 0 ? "" : ", ").append(minute(list[i]));
  }
  if (list.size() > kForecastListedMax) out += ", ...";
  return out;
}

const Field* field_named(Kind kind, std::string_view name) {
  auto fields = fields_of(kind);
  auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? nullptr : &*found;
}

// As a definition file would say it.
std::string shown(const json::value& value, const Field* field) {
  if (field == nullptr || field->type != Type::kDuration || !value.is_int64()) return shown(value);
  int64_t seconds = value.as_int64();
  for (auto [unit, name] : {std::pair{86'400, "d"}, {3600, "h"}, {60, "m"}}) {
    if (seconds > 0 && seconds % unit == 0) return fmt::format("{}{}", seconds / unit, name);
  }
  return fmt::format("{}s", seconds);
}

// What a new resource has anyhow is not told.
bool is_fallback(const FieldChange& change, const Field* field) {
  return field != nullptr && !field->fallback.empty() &&
         json::parse(field->fallback) == change.after;
}

// The same words, with the marks of one format.
class Writer {
 public:
  explicit Writer(Format format) : format_(format) {}
  void heading(std::string_view text) {
    if (!out_.empty()) out_ += '\n';
    out_ += is_markdown() ? fmt::format("### {}\n\n", text) : fmt::format("{}\n", text);
  }
  void item(std::string_view text) {
    out_ += is_markdown() ? fmt::format("- {}\n", text) : fmt::format("  {}\n", text);
  }
  void detail(std::string_view text) {
    out_ += is_markdown() ? fmt::format("  - {}\n", text) : fmt::format("      {}\n", text);
  }
  void line(std::string_view text) { out_ += fmt::format("{}\n", text); }
  std::string code(std::string_view text) const {
    return is_markdown() ? fmt::format("`{}`", text) : std::string(text);
  }
  bool is_markdown() const { return format_ == Format::kMarkdown; }
  std::string take() { return std::move(out_); }

 private:
  Format format_;
  std::string out_;
};

void write_changes(Writer& out, const Plan& plan) {
  size_t kept = 0;
  for (const Change& change : plan.changes) {
    if (change.action == Action::kKeep) {
      ++kept;
      continue;
    }
    std::string description = shown(change.resource.properties.contains("description")
                                        ? change.resource.properties.at("description")
                                        : json::value());
    if (change.action == Action::kLeave) {
      out.item(fmt::format("? {} {} is no longer in the file; {}", kind_name(change.resource.kind),
                           out.code(change.resource.name),
                           change.origin == Origin::kFound
                               ? "it was there before, and is never removed"
                               : "--prune removes it"));
      continue;
    }
    out.item(fmt::format("{} {} {}{}", sign(change.action), kind_name(change.resource.kind),
                         out.code(change.resource.name),
                         description == "nothing" ? "" : ": " + description));
    for (const FieldChange& change_of : change.fields) {
      const Field* field = field_named(change.resource.kind, change_of.name);
      std::string after = out.code(shown(change_of.after, field));
      if (change.action != Action::kCreate) {
        out.detail(fmt::format("{}: {} -> {}", change_of.name,
                               out.code(shown(change_of.before, field)), after));
      } else if (change_of.name != "description" && !is_fallback(change_of, field)) {
        out.detail(fmt::format("{}: {}", change_of.name, after));
      }
    }
  }
  if (kept > 0) out.line(fmt::format("{}{} unchanged", out.is_markdown() ? "\n" : "  ", kept));
}

const Planned* find(const std::vector<Planned>& schedules, const std::string& name) {
  auto found = std::ranges::find(schedules, name, &Planned::schedule);
  return found == schedules.end() ? nullptr : &*found;
}

void write_runs(Writer& out, const Report& report) {
  for (const Difference& difference : compare(report.before, report.after)) {
    const Planned* planned = find(report.schedules, difference.schedule);
    std::string what =
        planned == nullptr ? "" : fmt::format(" ({} in {})", planned->expression, planned->zone);
    out.item(fmt::format("{}{}: {} added, {} moved, {} dropped", out.code(difference.schedule),
                         what, difference.added.size(), difference.moved.size(),
                         difference.dropped.size()));
    if (!difference.added.empty()) out.detail("added: " + times(difference.added));
    if (!difference.dropped.empty()) out.detail("dropped: " + times(difference.dropped));
    for (size_t i = 0; i < std::min<size_t>(difference.moved.size(), 2); ++i) {
      out.detail(fmt::format("moved: {} -> {}", minute(difference.moved[i].from),
                             minute(difference.moved[i].to)));
    }
  }
  size_t runs = 0;
  for (const auto& [name, list] : report.after.runs) runs += list.size();
  out.item(fmt::format("{} runs of {} schedules in all{}", runs, report.after.runs.size(),
                       report.after.cut ? " (cut: too many to list)" : ""));
}

std::string peak_text(const Peak& before, const Peak& after, uint64_t machine,
                      std::string_view unit) {
  std::string out = fmt::format("{} {}", after.value, unit);
  if (after.value > 0) out += " at " + minute(after.at);
  if (before.value != after.value) out += fmt::format(" (before: {})", before.value);
  if (machine > 0) {
    out += fmt::format(", the machine has {}{}", machine,
                       after.value > machine ? ": runs will wait" : "");
  }
  return out;
}

void write_load(Writer& out, const Report& report) {
  out.item("CPU: " +
           peak_text(report.before.cpu_units, report.after.cpu_units, report.cpu_units, "units"));
  out.item("memory: " +
           peak_text(report.before.memory_mb, report.after.memory_mb, report.memory_mb, "MiB"));
  if (!report.after.unknown.empty()) {
    std::string names;
    for (const auto& name : report.after.unknown) {
      names.append(names.empty() ? "" : ", ").append(name);
    }
    out.item("not counted, since no run of them has ended yet: " + names);
  }
}

json::object json_of(const Change& change) {
  json::object fields;
  for (const FieldChange& field : change.fields) {
    fields[field.name] = json::object{{"before", field.before}, {"after", field.after}};
  }
  return {{"action", verb(change.action)},
          {"kind", kind_name(change.resource.kind)},
          {"name", change.resource.name},
          {"fields", std::move(fields)}};
}

json::object json_of(const Planned& planned, const Forecast& forecast) {
  json::array runs;
  if (auto found = forecast.runs.find(planned.schedule); found != forecast.runs.end()) {
    for (TimePoint at : found->second) runs.emplace_back(format_iso8601(at));
  }
  return {{"name", planned.schedule},
          {"target", planned.target},
          {"expression", planned.expression},
          {"timezone", planned.zone},
          {"runs", std::move(runs)}};
}

std::string format_json(const Report& report) {
  json::array changes, schedules, overlaps, clock_changes;
  for (const Change& change : report.plan.changes) changes.push_back(json_of(change));
  for (const Planned& planned : report.schedules)
    schedules.push_back(json_of(planned, report.after));
  for (const Overlap& overlap : report.after.overlaps) {
    overlaps.push_back(json::object{{"schedule", overlap.schedule},
                                    {"times", overlap.times},
                                    {"first", format_iso8601(overlap.at)}});
  }
  for (const ClockChange& change : report.after.clock_changes) {
    clock_changes.push_back(json::object{{"schedule", change.schedule},
                                         {"timezone", change.zone},
                                         {"at", format_iso8601(change.at)},
                                         {"effect", change.what}});
  }
  auto peak = [](const Peak& peak) {
    return json::object{{"value", peak.value}, {"at", format_iso8601(peak.at)}};
  };
  json::object out{
      {"name", report.plan.name},
      {"from", format_iso8601(report.from)},
      {"to", format_iso8601(report.to)},
      {"changes", std::move(changes)},
      {"schedules", std::move(schedules)},
      {"overlaps", std::move(overlaps)},
      {"clockChanges", std::move(clock_changes)},
      {"peak", {{"cpu", peak(report.after.cpu_units)}, {"memory", peak(report.after.memory_mb)}}},
      {"cut", report.after.cut}};
  return json::serialize(out) + "\n";
}

}  // namespace

std::string describe(const Change& change) {
  return fmt::format("{} {} {}", verb(change.action), kind_name(change.resource.kind),
                     change.resource.name);
}

std::string format_report(const Report& report, Format format) {
  if (format == Format::kJson) return format_json(report);
  Writer out(format);
  out.heading(fmt::format("Plan for {}", report.plan.name));
  if (report.plan.empty()) out.line("Nothing to change.");
  write_changes(out, report.plan);
  out.heading(fmt::format("Runs from {} to {}", minute(report.from), minute(report.to)));
  write_runs(out, report);
  if (!report.after.overlaps.empty()) {
    out.heading("Overlaps, by the longest of the past runs");
    for (const Overlap& overlap : report.after.overlaps) {
      out.item(fmt::format("{}: {} runs begin before the one before has ended, first {}",
                           out.code(overlap.schedule), overlap.times, minute(overlap.at)));
    }
  }
  if (!report.after.clock_changes.empty()) {
    out.heading("Days on which the clock is changed");
    for (const ClockChange& change : report.after.clock_changes) {
      out.item(fmt::format("{}: {} in {}, {}", minute(change.at), out.code(change.schedule),
                           change.zone, change.what));
    }
  }
  out.heading("Peak");
  write_load(out, report);
  return out.take();
}

}  // namespace suiro::definition
