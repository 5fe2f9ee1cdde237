// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/condition.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <charconv>
#include <map>

#include "base/bytes.h"
#include "base/clock.h"
#include "engine/policy/policy.h"

namespace suiro::policy {
namespace {

using Kind = Condition::Kind;
using Order = Condition::Order;
namespace ip = boost::asio::ip;

const std::map<std::string_view, Condition::Operator>& operators() {
  static const std::map<std::string_view, Condition::Operator> kOperators = {
      {"StringEquals", {Kind::kEquals}},
      {"StringNotEquals", {Kind::kEquals, true}},
      {"StringEqualsIgnoreCase", {Kind::kEqualsIgnoreCase}},
      {"StringNotEqualsIgnoreCase", {Kind::kEqualsIgnoreCase, true}},
      {"StringLike", {Kind::kLike}},
      {"StringNotLike", {Kind::kLike, true}},
      {"NumericEquals", {Kind::kNumber}},
      {"NumericNotEquals", {Kind::kNumber, true}},
      {"NumericLessThan", {Kind::kNumber, false, Order::kLess}},
      {"NumericLessThanEquals", {Kind::kNumber, false, Order::kLessEqual}},
      {"NumericGreaterThan", {Kind::kNumber, false, Order::kGreater}},
      {"NumericGreaterThanEquals", {Kind::kNumber, false, Order::kGreaterEqual}},
      {"DateEquals", {Kind::kDate}},
      {"DateNotEquals", {Kind::kDate, true}},
      {"DateLessThan", {Kind::kDate, false, Order::kLess}},
      {"DateLessThanEquals", {Kind::kDate, false, Order::kLessEqual}},
      {"DateGreaterThan", {Kind::kDate, false, Order::kGreater}},
      {"DateGreaterThanEquals", {Kind::kDate, false, Order::kGreaterEqual}},
      {"Bool", {Kind::kBool}},
      {"BinaryEquals", {Kind::kBinary}},
      {"IpAddress", {Kind::kAddress}},
      {"NotIpAddress", {Kind::kAddress, true}},
      {"ArnEquals", {Kind::kArn}},
      {"ArnNotEquals", {Kind::kArn, true}},
      {"ArnLike", {Kind::kArn}},
      {"ArnNotLike", {Kind::kArn, true}},
      {"Null", {Kind::kNull}}};
  return kOperators;
}

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// ISO 8601, or seconds since 1970.
std::optional<int64_t> date_of(std::string_view text) {
  int64_t seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  constexpr int64_t kSecondsMax = 253'402'300'799;  // the year 9999
  if (error == std::errc() && end == text.data() + text.size()) {
    if (seconds < 0 || seconds > kSecondsMax) return std::nullopt;
    return seconds * 1000;
  }
  auto time = parse_iso8601(text);
  if (!time && text.size() == 10) time = parse_iso8601(std::string(text) + "T00:00:00Z");
  if (!time) return std::nullopt;
  return time->time_since_epoch().count();
}

struct Network {
  bool v4 = true;
  ip::network_v4 four;
  ip::network_v6 six;
};

// "203.0.113.0/24", "2001:db8::/32", or one address.
std::optional<Network> network_of(std::string_view text) {
  std::string address(text);
  Network out;
  out.v4 = text.find(':') == std::string_view::npos;
  if (text.find('/') == std::string_view::npos) address += out.v4 ? "/32" : "/128";
  boost::system::error_code error;
  if (out.v4) {
    out.four = ip::make_network_v4(address, error);
  } else {
    out.six = ip::make_network_v6(address, error);
  }
  if (error) return std::nullopt;
  return out;
}

bool is_inside(std::string_view actual, std::string_view wanted) {
  auto network = network_of(wanted);
  boost::system::error_code error;
  ip::address address = ip::make_address(actual, error);
  if (error || !network) return false;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  }
  if (address.is_v4() != network->v4) return false;
  if (network->v4) {
    return ip::network_v4(address.to_v4(), network->four.prefix_length()).canonical() ==
           network->four.canonical();
  }
  return ip::network_v6(address.to_v6(), network->six.prefix_length()).canonical() ==
         network->six.canonical();
}

template <class T>
bool in_order(T actual, T wanted, Order order) {
  switch (order) {
    case Order::kEqual:
      return actual == wanted;
    case Order::kLess:
      return actual < wanted;
    case Order::kLessEqual:
      return actual <= wanted;
    case Order::kGreater:
      return actual > wanted;
    case Order::kGreaterEqual:
      return actual >= wanted;
  }
  return false;
}

template <class T>
bool compare(std::optional<T> actual, std::optional<T> wanted, Order order) {
  return actual && wanted && in_order(*actual, *wanted, order);
}

bool is_boolean(std::string_view text) {
  return equal_ignore_case(text, "true") || equal_ignore_case(text, "false");
}

// What a value of the operator must look like; empty: it does.
std::string_view fault_of(Kind kind, std::string_view value) {
  if (kind == Kind::kNumber && !number_of(value)) return "is not a number";
  if (kind == Kind::kDate && !date_of(value)) return "is not a date";
  if (kind == Kind::kAddress && !network_of(value)) return "is not an address or a CIDR range";
  if (kind == Kind::kBinary && !base64_decode(value)) return "is not base64";
  if (kind == Kind::kNull && !is_boolean(value)) return "is neither true nor false";
  return {};
}

// Of networks that are not private, those of more addresses than this are everybody's.
constexpr unsigned kBitsMin4 = 8;
constexpr unsigned kBitsMin6 = 32;

bool is_narrow(std::string_view text) {
  auto network = network_of(text);
  if (!network) return false;
  return network->v4 ? network->four.prefix_length() >= kBitsMin4
                     : network->six.prefix_length() >= kBitsMin6;
}

// Keys whose fixed values name who may come, or from where.
bool names_callers(std::string_view key) {
  constexpr std::string_view kKeys[] = {"aws:principalaccount",
                                        "aws:principalarn",
                                        "aws:principalorgid",
                                        "aws:principalorgpaths",
                                        "aws:sourceaccount",
                                        "aws:sourcearn",
                                        "aws:sourceowner",
                                        "aws:sourcevpc",
                                        "aws:sourcevpce",
                                        "aws:userid",
                                        "s3:dataaccesspointaccount",
                                        "s3:dataaccesspointarn",
                                        "s3:x-amz-server-side-encryption-aws-kms-key-id"};
  return std::ranges::find(kKeys, key) != std::end(kKeys);
}

}  // namespace

Result<Condition> Condition::parse(std::string_view name, std::string key,
                                   std::vector<std::string> values, Text::Variables variables) {
  Condition out;
  std::string_view base = name;
  if (base.starts_with("ForAllValues:")) out.many_ = Many::kAll;
  if (base.starts_with("ForAnyValue:")) out.many_ = Many::kAny;
  if (out.many_ != Many::kNone) base.remove_prefix(base.find(':') + 1);
  if (base.ends_with("IfExists")) {
    out.if_exists_ = true;
    base.remove_suffix(std::string_view("IfExists").size());
  }
  auto found = operators().find(base);
  if (found == operators().end() || (found->second.kind == Kind::kNull && base != name)) {
    return fail(kMalformedPolicy, fmt::format("Condition operator '{}' is not supported", name));
  }
  out.op_ = found->second;
  out.key_ = std::move(key);
  bool like = out.op_.kind == Kind::kLike || out.op_.kind == Kind::kArn;
  for (const std::string& value : values) {
    TRY(Text text,
        Text::parse(value, variables, like ? Text::Wildcards::kYes : Text::Wildcards::kNo));
    std::string_view fault = text.variables().empty() ? fault_of(out.op_.kind, value) : "";
    if (!fault.empty()) {
      return fail(kMalformedPolicy, fmt::format("Condition '{}': '{}' {}", name, value, fault));
    }
    out.values_.push_back(std::move(text));
  }
  return out;
}

bool Condition::keeps_public_out() const {
  if (op_.negated || if_exists_ || many_ == Many::kAll) return false;
  bool is_fixed = std::ranges::all_of(values_, &Text::is_fixed);
  if (op_.kind == Kind::kAddress) {
    return key_ == "aws:sourceip" && is_fixed && std::ranges::all_of(values_, [](const Text& text) {
             return is_narrow(*text.expand({}));
           });
  }
  bool compares_text = op_.kind == Kind::kEquals || op_.kind == Kind::kEqualsIgnoreCase ||
                       op_.kind == Kind::kLike || op_.kind == Kind::kArn;
  return compares_text && is_fixed && names_callers(key_);
}

bool Condition::one_meets(const std::string& actual, const std::string& wanted) const {
  switch (op_.kind) {
    case Kind::kEquals:
      return wanted == actual;
    case Kind::kEqualsIgnoreCase:
    case Kind::kBool:
      return equal_ignore_case(wanted, actual);
    case Kind::kLike:
      return matches(wanted, actual);
    case Kind::kArn:
      return matches_arn(wanted, actual);
    case Kind::kNumber:
      return compare(number_of(actual), number_of(wanted), op_.order);
    case Kind::kDate:
      return compare(date_of(actual), date_of(wanted), op_.order);
    case Kind::kBinary: {
      auto bytes = base64_decode(wanted);
      return bytes && *bytes == actual;
    }
    case Kind::kAddress:
      return is_inside(actual, wanted);
    case Kind::kNull:
      return false;
  }
  return false;
}

bool Condition::meets(const std::string& actual, const std::vector<std::string>& wanted) const {
  bool any =
      std::ranges::any_of(wanted, [&](const std::string& w) { return one_meets(actual, w); });
  return any != op_.negated;
}

Truth Condition::holds(const Request& request) const {
  if (request.is_unknown(key_)) return Truth::kUnknown;
  auto truth = [](bool yes) { return yes ? Truth::kTrue : Truth::kFalse; };
  std::vector<std::string> actual;
  if (auto list = request.lists.find(key_); list != request.lists.end()) {
    actual = list->second;
  } else if (auto value = request.value(key_)) {
    actual.push_back(*std::move(value));
  }
  std::vector<std::string> wanted;
  bool complete = true;
  for (const Text& text : values_) {
    auto expanded = text.expand(request);
    complete = complete && expanded.has_value();
    if (expanded) wanted.push_back(*std::move(expanded));
  }
  if (op_.kind == Kind::kNull) {
    std::string_view is_null = actual.empty() ? "true" : "false";
    return truth(std::ranges::any_of(
        wanted, [&](const std::string& w) { return equal_ignore_case(w, is_null); }));
  }
  if (actual.empty()) {
    if (many_ == Many::kAny) return truth(if_exists_);
    // A negated operator holds where the key is absent.
    return truth(many_ == Many::kAll || if_exists_ || op_.negated);
  }
  auto met = [&](const std::string& value) { return meets(value, wanted); };
  // Without a qualifier, a negated operator must hold for every value of the request.
  bool all = many_ == Many::kAll || (many_ == Many::kNone && op_.negated);
  bool held = all ? std::ranges::all_of(actual, met) : std::ranges::any_of(actual, met);
  // A value that is missing could have met what did not, or met what is not to be met.
  if (!complete && held == op_.negated) return Truth::kUnknown;
  return truth(held);
}

}  // namespace suiro::policy
