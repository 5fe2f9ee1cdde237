// SPDX-License-Identifier: Apache-2.0
// FAST_REGEX_LOG_PARSE and REGEX_LOG_PARSE: the groups of a constant pattern as a ROW of
// COLUMN1..n VARCHAR(1024). Where the text does not match as a whole, REGEX_LOG_PARSE is NULL, and
// FAST_REGEX_LOG_PARSE gives no row: errors::kInvalidFormat.
//
// FAST_REGEX_LOG_PARSE cuts the pattern at its outer groups. What has a fixed length at the
// beginning of a part moves to the end of the part before; then each part takes the shortest text
// that matches it, without going back; the last one must reach the end. A part that lies between
// two groups and ends without a fixed text takes the longest (the reference's example B).

#include "engine/sql/automaton.h"
#include "engine/sql/convert.h"
#include "engine/sql/library.h"
#include "engine/sql/log_parser.h"
#include "engine/sql/pattern.h"

namespace suiro::sql {
namespace {

using Kind = FastRegex::Kind;

constexpr size_t kNoGroup = SIZE_MAX;

// One outer element of a pattern: its atoms, and the group that they are.
struct Element {
  std::vector<FastRegexPtr> atoms;
  size_t group = kNoGroup;
};

// x+ as x x*, so that its fixed beginning shows; groups and lists are opened.
void append_atoms(const FastRegexPtr& regex, std::vector<FastRegexPtr>& out) {
  if (regex->kind == Kind::kConcat) {
    for (const auto& item : regex->items) append_atoms(item, out);
    return;
  }
  if (regex->kind == Kind::kGroup) return append_atoms(regex->items[0], out);
  const bool opens = regex->kind == Kind::kRepeat && regex->least > 0 &&
                     regex->least != regex->most && fixed_length(*regex->items[0]);
  if (!opens) {
    out.push_back(regex);
    return;
  }
  auto head = std::make_shared<FastRegex>(*regex);
  head->most = regex->least;
  auto tail = std::make_shared<FastRegex>(*regex);
  tail->least = 0;
  if (regex->most != kUnbounded) tail->most = regex->most - regex->least;
  out.push_back(head);
  out.push_back(tail);
}

bool is_group(const FastRegex& regex) {
  return regex.kind == Kind::kGroup || (regex.kind == Kind::kRepeat && is_group(*regex.items[0]));
}

std::vector<Element> elements_of(const FastRegexPtr& regex, size_t& groups) {
  std::vector<FastRegexPtr> items = {regex};
  if (regex->kind == Kind::kConcat) items = regex->items;
  std::vector<Element> out;
  for (const auto& item : items) {
    const bool group = is_group(*item);
    if (group || out.empty() || out.back().group != kNoGroup) {
      out.push_back({.group = group ? groups++ : kNoGroup});
    }
    append_atoms(item, out.back().atoms);
  }
  return out;
}

// A boundary of a group, so many characters before the end of a part's match.
struct Mark {
  size_t group;
  bool end;
  uint32_t before_end;
};

struct Part {
  std::vector<FastRegexPtr> atoms;
  std::vector<Mark> marks;
  bool variable = false;   // an atom without a fixed length is in it
  bool in_group = false;   // its variable atoms are a group's
  uint32_t fixed_end = 0;  // characters of fixed length at its end
  Automaton automaton;
};

class FastParser {
 public:
  static Result<FastParser> compile(std::string_view pattern) {
    TRY(auto regex, parse_fast_regex(pattern));
    FastParser out;
    out.parts_.emplace_back();
    const auto elements = elements_of(regex, out.groups_);
    for (const auto& element : elements) out.add(element);
    for (auto& part : out.parts_) {
      TRY(part.automaton, Automaton::compile(part.atoms));
    }
    return out;
  }
  size_t groups() const { return groups_; }

  bool parse(std::string_view text, Value* fields) const {
    size_t at = 0;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const auto& part = parts_[i];
      const auto rest = text.substr(at);
      size_t size = rest.size();
      if (i + 1 == parts_.size()) {
        if (!part.automaton.matches(rest)) return false;
      } else {
        const bool greedy = !part.in_group && part.variable && part.fixed_end == 0;
        const auto found = greedy ? part.automaton.longest(rest) : part.automaton.shortest(rest);
        if (!found) return false;
        size = *found;
      }
      at += size;
      set_marks(part, text, at, fields);
    }
    return true;
  }

 private:
  void add(const Element& element) {
    auto atom = element.atoms.begin();
    if (element.group != kNoGroup) mark(element.group, false);
    // The fixed beginning belongs to the part before.
    for (; atom != element.atoms.end(); ++atom) {
      const auto length = fixed_length(**atom);
      if (!length) break;
      extend(*atom, *length);
    }
    if (atom != element.atoms.end()) {
      if (!parts_.back().atoms.empty() || !parts_.back().marks.empty()) parts_.emplace_back();
      auto& part = parts_.back();
      part.variable = true;
      part.in_group = element.group != kNoGroup;
      for (; atom != element.atoms.end(); ++atom) extend(*atom, fixed_length(**atom));
    }
    if (element.group != kNoGroup) mark(element.group, true);
  }
  void mark(size_t group, bool end) {
    parts_.back().marks.push_back({.group = group, .end = end, .before_end = 0});
  }
  // Marks that were set move away from the end.
  void extend(const FastRegexPtr& atom, std::optional<uint32_t> length) {
    auto& part = parts_.back();
    part.atoms.push_back(atom);
    part.fixed_end = length ? part.fixed_end + *length : 0;
    for (auto& mark : part.marks) mark.before_end += length.value_or(0);
  }

  static size_t back(std::string_view text, size_t at, uint32_t characters) {
    for (; characters > 0 && at > 0; --characters) {
      do --at;
      while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    }
    return at;
  }
  static void set_marks(const Part& part, std::string_view text, size_t end, Value* fields) {
    for (const auto& mark : part.marks) {
      const size_t at = back(text, end, mark.before_end);
      if (!mark.end) {
        fields[mark.group].integer = static_cast<int64_t>(at);  // until its end is known
      } else {
        const auto start = static_cast<size_t>(fields[mark.group].integer);
        fields[mark.group] = Value::of_text(text.substr(start, at - start));
      }
    }
  }

  std::vector<Part> parts_;
  size_t groups_ = 0;
};

Value cut_field(std::string_view text) {
  return Value::of_text(text.substr(0, prefix_bytes(text, kLogTextLength)));
}

Result<BoundFunction> bind_fast(Arguments args, const FunctionOptions&) {
  static constexpr std::string_view kName = "FAST_REGEX_LOG_PARSE";
  TRY_VOID(expect_count(kName, args, 2, 2));
  TRY_VOID(expect_text(kName, args, 0));
  TRY(auto pattern, literal_text(kName, args, 1));
  TRY(auto compiled, FastParser::compile(pattern));
  if (compiled.groups() == 0) return refuse("{}: '{}' has no group ( )", kName, pattern);
  auto parser = std::make_shared<const FastParser>(std::move(compiled));
  BoundFunction out;
  out.type = text_row(parser->groups());
  out.eval = [parser](std::span<const Value> values, EvalContext& context) -> Result<Value> {
    Value* fields = context.arena.values(parser->groups());
    if (!parser->parse(values[0].text, fields)) return not_parsed(kName, values[0].text);
    for (size_t i = 0; i < parser->groups(); ++i) fields[i] = cut_field(fields[i].text);
    return row_value(fields);
  };
  return out;
}

Result<BoundFunction> bind_regex(Arguments args, const FunctionOptions&) {
  static constexpr std::string_view kName = "REGEX_LOG_PARSE";
  TRY_VOID(expect_count(kName, args, 2, 3));
  TRY_VOID(expect_text(kName, args, 0));
  TRY(auto regex, literal_text(kName, args, 1));
  TRY(auto pattern, compile_java(regex));
  const auto groups = static_cast<size_t>(pattern->NumberOfCapturingGroups());
  if (groups == 0) return refuse("{}: '{}' has no group ( )", kName, regex);
  auto columns = std::make_shared<const std::vector<LogColumn>>();
  if (args.size() == 3) {
    TRY(auto text, literal_text(kName, args, 2));
    TRY(auto parsed, parse_log_columns(text, LogColumnForm::kNames));
    if (parsed.size() != groups) {
      return refuse("{}: {} columns for {} groups", kName, parsed.size(), groups);
    }
    columns = std::make_shared<const std::vector<LogColumn>>(std::move(parsed));
  }
  BoundFunction out;
  out.type = columns->empty() ? text_row(groups) : column_row(*columns);
  out.deterministic = !uses_now(*columns);
  out.eval = [pattern, groups, columns](std::span<const Value> values,
                                        EvalContext& context) -> Result<Value> {
    GroupPieces found(*pattern);
    const auto text = values[0].text;
    if (!pattern->Match({text.data(), text.size()}, 0, text.size(), RE2::ANCHOR_BOTH, found.data(),
                        found.count())) {
      return Value{};
    }
    Value* fields = context.arena.values(groups);
    for (size_t i = 0; i < groups; ++i) {
      const auto& group = found.data()[i + 1];
      if (group.data() == nullptr) continue;  // a group that took no part: NULL
      const std::string_view field(group.data(), group.size());
      if (columns->empty()) {
        fields[i] = cut_field(field);
      } else {
        TRY(fields[i], read_field((*columns)[i], field, context));
      }
    }
    return row_value(fields);
  };
  return out;
}

}  // namespace

void add_regex_parsers(Registry& to) {
  to.scalars["FAST_REGEX_LOG_PARSE"] = to.scalars["FAST_REGEX_LOG_PARSER"] = bind_fast;
  to.scalars["REGEX_LOG_PARSE"] = bind_regex;
}

}  // namespace suiro::sql
