// SPDX-License-Identifier: Apache-2.0
// What a relay is told: a section `[[relay]]` of the configuration (docs/configuration.md).
#pragma once

#include <string>

#include "base/result.h"

namespace suiro::relay {

enum class Start : uint8_t { kLatest, kTrimHorizon };
// Whether the target commits a call as a whole and in order, as Suiro does. AWS does not: there a
// call carries each partition key at most once.
enum class Puts : uint8_t { kEach, kAtomic };

struct RelayConfig {
  std::string name;         // [A-Za-z0-9_-]{1,64}; the checkpoint is kept under it
  std::string source;       // ARN of a stream here
  std::string endpoint;     // "https://kinesis.eu-west-1.amazonaws.com", a Suiro
  std::string region;       // of the target, for the signature
  std::string stream;       // name of the stream there
  std::string credentials;  // file in the form of the AWS shared credentials file
  std::string profile = "default";
  Start start = Start::kLatest;  // where there is no checkpoint yet
  Puts puts = Puts::kEach;
};

// Errors: kInvalidArgument naming the member.
Result<void> check(const RelayConfig& config);

}  // namespace suiro::relay
