// SPDX-License-Identifier: Apache-2.0
#include "services/states/map_run_results.h"

#include <fmt/format.h>

#include "engine/workflow/item_batch.h"
#include "services/states/map_run_names.h"

namespace suiro::states {
namespace {

using workflow::ChildResult;
using workflow::ChildStatus;
using workflow::ResultFile;
using workflow::ResultForm;
using workflow::ResultText;
using workflow::Transformation;

constexpr std::string_view kDataLimitExceeded = "States.DataLimitExceeded";
constexpr std::string_view kResultWriterFailed = "States.ResultWriterFailed";
constexpr size_t kPageRows = 500;
constexpr size_t kPageBytes = 4 << 20;

const workflow::MapFields& fields_of(const MapRunCall& call) {
  return std::get<workflow::MapFields>(call.machine.plan->by_name.at(call.effect.state)->fields);
}

void take_end(ChildResult& child, RunEnd end) {
  child.status = end.status;
  child.start = end.start;
  child.stop = end.stop;
  child.redrive_count = end.redrive_count;
  child.output = std::move(end.output);
  child.error = std::move(end.error);
  child.cause = std::move(end.cause);
}

}  // namespace

RunResults::RunResults(event::Kernel& kernel, event::OperationCaller* operations,
                       const MapRunCall& call, const ChildFamily& family, uint64_t children)
    : kernel_(kernel),
      operations_(operations),
      call_(call),
      family_(family),
      fields_(fields_of(call)),
      children_(children),
      run_(run_of_arn(family.map_run_arn).value()),
      transformation_(writes_files() ? Transformation::kNone : Transformation::kCompact) {
  if (!fields_.result_writer) return;
  if (fields_.result_writer->transformation_given) {
    transformation_ = fields_.result_writer->transformation;
  }
  if (fields_.result_writer->jsonl) form_ = ResultForm::kJsonLines;
}

bool RunResults::writes_files() const {
  return fields_.result_writer && !fields_.result_writer->resource.empty();
}

Task<Result<std::string>> RunResults::make() {
  if (writes_files()) co_return co_await write_files();
  co_return co_await make_output();
}

// Inputs from `from` on, and what is known of their ends.
Task<Result<RunResults::Page>> RunResults::read(uint64_t from) const {
  Page page;
  CO_TRY(const auto inputs,
         co_await kernel_.store.scan({.range = keys::map_run_inputs(run_, from, children_),
                                      .rows_max = kPageRows,
                                      .bytes_max = kPageBytes}));
  for (const store::Entry& entry : inputs.entries) {
    CO_TRY(RunInput input, decode_run_input(entry.value));
    ChildResult child{.name = child_name(run_, keys::index_of(entry.key)),
                      .machine_arn = family_.machine.machine_arn,
                      .status = ChildStatus::kPending,
                      .input = std::move(input.text)};
    child.arn = child_arn(family_.map_run_arn, family_.machine.type, child.name);
    page.children.push_back(std::move(child));
  }
  page.next = from + page.children.size();
  CO_TRY(const auto ends,
         co_await kernel_.store.scan({.range = keys::map_run_ends(run_, from, page.next),
                                      .rows_max = kPageRows,
                                      .bytes_max = kPageBytes}));
  for (const store::Entry& entry : ends.entries) {
    CO_TRY(RunEnd end, decode_run_end(entry.value));
    take_end(page.children[keys::index_of(entry.key) - from], std::move(end));
  }
  if (ends.more) {  // the children behind the last of them belong to the next page
    page.next = keys::index_of(ends.entries.back().key) + 1;
    page.children.erase(page.children.begin() + static_cast<std::ptrdiff_t>(page.next - from),
                        page.children.end());
  }
  co_return page;
}

Task<Result<std::string>> RunResults::make_output() {
  ResultText text(form_);
  for (uint64_t at = 0; at < children_;) {
    CO_TRY(const Page page, co_await read(at));
    if (page.children.empty()) co_return fail(codes::kCorrupt, "inputs of a map run are missing");
    at = page.next;
    for (const ChildResult& child : page.children) {
      for (const std::string& entry : workflow::result_entries(child, transformation_)) {
        text.add(entry);
      }
      if (text.size_bytes() > workflow::kChildInputBytesMax) {
        co_return fail(kDataLimitExceeded,
                       fmt::format("The state/task '{}' returned a result with a size exceeding "
                                   "the maximum number of bytes service limit.",
                                   call_.effect.state));
      }
    }
  }
  std::string output = text.take();
  // A state's output is JSON: lines are a text in it.
  if (form_ == ResultForm::kJsonLines) output = json::write(json::Value(std::move(output)));
  co_return output;
}

std::string RunResults::argument(std::string_view name) const {
  if (!call_.effect.writer_arguments) return "";
  const json::Value* found = call_.effect.writer_arguments->find(name);
  return found != nullptr && found->is_string() ? found->as_string() : "";
}

Task<Result<std::string>> RunResults::write_files() {
  texts_.assign(workflow::kResultFileKinds, ResultText(form_));
  numbers_ = {};
  written_.clear();
  if (argument("Bucket").empty()) {
    co_return fail(kResultWriterFailed, "The ResultWriter has no Bucket.");
  }
  for (uint64_t at = 0; at < children_;) {
    CO_TRY(const Page page, co_await read(at));
    if (page.children.empty()) co_return fail(codes::kCorrupt, "inputs of a map run are missing");
    at = page.next;
    for (const ChildResult& child : page.children) {
      for (std::string& entry : workflow::result_entries(child, transformation_)) {
        CO_TRY_VOID(co_await add_to_file(workflow::file_of(child.status), std::move(entry)));
      }
    }
  }
  for (const auto kind : {ResultFile::kSucceeded, ResultFile::kFailed, ResultFile::kPending}) {
    if (!texts_[static_cast<size_t>(kind)].empty()) CO_TRY_VOID(co_await flush(kind));
  }
  const std::string key =
      workflow::result_folder(argument("Prefix"), uuid_text(run_)) + "manifest.json";
  const std::string bucket = argument("Bucket");
  CO_TRY_VOID(co_await put(key, workflow::result_manifest(bucket, family_.map_run_arn, written_)));
  co_return workflow::writer_result(family_.map_run_arn, bucket, key);
}

Task<Result<void>> RunResults::add_to_file(ResultFile kind, std::string entry) {
  ResultText& text = texts_[static_cast<size_t>(kind)];
  if (!text.empty() && text.size_bytes() + entry.size() + 1 > workflow::kResultFileBytesMax) {
    CO_TRY_VOID(co_await flush(kind));
  }
  text.add(entry);
  co_return ok();
}

Task<Result<void>> RunResults::flush(ResultFile kind) {
  const size_t number = numbers_[static_cast<size_t>(kind)]++;
  std::string key = workflow::result_folder(argument("Prefix"), uuid_text(run_)) +
                    workflow::result_file_name(kind, number, form_);
  std::string body = texts_[static_cast<size_t>(kind)].take();
  written_.push_back({kind, key, body.size()});
  co_return co_await put(std::move(key), std::move(body));
}

Task<Result<void>> RunResults::put(std::string key, std::string body) {
  if (operations_ == nullptr) {
    co_return fail(kResultWriterFailed, "S3 is not available here.");
  }
  json::Object input;
  input.set("Bucket", argument("Bucket"));
  input.set("Key", std::move(key));
  input.set("Body", std::move(body));
  input.set("ContentType", "application/json");
  event::OperationCaller::Request request{.service = "s3",
                                          .operation = "PutObject",
                                          .json = json::write(std::move(input)),
                                          .principal = "states.amazonaws.com",
                                          .role_arn = call_.machine.role_arn,
                                          .source_arn = call_.machine.machine_arn,
                                          .cause = call_.cause};
  auto done = co_await operations_->call(std::move(request));
  if (done) co_return ok();
  const Error& error = done.error();
  if (error.retry == Retry::kLater || error.code == codes::kClosed) co_return fail(error);
  co_return fail(kResultWriterFailed,
                 fmt::format("{} (Service: S3, Error Code: {})", error.message, error.code));
}

}  // namespace suiro::states
