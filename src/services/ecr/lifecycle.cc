// SPDX-License-Identifier: Apache-2.0
#include "services/ecr/lifecycle.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <set>

#include "engine/policy/policy.h"
#include "services/ecr/errors.h"

namespace suiro::ecr {
namespace {

namespace json = boost::json;

constexpr size_t kTextBytesMax = 30'720;
constexpr size_t kNestingMax = 16;
constexpr size_t kListMax = 100;

std::unexpected<Error> bad(std::string_view what) {
  return fail(kInvalidParameter,
              fmt::format("Invalid parameter at 'LifecyclePolicyText' failed to satisfy "
                          "constraint: 'Lifecycle policy validation failure: {}'",
                          what));
}

Result<void> only(const json::object& object, std::initializer_list<std::string_view> names,
                  std::string_view where) {
  for (const auto& member : object) {
    if (std::ranges::find(names, std::string_view(member.key())) == names.end()) {
      return bad(
          fmt::format("object instance has properties which are not allowed by the schema: "
                      "[\"{}\"] in {}",
                      std::string_view(member.key()), where));
    }
  }
  return ok();
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

Result<int64_t> count_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64() || value->as_int64() < 1) {
    return bad(fmt::format("{} must be a number of at least 1", name));
  }
  return value->as_int64();
}

Result<std::vector<std::string>> list_of(const json::object& object, std::string_view name) {
  std::vector<std::string> out;
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return out;
  if (!value->is_array() || value->as_array().empty() || value->as_array().size() > kListMax) {
    return bad(fmt::format("{} must be a list that is not empty", name));
  }
  for (const json::value& one : value->as_array()) {
    if (!one.is_string() || one.as_string().empty()) {
      return bad(fmt::format("{} must hold texts that are not empty", name));
    }
    out.emplace_back(one.as_string());
  }
  return out;
}

Result<void> read_tags(const json::object& selection, LifecycleRule& rule) {
  TRY(rule.prefixes, list_of(selection, "tagPrefixList"));
  TRY(rule.patterns, list_of(selection, "tagPatternList"));
  std::string status = text_of(selection, "tagStatus");
  bool has_lists = !rule.prefixes.empty() || !rule.patterns.empty();
  if (status == "tagged") {
    rule.status = LifecycleRule::Status::kTagged;
    if (!rule.prefixes.empty() && !rule.patterns.empty()) {
      return bad("tagPrefixList and tagPatternList exclude each other");
    }
    if (!has_lists) return bad("tagStatus=tagged needs tagPrefixList or tagPatternList");
    for (const auto& pattern : rule.patterns) {
      if (std::ranges::count(pattern, '*') > 4) return bad("a pattern has at most four wildcards");
    }
    return ok();
  }
  if (status == "untagged") {
    rule.status = LifecycleRule::Status::kUntagged;
  } else if (status == "any") {
    rule.status = LifecycleRule::Status::kAny;
  } else {
    return bad("tagStatus must be one of tagged, untagged, any");
  }
  if (has_lists) return bad(fmt::format("tagStatus={} goes without lists of tags", status));
  return ok();
}

Result<void> read_count(const json::object& selection, LifecycleRule& rule) {
  std::string type = text_of(selection, "countType");
  std::string unit = text_of(selection, "countUnit");
  TRY(rule.number, count_of(selection, "countNumber"));
  if (type == "imageCountMoreThan") {
    rule.count = LifecycleRule::Count::kImages;
    if (selection.contains("countUnit")) return bad("imageCountMoreThan goes without countUnit");
    return ok();
  }
  if (type == "sinceImagePulled" || type == "sinceImageTransitioned") {
    return fail(codes::kNotImplemented,
                fmt::format("countType {} is not supported by Suiro", type));
  }
  if (type != "sinceImagePushed") {
    return bad("countType must be one of imageCountMoreThan, sinceImagePushed");
  }
  if (unit != "days") return bad("sinceImagePushed needs countUnit=days");
  constexpr int64_t kDaysMax = 36'500;
  if (rule.number > kDaysMax) return bad("countNumber is too large");
  rule.count = LifecycleRule::Count::kDays;
  return ok();
}

Result<LifecycleRule> read_rule(const json::value& value) {
  const json::object* rule = value.if_object();
  if (rule == nullptr) return bad("a rule must be an object");
  TRY_VOID(only(*rule, {"rulePriority", "description", "selection", "action"}, "a rule"));
  LifecycleRule out;
  TRY(out.priority, count_of(*rule, "rulePriority"));
  const json::value* selection = rule->if_contains("selection");
  if (selection == nullptr || !selection->is_object()) return bad("a rule needs a selection");
  const json::object& chosen = selection->as_object();
  if (chosen.contains("storageClass")) {
    return fail(codes::kNotImplemented, "storageClass is not supported by Suiro");
  }
  TRY_VOID(only(
      chosen,
      {"tagStatus", "tagPrefixList", "tagPatternList", "countType", "countUnit", "countNumber"},
      "selection"));
  TRY_VOID(read_tags(chosen, out));
  TRY_VOID(read_count(chosen, out));
  const json::value* action = rule->if_contains("action");
  std::string type =
      action != nullptr && action->is_object() ? text_of(action->as_object(), "type") : "";
  if (type == "transition") {
    return fail(codes::kNotImplemented, "action type transition is not supported by Suiro");
  }
  if (type != "expire" || action->as_object().size() != 1)
    return bad("action must be of type expire");
  return out;
}

Result<void> check_together(const std::vector<LifecycleRule>& rules) {
  size_t untagged = 0;
  for (size_t i = 0; i < rules.size(); ++i) {
    if (i > 0 && rules[i].priority == rules[i - 1].priority) {
      return bad("rulePriority must be unique");
    }
    if (rules[i].status == LifecycleRule::Status::kAny && i + 1 < rules.size()) {
      return bad("the rule with tagStatus=any must have the lowest priority");
    }
    if (rules[i].status == LifecycleRule::Status::kUntagged) ++untagged;
  }
  if (untagged > 1) return bad("only one rule can have tagStatus=untagged");
  return ok();
}

bool selects(const LifecycleRule& rule, const Image& image) {
  using Status = LifecycleRule::Status;
  if (rule.status == Status::kAny) return true;
  if (rule.status == Status::kUntagged) return image.tags.empty();
  auto has_prefix = [&](const std::string& prefix) {
    return std::ranges::any_of(image.tags,
                               [&](const std::string& tag) { return tag.starts_with(prefix); });
  };
  auto has_pattern = [&](const std::string& pattern) {
    return std::ranges::any_of(
        image.tags, [&](const std::string& tag) { return policy::wildcard_match(pattern, tag); });
  };
  return !image.tags.empty() && std::ranges::all_of(rule.prefixes, has_prefix) &&
         std::ranges::all_of(rule.patterns, has_pattern);
}

}  // namespace

Result<std::vector<LifecycleRule>> parse_lifecycle(std::string_view text) {
  if (text.size() > kTextBytesMax) return bad("the text is too long");
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kNestingMax;
  json::value document = json::parse(text, error, {}, options);
  if (error || !document.is_object()) return bad("unable to parse lifecycle policy text as JSON");
  TRY_VOID(only(document.as_object(), {"rules"}, "the policy"));
  const json::value* rules = document.as_object().if_contains("rules");
  if (rules == nullptr || !rules->is_array() || rules->as_array().empty()) {
    return bad("a policy needs rules");
  }
  if (rules->as_array().size() > kRulesMax) {
    return bad(fmt::format("a policy has at most {} rules", kRulesMax));
  }
  std::vector<LifecycleRule> out;
  for (const json::value& rule : rules->as_array()) {
    TRY(LifecycleRule one, read_rule(rule));
    out.push_back(std::move(one));
  }
  std::ranges::sort(out, {}, &LifecycleRule::priority);
  TRY_VOID(check_together(out));
  return out;
}

std::vector<Expired> evaluate(const std::vector<LifecycleRule>& rules, std::vector<Image> images,
                              TimePoint now) {
  // Youngest first; of one instant by digest, so that the same images go each time.
  std::ranges::sort(images, [](const Image& a, const Image& b) {
    return a.pushed != b.pushed ? a.pushed > b.pushed : a.digest < b.digest;
  });
  std::set<Digest> parts;
  for (const Image& image : images) parts.insert(image.manifests.begin(), image.manifests.end());
  std::vector<bool> is_claimed(images.size());
  std::vector<Expired> out;
  for (const LifecycleRule& rule : rules) {
    int64_t seen = 0;
    TimePoint oldest = now - std::chrono::days(rule.number);
    for (size_t i = 0; i < images.size(); ++i) {
      if (!selects(rule, images[i])) continue;
      ++seen;
      bool is_due = rule.count == LifecycleRule::Count::kImages ? seen > rule.number
                                                                : images[i].pushed < oldest;
      if (is_claimed[i]) continue;
      is_claimed[i] = true;
      if (is_due && !parts.contains(images[i].digest)) out.push_back({images[i], rule.priority});
    }
  }
  return out;
}

}  // namespace suiro::ecr
