// SPDX-License-Identifier: Apache-2.0
// RuleTarget: a rule's target, compiled: where matched events go, in which form, with which policy
// of delivery (Amazon EventBridge User Guide, "Event bus targets in Amazon EventBridge").
//
// Invariant: what compiles is delivered as it says; what Suiro cannot deliver does not compile.
// Thread: immutable; any. Errors: ValidationException, NotImplemented.
#pragma once

#include "kernel/event/event.h"
#include "kernel/event/role_permissions.h"
#include "services/events/document.h"
#include "services/events/http_template.h"

namespace suiro::events {

struct MatchedRule {
  std::string name;
  std::string arn;
  TimePoint ingested = {};
  std::optional<TimePoint> nominal = std::nullopt;  // a scheduled run's
};

class RuleTarget {
 public:
  // `document`: JSON of the API's Target.
  static Result<RuleTarget> compile(std::string_view document);
  // Whether a target that is given now compiles and can be delivered. Those that were taken by an
  // older version of Suiro are not asked.
  static Result<void> check(std::string_view document);

  const std::string& id() const { return id_; }
  const std::string& arn() const { return arn_.text; }
  const std::string& service() const { return arn_.service; }
  bool is_bus() const { return arn_.service == "events" && !is_api_destination_; }
  const std::string& role_arn() const { return role_arn_; }
  const event::DeliveryPolicy& policy() const { return policy_; }
  // What the role must be allowed; nullopt: none is named, or it does not matter, as for log
  // groups.
  std::optional<event::Permission> permission() const;

  struct Delivery {
    event::Event event;
    std::optional<Error> refused;  // kInputTooLarge: the event itself is the payload then
  };
  // What the target is given for an event. `event_text` is the event's JSON. The result lacks what
  // belongs to the occasion: id, cause, time.
  Delivery delivery(const boost::json::value& event, std::string_view event_text,
                    const MatchedRule& rule) const;

 private:
  struct Reader;

  Result<Bytes> input(const boost::json::value& event, std::string_view event_text,
                      const MatchedRule& rule) const;
  Bytes run_task(const Bytes& input, const MatchedRule& rule) const;

  std::string id_;
  struct {
    std::string text;
    std::string service;
  } arn_;
  std::optional<Bytes> input_;
  std::optional<JsonPath> input_path_;
  std::optional<Template> template_;
  std::optional<JsonPath> partition_key_;
  std::optional<HttpTemplate> http_;
  bool is_api_destination_ = false;
  std::string group_id_;
  std::string role_arn_;
  std::string task_definition_;
  Bytes run_task_;  // JSON of RunTask's input, without overrides; empty: no ECS target
  event::DeliveryPolicy policy_;
};

}  // namespace suiro::events
