// SPDX-License-Identifier: Apache-2.0
#include "services/scheduler/universal.h"

#include "services/scheduler/target.h"

namespace suiro::scheduler {
namespace {

std::unexpected<Error> unknown(std::string_view arn) {
  return fail(codes::kNotFound, fmt::format("{} is not a universal target", arn));
}

}  // namespace

Task<Result<void>> UniversalTarget::deliver(event::Event event, store::Batch consume) {
  const auto name = universal_name(event.target_arn);
  if (!name) co_return unknown(event.target_arn);
  auto attribute = [&](std::string_view key) {
    const auto found = event.attributes.find(std::string(key));
    return found == event.attributes.end() ? std::string() : found->second;
  };
  CO_TRY(TimePoint nominal, parse_iso8601(attribute(kNominalAttribute)));
  const Occasion occasion{.schedule_arn = attribute(kScheduleAttribute),
                          .nominal = nominal,
                          .execution_id = attribute(kExecutionAttribute)};
  auto called =
      co_await operations_.call({.service = name->service,
                                 .operation = name->operation,
                                 .json = fill(std::move(event.payload), occasion, event.attempt),
                                 .principal = std::string(kPrincipal),
                                 .role_arn = attribute(kRoleAttribute),
                                 .source_arn = occasion.schedule_arn,
                                 .cause = event.cause});
  if (!called) co_return fail(std::move(called).error());
  auto consumed = co_await kernel_.store.commit(std::move(consume));
  if (!consumed) co_return fail(std::move(consumed).error());
  co_return ok();
}

Task<Result<void>> UniversalTarget::accepts(std::string target_arn, event::Sender) {
  const auto name = universal_name(target_arn);
  if (!name) co_return unknown(target_arn);
  co_return operations_.check(name->service, name->operation);
}

}  // namespace suiro::scheduler
