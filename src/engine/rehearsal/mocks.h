// SPDX-License-Identifier: Apache-2.0
// Mocks: what the tasks of a rehearsal answer, and after how long. A JSON document:
//
//   {"states":    {"Post": {"result": {"ok": true}, "seconds": 2.5},
//                  "Book": [{"error": "Ledger.Busy", "cause": "locked", "seconds": 1}, {"echo":
//                  true}], "Shops": {"items": [{"shop": 1}, {"shop": 2}]}},
//    "resources": {"sqs:sendMessage": {"result": {"MessageId": "m"}}},
//    "default":   {"echo": true}}
//
//   result   the output; texts "{% ... %}" in it are JSONata over $states.input, the arguments
//   echo     true: the output is what the task was given
//   error    the task fails with it, and with "cause"
//   seconds  how long it takes; absent: as past runs of what it starts took, or no time
//   items    of a distributed Map with an ItemReader: what it reads
//
// A list answers attempt by attempt; its last entry goes on. A task looks for its state, then its
// resource ("sqs:sendMessage", or an ARN), then the default; where none is there the rehearsal
// fails. Threads: one at a time. Failure: kInvalidArgument, with the place in the document.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/json/value.h"
#include "engine/workflow/drive.h"

namespace suiro::rehearsal {

struct MockEntry {
  std::optional<workflow::Template> result;
  bool echo = false;
  std::optional<std::string> error;
  std::string cause;
  std::optional<double> seconds;
  std::optional<json::Array> items;
};

// How long runs of a task definition family, a function or a state took in the past; nullopt:
// nothing is known.
using PastDuration = std::function<std::optional<Millis>(const std::string& name)>;

class Mocks {
 public:
  static Result<Mocks> parse(std::string_view text);
  // Of what an execution's history tells: each state's answers, in their order.
  static Result<Mocks> of_history(const std::vector<workflow::HistoryEvent>& history);
  // The document that parse() reads.
  std::string text() const;

  void set_past_duration(PastDuration past) { past_ = std::move(past); }
  // Names whose past durations would be asked for by these arguments: "nightly" of a task
  // definition's ARN.
  static std::vector<std::string> names_of(const workflow::TaskEffect& effect);

  // The next answer of a state. Errors: kNotFound, where nothing says what it answers.
  Result<workflow::MockAnswer> answer(const workflow::TaskEffect& effect, TimePoint now,
                                      Random& random);
  // What a Map's reader reads. Errors: kNotFound.
  Result<json::Array> items(const std::string& state);

 private:
  using Entries = std::map<std::string, std::vector<MockEntry>, std::less<>>;
  const MockEntry* next_of(const Entries& entries, std::string_view kind, const std::string& name);
  const MockEntry* find(const workflow::TaskEffect& effect);
  Millis duration_of(const MockEntry& entry, const workflow::TaskEffect& effect) const;
  static Result<MockEntry> parse_entry(const json::Value& value, const std::string& place);
  static Result<Entries> parse_entries(const json::Value* value, const std::string& place);

  Entries states_;
  Entries resources_;
  std::vector<MockEntry> fallback_;
  PastDuration past_;
  std::map<std::string, size_t> asked_;  // attempts so far, by "state NAME"
};

}  // namespace suiro::rehearsal
