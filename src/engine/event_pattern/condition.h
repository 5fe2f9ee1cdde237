// SPDX-License-Identifier: Apache-2.0
// Condition: one thing that a pattern allows a value to be; Allowed: all that it allows in one
// place. Thread: immutable once compiled; any.
#pragma once

#include <array>
#include <boost/json/value.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::event_pattern {

// Letters without their case, by Unicode's simple mapping.
std::string folded(std::string_view text);

// "a*b": a star stands for any characters, "\*" and "\\" for themselves.
class Wildcard {
 public:
  // Errors: kInvalidPattern, the reason alone.
  static Result<Wildcard> compile(std::string_view text);
  // Linear in the text.
  bool matches(std::string_view text) const;

 private:
  std::vector<std::string> pieces_ = {""};  // between the stars
};

// An address range, "10.0.0.0/24" or "2001:db8::/32": from the address itself to the last one that
// has its first bits.
class Cidr {
 public:
  // Errors: kInvalidPattern, the reason alone.
  static Result<Cidr> compile(std::string_view text);
  bool holds(std::string_view address) const;

 private:
  int family_ = 0;
  std::array<unsigned char, 16> first_ = {};
  std::array<unsigned char, 16> last_ = {};
};

struct Range {
  enum class Edge : unsigned char { kNone, kOpen, kClosed };
  Edge low_edge = Edge::kNone;
  Edge high_edge = Edge::kNone;
  double low = 0;
  double high = 0;
  bool holds(double value) const;
};

struct Condition {
  enum class Kind : unsigned char {
    kPrefix,
    kSuffix,
    kSame,          // folded
    kPrefixFolded,  // folded
    kSuffixFolded,  // folded
    kWildcard,
    kCidr,
    kRange,
    kExists,
    kAnythingBut,  // holds where none of `except` holds
  };
  Kind kind = Kind::kExists;
  std::string text;
  Wildcard wildcard;
  Cidr cidr;
  Range range;
  std::vector<Condition> except;
  std::set<std::string, std::less<>> except_strings;
  std::vector<double> except_numbers;

  bool holds(const boost::json::value& value) const;
};

// The conditions of one place; one of them has to hold.
struct Allowed {
  std::set<std::string, std::less<>> strings;
  struct Number {
    double value;
    std::string text;  // as written: what a double cannot tell apart is compared by its digits
  };
  std::vector<Number> numbers;
  bool null = false;
  bool yes = false;
  bool no = false;
  bool absent = false;  // "exists": false
  std::vector<Condition> conditions;

  bool only_absent() const;
  bool only_strings() const;
  // `value` is neither an object nor an array.
  bool holds(const boost::json::value& value) const;
};

}  // namespace suiro::event_pattern
