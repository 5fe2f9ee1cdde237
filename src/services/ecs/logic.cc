// SPDX-License-Identifier: Apache-2.0
// Start and stop, pages, services.
#include "services/ecs/logic.h"

#include <algorithm>

#include "base/bytes.h"
#include "services/ecs/errors.h"

namespace suiro::ecs {

Logic::Logic(event::Kernel& kernel, Config config)
    : context_(kernel, std::move(config)),
      definitions_(context_),
      clusters_(context_),
      tasks_(context_, definitions_),
      services_(context_, definitions_, tasks_) {
  tasks_.listen([this](const TaskRecord& record) { services_.on_task(record); });
}

Task<Result<void>> Logic::start() {
  CO_TRY_VOID(co_await clusters_.start());
  CO_TRY_VOID(co_await tasks_.start());
  co_return co_await services_.start();
}

Task<void> Logic::stop() {
  co_await services_.stop();
  co_await tasks_.stop();
}

std::string page_token(std::string_view after) {
  return base64_encode(after);
}

Result<std::string> parse_page_token(const std::optional<std::string>& token) {
  if (!token || token->empty()) return std::string();
  auto after = base64_decode(*token);
  if (!after) return invalid("Invalid token.");
  return *std::move(after);
}

Result<size_t> page_size(const std::optional<int32_t>& given, size_t most, size_t usual) {
  if (!given) return usual;
  if (*given < 1 || static_cast<size_t>(*given) > most) {
    return invalid(fmt::format("maxResults must be between 1 and {}.", most));
  }
  return static_cast<size_t>(*given);
}

Task<Result<shape::Service>> Logic::create_service(shape::CreateServiceRequest in, Caller caller) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::Service>> {
    CO_TRY(Clusters::Used cluster, co_await clusters_.use(in.cluster.value_or("")));
    CO_TRY_VOID(check_launch(cluster.name, in));
    co_return co_await services_.create(cluster.name, std::move(in), std::move(caller.arn));
  });
}

Task<std::string> Logic::definition_of_service(std::string cluster, std::string service) {
  co_return co_await run_on(context_.executor, [&]() -> Task<std::string> {
    auto name = cluster_name(cluster);
    const ServiceRecord* found = name ? services_.find(*name, service_name(service)) : nullptr;
    co_return found == nullptr ? "" : found->service.task_definition.value_or("");
  });
}

Result<void> Logic::check_launch(const std::string& cluster,
                                 shape::CreateServiceRequest& in) const {
  const shape::Cluster* record = clusters_.find(cluster);
  if (record == nullptr) return no_such_cluster();
  bool has_strategy = in.capacity_provider_strategy && !in.capacity_provider_strategy->empty();
  if (in.launch_type && has_strategy) {
    return invalid(
        "Specifying both a launch type and capacity provider strategy is not supported. Remove "
        "one and try again.");
  }
  if (!in.launch_type && !has_strategy && record->default_capacity_provider_strategy &&
      !record->default_capacity_provider_strategy->empty()) {
    in.capacity_provider_strategy = record->default_capacity_provider_strategy;
    return ok();
  }
  if (has_strategy) {
    return check_providers(record->capacity_providers.value_or(std::vector<std::string>()),
                           *in.capacity_provider_strategy);
  }
  in.capacity_provider_strategy.reset();
  if (!in.launch_type) in.launch_type = "EC2";
  if (*in.launch_type != "EC2" && *in.launch_type != "FARGATE") {
    return not_supported(fmt::format("The launch type {}", *in.launch_type));
  }
  return ok();
}

Task<Result<shape::Service>> Logic::update_service(shape::UpdateServiceRequest in) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::Service>> {
    CO_TRY(std::string cluster, clusters_.existing(in.cluster.value_or("")));
    if (in.capacity_provider_strategy) {
      const shape::Cluster& record = *clusters_.find(cluster);
      // An empty one goes back to what the cluster says.
      bool is_empty = in.capacity_provider_strategy->empty();
      if (is_empty && record.default_capacity_provider_strategy) {
        in.capacity_provider_strategy = record.default_capacity_provider_strategy;
      }
      CO_TRY_VOID(check_providers(record.capacity_providers.value_or(std::vector<std::string>()),
                                  *in.capacity_provider_strategy));
    }
    co_return co_await services_.update(std::move(cluster), std::move(in));
  });
}

Task<Result<shape::Service>> Logic::delete_service(shape::DeleteServiceRequest in) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::Service>> {
    CO_TRY(std::string cluster, clusters_.existing(in.cluster.value_or("")));
    co_return co_await services_.remove(
        std::move(cluster), service_name(in.service),
        in.force.value_or(false) ? Services::Force::kYes : Services::Force::kNo);
  });
}

Task<Result<shape::DescribeServicesResponse>> Logic::describe_services(
    shape::DescribeServicesRequest in) {
  co_return co_await run_on(
      context_.executor, [&]() -> Task<Result<shape::DescribeServicesResponse>> {
        CO_TRY(std::string cluster, clusters_.existing(in.cluster.value_or("")));
        if (in.services.empty()) co_return invalid("Services cannot be empty.");
        if (in.services.size() > kDescribeServicesMax) {
          co_return invalid(
              fmt::format("Services cannot have more than {} elements.", kDescribeServicesMax));
        }
        bool with_tags = in.include && std::ranges::find(*in.include, "TAGS") != in.include->end();
        shape::DescribeServicesResponse out;
        out.services.emplace();
        out.failures.emplace();
        for (const auto& text : in.services) {
          const ServiceRecord* record = services_.find(cluster, service_name(text));
          if (record == nullptr) {
            shape::Failure& failure = out.failures->emplace_back();
            failure.arn = text.starts_with("arn:") ? text : context_.service_arn(cluster, text);
            failure.reason = "MISSING";
            continue;
          }
          shape::Service service = services_.describe(*record);
          if (!with_tags) service.tags.reset();
          out.services->push_back(std::move(service));
        }
        co_return out;
      });
}

Task<Result<shape::ListServicesResponse>> Logic::list_services(shape::ListServicesRequest in) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::ListServicesResponse>> {
    Services::ListQuery query;
    CO_TRY(query.cluster, clusters_.existing(in.cluster.value_or("")));
    query.launch_type = in.launch_type.value_or("");
    CO_TRY(size_t most, page_size(in.max_results, kListPageMax, kListServicesDefault));
    query.rows_max = most + 1;
    CO_TRY(query.after, parse_page_token(in.next_token));
    shape::ListServicesResponse out;
    out.service_arns.emplace();
    // Services that ECS manages itself, and those with one task a machine: there are none.
    bool has_none = in.scheduling_strategy.value_or("REPLICA") != "REPLICA" ||
                    in.resource_management_type.value_or("CUSTOMER") != "CUSTOMER";
    if (has_none) co_return out;
    std::vector<std::string> names = services_.list(query);
    if (names.size() > most) {
      names.pop_back();
      out.next_token = page_token(names.back());
    }
    for (const auto& name : names) {
      out.service_arns->push_back(context_.service_arn(query.cluster, name));
    }
    co_return out;
  });
}

}  // namespace suiro::ecs
