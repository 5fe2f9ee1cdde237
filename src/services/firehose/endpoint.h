// SPDX-License-Identifier: Apache-2.0
// EndpointDelivery: the ready lane to a destination over HTTP: retries for the configured time,
// then the lines of what was given up go to the lake's error prefix.
//
//   cut ─► attempt ─all done────────────────► erased
//     ▲       │ some failed for good: their lines are queued
//     │       │ some may be repeated
//     └─pause─┘ until the first attempt + RetryOptions.DurationInSeconds; then all are given up
//
// Invariants:
//  1. A record leaves the lane when the endpoint took it, or with its line in the undelivered lane,
//     in one commit: at least once at the endpoint, nothing lost.
//  2. When the first attempt was, how many there were, and what is still to be sent, is persisted.
// Thread: the shard of the stream.
#pragma once

#include "services/firehose/delivery.h"
#include "services/firehose/failed_line.h"
#include "services/firehose/intake.h"

namespace suiro::firehose {

// How one attempt ended, by record of what was sent.
struct AttemptOutcome {
  struct Failure {
    uint32_t index = 0;  // in the load
    std::string code;
    std::string message;
    std::vector<std::pair<std::string, std::string>> more;  // of the line
    bool repeat = true;
  };
  std::vector<Failure> failures;
};

// A protocol: http_endpoint.cc, search.cc.
class Endpoint {
 public:
  virtual ~Endpoint() = default;
  struct Sending {
    const StreamState& state;
    const Destination& destination;
    const Load& load;
    std::vector<uint32_t> indexes;  // what to send
    std::string request_id;
    uint32_t attempt = 1;
  };
  virtual Task<AttemptOutcome> send(Sending sending) = 0;
};

class EndpointDelivery {
 public:
  EndpointDelivery(Context& context, Delivery& delivery) : context_(context), delivery_(delivery) {}
  // Until the stream closes.
  Task<void> run(StatePtr state);

 private:
  struct Work {
    StatePtr state;
    Cut cut;
    Load load;
    Attempt attempt;
    event::Span span;
  };
  Task<Result<void>> deliver(StatePtr state, Cut cut);
  Task<Result<void>> settle(Work work, AttemptOutcome outcome);
  Bytes line_of(const Work& work, const AttemptOutcome::Failure& failure) const;

  Context& context_;
  Delivery& delivery_;
};

// The protocols. `context` outlives them.
std::unique_ptr<Endpoint> make_http_endpoint(Context& context);
std::unique_ptr<Endpoint> make_search_endpoint(Context& context);

// The same for the same records: a UUID of the stream and the cut.
std::string request_id_of(StreamId stream, const Cut& cut);

// Parts of the protocols, for tests.
std::string index_name(const SearchTarget& target, TimePoint arrived);
Bytes http_endpoint_body(const Load& load, const std::vector<uint32_t>& indexes,
                         const std::string& request_id, TimePoint now);

}  // namespace suiro::firehose
