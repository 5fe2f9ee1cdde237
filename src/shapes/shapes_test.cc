// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "shapes/gen/all.h"
#include "shapes/gen/ecs.h"
#include "shapes/gen/lambda.h"
#include "shapes/gen/s3.h"
#include "shapes/gen/sqs.h"
#include "shapes/json.h"
#include "shapes/registry.h"
#include "shapes/validate.h"

namespace suiro::shapes {
namespace {

TEST(Json, RoundTrip) {
  sqs::SendMessageRequest in;
  in.queue_url = "http://x/q";
  in.message_body = "hello \"\n\x01 \xe2\x82\xac";
  in.delay_seconds = 5;
  auto& attribute = in.message_attributes.emplace()["a"];
  attribute.data_type = "Binary";
  attribute.binary_value = Bytes("\0\1\2", 3);
  const std::string text = to_json(in);
  EXPECT_EQ(text,
            "{\"QueueUrl\":\"http://x/q\",\"MessageBody\":\"hello \\\"\\n\\u0001 \xe2\x82\xac\","
            "\"DelaySeconds\":5,\"MessageAttributes\":{\"a\":{\"BinaryValue\":\"AAEC\","
            "\"DataType\":\"Binary\"}}}");
  auto back = from_json<sqs::SendMessageRequest>(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), text);
}

// As a task of a workflow writes a request, and reads an answer.
TEST(Json, TheDialectsOfTheSdk) {
  lambda::InvocationRequest in;
  Violations violations;
  std::string text = R"({"FunctionName":"f","Payload":{"a": [1, "x y"]},"ClientContext":null})";
  auto read = read_json(text, lambda::InvocationRequest::shape(), &in, Dialect::kSdk, violations);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(in.payload, R"({"a":[1,"x y"]})");

  std::string unknown = R"({"FunctionName":"f","Unknown":1})";
  read = read_json(unknown, lambda::InvocationRequest::shape(), &in, Dialect::kSdk, violations);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, kUnknownMember);
  EXPECT_EQ(read.error().message, "Unknown");

  ecs::Task task;
  text = R"({"TaskArn":"arn","CreatedAt":"2026-01-02T03:04:05Z","Containers":[{"Name":"c"}]})";
  read = read_json(text, ecs::Task::shape(), &task, Dialect::kSdkMillis, violations);
  ASSERT_TRUE(read) << read.error().message;
  std::string out;
  write_json(out, ecs::Task::shape(), &task, Dialect::kSdkMillis);
  EXPECT_EQ(out, R"({"Containers":[{"Name":"c"}],"CreatedAt":1767323045000,"TaskArn":"arn"})");
  out.clear();
  write_json(out, ecs::Task::shape(), &task, Dialect::kSdk);
  EXPECT_EQ(out, R"({"Containers":[{"Name":"c"}],"CreatedAt":"2026-01-02T03:04:05Z",)"
                 R"("TaskArn":"arn"})");
}

TEST(Json, MissingRequiredMember) {
  auto refused = from_json<sqs::SendMessageRequest>("{\"QueueUrl\":\"x\",\"Unknown\":[1,{}]}");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ValidationException");
  EXPECT_EQ(refused.error().message,
            "1 validation error detected: Value null at 'messageBody' failed to satisfy "
            "constraint: Member must not be null");
}

TEST(Json, WrongTypesAndBrokenTextAreRefused) {
  for (const char* text : {"", "{", "[]", "{\"QueueUrl\":1}", "{\"QueueUrl\":\"a\"} x",
                           "{\"DelaySeconds\":99999999999}", "{\"QueueUrl\":\"\xff\"}"}) {
    auto refused = from_json<sqs::SendMessageRequest>(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, kSerialization) << text;
  }
}

TEST(Json, ElementsAndNestingAreLimited) {
  std::string many = "{\"QueueUrl\":\"q\",\"Entries\":[{}";
  for (size_t i = 1; i <= kElementsMax; ++i) many += ",{}";
  many += "]}";
  EXPECT_EQ(from_json<sqs::SendMessageBatchRequest>(many).error().message,
            "The document has too many elements.");
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  // What an unknown member holds is skipped without recursion.
  EXPECT_TRUE(from_json<sqs::GetQueueUrlRequest>("{\"QueueName\":\"q\",\"Other\":" + deep + "}"));
}

TEST(Json, ConstraintsAreChecked) {
  auto refused = from_json<lambda::UpdateFunctionConfigurationRequest>(
      "{\"FunctionName\":\"f\",\"Timeout\":0,\"Runtime\":\"cobol\"}");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message.substr(0, 29), "2 validation errors detected:");
  EXPECT_NE(refused.error().message.find("Value '0' at 'timeout' failed to satisfy constraint: "
                                         "Member must have value greater than or equal to 1"),
            std::string::npos)
      << refused.error().message;
}

TEST(Validate, UnsupportedMembersAreRefusedByName) {
  static constexpr std::string_view kUnsupported[] = {"VpcConfig", "Code.ImageUri"};
  Operation operation = lambda::op::CreateFunction::operation();
  operation.unsupported_members = kUnsupported;
  lambda::CreateFunctionRequest input;
  input.function_name = "f";
  input.role = "arn:aws:iam::000000000000:role/r";
  Violations violations;
  EXPECT_TRUE(check_request(operation, &input, violations));
  input.code.image_uri = "registry/image";
  auto refused = check_request(operation, &input, violations);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, codes::kNotImplemented);
  EXPECT_EQ(refused.error().message, "Suiro does not support Code.ImageUri of CreateFunction.");
  input.code.image_uri.reset();
  input.vpc_config.emplace();
  EXPECT_FALSE(check_request(operation, &input, violations));
}

TEST(Json, PatternsBeyondRe2) {
  const auto code = [](const char* name) {
    auto made = from_json<lambda::CreateAliasRequest>(
        std::string("{\"FunctionName\":\"f\",\"FunctionVersion\":\"1\",\"Name\":\"") + name +
        "\"}");
    return made ? "" : made.error().message;
  };
  EXPECT_EQ(code("live-2"), "");
  EXPECT_EQ(
      code("12"),
      "1 validation error detected: Value '12' at 'name' failed to satisfy constraint: Member "
      "must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)");
}

TEST(Registry, CallsByName) {
  Registry registry;
  registry.add<sqs::op::GetQueueUrl>(
      [](Call&, sqs::GetQueueUrlRequest in) -> Task<Result<sqs::GetQueueUrlResult>> {
        sqs::GetQueueUrlResult out;
        out.queue_url = "http://h/" + in.queue_name;
        co_return out;
      });
  asio::io_context context;
  Call call;
  std::string good, bad;
  auto run = [&]() -> Task<void> {
    good = (co_await registry.call("sqs", "GetQueueUrl", "{\"QueueName\":\"q\"}", call)).value();
    bad = (co_await registry.call("sqs", "Nothing", "{}", call)).error().code;
  };
  asio::co_spawn(context, run(), [](std::exception_ptr error) { CHECK(!error); });
  context.run();
  EXPECT_EQ(good, "{\"QueueUrl\":\"http://h/q\"}");
  EXPECT_EQ(bad, codes::kNotImplemented);
}

TEST(Models, AreComplete) {
  for (const ServiceModel* service : all_services()) {
    EXPECT_FALSE(service->operations.empty()) << service->id;
    for (const Operation* operation : service->operations) {
      EXPECT_EQ(service->find_operation(operation->name), operation);
      EXPECT_FALSE(service->is_not_implemented(operation->name));
      for (const Member& member : operation->input->members) {
        EXPECT_EQ(operation->input->find(member.name), &member);
        if (member.location == Location::kBody) {
          EXPECT_EQ(operation->input->find_wire(member.wire_name), &member);
        }
      }
    }
  }
  EXPECT_EQ(sqs::service_model().find_error("QueueDoesNotExist")->query_code,
            "AWS.SimpleQueueService.NonExistentQueue");
  EXPECT_TRUE(find_service("s3")->is_not_implemented("SelectObjectContent"));
}

// Every shape that an input can hold, once.
void collect(const Shape& shape, std::set<const Shape*>& found) {
  if (!found.insert(&shape).second) return;
  for (const Member& member : shape.members) collect(*member.shape, found);
  if (shape.element != nullptr) collect(*shape.element, found);
  if (shape.key != nullptr) collect(*shape.key, found);
}

TEST(Models, PatternsCanBeChecked) {
  std::set<const Shape*> shapes;
  for (const ServiceModel* service : all_services()) {
    for (const Operation* operation : service->operations) collect(*operation->input, shapes);
  }
  size_t patterns = 0;
  for (const Shape* shape : shapes) {
    if (shape->pattern.empty()) continue;
    ++patterns;
    EXPECT_TRUE(can_check_pattern(*shape)) << shape->name << ": " << shape->pattern;
  }
  EXPECT_GT(patterns, 40u);
}

}  // namespace
}  // namespace suiro::shapes
