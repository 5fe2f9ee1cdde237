// SPDX-License-Identifier: Apache-2.0
// Events: what happened, committed in the same batch as the change that caused it, and carried to a
// target by ARN.
//
// Invariants:
//  1. emit() adds the event to the batch of its cause: neither exists without the other.
//  2. An event is delivered until its target consumed it: the target commits the `consume` batch
//  that it
//     is handed, together with its own writes. Into Suiro's own services that is exactly once.
//  3. A delivery that fails is retried with back-off; after the policy's attempts or age the event
//  goes
//     to its dead-letter target, or is dropped with a journal span that says so.
//  4. Events survive restarts; undelivered ones are found again by a scan of the event log.
//
// Bytes on disk: docs/formats/event.md.
#pragma once

#include <map>
#include <string>

#include "base/arn.h"
#include "base/clock.h"
#include "base/trace.h"
#include "kernel/event/streams.h"
#include "kernel/store/store.h"

namespace suiro::event {

struct DeliveryPolicy {
  uint32_t attempts_max = 185;  // EventBridge's default
  Millis age_max = std::chrono::hours(24);
  std::string dead_letter_arn = {};  // empty: none
};

struct Event {
  std::string id;          // set by emit(): unique, stable over retries and restarts
  std::string source_arn;  // the resource that it happened to
  std::string kind;        // "s3:ObjectCreated:Put", "lambda:OnFailure", ...
  std::string target_arn;
  Bytes payload;  // what the target is given: a JSON document
  // For queue targets: "MessageGroupId", "MessageDeduplicationId" and message attributes, by name.
  std::map<std::string, std::string> attributes = {};
  TraceContext cause = {};
  TimePoint at = {};
  DeliveryPolicy policy = {};
  uint32_t attempt = 1;  // of the delivery in progress
};

// Adds the event to the batch. The dispatcher sees it when the batch is durable. Sets event.id.
void emit(store::Batch& batch, Event event, Random& random);

// What a source asks of a target before it is configured to send to it.
struct Sender {
  std::string service_principal;  // "s3.amazonaws.com"
  std::string source_arn;
  std::string source_account;
};

// A service's receiving side. One instance serves every ARN of its service.
class Target {
 public:
  virtual ~Target() = default;
  // Takes the event: commits `consume` together with the target's own writes, in one batch. An
  // error means that nothing was committed; Retry::kLater asks for another attempt, kNever goes to
  // the dead-letter target at once. Called on any shard; hops to the owner itself.
  virtual Task<Result<void>> deliver(Event event, store::Batch consume) = 0;
  // Whether the target exists and its resource policy lets `sender` send to it.
  // Errors: kNotFound, "AccessDenied".
  virtual Task<Result<void>> accepts(std::string target_arn, Sender sender) = 0;
};

// A record of a pull source, as an event source mapping hands it to a function.
struct SourceRecord {
  std::string handle;  // for ack and release
  std::string id;      // the record's own name (message id): partial batch responses name it
  Bytes document;      // the record as JSON, in the form that Lambda gives to functions
  TraceContext cause;
};

// A service's side that consumers read from (a queue; later a stream's shard).
class PullSource {
 public:
  virtual ~PullSource() = default;
  struct PullRequest {
    std::string arn;
    size_t records_max = 10;
    Millis wait{0};        // long poll
    Millis visibility{0};  // how long the records are the reader's; 0: the queue's own setting
  };
  virtual Task<Result<std::vector<SourceRecord>>> pull(PullRequest request) = 0;
  // Removes the records for good, in one commit with `also`.
  virtual Task<Result<void>> ack(std::string arn, std::vector<std::string> handles,
                                 store::Batch also) = 0;
  // Gives records back before their time: readable again after `delay`.
  virtual Task<Result<void>> release(std::string arn, std::vector<std::string> handles,
                                     Millis delay) = 0;
  // How many records wait to be read.
  virtual Task<Result<uint64_t>> backlog(std::string arn) = 0;
  // Whether the source exists, and what a mapping must know of it.
  struct Info {
    Millis visibility{0};
    bool fifo = false;
  };
  virtual Task<Result<Info>> describe(std::string arn) = 0;
};

// The registry by ARN, filled at wiring time, read-only afterwards. Any thread.
class Targets {
 public:
  // `service` is the third part of the ARNs ("sqs", "lambda").
  void add_target(std::string service, Target* target);
  void add_source(std::string service, PullSource* source);
  void add_stream(std::string service, StreamSource* stream);
  void add_sink(std::string service, RecordSink* sink);
  void add_caller(std::string service, FunctionCaller* caller);
  // Errors: kNotFound when no service of that name can be a target (source).
  Result<Target*> target(std::string_view arn) const;
  Result<PullSource*> source(std::string_view arn) const;
  Result<StreamSource*> stream(std::string_view arn) const;
  Result<RecordSink*> sink(std::string_view arn) const;
  Result<FunctionCaller*> caller(std::string_view arn) const;

 private:
  std::map<std::string, Target*, std::less<>> targets_;
  std::map<std::string, PullSource*, std::less<>> sources_;
  std::map<std::string, StreamSource*, std::less<>> streams_;
  std::map<std::string, RecordSink*, std::less<>> sinks_;
  std::map<std::string, FunctionCaller*, std::less<>> callers_;
};

}  // namespace suiro::event
