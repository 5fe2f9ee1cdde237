// SPDX-License-Identifier: Apache-2.0
// Keys and records of connections and API destinations. Bytes: docs/formats/events.md. Threads:
// any.
#pragma once

#include "services/events/connection.h"
#include "services/events/storage.h"

namespace suiro::events {

Bytes encode(const Connection& connection);
Bytes encode(const ApiDestination& destination);
// Errors: kCorrupt.
Result<Connection> decode_connection(ByteView bytes);
Result<ApiDestination> decode_api_destination(ByteView bytes);

class ConnectionStorage {
 public:
  explicit ConnectionStorage(store::Store& store) : store_(store) {}

  Task<Result<std::optional<Found<Connection>>>> connection(std::string name);
  Task<Result<std::optional<Found<ApiDestination>>>> destination(std::string name);
  Task<Result<Storage::Page<Connection>>> connections(Storage::Listing listing);
  Task<Result<Storage::Page<ApiDestination>>> destinations(Storage::Listing listing);

  // Each requires the version that was found; 0: absent.
  static void put(store::Batch& batch, const Found<Connection>& connection);
  static void put(store::Batch& batch, const Found<ApiDestination>& destination);
  static void erase(store::Batch& batch, const Found<Connection>& connection);
  static void erase(store::Batch& batch, const Found<ApiDestination>& destination);

 private:
  store::Store& store_;
};

}  // namespace suiro::events
