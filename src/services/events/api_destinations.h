// SPDX-License-Identifier: Apache-2.0
// ApiDestinations: HTTP endpoints as targets of rules (EventBridge User Guide, "API destinations").
// No wire, no keys.
//
// Invariants:
//  1. An event is consumed in a commit after the endpoint answered 2xx: it may be sent twice where
//     Suiro dies in between, as AWS says of it.
//  2. Requests to one destination begin no faster than its rate; what would wait longer than
//     kPaceWaitMax is tried again later.
//  3. A destination's changes and its pace belong to the shard that owns its place
//     ("api-destination/NAME").
//
// Threads: any. Errors: as Connections. Bytes: docs/formats/events.md.
#pragma once

#include "services/events/connections.h"

namespace suiro::events {

// "The maximum client execution timeout of 5 seconds".
inline constexpr Millis kInvocationTimeout = std::chrono::seconds(5);
inline constexpr size_t kInvocationReplyBytesMax = 1 << 20;
inline constexpr Millis kPaceWaitMax = std::chrono::seconds(2);

class ApiDestinations {
 public:
  ApiDestinations(event::Kernel& kernel, Connections& connections, SendRequest send);

  using Edit = std::function<void(ApiDestination&)>;
  Task<Result<Found<ApiDestination>>> create(std::string name, Edit edit);
  Task<Result<Found<ApiDestination>>> update(std::string name, Edit edit);
  Task<Result<void>> remove(std::string name);
  Task<Result<Found<ApiDestination>>> destination(std::string name);
  Task<Result<Storage::Page<ApiDestination>>> destinations(Storage::Listing listing);
  // Whether its connection is there and authorized.
  Task<Result<bool>> is_active(const ApiDestination& destination);

  // The event's payload is the body; kHttpParametersAttribute may hold more of the request.
  Task<Result<void>> deliver(event::Event event, store::Batch consume);
  // Errors: kNotFound.
  Task<Result<void>> accepts(std::string arn);

  std::string arn(const Found<ApiDestination>& destination) const;
  // Whether an ARN is of this kind.
  static bool is_arn(std::string_view arn);

 private:
  Executor owner(std::string_view name) const;
  std::string place(std::string_view name) const;
  Task<Result<Found<ApiDestination>>> destination_of(const std::string& arn);
  Task<Result<void>> commit(Found<ApiDestination>& destination);
  // False: it would wait too long.
  Task<bool> take_turn(const Found<ApiDestination>& destination);

  event::Kernel& kernel_;
  Connections& connections_;
  SendRequest send_;
  ConnectionStorage storage_;
  // When the next request of a destination may begin, by name; steady time. One map a shard.
  std::vector<std::map<std::string, Micros, std::less<>>> paces_;
};

}  // namespace suiro::events
