// SPDX-License-Identifier: Apache-2.0
// The functions of single values. Source: Amazon CloudWatch Logs User Guide, "Boolean, comparison,
// numeric, datetime, and other functions".
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "engine/log_query/expression.h"

namespace suiro::log_query {
namespace {

constexpr std::string_view kBlanks = " \t\n\v\f\r";

// --- Numbers

template <double (*kFunction)(double)>
Value of_number(const Arguments& in) {
  auto number = number_of(in.values[0]);
  return number ? value_of(kFunction(*number)) : Value();
}

double absolute(double x) {
  return std::abs(x);
}
double round_up(double x) {
  return std::ceil(x);
}
double round_down(double x) {
  return std::floor(x);
}
double natural_log(double x) {
  return std::log(x);
}
double square_root(double x) {
  return std::sqrt(x);
}

// The first of the numbers by `kSign` times their order.
template <int kSign>
Value extreme(const Arguments& in) {
  const Value* best = nullptr;
  for (const Value& value : in.values) {
    if (!number_of(value)) continue;
    if (best == nullptr || kSign * compare(value, *best) > 0) best = &value;
  }
  return best == nullptr ? Value() : *best;
}

// --- General

Value is_present(const Arguments& in) {
  return !is_missing(in.values[0]);
}

Value coalesce(const Arguments& in) {
  auto found = std::ranges::find_if_not(in.values, is_missing);
  return found == in.values.end() ? Value() : *found;
}

Value choose(const Arguments& in) {
  return in.values[truth_of(in.values[0]) ? 1 : 2];
}

// --- Text

// The text of an argument, for as long as this lives.
class Text {
 public:
  explicit Text(const Value& value) : view_(view_of(value, room_)) {}
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  std::string_view operator*() const { return view_; }

 private:
  std::string room_;
  std::string_view view_;
};

Value is_empty(const Arguments& in) {
  return (*Text(in.values[0])).empty();
}

Value is_blank(const Arguments& in) {
  return (*Text(in.values[0])).find_first_not_of(kBlanks) == std::string_view::npos;
}

Value concat(const Arguments& in) {
  std::string out;
  for (const Value& value : in.values) {
    out += *Text(value);
    if (out.size() > kValueBytesMax) return {};
  }
  return out;
}

enum class Side { kLeft = 1, kRight = 2, kBoth = 3 };

template <Side kSide>
Value trim(const Arguments& in) {
  if (is_missing(in.values[0])) return {};
  Text text(in.values[0]);
  std::string characters(kBlanks);
  if (in.values.size() > 1) characters = *Text(in.values[1]);
  std::string_view out = *text;
  if ((static_cast<int>(kSide) & 1) != 0) {
    out.remove_prefix(std::min(out.find_first_not_of(characters), out.size()));
  }
  if ((static_cast<int>(kSide) & 2) != 0) {
    size_t last = out.find_last_not_of(characters);
    out = out.substr(0, last == out.npos ? 0 : last + 1);
  }
  return std::string(out);
}

bool begins_code_point(char c) {
  return (static_cast<uint8_t>(c) & 0xC0) != 0x80;
}

Value text_length(const Arguments& in) {
  if (is_missing(in.values[0])) return {};
  return static_cast<int64_t>(std::ranges::count_if(*Text(in.values[0]), begins_code_point));
}

template <char kFrom, char kTo>
Value change_case(const Arguments& in) {
  if (is_missing(in.values[0])) return {};
  std::string text(*Text(in.values[0]));
  for (char& c : text) {
    if (c >= kFrom && c < kFrom + 26) c = static_cast<char>(c - kFrom + kTo);
  }
  return text;
}

// Where the code point of this number begins.
size_t place_of(std::string_view text, double index) {
  size_t at = 0;
  for (double count = 0; at < text.size(); ++at) {
    if (begins_code_point(text[at]) && count++ >= index) break;
  }
  return at;
}

Value substring(const Arguments& in) {
  auto begin = number_of(in.values[1]);
  if (is_missing(in.values[0]) || !begin || *begin < 0) return {};
  Text text(in.values[0]);
  std::string_view rest = (*text).substr(place_of(*text, *begin));
  if (in.values.size() > 2) {
    auto length = number_of(in.values[2]);
    if (!length || *length < 0) return {};
    rest = rest.substr(0, place_of(rest, *length));
  }
  return std::string(rest);
}

Value replace_all(const Arguments& in) {
  if (is_missing(in.values[0])) return {};
  Text text(in.values[0]), from(in.values[1]), to(in.values[2]);
  if ((*from).empty()) return std::string(*text);
  std::string out;
  std::string_view rest = *text;
  for (size_t at = rest.find(*from); at != rest.npos; at = rest.find(*from)) {
    out.append(rest.substr(0, at)).append(*to);
    if (out.size() > kValueBytesMax) return {};
    rest.remove_prefix(at + (*from).size());
  }
  return out.append(rest);
}

Value contains(const Arguments& in) {
  if (is_missing(in.values[0]) || is_missing(in.values[1])) return false;
  return (*Text(in.values[0])).contains(*Text(in.values[1]));
}

// --- Times

Value time_at(double millis) {
  if (!(millis >= 0) || millis > static_cast<double>(kTimeMillisMax)) return {};
  return TimePoint(Millis(static_cast<int64_t>(millis)));
}

Value bin(const Arguments& in) {
  return floor_time(in.time, in.period);
}

template <TimePoint (*kRound)(TimePoint, Period)>
Value round_time(const Arguments& in) {
  auto millis = number_of(in.values[0]);
  if (!millis) return {};
  Value time = time_at(*millis);
  if (const auto* point = std::get_if<TimePoint>(&time)) return kRound(*point, in.period);
  return {};
}

Value from_millis(const Arguments& in) {
  auto millis = number_of(in.values[0]);
  return millis ? time_at(*millis) : Value();
}

Value to_millis(const Arguments& in) {
  const auto* time = std::get_if<TimePoint>(&in.values[0]);
  if (time != nullptr) return int64_t{time->time_since_epoch().count()};
  auto number = number_of(in.values[0]);
  return number ? value_of(*number) : Value();
}

Value now_seconds(const Arguments& in) {
  return int64_t{std::chrono::floor<std::chrono::seconds>(in.now).time_since_epoch().count()};
}

// --- IP addresses

enum class Family { kAny, kV4, kV6 };

struct Address {
  std::array<uint8_t, 16> bytes = {};
  int bits = 0;  // 32 or 128
};

std::optional<Address> parse_address(std::string_view text, Family family) {
  std::string zero_ended(text);
  Address out;
  if (family != Family::kV6 && inet_pton(AF_INET, zero_ended.c_str(), out.bytes.data()) == 1) {
    out.bits = 32;
    return out;
  }
  if (family != Family::kV4 && inet_pton(AF_INET6, zero_ended.c_str(), out.bytes.data()) == 1) {
    out.bits = 128;
    return out;
  }
  return std::nullopt;
}

template <Family kFamily>
Value is_address(const Arguments& in) {
  return parse_address(*Text(in.values[0]), kFamily).has_value();
}

template <Family kFamily>
Value is_in_subnet(const Arguments& in) {
  auto address = parse_address(*Text(in.values[0]), kFamily);
  Text subnet(in.values[1]);
  size_t slash = (*subnet).find('/');
  if (!address || slash == (*subnet).npos) return false;
  auto network = parse_address((*subnet).substr(0, slash), kFamily);
  std::string_view length = (*subnet).substr(slash + 1);
  int bits = -1;
  auto [end, failed] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (failed != std::errc() || end != length.data() + length.size() || !network) return false;
  if (network->bits != address->bits || bits < 0 || bits > network->bits) return false;
  for (int bit = 0; bit < bits; ++bit) {
    size_t byte = static_cast<size_t>(bit) / 8;
    int mask = 0x80 >> (bit % 8);
    if ((address->bytes[byte] & mask) != (network->bytes[byte] & mask)) return false;
  }
  return true;
}

// --- JSON

Value parse_json(const Arguments& in) {
  if (is_missing(in.values[0])) return {};
  auto value = json::parse(*Text(in.values[0]));
  return value ? value_of(*value) : Value();
}

Value write_json(const Arguments& in) {
  if (is_missing(in.values[0])) return {};
  if (const auto* text = std::get_if<std::string>(&in.values[0])) {
    return json::write(json::Value(*text));
  }
  return text_of(in.values[0]);
}

constexpr Function kFunctions[] = {
    {"abs", 1, 1, -1, of_number<absolute>},
    {"ceil", 1, 1, -1, of_number<round_up>},
    {"floor", 1, 1, -1, of_number<round_down>},
    {"log", 1, 1, -1, of_number<natural_log>},
    {"sqrt", 1, 1, -1, of_number<square_root>},
    {"greatest", 1, -1, -1, extreme<1>},
    {"least", 1, -1, -1, extreme<-1>},
    {"ispresent", 1, 1, -1, is_present},
    {"coalesce", 1, -1, -1, coalesce},
    {"if", 3, 3, -1, choose},
    {"isempty", 1, 1, -1, is_empty},
    {"isblank", 1, 1, -1, is_blank},
    {"concat", 1, -1, -1, concat},
    {"ltrim", 1, 2, -1, trim<Side::kLeft>},
    {"rtrim", 1, 2, -1, trim<Side::kRight>},
    {"trim", 1, 2, -1, trim<Side::kBoth>},
    {"strlen", 1, 1, -1, text_length},
    {"toupper", 1, 1, -1, change_case<'a', 'A'>},
    {"tolower", 1, 1, -1, change_case<'A', 'a'>},
    {"substr", 2, 3, -1, substring},
    {"replace", 3, 3, -1, replace_all},
    {"strcontains", 2, 2, -1, contains},
    {"bin", 1, 1, 0, bin},
    {"datefloor", 2, 2, 1, round_time<floor_time>},
    {"dateceil", 2, 2, 1, round_time<ceil_time>},
    {"frommillis", 1, 1, -1, from_millis},
    {"tomillis", 1, 1, -1, to_millis},
    {"now", 0, 0, -1, now_seconds},
    {"isvalidip", 1, 1, -1, is_address<Family::kAny>},
    {"isvalidipv4", 1, 1, -1, is_address<Family::kV4>},
    {"isvalidipv6", 1, 1, -1, is_address<Family::kV6>},
    {"isipinsubnet", 2, 2, -1, is_in_subnet<Family::kAny>},
    {"isipv4insubnet", 2, 2, -1, is_in_subnet<Family::kV4>},
    {"isipv6insubnet", 2, 2, -1, is_in_subnet<Family::kV6>},
    {"jsonparse", 1, 1, -1, parse_json},
    {"jsonstringify", 1, 1, -1, write_json},
};

}  // namespace

const Function* find_function(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  auto found = std::ranges::find(kFunctions, lower, &Function::name);
  return found == std::end(kFunctions) ? nullptr : found;
}

}  // namespace suiro::log_query
