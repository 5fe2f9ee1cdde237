// SPDX-License-Identifier: Apache-2.0
// Map states: processor, reader, batcher, writer.
// Source: Step Functions Developer Guide, "Map workflow state" and "Distributed mode".
#include <fmt/format.h>

#include <array>

#include "engine/workflow/definition_fields.h"
#include "engine/workflow/resource.h"

namespace suiro::workflow {
namespace {

constexpr double kItemsMax = 100'000'000;
constexpr double kBatchBytesMax = 262'144;

constexpr FieldRule kProcessorFields[] = {
    {"StartAt"}, {"States"}, {"Comment"}, {"ProcessorConfig"}};
constexpr FieldRule kConfigFields[] = {{"Mode"}, {"ExecutionType"}};
constexpr FieldRule kReaderFields[] = {
    {"Resource"}, {"ReaderConfig"}, {"Parameters", In::kJsonPath}, {"Arguments", In::kJsonata}};
constexpr FieldRule kReaderConfigFields[] = {
    {"InputType"},    {"Transformation"},    {"ManifestType"},
    {"CSVDelimiter"}, {"CSVHeaderLocation"}, {"CSVHeaders"},
    {"ItemsPointer"}, {"MaxItems"},          {"MaxItemsPath", In::kJsonPath}};
constexpr FieldRule kBatcherFields[] = {{"MaxItemsPerBatch"},
                                        {"MaxInputBytesPerBatch"},
                                        {"BatchInput"},
                                        {"MaxItemsPerBatchPath", In::kJsonPath},
                                        {"MaxInputBytesPerBatchPath", In::kJsonPath}};
constexpr FieldRule kWriterFields[] = {
    {"Resource"}, {"WriterConfig"}, {"Parameters", In::kJsonPath}, {"Arguments", In::kJsonata}};
constexpr FieldRule kWriterConfigFields[] = {{"Transformation"}, {"OutputType"}};

using Names = std::string_view;
constexpr std::array kModes = {Names("INLINE"), Names("DISTRIBUTED")};
constexpr std::array kExecutionTypes = {Names("STANDARD"), Names("EXPRESS")};
// In the order of InputType.
constexpr std::array kInputTypes = {Names("CSV"), Names("JSON"), Names("JSONL"), Names("PARQUET"),
                                    Names("MANIFEST")};
constexpr std::array kReaderTransformations = {Names("NONE"), Names("LOAD_AND_FLATTEN")};
constexpr std::array kManifestTypes = {Names("ATHENA_DATA"), Names("S3_INVENTORY")};
constexpr std::array kDelimiters = {Names("COMMA"), Names("PIPE"), Names("SEMICOLON"),
                                    Names("SPACE"), Names("TAB")};
constexpr char kDelimiterCharacters[] = {',', '|', ';', ' ', '\t'};
constexpr std::array kHeaderLocations = {Names("FIRST_ROW"), Names("GIVEN")};
// In the order of Transformation.
constexpr std::array kTransformations = {Names("NONE"), Names("COMPACT"), Names("FLATTEN")};
constexpr std::array kOutputTypes = {Names("JSON"), Names("JSONL")};

// An S3 integration with one of `actions`; its text.
std::string s3_resource(Fields& fields, std::initializer_list<std::string_view> actions) {
  std::optional<std::string> arn = fields.text("Resource");
  if (!arn) return {};
  std::optional<Resource> resource = parse_resource(*arn);
  std::string examples;
  for (std::string_view action : actions) {
    if (resource && resource->kind == Resource::Kind::kIntegration && resource->service == "s3" &&
        resource->action_text() == action) {
      return *arn;
    }
    if (!examples.empty()) examples += ", ";
    examples += fmt::format("arn:<partition>:states:::s3:{}", action);
  }
  fields.compilation().error(
      fmt::format("The field 'Resource' does not match any of the allowed values. Examples: [{}]",
                  examples),
      fields.at("Resource"));
  return {};
}

std::optional<Template> request(Fields& fields) {
  return fields.payload(fields.context().is_jsonata() ? "Arguments" : "Parameters");
}

void read_csv(Fields& fields, ItemReader& reader) {
  if (!reader.input_type || *reader.input_type != InputType::kCsv) {
    for (std::string_view name : {"CSVDelimiter", "CSVHeaderLocation", "CSVHeaders"}) {
      // A manifest may lead to CSV files.
      if (!fields.has(name) || reader.input_type == InputType::kManifest || !reader.input_type) {
        continue;
      }
      fields.compilation().error(fmt::format("Field '{}' is not supported", name), fields.place());
    }
  } else if (!fields.has("CSVHeaderLocation")) {
    fields.compilation().error("The field 'CSVHeaderLocation' is required", fields.place());
  }
  if (auto index = fields.one_of("CSVDelimiter", kDelimiters)) {
    reader.csv_delimiter = kDelimiterCharacters[*index];
  }
  reader.csv_headers_given = fields.one_of("CSVHeaderLocation", kHeaderLocations) == 1;
  if (reader.csv_headers_given) fields.require({"CSVHeaders"});
  reader.csv_headers = fields.texts("CSVHeaders");
}

void read_reader_config(Fields& fields, ItemReader& reader) {
  fields.allow(kReaderConfigFields);
  if (auto index = fields.one_of("InputType", kInputTypes)) {
    reader.input_type = static_cast<InputType>(*index);
  }
  read_csv(fields, reader);
  reader.load_and_flatten = fields.one_of("Transformation", kReaderTransformations) == 1;
  if (reader.load_and_flatten && !fields.has("InputType")) fields.require({"InputType"});
  if (auto index = fields.one_of("ManifestType", kManifestTypes)) {
    reader.manifest_type_given = true;
    reader.s3_inventory = *index == 1;
    if (reader.input_type != InputType::kManifest && reader.input_type) {
      fields.compilation().error("Field 'ManifestType' is not supported", fields.place());
    }
  }
  reader.items_pointer = fields.text("ItemsPointer").value_or("");
  if (!reader.items_pointer.empty() && reader.items_pointer[0] != '/') {
    fields.compilation().error("Value must be a valid JSON Pointer", fields.at("ItemsPointer"));
  }
  reader.items_max = fields.number_or_query({"MaxItems", "MaxItemsPath", {0, kItemsMax}});
}

// The fields of an object within the state; nothing where it is absent.
template <class Read>
void within(Fields& fields, std::string_view name, Read read) {
  const json::Object* object = fields.object_of(name);
  if (object == nullptr) return;
  Fields own(fields.compilation(), *object, fields.at(name), fields.context());
  read(own);
}

void read_reader(Fields& fields, MapFields& map) {
  within(fields, "ItemReader", [&](Fields& own) {
    ItemReader& reader = map.item_reader.emplace();
    own.allow(kReaderFields);
    own.require({"Resource"});
    reader.resource = s3_resource(own, {"getObject", "listObjectsV2"});
    reader.arguments = request(own);
    within(own, "ReaderConfig", [&](Fields& config) { read_reader_config(config, reader); });
  });
}

void read_batcher(Fields& fields, MapFields& map) {
  within(fields, "ItemBatcher", [&](Fields& own) {
    ItemBatcher& batcher = map.item_batcher.emplace();
    own.allow(kBatcherFields);
    batcher.items_max = own.number_or_query({"MaxItemsPerBatch", "MaxItemsPerBatchPath", {0}});
    batcher.bytes_max = own.number_or_query(
        {"MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", {0, kBatchBytesMax}});
    batcher.batch_input = own.payload("BatchInput");
  });
}

void read_writer(Fields& fields, MapFields& map) {
  within(fields, "ResultWriter", [&](Fields& own) {
    ResultWriter& writer = map.result_writer.emplace();
    own.allow(kWriterFields);
    if (!own.has("WriterConfig")) own.require({"Resource"});
    writer.resource = s3_resource(own, {"putObject"});
    writer.arguments = request(own);
    within(own, "WriterConfig", [&](Fields& config) {
      config.allow(kWriterConfigFields);
      if (auto index = config.one_of("Transformation", kTransformations)) {
        writer.transformation = static_cast<Transformation>(*index);
        writer.transformation_given = true;
      }
      writer.jsonl = config.one_of("OutputType", kOutputTypes) == 1;
    });
  });
}

void read_config(Fields& fields, MapFields& map) {
  within(fields, "ProcessorConfig", [&](Fields& config) {
    config.allow(kConfigFields);
    map.distributed = config.one_of("Mode", kModes) == 1;
    if (!map.distributed) {
      if (config.has("ExecutionType")) {
        config.compilation().error("Field 'ExecutionType' is not supported", config.place());
      }
      return;
    }
    if (fields.context().type == MachineType::kExpress) {
      config.compilation().error(
          "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state "
          "machines",
          config.at("Mode"));
    }
    config.require({"ExecutionType"});
    map.express_children = config.one_of("ExecutionType", kExecutionTypes) == 1;
  });
}

void read_processor(Fields& fields, State& state, MapFields& map) {
  if (!fields.exactly_one({"ItemProcessor", "Iterator"})) return;
  map.old_iterator = fields.has("Iterator");
  std::string_view name = map.old_iterator ? "Iterator" : "ItemProcessor";
  const json::Object* object = fields.object_of(name);
  if (object == nullptr) return;
  map.source = json::Value(*object);
  FieldContext context = fields.context();
  context.language = context.machine_language;
  ++context.depth;
  Fields outer(fields.compilation(), *object, fields.at(name), fields.context());
  read_config(outer, map);
  if (map.distributed) {
    context.type = map.express_children ? MachineType::kExpress : MachineType::kStandard;
  }
  Fields processor(fields.compilation(), *object, fields.at(name), context);
  processor.allow(kProcessorFields);
  map.processor.parent = &state;
  compile_group(processor, map.processor);
}

void read_items(Fields& fields, MapFields& map) {
  if (fields.context().is_jsonata()) {
    map.items = fields.payload("Items");
    const json::Value* items = fields.find("Items");
    if (items != nullptr && !items->is_array() && !items->is_object() && !items->is_string()) {
      fields.compilation().error("Expected value of type [ARRAY, OBJECT, STRING]",
                                 fields.at("Items"));
    }
    return;
  }
  map.items_path = fields.path("ItemsPath");
  const json::Value* path = fields.find("ItemsPath");
  if (path == nullptr || !path->is_string()) return;
  // Of all paths of a Map this one alone may lead into the context.
  const std::string& text = path->as_string();
  if (!text.starts_with("$$") && map.items_path.path && !Query::reference_path(text)) {
    fields.compilation().error("Value is not a Reference Path", fields.at("ItemsPath"));
  }
}

// Number fields of a Map read the input and variables, not the context.
std::optional<NumberField> map_number(Fields& fields, const NumberRule& rule) {
  const json::Value* path = fields.find(rule.path_name);
  if (path != nullptr && path->is_string() && path->as_string().starts_with("$$")) {
    fields.compilation().error("Value is not a Reference Path", fields.at(rule.path_name));
    return std::nullopt;
  }
  return fields.number_or_query(rule);
}

}  // namespace

void compile_map(Fields& fields, State& state) {
  MapFields& map = state.fields.emplace<MapFields>();
  read_processor(fields, state, map);
  read_items(fields, map);
  if (!fields.context().is_jsonata()) {
    state.result_selector = fields.payload("ResultSelector");
    state.discards_result = fields.result_path(state.result_path);
    map.old_parameters = fields.has("Parameters");
    fields.at_most_one({"ItemSelector", "Parameters"});
  }
  map.item_selector = fields.payload(map.old_parameters ? "Parameters" : "ItemSelector");
  map.concurrency_max = map_number(fields, {"MaxConcurrency", "MaxConcurrencyPath", {0}});
  map.tolerated_failure_count =
      map_number(fields, {"ToleratedFailureCount", "ToleratedFailureCountPath", {0}});
  map.tolerated_failure_percentage = map_number(fields, {"ToleratedFailurePercentage",
                                                         "ToleratedFailurePercentagePath",
                                                         {0, 100},
                                                         NumberKind::kDouble});
  read_reader(fields, map);
  read_batcher(fields, map);
  read_writer(fields, map);
  map.label = fields.text("Label");
  compile_error_handlers(fields, state);
}

}  // namespace suiro::workflow
