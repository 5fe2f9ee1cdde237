// SPDX-License-Identifier: Apache-2.0
// Resource: what a Task state calls, by its ARN.
// Source: Step Functions Developer Guide, "Integrating services". Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace suiro::workflow {

// How long the state waits: for the answer, for the end of the work, for a callback.
enum class Pattern : uint8_t { kRequestResponse, kSync, kSync2, kWaitForTaskToken };

struct Resource {
  enum class Kind : uint8_t {
    kActivity,        // arn:aws:states:REGION:ACCOUNT:activity:NAME
    kLambdaFunction,  // arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
    kIntegration,     // arn:aws:states:::sqs:sendMessage.waitForTaskToken
    kSdk,             // arn:aws:states:::aws-sdk:sqs:sendMessage
  };
  Kind kind = Kind::kIntegration;
  std::string arn;      // as the definition has it
  std::string service;  // "sqs", "ecs", "http"; of kSdk as the SDK for Java names it ("sfn")
  std::string action;   // "sendMessage", without its pattern
  Pattern pattern = Pattern::kRequestResponse;

  // History's resourceType ("sqs", "aws-sdk:sqs") and resource ("sendMessage.waitForTaskToken").
  std::string type_text() const;
  std::string action_text() const;
};

// nullopt: this is no resource of a Task. Whether such a service or action exists is not asked.
std::optional<Resource> parse_resource(std::string_view arn);

}  // namespace suiro::workflow
