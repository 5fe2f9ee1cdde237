// SPDX-License-Identifier: Apache-2.0
// Buses, permissions, tags.
#include "base/bytes.h"
#include "services/events/api.h"

namespace suiro::events {

namespace shape = shapes::events;
namespace op = shapes::events::op;

Tags tags_of(const std::optional<std::vector<shape::Tag>>& list) {
  Tags tags;
  if (!list) return tags;
  for (const shape::Tag& tag : *list) tags[tag.key] = tag.value;
  return tags;
}

std::optional<std::string> token_of(bool more, const std::string& last) {
  if (!more) return std::nullopt;
  return base64_encode(last);
}

Result<std::string> after_of(const std::optional<std::string>& token) {
  if (!token) return "";
  auto text = base64_decode(*token);
  if (!text || text->empty()) return invalid("Parameter NextToken is not valid.");
  return *std::move(text);
}

std::optional<std::string> some(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

Result<std::string> Api::bus_of(const std::optional<std::string>& name) const {
  if (!name) return std::string(kDefaultBus);
  if (!name->starts_with("arn:")) return *name;
  auto bus = logic_.bus_of(*name);
  if (!bus) return no_such_bus(*name);
  return bus;
}

Result<RuleName> Api::rule_of(const std::optional<std::string>& bus, std::string rule) const {
  TRY(std::string name, bus_of(bus));
  return RuleName{std::move(name), std::move(rule)};
}

struct Api::Buses {
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;

  static Answer<op::CreateEventBus> run(Api& api, shapes::Call&, shape::CreateEventBusRequest in) {
    shape::CreateEventBusResponse out;
    out.event_bus_arn = api.logic_.bus_arn(in.name);
    out.description = in.description;
    CO_TRY_VOID(co_await api.logic_.create_bus(
        {std::move(in.name), in.description.value_or(""), tags_of(in.tags)}));
    co_return out;
  }

  static Answer<op::UpdateEventBus> run(Api& api, shapes::Call&, shape::UpdateEventBusRequest in) {
    CO_TRY(std::string name, api.bus_of(in.name));
    shape::UpdateEventBusResponse out;
    out.name = name;
    out.arn = api.logic_.bus_arn(name);
    out.description = in.description;
    CO_TRY_VOID(co_await api.logic_.update_bus(std::move(name), std::move(in.description)));
    co_return out;
  }

  static Answer<op::DeleteEventBus> run(Api& api, shapes::Call&, shape::DeleteEventBusRequest in) {
    CO_TRY_VOID(co_await api.logic_.delete_bus(std::move(in.name)));
    co_return shape::DeleteEventBusResponse{};
  }

  static Answer<op::DescribeEventBus> run(Api& api, shapes::Call&,
                                          shape::DescribeEventBusRequest in) {
    CO_TRY(std::string name, api.bus_of(in.name));
    CO_TRY(Found<Bus> bus, co_await api.logic_.bus(std::move(name)));
    shape::DescribeEventBusResponse out;
    out.arn = api.logic_.bus_arn(bus.name);
    out.name = std::move(bus.name);
    out.description = some(std::move(bus.record.description));
    out.policy = some(std::move(bus.record.policy));
    if (bus.record.created != TimePoint{}) {
      out.creation_time = bus.record.created;
      out.last_modified_time = bus.record.modified;
    }
    co_return out;
  }

  static Answer<op::ListEventBuses> run(Api& api, shapes::Call&, shape::ListEventBusesRequest in) {
    CO_TRY(std::string after, after_of(in.next_token));
    CO_TRY(auto page,
           co_await api.logic_.buses({in.name_prefix.value_or(""), std::move(after),
                                      static_cast<size_t>(in.limit.value_or(kPageMax))}));
    shape::ListEventBusesResponse out;
    out.event_buses.emplace();
    if (!page.rows.empty()) out.next_token = token_of(page.more, page.rows.back().name);
    for (Found<Bus>& bus : page.rows) {
      shape::EventBus& row = out.event_buses->emplace_back();
      row.arn = api.logic_.bus_arn(bus.name);
      row.name = std::move(bus.name);
      row.description = some(std::move(bus.record.description));
      row.policy = some(std::move(bus.record.policy));
      if (bus.record.created == TimePoint{}) continue;
      row.creation_time = bus.record.created;
      row.last_modified_time = bus.record.modified;
    }
    co_return out;
  }

  static Answer<op::PutPermission> run(Api& api, shapes::Call&, shape::PutPermissionRequest in) {
    CO_TRY(std::string bus, api.bus_of(in.event_bus_name));
    bool has_parts = in.action || in.principal || in.statement_id || in.condition;
    if (in.policy && has_parts) {
      co_return invalid("Policy cannot be given together with other parameters.");
    }
    if (in.policy) {
      CO_TRY_VOID(co_await api.logic_.put_policy(std::move(bus), *std::move(in.policy)));
      co_return shape::PutPermissionResponse{};
    }
    if (!in.action || !in.principal || !in.statement_id) {
      co_return invalid("Parameters Action, Principal and StatementId must be specified.");
    }
    if (*in.action != "events:PutEvents") {
      co_return invalid("Provided value in parameter 'action' is not supported.");
    }
    Logic::Permission permission{*in.statement_id, *in.action, *in.principal};
    if (in.condition) {
      bool is_known =
          in.condition->type == "StringEquals" && in.condition->key == "aws:PrincipalOrgID";
      if (!is_known) {
        co_return invalid("Condition must be StringEquals of aws:PrincipalOrgID.");
      }
      permission.organization = in.condition->value;
    }
    CO_TRY_VOID(co_await api.logic_.put_permission(std::move(bus), std::move(permission)));
    co_return shape::PutPermissionResponse{};
  }

  static Answer<op::RemovePermission> run(Api& api, shapes::Call&,
                                          shape::RemovePermissionRequest in) {
    CO_TRY(std::string bus, api.bus_of(in.event_bus_name));
    bool all = in.remove_all_permissions.value_or(false);
    if (!all && !in.statement_id) {
      co_return invalid("Parameter StatementId must be specified.");
    }
    CO_TRY_VOID(co_await api.logic_.remove_permission(
        std::move(bus), all ? std::nullopt : std::move(in.statement_id)));
    co_return shape::RemovePermissionResponse{};
  }

  static Answer<op::ListTagsForResource> run(Api& api, shapes::Call&,
                                             shape::ListTagsForResourceRequest in) {
    CO_TRY(RuleName name, api.logic_.resource_of(in.resource_arn));
    CO_TRY(Tags tags, co_await api.logic_.tags(std::move(name)));
    shape::ListTagsForResourceResponse out;
    out.tags.emplace();
    for (auto& [key, value] : tags) out.tags->push_back({key, std::move(value)});
    co_return out;
  }

  static Answer<op::TagResource> run(Api& api, shapes::Call&, shape::TagResourceRequest in) {
    CO_TRY(RuleName name, api.logic_.resource_of(in.resource_arn));
    CO_TRY_VOID(co_await api.logic_.tag(std::move(name), tags_of(std::move(in.tags)), {}));
    co_return shape::TagResourceResponse{};
  }

  static Answer<op::UntagResource> run(Api& api, shapes::Call&, shape::UntagResourceRequest in) {
    CO_TRY(RuleName name, api.logic_.resource_of(in.resource_arn));
    CO_TRY_VOID(co_await api.logic_.tag(std::move(name), {}, std::move(in.tag_keys)));
    co_return shape::UntagResourceResponse{};
  }
};

void Api::add_buses(shapes::Registry& registry) {
  add<Buses, op::CreateEventBus>(registry);
  add<Buses, op::UpdateEventBus>(registry);
  add<Buses, op::DeleteEventBus>(registry);
  add<Buses, op::DescribeEventBus>(registry);
  add<Buses, op::ListEventBuses>(registry);
  add<Buses, op::PutPermission>(registry);
  add<Buses, op::RemovePermission>(registry);
  add<Buses, op::ListTagsForResource>(registry);
  add<Buses, op::TagResource>(registry);
  add<Buses, op::UntagResource>(registry);
}

void Api::add_operations(shapes::Registry& registry) {
  add_buses(registry);
  add_rules(registry);
  add_events(registry);
  add_http(registry);
}

}  // namespace suiro::events
