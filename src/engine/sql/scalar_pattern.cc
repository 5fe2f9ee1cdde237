// SPDX-License-Identifier: Apache-2.0
// LIKE, SIMILAR TO, SUBSTRING with a regular expression, and REGEX_REPLACE. Constant patterns are
// compiled at binding and refused there; others are compiled once each and kept, up to a number.
#include <mutex>
#include <unordered_map>

#include "engine/sql/convert.h"
#include "engine/sql/library.h"
#include "engine/sql/pattern.h"
#include "engine/sql/utf8.h"

namespace suiro::sql {
namespace {

constexpr size_t kPatternsKept = 64;

auto row_error(const Error& error) {
  return fail(errors::kInvalidFormat, error.message);
}

// Patterns that come with the rows. Threads: any.
class PatternCache {
 public:
  using Compile = std::function<Result<Pattern>(std::string_view pattern, std::string_view extra)>;
  explicit PatternCache(Compile compile) : compile_(std::move(compile)) {}

  Result<Pattern> get(std::string_view pattern, std::string_view extra) {
    std::string key(extra);
    key += '\0';
    key += pattern;
    const std::lock_guard lock(mutex_);
    if (auto found = patterns_.find(key); found != patterns_.end()) return found->second;
    auto compiled = compile_(pattern, extra);
    if (!compiled) return row_error(compiled.error());
    if (patterns_.size() >= kPatternsKept) patterns_.clear();
    patterns_[std::move(key)] = *compiled;
    return *compiled;
  }

 private:
  Compile compile_;
  std::mutex mutex_;
  std::unordered_map<std::string, Pattern> patterns_;
};

// One pattern of a call: a constant's, or the cache.
struct Source {
  Pattern constant;
  std::shared_ptr<PatternCache> cache;

  Result<Pattern> get(std::string_view pattern, std::string_view extra) const {
    if (constant) return constant;
    return cache->get(pattern, extra);
  }
};

std::string_view constant_text(const ArgumentInfo& arg) {
  return arg.literal->text;
}
bool is_constant(const ArgumentInfo& arg) {
  return arg.literal != nullptr && !arg.literal->null;
}

// `extra` is an escape character's argument, or null.
Result<Source> source_of(const ArgumentInfo& pattern, const ArgumentInfo* extra,
                         const PatternCache::Compile& compile) {
  Source out;
  if (is_constant(pattern) && (extra == nullptr || is_constant(*extra))) {
    const auto escape = extra == nullptr ? std::string_view() : constant_text(*extra);
    TRY(out.constant, compile(constant_text(pattern), escape));
    return out;
  }
  out.cache = std::make_shared<PatternCache>(compile);
  return out;
}

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

Result<void> expect_texts(std::string_view name, Arguments args, size_t count) {
  for (size_t i = 0; i < count; ++i) TRY_VOID(expect_text(name, args, i));
  return ok();
}

Result<BoundFunction> bind_like(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("LIKE", args, 2, 3));
  TRY_VOID(expect_texts("LIKE", args, args.size()));
  const bool constant = is_constant(args[1]) && (args.size() < 3 || is_constant(args[2]));
  if (constant) {
    const auto escape = args.size() < 3 ? std::string_view() : constant_text(args[2]);
    TRY_VOID(check_like(constant_text(args[1]), escape));
  }
  BoundFunction out;
  out.type = simple_type(TypeKind::kBoolean);
  out.eval = [](std::span<const Value> values, EvalContext&) -> Result<Value> {
    const auto escape = values.size() < 3 ? std::string_view() : values[2].text;
    auto matched = matches_like(values[0].text, values[1].text, escape);
    if (!matched) return row_error(matched.error());
    return Value::of_integer(*matched ? 1 : 0);
  };
  return out;
}

Result<BoundFunction> bind_similar(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("SIMILAR TO", args, 2, 3));
  TRY_VOID(expect_texts("SIMILAR TO", args, args.size()));
  TRY(auto source, source_of(args[1], args.size() > 2 ? &args[2] : nullptr, compile_similar));
  BoundFunction out;
  out.type = simple_type(TypeKind::kBoolean);
  out.eval = [source](std::span<const Value> values, EvalContext&) -> Result<Value> {
    const auto escape = values.size() < 3 ? std::string_view() : values[2].text;
    TRY(auto pattern, source.get(values[1].text, escape));
    return Value::of_integer(RE2::PartialMatch(piece(values[0].text), *pattern) ? 1 : 0);
  };
  return out;
}

// The text of `group` in the first match; NULL: none.
Value first_match(const RE2& pattern, std::string_view text, int group) {
  re2::StringPiece groups[2];
  if (!pattern.Match(piece(text), 0, text.size(), RE2::UNANCHORED, groups, group + 1)) return {};
  const auto& found = groups[group];
  return Value::of_text({found.data() == nullptr ? "" : found.data(), found.size()});
}

Result<BoundFunction> bind_substring_similar(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("SUBSTRING .. SIMILAR .. ESCAPE", args, 3, 3));
  TRY_VOID(expect_texts("SUBSTRING .. SIMILAR .. ESCAPE", args, 3));
  TRY(auto source, source_of(args[1], &args[2], compile_similar_parts));
  BoundFunction out;
  out.type = varchar_type(args[0].type.length);
  out.eval = [source](std::span<const Value> values, EvalContext&) -> Result<Value> {
    TRY(auto pattern, source.get(values[1].text, values[2].text));
    return first_match(*pattern, values[0].text, 1);
  };
  return out;
}

Result<Value> replace(const RE2& pattern, std::span<const Value> args, Arena& arena) {
  const auto text = args[0].text;
  const int64_t start = args[3].integer;
  const int64_t occurrence = args[4].integer;
  if (start < 1 || occurrence < 0) {
    return fail(errors::kInvalidArgument,
                "REGEX_REPLACE needs a start from 1 and an occurrence from 0");
  }
  const size_t skipped = prefix_bytes(text, static_cast<size_t>(start - 1));
  if (skipped >= text.size() && start > 1) return args[0];
  const auto subject = text.substr(skipped);
  GroupPieces groups(pattern);
  std::string& out = arena.scratch();
  out = text.substr(0, skipped);
  size_t copied = 0;
  size_t at = 0;
  for (int64_t number = 1; at <= subject.size(); ++number) {
    if (!pattern.Match(piece(subject), at, subject.size(), RE2::UNANCHORED, groups.data(),
                       groups.count())) {
      break;
    }
    const auto from = static_cast<size_t>(groups.data()[0].data() - subject.data());
    const size_t end = from + groups.data()[0].size();
    if (occurrence == 0 || occurrence == number) {
      out += subject.substr(copied, from - copied);
      auto appended = append_replacement(out, args[2].text, pattern, groups.pieces());
      if (!appended) return fail(errors::kInvalidArgument, appended.error().message);
      if (out.size() > kTextBytesMax) {
        return fail(errors::kTooLong, "the text is longer than a VARCHAR may be");
      }
      copied = end;
      if (occurrence != 0) break;
    }
    at = end > from ? end : end + utf8_first(subject.substr(end)).size();
    if (end == from && end == subject.size()) break;
  }
  out += subject.substr(copied);
  return Value::of_text(arena.keep(out));
}

Result<BoundFunction> bind_regex_replace(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("REGEX_REPLACE", args, 5, 5));
  TRY_VOID(expect_texts("REGEX_REPLACE", args, 3));
  TRY_VOID(expect_integer("REGEX_REPLACE", args, 3));
  TRY_VOID(expect_integer("REGEX_REPLACE", args, 4));
  TRY(auto source, source_of(args[1], nullptr, [](std::string_view regex, std::string_view) {
        return compile_java(regex);
      }));
  BoundFunction out;
  out.type = varchar_type(kTextLengthMax);
  out.eval = [source](std::span<const Value> values, EvalContext& context) -> Result<Value> {
    TRY(auto pattern, source.get(values[1].text, {}));
    return replace(*pattern, values, context.arena);
  };
  return out;
}

}  // namespace

Result<BoundFunction> bind_regex_substring(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_texts("SUBSTRING", args, 2));
  TRY(auto source, source_of(args[1], nullptr, [](std::string_view regex, std::string_view) {
        return compile_java(regex);
      }));
  BoundFunction out;
  out.type = varchar_type(args[0].type.length);
  out.eval = [source](std::span<const Value> values, EvalContext&) -> Result<Value> {
    TRY(auto pattern, source.get(values[1].text, {}));
    return first_match(*pattern, values[0].text, 0);
  };
  return out;
}

void add_patterns(Registry& to) {
  to.scalars["LIKE"] = bind_like;
  to.scalars["SIMILAR"] = bind_similar;
  to.scalars["SUBSTRING_SIMILAR"] = bind_substring_similar;
  to.scalars["REGEX_REPLACE"] = bind_regex_replace;
}

}  // namespace suiro::sql
