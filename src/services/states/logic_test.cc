// SPDX-License-Identifier: Apache-2.0
// The rules of state machines, versions, aliases, activities and starts, in AWS's words.
#include <gtest/gtest.h>

#include "kernel/event/role_permissions_testing.h"
#include "kernel/event/testing.h"
#include "services/states/api.h"
#include "services/states/target.h"
#include "shapes/json.h"

namespace suiro::states {
namespace {

constexpr std::string_view kPass = R"({"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}})";
constexpr std::string_view kOther =
    R"({"Comment":"2","StartAt":"A","States":{"A":{"Type":"Pass","End":true}}})";
constexpr std::string_view kRole = "arn:aws:iam::000000000000:role/r";
constexpr std::string_view kArn = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m";

// Knows one log group.
class FakeOperations final : public event::OperationCaller {
 public:
  Result<void> check(std::string, std::string) const override { return ok(); }
  Fault fault_of(std::string, const Error&) const override { return {}; }
  Task<Result<std::string>> call(Request request) override {
    EXPECT_EQ(request.service + ":" + request.operation, "logs:describeLogGroups");
    const bool known = request.json == R"({"logGroupNamePrefix":"/g"})";
    co_return std::string(known ? R"({"logGroups":[{"logGroupName":"/g"}]})"
                                : R"({"logGroups":[{"logGroupName":"/g2"}]})");
  }
};

// Keeps what it is asked to start. Standard executions have one life a name.
class FakeExecutions final : public Executions {
 public:
  Task<Result<StartReply>> start(StartRequest request) override {
    for (const auto& known : started) {
      if (known.name == request.name) co_return fail("ExecutionAlreadyExists", "again");
    }
    started.push_back(std::move(request));
    co_return StartReply{.execution_arn = "e", .start = {}};
  }
  Task<Result<bool>> any_running(std::string) override { co_return running; }

  Task<Result<ExecutionRecord>> run_sync(StartRequest) override { co_return none(); }
  Task<Result<TimePoint>> stop(std::string, std::optional<std::string>,
                               std::optional<std::string>) override {
    co_return none();
  }
  Task<Result<TimePoint>> redrive(std::string, std::string) override { co_return none(); }
  Task<Result<ExecutionRecord>> describe(std::string) override { co_return none(); }
  Task<Result<ListPage>> list(ListRequest) override { co_return none(); }
  Task<Result<HistoryPage>> history(HistoryRequest) override { co_return none(); }
  Task<Result<void>> task_succeeded(std::string, std::string) override { co_return none(); }
  Task<Result<void>> task_failed(std::string, std::string, std::string) override {
    co_return none();
  }
  Task<Result<void>> task_heartbeat(std::string) override { co_return none(); }
  Task<Result<ActivityTask>> take_activity_task(std::string, std::string,
                                                std::shared_ptr<Cancellation>) override {
    co_return none();
  }
  Task<Result<ExecutionRecord>> ended(std::string, std::shared_ptr<Cancellation>) override {
    co_return none();
  }

  std::vector<StartRequest> started;
  bool running = false;

 private:
  static std::unexpected<Error> none() { return fail("ExecutionDoesNotExist", "none"); }
};

class StatesTest : public ::testing::Test {
 protected:
  StatesTest() {
    build();
    sim.start();
  }
  ~StatesTest() override {
    sim.stop();
    logic.reset();
  }
  void build() {
    logic = std::make_unique<Logic>(sim.kernel(), operations, permissions, &executions);
    target = std::make_unique<StateMachineTarget>(sim.kernel(), *logic, &executions);
    sim.kernel().targets.add_target("states", target.get());
  }
  void restart() {
    sim.stop();
    logic.reset();
    sim.reopen();
    build();
    sim.start();
  }

  static shape::CreateStateMachineInput machine(std::string_view definition = kPass) {
    shape::CreateStateMachineInput in;
    in.name = "m";
    in.definition = definition;
    in.role_arn = kRole;
    return in;
  }
  static shape::UpdateStateMachineInput change(std::string_view definition, bool publish = false) {
    shape::UpdateStateMachineInput in;
    in.state_machine_arn = kArn;
    in.definition = definition;
    in.publish = publish;
    return in;
  }
  static std::string message(const auto& result) {
    return result ? "ok" : result.error().code + ": " + result.error().message;
  }
  auto create(shape::CreateStateMachineInput in) { return sim.run(logic->create(std::move(in))); }
  auto update(shape::UpdateStateMachineInput in) { return sim.run(logic->update(std::move(in))); }
  auto describe(std::string arn) {
    shape::DescribeStateMachineInput in;
    in.state_machine_arn = std::move(arn);
    return sim.run(logic->describe(std::move(in)));
  }
  auto publish(std::optional<std::string> revision = {}) {
    shape::PublishStateMachineVersionInput in;
    in.state_machine_arn = kArn;
    in.revision_id = std::move(revision);
    return sim.run(logic->publish(std::move(in)));
  }
  auto create_alias(std::string name, std::vector<std::pair<uint64_t, int32_t>> routes) {
    shape::CreateStateMachineAliasInput in;
    in.name = std::move(name);
    for (auto [version, weight] : routes) {
      auto& item = in.routing_configuration.emplace_back();
      item.state_machine_version_arn = fmt::format("{}:{}", kArn, version);
      item.weight = weight;
    }
    return sim.run(logic->create_alias(std::move(in)));
  }
  auto prepare(std::string arn, std::optional<std::string> input = {},
               std::optional<std::string> name = {}) {
    return sim.run(logic->prepare({.machine_arn = std::move(arn),
                                   .name = std::move(name),
                                   .input = std::move(input),
                                   .trace_header = "",
                                   .cause = {}}));
  }
  size_t keys_left() {
    auto page = sim.run(sim.store().scan({.range = store::KeyRange::prefix("w")}));
    return page ? page->entries.size() : 999;
  }

  event::SimKernel sim;
  FakeOperations operations;
  event::FakeRolePermissions permissions;
  FakeExecutions executions;
  std::unique_ptr<Logic> logic;
  std::unique_ptr<StateMachineTarget> target;
};

TEST_F(StatesTest, TheSameRequestAnswersTheSame) {
  auto first = create(machine());
  ASSERT_TRUE(first) << message(first);
  EXPECT_EQ(first->state_machine_arn, kArn);
  sim.advance(std::chrono::seconds(5));
  auto in = machine();
  in.role_arn = "arn:aws:iam::000000000000:role/other";
  auto again = create(in);
  ASSERT_TRUE(again) << "the role does not count";
  EXPECT_EQ(again->creation_date, first->creation_date);
  EXPECT_EQ(describe(std::string(kArn))->role_arn, kRole) << "and is not changed";
  const std::string exists =
      fmt::format("StateMachineAlreadyExists: State Machine Already Exists: '{}'", kArn);
  EXPECT_EQ(message(create(machine(kOther))), exists);
  in = machine();
  in.publish = true;
  EXPECT_EQ(message(create(in)), exists);
  in = machine();
  in.type = "EXPRESS";
  EXPECT_EQ(message(create(in)), exists);
}

TEST_F(StatesTest, WhatACreationRefuses) {
  auto in = machine();
  in.name = "a b";
  EXPECT_EQ(message(create(in)), "InvalidName: Invalid Name: 'a b'");
  in.name = "a\xc2\x85";
  EXPECT_EQ(create(in).error().code, "InvalidName");
  in = machine(R"({"StartAt":"A"})");
  EXPECT_EQ(message(create(in)),
            "InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These "
            "fields are required: [States] at /'");
  in = machine();
  in.role_arn = "role";
  EXPECT_EQ(message(create(in)), "InvalidArn: Invalid Arn: 'Invalid ARN prefix: role'");
  in = machine();
  in.version_description = "v";
  EXPECT_EQ(create(in).error().code, "ValidationException");
  in = machine();
  in.encryption_configuration.emplace().type = "CUSTOMER_MANAGED_KMS_KEY";
  EXPECT_EQ(create(in).error().code, codes::kNotImplemented);
  in.encryption_configuration->type = "AWS_OWNED_KEY";
  EXPECT_EQ(message(create(in)), "ok");
}

TEST_F(StatesTest, LoggingConfigurations) {
  const auto answer = [&](std::string level, std::vector<std::string> arns) {
    auto in = machine();
    auto& logging = in.logging_configuration.emplace();
    logging.level = std::move(level);
    auto& list = logging.destinations.emplace();
    for (auto& arn : arns) {
      list.emplace_back().cloud_watch_logs_log_group.emplace().log_group_arn = std::move(arn);
    }
    return message(create(in));
  };
  const std::string refused = "InvalidLoggingConfiguration: Invalid Logging Configuration: ";
  const std::string group = "arn:aws:logs:ap-northeast-1:000000000000:log-group:/g";
  EXPECT_EQ(answer("ALL", {}), refused + "Must specify exactly one Log Destination.");
  EXPECT_EQ(answer("ALL", {group + ":*", group + ":*"}),
            refused + "Must specify exactly one Log Destination.");
  EXPECT_EQ(answer("ALL", {group + "0:*"}), refused + "Log Destination not found.");
  EXPECT_EQ(answer("ALL", {group}),
            refused + "Log Destination must be a log group's ARN that ends with :*");
  EXPECT_EQ(answer("ERROR", {group + ":*"}), "ok");
  auto told = describe(std::string(kArn));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->logging_configuration->level, "ERROR");
  EXPECT_EQ(told->logging_configuration->include_execution_data, false);
}

TEST_F(StatesTest, TheRoleMustBeAllowedToDeliverLogs) {
  const std::string refused =
      "AccessDeniedException: The state machine IAM Role is not authorized to access the Log "
      "Destination";
  auto in = machine();
  auto& logging = in.logging_configuration.emplace();
  logging.level = "ALL";
  logging.destinations.emplace().emplace_back().cloud_watch_logs_log_group.emplace().log_group_arn =
      "arn:aws:logs:ap-northeast-1:000000000000:log-group:/g:*";
  permissions.denied = {"logs:DescribeLogGroups"};
  EXPECT_EQ(message(create(in)), refused);
  permissions.denied = {"logs:CreateLogDelivery"};
  EXPECT_EQ(message(create(in)), refused);
  EXPECT_EQ(permissions.asked.back().permission.resource, "*");
  EXPECT_EQ(permissions.asked.back().service, "states.amazonaws.com");
  logging.level = "OFF";
  EXPECT_EQ(message(create(in)), "ok");
  logging.level = "ALL";
  shape::UpdateStateMachineInput change;
  change.state_machine_arn = kArn;
  change.logging_configuration = logging;
  EXPECT_EQ(message(sim.run(logic->update(change))), refused);
  EXPECT_EQ(permissions.asked.back().role_arn, kRole);
  permissions.denied.clear();
  EXPECT_EQ(message(sim.run(logic->update(change))), "ok");
  // Another role for the same log.
  permissions.denied = {"logs:CreateLogDelivery"};
  shape::UpdateStateMachineInput role;
  role.state_machine_arn = kArn;
  role.role_arn = "arn:aws:iam::000000000000:role/other";
  EXPECT_EQ(message(sim.run(logic->update(role))), refused);
  EXPECT_EQ(permissions.asked.back().role_arn, *role.role_arn);
  // What has nothing to do with the log asks nobody.
  shape::UpdateStateMachineInput other;
  other.state_machine_arn = kArn;
  other.definition = kOther;
  EXPECT_EQ(message(sim.run(logic->update(other))), "ok");
}

TEST_F(StatesTest, RevisionsAndVersions) {
  ASSERT_TRUE(create(machine()));
  EXPECT_FALSE(describe(std::string(kArn))->revision_id) << "the first revision has no id";
  auto same = update(change(kPass));
  ASSERT_TRUE(same);
  EXPECT_FALSE(same->revision_id);
  auto first = publish("INITIAL");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->state_machine_version_arn, fmt::format("{}:1", kArn));
  EXPECT_EQ(publish()->state_machine_version_arn, fmt::format("{}:1", kArn));
  auto changed = update(change(kOther));
  ASSERT_TRUE(changed);
  ASSERT_TRUE(changed->revision_id);
  EXPECT_EQ(message(publish("INITIAL")),
            fmt::format("ConflictException: Failed to publish the State Machine version for "
                        "revision INITIAL. The current State Machine revision is {}.",
                        *changed->revision_id));
  EXPECT_EQ(publish(changed->revision_id)->state_machine_version_arn, fmt::format("{}:2", kArn));
  EXPECT_EQ(describe(fmt::format("{}:1", kArn))->definition, kPass);
  EXPECT_EQ(describe(fmt::format("{}:2", kArn))->definition, kOther);
  EXPECT_EQ(update(change(kPass, true))->state_machine_version_arn, fmt::format("{}:3", kArn));

  restart();
  EXPECT_EQ(describe(fmt::format("{}:2", kArn))->definition, kOther);
  shape::ListStateMachineVersionsInput list;
  list.state_machine_arn = kArn;
  list.max_results = 2;
  auto page = sim.run(logic->list_versions(list));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->state_machine_versions.size(), 2u);
  EXPECT_EQ(page->state_machine_versions[0].state_machine_version_arn, fmt::format("{}:3", kArn));
  list.next_token = page->next_token;
  page = sim.run(logic->list_versions(list));
  ASSERT_EQ(page->state_machine_versions.size(), 1u);
  EXPECT_FALSE(page->next_token);
  list.next_token = "nonsense";
  EXPECT_EQ(sim.run(logic->list_versions(list)).error().code, "InvalidToken");

  const size_t before = keys_left();
  EXPECT_TRUE(sim.run(logic->remove_version(fmt::format("{}:2", kArn))));
  EXPECT_EQ(keys_left(), before - 2) << "the version and its definition";
  EXPECT_TRUE(sim.run(logic->remove_version(fmt::format("{}:3", kArn))));
  EXPECT_EQ(keys_left(), before - 3) << "the machine has that revision";
  EXPECT_EQ(publish()->state_machine_version_arn, fmt::format("{}:4", kArn)) << "never again 3";
}

TEST_F(StatesTest, AliasesLeadToVersions) {
  ASSERT_TRUE(create(machine()));
  ASSERT_TRUE(publish());
  ASSERT_TRUE(update(change(kOther, true)));
  const auto received = [](const char* text) {
    return fmt::format("ValidationException: {}", text);
  };
  EXPECT_EQ(message(create_alias("a", {{1, 70}, {2, 29}})),
            received("Sum of routing configuration weights must equal 100. Received: [70, 29]"));
  EXPECT_EQ(message(create_alias("a", {{3, 100}})),
            fmt::format("ResourceNotFound: Resource not found: '{}:3'", kArn));
  EXPECT_TRUE(create_alias("a", {{1, 50}, {1, 50}})
                  .error()
                  .message.starts_with(
                      "Routing configuration must contain distinct state machine version ARNs."));
  ASSERT_TRUE(create_alias("a", {{1, 70}, {2, 30}}));
  EXPECT_TRUE(create_alias("a", {{1, 70}, {2, 30}})) << "the same again";
  EXPECT_EQ(create_alias("a", {{1, 100}}).error().code, "ConflictException");

  EXPECT_EQ(message(sim.run(logic->remove_version(fmt::format("{}:1", kArn)))),
            "ConflictException: Version to be deleted must not be referenced by an alias. Current "
            "list of aliases referencing version 1: [a]");
  int first = 0;
  for (int i = 0; i < 300; ++i) {
    auto start = prepare(fmt::format("{}:a", kArn));
    ASSERT_TRUE(start) << message(start);
    EXPECT_EQ(start->machine.alias_arn, fmt::format("{}:a", kArn));
    const bool is_first = start->machine.version_arn == fmt::format("{}:1", kArn);
    EXPECT_EQ(start->machine.definition, is_first ? kPass : kOther);
    first += is_first ? 1 : 0;
  }
  EXPECT_NEAR(first, 210, 40) << "70 of 100";

  shape::UpdateStateMachineAliasInput in;
  in.state_machine_alias_arn = fmt::format("{}:a", kArn);
  EXPECT_EQ(sim.run(logic->update_alias(in)).error().code, "ValidationException");
  in.routing_configuration.emplace().emplace_back().state_machine_version_arn =
      fmt::format("{}:2", kArn);
  in.routing_configuration->front().weight = 100;
  EXPECT_TRUE(sim.run(logic->update_alias(in)));
  EXPECT_TRUE(sim.run(logic->remove_version(fmt::format("{}:1", kArn))));
  EXPECT_EQ(prepare(fmt::format("{}:a", kArn))->machine.definition, kOther);
  EXPECT_TRUE(sim.run(logic->remove_alias(fmt::format("{}:a", kArn))));
  EXPECT_TRUE(sim.run(logic->remove_alias(fmt::format("{}:a", kArn)))) << "gone already";
  EXPECT_EQ(prepare(fmt::format("{}:a", kArn)).error().code, "StateMachineDoesNotExist");
}

TEST_F(StatesTest, AMachineThatRunsIsDeletedLater) {
  ASSERT_TRUE(create(machine()));
  ASSERT_TRUE(publish());
  ASSERT_TRUE(create_alias("a", {{1, 100}}));
  executions.running = true;
  EXPECT_TRUE(sim.run(logic->remove(std::string(kArn))));
  EXPECT_EQ(describe(std::string(kArn))->status, "DELETING");
  const std::string deleting =
      fmt::format("StateMachineDeleting: State Machine Deleting: '{}'", kArn);
  EXPECT_EQ(message(create(machine())), deleting);
  EXPECT_EQ(message(update(change(kOther))), deleting);
  EXPECT_EQ(message(prepare(std::string(kArn))), deleting);
  sim.advance(std::chrono::seconds(30));
  EXPECT_EQ(describe(std::string(kArn))->status, "DELETING");
  restart();
  executions.running = false;
  sim.advance(std::chrono::seconds(30));
  EXPECT_EQ(describe(std::string(kArn)).error().code, "StateMachineDoesNotExist");
  EXPECT_EQ(keys_left(), 0u);
  EXPECT_TRUE(sim.run(logic->remove(std::string(kArn)))) << "gone already";
}

TEST_F(StatesTest, AMachineThatRestsIsDeletedAtOnceAndMadeAnew) {
  ASSERT_TRUE(create(machine()));
  EXPECT_EQ(prepare(std::string(kArn))->machine.definition, kPass);
  EXPECT_TRUE(sim.run(logic->remove(std::string(kArn))));
  EXPECT_EQ(keys_left(), 0u);
  ASSERT_TRUE(create(machine(kOther)));
  EXPECT_EQ(prepare(std::string(kArn))->machine.definition, kOther);
  sim.advance(std::chrono::minutes(1));
  EXPECT_TRUE(describe(std::string(kArn))) << "the timer of the old one is gone";
}

TEST_F(StatesTest, Starts) {
  ASSERT_TRUE(create(machine()));
  const std::string arn(kArn);
  const std::string refused = "InvalidExecutionInput: Invalid State Machine Execution Input: '";
  EXPECT_EQ(message(prepare(arn, "not some json")),
            refused +
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object "
                "or token 'null', 'true' or 'false')'");
  EXPECT_EQ(message(prepare(arn, "{'not': 'json'")),
            refused +
                "Unexpected character (''' (code 39)): was expecting double-quote to start "
                "field name'");
  EXPECT_EQ(message(prepare(arn, "")), refused + "Invalid execution input.'");
  EXPECT_EQ(prepare(arn, "\"" + std::string(kInputBytesMax, 'x') + "\"").error().code,
            "InvalidExecutionInput");
  EXPECT_EQ(message(prepare(arn, "2")), "ok");
  EXPECT_EQ(message(prepare(arn, "{}", "a/b")), "InvalidName: Invalid Name: 'a/b'");
  EXPECT_EQ(message(prepare("x")), "InvalidArn: Invalid Arn: 'Invalid ARN prefix: x'");
  EXPECT_EQ(message(prepare("arn:aws:states:ap-northeast-1:000000000000:activity:a")),
            "InvalidArn: Invalid Arn: 'Resource type not valid in this context: activity'");
  const std::string other = "arn:aws:states:eu-west-1:000000000000:stateMachine:m";
  EXPECT_EQ(message(prepare(other)),
            "StateMachineDoesNotExist: State Machine Does Not Exist: '" + other + "'");
  EXPECT_EQ(prepare(arn + ":7").error().code, "StateMachineDoesNotExist");
  EXPECT_EQ(prepare(arn + "/Label").error().code, "ValidationException");
  auto start = prepare(arn);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->input, "{}");
  EXPECT_EQ(start->machine.name, "m");
  EXPECT_EQ(start->machine.plan->root.start_at, "A");
}

TEST_F(StatesTest, AnEventStartsOnce) {
  ASSERT_TRUE(create(machine()));
  executions.started.clear();
  store::Batch batch;
  event::emit(batch,
              {.id = "",
               .source_arn = "arn:aws:events:r:a:rule/r",
               .kind = "test",
               .target_arn = std::string(kArn),
               .payload = R"({"a":1})",
               .at = sim.clock().now()},
              sim.random());
  ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  sim.advance(std::chrono::seconds(1));
  ASSERT_EQ(executions.started.size(), 1u);
  EXPECT_EQ(executions.started[0].input, R"({"a":1})");
  EXPECT_EQ(executions.started[0].name.size(), 36u) << "the event's id";
  event::Event again{.id = executions.started[0].name,
                     .source_arn = "s",
                     .kind = "test",
                     .target_arn = std::string(kArn),
                     .payload = "{}"};
  EXPECT_TRUE(sim.run(target->deliver(again, store::Batch())));
  EXPECT_EQ(executions.started.size(), 1u);
  again.target_arn += "0";
  EXPECT_EQ(sim.run(target->deliver(again, store::Batch())).error().code,
            "StateMachineDoesNotExist");
  EXPECT_TRUE(sim.run(target->accepts(std::string(kArn), {})));
  EXPECT_EQ(sim.run(target->accepts(again.target_arn, {})).error().code, codes::kNotFound);
}

TEST_F(StatesTest, ActivitiesAndTags) {
  shape::CreateActivityInput in;
  in.name = "a";
  auto made = sim.run(logic->create_activity(in));
  ASSERT_TRUE(made);
  sim.advance(std::chrono::seconds(1));
  EXPECT_EQ(sim.run(logic->create_activity(in))->creation_date, made->creation_date);
  const std::string arn = made->activity_arn;
  EXPECT_TRUE(sim.run(logic->change_tags(arn, {{"k", "v"}, {"l", "w"}}, {"l", "none"})));
  EXPECT_EQ(*sim.run(logic->tags(arn)), (Tags{{"k", "v"}}));
  Tags many;
  for (size_t i = 0; i < kTagsMax; ++i) many["t" + std::to_string(i)] = "";
  EXPECT_EQ(sim.run(logic->change_tags(arn, many, {})).error().code, "TooManyTags");
  EXPECT_TRUE(sim.run(logic->remove_activity(arn)));
  EXPECT_TRUE(sim.run(logic->remove_activity(arn)));
  EXPECT_EQ(message(sim.run(logic->check_activity(arn))),
            "ActivityDoesNotExist: Activity Does Not Exist: '" + arn + "'");

  ASSERT_TRUE(create(machine()));
  ASSERT_TRUE(publish());
  EXPECT_TRUE(sim.run(logic->change_tags(std::string(kArn), {{"k", "v"}}, {})));
  EXPECT_EQ(sim.run(logic->tags(std::string(kArn)))->size(), 1u);
  EXPECT_EQ(message(sim.run(logic->change_tags(fmt::format("{}:1", kArn), {{"k", "v"}}, {}))),
            fmt::format("ResourceNotFound: Resource not found: '{}:1'", kArn));
}

TEST_F(StatesTest, EventsOfAHistory) {
  workflow::HistoryEvent event;
  event.id = 3;
  event.previous_id = 2;
  event.type = workflow::EventType::kPassStateExited;
  event.name = "A";
  event.output = std::make_shared<const std::string>("[1]");
  event.assigned_variables = std::make_shared<const std::string>(R"({"x":"y","n":1})");
  EXPECT_EQ(shapes::to_json(to_shape(event, ExecutionData::kIncluded)),
            R"({"timestamp":"1970-01-01T00:00:00.000Z","type":"PassStateExited","id":3,)"
            R"("previousEventId":2,"stateExitedEventDetails":{"name":"A","output":"[1]",)"
            R"("outputDetails":{"truncated":false},"assignedVariables":{"n":"1","x":"\"y\""},)"
            R"("assignedVariablesDetails":{"truncated":false}}})");
  EXPECT_EQ(shapes::to_json(to_shape(event, ExecutionData::kLeftOut)),
            R"({"timestamp":"1970-01-01T00:00:00.000Z","type":"PassStateExited","id":3,)"
            R"("previousEventId":2,"stateExitedEventDetails":{"name":"A"}})");
  event = {};
  event.type = workflow::EventType::kExecutionAborted;
  EXPECT_TRUE(shapes::to_json(to_shape(event, ExecutionData::kIncluded))
                  .ends_with(R"("executionAbortedEventDetails":{}})"));
}

}  // namespace
}  // namespace suiro::states
