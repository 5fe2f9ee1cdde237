// SPDX-License-Identifier: Apache-2.0
// Functions of texts. Positions and lengths count characters from 1. Results that are a part of an
// argument borrow from it; others lie in the context's arena.
#include <algorithm>

#include "engine/sql/convert.h"
#include "engine/sql/library.h"

namespace suiro::sql {
namespace {

enum class Letters { kLower, kUpper, kInitial };

// ASCII and the letters of Latin-1 (two bytes, the first 0xC3), as the service's single-byte
// character sets have them.
char lower(char c, char before) {
  const auto byte = static_cast<unsigned char>(c);
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c + 32);
  if (before == '\xC3' && byte >= 0x80 && byte <= 0x9E && byte != 0x97) {
    return static_cast<char>(byte + 0x20);
  }
  return c;
}
char upper(char c, char before) {
  const auto byte = static_cast<unsigned char>(c);
  if (c >= 'a' && c <= 'z') return static_cast<char>(c - 32);
  if (before == '\xC3' && byte >= 0xA0 && byte <= 0xBE && byte != 0xB7) {
    return static_cast<char>(byte - 0x20);
  }
  return c;
}

Value with_letters(std::string_view text, Letters letters, Arena& arena) {
  char* room = arena.room(text.size());
  bool begins = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char before = i > 0 ? text[i - 1] : '\0';
    const bool big = letters == Letters::kUpper || (letters == Letters::kInitial && begins);
    room[i] = big ? upper(text[i], before) : lower(text[i], before);
    begins = text[i] == ' ' || (begins && text[i] == '\xC3');
  }
  return Value::of_text({room, text.size()});
}

Registry::Scalar letter_function(std::string_view name, Letters letters) {
  return [name, letters](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    TRY_VOID(expect_count(name, args, 1, 1));
    TRY_VOID(expect_text(name, args, 0));
    BoundFunction out;
    out.type = args[0].type.is_text() ? args[0].type : varchar_type(1);
    out.eval = [letters](std::span<const Value> values, EvalContext& context) -> Result<Value> {
      return with_letters(values[0].text, letters, context.arena);
    };
    return out;
  };
}

Result<BoundFunction> bind_char_length(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("CHAR_LENGTH", args, 1, 1));
  TRY_VOID(expect_text("CHAR_LENGTH", args, 0));
  BoundFunction out;
  out.type = simple_type(TypeKind::kInteger);
  out.eval = [](std::span<const Value> values, EvalContext&) -> Result<Value> {
    return Value::of_integer(static_cast<int64_t>(character_count(values[0].text)));
  };
  return out;
}

Result<BoundFunction> bind_position(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("POSITION", args, 2, 2));
  TRY_VOID(expect_text("POSITION", args, 0));
  TRY_VOID(expect_text("POSITION", args, 1));
  BoundFunction out;
  out.type = simple_type(TypeKind::kInteger);
  out.eval = [](std::span<const Value> values, EvalContext&) -> Result<Value> {
    const size_t at = values[1].text.find(values[0].text);
    if (at == std::string_view::npos) return Value::of_integer(0);
    const size_t before = character_count(values[1].text.substr(0, at));
    return Value::of_integer(static_cast<int64_t>(before) + 1);
  };
  return out;
}

// Characters [start, end), from 0, of a text; bytes of a binary.
std::string_view slice(std::string_view text, bool binary, size_t start, size_t end) {
  if (binary) return text.substr(std::min(start, text.size()), end - start);
  const size_t from = prefix_bytes(text, start);
  return text.substr(from, prefix_bytes(text.substr(from), end - start));
}

enum class PastEnd { kEmpty, kNull };

Result<Value> substring(std::span<const Value> args, bool binary, PastEnd past_end) {
  const auto text = args[0].text;
  const auto size = static_cast<int64_t>(binary ? text.size() : character_count(text));
  const int64_t start = args[1].integer;
  int64_t end = size + 1;
  if (args.size() > 2) {
    const int64_t length = args[2].integer;
    if (length < 0) return fail(errors::kInvalidArgument, "SUBSTRING with a negative length");
    if (start < end - length) end = start + length;
  }
  if (start > size && past_end == PastEnd::kNull) return Value{};
  const int64_t from = std::max<int64_t>(start, 1);
  if (from >= end) return Value::of_text("");
  return Value::of_text(
      slice(text, binary, static_cast<size_t>(from - 1), static_cast<size_t>(end - 1)));
}

Registry::Scalar substring_function(PastEnd past_end) {
  return [past_end](Arguments args, const FunctionOptions& options) -> Result<BoundFunction> {
    TRY_VOID(expect_count("SUBSTRING", args, 2, 3));
    const Type& type = args[0].type;
    if (args.size() == 2 && args[1].type.is_text()) return bind_regex_substring(args, options);
    if (!type.is_binary()) TRY_VOID(expect_text("SUBSTRING", args, 0));
    for (size_t i = 1; i < args.size(); ++i) TRY_VOID(expect_integer("SUBSTRING", args, i));
    BoundFunction out;
    out.type = type.is_binary() ? type : varchar_type(type.length);
    if (type.is_binary()) out.type.kind = TypeKind::kVarbinary;
    using Switch = FunctionOptions::PastEnd;
    PastEnd end = options.substring_past_end == Switch::kNull ? PastEnd::kNull : past_end;
    if (options.substring_past_end == Switch::kEmpty) end = PastEnd::kEmpty;
    out.eval = [end, binary = type.is_binary()](std::span<const Value> values, EvalContext&) {
      return substring(values, binary, end);
    };
    return out;
  };
}

Result<Value> overlay(std::span<const Value> args, Arena& arena) {
  const auto text = args[0].text;
  const auto by = args[1].text;
  const int64_t start = args[2].integer;
  const auto size = static_cast<int64_t>(character_count(text));
  const int64_t length =
      args.size() > 3 ? args[3].integer : static_cast<int64_t>(character_count(by));
  if (length < 0) return fail(errors::kInvalidArgument, "OVERLAY with a negative length");
  // The head ends before `start`; the tail begins `length` characters after it.
  const int64_t before = std::clamp<int64_t>(start, 1, size + 1) - 1;
  const __int128 after = static_cast<__int128>(start) - 1 + length;
  const int64_t behind = after < before ? before
                         : after > size ? size
                                        : static_cast<int64_t>(after);
  const auto head = text.substr(0, prefix_bytes(text, static_cast<size_t>(before)));
  const auto tail = text.substr(prefix_bytes(text, static_cast<size_t>(behind)));
  const size_t bytes = head.size() + by.size() + tail.size();
  if (bytes > kTextBytesMax) return fail(errors::kTooLong, "the text is longer than a VARCHAR");
  char* room = arena.room(bytes);
  char* to = room;
  for (const auto part : {head, by, tail}) to = std::ranges::copy(part, to).out;
  return Value::of_text({room, bytes});
}

Result<BoundFunction> bind_overlay(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("OVERLAY", args, 3, 4));
  TRY_VOID(expect_text("OVERLAY", args, 0));
  TRY_VOID(expect_text("OVERLAY", args, 1));
  for (size_t i = 2; i < args.size(); ++i) TRY_VOID(expect_integer("OVERLAY", args, i));
  BoundFunction out;
  out.type = varchar_type(args[0].type.length + args[1].type.length);
  out.eval = [](std::span<const Value> values, EvalContext& context) {
    return overlay(values, context.arena);
  };
  return out;
}

enum class Ends { kLeading, kTrailing, kBoth };

Result<Value> trimmed(Ends ends, std::string_view what, std::string_view text) {
  if (character_count(what) != 1) {
    return fail(errors::kInvalidArgument, "TRIM takes exactly one character");
  }
  if (ends != Ends::kTrailing) {
    while (text.starts_with(what)) text.remove_prefix(what.size());
  }
  if (ends != Ends::kLeading) {
    while (text.ends_with(what)) text.remove_suffix(what.size());
  }
  return Value::of_text(text);
}

// TRIM(s), or TRIM('BOTH', c, s).
Result<BoundFunction> bind_trim(Arguments args, const FunctionOptions&) {
  BoundFunction out;
  if (args.size() == 1) {
    TRY_VOID(expect_text("TRIM", args, 0));
    out.type = varchar_type(args[0].type.length);
    out.eval = [](std::span<const Value> values, EvalContext&) {
      return trimmed(Ends::kBoth, " ", values[0].text);
    };
    return out;
  }
  TRY_VOID(expect_count("TRIM", args, 3, 3));
  TRY(auto word, literal_text("TRIM", args, 0));
  TRY_VOID(expect_text("TRIM", args, 1));
  TRY_VOID(expect_text("TRIM", args, 2));
  if (word != "LEADING" && word != "TRAILING" && word != "BOTH") {
    return refuse("TRIM: expected LEADING, TRAILING or BOTH, not {}", word);
  }
  if (args[1].literal != nullptr && !args[1].literal->null &&
      character_count(args[1].literal->text) != 1) {
    return refuse("TRIM takes exactly one character");
  }
  const Ends ends = word == "LEADING"    ? Ends::kLeading
                    : word == "TRAILING" ? Ends::kTrailing
                                         : Ends::kBoth;
  out.type = varchar_type(args[2].type.length);
  out.eval = [ends](std::span<const Value> values, EvalContext&) {
    return trimmed(ends, values[1].text, values[2].text);
  };
  return out;
}

}  // namespace

void add_texts(Registry& to) {
  to.scalars["LOWER"] = letter_function("LOWER", Letters::kLower);
  to.scalars["UPPER"] = letter_function("UPPER", Letters::kUpper);
  to.scalars["INITCAP"] = letter_function("INITCAP", Letters::kInitial);
  to.scalars["CHAR_LENGTH"] = to.scalars["CHARACTER_LENGTH"] = bind_char_length;
  to.scalars["POSITION"] = bind_position;
  to.scalars["SUBSTRING"] = substring_function(PastEnd::kNull);
  to.scalars["SUBSTRING_FROM"] = substring_function(PastEnd::kEmpty);
  to.scalars["OVERLAY"] = bind_overlay;
  to.scalars["TRIM"] = bind_trim;
}

}  // namespace suiro::sql
