// SPDX-License-Identifier: Apache-2.0
// What holds for all values: truth, equality, their text, and the way back to JSON.
#include <cmath>
#include <cstdio>

#include "engine/jsonata/evaluator.h"

namespace suiro::jsonata {
namespace {

// A result's texts from this on are shared where the evaluation shares them.
constexpr size_t kSharedTextBytes = 64;
// What a text takes beside its bytes.
constexpr size_t kTextHeadBytes = 64;
// Of values in messages.
constexpr size_t kShownMax = 1000;

void append_quoted(TextBuilder& out, std::string_view text) {
  out.append('"');
  size_t from = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.substr(from, at - from));
    from = at + 1;
    constexpr std::string_view kPlain = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
    const size_t known = kPlain.find(static_cast<char>(c));
    if (known != std::string_view::npos) {
      out.append('\\');
      out.append(kLetters[known]);
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out.append(escaped);
    }
  }
  out.append(text.substr(from));
  out.append('"');
}

// Fifteen digits, so that 0.1 + 0.2 shows as 0.3.
double rounded(double value) {
  if (value == std::trunc(value)) return value;
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.14e", value);
  return std::strtod(digits, nullptr);
}

// Lone surrogates are not for the outside.
std::string valid_text(std::string_view text) {
  if (text.find('\xED') == std::string_view::npos) return std::string(text);
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const uint32_t point = next_point(text, at);
    append_point(out, point >= 0xD800 && point < 0xE000 ? 0xFFFD : point);
  }
  return out;
}

}  // namespace

bool Evaluator::truth(const Value& value) {
  switch (value.type()) {
    case Type::kBool:
      return value.truth();
    case Type::kNumber:
      return value.number() != 0 && !std::isnan(value.number());
    case Type::kString:
      return !value.text().empty();
    case Type::kArray: {
      const Items items(value);
      bool any = false;
      enter_value();
      if (step(items.size())) {
        for (size_t i = 0; !any && !too_deep_ && i < items.size(); ++i) any = truth(items[i]);
      }
      leave_value();
      return any;
    }
    case Type::kObject:
      return Members(value).size() > 0;
    default:
      return false;
  }
}

bool Evaluator::equal(const Value& left, const Value& right) {
  if (left.type() != right.type()) return false;
  switch (left.type()) {
    case Type::kBool:
      return left.truth() == right.truth();
    case Type::kNumber:
      return left.number() == right.number();
    case Type::kString:
      return left.text().size() == right.text().size() && step(text_turns(left.text().size())) &&
             left.text() == right.text();
    case Type::kFunction:
      return left.function() == right.function();
    case Type::kArray:
    case Type::kObject:
      break;
    default:
      return true;
  }
  if (left.json() != nullptr && left.json() == right.json()) return true;
  bool same = enter_value() && step();
  if (left.is_array()) {
    const Items a(left), b(right);
    same = same && a.size() == b.size() && step(a.size());
    for (size_t i = 0; same && i < a.size(); ++i) same = equal(a[i], b[i]);
  } else {
    const Members a(left), b(right);
    same = same && a.size() == b.size() && step(a.size());
    for (size_t i = 0; same && i < a.size(); ++i) {
      const Value other = member_of(right, a.name(i));
      same = !other.undefined() && equal(a.value(i), other);
    }
  }
  leave_value();
  return same;
}

Value Evaluator::append(const Value& left, const Value& right) {
  if (left.undefined()) return right;
  if (right.undefined()) return left;
  const Items a(left), b(right);
  Array* out = new_array();
  if (!step(a.size() + b.size()) || !out->reserve(arena_, a.size() + b.size())) {
    return fail_limit(), Value::failed();
  }
  for (size_t i = 0; i < a.size(); ++i) out->push(arena_, a[i]);
  for (size_t i = 0; i < b.size(); ++i) out->push(arena_, b[i]);
  return Value(out);
}

std::string Evaluator::shown(const Value& value) {
  if (value.undefined()) return "undefined";
  if (value.is_number()) return number_text(value.number());
  Arena scratch(kShownMax * 64);
  TextBuilder out(scratch);
  if (!append_json(out, value, Layout::kCompact, 0)) return "...";
  std::string text(out.view());
  if (text.size() > kShownMax) text.resize(offset_of_point(text, kShownMax)), text += "...";
  return text;
}

bool Evaluator::append_string(TextBuilder& out, const Value& value, Layout layout) {
  if (value.is_string()) return out.append(value.text()), true;
  if (value.is_function()) return true;
  if (value.is_number() && !std::isfinite(value.number())) {
    fail("D3001", value);
    return false;
  }
  const bool whole = value.is_array() && value.array() && value.array()->outer_wrapper;
  return append_json(out, whole ? value.array()->items[0] : value, layout, 0);
}

bool Evaluator::append_json(TextBuilder& out, const Value& value, Layout layout, size_t indent) {
  const bool pretty = layout == Layout::kPretty;
  auto line = [&](size_t level) {
    if (!pretty) return;
    out.append('\n');
    for (size_t i = 0; i < level; ++i) out.append("  ");
  };
  switch (value.type()) {
    case Type::kBool:
      return out.append(value.truth() ? "true" : "false"), true;
    case Type::kNumber:
      if (!std::isfinite(value.number())) {
        if (std::isinf(value.number())) return fail("D1001", value), false;
        return out.append("null"), true;
      }
      return out.append(number_text(rounded(value.number()))), true;
    case Type::kString:
      return append_quoted(out, value.text()), true;
    case Type::kFunction:
      return out.append("\"\""), true;
    case Type::kArray:
    case Type::kObject:
      break;
    default:
      return out.append("null"), true;
  }
  bool good = enter_value() && step();
  bool first = true;
  auto separate = [&] {
    if (!first) out.append(',');
    first = false;
    line(indent + 1);
  };
  out.append(value.is_array() ? '[' : '{');
  if (value.is_array()) {
    const Items items(value);
    for (size_t i = 0; good && i < items.size(); ++i) {
      separate();
      good = step() && append_json(out, items[i], layout, indent + 1);
    }
  } else {
    const Members members(value);
    for (size_t i = 0; good && i < members.size(); ++i) {
      const Value member = members.value(i);
      if (member.undefined()) continue;
      separate();
      append_quoted(out, members.name(i));
      out.append(pretty ? ": " : ":");
      good = step() && append_json(out, member, layout, indent + 1);
    }
  }
  if (!first) line(indent);
  out.append(value.is_array() ? ']' : '}');
  leave_value();
  return good;
}

// A text that many elements share is one text of the result, too.
bool Evaluator::text_to_json(std::string_view text, json::Value& out) {
  const auto place = std::pair(text.data(), text.size());
  if (text.size() >= kSharedTextBytes) {
    const auto known = texts_told_.find(place);
    if (known != texts_told_.end()) {
      out = known->second;
      return step();
    }
  }
  if (!arena_.charge(kTextHeadBytes + text.size())) return fail_limit(), false;
  if (!step(text_turns(text.size()))) return false;
  out = valid_text(text);
  if (text.size() >= kSharedTextBytes) texts_told_.emplace(place, out);
  return true;
}

bool Evaluator::to_json(const Value& value, json::Value& out) {
  constexpr double kIntegerMax = 9.2e18;
  if (!step()) return false;
  switch (value.type()) {
    case Type::kBool:
      out = value.truth();
      return true;
    case Type::kNumber: {
      const double number = value.number();
      if (!std::isfinite(number)) return fail("D1001", value), false;
      if (number == std::trunc(number) && std::fabs(number) < kIntegerMax) {
        out = static_cast<int64_t>(number);
      } else {
        out = number;
      }
      return true;
    }
    case Type::kString:
      return text_to_json(value.text(), out);
    case Type::kArray:
    case Type::kObject:
      break;
    default:
      out = nullptr;
      return true;
  }
  if (value.json() != nullptr) {
    out = *value.json();
    return true;
  }
  bool good = enter_value() && step();
  if (value.is_array()) {
    const Items items(value);
    json::Array list;
    good = good && arena_.charge(items.size() * sizeof(json::Value));
    if (good) list.reserve(items.size());
    for (size_t i = 0; good && i < items.size(); ++i) {
      good = to_json(items[i], list.emplace_back());
    }
    out = std::move(list);
  } else {
    const Members members(value);
    json::Object object;
    good = good && arena_.charge(members.size() * sizeof(json::Object::Member));
    if (good) object.reserve(members.size());
    for (size_t i = 0; good && i < members.size(); ++i) {
      const Value member = members.value(i);
      if (member.undefined() || member.is_function()) continue;
      json::Value inner;
      good = arena_.charge(members.name(i).size()) && to_json(member, inner);
      object.set(valid_text(members.name(i)), std::move(inner));
    }
    out = std::move(object);
  }
  if (arena_.exhausted()) fail_limit();
  leave_value();
  return good;
}

}  // namespace suiro::jsonata
