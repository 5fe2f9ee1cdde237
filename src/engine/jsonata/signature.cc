// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/signature.h"

#include "base/check.h"

namespace suiro::jsonata {
namespace {

// Ways to share the arguments among repeated parameters that are tried.
constexpr uint32_t kTriesMax = 10'000;

constexpr std::string_view kSymbols = "asnblfom";  // m: missing
constexpr std::string_view kAny = "asnblfom";
constexpr std::string_view kJson = "asnblom";

uint16_t bits(std::string_view symbols) {
  uint16_t out = 0;
  for (char c : symbols) {
    const size_t at = kSymbols.find(c);
    if (at != std::string_view::npos) out |= static_cast<uint16_t>(1u << at);
  }
  return out;
}

bool allows(uint16_t types, char symbol) {
  return (types & bits(std::string_view(&symbol, 1))) != 0;
}

char symbol_of(const Value& value) {
  switch (value.type()) {
    case Type::kString:
      return 's';
    case Type::kNumber:
      return 'n';
    case Type::kBool:
      return 'b';
    case Type::kNull:
      return 'l';
    case Type::kArray:
      return 'a';
    case Type::kObject:
      return 'o';
    case Type::kFunction:
      return 'f';
    default:
      return 'm';
  }
}

std::string plural(std::string_view subtype) {
  if (subtype == "a") return "arrays";
  if (subtype == "b") return "booleans";
  if (subtype == "f") return "functions";
  if (subtype == "n") return "numbers";
  if (subtype == "o") return "objects";
  if (subtype == "s") return "strings";
  return std::string(subtype);
}

}  // namespace

size_t Signature::close_of(std::string_view text, size_t open, char opens, char closes) {
  int depth = 1;
  size_t at = open + 1;
  for (; at < text.size(); ++at) {
    if (text[at] == closes && --depth == 0) break;
    if (text[at] == opens) ++depth;
  }
  return at;
}

std::variant<Signature, Fault> Signature::parse(std::string_view text) {
  Signature out;
  auto& list = out.parameters_;
  auto fault = [](std::string_view code, size_t at, std::string_view value) {
    return Fault{
        .code = std::string(code), .position = static_cast<int64_t>(at), .value = quoted(value)};
  };
  for (size_t at = 1; at < text.size() && text[at] != ':'; ++at) {
    const char c = text[at];
    const std::string_view one = text.substr(at, 1);
    if (std::string_view("snblo").find(c) != std::string_view::npos) {
      list.push_back({.types = bits(std::string(one) + "m"), .symbol = c});
    } else if (c == 'a' || c == 'x') {
      list.push_back({.types = bits(kAny), .symbol = c});
    } else if (c == 'f') {
      list.push_back({.types = bits("f"), .symbol = c});
    } else if (c == 'j') {
      list.push_back({.types = bits(kJson), .symbol = c});
    } else if (c == '(') {
      const size_t end = close_of(text, at, '(', ')');
      const std::string_view choice = text.substr(at + 1, end - at - 1);
      if (choice.find('<') != std::string_view::npos) return fault("S0402", at, choice);
      list.push_back({.types = bits(std::string(choice) + "m"), .symbol = '('});
      at = end;
    } else if (!list.empty() && c == '-') {
      list.back().context = true;
      list.back().count = Count::kOptional;
    } else if (!list.empty() && c == '?') {
      list.back().count = Count::kOptional;
    } else if (!list.empty() && c == '+') {
      list.back().count = Count::kMany;
    } else if (c == '<') {
      if (list.empty() || (list.back().symbol != 'a' && list.back().symbol != 'f')) {
        return fault("S0401", at, list.empty() ? "" : std::string(1, list.back().symbol));
      }
      const size_t end = close_of(text, at, '<', '>');
      list.back().subtype = text.substr(at + 1, end - at - 1);
      at = end;
    }
  }
  if (list.size() > kParametersMax) {
    return Fault{
        .code = std::string(codes::kTooLarge),
        .position = 0,
        .message = "A function has more than " + std::to_string(kParametersMax) + " parameters"};
  }
  return out;
}

bool Signature::match(std::string_view types, size_t parameter, size_t argument,
                      std::vector<size_t>& counts, uint32_t& tries) const {
  if (++tries > kTriesMax) return false;
  if (parameter == parameters_.size()) return argument == types.size();
  const Parameter& it = parameters_[parameter];
  size_t most = 0;
  const size_t limit = it.count == Count::kMany ? types.size() : 1;
  while (most < limit && argument + most < types.size() &&
         allows(it.types, types[argument + most])) {
    ++most;
  }
  const size_t least = it.count == Count::kOptional ? 0 : 1;
  for (size_t count = most + 1; count-- > least;) {
    counts[parameter] = count;
    if (match(types, parameter + 1, argument + count, counts, tries)) return true;
  }
  return false;
}

size_t Signature::reach(std::string_view types, size_t parameters) const {
  // All ends that some way of sharing reaches; the first way (greedy) that exists is the longest
  // of the earlier parameters, as a regular expression would choose.
  Signature some;
  some.parameters_.assign(parameters_.begin(),
                          parameters_.begin() + static_cast<ptrdiff_t>(parameters));
  for (size_t end = types.size() + 1; end-- > 0;) {
    std::vector<size_t> counts(parameters);
    uint32_t tries = 0;
    if (some.match(types.substr(0, end), 0, 0, counts, tries)) return end;
  }
  return std::string_view::npos;
}

Fault Signature::mismatch(std::string_view types) const {
  size_t good = 0;
  for (size_t count = 1; count <= parameters_.size(); ++count) {
    const size_t end = reach(types, count);
    if (end == std::string_view::npos) break;
    good = end;
  }
  return Fault{.code = "T0410", .index = static_cast<int>(good) + 1};
}

std::optional<Fault> Signature::fit_array(const Parameter& parameter, std::string_view matched,
                                          char type, size_t number, Arena& arena,
                                          Value& argument) const {
  if (type == 'm') {
    argument = Value();
    return std::nullopt;
  }
  bool good = true;
  if (!parameter.subtype.empty()) {
    if (type != 'a') {
      good = matched == parameter.subtype;
    } else {
      const Items items(argument);
      for (size_t i = 0; i < items.size() && good; ++i) {
        good = symbol_of(items[i]) == parameter.subtype[0];
      }
    }
  }
  if (!good) {
    return Fault{
        .code = "T0412", .type = plural(parameter.subtype), .index = static_cast<int>(number)};
  }
  if (type != 'a') {
    auto* array = arena.make<Array>();
    array->push(arena, argument);
    argument = Value(array);
  }
  return std::nullopt;
}

std::optional<Fault> Signature::fit(std::span<const Value> arguments, const Value& context,
                                    Arena& arena, std::vector<Value>& out) const {
  std::string types;
  for (const Value& argument : arguments) types += symbol_of(argument);
  std::vector<size_t> counts(parameters_.size());
  uint32_t tries = 0;
  if (!match(types, 0, 0, counts, tries)) return mismatch(types);
  size_t at = 0;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& it = parameters_[i];
    if (counts[i] == 0) {
      if (!it.context) {
        out.push_back(at < arguments.size() ? arguments[at] : Value());
        ++at;
      } else if (allows(it.types, symbol_of(context))) {
        out.push_back(context);
      } else {
        return Fault{.code = "T0411", .index = static_cast<int>(at) + 1};
      }
      continue;
    }
    const std::string_view matched = std::string_view(types).substr(at, counts[i]);
    for (char type : matched) {
      Value argument = arguments[at];
      ++at;
      if (it.symbol == 'a') {
        if (auto fault = fit_array(it, matched, type, at, arena, argument)) return fault;
      }
      out.push_back(argument);
    }
  }
  return std::nullopt;
}

}  // namespace suiro::jsonata
