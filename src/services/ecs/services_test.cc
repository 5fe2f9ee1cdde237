// SPDX-License-Identifier: Apache-2.0
// Services: counts, restarts, deployments. Definitions: what is refused.
#include "services/ecs/testing.h"
#include "services/ecs/validate.h"

namespace suiro::ecs {
namespace {

class ServiceTest : public EcsTest {
 protected:
  Result<shape::Service> create(int32_t desired, bool breaker = false) {
    shape::CreateServiceRequest in;
    in.service_name = "web";
    in.task_definition = "job";
    in.desired_count = desired;
    if (breaker) {
      in.deployment_configuration.emplace().deployment_circuit_breaker = {{true, true}};
    }
    return sim_.run(logic().create_service(std::move(in), {}));
  }
  shape::Service service() {
    shape::DescribeServicesRequest in;
    in.services = {"web"};
    auto answer = sim_.run(logic().describe_services(std::move(in)));
    CHECK(answer && answer->services->size() == 1);
    return answer->services->front();
  }
  Result<shape::Service> update(std::optional<int32_t> desired, std::optional<std::string> name) {
    shape::UpdateServiceRequest in;
    in.service = "web";
    in.desired_count = desired;
    in.task_definition = std::move(name);
    return sim_.run(logic().update_service(std::move(in)));
  }
  static shape::RegisterTaskDefinitionRequest checked_definition(int32_t memory = 64) {
    auto out = definition("job", 64, memory);
    out.container_definitions[0].health_check.emplace().command = {"CMD-SHELL", "true"};
    return out;
  }
  void set_health(const std::string& id, container::Health health) {
    runner_.jobs.at(id).report.containers[0].health = health;
    tell(id);
  }
  std::string rollout() { return service().deployments->front().rollout_state.value_or(""); }
  // Every container that was started and does not run begins; those that shall
  // stop end.
  void settle() {
    for (int i = 0; i < 6; ++i) {
      std::vector<std::string> ids;
      for (const auto& [id, job] : runner_.jobs) ids.push_back(id);
      for (const auto& id : ids) {
        if (!runner_.jobs.contains(id)) continue;
        if (runner_.jobs.at(id).stop_wanted) {
          end(id, 143);
        } else if (!runner_.jobs.at(id).report.started) {
          begin(id);
        }
      }
      sim_.advance(kSecond);
    }
  }
};

TEST_F(ServiceTest, KeepsItsCount) {
  ASSERT_TRUE(register_definition(definition("job", 64, 64)));
  auto made = create(2);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->deployments->front().rollout_state, "IN_PROGRESS");
  settle();
  EXPECT_EQ(service().running_count, 2);
  EXPECT_EQ(service().deployments->front().rollout_state, "COMPLETED");
  EXPECT_EQ(service().events->front().message, "(service web) has reached a steady state.");
  end(runner_.order.front(), 1);
  sim_.advance(std::chrono::seconds(3));
  settle();
  EXPECT_EQ(service().running_count, 2);
  EXPECT_EQ(runner_.order.size(), 3u);
  restart();
  settle();
  EXPECT_EQ(service().running_count, 2);
  EXPECT_EQ(runner_.order.size(), 3u) << "a restart starts nothing anew";
  ASSERT_TRUE(update(0, std::nullopt));
  settle();
  EXPECT_EQ(service().running_count, 0);
  EXPECT_EQ(code(create(1)), "InvalidParameterException");
}

TEST_F(ServiceTest, AStrategySendsTasksToTheProviderThatWeighsMost) {
  auto job = definition("job", 64, 64);
  job.network_mode = "awsvpc";
  job.cpu = "256";
  job.memory = "512";
  ASSERT_TRUE(register_definition(job));
  shape::CreateClusterRequest cluster;
  cluster.cluster_name = "default";
  cluster.capacity_providers = {{"FARGATE", "FARGATE_SPOT"}};
  ASSERT_TRUE(sim_.run(logic().create_cluster(std::move(cluster))));
  shape::CreateServiceRequest in;
  in.service_name = "web";
  in.task_definition = "job";
  in.desired_count = 1;
  in.network_configuration.emplace().awsvpc_configuration.emplace().subnets = {"subnet-1"};
  auto& strategy = in.capacity_provider_strategy.emplace(2);
  strategy[0].capacity_provider = "FARGATE";
  strategy[0].weight = 1;
  strategy[1].capacity_provider = "FARGATE_SPOT";
  strategy[1].weight = 5;
  auto made = sim_.run(logic().create_service(std::move(in), {}));
  ASSERT_TRUE(made) << made.error().message;
  sim_.settle();
  ASSERT_EQ(logic().tasks().live().size(), 1u);
  EXPECT_EQ(logic().tasks().live().front()->task.capacity_provider_name, "FARGATE_SPOT");
}

TEST_F(ServiceTest, TasksThatDoNotLastAreStartedEverLaterAgain) {
  ASSERT_TRUE(register_definition(definition("job", 64, 64)));
  ASSERT_TRUE(create(1));
  for (int i = 0; i < 600; ++i) {
    if (!runner_.jobs.empty()) {
      std::string id = runner_.jobs.begin()->first;
      begin(id);
      end(id, 1);
    }
    sim_.advance(kSecond);
  }
  EXPECT_LT(runner_.order.size(), 20u);
  EXPECT_GT(runner_.order.size(), 5u);
}

TEST_F(ServiceTest, ARestartOfSuiroStartsNoTaskSooner) {
  ASSERT_TRUE(register_definition(definition("job", 64, 64)));
  ASSERT_TRUE(create(1));
  for (int i = 0; i < 1000 && runner_.order.size() < 8; ++i) {
    if (!runner_.jobs.empty()) {
      std::string id = runner_.jobs.begin()->first;
      begin(id);
      end(id, 1);
    }
    sim_.advance(kSecond);
  }
  ASSERT_EQ(runner_.order.size(), 8u);
  std::string last = runner_.order.back();
  begin(last);
  end(last, 1);
  sim_.advance(kSecond);
  // Behind the eighth failure it waits for 64 to 128 s.
  restart();
  sim_.advance(std::chrono::seconds(55));
  EXPECT_EQ(runner_.order.size(), 8u);
  sim_.advance(std::chrono::seconds(75));
  EXPECT_EQ(runner_.order.size(), 9u);
}

TEST_F(ServiceTest, ADeploymentReplacesTasksWithinItsLimits) {
  ASSERT_TRUE(register_definition(definition("job", 64, 64)));
  ASSERT_TRUE(create(2));
  settle();
  ASSERT_TRUE(register_definition(definition("job", 64, 65)));
  ASSERT_TRUE(update(std::nullopt, "job"));
  sim_.settle();
  shape::Service now = service();
  EXPECT_EQ(now.deployments->size(), 2u);
  EXPECT_EQ(now.running_count, 2) << "the old ones run until the new ones do";
  EXPECT_EQ(now.pending_count, 2);
  settle();
  now = service();
  EXPECT_EQ(now.deployments->size(), 1u);
  EXPECT_EQ(now.deployments->front().rollout_state, "COMPLETED");
  EXPECT_TRUE(now.task_definition->ends_with("job:2"));
  EXPECT_EQ(live(), 2u);
}

TEST_F(ServiceTest, ADeploymentWaitsForTheHealthOfItsTasks) {
  using container::Health;
  ASSERT_TRUE(register_definition(checked_definition()));
  ASSERT_TRUE(create(2));
  settle();
  EXPECT_EQ(service().running_count, 2);
  EXPECT_EQ(rollout(), "IN_PROGRESS") << "nobody knows yet whether they are healthy";
  for (const auto& id : std::vector(runner_.order)) set_health(id, Health::kHealthy);
  EXPECT_EQ(rollout(), "COMPLETED");
  ASSERT_TRUE(register_definition(checked_definition(65)));
  ASSERT_TRUE(update(std::nullopt, "job"));
  settle();
  EXPECT_EQ(service().running_count, 4) << "the old ones run until the new ones are healthy";
  EXPECT_EQ(rollout(), "IN_PROGRESS");
  ASSERT_EQ(runner_.order.size(), 4u);
  set_health(runner_.order[2], Health::kUnhealthy);
  settle();
  EXPECT_TRUE(runner_.jobs.contains(runner_.order[0]));
  EXPECT_TRUE(runner_.jobs.contains(runner_.order[1]));
  ASSERT_EQ(runner_.order.size(), 5u) << "the unhealthy one is replaced";
  set_health(runner_.order[3], Health::kHealthy);
  settle();
  EXPECT_EQ(live(), 3u) << "each healthy one takes the place of an old one";
  EXPECT_EQ(rollout(), "IN_PROGRESS");
  set_health(runner_.order[4], Health::kHealthy);
  settle();
  EXPECT_EQ(live(), 2u);
  EXPECT_EQ(rollout(), "COMPLETED");
  EXPECT_EQ(service().deployments->size(), 1u);
}

TEST_F(ServiceTest, TheCircuitBreakerGoesBack) {
  ASSERT_TRUE(register_definition(definition("job", 64, 64)));
  ASSERT_TRUE(create(1, true));
  settle();
  ASSERT_TRUE(register_definition(definition("job", 64, 65)));
  ASSERT_TRUE(update(std::nullopt, "job:2"));
  for (int i = 0; i < 120; ++i) {
    for (const auto& [id, job] : std::map(runner_.jobs)) {
      if (job.report.started || job.spec.containers[0].memory_mb != 65) continue;
      runner_.fail_start(id, "CannotPullContainerError: no such image", now());
      tell(id);
    }
    sim_.advance(kSecond);
  }
  settle();
  shape::Service now = service();
  EXPECT_TRUE(now.task_definition->ends_with("job:1")) << *now.task_definition;
  EXPECT_EQ(now.running_count, 1);
  EXPECT_EQ(now.deployments->front().rollout_state, "COMPLETED");
}

TEST_F(ServiceTest, TheCircuitBreakerCountsUnhealthyTasks) {
  ASSERT_TRUE(register_definition(checked_definition()));
  ASSERT_TRUE(create(1, true));
  settle();
  set_health(runner_.order.front(), container::Health::kHealthy);
  ASSERT_EQ(rollout(), "COMPLETED");
  ASSERT_TRUE(register_definition(checked_definition(65)));
  ASSERT_TRUE(update(std::nullopt, "job:2"));
  for (int i = 0; i < 5; ++i) {
    settle();
    for (const auto& [id, job] : std::map(runner_.jobs)) {
      if (job.spec.containers[0].memory_mb == 65) set_health(id, container::Health::kUnhealthy);
    }
  }
  EXPECT_TRUE(service().task_definition->ends_with("job:1"));
  EXPECT_TRUE(runner_.jobs.contains(runner_.order.front())) << "it served all the while";
  size_t failed = runner_.order.size();
  EXPECT_LE(failed, 6u) << "three that failed, and what was started beside";
}

TEST_F(ServiceTest, IsDeletedWhenEmptyOrByForce) {
  ASSERT_TRUE(register_definition(definition("job", 64, 64)));
  ASSERT_TRUE(create(1));
  settle();
  shape::DeleteServiceRequest in;
  in.service = "web";
  EXPECT_EQ(text(sim_.run(logic().delete_service(in))),
            "The service cannot be stopped while it is scaled above 0.");
  in.force = true;
  auto gone = sim_.run(logic().delete_service(in));
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->status, "DRAINING");
  settle();
  EXPECT_EQ(service().status, "INACTIVE");
  EXPECT_EQ(live(), 0u);
  ASSERT_TRUE(create(1)) << "the name is free again";
}

TEST_F(EcsTest, RevisionsAreNeverUsedAgain) {
  ASSERT_TRUE(register_definition(definition("job")));
  auto second = register_definition(definition("job"));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->shape.revision, 2);
  ASSERT_TRUE(sim_.run(logic().definitions().deregister("job:2")));
  EXPECT_EQ(text(run("job:2")), "TaskDefinition is inactive");
  ASSERT_TRUE(sim_.run(logic().definitions().remove("job:2")));
  EXPECT_EQ(text(run("job:2")), "TaskDefinition not found.");
  EXPECT_EQ((*sim_.run(logic().definitions().find("job")))->shape.revision, 1);
  EXPECT_EQ(register_definition(definition("job"))->shape.revision, 3);
}

TEST_F(EcsTest, DefinitionsAreRefusedWithTheirReason) {
  auto in = definition("job");
  in.container_definitions[0].memory.reset();
  EXPECT_EQ(text(register_definition(in)),
            "Invalid setting for container 'main'. At least one of 'memory' or "
            "'memoryReservation' must be specified.");
  in = definition("job");
  in.requires_compatibilities = {{"FARGATE"}};
  EXPECT_EQ(text(register_definition(in)), "Fargate only supports network mode 'awsvpc'.");
  in.network_mode = "awsvpc";
  EXPECT_EQ(text(register_definition(in)),
            "Fargate requires that 'cpu' be defined at the task level.");
  in.cpu = "256";
  in.memory = "256";
  EXPECT_TRUE(text(register_definition(in)).starts_with("No Fargate configuration exists"));
  in = definition("job");
  in.container_definitions[0].secrets = {
      {{"S", "arn:aws:secretsmanager:us-east-1:000000000000:secret:x"}}};
  EXPECT_EQ(code(register_definition(in)), "NotImplemented");
  in = definition("job");
  in.container_definitions[0].mount_points.emplace().emplace_back().source_volume = "v";
  EXPECT_EQ(text(register_definition(in)), "Unknown volume 'v'.");
  in = definition("job");
  in.container_definitions.push_back(in.container_definitions[0]);
  in.container_definitions[1].name = "b";
  in.container_definitions[0].depends_on = {{{"b", "START"}}};
  in.container_definitions[1].depends_on = {{{"main", "START"}}};
  EXPECT_EQ(text(register_definition(in)),
            "Invalid 'dependsOn' setting. The containers depend on each other.");
  in = definition("job");
  in.container_definitions[0].log_configuration.emplace().log_driver = "awslogs";
  EXPECT_EQ(text(register_definition(in)),
            "Log driver awslogs requires options: awslogs-region, awslogs-group");
}

TEST(TaskSizes, AreReadInUnitsAndWords) {
  EXPECT_EQ(*task_cpu("256"), 256u);
  EXPECT_EQ(*task_cpu(".25 vCPU"), 256u);
  EXPECT_EQ(*task_memory("0.5 GB"), 512u);
  EXPECT_EQ(*task_memory("1gb"), 1024u);
  EXPECT_FALSE(task_cpu("many"));
  EXPECT_TRUE(is_fargate_size(1024, 3072));
  EXPECT_FALSE(is_fargate_size(1024, 9216));
  EXPECT_FALSE(is_fargate_size(256, 1536));
}

}  // namespace
}  // namespace suiro::ecs
