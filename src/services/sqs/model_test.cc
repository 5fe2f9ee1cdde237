// SPDX-License-Identifier: Apache-2.0
// Random sends, receives, deletes, changes of visibility, time and crashes, compared with a simple
// model: nothing acknowledged is lost, nothing deleted comes back, nothing in flight is handed out,
// FIFO groups keep their order. A failure names its seed.
#include "services/sqs/testing.h"

namespace suiro::sqs {
namespace {

struct Known {
  std::string group;
  uint64_t order = 0;
  TimePoint visible_at = {};  // acknowledged: not received before
  uint32_t receives = 0;      // acknowledged
  bool certain = true;        // the send was acknowledged
  bool deleted = false;       // the delete was acknowledged
  bool maybe_deleted = false;
  std::string handle;
};

struct Side {
  std::string queue;
  std::string dead;  // its dead-letter queue, if it has one
  bool fifo = false;
  bool uncertain = false;                 // a crash hid the outcome of a receive
  std::map<std::string, Known> messages;  // by body
};

class SqsModel : public SqsTest, public ::testing::WithParamInterface<int> {
 protected:
  SqsModel()
      : SqsTest({.shards = 3, .seed = static_cast<uint64_t>(GetParam())}),
        dice_(static_cast<uint64_t>(GetParam()) * 7919) {}

  void build() {
    sides_ = {{"plain", "", false}, {"order.fifo", "", true}, {"retry", "dead", false}};
    ASSERT_TRUE(create("dead"));
    ASSERT_TRUE(create("plain"));
    ASSERT_TRUE(create("order.fifo"));
    std::string redrive =
        R"({"deadLetterTargetArn":")" + logic_->arn_of("dead") + R"(","maxReceiveCount":3})";
    ASSERT_TRUE(create("retry", {{"RedrivePolicy", redrive}}));
  }

  bool alive() { return !sim_.store().crashed(); }
  TimePoint now() { return sim_.clock().now(); }

  void send_some(Side& side) {
    std::vector<SendEntry> entries;
    std::vector<std::string> bodies;
    for (uint64_t left = 1 + dice_.below(4); left > 0; --left) {
      SendEntry entry{.body = fmt::format("m{}", next_)};
      Known& known = side.messages[entry.body];
      known.order = next_++;
      if (side.fifo) {
        entry.group_id = known.group = fmt::format("g{}", dice_.below(4));
        entry.deduplication_id = entry.body;
      } else if (dice_.below(4) == 0) {
        entry.delay_s = static_cast<int32_t>(dice_.below(20));
        known.visible_at = now() + std::chrono::seconds(*entry.delay_s);
      }
      bodies.push_back(entry.body);
      entries.push_back(std::move(entry));
    }
    auto again = entries;
    auto sent = sim_.run(logic_->send(on(side.queue), std::move(entries)));
    for (const std::string& body : bodies) side.messages[body].certain = sent.has_value();
    if (!sent || !side.fifo || dice_.below(3) > 0) return;
    // A duplicate is acknowledged with the first one's identity.
    auto repeated = sim_.run(logic_->send(on(side.queue), std::move(again)));
    if (!repeated) return;
    for (size_t i = 0; i < bodies.size(); ++i) {
      EXPECT_EQ((*repeated)[i]->message_id, (*sent)[i]->message_id);
    }
  }

  void receive_some(Side& side) {
    auto count = static_cast<int32_t>(1 + dice_.below(10));
    auto visibility = static_cast<int32_t>(dice_.below(40));
    auto received = receive(side.queue, {.count = count, .visibility_s = visibility});
    if (!received) {
      side.uncertain = true;
      return;
    }
    std::map<std::string, uint64_t> newest;
    for (const Received& item : *received) {
      check_received(side, item, newest);
      Known& known = side.messages[item.message.body];
      known.visible_at = now() + std::chrono::seconds(visibility);
      known.receives = item.receives;
      known.handle = item.handle.str();
      known.certain = true;
    }
  }

  void check_received(Side& side, const Received& item, std::map<std::string, uint64_t>& newest) {
    const std::string& body = item.message.body;
    ASSERT_TRUE(side.messages.contains(body)) << body;
    Known& known = side.messages[body];
    EXPECT_FALSE(known.deleted) << body << " was deleted";
    EXPECT_LE(known.visible_at, now()) << body << " is in flight or delayed";
    if (!side.uncertain) EXPECT_EQ(item.receives, known.receives + 1) << body;
    EXPECT_GT(item.receives, known.receives) << body;
    if (!side.dead.empty()) EXPECT_LE(item.receives, 3u) << body;
    if (!side.fifo) return;
    EXPECT_EQ(item.message.group_id, known.group);
    for (const auto& [other_body, other] : side.messages) {
      bool older = other.group == known.group && other.order < known.order;
      if (!older || other.deleted || other.maybe_deleted || !other.certain) continue;
      EXPECT_GE(newest[known.group], other.order) << body << " overtook " << other_body;
    }
    EXPECT_GT(known.order + 1, newest[known.group]) << body;
    newest[known.group] = known.order;
  }

  // A message that was received and, for FIFO queues, whose handle still counts.
  Known* pick_received(Side& side) {
    std::vector<Known*> candidates;
    for (auto& [body, known] : side.messages) {
      bool in_flight = known.visible_at > now();
      if (known.handle.empty() || known.deleted || known.maybe_deleted) continue;
      if (in_flight) candidates.push_back(&known);
    }
    return candidates.empty() ? nullptr : candidates[dice_.below(candidates.size())];
  }

  void delete_one(Side& side) {
    Known* known = pick_received(side);
    if (known == nullptr) return;
    auto removed = remove(side.queue, known->handle);
    if (removed) known->deleted = true;
    if (!removed) {
      EXPECT_FALSE(alive()) << removed.error().message;
      known->maybe_deleted = true;
    }
  }

  void change_one(Side& side) {
    Known* known = pick_received(side);
    if (known == nullptr) return;
    auto seconds = static_cast<int32_t>(dice_.below(60));
    std::vector<VisibilityEntry> entries;
    entries.push_back({known->handle, seconds});
    auto changed = sim_.run(logic_->change_visibility(on(side.queue), std::move(entries)));
    TimePoint visible_at = now() + std::chrono::seconds(seconds);
    if (changed) {
      EXPECT_TRUE((*changed)[0]) << (*changed)[0].error().message;
      known->visible_at = visible_at;
    } else {
      known->visible_at = std::min(known->visible_at, visible_at);
      side.uncertain = true;
    }
  }

  void step() {
    Side& side = sides_[dice_.below(sides_.size())];
    uint64_t roll = dice_.below(100);
    if (roll < 30) return send_some(side);
    if (roll < 60) return receive_some(side);
    if (roll < 78) return delete_one(side);
    if (roll < 88) return change_one(side);
    if (roll < 97) return sim_.advance(Millis(static_cast<int64_t>(dice_.below(15'000))));
    if (roll < 99) return sim_.store().crash_after(static_cast<int64_t>(1 + dice_.below(5)));
    restart();
  }

  // Everything that must be there is there, once.
  void drain(Side& side) {
    std::map<std::string, int> found;
    for (const std::string& queue : {side.queue, side.dead}) {
      if (queue.empty()) continue;
      for (int idle = 0; idle < 3;) {
        auto received = receive(queue, {.count = 10, .visibility_s = 600});
        ASSERT_TRUE(received);
        idle = received->empty() ? idle + 1 : 0;
        if (received->empty()) sim_.advance(std::chrono::seconds(61));
        for (const Received& item : *received) {
          ++found[item.message.body];
          ASSERT_TRUE(remove(queue, item));
        }
      }
    }
    for (const auto& [body, known] : side.messages) {
      EXPECT_LE(found[body], 1) << body << " twice in " << side.queue;
      if (known.deleted) EXPECT_EQ(found[body], 0) << body << " was deleted";
      bool must = known.certain && !known.deleted && !known.maybe_deleted;
      if (must) EXPECT_EQ(found[body], 1) << body << " is lost from " << side.queue;
      found.erase(body);
    }
    EXPECT_TRUE(found.empty()) << "a message that nobody sent";
  }

  SeededRandom dice_;
  uint64_t next_ = 1;
  std::vector<Side> sides_;
};

TEST_P(SqsModel, AgreesWithASimpleModel) {
  SCOPED_TRACE(fmt::format("seed {}", GetParam()));
  build();
  for (int i = 0; i < 250 && !HasFailure(); ++i) {
    step();
    if (!alive()) restart();
  }
  restart();
  for (Side& side : sides_) drain(side);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SqsModel, ::testing::Range(1, 9));

}  // namespace
}  // namespace suiro::sqs
