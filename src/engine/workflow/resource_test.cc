// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/resource.h"

#include <gtest/gtest.h>

namespace suiro::workflow {
namespace {

TEST(Resource, ReadsEveryForm) {
  auto sqs = parse_resource("arn:aws:states:::sqs:sendMessage.waitForTaskToken");
  ASSERT_TRUE(sqs);
  EXPECT_EQ(sqs->pattern, Pattern::kWaitForTaskToken);
  EXPECT_EQ(sqs->type_text() + " " + sqs->action_text(), "sqs sendMessage.waitForTaskToken");

  auto nested = parse_resource("arn:aws:states:::states:startExecution.sync:2");
  ASSERT_TRUE(nested);
  EXPECT_EQ(nested->pattern, Pattern::kSync2);
  EXPECT_EQ(nested->action, "startExecution");

  auto sdk = parse_resource("arn:aws:states:::aws-sdk:sfn:startExecution");
  ASSERT_TRUE(sdk);
  EXPECT_EQ(sdk->kind, Resource::Kind::kSdk);
  EXPECT_EQ(sdk->type_text(), "aws-sdk:sfn");

  EXPECT_EQ(parse_resource("arn:aws:lambda:us-east-1:1:function:f:live")->kind,
            Resource::Kind::kLambdaFunction);
  EXPECT_EQ(parse_resource("arn:aws:states:us-east-1:1:activity:a")->kind,
            Resource::Kind::kActivity);
}

TEST(Resource, RefusesWhatIsNone) {
  for (const char* text :
       {"", "arn:aws:states", "arn:aws:states:::", "arn:aws:states:::sqs",
        "arn:aws:states:::aws-sdk:sqs", "arn:aws:s3:::bucket",
        "arn:aws:states:us-east-1:1:stateMachine:m", "arn:aws:states:::a:.sync"}) {
    EXPECT_FALSE(parse_resource(text)) << text;
  }
}

}  // namespace
}  // namespace suiro::workflow
