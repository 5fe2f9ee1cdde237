// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/context.h"

#include <boost/json.hpp>

#include "base/arn.h"
#include "base/utf8.h"
#include "services/firehose/errors.h"

namespace suiro::firehose {

StreamState::StreamState(Executor executor, StreamRecord record_in, DestinationPtr destination_in,
                         std::string arn_in, uint64_t next_block)
    : record(std::move(record_in)),
      destination(std::move(destination_in)),
      arn(std::move(arn_in)),
      idle(executor),
      turn(executor) {
  for (LaneKind kind : kLaneKinds) lanes[kind] = std::make_unique<Lane>(executor, next_block);
}

uint64_t StreamState::backlog_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [kind, lane] : lanes) bytes += lane->bytes();
  return bytes;
}

void StreamState::ring() {
  for (const auto& [kind, lane] : lanes) lane->grown.notify_all();
  if (closing && stop_source) stop_source();
}

Task<void> Budget::take(uint64_t bytes) {
  while (taken_ != 0 && taken_ + bytes > kDeliveryBytesMax) co_await freed_.wait();
  taken_ += bytes;
}

void Budget::give(uint64_t bytes) {
  taken_ -= bytes;
  freed_.notify_all();
}

Context::Context(event::Kernel& kernel_in, Send send_in)
    : kernel(kernel_in), send(std::move(send_in)) {
  for (size_t i = 0; i < kernel.shards.size(); ++i) {
    shards.push_back(std::make_unique<ShardState>(kernel.shards.executor(i)));
  }
}

std::string Context::arn_of(std::string_view name) const {
  return fmt::format("arn:aws:firehose:{}:{}:deliverystream/{}", kernel.region, kernel.account,
                     name);
}

Result<std::string> Context::name_of(std::string_view text) const {
  constexpr std::string_view kKind = "deliverystream/";
  auto arn = Arn::parse(text);
  if (!arn || arn->service != "firehose" || arn->region != kernel.region ||
      arn->account != kernel.account || !arn->resource.starts_with(kKind)) {
    return fail(codes::kNotFound, fmt::format("{} is not a delivery stream here", text));
  }
  return arn->resource.substr(kKind.size());
}

Result<StatePtr> Context::find(std::string_view name) {
  auto& streams = shard().streams;
  auto found = streams.find(name);
  if (found == streams.end() || found->second->closing) return not_found(name, kernel.account);
  return found->second;
}

void Context::log(const LogPlace& place, std::string_view arn, std::string_view code,
                  std::string_view message) {
  if (!place.enabled() || kernel.logs == nullptr) return;
  boost::json::object line{{"deliveryStreamARN", arn},
                           {"errorCode", code},
                           {"errorMessage", utf8_prefix(message, kLogMessageBytesMax)}};
  kernel.logs->append(place.group, place.stream,
                      {{kernel.clock.now(), boost::json::serialize(line)}});
}

}  // namespace suiro::firehose
