// SPDX-License-Identifier: Apache-2.0
// What the commands about workflows read: definitions from files, executions from a server.
#pragma once

#include <string>
#include <vector>

#include "engine/rehearsal/recorded.h"
#include "engine/workflow/plan.h"
#include "server/commands.h"

namespace suiro::server {

// Errors: kInvalidArgument with every diagnostic, one a line.
Result<std::shared_ptr<const workflow::Plan>> compile_definition(const std::string& text);
Result<std::shared_ptr<const workflow::Plan>> read_definition(const std::string& path);

struct RecordedExecution {
  std::string definition;
  std::vector<workflow::HistoryEvent> history;
};
// Errors: those of the server.
Result<RecordedExecution> fetch_execution(const ServerAddress& address, const std::string& arn);

// Children of distributed Maps that are read for a picture; more take minutes.
inline constexpr size_t kChildrenReadMax = 2'000;
struct RecordedChildren {
  std::vector<std::vector<workflow::HistoryEvent>> histories;
  uint64_t unread = 0;  // those beyond kChildrenReadMax, and Express ones: they have no history
};
// The children of the execution's Maps, not those of theirs. Errors: those of the server.
Result<RecordedChildren> fetch_children(const ServerAddress& address, const std::string& arn);

// Children of distributed Maps whose answers are read, those of children included.
inline constexpr size_t kChildrenRecordedMax = 10'000;
struct RecordedAnswers {
  std::string input;  // of the execution: JSON text
  rehearsal::MockScope answers;
  uint64_t without_history = 0;  // children: Express ones, and those whose histories are gone
};
// What the tasks of an execution answered, and those of its Maps' children, by the index of the
// child. Errors: those of the server; kTooLarge beyond kChildrenRecordedMax.
Result<RecordedAnswers> fetch_answers(const ServerAddress& address, const std::string& arn);

// How long runs of tasks, functions and workflows took on the server: medians, of functions means.
// Knows nothing where no server runs.
rehearsal::PastDuration past_durations(const ServerAddress& address);

}  // namespace suiro::server
