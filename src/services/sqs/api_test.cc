// SPDX-License-Identifier: Apache-2.0
// Operations by name and JSON, as workflows and schedules call them.
#include "services/sqs/api.h"

#include <boost/json.hpp>

#include "services/sqs/testing.h"

namespace suiro::sqs {
namespace {

class ApiTest : public SqsTest {
 protected:
  ApiTest() : api_(sim_.kernel(), *logic_) {
    api_.add_operations(registry_);
    call_.principal = {shapes::Principal::Kind::kRoot, sim_.kernel().account,
                       logic_->owner_access().caller.arn, ""};
    call_.host = "example:4566";
  }
  Result<boost::json::value> ask(std::string operation, std::string input) {
    auto reply = sim_.run(registry_.call("sqs", std::move(operation), std::move(input), call_));
    if (!reply) return fail(reply.error());
    return boost::json::parse(*reply);
  }

  Api api_;
  shapes::Registry registry_;
  shapes::Call call_;
};

TEST_F(ApiTest, EveryOperationHasAHandler) {
  for (auto operation : {"AddPermission",
                         "CancelMessageMoveTask",
                         "ChangeMessageVisibility",
                         "ChangeMessageVisibilityBatch",
                         "CreateQueue",
                         "DeleteMessage",
                         "DeleteMessageBatch",
                         "DeleteQueue",
                         "GetQueueAttributes",
                         "GetQueueUrl",
                         "ListDeadLetterSourceQueues",
                         "ListMessageMoveTasks",
                         "ListQueues",
                         "ListQueueTags",
                         "PurgeQueue",
                         "ReceiveMessage",
                         "RemovePermission",
                         "SendMessage",
                         "SendMessageBatch",
                         "SetQueueAttributes",
                         "StartMessageMoveTask",
                         "TagQueue",
                         "UntagQueue"}) {
    EXPECT_NE(registry_.find("sqs", operation), nullptr) << operation;
  }
}

TEST_F(ApiTest, SendsAndReceivesByName) {
  auto created = ask("CreateQueue", R"({"QueueName":"q"})");
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->at("QueueUrl").as_string(), "http://example:4566/000000000000/q");
  std::string url = R"("QueueUrl":"http://example:4566/000000000000/q")";
  auto sent = ask("SendMessage", "{" + url + R"(,"MessageBody":"x"})");
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->at("MD5OfMessageBody").as_string(), "9dd4e461268c8034f5c8564e155c67a6");
  auto received = ask("ReceiveMessage", "{" + url + R"(,"AttributeNames":["All"]})");
  ASSERT_TRUE(received) << received.error().message;
  const auto& message = received->at("Messages").at(0);
  EXPECT_EQ(message.at("MessageId"), sent->at("MessageId"));
  EXPECT_FALSE(message.at("Attributes").as_object().contains("SequenceNumber"));
}

TEST_F(ApiTest, QueueUrls) {
  ASSERT_TRUE(create("q"));
  auto with = [&](std::string url) {
    return code(ask("GetQueueAttributes", R"({"QueueUrl":")" + url + R"("})"));
  };
  EXPECT_EQ(with("https://any.host/000000000000/q"), "ok");
  EXPECT_EQ(with("http://example/111111111111/q"), kQueueDoesNotExist);
  EXPECT_EQ(with("http://example/000000000000/other"), kQueueDoesNotExist);
  EXPECT_EQ(with("q"), kInvalidAddress);
  EXPECT_EQ(with("http://example/000000000000/"), kInvalidAddress);
}

TEST_F(ApiTest, TracedCallersAreCarriedOn) {
  ASSERT_TRUE(create("q"));
  call_.trace = TraceContext::begin(sim_.clock().now(), sim_.random());
  call_.trace.span_id = new_span_id(sim_.clock().now(), sim_.random());
  std::string body = R"({"QueueUrl":"http://h/000000000000/q","MessageBody":"x"})";
  ASSERT_TRUE(ask("SendMessage", body));
  EXPECT_EQ((*receive("q"))[0].message.trace_header, "");
  call_.caused_by = "0123456789abcdef";
  ASSERT_TRUE(ask("SendMessage", body));
  EXPECT_EQ((*receive("q"))[0].message.trace_header, call_.trace.header());
}

}  // namespace
}  // namespace suiro::sqs
