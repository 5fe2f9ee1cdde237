// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/message.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/digest.h"
#include "services/sqs/body_cache.h"
#include "services/sqs/errors.h"
#include "services/sqs/settings.h"
#include "services/sqs/storage.h"
#include "services/sqs/wire.h"

namespace suiro::sqs {
namespace {

TEST(Digests, AreThoseOfAws) {
  // A value that AWS answered, published in several SDKs' tests.
  EXPECT_EQ(hex_encode(attributes_digest({{"timestamp", {"Number", "1493147359900"}}})),
            "235c5c510d26fb653d073faed50ae77c");
  EXPECT_EQ(attributes_digest({}), "");
  EXPECT_NE(attributes_digest({{"a", {"Binary", "x"}}}),
            attributes_digest({{"a", {"String", "x"}}}));
}

TEST(ReceiptHandles, RoundTripAndRefuse) {
  ReceiptHandle handle{QueueId(7), Sequence(UINT64_MAX), 9};
  auto parsed = ReceiptHandle::parse(handle.str());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->queue, handle.queue);
  EXPECT_EQ(parsed->sequence, handle.sequence);
  EXPECT_EQ(parsed->nonce, handle.nonce);
  EXPECT_FALSE(ReceiptHandle::parse(""));
  EXPECT_FALSE(ReceiptHandle::parse("AAAA"));
  std::string other_version = handle.str();
  other_version[0] = 'B';
  EXPECT_FALSE(ReceiptHandle::parse(other_version));
}

TEST(MessageIds, AreVersionFourUuids) {
  SeededRandom random(1);
  std::string text = uuid_text(new_message_id(random));
  EXPECT_EQ(text.size(), 36u);
  EXPECT_EQ(text[14], '4');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
}

TEST(AttributeChecks, NamesTypesAndValues) {
  auto check = [](const std::string& name, const std::string& type, const Bytes& value) {
    return check_attributes({{name, {type, value}}}).has_value();
  };
  EXPECT_TRUE(check("a.b-c_D1", "String", "x"));
  EXPECT_TRUE(check("n", "Number.int", "-1.5e10"));
  EXPECT_TRUE(check("b", "Binary.png", Bytes("\0\1", 2)));
  for (auto name : {"", ".a", "a.", "a..b", "AWS.x", "aMaZoN.x", "a b", "a/b"}) {
    EXPECT_FALSE(check(name, "String", "x")) << name;
  }
  EXPECT_FALSE(check(std::string(257, 'a'), "String", "x"));
  EXPECT_TRUE(check(std::string(256, 'a'), "String", "x"));
  for (auto type : {"", "string", "Integer", "Strings"}) EXPECT_FALSE(check("a", type, "1"));
  EXPECT_FALSE(check("a", "String", ""));
  EXPECT_FALSE(check("a", "String", "\x01"));
  for (auto number : {"", "x", "1x", ".", "1e", "0x10"}) {
    EXPECT_FALSE(check("a", "Number", number)) << number;
  }
  MessageAttributes many;
  for (int i = 0; i < 11; ++i) many[fmt::format("a{}", i)] = {"String", "x"};
  EXPECT_EQ(check_attributes(many).error().message,
            "Number of message attributes [11] exceeds the allowed maximum [10].");
}

Message sample() {
  Message message;
  message.id = Bytes(16, 'i');
  message.sent_at = TimePoint(Millis(123456789));
  message.body = std::string("body\0x", 6);
  message.body_md5 = md5(message.body);
  message.sender_id = "000000000000";
  message.group_id = "g";
  message.deduplication_id = "d";
  message.trace_header = "Root=1-2-3";
  message.dead_letter_source_arn = "arn";
  message.receives_before = 3;
  message.first_received_before = TimePoint(Millis(5));
  message.attributes = {{"a", {"String", "x"}}, {"b", {"Binary", Bytes("\0", 1)}}};
  message.attributes_md5 = attributes_digest(message.attributes);
  return message;
}

TEST(Storage, ValuesRoundTripAndBrokenOnesAreRefused) {
  Message message = sample();
  Bytes bytes = storage::encode(message);
  auto back = storage::decode_message(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, message);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(storage::decode_message(bytes.substr(0, length))) << length;
  }
  EXPECT_FALSE(storage::decode_message(bytes + "x"));
  bytes[0] = 2;
  EXPECT_EQ(storage::decode_message(bytes).error().code, codes::kCorrupt);

  MessageState state;
  EXPECT_EQ(storage::encode(state).size(), 2u);
  EXPECT_EQ(*storage::decode_state(storage::encode(state)), state);
  EXPECT_FALSE(storage::decode_state(std::string("\x01\x10", 2)));
  EXPECT_FALSE(storage::decode_state(std::string("\x01\x08", 2)));
  state = {.visible_at = TimePoint(Millis(7)),
           .sent_at = TimePoint(Millis(3)),
           .receives = 2,
           .first_received_at = TimePoint(Millis(4)),
           .nonce = 99,
           .group_id = "group"};
  EXPECT_EQ(*storage::decode_state(storage::encode(state)), state);

  QueueRecord queue{
      QueueId(5), TimePoint(Millis(1)), TimePoint(Millis(2)), {{"a", "b"}}, {{"t", ""}}};
  EXPECT_EQ(*storage::decode_queue(storage::encode(queue)), queue);
  DedupRecord dedup{Sequence(8), Bytes(16, 'm')};
  EXPECT_EQ(*storage::decode_dedup(storage::encode(dedup)), dedup);
  MoveTaskRecord task{MoveTaskRecord::Status::kFailed, "to", "why", 5, 6, 7};
  EXPECT_EQ(*storage::decode_task(storage::encode(task)), task);
}

// The bytes that data directories of version 1 hold: a change here is a new version.
TEST(Storage, BytesOfVersionOne) {
  EXPECT_EQ(hex_encode(storage::state_key(QueueId(1), Sequence(2))),
            "7173"
            "0000000000000001"
            "0000000000000002");
  MessageState state{.visible_at = TimePoint(Millis(1)),
                     .receives = 2,
                     .first_received_at = TimePoint(Millis(3)),
                     .nonce = 4,
                     .group_id = "g"};
  EXPECT_EQ(hex_encode(storage::encode(state)),
            "01"
            "0d"
            "0000000000000001"
            "00000002"
            "0000000000000003"
            "00000004"
            "67");
  EXPECT_EQ(hex_encode(storage::encode(DedupRecord{Sequence(1), Bytes(16, '\0')})),
            "01"
            "0000000000000001"
            "00000000000000000000000000000000");
}

// Values as version 1 wrote them, kept as the seeds of the fuzz target (the first byte is its
// choice).
TEST(Storage, ValuesOfVersionOneAreReadAndWrittenAsTheyWere) {
  auto stored = [](const char* name) {
    std::ifstream file(std::string(SUIRO_SOURCE_DIR) + "/fuzz/corpus/queue/" + name,
                       std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_GT(bytes.size(), 1u) << name;
    return bytes.substr(1);
  };
  EXPECT_EQ(storage::encode(storage::decode_message(stored("message")).value()), stored("message"));
  EXPECT_EQ(storage::encode(storage::decode_state(stored("state")).value()), stored("state"));
  EXPECT_EQ(storage::encode(storage::decode_queue(stored("record")).value()), stored("record"));
  EXPECT_EQ(storage::encode(storage::decode_task(stored("task")).value()), stored("task"));
  EXPECT_EQ(ReceiptHandle::parse(stored("handle"))->str(), stored("handle"));
  EXPECT_EQ(storage::decode_message(stored("message"))->body, "body");
}

TEST(BodyCache, StaysWithinItsLimit) {
  BodyCache cache(1000);
  QueueId queue(1);
  for (uint64_t i = 0; i < 10; ++i) cache.put(queue, Sequence(i), Bytes(100, 'x'));
  EXPECT_LE(cache.size_bytes(), 1000u);
  EXPECT_EQ(cache.get(queue, Sequence(0)), nullptr);
  ASSERT_NE(cache.get(queue, Sequence(9)), nullptr);
  ASSERT_NE(cache.get(queue, Sequence(7)), nullptr);
  cache.put(queue, Sequence(10), Bytes(300, 'y'));
  EXPECT_NE(cache.get(queue, Sequence(7)), nullptr) << "used last, goes last";
  cache.put(queue, Sequence(11), Bytes(2000, 'z'));
  EXPECT_EQ(cache.get(queue, Sequence(11)), nullptr);
  for (uint64_t i = 0; i < 12; ++i) cache.drop(queue, Sequence(i));
  EXPECT_EQ(cache.size_bytes(), 0u);
}

TEST(SettingsChecks, RedriveAndFifoAttributes) {
  auto set = [](const std::string& name, const std::string& value,
                QueueKind kind = QueueKind::kStandard) -> std::string {
    auto changed = changed_attributes({}, {{name, value}}, kind, When::kSet);
    return changed ? "ok" : changed.error().code;
  };
  auto redrive = [](std::string count) {
    return R"({"deadLetterTargetArn":"arn:aws:sqs:r:000000000000:d","maxReceiveCount":)" + count +
           "}";
  };
  EXPECT_EQ(set("RedrivePolicy", redrive("1000")), "ok");
  EXPECT_EQ(set("RedrivePolicy", redrive("\"5\"")), "ok");
  EXPECT_EQ(set("RedrivePolicy", ""), "ok");
  for (auto count : {"0", "1001", "\"x\"", "null", "1.5"}) {
    EXPECT_EQ(set("RedrivePolicy", redrive(count)), kInvalidParameterValue) << count;
  }
  EXPECT_EQ(set("RedrivePolicy", "{}"), kInvalidParameterValue);
  EXPECT_EQ(set("RedrivePolicy", "x"), kInvalidParameterValue);
  EXPECT_EQ(set("RedriveAllowPolicy", R"({"redrivePermission":"denyAll"})"), "ok");
  EXPECT_EQ(set("RedriveAllowPolicy", R"({"redrivePermission":"byQueue"})"),
            kInvalidParameterValue);
  EXPECT_EQ(set("ContentBasedDeduplication", "true"), kInvalidAttributeName);
  EXPECT_EQ(set("ContentBasedDeduplication", "yes", QueueKind::kFifo), kInvalidAttributeValue);
  EXPECT_EQ(set("FifoThroughputLimit", "perMessageGroupId", QueueKind::kFifo),
            kInvalidAttributeValue);
  EXPECT_EQ(set("FifoQueue", "true", QueueKind::kFifo), kInvalidAttributeName);
  EXPECT_EQ(set("VisibilityTimeout", "-1"), kInvalidAttributeValue);
  EXPECT_EQ(set("VisibilityTimeout", "1 "), kInvalidAttributeValue);
  EXPECT_EQ(set("SqsManagedSseEnabled", "true"), kUnsupportedOperation);
  EXPECT_EQ(set("SqsManagedSseEnabled", "false"), "ok");
}

TEST(Shown, AttributesByNameAndPrefix) {
  Received received;
  received.message = sample();
  Shown shown;
  shown.attributes = {"a.*", "b"};  // "a" is not "a." and more
  auto out = message_of(received, shown);
  ASSERT_TRUE(out.message_attributes);
  EXPECT_EQ(out.message_attributes->size(), 1u);
  EXPECT_EQ(*out.md5_of_message_attributes,
            hex_encode(attributes_digest({{"b", {"Binary", Bytes("\0", 1)}}})));
  EXPECT_FALSE(out.attributes);
  shown.all_attributes = true;
  shown.system = {"SenderId"};
  out = message_of(received, shown);
  EXPECT_EQ(*out.md5_of_message_attributes, hex_encode(received.message.attributes_md5));
  EXPECT_EQ(out.attributes->size(), 1u);
}

}  // namespace
}  // namespace suiro::sqs
