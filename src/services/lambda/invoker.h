// SPDX-License-Identifier: Apache-2.0
// Invoker: runs one invocation of a function: admission by concurrency, a sandbox from the pool,
// the run, metering and the journal. Who asked (a client, the asynchronous queue, a mapping)
// decides what the outcome means.
//
// Thread: the owner shard of the function. Failure: an Error when the function did not run
// (throttled, no sandbox, shutting down); what the function did wrong is in the Outcome.
#pragma once

#include <memory>
#include <string>

#include "services/lambda/context.h"

namespace suiro::lambda {

struct Run {
  FunctionState* function = nullptr;
  std::shared_ptr<const Settings> settings;
  std::string invoked_arn;
  std::string request_id;
  Bytes payload;
  std::string client_context;  // decoded JSON
  TraceContext cause;          // its span is the parent of the invocation's
};

// Which version a qualifier stands for.
struct Resolved {
  std::shared_ptr<const Settings> settings;
  std::string invoked_arn;
};

class Invoker {
 public:
  explicit Invoker(Context& context) : context_(context) {}

  Task<Result<sandbox::Outcome>> run(Run run);

  // An alias with weights answers one of its versions by chance.
  // Errors: ResourceNotFoundException.
  Result<Resolved> resolve(FunctionState& function, const std::string& qualifier);

 private:
  class Admission;
  Task<Result<std::shared_ptr<Warm>>> sandbox_for(const Run& run);
  Task<Result<std::shared_ptr<Warm>>> start(FunctionState* function,
                                            std::shared_ptr<const Settings> settings);
  sandbox::Spec spec_of(const FunctionState& function, const Settings& settings) const;
  // Errors: AccessDeniedException: the role is not there or does not trust Lambda.
  Result<sandbox::Credentials> credentials_of(const FunctionState& function,
                                              const Settings& settings) const;
  void record(const Run& run, const std::string& span_id, TimePoint begun,
              const Result<sandbox::Outcome>& outcome);
  void count(FunctionState& function, const Settings& settings,
             const Result<sandbox::Outcome>& outcome);

  Context& context_;
};

// "version/revision": what a sandbox was started with.
std::string generation_of(const Settings& settings);

}  // namespace suiro::lambda
