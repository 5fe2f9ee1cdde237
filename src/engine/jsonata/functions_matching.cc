// SPDX-License-Identifier: Apache-2.0
// Functions that search texts: for texts, regular expressions, or whatever a matching function of
// the user finds.
#include <cmath>

#include "engine/jsonata/evaluator.h"
#include "engine/jsonata/regex.h"

namespace suiro::jsonata {
namespace {

// One match after the other, of a regex or of a function that behaves like one.
class Matches {
 public:
  Matches(Evaluator& evaluator, Function* matcher, const Value& subject)
      : evaluator_(evaluator), matcher_(matcher), subject_(subject) {}

  // False: there is none any more, or failed().
  bool next() {
    return matcher_->kind == Function::Kind::kRegex ? next_of_regex() : next_of_function();
  }
  bool failed() const { return failed_; }
  const RegexMatch& match() const { return match_; }
  // As functions of the user see it.
  Value described() {
    if (matcher_->kind != Function::Kind::kRegex) return last_;
    return describe_match(evaluator_, matcher_, subject_.text(), match_);
  }

 private:
  bool next_of_regex() {
    const std::string_view text = subject_.text();
    const size_t from = started_ ? match_.end : 0;
    if (started_ && from >= text.size()) return false;
    if (!evaluator_.step((text.size() - from) / 64 + 1)) return !(failed_ = true);
    auto found = find_match(*matcher_->node->regex, text, from);
    if (!found) return false;
    if (started_ && found->text.empty()) {
      evaluator_.fail(Fault{.code = "D1004",
                            .position = matcher_->node->position,
                            .value = quoted(matcher_->node->text)});
      return !(failed_ = true);
    }
    started_ = true;
    match_ = *std::move(found);
    return true;
  }

  bool next_of_function() {
    if (!started_) {
      last_ = evaluator_.apply(matcher_, {&subject_, 1}, Value::null());
    } else {
      const Value next = member_of(last_, "next");
      if (!next.is_function()) return false;
      last_ = evaluator_.apply(next.function(), {}, Value::null());
    }
    started_ = true;
    failed_ = last_.is_failed();
    if (failed_ || last_.undefined()) return false;
    const Value start = member_of(last_, "start"), end = member_of(last_, "end");
    const Value text = member_of(last_, "match"), groups = member_of(last_, "groups");
    if (!start.is_number() || !end.is_number() || !text.is_string() || !groups.is_array() ||
        !member_of(last_, "next").is_function()) {
      evaluator_.fail("T1010");
      return !(failed_ = true);
    }
    const std::string_view subject = subject_.text();
    auto offset = [&](const Value& unit) {
      return offset_of_unit(subject, static_cast<size_t>(std::clamp(
                                         unit.number(), 0.0, static_cast<double>(subject.size()))));
    };
    match_ = {.text = text.text(), .begin = offset(start), .end = offset(end)};
    const Items items(groups);
    for (size_t i = 0; i < items.size(); ++i) {
      const Value group = items[i];
      match_.groups.push_back(group.is_string() ? std::optional(group.text()) : std::nullopt);
    }
    return true;
  }

  Evaluator& evaluator_;
  Function* matcher_;
  Value subject_;
  RegexMatch match_;
  Value last_;
  bool started_ = false;
  bool failed_ = false;
};

// How many are wanted: infinity where nothing is said.
double limit_of(const Value& value) {
  return value.is_number() ? value.number() : INFINITY;
}

Value fn_contains(const Call& call) {
  if (call[0].undefined() || call[1].undefined()) return {};
  if (call[1].is_string()) {
    return Value(find_text(call[0].text(), call[1].text()) != std::string_view::npos);
  }
  Matches matches(call.evaluator, call[1].function(), call[0]);
  const bool found = matches.next();
  return matches.failed() ? Value::failed() : Value(found);
}

Value fn_match(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  Arena& arena = evaluator.arena();
  const double limit = limit_of(call[2]);
  if (limit < 0) return evaluator.fail("D3040", call[2]);
  Array* out = evaluator.new_sequence();
  Matches matches(evaluator, call[1].function(), call[0]);
  // Counted on from the match before, so that long texts are walked once.
  size_t counted = 0, units = 0;
  for (double count = 0; count < limit && matches.next(); ++count) {
    const RegexMatch& match = matches.match();
    if (match.begin < counted) counted = units = 0;
    units += count_units(call[0].text().substr(counted, match.begin - counted));
    counted = match.begin;
    auto* groups = evaluator.new_array();
    for (const auto& group : match.groups) {
      groups->push(arena, group ? Value(*group) : Value());
    }
    auto* one = arena.make<Object>();
    one->set(arena, "match", Value(match.text));
    one->set(arena, "index", Value(static_cast<double>(units)));
    one->set(arena, "groups", Value(groups));
    out->push(arena, Value(one));
  }
  return matches.failed() ? Value::failed() : Value(out);
}

// "$1" and its kin in a replacement.
void append_substitute(TextBuilder& out, std::string_view replacement, const RegexMatch& match) {
  const size_t groups = match.groups.size();
  size_t digits_max = 1;
  for (size_t rest = groups / 10; rest > 0; rest /= 10) ++digits_max;
  auto number_at = [&](size_t at, size_t digits) -> std::optional<size_t> {
    size_t value = 0, read = 0;
    while (read < digits && at + read < replacement.size() && replacement[at + read] >= '0' &&
           replacement[at + read] <= '9') {
      value = value * 10 + static_cast<size_t>(replacement[at + read] - '0');
      ++read;
    }
    return read > 0 ? std::optional(value) : std::nullopt;
  };
  size_t at = 0;
  for (size_t dollar; (dollar = replacement.find('$', at)) != std::string_view::npos;) {
    out.append(replacement.substr(at, dollar - at));
    at = dollar + 1;
    const char next = at < replacement.size() ? replacement[at] : '\0';
    if (next == '$' || next == '0') {
      out.append(next == '$' ? std::string_view("$") : match.text);
      ++at;
      continue;
    }
    auto number = number_at(at, digits_max);
    if (number && digits_max > 1 && *number > groups) number = number_at(at, digits_max - 1);
    if (!number) {
      out.append('$');
      continue;
    }
    if (*number >= 1 && *number <= groups && match.groups[*number - 1]) {
      out.append(*match.groups[*number - 1]);
    }
    at += std::to_string(*number).size();
  }
  out.append(replacement.substr(std::min(at, replacement.size())));
}

Value replace_text(const Call& call, double limit) {
  const std::string_view text = call[0].text(), pattern = call[1].text();
  if (!call[2].is_string()) return call.evaluator.fail(Fault{.code = "T0410", .index = 3});
  TextBuilder out(call.evaluator.arena());
  size_t at = 0;
  for (double count = 0; count < limit; ++count) {
    const size_t found = find_text(text, pattern, at);
    if (found == std::string_view::npos) break;
    if (!call.evaluator.step()) return Value::failed();
    out.append(text.substr(at, found - at));
    out.append(call[2].text());
    at = found + pattern.size();
  }
  out.append(text.substr(at));
  return Value(out.view());
}

Value fn_replace(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  if (call[1].is_string() && call[1].text().empty()) return evaluator.fail("D3010", call[1]);
  const double limit = limit_of(call[3]);
  if (limit < 0) return evaluator.fail("D3011", call[3]);
  if (limit == 0 || call[1].undefined()) return call[0];
  if (call[1].is_string()) return replace_text(call, limit);
  const std::string_view text = call[0].text();
  Matches matches(evaluator, call[1].function(), call[0]);
  TextBuilder out(evaluator.arena());
  size_t at = 0;
  for (double count = 0; count < limit && matches.next(); ++count) {
    const RegexMatch& match = matches.match();
    out.append(text.substr(at, std::max(match.begin, at) - at));
    if (call[2].is_string()) {
      append_substitute(out, call[2].text(), match);
    } else if (call[2].is_function()) {
      const Value described = matches.described();
      const Value with = evaluator.apply(call[2].function(), {&described, 1}, Value::null());
      if (with.is_failed()) return with;
      if (!with.is_string()) return evaluator.fail("D3012", with);
      out.append(with.text());
    } else {
      return evaluator.fail("D3012", call[2]);
    }
    at = std::min(match.begin + match.text.size(), text.size());
  }
  if (matches.failed()) return Value::failed();
  out.append(text.substr(at));
  return Value(out.view());
}

Value split_text(const Call& call, double limit) {
  Evaluator& evaluator = call.evaluator;
  const std::string_view text = call[0].text(), separator = call[1].text();
  const double most = std::isfinite(limit) ? std::trunc(limit) : INFINITY;
  Array* out = evaluator.new_array();
  size_t at = 0;
  while (static_cast<double>(out->size) < most) {
    if (!evaluator.step()) return Value::failed();
    if (separator.empty()) {
      if (at >= text.size()) break;
      const size_t begin = at;
      next_point(text, at);
      out->push(evaluator.arena(), Value(text.substr(begin, at - begin)));
      continue;
    }
    const size_t found = find_text(text, separator, at);
    out->push(evaluator.arena(), Value(text.substr(at, found - at)));
    if (found == std::string_view::npos) break;
    at = found + separator.size();
  }
  return Value(out);
}

Value fn_split(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  const double limit = limit_of(call[2]);
  if (limit < 0) return evaluator.fail("D3020", call[2]);
  if (call[1].is_string()) return split_text(call, limit);
  const std::string_view text = call[0].text();
  Array* out = evaluator.new_array();
  if (!call[1].is_function()) {
    out->push(evaluator.arena(), call[0]);
    return Value(out);
  }
  Matches matches(evaluator, call[1].function(), call[0]);
  size_t at = 0;
  double count = 0;
  for (; count < limit && matches.next(); ++count) {
    const RegexMatch& match = matches.match();
    out->push(evaluator.arena(), Value(text.substr(at, std::max(match.begin, at) - at)));
    at = std::max(match.end, at);
  }
  if (matches.failed()) return Value::failed();
  if (count < limit) out->push(evaluator.arena(), Value(text.substr(at)));
  return Value(out);
}

constexpr NativeEntry kMatchingFunctions[] = {
    {"contains", "<s-(sf):b>", 2, fn_contains},
    {"match", "<s-f<s:o>n?:a<o>>", 3, fn_match},
    {"replace", "<s-(sf)(sf)n?:s>", 4, fn_replace},
    {"split", "<s-(sf)n?:a<s>>", 3, fn_split},
};

}  // namespace

std::span<const NativeEntry> matching_functions() {
  return kMatchingFunctions;
}

}  // namespace suiro::jsonata
