// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/log_target.h"

#include <fmt/chrono.h>

namespace suiro::event {

Result<std::string> log_group_of(std::string_view arn) {
  constexpr std::string_view kPrefix = "log-group:";
  auto parsed = Arn::parse(arn);
  std::string name;
  if (parsed && parsed->resource.starts_with(kPrefix)) {
    name = parsed->resource.substr(kPrefix.size());
    if (name.ends_with(":*")) name.resize(name.size() - 2);
  }
  if (name.empty()) return fail(codes::kNotFound, fmt::format("{} is no log group", arn));
  return name;
}

Task<Result<void>> LogTarget::deliver(Event event, store::Batch consume) {
  CO_TRY(std::string group, log_group_of(event.target_arn));
  if (logs_ == nullptr) co_return fail(codes::kNotFound, "there is no logs service");
  std::string stream =
      fmt::format("{:%Y/%m/%d}", std::chrono::floor<std::chrono::seconds>(event.at));
  std::vector<LogLine> lines;
  lines.push_back({event.at, std::move(event.payload)});
  co_return co_await logs_->write(std::move(group), std::move(stream), std::move(lines),
                                  std::move(consume));
}

Task<Result<void>> LogTarget::accepts(std::string target_arn, Sender) {
  auto group = log_group_of(target_arn);
  if (!group) co_return fail(group.error());
  co_return ok();
}

}  // namespace suiro::event
