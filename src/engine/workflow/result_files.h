// SPDX-License-Identifier: Apache-2.0
// What a distributed Map tells of its children: as the state's output, or in files that its
// ResultWriter writes:
//
//   PREFIX/MAP-RUN-UUID/manifest.json
//   PREFIX/MAP-RUN-UUID/SUCCEEDED_0.json, FAILED_0.json, PENDING_0.json, ..._1.json, ...
//
// FAILED files hold the children that failed, timed out or were aborted.
// Source: Step Functions Developer Guide, "ResultWriter (Map)".
// Threads: values; one at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/workflow/map_run.h"
#include "engine/workflow/plan.h"

namespace suiro::workflow {

// AWS writes files of up to 5 GB; smaller ones bound the memory. Readers follow the manifest.
inline constexpr size_t kResultFileBytesMax = 4 << 20;

struct ChildResult {
  std::string arn;
  std::string name;
  std::string machine_arn;
  ChildStatus status = ChildStatus::kSucceeded;
  std::string input;
  std::optional<std::string> output;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  TimePoint start;  // kPending: not told
  TimePoint stop;
  uint64_t redrive_count = 0;
};

enum class ResultForm : uint8_t { kJson, kJsonLines };
enum class ResultFile : uint8_t { kSucceeded, kFailed, kPending };
inline constexpr size_t kResultFileKinds = 3;
ResultFile file_of(ChildStatus status);

// JSON texts: what one child adds to the results. FLATTEN gives the elements of an output that is
// an array. A child that did not succeed is always told with all that is known of it (NONE).
std::vector<std::string> result_entries(const ChildResult& child, Transformation transformation);

// One text of entries: a JSON array, or a line each.
class ResultText {
 public:
  explicit ResultText(ResultForm form) : form_(form) {}
  void add(std::string_view entry);
  size_t size_bytes() const { return text_.size() + 2; }
  bool empty() const { return count_ == 0; }
  // The text; empty again afterwards.
  std::string take();

 private:
  ResultForm form_;
  size_t count_ = 0;
  std::string text_;
};

struct WrittenFile {
  ResultFile kind = ResultFile::kSucceeded;
  std::string key;
  uint64_t size_bytes = 0;
};
// "PREFIX/UUID/"
std::string result_folder(std::string_view prefix, std::string_view run_uuid);
// "SUCCEEDED_0.json"
std::string result_file_name(ResultFile kind, size_t number, ResultForm form);
std::string result_manifest(std::string_view bucket, std::string_view map_run_arn,
                            const std::vector<WrittenFile>& files);
// The state's result when files were written.
std::string writer_result(std::string_view map_run_arn, std::string_view bucket,
                          std::string_view manifest_key);

}  // namespace suiro::workflow
