// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/result_files.h"

#include <fmt/format.h>

namespace suiro::workflow {
namespace {

std::string_view status_name(ChildStatus status) {
  constexpr std::string_view kNames[] = {"PENDING", "RUNNING",   "SUCCEEDED",
                                         "FAILED",  "TIMED_OUT", "ABORTED"};
  return kNames[static_cast<size_t>(status)];
}

std::string_view file_kind_name(ResultFile kind) {
  constexpr std::string_view kNames[] = {"SUCCEEDED", "FAILED", "PENDING"};
  return kNames[static_cast<size_t>(kind)];
}

json::Object included() {
  json::Object details;
  details.set("Included", true);
  return details;
}

// Members in the order of their names, as AWS writes them.
std::string whole_entry(const ChildResult& child) {
  const bool has_run = child.status != ChildStatus::kPending;
  json::Object entry;
  if (child.cause) entry.set("Cause", *child.cause);
  if (child.error) entry.set("Error", *child.error);
  entry.set("ExecutionArn", child.arn);
  entry.set("Input", child.input);
  entry.set("InputDetails", included());
  entry.set("Name", child.name);
  if (child.output) {
    entry.set("Output", *child.output);
    entry.set("OutputDetails", included());
  }
  if (has_run) {
    entry.set("RedriveCount", static_cast<int64_t>(child.redrive_count));
    const bool succeeded = child.status == ChildStatus::kSucceeded;
    entry.set("RedriveStatus", succeeded ? "NOT_REDRIVABLE" : "REDRIVABLE_BY_MAP_RUN");
    if (succeeded) {
      entry.set("RedriveStatusReason", "Execution is SUCCEEDED and cannot be redriven");
    }
    entry.set("StartDate", format_iso8601(child.start));
  }
  entry.set("StateMachineArn", child.machine_arn);
  entry.set("Status", status_name(child.status));
  if (has_run) entry.set("StopDate", format_iso8601(child.stop));
  return json::write(entry);
}

}  // namespace

ResultFile file_of(ChildStatus status) {
  if (status == ChildStatus::kSucceeded) return ResultFile::kSucceeded;
  const bool waits = status == ChildStatus::kPending || status == ChildStatus::kRunning;
  return waits ? ResultFile::kPending : ResultFile::kFailed;
}

std::vector<std::string> result_entries(const ChildResult& child, Transformation transformation) {
  if (transformation == Transformation::kNone || child.status != ChildStatus::kSucceeded) {
    return {whole_entry(child)};
  }
  std::string output = child.output.value_or("null");
  if (transformation == Transformation::kCompact) return {std::move(output)};
  auto value = json::parse(output);
  if (!value || !value->is_array()) return {std::move(output)};
  std::vector<std::string> entries;
  for (const json::Value& element : value->as_array()) entries.push_back(json::write(element));
  return entries;
}

void ResultText::add(std::string_view entry) {
  if (form_ == ResultForm::kJson && count_ > 0) text_ += ',';
  text_ += entry;
  if (form_ == ResultForm::kJsonLines) text_ += '\n';
  ++count_;
}

std::string ResultText::take() {
  std::string text = form_ == ResultForm::kJsonLines ? std::move(text_) : "[" + text_ + "]";
  text_.clear();
  count_ = 0;
  return text;
}

std::string result_folder(std::string_view prefix, std::string_view run_uuid) {
  const bool has_slash = prefix.empty() || prefix.ends_with('/');
  return fmt::format("{}{}{}/", prefix, has_slash ? "" : "/", run_uuid);
}

std::string result_file_name(ResultFile kind, size_t number, ResultForm form) {
  return fmt::format("{}_{}.{}", file_kind_name(kind), number,
                     form == ResultForm::kJsonLines ? "jsonl" : "json");
}

std::string result_manifest(std::string_view bucket, std::string_view map_run_arn,
                            const std::vector<WrittenFile>& files) {
  json::Object by_kind;
  for (const auto kind : {ResultFile::kFailed, ResultFile::kPending, ResultFile::kSucceeded}) {
    json::Array list;
    for (const WrittenFile& file : files) {
      if (file.kind != kind) continue;
      json::Object told;
      told.set("Key", file.key);
      told.set("Size", static_cast<int64_t>(file.size_bytes));
      list.emplace_back(std::move(told));
    }
    by_kind.set(std::string(file_kind_name(kind)), std::move(list));
  }
  json::Object manifest;
  manifest.set("DestinationBucket", bucket);
  manifest.set("MapRunArn", map_run_arn);
  manifest.set("ResultFiles", std::move(by_kind));
  return json::write(manifest);
}

std::string writer_result(std::string_view map_run_arn, std::string_view bucket,
                          std::string_view manifest_key) {
  json::Object details;
  details.set("Bucket", bucket);
  details.set("Key", manifest_key);
  json::Object result;
  result.set("MapRunArn", map_run_arn);
  result.set("ResultWriterDetails", std::move(details));
  return json::write(result);
}

}  // namespace suiro::workflow
