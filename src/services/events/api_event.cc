// SPDX-License-Identifier: Apache-2.0
// PutEvents and TestEventPattern.
#include "services/events/api.h"

namespace suiro::events {

namespace shape = shapes::events;
namespace op = shapes::events::op;

struct Api::Events {
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;

  static Answer<op::PutEvents> run(Api& api, shapes::Call& call, shape::PutEventsRequest in) {
    std::vector<PutEntry> entries;
    for (shape::PutEventsRequestEntry& from : in.entries) {
      PutEntry& entry = entries.emplace_back();
      entry.time = from.time;
      entry.source = std::move(from.source);
      entry.detail_type = std::move(from.detail_type);
      entry.detail = std::move(from.detail);
      entry.resources = std::move(from.resources).value_or(std::vector<std::string>());
      entry.trace_header = from.trace_header.value_or("");
      // As AWS: an event for a bus that is not there is taken, and goes nowhere.
      entry.bus = api.bus_of(from.event_bus_name).value_or(from.event_bus_name.value_or(""));
    }
    CO_TRY(auto results, co_await api.logic_.put_events(
                             std::move(entries), {call.request_id, call.trace, call.caused_by}));
    shape::PutEventsResponse out;
    out.entries.emplace();
    int32_t failed = 0;
    for (PutResult& result : results) {
      shape::PutEventsResultEntry& row = out.entries->emplace_back();
      row.event_id = some(std::move(result.event_id));
      row.error_code = some(std::move(result.error_code));
      row.error_message = some(std::move(result.error_message));
      if (row.error_code) ++failed;
    }
    out.failed_entry_count = failed;
    co_return out;
  }

  static Answer<op::TestEventPattern> run(Api&, shapes::Call&, shape::TestEventPatternRequest in) {
    CO_TRY(bool matches, Logic::test_pattern(in.event_pattern, in.event));
    shape::TestEventPatternResponse out;
    out.result = matches;
    co_return out;
  }
};

void Api::add_events(shapes::Registry& registry) {
  add<Events, op::PutEvents>(registry);
  add<Events, op::TestEventPattern>(registry);
}

}  // namespace suiro::events
