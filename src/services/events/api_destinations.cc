// SPDX-License-Identifier: Apache-2.0
#include "services/events/api_destinations.h"

#include "services/events/api_destination_request.h"
#include "services/events/settle.h"

namespace suiro::events {
namespace {

constexpr std::string_view kPrefix = "api-destination/";

std::unexpected<Error> no_such_destination(std::string_view name) {
  return fail(kResourceNotFound,
              fmt::format("Failed to describe the api-destination(s). An api-destination '{}' does "
                          "not exist.",
                          name));
}

// Statuses after which EventBridge tries again ("API destination error codes").
Retry retry_of(int status) {
  bool again = status == 401 || status == 407 || status == 409 || status == 429 || status >= 500;
  return again ? Retry::kLater : Retry::kNever;
}

}  // namespace

ApiDestinations::ApiDestinations(event::Kernel& kernel, Connections& connections, SendRequest send)
    : kernel_(kernel),
      connections_(connections),
      send_(std::move(send)),
      storage_(kernel.store),
      paces_(kernel.shards.size()) {}

std::string ApiDestinations::place(std::string_view name) const {
  return fmt::format("arn:aws:events:{}:{}:{}{}", kernel_.region, kernel_.account, kPrefix, name);
}

std::string ApiDestinations::arn(const Found<ApiDestination>& destination) const {
  return place(destination.name) + '/' + destination.record.id;
}

Executor ApiDestinations::owner(std::string_view name) const {
  return kernel_.shards.owner(place(name));
}

bool ApiDestinations::is_arn(std::string_view text) {
  auto arn = Arn::parse(text);
  return arn && arn->service == "events" && arn->resource.starts_with(kPrefix);
}

// --- changes ------------------------------------------------------------------------------------

Task<Result<void>> ApiDestinations::commit(Found<ApiDestination>& destination) {
  store::Batch batch;
  ConnectionStorage::put(batch, destination);
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  co_return ok();
}

Task<Result<Found<ApiDestination>>> ApiDestinations::create(std::string name, Edit edit) {
  Executor executor = owner(name);
  auto attempt = [&]() -> Task<Result<Found<ApiDestination>>> {
    CO_TRY(auto found, co_await storage_.destination(name));
    if (found) {
      co_return fail(kAlreadyExists, fmt::format("An api-destination '{}' already exists.", name));
    }
    CO_TRY(auto others, co_await storage_.destinations({.rows_max = kApiDestinationsMax}));
    if (others.rows.size() >= kApiDestinationsMax) co_return too_many();
    Found<ApiDestination> made{.name = name, .record = {}};
    edit(made.record);
    CO_TRY_VOID(co_await connections_.connection_of(made.record.connection_arn));
    made.record.id = kernel_.random.uuid();
    made.record.created = made.record.modified = kernel_.clock.now();
    CO_TRY_VOID(co_await commit(made));
    co_return made;
  };
  co_return co_await run_on(executor, [&] { return settle(attempt); });
}

Task<Result<Found<ApiDestination>>> ApiDestinations::update(std::string name, Edit edit) {
  Executor executor = owner(name);
  auto attempt = [&]() -> Task<Result<Found<ApiDestination>>> {
    CO_TRY(Found<ApiDestination> found, co_await destination(name));
    edit(found.record);
    CO_TRY_VOID(co_await connections_.connection_of(found.record.connection_arn));
    found.record.modified = kernel_.clock.now();
    CO_TRY_VOID(co_await commit(found));
    co_return found;
  };
  co_return co_await run_on(executor, [&] { return settle(attempt); });
}

Task<Result<void>> ApiDestinations::remove(std::string name) {
  Executor executor = owner(name);
  auto attempt = [&]() -> Task<Result<void>> {
    CO_TRY(Found<ApiDestination> found, co_await destination(name));
    store::Batch batch;
    ConnectionStorage::erase(batch, found);
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
    paces_[kernel_.shards.current()].erase(name);
    co_return ok();
  };
  co_return co_await run_on(executor, [&] { return settle(attempt); });
}

Task<Result<Found<ApiDestination>>> ApiDestinations::destination(std::string name) {
  CO_TRY(auto found, co_await storage_.destination(name));
  if (!found) co_return no_such_destination(name);
  co_return *std::move(found);
}

Task<Result<Storage::Page<ApiDestination>>> ApiDestinations::destinations(
    Storage::Listing listing) {
  return storage_.destinations(std::move(listing));
}

Task<Result<bool>> ApiDestinations::is_active(const ApiDestination& destination) {
  auto found = co_await connections_.connection_of(destination.connection_arn);
  if (found) co_return found->record.state == ConnectionState::kAuthorized;
  if (found.error().code == kResourceNotFound) co_return false;
  co_return fail(std::move(found).error());
}

// --- invocations
// ----------------------------------------------------------------------------------

Task<Result<Found<ApiDestination>>> ApiDestinations::destination_of(const std::string& text) {
  auto arn = Arn::parse(text);
  std::string rest = arn && is_arn(text) ? arn->resource.substr(kPrefix.size()) : "";
  size_t slash = std::min(rest.find('/'), rest.size());
  CO_TRY(auto found, co_await storage_.destination(rest.substr(0, slash)));
  if (!found || this->arn(*found) != text) {
    co_return fail(codes::kNotFound, fmt::format("API destination {} does not exist.", text));
  }
  co_return *std::move(found);
}

Task<Result<void>> ApiDestinations::accepts(std::string arn) {
  CO_TRY_VOID(co_await destination_of(arn));
  co_return ok();
}

Task<bool> ApiDestinations::take_turn(const Found<ApiDestination>& destination) {
  auto& next = paces_[kernel_.shards.current()][destination.name];
  Micros now = kernel_.clock.steady();
  Micros begin = std::max(next, now);
  if (begin - now > kPaceWaitMax) co_return false;
  next = begin + Micros(std::chrono::seconds(1)) / destination.record.per_second_max;
  if (begin > now) co_await kernel_.clock.sleep_for(std::chrono::ceil<Millis>(begin - now));
  co_return true;
}

Task<Result<void>> ApiDestinations::deliver(event::Event event, store::Batch consume) {
  CO_TRY(Found<ApiDestination> destination, co_await destination_of(event.target_arn));
  const ApiDestination& record = destination.record;
  Executor executor = owner(destination.name);
  bool is_paced = co_await run_on(executor, [&] { return take_turn(destination); });
  if (!is_paced) {
    co_return fail(codes::kThrottled,
                   fmt::format("more than {} invocations a second", record.per_second_max),
                   Retry::kLater);
  }
  auto additions = co_await connections_.additions(record.connection_arn);
  if (!additions) co_return fail(std::move(additions).error());
  auto parameters = event.attributes.find(std::string(kHttpParametersAttribute));
  CO_TRY(http_out::Request request,
         request_of(
             record,
             {.payload = std::move(event.payload),
              .http_parameters = parameters == event.attributes.end() ? "" : parameters->second},
             *additions));
  request.timeout = kInvocationTimeout;
  request.reply_bytes_max = kInvocationReplyBytesMax;
  auto reply = co_await send_(std::move(request));
  if (!reply) {
    // A reply that is too long came from an endpoint that has the event.
    bool is_final =
        reply.error().code == codes::kInvalidArgument || reply.error().code == codes::kTooLarge;
    co_return fail(reply.error().code, reply.error().message,
                   is_final ? Retry::kNever : Retry::kLater);
  }
  if (reply->status == 401 || reply->status == 407) {
    co_await connections_.rejected(record.connection_arn);
  }
  if (reply->status < 200 || reply->status > 299) {
    co_return fail("SDK_CLIENT_ERROR",
                   fmt::format("the endpoint answered with status {}", reply->status),
                   retry_of(reply->status));
  }
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(consume)));
  co_return ok();
}

}  // namespace suiro::events
