// SPDX-License-Identifier: Apache-2.0
// A streams service over virtual time and a store that can crash, for tests.
#pragma once

#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "services/kinesis/service.h"

namespace suiro::kinesis {

class KinesisTest : public ::testing::Test {
 protected:
  explicit KinesisTest(Config config = {}) : config_(config) { open(); }
  ~KinesisTest() override { close(); }

  static constexpr auto kSecond = std::chrono::seconds(1);

  void open() {
    service_ = std::make_unique<Service>(sim_.kernel(), config_);
    sim_.kernel().targets.add_stream("kinesis", service_->source());
    sim_.kernel().targets.add_sink("kinesis", service_->sink());
    auto started = sim_.run(service_->start());
    CHECK(started, started ? "" : started.error().message);
    sim_.start();
  }
  void close() {
    sim_.stop();
    sim_.run(service_->stop());
    service_.reset();
  }
  // As after kill -9: what was committed is there.
  void restart() {
    sim_.crash();
    close();
    sim_.reopen();
    open();
  }

  Logic& logic() { return service_->logic(); }
  void create(std::string name, uint32_t shards = 1) {
    Logic::NewStream stream{std::move(name)};
    stream.shards = shards;
    auto created = sim_.run(logic().create(std::move(stream)));
    ASSERT_TRUE(created) << created.error().message;
  }
  Result<PutPlaces> put(std::string name, std::vector<NewRecord> records) {
    return sim_.run(logic().put(std::move(name), std::move(records), Logic::Origin::kClient));
  }
  PutPlace put_one(std::string name, std::string_view key, std::string_view data) {
    std::vector<NewRecord> records;
    records.push_back({data, key, std::nullopt});
    auto places = put(std::move(name), std::move(records));
    CHECK(places, places ? "" : places.error().message);
    return places->records.front();
  }
  static Logic::Place at(std::string name, uint32_t shard = 0) {
    return {std::move(name), ShardIndex(shard), std::nullopt};
  }
  Result<Slice> read(std::string name, uint32_t shard, Offset from, ReadLimits limits = {}) {
    return sim_.run(logic().read(at(std::move(name), shard), from, limits));
  }
  // Everything of a shard from `from` on, read to its end.
  std::vector<std::string> data(std::string name, uint32_t shard = 0, Offset from = 0) {
    std::vector<std::string> out;
    for (;;) {
      auto slice = read(name, shard, from);
      if (!slice) return {slice.error().code};
      for (const RecordView& record : slice->records) out.emplace_back(record.data);
      if (slice->records.empty()) return out;
      from = slice->next;
    }
  }
  Result<Offset> locate(std::string name, uint32_t shard, Logic::Start start) {
    auto found = sim_.run(logic().locate(at(std::move(name), shard), std::move(start)));
    if (!found) return fail(found.error());
    return found->offset;
  }
  template <class T>
  static std::string code(const Result<T>& result) {
    return result ? "ok" : result.error().code;
  }

  Config config_;
  event::SimKernel sim_;
  std::unique_ptr<Service> service_;
};

}  // namespace suiro::kinesis
