// SPDX-License-Identifier: Apache-2.0
#include "server/output_check.h"

#include <gtest/gtest.h>

#include "shapes/gen/events.h"
#include "shapes/gen/lambda.h"
#include "shapes/gen/s3.h"
#include "shapes/gen/states.h"

namespace suiro::server {
namespace {

template <class Op>
std::string misfit(std::string_view json, event::OperationCaller::Output options = {}) {
  const auto value = json::parse(json);
  EXPECT_TRUE(value) << json;
  const auto checked = check_output(*Op::operation().output, *value, options);
  return checked ? "" : checked.error().message;
}

// The sentences are AWS's, from recordings.
TEST(OutputCheck, TellsTheFirstMisfit) {
  using Start = shapes::states::op::StartExecution;
  EXPECT_EQ(misfit<Start>("{}"), "Required field 'ExecutionArn' is missing");
  EXPECT_EQ(misfit<Start>(R"({"executionArn":"a","startDate":"b"})"),
            "Required field 'ExecutionArn' is missing");
  EXPECT_EQ(misfit<Start>(R"({"ExecutionArn":"a","StartDate":true})"),
            "Field 'StartDate' must be a string");
  EXPECT_EQ(misfit<Start>(R"({"ExecutionArn":"a","StartDate":"b"})"), "");
  EXPECT_EQ(misfit<Start>("[]"), "The result must be an object");
  using Invoke = shapes::lambda::op::Invoke;
  EXPECT_EQ(misfit<Invoke>(R"({"StatusCode":"200"})"), "Field 'StatusCode' must be a number");
  using Get = shapes::s3::op::GetObject;
  EXPECT_EQ(misfit<Get>(R"({"StorageClass":"Papyrus"})"),
            "Field 'StorageClass' is not an expected value");
  EXPECT_EQ(misfit<Get>(R"({"Metadata":{"a":1}})"), "Field 'Metadata' must be a string");
  EXPECT_EQ(misfit<Get>(R"({"DeleteMarker":1})"), "Field 'DeleteMarker' must be a boolean");
  using Put = shapes::events::op::PutEvents;
  EXPECT_EQ(misfit<Put>(R"({"Entries":[{"EventId":"a"},{"EventId":["b"]}]})"),
            "Field 'EventId' must be a string");
  EXPECT_EQ(misfit<Put>(R"({"Entries":{}})"), "Field 'Entries' must be an array");
  EXPECT_EQ(misfit<Put>(R"({"random":"json"})"), "");
}

TEST(OutputCheck, PassesOverWhatIsNotAsked) {
  using Start = shapes::states::op::StartExecution;
  EXPECT_EQ(misfit<Start>("{}", {.is_partial = true}), "");
  EXPECT_EQ(misfit<Start>(R"({"StartDate":1})", {.is_partial = true}),
            "Field 'StartDate' must be a string");
  using Invoke = shapes::lambda::op::Invoke;
  EXPECT_EQ(misfit<Invoke>(R"({"Payload":{"a":1}})"), "Field 'Payload' must be a string");
  EXPECT_EQ(misfit<Invoke>(R"({"Payload":{"a":1}})", {.unchecked = {"Payload"}}), "");
}

}  // namespace
}  // namespace suiro::server
