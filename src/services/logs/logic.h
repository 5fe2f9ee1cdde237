// SPDX-License-Identifier: Apache-2.0
// The rules of CloudWatch Logs. No wire, no keys. Errors carry the codes and texts of the Amazon
// CloudWatch Logs API Reference.
//
// There is no state but what the store holds: a change reads the records that it depends on,
// requires their versions in its commit, and begins again when it lost a race, at most
// kCommitAttemptsMax times. Changes of one group run on the shard that owns its name, so races are
// rare. Reads run anywhere.
#pragma once

#include "base/turns.h"
#include "engine/policy/resource_policies.h"
#include "kernel/event/kernel.h"
#include "services/logs/export.h"
#include "services/logs/live_tail.h"
#include "services/logs/pattern.h"
#include "services/logs/reader.h"

namespace suiro::logs {

std::unexpected<Error> invalid(std::string message);
std::unexpected<Error> no_such_group();
std::unexpected<Error> no_such_stream();

class Logic {
 public:
  // `policies`: of the buckets that groups are exported to; null: none is asked.
  explicit Logic(event::Kernel& kernel, const policy::ResourcePolicies* policies = nullptr);

  // Before the kernel's timers start.
  void register_timers();

  // Groups.
  Task<Result<void>> create_group(std::string name, std::map<std::string, std::string> tags);
  Task<Result<void>> delete_group(std::string name);
  struct GroupQuery {
    std::string prefix;
    std::string pattern;             // a part of the name
    std::vector<std::string> names;  // where not empty: these alone
    std::string after;
    size_t rows_max = 50;
  };
  struct DescribedGroup {
    Found<Group> group;
    uint64_t stored_bytes = 0;
  };
  struct GroupAnswer {
    std::vector<DescribedGroup> rows;
    bool more = false;
  };
  Task<Result<GroupAnswer>> describe_groups(GroupQuery query);
  // Days as AWS allows them; none: keep for ever.
  Task<Result<void>> set_retention(std::string name, std::optional<int32_t> days);
  Task<Result<void>> tag(std::string name, std::map<std::string, std::string> tags);
  Task<Result<void>> untag(std::string name, std::vector<std::string> keys);
  Task<Result<std::map<std::string, std::string>>> tags(std::string name);

  // Subscription filters. Errors: LimitExceededException, ResourceNotFoundException, and
  // InvalidParameterException for a destination that does not take the events.
  Task<Result<void>> put_subscription(std::string group, SubscriptionFilter filter);
  Task<Result<void>> delete_subscription(std::string group, std::string name);
  Task<Result<std::vector<SubscriptionFilter>>> subscriptions(std::string group);

  // Live tail: what is put from now on, of these groups.
  Task<Result<std::shared_ptr<LiveTail>>> start_tail(LiveTail::Options options);

  // Exports to the lake.
  // Errors: those of the group, InvalidParameterException, LimitExceededException.
  Task<Result<std::string>> create_export(Export task);
  Task<Result<void>> cancel_export(std::string id);
  // All, newest first; of one id where it is not empty.
  Task<Result<std::vector<Export>>> exports(std::string id);

  // Streams.
  Task<Result<void>> create_stream(std::string group, std::string name);
  Task<Result<void>> delete_stream(std::string group, std::string name);
  struct StreamQuery {
    std::string group;
    std::string prefix;
    enum class Order { kName, kLastEvent } order = Order::kName;
    store::Direction direction = store::Direction::kForward;
    std::string after;  // the token of the page before: a name, or place among the last events
    size_t rows_max = 50;
  };
  struct StreamAnswer {
    std::vector<Found<Stream>> rows;
    std::string next;  // empty: no more
  };
  Task<Result<StreamAnswer>> describe_streams(StreamQuery query);

  // Events.
  struct Rejected {
    std::optional<size_t> too_new_from;   // this and all later ones
    std::optional<size_t> too_old_until;  // all before this
    std::optional<size_t> expired_until;  // all before this
  };
  Task<Result<Rejected>> put(std::string group, std::string stream, std::vector<NewEvent> events);
  struct GetQuery {
    std::string group;
    std::string stream;
    Window window;
    enum class From { kHead, kTail } from = From::kTail;
    size_t events_max = kReadEventsMax;
  };
  Task<Result<std::vector<LogEvent>>> get(GetQuery query);
  struct FilterQuery {
    std::string group;
    std::vector<std::string> streams;  // empty: all that have the prefix
    std::string prefix;
    Window window;
    std::string pattern;
    size_t events_max = kReadEventsMax;
  };
  struct FilteredEvent {
    std::string stream;
    LogEvent event;
  };
  struct FilterAnswer {
    std::vector<FilteredEvent> events;
    std::optional<Position> next;  // where to go on: behind this; none: all was looked at
  };
  Task<Result<FilterAnswer>> filter(FilterQuery query);

  // Lines of Suiro's own services for several streams, in one commit with `also`; groups and
  // streams are made where they are missing.
  struct Lines {
    std::string group;
    std::string stream;
    std::vector<NewEvent> events;
  };
  Task<Result<void>> write(std::vector<Lines> lines, store::Batch also = {});

 private:
  // Runs attempt() until it does something else than lose a race.
  template <class Attempt>
  auto settle(Attempt attempt) -> decltype(attempt());
  Task<Result<Found<Group>>> existing_group(std::string name);
  Task<Result<Found<Stream>>> existing_stream(GroupId group, std::string name);
  Task<Result<void>> commit(store::Batch batch);
  // Nothing older may be seen.
  TimePoint horizon_of(const Group& group) const;

  Task<Result<void>> try_create_group(std::string name, std::map<std::string, std::string> tags);
  Task<Result<void>> try_delete_group(std::string name);
  Task<Result<void>> try_set_retention(std::string name, int32_t days);
  Task<Result<void>> try_tag(std::string name, std::map<std::string, std::string> tags,
                             std::vector<std::string> removed);
  Task<Result<void>> try_create_stream(std::string group, std::string name);
  Task<Result<void>> try_delete_stream(std::string group, std::string name);
  Task<Result<void>> put_in_turn(std::string group, std::string stream,
                                 std::vector<NewEvent> events);
  Task<Result<void>> try_put(std::string group, std::string stream, std::vector<NewEvent> events);
  Task<Result<void>> try_write(const std::vector<Lines>& lines, const store::Batch& also);
  Task<Result<uint64_t>> stored_bytes(GroupId group);
  Task<Result<StreamAnswer>> streams_by_last_event(GroupId group, StreamQuery query);
  Task<Result<std::vector<Found<Stream>>>> streams_to_filter(GroupId group,
                                                             const FilterQuery& query);

  Task<Result<void>> check_bucket(std::string bucket);
  Task<Result<void>> try_put_subscription(const std::string& group,
                                          const SubscriptionFilter& filter);
  Task<Result<void>> try_delete_subscription(const std::string& group, const std::string& name);
  Task<Result<void>> check_destination(std::string group, std::string arn);
  // Adds what the group's subscribers are sent of the events.
  Result<void> notify(store::Batch& batch, const Found<Group>& group, const std::string& stream,
                      const std::vector<NewEvent>& events);

  Task<Result<void>> on_export(event::Timer timer, store::Batch consume);
  Task<Result<Export>> run_export(Export task);
  Result<void> permit_export(const event::ObjectWriter::ObjectToWrite& object) const;
  Task<Result<bool>> export_stream(const Export& task, const Found<Group>& group,
                                   Found<Stream> stream);

  void schedule_expiry(store::Batch& batch, Found<Group>& group);
  Task<Result<void>> on_expiry(event::Timer timer, store::Batch consume);
  Task<Result<void>> expire_stream(GroupId group, std::string name, TimePoint horizon);
  Task<Result<bool>> expire_some(GroupId group, std::string name, TimePoint horizon);

  event::Kernel& kernel_;
  const policy::ResourcePolicies* policies_;
  Storage storage_;
  std::vector<Turns> turns_;  // one a shard
  LiveTails tails_;
};

template <class Attempt>
auto Logic::settle(Attempt attempt) -> decltype(attempt()) {
  for (int i = 1; i < kCommitAttemptsMax; ++i) {
    auto result = co_await attempt();
    if (result || result.error().code != codes::kConditionFailed) co_return result;
  }
  auto last = co_await attempt();
  if (!last && last.error().code == codes::kConditionFailed) {
    co_return fail("OperationAbortedException",
                   "Multiple concurrent requests to update the same resource were in conflict.",
                   Retry::kLater);
  }
  co_return last;
}

}  // namespace suiro::logs
