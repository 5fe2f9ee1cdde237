// SPDX-License-Identifier: Apache-2.0
// W3C_LOG_PARSE: lines of web servers, by a predefined format or Apache's specifiers, as a ROW with
// one column a specifier. Counts are numbers, the rest VARCHAR(1024); "-" for a count is NULL.
//
// A specifier's text reaches to the literal that follows it in the format; between quotes, to the
// quote that is not escaped; %t without brackets of its own takes [..] whole.
#include <array>

#include "base/bytes.h"
#include "engine/sql/convert.h"
#include "engine/sql/log_parser.h"

namespace suiro::sql {

namespace {

constexpr std::string_view kName = "W3C_LOG_PARSE";

struct Specifier {
  std::string before;  // literal text before it
  char letter = 0;
  bool quoted = false;     // stands in double quotes
  bool bracketed = false;  // %t without brackets in the format
  LogColumn column;
};

struct LogFormat {
  std::vector<Specifier> specifiers;
  std::string behind;
};

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kPredefined = {{
    {"COMMON", R"(%h %l %u %t "%r" %>s %b)"},
    {"COMMON WITH VHOST", R"(%v %h %l %u %t "%r" %>s %b)"},
    {"NCSA EXTENDED", R"(%h %l %u %t "%r" %>s %b "%[Referer]i" "%[User-agent]i")"},
    {"REFERER", "%[Referer]i ---> %U"},
    {"AGENT", "%[User-agent]i"},
    // Client, user, date, time, service, server, its address, ms, bytes received, bytes sent,
    // status, Windows status, method, target, parameters.
    {"IIS",
     "%a, %u, %[date]t, %[time]t, %[service]n, %v, %A, %T, %I, %O, %s, %[win32]P, %m, %U, %q,"},
}};

constexpr std::string_view kLetters = "aAbBCDefhHilmnopPqrstTuUvVXIO";

Type type_of(char letter, std::string_view name) {
  switch (letter) {
    case 'b':
    case 'D':
    case 'T':
    case 'I':
    case 'O':
      return simple_type(TypeKind::kBigint);
    case 'p':
    case 's':
      return simple_type(TypeKind::kInteger);
    case 'P':
      return simple_type(name == "tid" ? TypeKind::kBigint : TypeKind::kInteger);
    default:
      return varchar_type(kLogTextLength);
  }
}

class FormatParser {
 public:
  explicit FormatParser(std::string_view text) : text_(text) {}

  Result<LogFormat> parse() {
    LogFormat out;
    std::string literal;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\\' && at_ < text_.size()) {
        literal += text_[at_++];
      } else if (c != '%') {
        literal += c;
      } else if (text_.substr(at_).starts_with('%')) {
        literal += text_[at_++];
      } else {
        if (!out.specifiers.empty() && literal.empty()) {
          return refuse("{}: '{}' has two specifiers with nothing between them", kName, text_);
        }
        TRY(auto specifier, read());
        specifier.before = std::move(literal);
        literal.clear();
        finish(specifier, out.specifiers.size());
        out.specifiers.push_back(std::move(specifier));
      }
    }
    out.behind = std::move(literal);
    if (out.specifiers.empty()) return refuse("{}: '{}' has no specifier", kName, text_);
    return out;
  }

 private:
  // Behind the %: conditions, < or >, a name in brackets or braces, the letter.
  Result<Specifier> read() {
    while (at_ < text_.size() &&
           std::string_view("!0123456789,<>").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    }
    Specifier out;
    if (at_ < text_.size() && (text_[at_] == '[' || text_[at_] == '{')) {
      const size_t end = text_.find(text_[at_] == '[' ? ']' : '}', at_);
      if (end == std::string_view::npos) return refuse("{}: '{}': a [ is not closed", kName, text_);
      name_ = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    } else {
      name_ = {};
    }
    if (at_ == text_.size() || kLetters.find(text_[at_]) == std::string_view::npos) {
      return refuse("{}: '{}', character {}: expected a format specifier", kName, text_, at_ + 1);
    }
    out.letter = text_[at_++];
    if (name_.empty() && std::string_view("Ceino").find(out.letter) != std::string_view::npos) {
      return refuse("{}: %{} needs a name: %[name]{}", kName, out.letter, out.letter);
    }
    return out;
  }
  void finish(Specifier& out, size_t index) const {
    out.column.name = fmt::format("COLUMN{}", index + 1);
    out.column.type = type_of(out.letter, name_);
    out.quoted = out.before.ends_with('"') && text_.substr(at_).starts_with('"');
    // A format that stands in an SQL text may have its quotes escaped.
    if (out.before.ends_with('"') && text_.substr(at_).starts_with("\\\"")) out.quoted = true;
    out.bracketed = out.letter == 't' && name_.empty() && !out.before.ends_with('[');
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string_view name_;
};

// Where the specifier's text ends; npos: nowhere.
size_t end_of(const Specifier& specifier, std::string_view following, std::string_view line) {
  if (specifier.quoted) {
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\\') {
        ++i;
      } else if (line[i] == '"') {
        return i;
      }
    }
    return std::string_view::npos;
  }
  if (specifier.bracketed && line.starts_with('[')) {
    const size_t end = line.find(']');
    return end == std::string_view::npos ? end : end + 1;
  }
  if (following.empty()) return line.size();
  return line.find(following);
}

Result<Value> parse_line(const LogFormat& format, std::string_view line, EvalContext& context) {
  const auto whole = line;
  const size_t count = format.specifiers.size();
  Value* fields = context.arena.values(count);
  for (size_t i = 0; i < count; ++i) {
    const auto& specifier = format.specifiers[i];
    if (!line.starts_with(specifier.before)) return not_parsed(kName, whole);
    line.remove_prefix(specifier.before.size());
    const auto following = i + 1 < count ? std::string_view(format.specifiers[i + 1].before)
                                         : std::string_view(format.behind);
    const size_t end = end_of(specifier, following, line);
    if (end == std::string_view::npos) return not_parsed(kName, whole);
    const auto field = line.substr(0, end);
    line.remove_prefix(end);
    const bool none = field == "-" && !specifier.column.type.is_text();
    if (none) continue;
    TRY(fields[i], read_field(specifier.column, field, context));
  }
  if (trim(line) != trim(format.behind)) return not_parsed(kName, whole);
  return row_value(fields);
}

Result<BoundFunction> bind_w3c(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count(kName, args, 2, 2));
  TRY_VOID(expect_text(kName, args, 0));
  TRY(auto text, literal_text(kName, args, 1));
  for (const auto& [name, specifiers] : kPredefined) {
    if (equal_ignore_case(text, name)) text = specifiers;
  }
  TRY(auto parsed, FormatParser(text).parse());
  auto format = std::make_shared<const LogFormat>(std::move(parsed));
  std::vector<LogColumn> columns;
  for (const auto& specifier : format->specifiers) columns.push_back(specifier.column);
  BoundFunction out;
  out.type = column_row(columns);
  out.eval = [format](std::span<const Value> values, EvalContext& context) {
    return parse_line(*format, values[0].text, context);
  };
  return out;
}

}  // namespace

void add_w3c_parser(Registry& to) {
  to.scalars["W3C_LOG_PARSE"] = bind_w3c;
}

}  // namespace suiro::sql
