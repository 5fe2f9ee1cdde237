// SPDX-License-Identifier: Apache-2.0
// Rules and targets.
#include "services/events/api.h"
#include "shapes/json.h"

namespace suiro::events {

namespace shape = shapes::events;
namespace op = shapes::events::op;

namespace {

constexpr std::pair<RuleState, std::string_view> kStates[] = {
    {RuleState::kDisabled, "DISABLED"},
    {RuleState::kEnabled, "ENABLED"},
    {RuleState::kEnabledWithManagement, "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"},
};

std::string text_of(RuleState state) {
  return std::string(
      std::ranges::find(kStates, state, [](auto& row) { return row.first; })->second);
}

// The model's validation lets no other text through.
RuleState state_of(const std::optional<std::string>& text) {
  auto found = std::ranges::find(kStates, text.value_or("ENABLED"),
                                 [](auto& row) { return std::string(row.second); });
  return found == std::end(kStates) ? RuleState::kEnabled : found->first;
}

// The members that DescribeRule and ListRules share.
template <class Shape>
void describe(Shape& out, const std::string& bus, std::string arn, Found<Rule> rule) {
  out.name = std::move(rule.name);
  out.arn = std::move(arn);
  out.event_pattern = some(std::move(rule.record.pattern));
  out.schedule_expression = some(std::move(rule.record.schedule));
  out.state = text_of(rule.record.state);
  out.description = some(std::move(rule.record.description));
  out.role_arn = some(std::move(rule.record.role_arn));
  out.managed_by = some(std::move(rule.record.managed_by));
  out.event_bus_name = bus;
}

size_t limit_of(const std::optional<int32_t>& limit) {
  return static_cast<size_t>(limit.value_or(kPageMax));
}

}  // namespace

struct Api::Rules {
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;

  static Answer<op::PutRule> run(Api& api, shapes::Call&, shape::PutRuleRequest in) {
    CO_TRY(RuleName name, api.rule_of(in.event_bus_name, std::move(in.name)));
    RuleChange change{.pattern = std::move(in.event_pattern),
                      .schedule = std::move(in.schedule_expression),
                      .description = std::move(in.description),
                      .role_arn = std::move(in.role_arn),
                      .state = state_of(in.state),
                      .tags = tags_of(in.tags)};
    // An empty text is as good as none.
    if (change.pattern && change.pattern->empty()) change.pattern.reset();
    if (change.schedule && change.schedule->empty()) change.schedule.reset();
    shape::PutRuleResponse out;
    out.rule_arn = api.logic_.rule_arn(name);
    CO_TRY_VOID(co_await api.logic_.put_rule(std::move(name), std::move(change)));
    co_return out;
  }

  static Answer<op::DescribeRule> run(Api& api, shapes::Call&, shape::DescribeRuleRequest in) {
    CO_TRY(RuleName name, api.rule_of(in.event_bus_name, std::move(in.name)));
    CO_TRY(Found<Rule> rule, co_await api.logic_.rule(name));
    shape::DescribeRuleResponse out;
    describe(out, name.bus, api.logic_.rule_arn(name), std::move(rule));
    out.created_by = api.kernel_.account;
    co_return out;
  }

  static Answer<op::ListRules> run(Api& api, shapes::Call&, shape::ListRulesRequest in) {
    CO_TRY(std::string bus, api.bus_of(in.event_bus_name));
    CO_TRY(std::string after, after_of(in.next_token));
    CO_TRY(auto page, co_await api.logic_.rules(bus, {in.name_prefix.value_or(""), std::move(after),
                                                      limit_of(in.limit)}));
    shape::ListRulesResponse out;
    out.rules.emplace();
    if (!page.rows.empty()) out.next_token = token_of(page.more, page.rows.back().name);
    for (Found<Rule>& rule : page.rows) {
      std::string arn = api.logic_.rule_arn({bus, rule.name});
      describe(out.rules->emplace_back(), bus, std::move(arn), std::move(rule));
    }
    co_return out;
  }

  static Answer<op::EnableRule> run(Api& api, shapes::Call&, shape::EnableRuleRequest in) {
    CO_TRY(RuleName name, api.rule_of(in.event_bus_name, std::move(in.name)));
    CO_TRY_VOID(co_await api.logic_.set_state(std::move(name), RuleState::kEnabled));
    co_return shape::EnableRuleResponse{};
  }

  static Answer<op::DisableRule> run(Api& api, shapes::Call&, shape::DisableRuleRequest in) {
    CO_TRY(RuleName name, api.rule_of(in.event_bus_name, std::move(in.name)));
    CO_TRY_VOID(co_await api.logic_.set_state(std::move(name), RuleState::kDisabled));
    co_return shape::DisableRuleResponse{};
  }

  static Answer<op::DeleteRule> run(Api& api, shapes::Call&, shape::DeleteRuleRequest in) {
    CO_TRY(RuleName name, api.rule_of(in.event_bus_name, std::move(in.name)));
    CO_TRY_VOID(co_await api.logic_.delete_rule(std::move(name)));
    co_return shape::DeleteRuleResponse{};
  }

  static Answer<op::PutTargets> run(Api& api, shapes::Call&, shape::PutTargetsRequest in) {
    CO_TRY(RuleName name, api.rule_of(in.event_bus_name, std::move(in.rule)));
    std::vector<NewTarget> targets;
    for (const shape::Target& target : in.targets) {
      targets.push_back({target.id, shapes::to_json(target)});
    }
    CO_TRY_VOID(co_await api.logic_.put_targets(std::move(name), std::move(targets)));
    shape::PutTargetsResponse out;
    out.failed_entry_count = 0;
    out.failed_entries.emplace();
    co_return out;
  }

  static Answer<op::RemoveTargets> run(Api& api, shapes::Call&, shape::RemoveTargetsRequest in) {
    CO_TRY(RuleName name, api.rule_of(in.event_bus_name, std::move(in.rule)));
    CO_TRY_VOID(co_await api.logic_.remove_targets(std::move(name), std::move(in.ids)));
    shape::RemoveTargetsResponse out;
    out.failed_entry_count = 0;
    out.failed_entries.emplace();
    co_return out;
  }

  static Answer<op::ListTargetsByRule> run(Api& api, shapes::Call&,
                                           shape::ListTargetsByRuleRequest in) {
    CO_TRY(RuleName name, api.rule_of(in.event_bus_name, std::move(in.rule)));
    CO_TRY(std::string after, after_of(in.next_token));
    CO_TRY(Found<Rule> rule, co_await api.logic_.rule(std::move(name)));
    shape::ListTargetsByRuleResponse out;
    out.targets.emplace();
    for (const std::string& document : rule.record.targets) {
      CO_TRY(auto target, shapes::from_json<shape::Target>(document));
      if (target.id <= after) continue;
      if (out.targets->size() == limit_of(in.limit)) {
        out.next_token = token_of(true, out.targets->back().id);
        break;
      }
      out.targets->push_back(std::move(target));
    }
    co_return out;
  }

  static Answer<op::ListRuleNamesByTarget> run(Api& api, shapes::Call&,
                                               shape::ListRuleNamesByTargetRequest in) {
    CO_TRY(std::string bus, api.bus_of(in.event_bus_name));
    CO_TRY(std::string after, after_of(in.next_token));
    CO_TRY(auto names,
           co_await api.logic_.rule_names_by_target(std::move(bus), std::move(in.target_arn)));
    shape::ListRuleNamesByTargetResponse out;
    out.rule_names.emplace();
    for (std::string& name : names) {
      if (name <= after) continue;
      if (out.rule_names->size() == limit_of(in.limit)) {
        out.next_token = token_of(true, out.rule_names->back());
        break;
      }
      out.rule_names->push_back(std::move(name));
    }
    co_return out;
  }
};

void Api::add_rules(shapes::Registry& registry) {
  add<Rules, op::PutRule>(registry);
  add<Rules, op::DescribeRule>(registry);
  add<Rules, op::ListRules>(registry);
  add<Rules, op::EnableRule>(registry);
  add<Rules, op::DisableRule>(registry);
  add<Rules, op::DeleteRule>(registry);
  add<Rules, op::PutTargets>(registry);
  add<Rules, op::RemoveTargets>(registry);
  add<Rules, op::ListTargetsByRule>(registry);
  add<Rules, op::ListRuleNamesByTarget>(registry);
}

}  // namespace suiro::events
