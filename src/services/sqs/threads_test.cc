// SPDX-License-Identifier: Apache-2.0
// Many clients at once over real threads and group commit: nothing is lost or received twice, and
// FIFO groups keep their order.
#include "services/sqs/testing.h"

namespace suiro::sqs {
namespace {

constexpr int kClients = 6;
constexpr int kMessagesEach = 40;

class Crowd {
 public:
  explicit Crowd(std::string queue) : queue_(std::move(queue)) {
    logic_ = std::make_unique<Logic>(real_.kernel(), Config{});
    CHECK(real_.run(logic_->start()));
    real_.start();
    Attributes attributes;
    if (is_fifo()) attributes["FifoQueue"] = "true";
    CHECK(real_.run(logic_->create_queue(on(), attributes, {})));
  }
  ~Crowd() {
    real_.stop();
    real_.run(logic_->stop());
  }

  void run() {
    std::vector<std::future<void>> running;
    for (int i = 0; i < kClients; ++i) {
      running.push_back(real_.spawn(produce(i)));
      running.push_back(real_.spawn(consume(i)));
    }
    for (auto& future : running) future.get();
    EXPECT_EQ(done_.size(), static_cast<size_t>(kClients * kMessagesEach));
  }

 private:
  bool is_fifo() const { return queue_.ends_with(".fifo"); }
  On on() { return {queue_, logic_->owner_access()}; }

  Task<void> produce(int client) {
    for (int i = 0; i < kMessagesEach;) {
      std::vector<SendEntry> entries;
      for (int k = 0; k < 3 && i < kMessagesEach; ++k, ++i) {
        SendEntry entry{.body = fmt::format("{}-{:03}", client, i)};
        if (is_fifo()) {
          entry.group_id = fmt::format("g{}", client);
          entry.deduplication_id = entry.body;
        }
        entries.push_back(std::move(entry));
      }
      auto sent = co_await logic_->send(on(), std::move(entries));
      EXPECT_TRUE(sent);
      if (!sent) co_return;
    }
  }

  // All consumers run on one shard: what they note needs no lock.
  Task<void> consume(int client) {
    for (int round = 0; done_.size() < kClients * kMessagesEach && round < 10'000; ++round) {
      auto received = co_await logic_->receive(on(), {.count = 1 + client, .wait_s = 1});
      EXPECT_TRUE(received);
      if (!received) co_return;
      bool gives_back = round % 5 == client % 5;
      if (gives_back && !received->empty()) {
        std::vector<VisibilityEntry> back;
        for (const Received& item : *received) back.push_back({item.handle.str(), 0});
        EXPECT_TRUE(co_await logic_->change_visibility(on(), std::move(back)));
        continue;
      }
      std::vector<std::string> handles;
      for (const Received& item : *received) {
        const std::string& body = item.message.body;
        if (is_fifo()) {
          std::string& last = last_[item.message.group_id];
          EXPECT_LT(last, body);
          last = body;
        }
        EXPECT_TRUE(done_.insert(body).second) << body << " twice";
        handles.push_back(item.handle.str());
      }
      if (handles.empty()) continue;
      auto removed = co_await logic_->remove(on(), std::move(handles));
      EXPECT_TRUE(removed);
      if (!removed) co_return;
      for (const Result<void>& outcome : *removed) EXPECT_TRUE(outcome);
    }
  }

  std::string queue_;
  event::RealKernel real_{3};
  std::unique_ptr<Logic> logic_;
  std::set<std::string> done_;
  std::map<std::string, std::string> last_;
};

TEST(SqsThreads, StandardQueue) {
  Crowd("plain").run();
}
TEST(SqsThreads, FifoQueue) {
  Crowd("order.fifo").run();
}

}  // namespace
}  // namespace suiro::sqs
