// SPDX-License-Identifier: Apache-2.0
#include "services/states/map_run_items.h"

#include <fmt/format.h>

namespace suiro::states {
namespace {

using workflow::InputType;
using workflow::Item;
using workflow::ItemFile;

std::unexpected<Error> wrong(std::string message) {
  return fail(workflow::kItemReaderFailed, std::move(message));
}

// What S3 refuses is the reader's failure; what may pass is not.
Error reader_error(const Error& error) {
  if (error.retry == Retry::kLater || error.code == codes::kClosed) return error;
  return {std::string(workflow::kItemReaderFailed),
          fmt::format("{} (Service: S3, Error Code: {})", error.message, error.code)};
}

}  // namespace

ItemStream::ItemStream(event::Kernel& kernel, event::OperationCaller* operations,
                       const MapRunCall& call, const workflow::State& state,
                       std::string listed_after)
    : kernel_(kernel),
      operations_(operations),
      call_(call),
      fields_(std::get<workflow::MapFields>(state.fields)),
      listed_after_(std::move(listed_after)) {}

bool ItemStream::is_listing() const {
  return fields_.item_reader && fields_.item_reader->resource.ends_with(":s3:listObjectsV2");
}

std::string ItemStream::argument(std::string_view name) const {
  if (!call_.effect.reader_arguments) return "";
  const json::Value* found = call_.effect.reader_arguments->find(name);
  return found != nullptr && found->is_string() ? found->as_string() : "";
}

Result<void> ItemStream::begin() {
  if (!fields_.item_reader) {
    stage_ = Stage::kState;
    return ok();
  }
  if (call_.effect.items_max.value_or(0) < 0) return wrong("field MaxItems must be positive");
  const workflow::ItemReader& reader = *fields_.item_reader;
  if (argument("Bucket").empty()) return wrong("The ItemReader has no Bucket.");
  if (is_listing()) {
    listing_over_ = false;
    stage_ = reader.load_and_flatten ? Stage::kFiles : Stage::kListing;
    list_read_ = true;
    return ok();
  }
  if (!reader.resource.ends_with(":s3:getObject")) {
    return wrong(fmt::format("The ItemReader's resource {} is not supported.", reader.resource));
  }
  if (argument("Key").empty()) return wrong("The ItemReader has no Key.");
  stage_ = Stage::kFiles;
  return ok();
}

Task<Result<ItemChunk>> ItemStream::next() {
  if (stage_ == Stage::kStart) CO_TRY_VOID(begin());
  if (stage_ == Stage::kState) co_return next_of_state();
  if (stage_ == Stage::kListing) co_return co_await next_of_listing();
  if (stage_ == Stage::kFiles) {
    if (!list_read_) CO_TRY_VOID(co_await read_list());
    list_read_ = true;
    co_return co_await next_of_file();
  }
  co_return ItemChunk{.last = true};
}

ItemChunk ItemStream::next_of_state() {
  ItemChunk chunk{.source = "STATE_DATA"};
  const json::Value& items = call_.effect.items.value();
  const size_t count = items.is_array() ? items.as_array().size() : items.as_object().size();
  const size_t end = std::min(count, state_at_ + kStateItemsAtOnce);
  for (; state_at_ < end; ++state_at_) {
    if (items.is_array()) {
      chunk.items.push_back({items.as_array()[state_at_], std::nullopt});
    } else {
      const auto& [name, value] = items.as_object().at(state_at_);
      chunk.items.push_back({value, name});
    }
  }
  chunk.last = state_at_ == count;
  return chunk;
}

Task<Result<std::string>> ItemStream::call_s3(std::string operation, json::Object input) {
  event::OperationCaller::Request request{.service = "s3",
                                          .operation = std::move(operation),
                                          .json = json::write(std::move(input)),
                                          .principal = "states.amazonaws.com",
                                          .role_arn = call_.machine.role_arn,
                                          .source_arn = call_.machine.machine_arn,
                                          .cause = call_.cause};
  co_return co_await operations_->call(std::move(request));
}

// Only whether the role may: what is wrong with the object is told when it is opened.
Task<Result<void>> ItemStream::ask_permission(ItemFile file, std::string version) {
  if (operations_ == nullptr) co_return ok();
  json::Object input;
  input.set("Bucket", file.bucket);
  input.set("Key", file.key);
  if (!version.empty()) input.set("VersionId", version);
  auto head = co_await call_s3("HeadObject", std::move(input));
  if (head || !head.error().code.starts_with("AccessDenied")) co_return ok();
  co_return fail(reader_error(head.error()));
}

Task<Result<event::ObjectReader::Object>> ItemStream::open(ItemFile file, std::string version) {
  if (kernel_.objects == nullptr) co_return wrong("S3 is not available here.");
  CO_TRY_VOID(co_await ask_permission(file, version));
  auto object = co_await kernel_.objects->read(file.bucket, file.key, std::move(version));
  if (!object) co_return fail(reader_error(object.error()));
  if (first_etag_.empty() && !is_listing()) first_etag_ = object->etag;
  co_return *std::move(object);
}

Task<Result<Bytes>> ItemStream::read_whole(ItemFile file, std::string version) {
  CO_TRY(auto object, co_await open(std::move(file), std::move(version)));
  if (object.bytes->size_bytes() > workflow::kManifestBytesMax) {
    co_return wrong("The manifest is larger than 16 MiB.");
  }
  auto bytes = co_await object.bytes->read(0, object.bytes->size_bytes());
  if (!bytes) co_return fail(reader_error(bytes.error()));
  co_return *std::move(bytes);
}

// The files that a manifest names, or the one file itself. After a failure that may pass it is
// called again.
Task<Result<void>> ItemStream::read_list() {
  const workflow::ItemReader& reader = *fields_.item_reader;
  const ItemFile file{argument("Bucket"), argument("Key")};
  const bool is_manifest = reader.manifest_type_given || reader.input_type == InputType::kManifest;
  if (!is_manifest) {
    files_.push_back(file);
    co_return ok();
  }
  CO_TRY(const Bytes manifest, co_await read_whole(file, argument("VersionId")));
  if (!reader.s3_inventory && reader.manifest_type_given) {
    CO_TRY(auto files, workflow::parse_athena_manifest(manifest));
    files_.assign(std::make_move_iterator(files.begin()), std::make_move_iterator(files.end()));
    co_return ok();
  }
  CO_TRY(auto inventory, workflow::parse_inventory(manifest));
  lists_are_tables_ = inventory.is_parquet;
  if (!lists_are_tables_) columns_ = std::move(inventory.columns);
  files_.assign(std::make_move_iterator(inventory.files.begin()),
                std::make_move_iterator(inventory.files.end()));
  co_return ok();
}

Result<ItemStream::Parser> ItemStream::parser() const {
  const workflow::ItemReader& reader = *fields_.item_reader;
  if (columns_) return workflow::csv_items({.headers = columns_});
  if (!reader.input_type) return wrong("The ItemReader has no InputType.");
  switch (*reader.input_type) {
    case InputType::kCsv: {
      workflow::CsvOptions options{.delimiter = reader.csv_delimiter};
      if (reader.csv_headers_given) options.headers = reader.csv_headers;
      return workflow::csv_items(std::move(options));
    }
    case InputType::kJson:
      return workflow::json_items(reader.items_pointer);
    case InputType::kJsonl:
      return workflow::json_lines_items();
    case InputType::kParquet:  // next_of_table()
    case InputType::kManifest:
      break;
  }
  return wrong("An Athena manifest needs the InputType of its files.");
}

// Only the file that the state names may have a version.
std::string ItemStream::version_of(const ItemFile& file) const {
  const bool is_named =
      fields_.item_reader->resource.ends_with(":s3:getObject") && file.key == argument("Key");
  return is_named ? argument("VersionId") : "";
}

Task<Result<Bytes>> ItemStream::read_object(uint64_t offset, size_t length) {
  auto bytes = co_await object_.bytes->read(offset, length);
  if (!bytes) co_return fail(reader_error(bytes.error()));
  co_return *std::move(bytes);
}

// The file stays in the list until it is open.
Task<Result<void>> ItemStream::open_file() {
  const ItemFile file = files_.front();
  CO_TRY(auto packed, parser());
  CO_TRY(object_, co_await open(file, version_of(file)));
  files_.pop_front();
  parser_ = workflow::unpacked_items(std::move(packed));
  object_at_ = 0;
  source_ = fmt::format("S3://{}/{}", file.bucket, file.key);
  file_key_ = file.key;
  co_return ok();
}

Task<Result<ItemChunk>> ItemStream::next_of_file() {
  ItemChunk chunk;
  if (parser_ == nullptr && table_ == nullptr && files_.empty()) {
    if (listing_over_) {
      stage_ = Stage::kOver;
      co_return ItemChunk{.last = true};
    }
    CO_TRY(auto page, co_await next_of_listing());
    for (const Item& object : page.items) {
      const json::Value* key = object.value.find("Key");
      // What ends with a slash and holds nothing is a folder of S3's console.
      const json::Value* size = object.value.find("Size");
      const bool is_folder = key != nullptr && key->as_string().ends_with('/') && size != nullptr &&
                             size->is_number() && size->as_double() == 0;
      if (key != nullptr && !is_folder) files_.push_back({argument("Bucket"), key->as_string()});
    }
    co_return chunk;
  }
  if (are_tables()) co_return co_await next_of_table();
  if (parser_ == nullptr) CO_TRY_VOID(co_await open_file());
  if (parser_->pending()) {
    CO_TRY_VOID(parser_->resume(chunk.items));
  } else {
    CO_TRY(const Bytes bytes, co_await read_object(object_at_, kFileChunkBytes));
    object_at_ += bytes.size();
    CO_TRY_VOID(parser_->feed(bytes, chunk.items));
  }
  if (!parser_->pending() && object_at_ >= object_.bytes->size_bytes()) {
    CO_TRY_VOID(parser_->finish(chunk.items));
    parser_.reset();
    object_.bytes.reset();
    if (is_listing()) chunk.ended_key = file_key_;
  }
  chunk.source = source_;
  co_return chunk;
}

Task<Result<ItemChunk>> ItemStream::next_of_listing() {
  if (operations_ == nullptr) co_return wrong("S3 cannot be listed here.");
  json::Object input;
  for (const char* name : {"Bucket", "Prefix", "StartAfter", "Delimiter"}) {
    if (std::string value = argument(name); !value.empty()) input.set(name, std::move(value));
  }
  if (!listed_after_.empty()) input.set("StartAfter", listed_after_);
  if (!page_token_.empty()) input.set("ContinuationToken", page_token_);
  auto output = co_await call_s3("ListObjectsV2", std::move(input));
  if (!output) co_return fail(reader_error(output.error()));
  CO_TRY(auto listed, workflow::parse_listing(*output));
  page_token_ = listed.next_token;
  listing_over_ = page_token_.empty();
  ItemChunk chunk{.items = std::move(listed.items),
                  .source = fmt::format("S3://{}", argument("Bucket")),
                  .last = listing_over_ && stage_ == Stage::kListing,
                  .are_listed = stage_ == Stage::kListing};
  co_return chunk;
}

}  // namespace suiro::states
