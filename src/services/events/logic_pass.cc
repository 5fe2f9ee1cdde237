// SPDX-License-Identifier: Apache-2.0
// Events on their way through a bus: what comes in, which rules match, what goes to their targets.
//
//   put_events() ─┐
//   deliver() ────┴► pass() ─► matching rules ─► one event a target   (in the caller's commit)
//                      └─ more than kFanOutBytesMax ─► the event again, from that rule on
#include <boost/json.hpp>

#include "base/log.h"
#include "services/events/logic.h"

namespace suiro::events {
namespace {

// Attributes of events between buses; the bus takes them off.
constexpr std::string_view kHops = "BusHops";
constexpr std::string_view kAfterRule = "AfterRule";
// How long an answer that a target takes a rule's events is believed.
constexpr Millis kAcceptedFor = std::chrono::seconds(2);
constexpr size_t kAcceptedMax = 10'000;

constexpr size_t kTimeBytes = 14;  // of an entry's size, where it has a time

size_t size_of(const PutEntry& entry) {
  size_t size = entry.time ? kTimeBytes : 0;
  size += entry.source.value_or("").size() + entry.detail_type.value_or("").size() +
          entry.detail.value_or("").size();
  for (const std::string& resource : entry.resources) size += resource.size();
  return size;
}

// Why an entry is not taken (recorded answers of PutEvents).
std::optional<std::pair<std::string, std::string>> fault_of(const PutEntry& entry) {
  auto missing = [](std::string_view name) {
    return std::pair<std::string, std::string>(
        "InvalidArgument",
        fmt::format("Parameter {0} is not valid. Reason: {0} is a required argument.", name));
  };
  if (entry.source.value_or("").empty()) return missing("Source");
  if (entry.detail_type.value_or("").empty()) return missing("DetailType");
  if (entry.detail.value_or("").empty()) return missing("Detail");
  if (entry.source->starts_with("aws.")) {
    return std::pair<std::string, std::string>("NotAuthorizedForSourceException",
                                               "Not authorized for the source.");
  }
  return std::nullopt;
}

// The event as JSON; nullopt where the detail is not a JSON object.
std::optional<event_pattern::Event> event_of(const Envelope& envelope, std::string_view detail) {
  boost::json::parse_options options;
  options.max_depth = event_pattern::kEventDepthMax;
  boost::system::error_code failed;
  boost::json::value parsed = boost::json::parse(detail, failed, {}, options);
  if (failed || !parsed.is_object()) return std::nullopt;
  boost::json::array resources;
  for (const std::string& resource : envelope.resources) resources.emplace_back(resource);
  boost::json::object event = {{"version", "0"},
                               {"id", envelope.id},
                               {"detail-type", envelope.detail_type},
                               {"source", envelope.source},
                               {"account", envelope.account},
                               {"time", envelope.time},
                               {"region", envelope.region}};
  event["resources"] = std::move(resources);
  event["detail"] = std::move(parsed);
  return event_pattern::Event(std::move(event));
}

int hops_of(const event::Event& event) {
  auto found = event.attributes.find(std::string(kHops));
  return found == event.attributes.end() ? 0 : std::atoi(found->second.c_str());
}

}  // namespace

struct Logic::Prepared {
  size_t index;
  Passing passing;
};

std::string Logic::span(store::Batch& batch, const TraceContext& cause, std::string kind,
                        std::string resource, std::string detail) {
  event::Span span;
  span.trace_id = cause.trace_id;
  span.parent_id = cause.span_id;
  span.kind = std::move(kind);
  span.resource = std::move(resource);
  span.start = kernel_.clock.now();
  span.span_id = new_span_id(span.start, kernel_.random);
  span.detail = std::move(detail);
  kernel_.journal.record(batch, span);
  return span.span_id;
}

// --- PutEvents
// -------------------------------------------------------------------------------------

Result<Logic::Prepared> Logic::prepare(PutEntry& entry, PutResult& result,
                                       const Requester& requester) const {
  if (auto fault = fault_of(entry)) return fail(fault->first, fault->second);
  TimePoint now = kernel_.clock.now();
  result.event_id = kernel_.random.uuid();
  Envelope envelope{.id = result.event_id,
                    .detail_type = *entry.detail_type,
                    .source = *entry.source,
                    .account = kernel_.account,
                    .time = second_text(entry.time.value_or(now)),
                    .region = kernel_.region,
                    .resources = std::move(entry.resources)};
  auto event = event_of(envelope, *entry.detail);
  if (!event) return fail("MalformedDetail", "Detail is malformed.");
  TraceContext cause = TraceContext::parse_header(entry.trace_header);
  if (cause.trace_id.empty()) cause = requester.trace;
  if (cause.trace_id.empty()) cause = TraceContext::begin(now, kernel_.random);
  return Prepared{0, Passing{.bus = std::move(entry.bus),
                             .event = *std::move(event),
                             .text = event_text(envelope, *entry.detail),
                             .ingested = now,
                             .cause = std::move(cause)}};
}

Task<Result<std::vector<PutResult>>> Logic::put_events(std::vector<PutEntry> entries,
                                                       Requester requester) {
  size_t size = 0;
  for (const PutEntry& entry : entries) size += size_of(entry);
  if (size > kPutBytesMax) {
    co_return invalid("Total size of the entries in the request is over the limit.");
  }
  TimePoint start = kernel_.clock.now();
  std::vector<PutResult> results(entries.size());
  store::Batch batch;
  size_t taken = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    auto prepared = prepare(entries[i], results[i], requester);
    if (!prepared) {
      results[i] = {"", prepared.error().code, prepared.error().message};
      continue;
    }
    ++taken;
    Executor owner = kernel_.shards.owner(bus_arn(prepared->passing.bus));
    CO_TRY(store::Batch passed,
           co_await run_on(owner, [&] { return pass(std::move(prepared->passing)); }));
    batch.merge(std::move(passed));
  }
  if (taken == 0) co_return results;
  if (!requester.trace.trace_id.empty()) {
    kernel_.journal.record(batch, {.trace_id = requester.trace.trace_id,
                                   .span_id = requester.trace.span_id,
                                   .parent_id = requester.caused_by,
                                   .kind = "events:PutEvents",
                                   .resource = bus_arn(entries.front().bus),
                                   .request_id = requester.request_id,
                                   .start = start,
                                   .duration = kernel_.clock.now() - start,
                                   .detail = fmt::format("{} events", taken)});
  }
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  co_return results;
}

// --- the bus as a target
// ---------------------------------------------------------------------------

Task<Result<void>> Logic::accepts(std::string arn) {
  CO_TRY(std::string name, bus_of(arn));
  auto found = co_await existing_bus(std::move(name));
  if (!found) co_return fail(codes::kNotFound, found.error().message);
  co_return ok();
}

Task<Result<void>> Logic::deliver(event::Event event, store::Batch consume) {
  CO_TRY(std::string bus, bus_of(event.target_arn));
  auto parsed = event_pattern::Event::parse(event.payload);
  if (!parsed || !parsed->string("source") || !parsed->string("detail-type")) {
    co_return fail("MalformedEvent", "What was sent to the event bus is not an event.");
  }
  CO_TRY_VOID(co_await existing_bus(bus));
  auto after = event.attributes.find(std::string(kAfterRule));
  Passing passing{.bus = bus,
                  .event = *std::move(parsed),
                  .text = std::move(event.payload),
                  .ingested = event.at,
                  .cause = event.cause,
                  .hops = hops_of(event),
                  .after = after == event.attributes.end() ? "" : after->second};
  Executor owner = kernel_.shards.owner(bus_arn(bus));
  CO_TRY(store::Batch passed, co_await run_on(owner, [&] { return pass(std::move(passing)); }));
  consume.merge(std::move(passed));
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(consume)));
  co_return ok();
}

// --- matching
// --------------------------------------------------------------------------------------

Task<Result<store::Batch>> Logic::pass(Passing passing) {
  store::Batch batch;
  Shard& shard = shards_[kernel_.shards.current()];
  auto bus = shard.buses.find(passing.bus);
  // As AWS: an event for a bus that does not exist is taken and goes nowhere.
  if (bus == shard.buses.end()) co_return batch;
  size_t emitted = 0;
  std::string last = passing.after;
  for (const RulePtr& rule : bus->second.matching(passing.event, passing.after)) {
    if (emitted >= kFanOutBytesMax) {
      event::emit(batch,
                  {.source_arn = bus_arn(passing.bus),
                   .kind = "events:Continue",
                   .target_arn = bus_arn(passing.bus),
                   .payload = passing.text,
                   .attributes = {{std::string(kHops), std::to_string(passing.hops)},
                                  {std::string(kAfterRule), last}},
                   .cause = passing.cause,
                   .at = passing.ingested},
                  kernel_.random);
      break;
    }
    emitted += co_await emit_matches(batch, *rule, passing);
    last = rule->name;
  }
  co_return batch;
}

Task<size_t> Logic::emit_matches(store::Batch& batch, const CompiledRule& rule,
                                 const Passing& passing) {
  TraceContext cause = passing.cause;
  cause.span_id = span(batch, passing.cause, "events:Rule", rule.arn,
                       fmt::format("{} targets", rule.targets.size()));
  MatchedRule matched{rule.name, rule.arn, passing.ingested, passing.nominal};
  size_t emitted = 0;
  for (const RuleTarget& target : rule.targets) {
    auto [event, refused] = target.delivery(passing.event.document(), passing.text, matched);
    event.cause = cause;
    event.at = kernel_.clock.now();
    emitted += event.payload.size();
    bool is_bus = target.is_bus();
    if (is_bus) event.attributes[std::string(kHops)] = std::to_string(passing.hops + 1);
    if (refused) {
      // Nothing else is asked: it cannot be delivered.
    } else if (is_bus && passing.hops >= kBusHopsMax) {
      refused =
          Error{"LoopDetected", fmt::format("the event has passed {} buses already", kBusHopsMax)};
    } else {
      refused = co_await refusal(target, rule.arn);
    }
    if (refused) {
      bury(batch, std::move(event), *refused);
    } else {
      event::emit(batch, std::move(event), kernel_.random);
    }
  }
  co_return emitted;
}

Task<std::optional<Error>> Logic::refusal(const RuleTarget& target, const std::string& rule_arn) {
  // Queues and functions say by their policies who may send; to others the target's role does.
  if (target.service() != "sqs" && target.service() != "lambda") {
    co_return refusal_of_role(target);
  }
  auto& accepted = shards_[kernel_.shards.current()].accepted;
  std::string key = rule_arn + '\0' + target.arn();
  TimePoint now = kernel_.clock.now();
  auto known = accepted.find(key);
  if (known != accepted.end() && now < known->second) co_return std::nullopt;
  auto found = kernel_.targets.target(target.arn());
  // A service that is not there may be there later: the dispatcher tries again.
  if (!found) co_return std::nullopt;
  auto answer = co_await (*found)->accepts(
      target.arn(), {std::string(kServicePrincipal), rule_arn, kernel_.account});
  if (!answer) {
    bool is_refusal =
        answer.error().code == codes::kNotFound || answer.error().code.starts_with("AccessDenied");
    co_return is_refusal ? std::optional<Error>(answer.error()) : std::nullopt;
  }
  if (accepted.size() >= kAcceptedMax) accepted.clear();
  accepted[std::move(key)] = now + kAcceptedFor;
  co_return std::nullopt;
}

std::optional<Error> Logic::refusal_of_role(const RuleTarget& target) const {
  auto permission = target.permission();
  if (!permission) return std::nullopt;
  auto answer = permissions_.permits(
      {target.role_arn(), std::string(kServicePrincipal), *std::move(permission)});
  return answer ? std::nullopt : std::optional<Error>(std::move(answer).error());
}

// What no attempt can help: it goes to the dead-letter queue at once, or is dropped (Amazon
// EventBridge User Guide, "Using dead-letter queues to process undelivered events").
void Logic::bury(store::Batch& batch, event::Event event, const Error& error) {
  std::string grave = event.policy.dead_letter_arn;
  bool is_missing = error.code == codes::kNotFound;
  event::Span span;
  span.trace_id = event.cause.trace_id;
  span.parent_id = event.cause.span_id;
  span.kind = "event";
  span.resource = event.target_arn;
  span.start = kernel_.clock.now();
  span.span_id = new_span_id(span.start, kernel_.random);
  span.status = event::Span::Status::kError;
  span.detail = fmt::format("{}: {}; {}", error.code, error.message,
                            grave.empty() ? "dropped" : "to " + grave);
  kernel_.journal.record(batch, span);
  if (grave.empty()) return;
  event.attributes["RULE_ARN"] = event.source_arn;
  event.attributes["TARGET_ARN"] = event.target_arn;
  event.attributes["ERROR_CODE"] = is_missing                     ? "RESOURCE_NOT_FOUND"
                                   : error.code == "LoopDetected" ? "LOOP_DETECTED"
                                   : error.code == kInputTooLarge ? "INPUT_TOO_LARGE"
                                                                  : "NO_PERMISSIONS";
  event.attributes["ERROR_MESSAGE"] = error.message;
  event.attributes["RETRY_ATTEMPTS"] = "0";
  event.attributes.erase(std::string(kHops));
  event.target_arn = std::move(grave);
  event.policy = {};
  event.cause.span_id = span.span_id;
  event::emit(batch, std::move(event), kernel_.random);
}

}  // namespace suiro::events
