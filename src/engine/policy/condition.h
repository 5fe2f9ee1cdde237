// SPDX-License-Identifier: Apache-2.0
// Condition: one key of one operator of a statement's Condition element.
//
// Thread: immutable; any. Failure: parse() answers kMalformedPolicy, evaluation never fails.
// Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Conditions with
// multiple context keys or values".
#pragma once

#include <string>
#include <vector>

#include "engine/policy/pattern.h"

namespace suiro::policy {

enum class Truth : uint8_t { kFalse, kTrue, kUnknown };

class Condition {
 public:
  // `name`: "ForAllValues:StringLikeIfExists". Errors: kMalformedPolicy: an operator that does not
  // exist, a value that is not of its type.
  static Result<Condition> parse(std::string_view name, std::string key,
                                 std::vector<std::string> values, Text::Variables variables);
  Truth holds(const Request& request) const;
  // Whether it holds for requests from fixed principals or places only, so that nobody unknown
  // comes in. Source: Amazon S3 User Guide, "The meaning of public".
  bool keeps_public_out() const;
  const std::string& key() const { return key_; }
  const std::vector<Text>& values() const { return values_; }

  enum class Kind : uint8_t {
    kEquals,
    kEqualsIgnoreCase,
    kLike,
    kArn,
    kBool,
    kNull,
    kNumber,
    kDate,
    kBinary,
    kAddress
  };
  enum class Order : uint8_t { kEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
  struct Operator {
    Kind kind = Kind::kEquals;
    bool negated = false;
    Order order = Order::kEqual;
  };

 private:
  enum class Many : uint8_t { kNone, kAll, kAny };

  // Whether one value of the request meets one of the condition's.
  bool meets(const std::string& actual, const std::vector<std::string>& wanted) const;
  bool one_meets(const std::string& actual, const std::string& wanted) const;

  Operator op_;
  bool if_exists_ = false;
  Many many_ = Many::kNone;
  std::string key_;  // lower case
  std::vector<Text> values_;
};

}  // namespace suiro::policy
