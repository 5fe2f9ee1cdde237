// SPDX-License-Identifier: Apache-2.0
// Discovery: fetches sample records from a stream or an object of the lake, lets a function see
// them first where asked, and guesses their schema.
//
// Threads: any.
#pragma once

#include "kernel/event/kernel.h"
#include "services/analytics/discover.h"

namespace suiro::analytics {

class Discovery {
 public:
  explicit Discovery(event::Kernel& kernel) : kernel_(kernel) {}

  struct Question {
    std::string stream_arn;  // or:
    std::string bucket_arn;
    std::string key;
    StartAt from = StartAt::kNone;         // kNone: NOW
    std::optional<std::string> processor;  // ARN of a function
  };
  // Errors: InvalidArgumentException, UnableToDetectSchemaException,
  // ResourceProvisionedThroughputExceededException.
  Task<Result<Discovered>> ask(Question question);

 private:
  Task<Result<std::vector<Bytes>>> from_stream(const Question& question);
  Task<Result<std::vector<Bytes>>> from_object(const Question& question);
  Task<Result<std::vector<Bytes>>> process(const Question& question, std::vector<Bytes> records);

  event::Kernel& kernel_;
};

}  // namespace suiro::analytics
