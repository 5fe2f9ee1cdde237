// SPDX-License-Identifier: Apache-2.0
#include "services/states/target.h"

#include "base/digest.h"

namespace suiro::states {
namespace {

constexpr size_t kNameBytesMax = 80;

std::string name_of(const std::string& event_id) {
  if (event_id.size() <= kNameBytesMax && check_name(event_id)) return event_id;
  return hex_encode(sha256(event_id));
}

}  // namespace

Task<Result<void>> StateMachineTarget::deliver(event::Event event, store::Batch consume) {
  if (executions_ == nullptr) {
    co_return fail(codes::kNotImplemented, "executions are not supported by this server");
  }
  CO_TRY(StartRequest request, co_await logic_.prepare({.machine_arn = event.target_arn,
                                                        .name = name_of(event.id),
                                                        .input = std::move(event.payload),
                                                        .trace_header = "",
                                                        .cause = event.cause}));
  auto started = co_await executions_->start(std::move(request));
  // An earlier delivery started it, and died before it could say so.
  const bool again = !started && started.error().code == "ExecutionAlreadyExists";
  if (!started && !again) co_return fail(std::move(started).error());
  auto done = co_await kernel_.store.commit(std::move(consume));
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

Task<Result<void>> StateMachineTarget::accepts(std::string target_arn, event::Sender) {
  auto type = co_await logic_.type_of(target_arn);
  if (!type) co_return fail(codes::kNotFound, std::move(type).error().message);
  co_return ok();
}

}  // namespace suiro::states
