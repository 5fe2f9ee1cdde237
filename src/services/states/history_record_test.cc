// SPDX-License-Identifier: Apache-2.0
#include "services/states/history_record.h"

#include <gtest/gtest.h>

namespace suiro::states {
namespace {

using workflow::EventType;
using workflow::HistoryEvent;

class NoSink final : public workflow::PayloadSink {
 public:
  void put(const workflow::PayloadHash&, const workflow::Payload&) override { ++count; }
  int count = 0;
};

workflow::Payload text_of(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// What a chain of Pass states leaves: each takes the payload and hands it on.
std::vector<HistoryEvent> chain(int states, const workflow::Payload& payload) {
  std::vector<HistoryEvent> events;
  for (int i = 0; i < 2 * states; ++i) {
    HistoryEvent& event = events.emplace_back();
    event.id = static_cast<uint64_t>(i) + 2;
    event.previous_id = event.id - 1;
    event.time = TimePoint(Millis(1'700'000'000'000 + i));
    event.type = i % 2 == 0 ? EventType::kPassStateEntered : EventType::kPassStateExited;
    event.name = "S";
    (i % 2 == 0 ? event.input : event.output) = payload;
  }
  return events;
}

TEST(HistoryRecord, ATextThatEventsShareStandsInTheBlockOnce) {
  NoSink sink;
  const auto payload = text_of("{\"order\":" + std::string(100, '1') + "}");
  const auto events = chain(10, payload);
  const Bytes block = encode_history(events, sink);
  EXPECT_LT(block.size(), 2 * payload->size() + 20 * 12);
  EXPECT_EQ(sink.count, 0);
  auto read = decode_history(2, block);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    const HistoryEvent& event = read->at(i).event;
    EXPECT_EQ(event.id, events[i].id);
    EXPECT_EQ(event.previous_id, events[i].previous_id);
    EXPECT_EQ(event.time, events[i].time);
    const auto& text = i % 2 == 0 ? event.input : event.output;
    ASSERT_TRUE(text);
    EXPECT_EQ(**text, *payload);
  }
}

TEST(HistoryRecord, TextsAreToldApart) {
  NoSink sink;
  auto events = chain(2, text_of("1"));
  events[2].input = text_of("2");
  events[3].output = events[1].output;
  events[3].assigned_variables = events[2].input;
  auto read = decode_history(2, encode_history(events, sink));
  ASSERT_TRUE(read);
  EXPECT_EQ(**read->at(0).event.input, "1");
  EXPECT_EQ(**read->at(1).event.output, "1");
  EXPECT_EQ(**read->at(2).event.input, "2");
  EXPECT_EQ(**read->at(3).event.output, "1");
  EXPECT_EQ(**read->at(3).event.assigned_variables, "2");
}

// One PassStateEntered, id 2 after 1, at 3 ms: name "S", input "{}".
Bytes block_of_version(char version, std::string_view more = "") {
  Bytes block{version, 1, static_cast<char>(EventType::kPassStateEntered), 2, 6};
  block += Bytes("\1\1S\2\2{}", 7);
  block += more;
  block.push_back(0);
  return block;
}

TEST(HistoryRecord, BlocksOfTheFirstVersionAreRead) {
  auto read = decode_history(2, block_of_version(1));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->at(0).event.name, "S");
  EXPECT_EQ(**read->at(0).event.input, "{}");
  // It has no repeated texts.
  EXPECT_FALSE(decode_history(2, block_of_version(1, std::string("\x43\0", 2))));
}

TEST(HistoryRecord, DamageIsTold) {
  auto repeated = decode_history(2, block_of_version(2, std::string("\x43\0", 2)));
  ASSERT_TRUE(repeated) << repeated.error().message;
  EXPECT_EQ(**repeated->at(0).event.output, "{}");
  EXPECT_FALSE(decode_history(2, block_of_version(2, "\x43\1")));                  // no such text
  EXPECT_FALSE(decode_history(2, block_of_version(2, std::string("\x41\0", 2))));  // no payload
  EXPECT_FALSE(decode_history(2, block_of_version(3)));
}

}  // namespace
}  // namespace suiro::states
