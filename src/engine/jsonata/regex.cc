// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/regex.h"

namespace suiro::jsonata {
namespace {

// White space of ECMAScript.
constexpr std::string_view kSpace =
    "\\t-\\r \\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}"
    "\\x{FEFF}";

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

std::unexpected<Fault> unsupported(std::string_view what, std::string_view source) {
  return std::unexpected(Fault{.code = std::string(codes::kNotImplemented),
                               .message = "The regular expression /" + std::string(source) +
                                          "/ uses " + std::string(what) +
                                          ", which is not supported"});
}

// Rewrites what RE2 spells otherwise.
class Translation {
 public:
  explicit Translation(std::string_view source) : source_(source) {}

  std::expected<std::string, Fault> run() {
    bool in_class = false;
    for (at_ = 0; at_ < source_.size(); ++at_) {
      const char c = source_[at_];
      if (c == '\\') {
        TRY_VOID(escape(in_class));
      } else if (in_class) {
        in_class = c != ']';
        if (c == '[') out_ += '\\';  // no class of POSIX
        out_ += c;
      } else if (c == '[') {
        in_class = true;
        TRY_VOID(open_class(in_class));
      } else if (c == '(' && source_.substr(at_).starts_with("(?")) {
        TRY_VOID(group());
      } else {
        out_ += c;
      }
    }
    return std::move(out_);
  }

 private:
  std::expected<void, Fault> open_class(bool& in_class) {
    const std::string_view rest = source_.substr(at_);
    if (rest.starts_with("[^]")) {
      out_ += "(?s:.)";
      at_ += 2;
      in_class = false;
    } else if (rest.starts_with("[]")) {
      out_ += "[^\\x{0}-\\x{10FFFF}]";
      at_ += 1;
      in_class = false;
    } else {
      out_ += '[';
      if (rest.starts_with("[^")) out_ += source_[++at_];
    }
    return {};
  }

  std::expected<void, Fault> group() {
    const std::string_view rest = source_.substr(at_ + 2);
    if (rest.starts_with('=') || rest.starts_with('!')) return unsupported("look-ahead", source_);
    if (rest.starts_with("<=") || rest.starts_with("<!")) {
      return unsupported("look-behind", source_);
    }
    if (rest.starts_with('<')) {
      out_ += "(?P";
    } else if (rest.starts_with(':')) {
      out_ += "(?";
    } else {
      return unsupported("a group that JavaScript does not know", source_);
    }
    ++at_;
    return {};
  }

  std::expected<void, Fault> escape(bool in_class) {
    if (at_ + 1 >= source_.size()) return unsupported("a backslash at its end", source_);
    const char c = source_[++at_];
    const std::string_view rest = source_.substr(at_ + 1);
    if (c == 'u' && is_hex(rest.substr(0, 4)) && rest.size() >= 4) {
      out_ += "\\x{" + std::string(rest.substr(0, 4)) + "}";
      at_ += 4;
    } else if (c == 'x' && is_hex(rest.substr(0, 2)) && rest.size() >= 2) {
      out_ += "\\x{" + std::string(rest.substr(0, 2)) + "}";
      at_ += 2;
    } else if (c == 's') {
      out_ += in_class ? std::string(kSpace) : "[" + std::string(kSpace) + "]";
    } else if (c == 'S' && !in_class) {
      out_ += "[^" + std::string(kSpace) + "]";
    } else if (c == 'b' && in_class) {
      out_ += "\\x08";
    } else if (c == '0' && !(rest.starts_with("0") || is_hex(rest.substr(0, 1)))) {
      out_ += "\\x00";
    } else if (c >= '1' && c <= '9' && !in_class) {
      return unsupported("a back-reference", source_);
    } else if (c == 'k') {
      return unsupported("a back-reference", source_);
    } else if (std::string_view("dDwWsSbBfnrtv").find(c) != std::string_view::npos) {
      out_ += '\\';
      out_ += c;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      out_ += c;  // escapes itself
    } else if (std::isalnum(static_cast<unsigned char>(c))) {
      out_ += c;  // without the flag "u" an unknown escape is its letter
    } else {
      out_ += '\\';
      out_ += c;
    }
    return {};
  }

  std::string_view source_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::expected<std::shared_ptr<const re2::RE2>, Fault> compile_regex(std::string_view source,
                                                                    std::string_view flags,
                                                                    size_t memory_max) {
  TRY(std::string pattern, Translation(source).run());
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<int64_t>(memory_max));
  options.set_case_sensitive(flags.find('i') == std::string_view::npos);
  if (flags.find('m') != std::string_view::npos) pattern = "(?m)" + pattern;
  auto regex = std::make_shared<const re2::RE2>(pattern, options);
  if (!regex->ok()) {
    return std::unexpected(Fault{.code = std::string(codes::kInvalidArgument),
                                 .message = "The regular expression /" + std::string(source) +
                                            "/ cannot be read: " + regex->error()});
  }
  return regex;
}

std::optional<RegexMatch> find_match(const re2::RE2& regex, std::string_view text, size_t from) {
  if (from > text.size()) return std::nullopt;
  const int groups = regex.NumberOfCapturingGroups();
  std::vector<re2::StringPiece> found(static_cast<size_t>(groups) + 1);
  const re2::StringPiece whole(text.data(), text.size());
  if (!regex.Match(whole, from, text.size(), re2::RE2::UNANCHORED, found.data(), groups + 1)) {
    return std::nullopt;
  }
  RegexMatch out;
  out.text = {found[0].data(), found[0].size()};
  out.begin = static_cast<size_t>(found[0].data() - text.data());
  out.end = out.begin + found[0].size();
  for (size_t i = 1; i < found.size(); ++i) {
    if (found[i].data() == nullptr) {
      out.groups.emplace_back();
    } else {
      out.groups.emplace_back(std::string_view(found[i].data(), found[i].size()));
    }
  }
  return out;
}

Value describe_match(Evaluator& evaluator, Function* regex, std::string_view subject,
                     const RegexMatch& match) {
  Arena& arena = evaluator.arena();
  auto* groups = evaluator.new_array();
  for (const auto& group : match.groups) {
    groups->push(arena, group ? Value(*group) : Value());
  }
  auto* next = arena.make<Function>();
  next->kind = Function::Kind::kNextMatch;
  next->base = regex;
  next->subject = subject;
  next->from = match.end;
  auto units = [&](size_t end) {
    return Value(static_cast<double>(count_units(subject.substr(0, end))));
  };
  auto* out = arena.make<Object>();
  out->set(arena, "match", Value(match.text));
  out->set(arena, "start", units(match.begin));
  out->set(arena, "end", units(match.end));
  out->set(arena, "groups", Value(groups));
  out->set(arena, "next", Value(next));
  return Value(out);
}

Value apply_regex(Evaluator& evaluator, Function* function, const Value& subject) {
  if (!subject.is_string()) return {};
  if (!evaluator.step(subject.text().size() / 64 + 1)) return Value::failed();
  const auto match = find_match(*function->node->regex, subject.text(), function->from);
  return match ? describe_match(evaluator, function, subject.text(), *match) : Value();
}

Value next_match(Evaluator& evaluator, Function* function) {
  if (function->from >= function->subject.size()) return {};
  if (!evaluator.step(function->subject.size() / 64 + 1)) return Value::failed();
  const Node* node = function->base->node;
  const auto match = find_match(*node->regex, function->subject, function->from);
  if (!match) return {};
  if (match->text.empty()) {
    return evaluator.fail(
        Fault{.code = "D1004", .position = node->position}.with_value(quoted(node->text)));
  }
  return describe_match(evaluator, function->base, function->subject, *match);
}

}  // namespace suiro::jsonata
