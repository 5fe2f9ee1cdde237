// SPDX-License-Identifier: Apache-2.0
// From the JSON document to statements. Strict: see invariant 1 of policy.h.
#include <boost/json.hpp>
#include <set>

#include "base/arn.h"
#include "base/bytes.h"
#include "engine/policy/document.h"
#include "engine/policy/keys.h"

namespace suiro::policy {
namespace {

namespace json = boost::json;

bool is_account(std::string_view text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A string or a list of strings; booleans and numbers of conditions become text.
Result<std::vector<std::string>> strings(const json::value& value, std::string_view where) {
  std::vector<std::string> out;
  auto take = [&](const json::value& item) {
    if (item.is_string()) {
      out.emplace_back(item.get_string());
    } else if (item.is_bool()) {
      out.emplace_back(item.get_bool() ? "true" : "false");
    } else if (item.is_number()) {
      out.emplace_back(json::serialize(item));
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

// "s3:Get*", "*": a service and a name.
bool is_action(std::string_view text) {
  if (text == "*") return true;
  size_t colon = text.find(':');
  return colon != std::string_view::npos && colon > 0 && colon + 1 < text.size();
}

}  // namespace

Result<json::object> parse_object(std::string_view document) {
  if (document.size() > kDocumentBytesMax) {
    return malformed(fmt::format("The policy is longer than {} bytes", kDocumentBytesMax));
  }
  boost::system::error_code error;
  json::value parsed = json::parse(json::string_view(document.data(), document.size()), error);
  if (error || !parsed.is_object()) return malformed("The policy is not a JSON object");
  return std::move(parsed.get_object());
}

struct Policy::Parser {
  Form form = Form::kResource;
  // Policy variables ("${aws:username}") exist since version 2012-10-17.
  Text::Variables variables = Text::Variables::kLiteral;

  Result<void> principals(const json::value& value, Statement& out) const {
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

  Result<void> principal(std::string_view kind, std::string name, Statement& out) const {
    if (kind == "Service") {
      out.services.push_back(std::move(name));
      return ok();
    }
    // Nobody comes here through a federation: a trust policy may name one, and lets in nobody by
    // it.
    if (kind == "Federated" && form == Form::kTrust) return ok();
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

  Result<void> conditions(const json::value& value, Statement& out) const {
    if (!value.is_object()) return malformed("Condition must be an object");
    for (const auto& [name, tests] : value.get_object()) {
      if (!tests.is_object()) return malformed(fmt::format("'{}' must be an object", name));
      for (const auto& [key, values] : tests.get_object()) {
        TRY(auto texts, strings(values, std::string(key)));
        TRY(Condition condition,
            Condition::parse(name, to_lower(key), std::move(texts), variables));
        if (!is_known_key(condition.key(), form)) {
          return malformed(fmt::format("Condition key '{}' is not supported", std::string(key)));
        }
        for (const Text& text : condition.values()) TRY_VOID(known_variables(text));
        out.conditions.push_back(std::move(condition));
      }
    }
    return ok();
  }

  Result<void> known_variables(const Text& text) const {
    for (const std::string& key : text.variables()) {
      if (is_known_key(key, form)) continue;
      return malformed(fmt::format("The policy variable '${{{}}}' is not supported", key));
    }
    return ok();
  }

  Result<void> matcher(std::string_view name, const json::value& value, Matcher& out) const {
    if (!out.patterns.empty()) {
      return malformed(fmt::format("A statement has both {} and its opposite", name));
    }
    TRY(auto list, strings(value, name));
    bool actions = name.ends_with("Action");
    for (const std::string& one : list) {
      if (actions && !is_action(one)) {
        return malformed(fmt::format("'{}' is not an action: a service, a colon, a name", one));
      }
      if (!actions && form == Form::kIdentity && one != "*" && !one.starts_with("arn:")) {
        return malformed(fmt::format("Resource {} must be in ARN format or \"*\".", one));
      }
      TRY(Text text,
          Text::parse(one, actions ? Text::Variables::kLiteral : variables, Text::Wildcards::kYes));
      TRY_VOID(known_variables(text));
      out.patterns.push_back(std::move(text));
    }
    out.negated = name.starts_with("Not");
    return ok();
  }

  Result<void> element(std::string_view key, const json::value& value, Statement& out) const {
    if (key == "Sid") {
      return value.is_string() ? Result<void>(ok()) : malformed("Sid must be a string");
    }
    if (key == "Effect") {
      bool good =
          value.is_string() && (value.get_string() == "Allow" || value.get_string() == "Deny");
      if (!good) return malformed("Effect must be Allow or Deny");
      out.effect = value.get_string() == "Allow" ? Decision::kAllow : Decision::kDeny;
      return ok();
    }
    if (key == "Principal" || key == "NotPrincipal") {
      if (form == Form::kIdentity) {
        return malformed("Policy document should not specify a principal.");
      }
      out.not_principal = key == "NotPrincipal";
      return principals(value, out);
    }
    if (key == "Action" || key == "NotAction") return matcher(key, value, out.actions);
    if (key == "Resource" || key == "NotResource") {
      if (!has_resources(form)) return malformed("Has prohibited field Resource");
      return matcher(key, value, out.resources);
    }
    if (key == "Condition") return conditions(value, out);
    return malformed(fmt::format("Element '{}' is not supported", key));
  }

  Result<Statement> statement(const json::value& value) const {
    if (!value.is_object()) return malformed("A statement must be an object");
    Statement out;
    const json::object& object = value.get_object();
    for (const auto& [key, member] : object) TRY_VOID(element(key, member, out));
    bool named = object.contains("Principal") || object.contains("NotPrincipal");
    if (object.contains("Principal") && object.contains("NotPrincipal")) {
      return malformed("A statement has both Principal and its opposite");
    }
    if (out.not_principal && (out.effect != Decision::kDeny || form == Form::kTrust)) {
      return malformed("Element 'NotPrincipal' is for Deny statements of resource policies");
    }
    bool complete = object.contains("Effect") && !out.actions.patterns.empty() &&
                    (form == Form::kIdentity || named) &&
                    (!has_resources(form) || !out.resources.patterns.empty());
    if (complete) return out;
    return malformed(form == Form::kIdentity ? "A statement needs Effect, Action and Resource"
                     : has_resources(form)
                         ? "A statement needs Effect, Principal, Action and Resource"
                         : "A statement needs Effect, Principal and Action");
  }

  // Also unique Sids: resource policies have kept others since they exist.
  Result<void> statements(const json::value& value, std::vector<Statement>& out) const {
    if (!value.is_array()) {
      TRY(Statement only, statement(value));
      out.push_back(std::move(only));
      return ok();
    }
    const json::array& list = value.get_array();
    if (list.empty() || list.size() > kStatementsMax) {
      return malformed(fmt::format("A policy has 1 to {} statements", kStatementsMax));
    }
    std::set<std::string, std::less<>> sids;
    for (const json::value& item : list) {
      TRY(Statement next, statement(item));
      out.push_back(std::move(next));
      const json::value* sid = item.get_object().if_contains("Sid");
      bool unique = form == Form::kIdentity || form == Form::kTrust;
      if (!unique || sid == nullptr || sid->get_string().empty()) continue;
      if (!sids.emplace(sid->get_string()).second) {
        return malformed("Statement IDs (SID) in a single policy must be unique.");
      }
    }
    return ok();
  }
};

Result<Policy> Policy::parse(std::string_view document, Form form) {
  TRY(json::object root, parse_object(document));
  Policy policy;
  policy.form_ = form;
  Parser parser{.form = form};
  const json::value* statements = nullptr;
  for (const auto& [key, value] : root) {
    if (key == "Version") {
      if (value != "2012-10-17" && value != "2008-10-17") {
        return malformed("Version must be 2012-10-17 or 2008-10-17");
      }
      if (value == "2012-10-17") parser.variables = Text::Variables::kExpand;
    } else if (key == "Id") {
      if (!value.is_string()) return malformed("Id must be a string");
    } else if (key == "Statement") {
      statements = &value;
    } else {
      return malformed(fmt::format("Element '{}' is not supported", std::string(key)));
    }
  }
  if (statements == nullptr) return malformed("The policy has no Statement");
  TRY_VOID(parser.statements(*statements, policy.statements_));
  return policy;
}

}  // namespace suiro::policy
