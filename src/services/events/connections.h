// SPDX-License-Identifier: Apache-2.0
// Connections: how requests to HTTP endpoints are authorized, and what they carry besides. No wire,
// no keys.
//
// Invariants:
//  1. A connection's changes, its tokens and their requests belong to the shard that owns its place
//     ("connection/NAME"). A change requires the version that it was made from.
//  2. A connection that needs a token of OAuth is AUTHORIZING from the commit that changes it, and
//     that commit sets the timer which asks for the token: it does not stay so after a crash.
//  3. A token is in memory alone, is asked for once however many wait for it (they share a refusal,
//     too), and is used until kTokenMargin before its end or until an endpoint rejects it.
//
// Threads: any. Errors: ResourceNotFoundException, ResourceAlreadyExistsException,
// ValidationException, LimitExceededException; of additions(): kernel/event/http_connections.h.
// States: connection.h. Bytes: docs/formats/events.md.
#pragma once

#include <functional>

#include "base/turns.h"
#include "engine/http_out/client.h"
#include "kernel/event/http_connections.h"
#include "kernel/event/kernel.h"
#include "services/events/connection_storage.h"
#include "services/events/connection_token.h"

namespace suiro::events {

class Connections final : public event::HttpConnections {
 public:
  Connections(event::Kernel& kernel, SendRequest send);
  // Before the kernel's timers start.
  void register_timers();

  using Edit = std::function<Result<void>(Connection&)>;
  // `edit` fills in a new connection, or alters the one that is there.
  Task<Result<Found<Connection>>> create(std::string name, Edit edit);
  Task<Result<Found<Connection>>> update(std::string name, Edit edit);
  // Its secrets are forgotten.
  Task<Result<Found<Connection>>> deauthorize(std::string name);
  // What it was.
  Task<Result<Found<Connection>>> remove(std::string name);
  Task<Result<Found<Connection>>> connection(std::string name);
  Task<Result<Storage::Page<Connection>>> connections(Storage::Listing listing);
  // The connection of an ARN, in whatever state. Errors: ValidationException (another ARN),
  // ResourceNotFoundException.
  Task<Result<Found<Connection>>> connection_of(std::string arn);

  std::string arn(const Found<Connection>& connection) const;

  Task<Result<event::ConnectionAdditions>> additions(std::string connection_arn) override;
  Task<void> rejected(std::string connection_arn) override;

 private:
  struct Token {
    std::string value;    // of the header Authorization
    TimePoint made_from;  // the connection's last change
    TimePoint fresh_until;
  };
  struct Refusal {
    uint64_t number;  // of the shard's
    TimePoint made_from;
    Error why;
  };
  struct Shard {
    explicit Shard(Executor executor) : turns(executor) {}
    void forget(const std::string& name) { tokens.erase(name), refusals.erase(name); }
    std::map<std::string, Token, std::less<>> tokens;      // by the connection's name
    std::map<std::string, Refusal, std::less<>> refusals;  // so, too: the last ones
    uint64_t refusals_count = 0;
    Turns turns;
  };

  Executor owner(std::string_view name) const;
  // The place without the id, which names the owner and the timer.
  std::string place(std::string_view name) const;
  event::Timer timer_of(const Found<Connection>& connection) const;
  Task<Result<Found<Connection>>> change(std::string name, Edit edit);
  Task<Result<void>> try_create(Found<Connection>& made, const Edit& edit);
  void begin(store::Batch& batch, Found<Connection>& connection);
  Task<Result<void>> try_authorize(event::Timer timer, store::Batch consume);
  Task<Result<std::string>> token(Found<Connection> connection);

  event::Kernel& kernel_;
  SendRequest send_;
  ConnectionStorage storage_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace suiro::events
