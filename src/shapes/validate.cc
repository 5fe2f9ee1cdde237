// SPDX-License-Identifier: Apache-2.0
#include "shapes/validate.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <unordered_map>

#include "base/bytes.h"
#include "base/check.h"
#include "base/utf8.h"
#include "shapes/json.h"
#include "shapes/scalar.h"

namespace suiro::shapes {
namespace {

// Values longer than this are cut in messages.
constexpr size_t kShownBytesMax = 1024;
// RE2 programs larger than this are refused at compile time of the pattern.
constexpr int64_t kPatternBytesMax = 8 * 1024 * 1024;

// Patterns are compiled once a thread; a model has a bounded number of them.
const RE2& compiled(std::string_view pattern) {
  thread_local std::unordered_map<std::string_view, std::unique_ptr<RE2>> cache;
  std::unique_ptr<RE2>& regex = cache[pattern];
  if (regex == nullptr) {
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(kPatternBytesMax);
    regex = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  }
  return *regex;
}

bool matches(const Shape& shape, const std::string& text) {
  if (shape.pattern_matches.empty()) return RE2::FullMatch(text, compiled(shape.pattern));
  return RE2::FullMatch(text, compiled(shape.pattern_matches)) &&
         !RE2::FullMatch(text, compiled(shape.pattern_not));
}

// Length in UTF-16 code units, as AWS counts.
size_t utf16_length(std::string_view text) {
  size_t length = 0;
  for (unsigned char c : text) length += (c & 0xC0) == 0x80 ? 0 : (c >= 0xF0 ? 2 : 1);
  return length;
}

class Checker {
 public:
  explicit Checker(Violations& violations) : violations_(violations) {}

  void structure(const Shape& shape, const void* value) {
    const size_t base = violations_.path.size();
    for (const Member& member : shape.members) {
      const void* held = member.get(value);
      if (held == nullptr) continue;
      violations_.push(member.name);
      if (is_missing(member)) {
        violations_.path.resize(base);
        continue;
      }
      member_ = member.name;
      any(*member.shape, held);
      violations_.path.resize(base);
    }
  }

 private:
  // The member at `path`: one that the request lacks holds its default, which breaks other rules.
  bool is_missing(const Member& member) const {
    if (!member.required) return false;
    for (const Violation& violation : violations_.all) {
      if (violation.missing && violation.path == violations_.path) return true;
    }
    return false;
  }

  void any(const Shape& shape, const void* value) {
    rules(shape, value, [&](std::string rule) { add(shape, value, std::move(rule)); });
    if (shape.kind == Kind::kStructure) structure(shape, value);
    if (shape.kind == Kind::kList) list(shape, value);
    if (shape.kind == Kind::kMap) map(shape, value);
  }

  template <class Add>
  void rules(const Shape& shape, const void* value, Add add_rule) {
    if (shape.min || shape.max) bounds(shape, value, add_rule);
    if (shape.kind != Kind::kString) return;
    const auto& text = *static_cast<const std::string*>(value);
    if (!shape.values.empty() && std::ranges::find(shape.values, text) == shape.values.end()) {
      add_rule(
          fmt::format("Member must satisfy enum value set: [{}]", fmt::join(shape.values, ", ")));
    }
    if (shape.pattern.empty()) return;
    if (!matches(shape, text)) {
      add_rule(fmt::format("Member must satisfy regular expression pattern: {}", shape.pattern));
    }
  }

  template <class Add>
  void bounds(const Shape& shape, const void* value, Add add_rule) {
    std::string_view what = "length";
    double size = 0;
    switch (shape.kind) {
      case Kind::kString:
        size = static_cast<double>(utf16_length(*static_cast<const std::string*>(value)));
        break;
      case Kind::kBlob:
        size = static_cast<double>(static_cast<const Bytes*>(value)->size());
        break;
      case Kind::kList:
        size = static_cast<double>(shape.list->size(value));
        break;
      case Kind::kMap:
        size = static_cast<double>(shape.map->size(value));
        break;
      case Kind::kInteger:
      case Kind::kLong:
      case Kind::kDouble:
        what = "value";
        size = number(shape, value);
        break;
      default:
        return;
    }
    if (shape.max && size > *shape.max) {
      add_rule(fmt::format("Member must have {} less than or equal to {}", what, *shape.max));
    }
    if (shape.min && size < *shape.min) {
      add_rule(fmt::format("Member must have {} greater than or equal to {}", what, *shape.min));
    }
  }

  static double number(const Shape& shape, const void* value) {
    if (shape.kind == Kind::kInteger) return *static_cast<const int32_t*>(value);
    if (shape.kind == Kind::kLong) {
      return static_cast<double>(*static_cast<const int64_t*>(value));
    }
    return *static_cast<const double*>(value);
  }

  static bool is_scalar(const Shape& shape) { return shape.kind < Kind::kList; }

  // Scalars inside a list or map are reported as one violation of the whole.
  void list(const Shape& shape, const void* value) {
    const size_t base = violations_.path.size();
    const size_t size = shape.list->size(value);
    std::vector<std::string> broken;
    for (size_t i = 0; i < size; ++i) {
      const void* item = shape.list->at(value, i);
      if (is_scalar(*shape.element)) {
        if (!broken.empty()) continue;
        rules(*shape.element, item, [&](std::string rule) { broken.push_back(std::move(rule)); });
        continue;
      }
      violations_.push_index(i + 1);
      any(*shape.element, item);
      violations_.path.resize(base);
    }
    if (broken.empty()) return;
    add(shape, value, fmt::format("Member must satisfy constraint: [{}]", fmt::join(broken, ", ")));
  }

  void map(const Shape& shape, const void* value) {
    struct Context {
      Checker* self;
      const Shape* shape;
      std::vector<std::string> keys, values;
    } context{this, &shape, {}, {}};
    shape.map->each(value, &context, [](void* at, std::string_view key, const void* held) {
      auto& [self, map_shape, keys, values] = *static_cast<Context*>(at);
      const std::string name(key);
      if (keys.empty()) {
        self->rules(*map_shape->key, &name, [&](std::string r) { keys.push_back(std::move(r)); });
      }
      if (is_scalar(*map_shape->element)) {
        if (!values.empty()) return;
        self->rules(*map_shape->element, held,
                    [&](std::string rule) { values.push_back(std::move(rule)); });
        return;
      }
      const size_t base = self->violations_.path.size();
      self->violations_.push_key(key);
      self->any(*map_shape->element, held);
      self->violations_.path.resize(base);
    });
    if (!context.keys.empty()) {
      add(shape, value,
          fmt::format("Map keys must satisfy constraint: [{}]", fmt::join(context.keys, ", ")));
    }
    if (!context.values.empty()) {
      add(shape, value,
          fmt::format("Map value must satisfy constraint: [{}]", fmt::join(context.values, ", ")));
    }
  }

  void add(const Shape& shape, const void* value, std::string rule) {
    if (violations_.all.size() >= Violations::kKeptMax) return;
    violations_.all.push_back({.path = violations_.path,
                               .value = shown(shape, value),
                               .rule = std::move(rule),
                               .member = std::string(member_)});
  }

  static std::string shown(const Shape& shape, const void* value) {
    std::string text;
    show(text, shape, value);
    return std::string(utf8_prefix(text, kShownBytesMax));
  }

  static void show(std::string& text, const Shape& shape, const void* value) {
    if (text.size() > kShownBytesMax) return;
    if (shape.kind == Kind::kList) {
      text += '[';
      const size_t size = shape.list->size(value);
      for (size_t i = 0; i < size && text.size() < kShownBytesMax; ++i) {
        if (i > 0) text += ", ";
        show(text, *shape.element, shape.list->at(value, i));
      }
      text += ']';
    } else if (shape.kind == Kind::kMap) {
      show_map(text, shape, value);
    } else if (is_scalar(shape)) {
      text += scalar_text(shape, value, TimeFormat::kIso8601);
    } else {
      text += shape.name;
    }
  }

  static void show_map(std::string& text, const Shape& shape, const void* value) {
    struct Context {
      std::string* text;
      const Shape* element;
      bool first = true;
    } context{&text, shape.element};
    text += '{';
    shape.map->each(value, &context, [](void* at, std::string_view key, const void* held) {
      auto& self = *static_cast<Context*>(at);
      if (!self.first) *self.text += ", ";
      self.first = false;
      *self.text += key;
      *self.text += '=';
      show(*self.text, *self.element, held);
    });
    text += '}';
  }

  Violations& violations_;
  std::string_view member_;
};

std::string standard_text(const Violations& violations) {
  std::string text = fmt::format("{} validation error{} detected: ", violations.all.size(),
                                 violations.all.size() == 1 ? "" : "s");
  for (size_t i = 0; i < violations.all.size(); ++i) {
    const Violation& one = violations.all[i];
    if (i > 0) text += "; ";
    if (one.missing) {
      text += fmt::format(
          "Value null at '{}' failed to satisfy constraint: "
          "Member must not be null",
          one.path);
    } else {
      text += fmt::format("Value '{}' at '{}' failed to satisfy constraint: {}", one.value,
                          one.path, one.rule);
    }
  }
  return text;
}

std::unexpected<Error> refusal(Validation manner, const Violations& violations) {
  const Violation& first = violations.all.front();
  switch (manner) {
    case Validation::kSqs:
    case Validation::kQuery:
      if (first.missing) {
        return fail("MissingParameter",
                    fmt::format("The request must contain the parameter {}.", first.member));
      }
      return fail("ValidationError", standard_text(violations));
    case Validation::kS3:
      return fail("MalformedXML",
                  "The XML you provided was not well-formed or did not validate against our "
                  "published schema");
    case Validation::kLogs:
      return fail("InvalidParameterException", standard_text(violations));
    case Validation::kStandard:
      break;
  }
  return fail(kValidation, standard_text(violations));
}

// Whether the member of this dotted name is present.
bool is_present(const Shape& shape, const void* value, std::string_view path) {
  if (shape.kind == Kind::kList) {
    for (size_t i = 0; i < shape.list->size(value); ++i) {
      if (is_present(*shape.element, shape.list->at(value, i), path)) return true;
    }
    return false;
  }
  if (shape.kind != Kind::kStructure) return false;
  const size_t dot = path.find('.');
  const Member* member = shape.find(path.substr(0, dot));
  CHECK(member != nullptr, "a model's unsupportedMembers names no member");
  const void* held = member->get(value);
  if (held == nullptr) return false;
  return dot == std::string_view::npos || is_present(*member->shape, held, path.substr(dot + 1));
}

// The services whose limits are their own rules: only absent members are refused here.
bool checks_constraints(Validation manner) {
  return manner == Validation::kStandard || manner == Validation::kLogs ||
         manner == Validation::kQuery;
}

}  // namespace

void Violations::missing(std::string_view member) {
  if (all.size() >= kKeptMax) return;
  const size_t base = path.size();
  push(member);
  all.push_back(
      {.path = path, .value = {}, .rule = {}, .member = std::string(member), .missing = true});
  path.resize(base);
}

void Violations::push(std::string_view member) {
  if (!path.empty()) path += '.';
  path += static_cast<char>(std::tolower(static_cast<unsigned char>(member.front())));
  path += member.substr(1);
}

void Violations::push_index(size_t index) {
  path += fmt::format(".{}.member", index);
}

void Violations::push_key(std::string_view key) {
  path += '.';
  path += key;
}

Result<void> check_request(const Operation& operation, const void* input, Violations& violations) {
  const Validation manner = operation.service->validation;
  for (std::string_view path : operation.unsupported_members) {
    if (is_present(*operation.input, input, path)) {
      return fail(codes::kNotImplemented,
                  fmt::format("Suiro does not support {} of {}.", path, operation.name));
    }
  }
  if (checks_constraints(manner)) Checker(violations).structure(*operation.input, input);
  if (violations.all.empty()) return ok();
  return refusal(manner, violations);
}

Result<void> check_value(const Shape& shape, const void* value, Violations& violations) {
  Checker(violations).structure(shape, value);
  if (violations.all.empty()) return ok();
  return refusal(Validation::kStandard, violations);
}

bool can_check_pattern(const Shape& shape) {
  if (shape.pattern_matches.empty()) return compiled(shape.pattern).ok();
  return compiled(shape.pattern_matches).ok() && compiled(shape.pattern_not).ok();
}

}  // namespace suiro::shapes
