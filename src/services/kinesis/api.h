// SPDX-License-Identifier: Apache-2.0
// Between the shapes of Kinesis Data Streams and its logic: names out of ARNs, iterators, tokens,
// defaults. No rules.
#pragma once

#include "services/kinesis/iterator.h"
#include "services/kinesis/logic.h"
#include "shapes/gen/kinesis.h"
#include "shapes/registry.h"

namespace suiro::kinesis {

class Api {
 public:
  Api(event::Kernel& kernel, Logic& logic) : kernel_(kernel), logic_(logic) {}
  void add_operations(shapes::Registry& registry);

 private:
  // One function an operation, chosen by its input.
  struct Streams;
  struct Data;
  struct Shards;
  struct Settings;
  struct Subscribing;
  template <class Handlers, class Op>
  void add(shapes::Registry& registry);
  void add_streams(shapes::Registry& registry);
  void add_data(shapes::Registry& registry);
  void add_shards(shapes::Registry& registry);
  void add_settings(shapes::Registry& registry);
  void add_subscribing(shapes::Registry& registry);

  // The stream that a request names, by name, ARN or both.
  template <class Input>
  Result<std::string> stream_of(const Input& in) const;
  Result<std::string> one_stream(const std::optional<std::string>& name,
                                 const std::optional<std::string>& arn) const;

  // Whether the ARN is that of a stream that exists.
  Task<bool> is_known(std::string arn);
  // Errors: InvalidArgumentException, ExpiredNextTokenException.
  Result<NextToken> token_of(const std::string& text) const;
  // Whether the stream is the one of this time of creation, and of this id.
  Result<void> check_generation(const StreamView& stream, std::optional<TimePoint> created,
                                std::optional<StreamId> id) const;

  event::Kernel& kernel_;
  Logic& logic_;
};

template <class Input>
Result<std::string> Api::stream_of(const Input& in) const {
  return one_stream(in.stream_name, in.stream_arn);
}

template <class Handlers, class Op>
void Api::add(shapes::Registry& registry) {
  static const std::string kind = fmt::format("kinesis:{}", Op::operation().name);
  registry.add<Op>(
      [this](shapes::Call&, typename Op::Input in) -> Task<Result<typename Op::Output>> {
        Micros begin = kernel_.clock.steady();
        std::string resource;
        if constexpr (requires { in.stream_name->size(); }) {
          if (auto name = stream_of(in)) resource = logic_.arn_of(*name);
        }
        auto output = co_await Handlers::run(*this, std::move(in));
        // Names that do not exist would let clients grow the journal's counters at will.
        if (!output && !co_await is_known(resource)) resource.clear();
        kernel_.journal.count(kind, resource,
                              output ? event::Span::Status::kOk : event::Span::Status::kError,
                              kernel_.clock.steady() - begin);
        co_return output;
      });
}

// The wire's form of a shard.
shapes::kinesis::Shard shape_of(const ShardView& view);
shapes::kinesis::HashKeyRange shape_of(const HashRange& range);
std::vector<shapes::kinesis::Record> records_of(const Slice& slice, ShardIndex shard);
std::vector<shapes::kinesis::ChildShard> child_shards_of(const Slice& slice);

}  // namespace suiro::kinesis
