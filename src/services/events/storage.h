// SPDX-License-Identifier: Apache-2.0
// Keys and records of the events service. Bytes: docs/formats/events.md. Threads: any.
#pragma once

#include "kernel/store/store.h"
#include "services/events/types.h"

namespace suiro::events {

Bytes encode(const Bus& bus);
Bytes encode(const Rule& rule);
// Errors: kCorrupt.
Result<Bus> decode_bus(ByteView bytes);
Result<Rule> decode_rule(ByteView bytes);

class Storage {
 public:
  explicit Storage(store::Store& store) : store_(store) {}

  // The default bus is always found; without a record its version is 0.
  Task<Result<std::optional<Found<Bus>>>> bus(std::string name);
  Task<Result<std::optional<Found<Rule>>>> rule(RuleName name);

  struct Listing {
    std::string prefix;
    std::string after;  // names beyond this one
    size_t rows_max = 100;
  };
  template <class T>
  struct Page {
    std::vector<Found<T>> rows;
    bool more = false;
  };
  // The default bus is listed where it has a record.
  Task<Result<Page<Bus>>> buses(Listing listing);
  Task<Result<Page<Rule>>> rules(std::string bus, Listing listing);

  // Each requires the version that was found; 0: absent.
  static void put(store::Batch& batch, const Found<Bus>& bus);
  static void put(store::Batch& batch, const std::string& bus, const Found<Rule>& rule);
  static void erase(store::Batch& batch, const Found<Bus>& bus);
  static void erase(store::Batch& batch, const std::string& bus, const Found<Rule>& rule);

 private:
  store::Store& store_;
};

}  // namespace suiro::events
