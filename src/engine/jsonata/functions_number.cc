// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "engine/jsonata/evaluator.h"
#include "engine/jsonata/number_text.h"

namespace suiro::jsonata {

std::optional<double> parse_number(std::string_view text) {
  auto digits = [&](size_t& at, std::string_view set) {
    const size_t begin = at;
    while (at < text.size() && set.find(text[at]) != std::string_view::npos) ++at;
    return at > begin;
  };
  constexpr std::string_view kDecimal = "0123456789";
  if (text.size() > 2 && text[0] == '0') {
    const char base = static_cast<char>(text[1] | 0x20);
    const int radix = base == 'x' ? 16 : base == 'o' ? 8 : base == 'b' ? 2 : 0;
    if (radix != 0) {
      size_t at = 2;
      constexpr std::string_view kHexadecimal = "0123456789abcdefABCDEF";
      digits(at, radix == 16 ? kHexadecimal : kDecimal.substr(0, static_cast<size_t>(radix)));
      if (at != text.size()) return std::nullopt;
      double value = 0;
      for (char c : text.substr(2))
        value = value * radix + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
      return value;
    }
  }
  size_t at = text.starts_with('-') ? 1 : 0;
  if (!digits(at, kDecimal)) return std::nullopt;
  if (at < text.size() && text[at] == '.' && !digits(++at, kDecimal)) return std::nullopt;
  if (at < text.size() && (text[at] | 0x20) == 'e') {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits(at, kDecimal)) return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  const double value = std::strtod(std::string(text).c_str(), nullptr);
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

double scaled(double value, int places) {
  std::string text = number_text(value);
  const size_t e = text.find('e');
  int exponent = places;
  if (e != std::string::npos) {
    exponent += std::atoi(text.c_str() + e + 1);
    text.resize(e);
  }
  return std::strtod((text + "e" + std::to_string(exponent)).c_str(), nullptr);
}

double round_half_even(double value, int places) {
  if (!std::isfinite(value)) return value;
  const double shifted = places != 0 ? scaled(value, places) : value;
  double result = std::floor(shifted + 0.5);
  if (std::fabs(shifted) >= 4503599627370496.0) result = shifted;
  if (std::fabs(result - shifted) == 0.5 && std::fabs(std::fmod(result, 2)) == 1) result -= 1;
  if (places != 0) result = scaled(result, -places);
  return result == 0 ? 0 : result;
}

namespace {

int integer_of(const Value& value, int otherwise) {
  if (!value.is_number() || std::isnan(value.number())) return otherwise;
  return static_cast<int>(std::clamp(std::trunc(value.number()), -1e6, 1e6));
}

// The items' numbers, folded; a failed or undefined list is handled by the caller.
template <class Fold>
Value folded(const Call& call, double begin, Fold fold) {
  const Items items(call[0]);
  if (!call.evaluator.step(items.size())) return Value::failed();
  double out = begin;
  for (size_t i = 0; i < items.size(); ++i) out = fold(out, items[i].number());
  return Value(out);
}

Value fn_sum(const Call& call) {
  if (call[0].undefined()) return {};
  return folded(call, 0, [](double sum, double item) { return sum + item; });
}

Value fn_average(const Call& call) {
  if (call[0].undefined() || Items(call[0]).empty()) return {};
  const Value sum = fn_sum(call);
  return sum.is_failed() ? sum : Value(sum.number() / static_cast<double>(Items(call[0]).size()));
}

Value fn_max(const Call& call) {
  if (call[0].undefined() || Items(call[0]).empty()) return {};
  return folded(call, -INFINITY, [](double a, double b) { return std::max(a, b); });
}

Value fn_min(const Call& call) {
  if (call[0].undefined() || Items(call[0]).empty()) return {};
  return folded(call, INFINITY, [](double a, double b) { return std::min(a, b); });
}

Value fn_number(const Call& call) {
  const Value& value = call[0];
  if (value.undefined() || value.is_number()) return value;
  if (value.is(Type::kBool)) return Value(value.truth() ? 1.0 : 0.0);
  if (value.is_string()) {
    if (auto number = parse_number(value.text())) return Value(*number);
  }
  return call.evaluator.fail("D3030", value);
}

template <double (*function)(double)>
Value of_one(const Call& call) {
  return call[0].undefined() ? Value() : Value(function(call[0].number()));
}

Value fn_round(const Call& call) {
  if (call[0].undefined()) return {};
  return Value(round_half_even(call[0].number(), integer_of(call[1], 0)));
}

Value fn_sqrt(const Call& call) {
  if (call[0].undefined()) return {};
  if (call[0].number() < 0) return call.evaluator.fail("D3060", call[0]);
  return Value(std::sqrt(call[0].number()));
}

Value fn_power(const Call& call) {
  if (call[0].undefined()) return {};
  const double exponent = call[1].is_number() ? call[1].number() : NAN;
  const double out = std::pow(call[0].number(), exponent);
  if (std::isfinite(out)) return Value(out);
  return call.evaluator.fail(Fault{
      .code = "D3061", .value = number_text(call[0].number()), .value2 = number_text(exponent)});
}

Value fn_format_base(const Call& call) {
  if (call[0].undefined()) return {};
  const double rounded = round_half_even(call[0].number(), 0);
  const double radix = call[1].undefined() ? 10 : round_half_even(call[1].number(), 0);
  if (!(radix >= 2 && radix <= 36)) return call.evaluator.fail("D3100", Value(radix));
  if (!std::isfinite(rounded)) return call.evaluator.fail("D1001", Value(rounded));
  double rest = std::fabs(rounded);
  std::string out;
  do {
    const auto digit = static_cast<size_t>(std::fmod(rest, radix));
    out += "0123456789abcdefghijklmnopqrstuvwxyz"[digit];
    rest = std::floor(rest / radix);
  } while (rest >= 1);
  if (rounded < 0) out += '-';
  return call.evaluator.text(std::string(out.rbegin(), out.rend()));
}

Value fn_boolean(const Call& call) {
  return call[0].undefined() ? Value() : Value(call.evaluator.truth(call[0]));
}

Value fn_not(const Call& call) {
  return call[0].undefined() ? Value() : Value(!call.evaluator.truth(call[0]));
}

double to_floor(double value) {
  return std::floor(value);
}
double to_ceil(double value) {
  return std::ceil(value);
}
double to_abs(double value) {
  return std::fabs(value);
}

constexpr NativeEntry kNumberFunctions[] = {
    {"sum", "<a<n>:n>", 1, fn_sum},         {"max", "<a<n>:n>", 1, fn_max},
    {"min", "<a<n>:n>", 1, fn_min},         {"average", "<a<n>:n>", 1, fn_average},
    {"number", "<(nsb)-:n>", 1, fn_number}, {"floor", "<n-:n>", 1, of_one<to_floor>},
    {"ceil", "<n-:n>", 1, of_one<to_ceil>}, {"abs", "<n-:n>", 1, of_one<to_abs>},
    {"round", "<n-n?:n>", 2, fn_round},     {"sqrt", "<n-:n>", 1, fn_sqrt},
    {"power", "<n-n:n>", 2, fn_power},      {"formatBase", "<n-n?:s>", 2, fn_format_base},
    {"boolean", "<x-:b>", 1, fn_boolean},   {"not", "<x-:b>", 1, fn_not},
};

}  // namespace

std::span<const NativeEntry> number_functions() {
  return kNumberFunctions;
}

}  // namespace suiro::jsonata
