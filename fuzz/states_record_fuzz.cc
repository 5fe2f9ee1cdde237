// SPDX-License-Identifier: Apache-2.0
// Records of executions and of runs of Maps: what is read is written as it was read; blocks of
// history; task tokens.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "services/states/history_record.h"
#include "services/states/storage_execution.h"
#include "services/states/storage_map_run.h"
#include "services/states/tokens.h"

namespace {

class NoSink final : public suiro::workflow::PayloadSink {
 public:
  void put(const suiro::workflow::PayloadHash&, const suiro::workflow::Payload&) override {}
};

void read_map_run(std::string_view input) {
  using namespace suiro::states;
  if (auto run = decode_run(input)) CHECK(decode_run(encode(*run)).has_value(), "a run");
  if (auto progress = decode_run_progress(input)) {
    auto again = decode_run_progress(encode(*progress));
    CHECK(again && again->listed_key == progress->listed_key, "progress of a run");
  }
  if (auto child = decode_run_input(input)) {
    auto again = decode_run_input(encode(*child));
    CHECK(again && again->text == child->text, "an input of a child");
  }
  if (auto end = decode_run_end(input)) {
    CHECK(end->status != suiro::workflow::ChildStatus::kRunning, "an end that is none");
    auto again = decode_run_end(encode(*end));
    CHECK(again && again->output == end->output, "an end of a child");
  }
  if (auto outcome = decode_run_outcome(input)) {
    auto again = decode_run_outcome(encode(*outcome));
    CHECK(again && again->output == outcome->output, "an outcome of a run");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro;
  using namespace suiro::states;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (auto row = decode_execution(input)) {
    auto again = decode_execution(encode_execution(*row));
    CHECK(again && again->arn == row->arn && again->status == row->status, "an execution");
  }
  if (auto express = decode_express(input)) {
    CHECK(decode_express(encode_express(*express)).has_value(), "an Express execution");
  }
  if (auto effect = decode_effect(input); effect && effect->index() == 0) {
    auto again = decode_effect(encode_effect(*effect));
    CHECK(again && workflow::effect_id(*again) == workflow::effect_id(*effect), "an effect");
  }
  (void)decode_machine(input);
  (void)decode_activity_work(input);
  (void)decode_list(input);
  (void)decode_queued_effect(input);
  read_map_run(input);
  if (auto events = decode_history(1, input); events && !events->empty()) {
    std::vector<workflow::HistoryEvent> plain;
    for (const auto& stored : *events) plain.push_back(stored.event);
    NoSink sink;
    auto again = decode_history(1, encode_history(plain, sink));
    CHECK(again && again->size() == plain.size(), "a block of history");
  }
  (void)Tokens(Bytes(kTokenSecretBytes, 's')).read(input);
  return 0;
}
