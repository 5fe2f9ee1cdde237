// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "services/sqs/testing.h"

namespace suiro::sqs {
namespace {

using Bodies = std::vector<std::string>;

TEST_F(SqsTest, SendReceiveDelete) {
  ASSERT_TRUE(create("q"));
  auto sent = send("q", "one");
  ASSERT_TRUE(sent);
  auto received = receive("q");
  ASSERT_EQ(bodies(received), Bodies{"one"});
  EXPECT_EQ(uuid_text((*received)[0].message.id), sent->message_id);
  EXPECT_EQ((*received)[0].receives, 1u);
  EXPECT_EQ(counts("q"), "0/1/0");
  EXPECT_TRUE(take("q").empty());
  EXPECT_TRUE(remove("q", (*received)[0]));
  EXPECT_TRUE(remove("q", (*received)[0]));
  EXPECT_EQ(counts("q"), "0/0/0");
  sim_.advance(kSecond * 31);
  EXPECT_TRUE(take("q").empty());
  EXPECT_EQ(code(remove("q", "nonsense")), kReceiptHandleIsInvalid);
  EXPECT_EQ(code(send("other", "x")), kQueueDoesNotExist);
}

TEST_F(SqsTest, VisibilityEndsAndCounts) {
  ASSERT_TRUE(create("q"));
  ASSERT_TRUE(send("q", "one"));
  auto first = receive("q", {.visibility_s = 5});
  sim_.advance(kSecond * 4);
  EXPECT_TRUE(take("q").empty());
  sim_.advance(kSecond);
  auto second = receive("q", {.visibility_s = 5});
  ASSERT_EQ(second->size(), 1u);
  EXPECT_EQ((*second)[0].receives, 2u);
  EXPECT_EQ((*second)[0].first_received_at, (*first)[0].first_received_at);
  // The outdated handle is accepted and does nothing.
  EXPECT_TRUE(remove("q", (*first)[0]));
  EXPECT_EQ(counts("q"), "0/1/0");
  // After its visibility the newest handle still deletes.
  sim_.advance(kSecond * 6);
  EXPECT_EQ(counts("q"), "1/0/0");
  EXPECT_TRUE(remove("q", (*second)[0]));
  EXPECT_EQ(counts("q"), "0/0/0");
}

TEST_F(SqsTest, ChangeVisibility) {
  ASSERT_TRUE(create("q"));
  ASSERT_TRUE(send("q", "one"));
  auto received = receive("q");
  EXPECT_TRUE(change("q", (*received)[0], 100));
  sim_.advance(kSecond * 99);
  EXPECT_TRUE(take("q").empty());
  EXPECT_TRUE(change("q", (*received)[0], 0));
  EXPECT_EQ(code(change("q", (*received)[0], 1)), kMessageNotInflight);
  auto again = receive("q");
  ASSERT_EQ(again->size(), 1u);
  EXPECT_EQ(code(change("q", (*again)[0], 43201)), kInvalidParameterValue);
  EXPECT_EQ(code(change("q", (*again)[0], 43200)), kInvalidParameterValue);
  EXPECT_TRUE(change("q", (*again)[0], 43000));
  EXPECT_TRUE(remove("q", (*again)[0]));
  EXPECT_EQ(code(change("q", (*again)[0], 10)), kInvalidParameterValue);
}

TEST_F(SqsTest, LongPollWakesOnArrivalAndOnTime) {
  ASSERT_TRUE(create("q", {{"ReceiveMessageWaitTimeSeconds", "20"}}));
  auto waiting = sim_.spawn(logic_->receive(on("q"), {}));
  sim_.advance(kSecond * 3);
  EXPECT_FALSE(sim_.is_ready(waiting));
  ASSERT_TRUE(send("q", "one"));
  ASSERT_TRUE(sim_.is_ready(waiting));
  EXPECT_EQ(bodies(waiting.get()), Bodies{"one"});
  // A delayed message wakes when it is due.
  ASSERT_TRUE(send("q", SendEntry{.body = "two", .delay_s = 5}));
  EXPECT_EQ(counts("q"), "0/1/1");
  waiting = sim_.spawn(logic_->receive(on("q"), {}));
  sim_.advance(Millis(4999));
  EXPECT_FALSE(sim_.is_ready(waiting));
  sim_.advance(Millis(1));
  ASSERT_TRUE(sim_.is_ready(waiting));
  EXPECT_EQ(bodies(waiting.get()), Bodies{"two"});
  // Nothing comes: empty after the wait.
  waiting = sim_.spawn(logic_->receive(on("q"), {.wait_s = 1}));
  sim_.advance(Millis(1000));
  ASSERT_TRUE(sim_.is_ready(waiting));
  EXPECT_TRUE(waiting.get()->empty());
  // The queue goes while one waits.
  waiting = sim_.spawn(logic_->receive(on("q"), {}));
  ASSERT_TRUE(sim_.run(logic_->delete_queue(on("q"))));
  ASSERT_TRUE(sim_.is_ready(waiting));
  EXPECT_EQ(code(waiting.get()), kQueueDoesNotExist);
}

TEST_F(SqsTest, AWaitThatNobodyWantsEndsAndTakesNothing) {
  ASSERT_TRUE(create("q"));
  auto gone = std::make_shared<Cancellation>();
  auto waiting = sim_.spawn(logic_->receive(on("q"), {.wait_s = 20, .cancellation = gone}));
  auto other = sim_.spawn(logic_->receive(on("q"), {.wait_s = 20}));
  sim_.advance(kSecond);
  EXPECT_FALSE(sim_.is_ready(waiting));
  gone->cancel();
  sim_.advance(Millis(1));
  ASSERT_TRUE(sim_.is_ready(waiting));
  EXPECT_TRUE(waiting.get()->empty());
  ASSERT_TRUE(send("q", "one"));
  ASSERT_TRUE(sim_.is_ready(other));
  EXPECT_EQ(bodies(other.get()), Bodies{"one"});
  ASSERT_TRUE(send("q", "two"));
  EXPECT_TRUE(receive("q", {.cancellation = gone})->empty());
  EXPECT_EQ(take("q"), Bodies{"two"});
}

TEST_F(SqsTest, ReceivedStateSurvivesACrash) {
  ASSERT_TRUE(create("q"));
  for (auto body : {"a", "b", "c"}) ASSERT_TRUE(send("q", body));
  auto received = receive("q", {.count = 2, .visibility_s = 60});
  ASSERT_EQ(received->size(), 2u);
  restart();
  EXPECT_EQ(counts("q"), "1/2/0");
  EXPECT_EQ(take("q"), Bodies{"c"});
  EXPECT_TRUE(remove("q", (*received)[0]));
  sim_.advance(kSecond * 60);
  auto again = receive("q", {.count = 10});
  Bodies expected = {"b", "c"};
  Bodies got = bodies(again);
  std::ranges::sort(got);
  EXPECT_EQ(got, expected);
  for (const Received& item : *again) EXPECT_EQ(item.receives, 2u);
}

TEST_F(SqsTest, FifoGroupsAreOrderedAndLocked) {
  ASSERT_TRUE(create("q.fifo"));
  for (auto body : {"a1", "a2", "a3"}) ASSERT_TRUE(send_fifo("q.fifo", "a", body));
  for (auto body : {"b1", "b2"}) ASSERT_TRUE(send_fifo("q.fifo", "b", body));
  auto first = receive("q.fifo", {.count = 2});
  EXPECT_EQ(bodies(first), (Bodies{"a1", "a2"}));
  auto second = receive("q.fifo", {.count = 10});
  EXPECT_EQ(bodies(second), (Bodies{"b1", "b2"}));
  EXPECT_TRUE(remove("q.fifo", (*first)[0]));
  EXPECT_TRUE(take("q.fifo").empty());
  sim_.advance(kSecond * 31);
  EXPECT_EQ(take("q.fifo"), (Bodies{"a2", "a3", "b1", "b2"}));
  EXPECT_EQ(code(remove("q.fifo", (*first)[1])), kInvalidParameterValue);
  restart();
  EXPECT_TRUE(take("q.fifo").empty());
  sim_.advance(kSecond * 31);
  EXPECT_EQ(take("q.fifo"), (Bodies{"a2", "a3", "b1", "b2"}));
}

TEST_F(SqsTest, FifoDeduplicates) {
  ASSERT_TRUE(create("q.fifo", {{"ContentBasedDeduplication", "true"}}));
  auto entry = [](std::string body) { return SendEntry{.body = body, .group_id = "g"}; };
  auto first = send("q.fifo", entry("one"));
  auto again = send("q.fifo", entry("one"));
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->message_id, again->message_id);
  EXPECT_EQ(first->sequence, again->sequence);
  auto received = receive("q.fifo");
  ASSERT_TRUE(remove("q.fifo", (*received)[0]));
  restart();
  ASSERT_EQ(send("q.fifo", entry("one"))->message_id, first->message_id);
  EXPECT_EQ(counts("q.fifo"), "0/0/0");
  sim_.advance(std::chrono::minutes(5));
  auto later = send("q.fifo", entry("one"));
  EXPECT_NE(later->message_id, first->message_id);
  EXPECT_GT(later->sequence->value(), first->sequence->value());
  EXPECT_EQ(counts("q.fifo"), "1/0/0");
}

TEST_F(SqsTest, FifoDeduplicatesWithinABatchAndByGroup) {
  ASSERT_TRUE(create("q.fifo", {{"DeduplicationScope", "messageGroup"}}));
  std::vector<SendEntry> entries;
  for (auto group : {"a", "a", "b"}) {
    entries.push_back({.body = "x", .group_id = group, .deduplication_id = "d"});
  }
  auto results = sim_.run(logic_->send(on("q.fifo"), std::move(entries)));
  ASSERT_TRUE(results);
  EXPECT_EQ((*results)[0]->message_id, (*results)[1]->message_id);
  EXPECT_NE((*results)[0]->message_id, (*results)[2]->message_id);
  EXPECT_EQ(counts("q.fifo"), "2/0/0");
}

TEST_F(SqsTest, FifoReceiveAttemptRepeats) {
  ASSERT_TRUE(create("q.fifo"));
  ASSERT_TRUE(send_fifo("q.fifo", "a", "a1"));
  ReceiveOptions options{.count = 10, .visibility_s = 10, .attempt_id = "try"};
  auto first = receive("q.fifo", options);
  sim_.advance(kSecond * 5);
  auto again = receive("q.fifo", options);
  ASSERT_EQ(again->size(), 1u);
  EXPECT_EQ((*again)[0].handle.str(), (*first)[0].handle.str());
  sim_.advance(kSecond * 9);
  EXPECT_TRUE(take("q.fifo").empty());
  EXPECT_TRUE(remove("q.fifo", (*again)[0]));
  EXPECT_TRUE(receive("q.fifo", options)->empty());
}

TEST_F(SqsTest, DeadLettersMoveAndComeBack) {
  ASSERT_TRUE(create("dead"));
  std::string redrive =
      R"({ "deadLetterTargetArn":")" + logic_->arn_of("dead") + R"(", "maxReceiveCount":"2"})";
  ASSERT_TRUE(create("q", {{"RedrivePolicy", redrive}}));
  EXPECT_EQ(attribute("q", "RedrivePolicy"), redrive);
  ASSERT_TRUE(send("q", "bad"));
  ASSERT_TRUE(send("q", "good"));
  for (int i = 0; i < 2; ++i) {
    auto received = receive("q", {.count = 10, .visibility_s = 0});
    ASSERT_EQ(received->size(), 2u) << i;
    if (i == 1) {
      for (const Received& item : *received) {
        if (item.message.body == "good") ASSERT_TRUE(remove("q", item));
      }
    }
  }
  EXPECT_TRUE(take("q").empty());
  EXPECT_EQ(counts("q"), "0/0/0");
  restart();
  EXPECT_EQ(counts("dead"), "1/0/0");
  auto dead = receive("dead", {.visibility_s = 0});
  ASSERT_EQ(bodies(dead), Bodies{"bad"});
  EXPECT_EQ((*dead)[0].receives, 3u);
  EXPECT_EQ((*dead)[0].message.dead_letter_source_arn, logic_->arn_of("q"));
  auto sources = sim_.run(logic_->dead_letter_sources(on("dead"), {}));
  EXPECT_EQ(sources->names, Bodies{"q"});
  // Back to where it came from, as a new message.
  MoveOptions options{.source_arn = logic_->arn_of("dead"), .access = logic_->owner_access()};
  auto task = sim_.run(logic_->start_move(options));
  ASSERT_TRUE(task) << task.error().message;
  EXPECT_EQ(counts("dead"), "0/0/0");
  auto back = receive("q");
  ASSERT_EQ(bodies(back), Bodies{"bad"});
  EXPECT_EQ((*back)[0].receives, 1u);
  auto tasks = sim_.run(logic_->list_moves(logic_->arn_of("dead"), 10, logic_->owner_access()));
  ASSERT_EQ(tasks->size(), 1u);
  EXPECT_EQ((*tasks)[0].record.status, MoveTaskRecord::Status::kCompleted);
  EXPECT_EQ((*tasks)[0].record.moved, 1u);
}

TEST_F(SqsTest, InFlightLimits) {
  config_.standard_in_flight_max = 2;
  config_.fifo_in_flight_max = 2;
  restart();
  ASSERT_TRUE(create("q"));
  ASSERT_TRUE(create("q.fifo"));
  for (auto body : {"a", "b", "c"}) {
    ASSERT_TRUE(send("q", body));
    ASSERT_TRUE(send_fifo("q.fifo", body, body));
  }
  auto held = receive("q", {.count = 2});
  ASSERT_EQ(held->size(), 2u);
  EXPECT_EQ(code(receive("q")), kOverLimit);
  // A long poll waits instead, and goes on when there is room.
  auto waiting = sim_.spawn(logic_->receive(on("q"), {.wait_s = 20}));
  ASSERT_TRUE(remove("q", (*held)[0]));
  ASSERT_TRUE(sim_.is_ready(waiting));
  EXPECT_EQ(bodies(waiting.get()), Bodies{"c"});
  ASSERT_EQ(take("q.fifo").size(), 3u) << "a receive is not cut short";
  ASSERT_TRUE(send_fifo("q.fifo", "d", "d"));
  EXPECT_EQ(bodies(receive("q.fifo")), Bodies{});
}

TEST_F(SqsTest, ADeadLetterQueueThatDoesNotTakeThemDoesNotHideMessages) {
  ASSERT_TRUE(create("dead"));
  std::string redrive =
      R"({"deadLetterTargetArn":")" + logic_->arn_of("dead") + R"(","maxReceiveCount":1})";
  ASSERT_TRUE(create("q", {{"RedrivePolicy", redrive}}));
  Attributes deny = {{"RedriveAllowPolicy", R"({"redrivePermission":"denyAll"})"}};
  ASSERT_TRUE(sim_.run(logic_->set_attributes(on("dead"), deny)));
  EXPECT_EQ(code(create("other", {{"RedrivePolicy", redrive}})), kInvalidParameterValue);
  ASSERT_TRUE(send("q", "x"));
  EXPECT_EQ(take("q", 0), Bodies{"x"});
  EXPECT_EQ(take("q", 0), Bodies{"x"});
  EXPECT_EQ(counts("dead"), "0/0/0");
  ASSERT_TRUE(sim_.run(logic_->set_attributes(
      on("dead"), {{"RedriveAllowPolicy", R"({"redrivePermission":"byQueue","sourceQueueArns":[")" +
                                              logic_->arn_of("q") + R"("]})"}})));
  sim_.advance(kSecond * 10);
  EXPECT_EQ(take("q", 0), Bodies{});
  EXPECT_EQ(counts("dead"), "1/0/0");
  // Gone altogether.
  ASSERT_TRUE(send("q", "y"));
  ASSERT_TRUE(sim_.run(logic_->delete_queue(on("dead"))));
  EXPECT_EQ(take("q", 0), Bodies{"y"});
  EXPECT_EQ(take("q", 0), Bodies{"y"});
}

TEST_F(SqsTest, ADeletedQueueLeavesNothingBehind) {
  ASSERT_TRUE(create("q.fifo"));
  for (auto body : {"a", "b"}) ASSERT_TRUE(send_fifo("q.fifo", "g", body));
  ASSERT_EQ(take("q.fifo").size(), 2u);
  auto keys = [&] {
    auto page = sim_.run(sim_.kernel().store.scan({.range = store::KeyRange::prefix("q")}));
    return page->entries.size();
  };
  EXPECT_EQ(keys(), 7u) << "the queue, two states, two bodies, two deduplication entries";
  ASSERT_TRUE(sim_.run(logic_->delete_queue(on("q.fifo"))));
  EXPECT_EQ(keys(), 1u) << "its tombstone";
  sim_.advance(kSecond * 121);
  EXPECT_EQ(keys(), 0u);
}

TEST_F(SqsTest, MoveTaskIsPacedSurvivesACrashAndIsCancelled) {
  ASSERT_TRUE(create("dead"));
  ASSERT_TRUE(create("to"));
  std::string redrive =
      R"({"deadLetterTargetArn":")" + logic_->arn_of("dead") + R"(","maxReceiveCount":1})";
  ASSERT_TRUE(create("q", {{"RedrivePolicy", redrive}}));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(send("dead", fmt::format("{}", i)));
  MoveOptions options{.source_arn = logic_->arn_of("dead"),
                      .destination_arn = logic_->arn_of("to"),
                      .per_second_max = 1,
                      .access = logic_->owner_access()};
  auto task = sim_.run(logic_->start_move(options));
  ASSERT_TRUE(task);
  EXPECT_EQ(code(sim_.run(logic_->start_move(options))), kInvalidParameterValue);
  sim_.advance(Millis(2500));
  EXPECT_EQ(counts("to"), "3/0/0");
  restart();
  sim_.advance(Millis(1500));
  EXPECT_EQ(counts("to"), "5/0/0");
  auto moved = sim_.run(logic_->cancel_move(*task, logic_->owner_access()));
  EXPECT_EQ(*moved, 5u);
  sim_.advance(kSecond * 5);
  EXPECT_EQ(counts("to"), "5/0/0");
  EXPECT_EQ(counts("dead"), "5/0/0");
  auto tasks = sim_.run(logic_->list_moves(logic_->arn_of("dead"), 10, logic_->owner_access()));
  EXPECT_EQ((*tasks)[0].record.status, MoveTaskRecord::Status::kCancelled);
  EXPECT_EQ(code(sim_.run(logic_->cancel_move(*task, logic_->owner_access()))),
            kUnsupportedOperation);
}

TEST_F(SqsTest, CreateIsIdempotentAndNamesAreHeldAfterDeletion) {
  ASSERT_TRUE(create("q", {{"DelaySeconds", "1"}}));
  EXPECT_TRUE(create("q"));
  EXPECT_TRUE(create("q", {{"DelaySeconds", "1"}}));
  EXPECT_EQ(code(create("q", {{"DelaySeconds", "2"}})), kQueueNameExists);
  EXPECT_EQ(code(create("q!")), kInvalidParameterValue);
  EXPECT_EQ(code(create("q", {{"Delay", "2"}})), kInvalidAttributeName);
  EXPECT_EQ(code(create("q", {{"DelaySeconds", "901"}})), kInvalidAttributeValue);
  EXPECT_EQ(code(create("q", {{"KmsMasterKeyId", "alias/x"}})), kUnsupportedOperation);
  EXPECT_EQ(code(sim_.run(logic_->create_queue(on("q.fifo"), {}, {}))), kInvalidParameterValue);
  ASSERT_TRUE(sim_.run(logic_->delete_queue(on("q"))));
  EXPECT_EQ(code(sim_.run(logic_->find_queue(on("q")))), kQueueDoesNotExist);
  EXPECT_EQ(code(create("q")), kQueueDeletedRecently);
  restart();
  EXPECT_EQ(code(create("q")), kQueueDeletedRecently);
  sim_.advance(kSecond * 60);
  EXPECT_TRUE(create("q"));
  EXPECT_EQ(counts("q"), "0/0/0");
}

TEST_F(SqsTest, PurgeAndRetention) {
  ASSERT_TRUE(create("q", {{"MessageRetentionPeriod", "60"}}));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(send("q", "x"));
  ASSERT_EQ(take("q").size(), 10u);
  ASSERT_TRUE(sim_.run(logic_->purge(on("q"))));
  EXPECT_EQ(counts("q"), "0/0/0");
  EXPECT_EQ(code(sim_.run(logic_->purge(on("q")))), kPurgeQueueInProgress);
  ASSERT_TRUE(send("q", "old"));
  restart();
  EXPECT_EQ(counts("q"), "1/0/0");
  sim_.advance(kSecond * 59);
  ASSERT_TRUE(send("q", "new"));
  sim_.advance(kSecond * 2);
  EXPECT_EQ(take("q"), Bodies{"new"});
  sim_.advance(kSecond * 200);
  EXPECT_EQ(counts("q"), "0/0/0");
  restart();
  EXPECT_EQ(counts("q"), "0/0/0");
}

TEST_F(SqsTest, ListsPages) {
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(create(fmt::format("q{:02}", i)));
  ASSERT_TRUE(create("other"));
  std::vector<std::string> all;
  ListOptions options{.prefix = "q", .max_results = 10};
  for (int page = 0; page < 3; ++page) {
    auto names = sim_.run(logic_->list_queues(logic_->owner_access(), options));
    all.insert(all.end(), names->names.begin(), names->names.end());
    options.next_token = names->next_token;
  }
  EXPECT_EQ(all.size(), 25u);
  EXPECT_TRUE(options.next_token.empty());
  EXPECT_TRUE(std::ranges::is_sorted(all));
}

TEST_F(SqsTest, PermissionsAndPolicies) {
  ASSERT_TRUE(create("q"));
  On stranger = on("q");
  stranger.access.caller = {policy::Caller::Kind::kAccount, "111111111111",
                            "arn:aws:iam::111111111111:root", ""};
  auto try_send = [&] {
    std::vector<SendEntry> entries(1);
    entries[0].body = "x";
    return code(sim_.run(logic_->send(stranger, std::move(entries))));
  };
  EXPECT_EQ(try_send(), kAccessDenied);
  EXPECT_EQ(code(sim_.run(logic_->list_queues(stranger.access, {}))), kAccessDenied);
  EXPECT_EQ(code(sim_.run(logic_->create_queue(stranger, {}, {}))), kAccessDenied);
  Permission permission{"label", {"111111111111"}, {"SendMessage"}};
  EXPECT_TRUE(sim_.run(logic_->add_permission(on("q"), permission)));
  EXPECT_EQ(code(sim_.run(logic_->add_permission(on("q"), permission))), kInvalidParameterValue);
  EXPECT_EQ(try_send(), "ok");
  EXPECT_TRUE(sim_.run(logic_->remove_permission(on("q"), "label")));
  EXPECT_EQ(try_send(), kAccessDenied);
  EXPECT_EQ(attribute("q", "Policy"), "");
  EXPECT_EQ(code(sim_.run(logic_->set_attributes(on("q"), {{"Policy", "{}"}}))),
            kInvalidAttributeValue);
}

TEST_F(SqsTest, EventsBecomeMessagesOnce) {
  ASSERT_TRUE(create("q"));
  std::string arn = logic_->arn_of("q");
  event::Sender s3{"s3.amazonaws.com", "arn:aws:s3:::lake", "000000000000"};
  EXPECT_EQ(code(sim_.run(target_->accepts(arn, s3))), kAccessDenied);
  EXPECT_EQ(code(sim_.run(target_->accepts(arn + "x", s3))), codes::kNotFound);
  std::string policy =
      R"({"Statement":{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},)"
      R"("Action":"sqs:SendMessage","Resource":")" +
      arn + R"(","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:*:*:lake"}}}})";
  ASSERT_TRUE(sim_.run(logic_->set_attributes(on("q"), {{"Policy", policy}})));
  EXPECT_TRUE(sim_.run(target_->accepts(arn, s3)));
  store::Batch batch;
  event::Event event{.source_arn = s3.source_arn, .kind = "s3:x", .target_arn = arn};
  event.payload = R"({"Records":[]})";
  event.cause = TraceContext::begin(sim_.clock().now(), sim_.random());
  event.at = sim_.clock().now();
  event::emit(batch, event, sim_.random());
  ASSERT_TRUE(sim_.run(sim_.kernel().store.commit(std::move(batch))));
  sim_.settle();
  EXPECT_EQ(counts("q"), "1/0/0");
  restart();
  sim_.advance(kSecond * 60);
  EXPECT_EQ(counts("q"), "1/0/0");
  auto records = sim_.run(source_->pull({.arn = arn, .visibility = kSecond * 10}));
  ASSERT_EQ(records->size(), 1u);
  auto document = boost::json::parse((*records)[0].document);
  EXPECT_EQ(document.at("body").as_string(), event.payload);
  EXPECT_EQ(document.at("eventSourceARN").as_string(), arn);
  EXPECT_EQ(document.at("attributes").at("ApproximateReceiveCount").as_string(), "1");
  EXPECT_EQ((*records)[0].cause.trace_id, event.cause.trace_id);
  EXPECT_TRUE(sim_.run(source_->release(arn, {(*records)[0].handle}, kSecond * 2)));
  sim_.advance(kSecond * 2);
  records = sim_.run(source_->pull({.arn = arn}));
  ASSERT_EQ(records->size(), 1u);
  store::Batch also;
  also.put("zmark", "1");
  EXPECT_TRUE(sim_.run(source_->ack(arn, {(*records)[0].handle}, std::move(also))));
  EXPECT_TRUE(*sim_.run(sim_.kernel().store.get("zmark")));
  EXPECT_EQ(counts("q"), "0/0/0");
}

TEST_F(SqsTest, AnEventThatIsRefusedGoesToItsDeadLetters) {
  ASSERT_TRUE(create("q", {{"MaximumMessageSize", "1024"}}));
  ASSERT_TRUE(create("dead"));
  store::Batch batch;
  event::Event event{
      .source_arn = "arn:aws:s3:::lake", .kind = "s3:x", .target_arn = logic_->arn_of("q")};
  event.payload = Bytes(2000, 'x');
  event.at = sim_.clock().now();
  event.policy.dead_letter_arn = logic_->arn_of("dead");
  event::emit(batch, event, sim_.random());
  ASSERT_TRUE(sim_.run(sim_.kernel().store.commit(std::move(batch))));
  sim_.settle();
  EXPECT_EQ(counts("q"), "0/0/0");
  EXPECT_EQ(take("dead"), std::vector<std::string>{event.payload});
}

TEST_F(SqsTest, AnEventsAttributesDoNotKeepItFromTheQueue) {
  ASSERT_TRUE(create("q"));
  store::Batch batch;
  event::Event event{
      .source_arn = "arn:aws:s3:::lake", .kind = "s3:x", .target_arn = logic_->arn_of("q")};
  event.payload = "body";
  event.at = sim_.clock().now();
  // As of an error message with escape sequences, cut within a character; and one without words.
  event.attributes = {{"ErrorMessage", "\x1b[31mcaf\xC3\xA9 \xE2\x82"}, {"ErrorCode", ""}};
  event::emit(batch, event, sim_.random());
  ASSERT_TRUE(sim_.run(sim_.kernel().store.commit(std::move(batch))));
  sim_.settle();
  auto received = receive("q");
  ASSERT_TRUE(received);
  ASSERT_EQ(received->size(), 1u);
  const MessageAttributes& attributes = (*received)[0].message.attributes;
  EXPECT_EQ(attributes.size(), 1u);
  EXPECT_EQ(attributes.at("ErrorMessage").value, "?[31mcaf\xC3\xA9 ??");
}

TEST_F(SqsTest, ChecksOfMessages) {
  ASSERT_TRUE(create("q", {{"MaximumMessageSize", "1024"}}));
  ASSERT_TRUE(create("q.fifo"));
  EXPECT_EQ(code(send("q", "")), kMissingParameter);
  EXPECT_EQ(code(send("q", std::string(1025, 'x'))), kInvalidParameterValue);
  EXPECT_EQ(code(send("q", std::string(1024, 'x'))), "ok");
  auto invalid = send("q", "a\bb");
  EXPECT_EQ(code(invalid), kInvalidMessageContents);
  EXPECT_NE(invalid.error().message.find("'#x8'"), std::string::npos);
  EXPECT_EQ(code(send("q", "\xC3\x28")), kInvalidMessageContents);
  EXPECT_EQ(code(send("q", "\xEF\xBF\xBF")), kInvalidMessageContents);
  EXPECT_EQ(code(send("q", "水路")), "ok");
  EXPECT_EQ(code(send("q", SendEntry{.body = "x", .delay_s = 901})), kInvalidParameterValue);
  EXPECT_EQ(code(send("q", SendEntry{.body = "x", .deduplication_id = "d"})),
            kInvalidParameterValue);
  EXPECT_EQ(code(send("q.fifo", "x")), kMissingParameter);
  EXPECT_EQ(code(send("q.fifo", SendEntry{.body = "x", .group_id = "g"})), kInvalidParameterValue);
  EXPECT_EQ(
      code(send("q.fifo",
                SendEntry{.body = "x", .group_id = "g", .deduplication_id = "d", .delay_s = 1})),
      kInvalidParameterValue);
  EXPECT_EQ(code(receive("q", {.count = 11})), kInvalidParameterValue);
  EXPECT_EQ(code(receive("q", {.wait_s = 21})), kInvalidParameterValue);
}

TEST_F(SqsTest, FifoDelayIsTheQueuesOwnAtAnyTime) {
  ASSERT_TRUE(create("q.fifo", {{"DelaySeconds", "100"}}));
  ASSERT_TRUE(send_fifo("q.fifo", "a", "a1"));
  EXPECT_EQ(counts("q.fifo"), "0/0/1");
  restart();
  EXPECT_EQ(counts("q.fifo"), "0/0/1");
  ASSERT_TRUE(sim_.run(logic_->set_attributes(on("q.fifo"), {{"DelaySeconds", "0"}})));
  ASSERT_TRUE(send_fifo("q.fifo", "a", "a2"));
  EXPECT_EQ(take("q.fifo"), (Bodies{"a1", "a2"}));
}

}  // namespace
}  // namespace suiro::sqs
