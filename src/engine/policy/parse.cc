// SPDX-License-Identifier: Apache-2.0
// From the JSON document to statements. Strict: see invariant 1 of policy.h.
#include <boost/json.hpp>

#include "base/arn.h"
#include "base/bytes.h"
#include "engine/policy/policy.h"

namespace suiro::policy {
namespace {

namespace json = boost::json;

std::unexpected<Error> malformed(std::string message) {
  return fail(kMalformedPolicy, std::move(message));
}

bool is_account(std::string_view text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A string or a list of strings; booleans of Bool and Null conditions become text.
Result<std::vector<std::string>> strings(const json::value& value, std::string_view where) {
  std::vector<std::string> out;
  auto take = [&](const json::value& item) {
    if (item.is_string()) {
      out.emplace_back(item.get_string());
    } else if (item.is_bool()) {
      out.emplace_back(item.get_bool() ? "true" : "false");
    } else {
      return false;
    }
    return true;
  };
  bool good = true;
  if (value.is_array()) {
    for (const json::value& item : value.get_array()) good = good && take(item);
  } else {
    good = take(value);
  }
  if (!good || out.empty()) {
    return malformed(fmt::format("{} must be a string or a list of strings", where));
  }
  return out;
}

Result<json::object> parse_object(std::string_view document) {
  if (document.size() > kDocumentBytesMax) {
    return malformed(fmt::format("The policy is longer than {} bytes", kDocumentBytesMax));
  }
  boost::system::error_code error;
  json::value parsed = json::parse(json::string_view(document.data(), document.size()), error);
  if (error || !parsed.is_object()) return malformed("The policy is not a JSON object");
  return std::move(parsed.get_object());
}

// Condition keys whose values Suiro knows of a request.
bool is_known_key(const std::string& key) {
  static const std::set<std::string, std::less<>> kKeys = {
      "aws:sourcearn",        "aws:sourceaccount",         "aws:sourceip",  "aws:principalarn",
      "aws:principalaccount", "aws:principalisawsservice", "aws:useragent", "aws:securetransport"};
  return kKeys.contains(key);
}

}  // namespace

struct Policy::Parser {
  // Policy variables ("${aws:username}") exist since version 2012-10-17 and are not expanded here.
  enum class Variables : uint8_t { kRefused, kLiteral };

  static Result<void> principals(const json::value& value, Statement& out) {
    if (value.is_string() && value.get_string() == "*") {
      out.anyone = true;
      return ok();
    }
    if (!value.is_object() || value.get_object().empty()) {
      return malformed("Principal must be \"*\" or an object");
    }
    for (const auto& [kind, names] : value.get_object()) {
      TRY(auto list, strings(names, "Principal"));
      for (std::string& name : list) TRY_VOID(principal(kind, std::move(name), out));
    }
    return ok();
  }

  static Result<void> principal(std::string_view kind, std::string name, Statement& out) {
    if (kind == "Service") {
      out.services.push_back(std::move(name));
      return ok();
    }
    if (kind != "AWS") {
      return malformed(fmt::format("Principal of kind '{}' is not supported", kind));
    }
    if (name == "*") {
      out.anyone = true;
      return ok();
    }
    if (is_account(name)) {
      out.accounts.push_back(std::move(name));
      return ok();
    }
    auto arn = Arn::parse(name);
    if (!arn || (arn->service != "iam" && arn->service != "sts") || !is_account(arn->account)) {
      return malformed(fmt::format("'{}' is not a principal", name));
    }
    if (arn->service == "iam" && arn->resource == "root") {
      out.accounts.push_back(arn->account);
    } else {
      out.arns.push_back(std::move(name));
    }
    return ok();
  }

  static Result<void> conditions(const json::value& value, Variables variables, Statement& out) {
    if (!value.is_object()) return malformed("Condition must be an object");
    for (const auto& [name, tests] : value.get_object()) {
      TRY(Condition condition, condition_operator(name));
      if (!tests.is_object()) return malformed(fmt::format("'{}' must be an object", name));
      for (const auto& [key, values] : tests.get_object()) {
        condition.key = to_lower(key);
        if (!is_known_key(condition.key)) {
          return malformed(fmt::format("Condition key '{}' is not supported", std::string(key)));
        }
        TRY(condition.values, strings(values, std::string(key)));
        TRY_VOID(no_variables(condition.values, variables));
        out.conditions.push_back(condition);
      }
    }
    return ok();
  }

  static Result<Condition> condition_operator(std::string_view name) {
    struct Known {
      Operator op;
      bool negated;
    };
    static const std::map<std::string, Known, std::less<>> kOperators = {
        {"StringEquals", {Operator::kEquals, false}},
        {"StringNotEquals", {Operator::kEquals, true}},
        {"StringEqualsIgnoreCase", {Operator::kEqualsIgnoreCase, false}},
        {"StringNotEqualsIgnoreCase", {Operator::kEqualsIgnoreCase, true}},
        {"StringLike", {Operator::kLike, false}},
        {"StringNotLike", {Operator::kLike, true}},
        {"ArnEquals", {Operator::kArn, false}},
        {"ArnNotEquals", {Operator::kArn, true}},
        {"ArnLike", {Operator::kArn, false}},
        {"ArnNotLike", {Operator::kArn, true}},
        {"Bool", {Operator::kBool, false}},
        {"Null", {Operator::kNull, false}}};
    std::string_view base = name;
    Condition condition;
    if (base.ends_with("IfExists")) {
      condition.if_exists = true;
      base.remove_suffix(std::string_view("IfExists").size());
    }
    auto found = kOperators.find(base);
    if (found == kOperators.end() || (condition.if_exists && base == "Null")) {
      return malformed(fmt::format("Condition operator '{}' is not supported", name));
    }
    condition.op = found->second.op;
    condition.negated = found->second.negated;
    return condition;
  }

  static Result<void> no_variables(const std::vector<std::string>& texts, Variables variables) {
    if (variables == Variables::kLiteral) return ok();
    for (const std::string& text : texts) {
      if (text.find("${") != std::string::npos) {
        return malformed(fmt::format("Policy variables are not supported: '{}'", text));
      }
    }
    return ok();
  }

  static Result<void> matcher(std::string_view name, const json::value& value, Matcher& out) {
    if (!out.patterns.empty()) {
      return malformed(fmt::format("A statement has both {} and its opposite", name));
    }
    TRY(out.patterns, strings(value, name));
    out.negated = name.starts_with("Not");
    return ok();
  }

  static Result<Statement> statement(const json::value& value, Variables variables) {
    if (!value.is_object()) return malformed("A statement must be an object");
    Statement out;
    bool has_effect = false, has_principal = false;
    for (const auto& [key, member] : value.get_object()) {
      if (key == "Sid") {
        if (!member.is_string()) return malformed("Sid must be a string");
      } else if (key == "Effect") {
        has_effect =
            member.is_string() && (member.get_string() == "Allow" || member.get_string() == "Deny");
        if (!has_effect) return malformed("Effect must be Allow or Deny");
        out.effect = member.get_string() == "Allow" ? Decision::kAllow : Decision::kDeny;
      } else if (key == "Principal") {
        has_principal = true;
        TRY_VOID(principals(member, out));
      } else if (key == "Action" || key == "NotAction") {
        TRY_VOID(matcher(key, member, out.actions));
      } else if (key == "Resource" || key == "NotResource") {
        TRY_VOID(matcher(key, member, out.resources));
        TRY_VOID(no_variables(out.resources.patterns, variables));
      } else if (key == "Condition") {
        TRY_VOID(conditions(member, variables, out));
      } else {
        return malformed(fmt::format("Element '{}' is not supported", std::string(key)));
      }
    }
    if (!has_effect || !has_principal || out.actions.patterns.empty() ||
        out.resources.patterns.empty()) {
      return malformed("A statement needs Effect, Principal, Action and Resource");
    }
    return out;
  }
};

Result<Policy> Policy::parse(std::string_view document) {
  TRY(json::object root, parse_object(document));
  Policy policy;
  auto variables = Parser::Variables::kLiteral;
  const json::value* statements = nullptr;
  for (const auto& [key, value] : root) {
    if (key == "Version") {
      if (value != "2012-10-17" && value != "2008-10-17") {
        return malformed("Version must be 2012-10-17 or 2008-10-17");
      }
      if (value == "2012-10-17") variables = Parser::Variables::kRefused;
    } else if (key == "Id") {
      if (!value.is_string()) return malformed("Id must be a string");
    } else if (key == "Statement") {
      statements = &value;
    } else {
      return malformed(fmt::format("Element '{}' is not supported", std::string(key)));
    }
  }
  if (statements == nullptr) return malformed("The policy has no Statement");
  if (!statements->is_array()) {
    TRY(Statement only, Parser::statement(*statements, variables));
    policy.statements_.push_back(std::move(only));
    return policy;
  }
  if (statements->get_array().empty() || statements->get_array().size() > kStatementsMax) {
    return malformed(fmt::format("A policy has 1 to {} statements", kStatementsMax));
  }
  for (const json::value& value : statements->get_array()) {
    TRY(Statement next, Parser::statement(value, variables));
    policy.statements_.push_back(std::move(next));
  }
  return policy;
}

Result<std::string> add_statement(std::string_view document, json::object header,
                                  json::object statement) {
  json::object root = std::move(header);
  if (!document.empty()) {
    TRY(root, parse_object(document));
  }
  json::array list;
  if (json::value* present = root.if_contains("Statement")) {
    if (present->is_array()) {
      list = std::move(present->get_array());
    } else {
      list.push_back(std::move(*present));
    }
  }
  const json::value* sid = statement.if_contains("Sid");
  if (sid == nullptr) return malformed("The statement has no Sid");
  for (const json::value& item : list) {
    if (!item.is_object()) return malformed("A statement must be an object");
    const json::value* other = item.get_object().if_contains("Sid");
    if (other != nullptr && *other == *sid) {
      return fail(codes::kConditionFailed, "A statement of this Sid exists");
    }
  }
  list.push_back(std::move(statement));
  root["Statement"] = std::move(list);
  return json::serialize(root);
}

Result<std::string> remove_statement(std::string_view document, std::string_view sid) {
  TRY(json::object root, parse_object(document));
  json::array kept;
  bool found = false;
  auto sift = [&](const json::value& item) {
    const json::object* statement = item.if_object();
    const json::value* own = statement == nullptr ? nullptr : statement->if_contains("Sid");
    bool is_it = own != nullptr && own->is_string() &&
                 std::string_view(own->get_string().data(), own->get_string().size()) == sid;
    found = found || is_it;
    if (!is_it) kept.push_back(item);
  };
  if (const json::value* present = root.if_contains("Statement")) {
    if (present->is_array()) {
      for (const json::value& item : present->get_array()) sift(item);
    } else {
      sift(*present);
    }
  }
  if (!found) return fail(codes::kNotFound, fmt::format("No statement has the Sid '{}'", sid));
  if (kept.empty()) return std::string();
  root["Statement"] = std::move(kept);
  return json::serialize(root);
}

}  // namespace suiro::policy
