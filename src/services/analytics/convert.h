// SPDX-License-Identifier: Apache-2.0
// Between the shapes of both API versions and the service's own types. The shapes of the two have
// the same members but for roles, which version 2 keeps once for an application. No rules but those
// of the form: exactly one source, one destination.
#pragma once

#include <concepts>

#include "services/analytics/errors.h"
#include "services/analytics/logic.h"

namespace suiro::analytics {

template <class T>
std::string role_of(const T& in) {
  if constexpr (requires { in.role_arn; }) return in.role_arn;
  return "";
}

// A member that one version requires and the other leaves out where there is none.
template <class Slot>
void set(Slot& slot, const std::string& text) {
  if constexpr (std::same_as<Slot, std::string>) {
    slot = text;
  } else if (!text.empty()) {
    slot = text;
  }
}

inline Format format_named(std::string_view name) {
  return name == "CSV" ? Format::kCsv : Format::kJson;
}

inline StartAt start_named(const std::optional<std::string>& name) {
  for (StartAt at : {StartAt::kNow, StartAt::kTrimHorizon, StartAt::kLastStoppedPoint}) {
    if (name && *name == name_of(at)) return at;
  }
  return StartAt::kNone;
}

// --- In: parts ---------------------------------------------------------------------------------

template <class In>
RecordFormat to_record_format(const In& in) {
  RecordFormat out{.format = format_named(in.record_format_type)};
  if (!in.mapping_parameters) return out;
  if (const auto& json = in.mapping_parameters->json_mapping_parameters) {
    out.row_path = json->record_row_path;
  }
  if (const auto& csv = in.mapping_parameters->csv_mapping_parameters) {
    out.row_delimiter = csv->record_row_delimiter;
    out.column_delimiter = csv->record_column_delimiter;
  }
  return out;
}

template <class In>
std::vector<Column> to_columns(const In& in) {
  std::vector<Column> out;
  for (const auto& column : in) {
    out.push_back({column.name, column.sql_type, column.mapping.value_or("")});
  }
  return out;
}

template <class In>
Schema to_schema(const In& in) {
  return {to_record_format(in.record_format), in.record_encoding.value_or(""),
          to_columns(in.record_columns)};
}

template <class In>
Resource to_processor(const In& in) {
  const auto& function = in.input_lambda_processor;
  return {function.resource_arn, role_of(function)};
}

inline std::unexpected<Error> no_delivery_input() {
  return unsupported(
      "KinesisFirehoseInput is not allowed: Suiro's delivery streams cannot be read. Read the "
      "stream that feeds them instead.");
}

template <class In>
Result<Input> to_input(const In& in) {
  if (in.kinesis_firehose_input) return no_delivery_input();
  if (!in.kinesis_streams_input) return invalid("An input needs KinesisStreamsInput");
  Input out{.prefix = in.name_prefix,
            .stream = {in.kinesis_streams_input->resource_arn, role_of(*in.kinesis_streams_input)},
            .schema = to_schema(in.input_schema)};
  if (in.input_processing_configuration) {
    out.processor = to_processor(*in.input_processing_configuration);
  }
  if (in.input_parallelism && in.input_parallelism->count) {
    out.parallelism = static_cast<uint32_t>(*in.input_parallelism->count);
  }
  return out;
}

template <class In>
Result<Output> to_output(const In& in) {
  Output out{.stream = in.name, .format = format_named(in.destination_schema.record_format_type)};
  int destinations = 0;
  auto take = [&](const auto& target, Destination kind) {
    if (!target) return;
    ++destinations;
    out.kind = kind;
    out.target = {target->resource_arn, role_of(*target)};
  };
  take(in.kinesis_streams_output, Destination::kStream);
  take(in.kinesis_firehose_output, Destination::kDelivery);
  take(in.lambda_output, Destination::kFunction);
  if (destinations == 1) return out;
  return invalid(fmt::format("Output {} needs exactly one destination", in.name));
}

template <class In>
Result<Reference> to_reference(const In& in) {
  if (!in.s3_reference_data_source) return invalid("A reference needs S3ReferenceDataSource");
  const auto& source = *in.s3_reference_data_source;
  Reference out{.table = in.table_name, .schema = to_schema(in.reference_schema)};
  if constexpr (requires { source.reference_role_arn; }) {
    out.bucket_arn = source.bucket_arn;
    out.key = source.file_key;
    out.role = source.reference_role_arn;
  } else {
    out.bucket_arn = source.bucket_arn.value_or("");
    out.key = source.file_key.value_or("");
  }
  return out;
}

template <class In>
LoggingOption to_logging(const In& in) {
  return {.log_stream_arn = in.log_stream_arn, .role = role_of(in)};
}

template <class In>
std::map<std::string, std::string> to_tags(const In& in) {
  std::map<std::string, std::string> out;
  for (const auto& tag : in) out[tag.key] = tag.value.value_or("");
  return out;
}

// Each of a list, which may be absent.
template <class In, class Part, class Convert>
Result<void> add_all(const In& in, std::vector<Part>& out, Convert convert) {
  if (!in) return ok();
  for (const auto& part : *in) {
    TRY(Part made, convert(part));
    out.push_back(std::move(made));
  }
  return ok();
}

// --- In: updates -------------------------------------------------------------------------------

template <class Update>
void update_resource(Resource& resource, const Update& update) {
  if constexpr (requires { update.role_arn_update; }) {
    if (update.resource_arn_update) resource.arn = *update.resource_arn_update;
    if (update.role_arn_update) resource.role = *update.role_arn_update;
  } else {
    resource.arn = update.resource_arn_update;
  }
}

template <class Update>
Result<void> update_input(Input& input, const Update& update) {
  if (update.kinesis_firehose_input_update) return no_delivery_input();
  if (update.name_prefix_update) input.prefix = *update.name_prefix_update;
  if (update.kinesis_streams_input_update) {
    update_resource(input.stream, *update.kinesis_streams_input_update);
  }
  if (const auto& processing = update.input_processing_configuration_update) {
    if (!input.processor) input.processor.emplace();
    update_resource(*input.processor, processing->input_lambda_processor_update);
  }
  if (const auto& schema = update.input_schema_update) {
    if (schema->record_format_update) {
      input.schema.record = to_record_format(*schema->record_format_update);
    }
    if (schema->record_encoding_update) input.schema.encoding = *schema->record_encoding_update;
    if (schema->record_column_updates) {
      input.schema.columns = to_columns(*schema->record_column_updates);
    }
  }
  if (const auto& parallelism = update.input_parallelism_update) {
    if constexpr (requires { parallelism->count_update.has_value(); }) {
      if (parallelism->count_update) {
        input.parallelism = static_cast<uint32_t>(*parallelism->count_update);
      }
    } else {
      input.parallelism = static_cast<uint32_t>(parallelism->count_update);
    }
  }
  return ok();
}

template <class Update>
Result<void> update_output(Output& output, const Update& update) {
  if (update.name_update) output.stream = *update.name_update;
  int destinations = 0;
  auto take = [&](const auto& target, Destination kind) {
    if (!target) return;
    ++destinations;
    if (output.kind != kind) output.target = {};
    output.kind = kind;
    update_resource(output.target, *target);
  };
  take(update.kinesis_streams_output_update, Destination::kStream);
  take(update.kinesis_firehose_output_update, Destination::kDelivery);
  take(update.lambda_output_update, Destination::kFunction);
  if (destinations > 1) return invalid("An output has one destination");
  if (update.destination_schema_update) {
    output.format = format_named(update.destination_schema_update->record_format_type);
  }
  return ok();
}

template <class Update>
Result<void> update_reference(Reference& reference, const Update& update) {
  if (update.table_name_update) reference.table = *update.table_name_update;
  if (const auto& source = update.s3_reference_data_source_update) {
    if (source->bucket_arn_update) reference.bucket_arn = *source->bucket_arn_update;
    if (source->file_key_update) reference.key = *source->file_key_update;
    if constexpr (requires { source->reference_role_arn_update; }) {
      if (source->reference_role_arn_update) reference.role = *source->reference_role_arn_update;
    }
  }
  if (update.reference_schema_update) reference.schema = to_schema(*update.reference_schema_update);
  return ok();
}

template <class Update>
Result<void> update_logging(LoggingOption& option, const Update& update) {
  if (update.log_stream_arn_update) option.log_stream_arn = *update.log_stream_arn_update;
  if constexpr (requires { update.role_arn_update; }) {
    if (update.role_arn_update) option.role = *update.role_arn_update;
  }
  return ok();
}

// The part with an id. Errors: ResourceNotFoundException.
template <class Part>
Result<Part*> find_part(std::vector<Part>& parts, const std::string& id) {
  for (Part& part : parts) {
    if (part.id == id) return &part;
  }
  return no_such_id(id);
}

template <class Part, class Updates, class Id, class Update>
Result<void> update_all(std::vector<Part>& parts, const Updates& updates, Id id, Update update) {
  if (!updates) return ok();
  for (const auto& one : *updates) {
    TRY(Part * part, find_part(parts, one.*id));
    TRY_VOID(update(*part, one));
  }
  return ok();
}

// --- Out ---------------------------------------------------------------------------------------

template <class Out>
Out describe_schema(const Schema& schema) {
  Out out;
  const RecordFormat& record = schema.record;
  out.record_format.record_format_type = name_of(record.format);
  if (record.format == Format::kCsv) {
    auto& csv = out.record_format.mapping_parameters.emplace().csv_mapping_parameters.emplace();
    csv.record_row_delimiter = record.row_delimiter;
    csv.record_column_delimiter = record.column_delimiter;
  } else if (!record.row_path.empty()) {
    auto& json = out.record_format.mapping_parameters.emplace().json_mapping_parameters.emplace();
    json.record_row_path = record.row_path;
  }
  set(out.record_encoding, schema.encoding);
  for (const Column& column : schema.columns) {
    auto& made = out.record_columns.emplace_back();
    made.name = column.name;
    made.sql_type = column.sql_type;
    set(made.mapping, column.mapping);
  }
  return out;
}

template <class Slot>
void describe_resource(Slot& slot, const Resource& resource) {
  auto& out = slot.emplace();
  out.resource_arn = resource.arn;
  set(out.role_arn, resource.role);
}

template <class Out>
Out describe_input(const Input& input) {
  Out out;
  out.input_id = input.id;
  out.name_prefix = input.prefix;
  out.in_app_stream_names = input.stream_names();
  if (input.processor) {
    auto& processing = out.input_processing_configuration_description.emplace();
    describe_resource(processing.input_lambda_processor_description, *input.processor);
  }
  describe_resource(out.kinesis_streams_input_description, input.stream);
  using SchemaOut = typename decltype(out.input_schema)::value_type;
  out.input_schema = describe_schema<SchemaOut>(input.schema);
  out.input_parallelism.emplace().count = static_cast<int32_t>(input.parallelism);
  auto& position = out.input_starting_position_configuration.emplace();
  set(position.input_starting_position, std::string(name_of(input.start_at)));
  return out;
}

template <class Out>
Out describe_output(const Output& output) {
  Out out;
  out.output_id = output.id;
  out.name = output.stream;
  switch (output.kind) {
    case Destination::kStream:
      describe_resource(out.kinesis_streams_output_description, output.target);
      break;
    case Destination::kDelivery:
      describe_resource(out.kinesis_firehose_output_description, output.target);
      break;
    case Destination::kFunction:
      describe_resource(out.lambda_output_description, output.target);
      break;
  }
  out.destination_schema.emplace().record_format_type = name_of(output.format);
  return out;
}

template <class Out>
Out describe_reference(const Reference& reference) {
  Out out;
  out.reference_id = reference.id;
  out.table_name = reference.table;
  auto& source = out.s3_reference_data_source_description;
  source.bucket_arn = reference.bucket_arn;
  source.file_key = reference.key;
  set(source.reference_role_arn, reference.role);
  using SchemaOut = typename decltype(out.reference_schema)::value_type;
  out.reference_schema = describe_schema<SchemaOut>(reference.schema);
  return out;
}

template <class Out>
Out describe_logging(const LoggingOption& option) {
  Out out;
  out.cloud_watch_logging_option_id = option.id;
  out.log_stream_arn = option.log_stream_arn;
  set(out.role_arn, option.role);
  return out;
}

template <class Out, class Part, class Describe>
void describe_all(std::optional<std::vector<Out>>& slot, const std::vector<Part>& parts,
                  Describe describe) {
  slot.emplace();
  for (const Part& part : parts) slot->push_back(describe(part));
}

// The three lists that both versions have, under the same names.
template <class Out>
void describe_parts(Out& out, const Configuration& c) {
  using In = typename decltype(out.input_descriptions)::value_type::value_type;
  using To = typename decltype(out.output_descriptions)::value_type::value_type;
  using Table = typename decltype(out.reference_data_source_descriptions)::value_type::value_type;
  describe_all(out.input_descriptions, c.inputs, describe_input<In>);
  describe_all(out.output_descriptions, c.outputs, describe_output<To>);
  describe_all(out.reference_data_source_descriptions, c.references, describe_reference<Table>);
}

template <class Out>
void describe_tags(std::optional<std::vector<Out>>& slot,
                   const std::map<std::string, std::string>& tags) {
  slot.emplace();
  for (const auto& [key, value] : tags) {
    Out tag;
    tag.key = key;
    tag.value = value;
    slot->push_back(std::move(tag));
  }
}

// --- Edits -------------------------------------------------------------------------------------

template <class Part>
Logic::Edit edit_add(std::vector<Part> Configuration::* list, Part part) {
  return [list, part = std::move(part)](Configuration& c, const Logic::NewId& id) -> Result<void> {
    Part made = part;
    made.id = id();
    (c.*list).push_back(std::move(made));
    return ok();
  };
}

template <class Part>
Logic::Edit edit_remove(std::vector<Part> Configuration::* list, std::string id) {
  return [list, id = std::move(id)](Configuration& c, const Logic::NewId&) -> Result<void> {
    if (std::erase_if(c.*list, [&](const Part& part) { return part.id == id; }) != 0) return ok();
    return no_such_id(id);
  };
}

inline Logic::Edit edit_processor(std::string id, std::optional<Resource> processor) {
  return [id = std::move(id), processor = std::move(processor)](
             Configuration& c, const Logic::NewId&) -> Result<void> {
    TRY(Input * input, find_part(c.inputs, id));
    if (!processor && !input->processor) {
      return no_such("InputProcessingConfiguration of input", id);
    }
    input->processor = processor;
    return ok();
  };
}

// The updates of parts, which both versions list under the same names.
template <class Updates>
Result<void> apply_updates(Configuration& c, const Updates& updates) {
  if (updates.input_updates) {
    using One = typename decltype(updates.input_updates)::value_type::value_type;
    TRY_VOID(update_all(c.inputs, updates.input_updates, &One::input_id, update_input<One>));
  }
  if (updates.output_updates) {
    using One = typename decltype(updates.output_updates)::value_type::value_type;
    TRY_VOID(update_all(c.outputs, updates.output_updates, &One::output_id, update_output<One>));
  }
  if (updates.reference_data_source_updates) {
    using One = typename decltype(updates.reference_data_source_updates)::value_type::value_type;
    TRY_VOID(update_all(c.references, updates.reference_data_source_updates, &One::reference_id,
                        update_reference<One>));
  }
  return ok();
}

template <class Updates>
Result<void> apply_logging_updates(Configuration& c, const Updates& updates) {
  if (!updates) return ok();
  using One = typename Updates::value_type::value_type;
  return update_all(c.logging, updates, &One::cloud_watch_logging_option_id, update_logging<One>);
}

}  // namespace suiro::analytics
