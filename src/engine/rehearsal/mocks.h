// SPDX-License-Identifier: Apache-2.0
// Mocks: what the tasks of a rehearsal answer, and after how long. A JSON document:
//
//   {"states":    {"Post": {"result": {"ok": true}, "seconds": 2.5},
//                  "Book": [{"error": "Ledger.Busy", "cause": "locked", "seconds": 1},
//                           {"echo": true}],
//                  "Shops": {"items": [{"shop": 1}, {"shop": 2}]}},
//    "maps":      {"Shops": [{"states": {"Check": {"result": 1}}},
//                            {"states": {"Check": {"error": "Closed"}}}]},
//    "resources": {"sqs:sendMessage": {"result": {"MessageId": "m"}}},
//    "default":   {"echo": true}}
//
//   result   the output; texts "{% ... %}" in it are JSONata over $states.input, the arguments
//   exact    the output; nothing in it is JSONata
//   echo     true: the output is what the task was given
//   error    the task fails with it, and with "cause"
//   never    true: it does not answer
//   seconds  how long it takes; absent: as past runs of what it starts took, or no time
//   items    of a distributed Map with an ItemReader: what it reads; a list, or JSONata that makes
//            one of $states.input, the Map's: "{% [1..700].{'shop': $} %}"
//   maps     what differs in the iterations of a Map, or in the children of a distributed one, by
//            their index: states and, inside, maps. With an "input", a child gets that where
//            nothing tells what its Map's reader reads.
//
// A list answers attempt by attempt; its last entry goes on. A task looks for its state in the
// innermost iteration, then in those around it, then among the states; then for its resource
// ("sqs:sendMessage", or an ARN), then the default; where none is there the rehearsal fails.
// Threads: one at a time. Failure: kInvalidArgument, with the place in the document.
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
  bool is_exact = false;  // the result has no expressions
  bool echo = false;
  bool never = false;
  std::optional<std::string> error;
  std::string cause;
  std::optional<double> seconds;
  std::optional<workflow::Template> items;
};

// What tasks answer in one place: the execution, an iteration of a Map, a child.
struct MockScope {
  using States = std::map<std::string, std::vector<MockEntry>, std::less<>>;
  using Maps = std::map<std::string, std::vector<MockScope>, std::less<>>;

  States states;
  Maps maps;                         // by the Map's state, then by index
  std::optional<json::Value> input;  // of a child

  // The scope of an iteration; it is made, if it is not there. Errors: kTooLarge.
  Result<MockScope*> at(const workflow::Iteration& iteration);
};
inline constexpr uint64_t kMockScopesMax = 100'000;  // of one Map

// From the outside to the inside.
using Place = std::vector<workflow::Iteration>;

// How long runs of a task definition family, a function or a state machine (its ARN) took in the
// past; nullopt: nothing is known.
using PastDuration = std::function<std::optional<Millis>(const std::string& name)>;

class Mocks {
 public:
  static Result<Mocks> parse(std::string_view text);
  // The document that parse() reads; without what was recorded.
  std::string text() const;

  // Answers that an execution got (recorded.h). They are looked for behind the document's states
  // and resources, before its default.
  void set_recorded(MockScope recorded) { recorded_ = std::move(recorded); }
  // A document of them.
  static std::string text_of(const MockScope& recorded);

  void set_past_duration(PastDuration past) { past_ = std::move(past); }
  // Names whose past durations would be asked for by these arguments: "nightly" of a task
  // definition's ARN; a state's own name comes first.
  static std::vector<std::string> names_of(const workflow::TaskEffect& effect);

  // The next answer of a state. Errors: kNotFound, where nothing says what it answers.
  Result<workflow::MockAnswer> answer(const workflow::TaskEffect& effect, const Place& place,
                                      TimePoint now, Random& random);
  // What a Map's reader reads, or what its children are given. Errors: kNotFound;
  // kInvalidArgument where the items are no list.
  struct Read {
    json::Array items;
    bool are_inputs = false;
  };
  Result<Read> read(const workflow::MapRunEffect& effect, const Place& place, TimePoint now,
                    Random& random);

 private:
  using Entries = MockScope::States;
  const MockEntry* next_of(const Entries& entries, const std::string& what,
                           const std::string& name);
  enum class Layer : uint8_t { kDocument, kRecorded };
  const MockEntry* next_of_state(Layer layer, const std::string& state, const Place& place);
  // Of a Map's children, where each has one.
  std::optional<Read> inputs(Layer layer, const std::string& state, const Place& place) const;
  const MockEntry* find(const workflow::TaskEffect& effect, const Place& place);
  Millis duration_of(const MockEntry& entry, const workflow::TaskEffect& effect) const;

  MockScope all_;
  MockScope recorded_;
  Entries resources_;
  std::vector<MockEntry> fallback_;
  PastDuration past_;
  std::map<std::string, size_t> asked_;  // attempts so far, by "document Shops[3] NAME"
};

}  // namespace suiro::rehearsal
