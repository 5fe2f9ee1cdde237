// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/api_shapes.h"

namespace suiro::lambda {
namespace {

using shapes::Call;

// What belongs to Kafka and document databases.
template <class Input>
Result<void> refuse_unsupported(const Input& input) {
  auto refuse = [](std::string_view name) {
    return unsupported(fmt::format(
        "The parameter {} (Suiro's mappings read from SQS queues and Kinesis streams)", name));
  };
  if (input.amazon_managed_kafka_event_source_config ||
      input.self_managed_kafka_event_source_config)
    return refuse("KafkaEventSourceConfig");
  if (input.destination_config && input.destination_config->on_success &&
      !input.destination_config->on_success->destination.value_or("").empty()) {
    return refuse("DestinationConfig.OnSuccess");
  }
  if (input.document_db_event_source_config) return refuse("DocumentDBEventSourceConfig");
  if (input.kms_key_arn && !input.kms_key_arn->empty()) return refuse("KMSKeyArn");
  if (input.logging_config) return refuse("LoggingConfig");
  if (input.metrics_config && input.metrics_config->metrics &&
      !input.metrics_config->metrics->empty()) {
    return refuse("MetricsConfig");
  }
  if (input.provisioned_poller_config) return refuse("ProvisionedPollerConfig");
  if (input.source_access_configurations && !input.source_access_configurations->empty()) {
    return refuse("SourceAccessConfigurations");
  }
  return ok();
}

template <class Input>
Result<MappingChange> change_of(const Input& input) {
  TRY_VOID(refuse_unsupported(input));
  MappingChange change;
  change.batch_size = input.batch_size;
  change.window_s = input.maximum_batching_window_in_seconds;
  change.enabled = input.enabled;
  if (input.scaling_config) {
    change.concurrency_max = input.scaling_config->maximum_concurrency;
    change.clear_concurrency = !change.concurrency_max;
  }
  if (input.function_response_types) {
    for (const std::string& type : *input.function_response_types) {
      if (type != "ReportBatchItemFailures") {
        return fail(kValidation, fmt::format("The function response type {} is invalid.", type));
      }
    }
    change.report_failures = !input.function_response_types->empty();
  }
  if (input.filter_criteria) {
    change.filters.emplace();
    if (input.filter_criteria->filters) {
      for (const auto& filter : *input.filter_criteria->filters) {
        change.filters->push_back(filter.pattern.value_or(""));
      }
    }
  }
  change.bisect = input.bisect_batch_on_function_error;
  change.parallelization = input.parallelization_factor;
  change.record_age_max_s = input.maximum_record_age_in_seconds;
  change.retries_max = input.maximum_retry_attempts;
  change.tumbling_window_s = input.tumbling_window_in_seconds;
  if (input.destination_config && input.destination_config->on_failure) {
    change.on_failure_arn = input.destination_config->on_failure->destination.value_or("");
  }
  return change;
}

void describe_stream(const Mapping& mapping, shape::EventSourceMappingConfiguration& output) {
  auto or_none = [](const std::optional<uint32_t>& value) {
    return value ? static_cast<int32_t>(*value) : -1;
  };
  output.starting_position = mapping.starting_position;
  if (mapping.starting_position == "AT_TIMESTAMP") {
    output.starting_position_timestamp = mapping.starting_at;
  }
  output.parallelization_factor = static_cast<int32_t>(mapping.parallelization);
  output.bisect_batch_on_function_error = mapping.bisect;
  output.maximum_record_age_in_seconds = or_none(mapping.record_age_max_s);
  output.maximum_retry_attempts = or_none(mapping.retries_max);
  output.tumbling_window_in_seconds = static_cast<int32_t>(mapping.tumbling_window_s);
  output.destination_config.emplace();
  output.destination_config->on_failure.emplace();
  if (!mapping.on_failure_arn.empty()) {
    output.destination_config->on_failure->destination = mapping.on_failure_arn;
  }
}

shape::EventSourceMappingConfiguration mapping_of(Api& api, const MappingView& view) {
  const Mapping& mapping = view.mapping;
  shape::EventSourceMappingConfiguration output;
  output.uuid = mapping.uuid;
  output.event_source_arn = mapping.source_arn;
  output.event_source_mapping_arn =
      fmt::format("arn:aws:lambda:{}:{}:event-source-mapping:{}", api.context.place.region,
                  api.context.place.account, mapping.uuid);
  output.function_arn = view.function_arn;
  output.batch_size = static_cast<int32_t>(mapping.batch_size);
  output.maximum_batching_window_in_seconds = static_cast<int32_t>(mapping.window_s);
  output.last_modified = mapping.last_modified;
  output.state = view.state;
  output.state_transition_reason = "USER_INITIATED";
  if (!view.last_result.empty()) output.last_processing_result = view.last_result;
  output.function_response_types.emplace();
  if (mapping.report_failures) {
    output.function_response_types->push_back("ReportBatchItemFailures");
  }
  if (!mapping.starting_position.empty()) describe_stream(mapping, output);
  if (mapping.concurrency_max) {
    output.scaling_config = shape::ScalingConfig{static_cast<int32_t>(*mapping.concurrency_max)};
  }
  if (!mapping.filters.empty()) {
    output.filter_criteria.emplace();
    output.filter_criteria->filters.emplace();
    for (const std::string& filter : mapping.filters) {
      output.filter_criteria->filters->push_back(shape::Filter{filter});
    }
  }
  return output;
}

Task<Result<shape::EventSourceMappingConfiguration>> create_mapping(
    Api& api, Call&, shape::CreateEventSourceMappingRequest input) {
  CO_TRY(MappingChange change, change_of(input));
  if (input.self_managed_event_source || input.topics || input.queues) {
    co_return unsupported("An event source other than an SQS queue or a Kinesis stream");
  }
  change.starting_position = input.starting_position;
  change.starting_at = input.starting_position_timestamp;
  if (input.tags && !input.tags->empty()) co_return unsupported("Tagging event source mappings");
  if (!input.event_source_arn) {
    co_return fail(kInvalidParameter,
                   "EventSourceArn is required: the ARN of an SQS queue or a Kinesis stream.");
  }
  CO_TRY(change.function, name_of(api, input.function_name));
  CO_TRY(MappingView view,
         co_await api.logic.create_mapping(*std::move(input.event_source_arn), std::move(change)));
  co_return mapping_of(api, view);
}

Task<Result<shape::EventSourceMappingConfiguration>> get_mapping(
    Api& api, Call&, shape::GetEventSourceMappingRequest input) {
  CO_TRY(MappingView view, co_await api.logic.get_mapping(std::move(input.uuid)));
  co_return mapping_of(api, view);
}

Task<Result<shape::EventSourceMappingConfiguration>> update_mapping(
    Api& api, Call&, shape::UpdateEventSourceMappingRequest input) {
  CO_TRY(MappingChange change, change_of(input));
  if (input.function_name) {
    CO_TRY(change.function, name_of(api, *input.function_name));
  }
  CO_TRY(MappingView view,
         co_await api.logic.update_mapping(std::move(input.uuid), std::move(change)));
  co_return mapping_of(api, view);
}

Task<Result<shape::EventSourceMappingConfiguration>> delete_mapping(
    Api& api, Call&, shape::DeleteEventSourceMappingRequest input) {
  CO_TRY(MappingView view, co_await api.logic.delete_mapping(std::move(input.uuid)));
  co_return mapping_of(api, view);
}

Task<Result<shape::ListEventSourceMappingsResponse>> list_mappings(
    Api& api, Call&, shape::ListEventSourceMappingsRequest input) {
  Logic::MappingFilter filter{input.event_source_arn.value_or(""), ""};
  if (input.function_name) {
    CO_TRY(FunctionName name, name_of(api, *input.function_name));
    filter.function = std::move(name.name);
  }
  CO_TRY(Page<MappingView> page,
         co_await api.logic.list_mappings(
             std::move(filter), page_of(input.marker, input.max_items, kListMappingsMax)));
  shape::ListEventSourceMappingsResponse output;
  output.event_source_mappings.emplace();
  for (const MappingView& view : page.items) {
    output.event_source_mappings->push_back(mapping_of(api, view));
  }
  output.next_marker = marker_of(std::move(page.next_marker));
  co_return output;
}

}  // namespace

void add_mapping_operations(shapes::Registry& registry, Api& api) {
  namespace op = shape::op;
  add_operation<op::CreateEventSourceMapping>(registry, api, create_mapping);
  add_operation<op::GetEventSourceMapping>(registry, api, get_mapping);
  add_operation<op::UpdateEventSourceMapping>(registry, api, update_mapping);
  add_operation<op::DeleteEventSourceMapping>(registry, api, delete_mapping);
  add_operation<op::ListEventSourceMappings>(registry, api, list_mappings);
}

}  // namespace suiro::lambda
