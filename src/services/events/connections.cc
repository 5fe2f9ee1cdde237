// SPDX-License-Identifier: Apache-2.0
#include "services/events/connections.h"

#include "services/events/settle.h"

namespace suiro::events {
namespace {

constexpr std::string_view kTimerKind = "events.authorize";
constexpr std::string_view kPrefix = "connection/";
constexpr size_t kReasonBytesMax = 512;  // ConnectionStateReason of the API

std::unexpected<Error> no_such_connection(std::string_view name) {
  return fail(
      kResourceNotFound,
      fmt::format("Failed to describe the connection(s). Connection '{}' does not exist.", name));
}

// "name/id" of an ARN of the kind that `prefix` names.
struct Place {
  std::string name;
  std::string id;
};

std::optional<Place> place_of(const event::Kernel& kernel, std::string_view text) {
  auto arn = Arn::parse(text);
  bool is_ours = arn && arn->service == "events" && arn->region == kernel.region &&
                 arn->account == kernel.account && arn->resource.starts_with(kPrefix);
  if (!is_ours) return std::nullopt;
  std::string rest = arn->resource.substr(kPrefix.size());
  size_t slash = rest.find('/');
  if (slash == rest.npos) return std::nullopt;
  return Place{rest.substr(0, slash), rest.substr(slash + 1)};
}

void append(event::ConnectionAdditions::Pairs& out, const std::vector<HttpParameter>& list) {
  for (const HttpParameter& each : list) out.emplace_back(each.key, each.value);
}

}  // namespace

Connections::Connections(event::Kernel& kernel, SendRequest send)
    : kernel_(kernel), send_(std::move(send)), storage_(kernel.store) {
  for (size_t i = 0; i < kernel.shards.size(); ++i) {
    shards_.push_back(std::make_unique<Shard>(kernel.shards.executor(i)));
  }
}

void Connections::register_timers() {
  kernel_.timers.handle(std::string(kTimerKind),
                        [this](event::Timer timer, store::Batch consume) -> Task<Result<void>> {
                          return try_authorize(std::move(timer), std::move(consume));
                        });
}

std::string Connections::place(std::string_view name) const {
  return fmt::format("arn:aws:events:{}:{}:{}{}", kernel_.region, kernel_.account, kPrefix, name);
}

std::string Connections::arn(const Found<Connection>& connection) const {
  return place(connection.name) + '/' + connection.record.id;
}

Executor Connections::owner(std::string_view name) const {
  return kernel_.shards.owner(place(name));
}

// --- changes ------------------------------------------------------------------------------------

event::Timer Connections::timer_of(const Found<Connection>& connection) const {
  return {std::string(kTimerKind),
          place(connection.name),
          connection.record.id,
          connection.record.modified,
          {}};
}

// What was authorized before is no more; see the states in connection.h.
void Connections::begin(store::Batch& batch, Found<Connection>& connection) {
  Connection& record = connection.record;
  record.state_reason.clear();
  if (record.authorization.type == AuthorizationType::kOAuthClientCredentials) {
    record.state = ConnectionState::kAuthorizing;
    kernel_.timers.set(batch, timer_of(connection));
  } else {
    record.state = ConnectionState::kAuthorized;
    record.authorized = record.modified;
  }
}

Task<Result<Found<Connection>>> Connections::create(std::string name, Edit edit) {
  Executor executor = owner(name);
  Found<Connection> made{.name = std::move(name), .record = {}};
  auto attempt = [&] { return try_create(made, edit); };
  CO_TRY_VOID(co_await run_on(executor, [&] { return settle(attempt); }));
  co_return made;
}

Task<Result<void>> Connections::try_create(Found<Connection>& made, const Edit& edit) {
  CO_TRY(auto found, co_await storage_.connection(made.name));
  if (found) {
    co_return fail(kAlreadyExists, fmt::format("Connection {} already exists.", made.name));
  }
  CO_TRY(auto others, co_await storage_.connections({.rows_max = kConnectionsMax}));
  if (others.rows.size() >= kConnectionsMax) co_return too_many();
  made.record = {};
  CO_TRY_VOID(edit(made.record));
  made.record.id = kernel_.random.uuid();
  made.record.created = made.record.modified = kernel_.clock.now();
  store::Batch batch;
  begin(batch, made);
  ConnectionStorage::put(batch, made);
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  co_return ok();
}

// On the owner's shard: alters, puts the time of the change, commits.
Task<Result<Found<Connection>>> Connections::change(std::string name, Edit edit) {
  Executor executor = owner(name);
  auto attempt = [&]() -> Task<Result<Found<Connection>>> {
    CO_TRY(auto found, co_await storage_.connection(name));
    if (!found) co_return no_such_connection(name);
    bool was_authorizing = found->record.state == ConnectionState::kAuthorizing;
    event::Timer before = timer_of(*found);
    CO_TRY_VOID(edit(found->record));
    // Later than every change before it: tokens tell by it what they were made from.
    found->record.modified = std::max(kernel_.clock.now(), found->record.modified + Millis(1));
    store::Batch batch;
    if (was_authorizing) kernel_.timers.cancel(batch, before);
    if (found->record.state != ConnectionState::kDeauthorized) begin(batch, *found);
    ConnectionStorage::put(batch, *found);
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
    shards_[kernel_.shards.current()]->forget(name);
    co_return *std::move(found);
  };
  co_return co_await run_on(executor, [&] { return settle(attempt); });
}

Task<Result<Found<Connection>>> Connections::update(std::string name, Edit edit) {
  co_return co_await change(std::move(name), [&](Connection& record) -> Result<void> {
    record.state = ConnectionState::kAuthorized;  // or what begin() makes of it
    return edit(record);
  });
}

Task<Result<Found<Connection>>> Connections::deauthorize(std::string name) {
  co_return co_await change(std::move(name), [](Connection& record) -> Result<void> {
    record.state = ConnectionState::kDeauthorized;
    record.state_reason.clear();
    // The type stays; whoever updates the connection tells the rest again.
    record.authorization = {.type = record.authorization.type};
    record.invocation = {};
    return ok();
  });
}

Task<Result<Found<Connection>>> Connections::remove(std::string name) {
  Executor executor = owner(name);
  auto attempt = [&]() -> Task<Result<Found<Connection>>> {
    CO_TRY(auto found, co_await storage_.connection(name));
    if (!found) co_return no_such_connection(name);
    store::Batch batch;
    if (found->record.state == ConnectionState::kAuthorizing) {
      kernel_.timers.cancel(batch, timer_of(*found));
    }
    ConnectionStorage::erase(batch, *found);
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
    shards_[kernel_.shards.current()]->forget(name);
    co_return *std::move(found);
  };
  co_return co_await run_on(executor, [&] { return settle(attempt); });
}

Task<Result<Found<Connection>>> Connections::connection(std::string name) {
  CO_TRY(auto found, co_await storage_.connection(name));
  if (!found) co_return no_such_connection(name);
  co_return *std::move(found);
}

Task<Result<Storage::Page<Connection>>> Connections::connections(Storage::Listing listing) {
  return storage_.connections(std::move(listing));
}

Task<Result<Found<Connection>>> Connections::connection_of(std::string arn) {
  auto place = place_of(kernel_, arn);
  if (!place) {
    co_return invalid(
        "Parameter ConnectionArn is not valid. Reason: Provided Arn is not in correct format.");
  }
  CO_TRY(Found<Connection> found, co_await connection(place->name));
  if (found.record.id != place->id) co_return no_such_connection(place->name);
  co_return found;
}

// --- authorization
// --------------------------------------------------------------------------------

Task<Result<void>> Connections::try_authorize(event::Timer timer, store::Batch consume) {
  std::string name = timer.owner.substr(place("").size());
  CO_TRY(auto found, co_await storage_.connection(name));
  bool is_current = found && found->record.id == timer.id && found->record.modified == timer.due &&
                    found->record.state == ConnectionState::kAuthorizing;
  if (is_current) {
    auto made = co_await token(*found);
    if (!made && made.error().code == codes::kClosed) co_return fail(std::move(made).error());
    Connection& record = found->record;
    record.state = made ? ConnectionState::kAuthorized : ConnectionState::kDeauthorized;
    if (made) record.authorized = kernel_.clock.now();
    if (!made) record.state_reason = made.error().message.substr(0, kReasonBytesMax);
    ConnectionStorage::put(consume, *found);
  }
  // A change that came between loses nothing: this fires again, and finds it.
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(consume)));
  co_return ok();
}

// On the owner's shard.
Task<Result<std::string>> Connections::token(Found<Connection> connection) {
  Shard& shard = *shards_[kernel_.shards.current()];
  const Connection& record = connection.record;
  const uint64_t refusals_before = shard.refusals_count;
  co_await shard.turns.take(connection.name);
  Turn turn(shard.turns, connection.name);
  auto known = shard.tokens.find(connection.name);
  if (known != shard.tokens.end() && known->second.made_from == record.modified &&
      kernel_.clock.now() < known->second.fresh_until) {
    co_return known->second.value;
  }
  auto refused = shard.refusals.find(connection.name);
  if (refused != shard.refusals.end() && refused->second.number > refusals_before &&
      refused->second.made_from == record.modified) {
    co_return fail(refused->second.why);
  }
  auto asked = co_await request_token(send_, token_request(record.authorization));
  if (!asked) {
    shard.refusals.insert_or_assign(
        connection.name, Refusal{++shard.refusals_count, record.modified, asked.error()});
    co_return fail(std::move(asked).error());
  }
  AccessToken& made = *asked;
  Millis margin = std::min(kTokenMargin, made.lifetime / 2);
  shard.tokens[connection.name] = {
      .value = made.authorization,
      .made_from = record.modified,
      .fresh_until = made.lifetime == Millis(0) ? TimePoint::max()
                                                : kernel_.clock.now() + made.lifetime - margin};
  co_return std::move(made.authorization);
}

Task<Result<event::ConnectionAdditions>> Connections::additions(std::string connection_arn) {
  auto found = co_await connection_of(connection_arn);
  if (!found) {
    bool is_fault = found.error().code != kValidation && found.error().code != kResourceNotFound;
    if (is_fault) co_return fail(std::move(found).error());
    co_return fail(event::kConnectionNotFound,
                   fmt::format("Connection {} does not exist.", connection_arn));
  }
  const Connection& record = found->record;
  if (record.state == ConnectionState::kAuthorizing) {
    co_return fail(event::kConnectionAuthorizing,
                   fmt::format("Connection {} is being authorized.", connection_arn),
                   Retry::kLater);
  }
  if (record.state == ConnectionState::kDeauthorized) {
    co_return fail(event::kConnectionUnauthorized,
                   fmt::format("Connection {} is not authorized.", connection_arn), Retry::kLater);
  }
  event::ConnectionAdditions out;
  append(out.headers, record.invocation.headers);
  append(out.query, record.invocation.query);
  append(out.body, record.invocation.body);
  const Authorization& authorization = record.authorization;
  switch (authorization.type) {
    case AuthorizationType::kBasic:
      out.headers.emplace_back("Authorization", "Basic " + base64_encode(authorization.name + ':' +
                                                                         authorization.secret));
      break;
    case AuthorizationType::kApiKey:
      out.headers.emplace_back(authorization.name, authorization.secret);
      break;
    case AuthorizationType::kOAuthClientCredentials: {
      Executor executor = owner(found->name);
      CO_TRY(std::string value,
             co_await run_on(executor, [&] { return token(*std::move(found)); }));
      out.headers.emplace_back("Authorization", std::move(value));
    }
  }
  co_return out;
}

Task<void> Connections::rejected(std::string connection_arn) {
  auto place = place_of(kernel_, connection_arn);
  if (!place) co_return;
  Executor executor = owner(place->name);
  co_await run_on(executor, [&]() -> Task<void> {
    shards_[kernel_.shards.current()]->tokens.erase(place->name);
    co_return;
  });
}

}  // namespace suiro::events
