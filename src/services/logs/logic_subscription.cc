// SPDX-License-Identifier: Apache-2.0
// Subscription filters: events of a group sent to a function, a stream or a delivery stream, as
// packed JSON documents ("Log group-level subscription filters", Amazon CloudWatch Logs User
// Guide). What is sent is committed with the events themselves.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/arn.h"
#include "base/gzip.h"
#include "services/logs/logic.h"
#include "services/logs/tokens.h"

namespace suiro::logs {
namespace {

namespace json = boost::json;
using Distribution = SubscriptionFilter::Distribution;

bool is_function(std::string_view arn) {
  return arn.starts_with("arn:aws:lambda:");
}

// Which services events are sent to, and that a role goes with streams and not with functions,
// whose own policy says who may call them.
Result<void> check_vendor(const SubscriptionFilter& filter) {
  auto arn = Arn::parse(filter.destination_arn);
  if (!arn) return invalid(fmt::format("destinationArn {} is not an ARN", filter.destination_arn));
  bool is_stream = arn->service == "kinesis" || arn->service == "firehose";
  if (arn->service != "lambda" && !is_stream) {
    return invalid(
        fmt::format("PutSubscriptionFilter operation cannot work with destinationArn for vendor {}",
                    arn->service));
  }
  if (is_stream == !filter.role_arn.empty()) return ok();
  return invalid(fmt::format("destinationArn for vendor {} cannot be used {} roleArn", arn->service,
                             is_stream ? "without" : "with"));
}

struct Message {
  const std::string& account;
  const std::string& group;
  const std::string& stream;
  const SubscriptionFilter& filter;
};

// Where the commit will put the events is not known yet: ids are unique by their random part.
std::string id_of(TimePoint time, Random& random) {
  return event_id({.time = time, .sequence = random.next() >> 1, .batch_index = 0});
}

Bytes payload_of(const Message& message, json::array events) {
  json::object document{{"messageType", "DATA_MESSAGE"},
                        {"owner", message.account},
                        {"logGroup", message.group},
                        {"logStream", message.stream},
                        {"subscriptionFilters", {message.filter.name}},
                        {"logEvents", std::move(events)}};
  Bytes packed = gzip(json::serialize(document));
  if (!is_function(message.filter.destination_arn)) return packed;
  return json::serialize(json::object{{"awslogs", {{"data", base64_encode(packed)}}}});
}

}  // namespace

Result<void> Logic::notify(store::Batch& batch, const Found<Group>& group,
                           const std::string& stream, const std::vector<NewEvent>& events) {
  std::string source =
      fmt::format("arn:aws:logs:{}:{}:log-group:{}:*", kernel_.region, kernel_.account, group.name);
  for (const SubscriptionFilter& filter : group.record.subscriptions) {
    TRY(Pattern pattern, Pattern::parse(filter.pattern));
    Message message{kernel_.account, group.name, stream, filter};
    json::array chosen;
    size_t size = 0;
    auto send = [&] {
      if (chosen.empty()) return;
      event::Event event{.source_arn = source,
                         .kind = "logs:SubscriptionFilter",
                         .target_arn = filter.destination_arn,
                         .payload = payload_of(message, std::exchange(chosen, {})),
                         .at = kernel_.clock.now()};
      if (filter.distribution == Distribution::kByLogStream) {
        event.attributes["PartitionKey"] = group.name + ":" + stream;
      }
      event::emit(batch, std::move(event), kernel_.random);
      size = 0;
    };
    for (const NewEvent& event : events) {
      if (!pattern.matches(event.message)) continue;
      if (size + event_bytes(event.message) > kSubscriptionBytesMax) send();
      size += event_bytes(event.message);
      chosen.push_back(json::object{{"id", id_of(event.time, kernel_.random)},
                                    {"timestamp", event.time.time_since_epoch().count()},
                                    {"message", event.message}});
    }
    send();
  }
  return ok();
}

Task<Result<void>> Logic::check_destination(std::string group, std::string arn) {
  auto target = kernel_.targets.target(arn);
  if (!target) {
    co_return invalid(fmt::format(
        "destinationArn {} is not a function, a stream or a delivery stream of Suiro", arn));
  }
  event::Sender sender{
      "logs.amazonaws.com",
      fmt::format("arn:aws:logs:{}:{}:log-group:{}:*", kernel_.region, kernel_.account, group),
      kernel_.account};
  auto accepted = co_await (*target)->accepts(arn, std::move(sender));
  if (accepted) co_return ok();
  if (is_function(arn)) {
    co_return invalid(
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
        "permission "
        "to execute your function.");
  }
  co_return invalid(fmt::format(
      "Could not deliver test message to specified destination. Check if the destination is valid: "
      "{}",
      accepted.error().message));
}

Task<Result<void>> Logic::put_subscription(std::string group, SubscriptionFilter filter) {
  CO_TRY_VOID(Pattern::parse(filter.pattern));
  CO_TRY_VOID(co_await existing_group(group));
  CO_TRY_VOID(check_vendor(filter));
  CO_TRY_VOID(co_await check_destination(group, filter.destination_arn));
  auto attempt = [&] { return try_put_subscription(group, filter); };
  co_return co_await run_on(kernel_.shards.owner(group), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_put_subscription(const std::string& group,
                                               const SubscriptionFilter& filter) {
  CO_TRY(auto found, co_await existing_group(group));
  auto& filters = found.record.subscriptions;
  auto same = std::ranges::find(filters, filter.name, &SubscriptionFilter::name);
  if (same == filters.end()) {
    if (filters.size() >= kSubscriptionsMax) {
      co_return fail("LimitExceededException", "Resource limit exceeded.");
    }
    filters.push_back(filter);
    filters.back().created = kernel_.clock.now();
  } else {
    TimePoint created = same->created;
    *same = filter;
    same->created = created;
  }
  store::Batch batch;
  Storage::put_group(batch, found);
  co_return co_await commit(std::move(batch));
}

Task<Result<void>> Logic::delete_subscription(std::string group, std::string name) {
  auto attempt = [&] { return try_delete_subscription(group, name); };
  co_return co_await run_on(kernel_.shards.owner(group), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_delete_subscription(const std::string& group,
                                                  const std::string& name) {
  CO_TRY(auto found, co_await existing_group(group));
  if (std::erase_if(found.record.subscriptions,
                    [&](const SubscriptionFilter& filter) { return filter.name == name; }) == 0) {
    co_return fail("ResourceNotFoundException",
                   "The specified subscription filter does not exist.");
  }
  store::Batch batch;
  Storage::put_group(batch, found);
  co_return co_await commit(std::move(batch));
}

Task<Result<std::vector<SubscriptionFilter>>> Logic::subscriptions(std::string group) {
  CO_TRY(auto found, co_await existing_group(std::move(group)));
  co_return std::move(found.record.subscriptions);
}

Task<Result<std::shared_ptr<LiveTail>>> Logic::start_tail(LiveTail::Options options) {
  CO_TRY(Pattern pattern, Pattern::parse(options.pattern));
  for (const std::string& group : options.groups) CO_TRY_VOID(co_await existing_group(group));
  co_return tails_.add(std::move(options), std::move(pattern), co_await asio::this_coro::executor);
}

}  // namespace suiro::logs
