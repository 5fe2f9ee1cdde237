// SPDX-License-Identifier: Apache-2.0
// A queue service over virtual time and a store that can crash, for tests.
#pragma once

#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "services/sqs/events.h"
#include "services/sqs/logic.h"

namespace suiro::sqs {

class SqsTest : public ::testing::Test {
 protected:
  explicit SqsTest(event::SimOptions options = {}) : sim_(options) { open(); }
  ~SqsTest() override { close(); }

  static constexpr auto kSecond = std::chrono::seconds(1);

  void open() {
    logic_ = std::make_unique<Logic>(sim_.kernel(), config_);
    target_ = std::make_unique<QueueTarget>(sim_.kernel(), *logic_);
    source_ = std::make_unique<QueueSource>(sim_.kernel(), *logic_);
    sim_.kernel().targets.add_target("sqs", target_.get());
    sim_.kernel().targets.add_source("sqs", source_.get());
    auto started = sim_.run(logic_->start());
    CHECK(started, started ? "" : started.error().message);
    sim_.start();
  }
  void close() {
    sim_.stop();
    sim_.run(logic_->stop());
    source_.reset();
    target_.reset();
    logic_.reset();
  }
  // As after kill -9: what was committed is there.
  void restart() {
    sim_.crash();
    close();
    sim_.reopen();
    open();
  }

  On on(std::string queue) { return {std::move(queue), logic_->owner_access()}; }
  Result<void> create(std::string name, Attributes attributes = {}) {
    if (name.ends_with(".fifo")) attributes["FifoQueue"] = "true";
    return sim_.run(logic_->create_queue(on(std::move(name)), std::move(attributes), {}));
  }
  Result<Sent> send(std::string queue, SendEntry entry) {
    std::vector<SendEntry> entries;
    entries.push_back(std::move(entry));
    auto results = sim_.run(logic_->send(on(std::move(queue)), std::move(entries)));
    if (!results) return fail(results.error());
    return std::move(results->front());
  }
  Result<Sent> send(std::string queue, std::string body) {
    return send(std::move(queue), SendEntry{.body = std::move(body)});
  }
  Result<Sent> send_fifo(std::string queue, std::string group, std::string body) {
    return send(std::move(queue),
                SendEntry{.body = body, .group_id = std::move(group), .deduplication_id = body});
  }
  Result<std::vector<Received>> receive(std::string queue, ReceiveOptions options = {}) {
    return sim_.run(logic_->receive(on(std::move(queue)), std::move(options)));
  }
  std::vector<std::string> bodies(const Result<std::vector<Received>>& received) {
    std::vector<std::string> out;
    if (!received) return {received.error().code};
    for (const Received& item : *received) out.push_back(item.message.body);
    return out;
  }
  // Receives at most ten and returns their bodies.
  std::vector<std::string> take(std::string queue, int32_t visibility_s = 30) {
    return bodies(receive(std::move(queue), {.count = 10, .visibility_s = visibility_s}));
  }
  Result<void> remove(std::string queue, const Received& received) {
    return remove(std::move(queue), received.handle.str());
  }
  Result<void> remove(std::string queue, std::string handle) {
    std::vector<std::string> handles;
    handles.push_back(std::move(handle));
    auto outcomes = sim_.run(logic_->remove(on(std::move(queue)), std::move(handles)));
    if (!outcomes) return fail(outcomes.error());
    return outcomes->front();
  }
  Result<void> change(std::string queue, const Received& received, int32_t visibility_s) {
    std::vector<VisibilityEntry> entries;
    entries.push_back({received.handle.str(), visibility_s});
    auto outcomes = sim_.run(logic_->change_visibility(on(std::move(queue)), std::move(entries)));
    if (!outcomes) return fail(outcomes.error());
    return outcomes->front();
  }
  std::string attribute(std::string queue, std::string name) {
    auto all = sim_.run(logic_->get_attributes(on(std::move(queue)), {name}));
    return all && all->contains(name) ? (*all)[name] : "";
  }
  // "waiting/in flight/delayed"
  std::string counts(std::string queue) {
    return attribute(queue, "ApproximateNumberOfMessages") + "/" +
           attribute(queue, "ApproximateNumberOfMessagesNotVisible") + "/" +
           attribute(queue, "ApproximateNumberOfMessagesDelayed");
  }
  template <class T>
  static std::string code(const Result<T>& result) {
    return result ? "ok" : result.error().code;
  }

  Config config_;
  event::SimKernel sim_;
  std::unique_ptr<Logic> logic_;
  std::unique_ptr<QueueTarget> target_;
  std::unique_ptr<QueueSource> source_;
};

}  // namespace suiro::sqs
