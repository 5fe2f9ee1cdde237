// SPDX-License-Identifier: Apache-2.0
// Log events: put, get, filter.
#include <fmt/format.h>

#include <algorithm>

#include "services/logs/logic.h"

namespace suiro::logs {
namespace {

Result<void> check_batch(const std::vector<NewEvent>& events) {
  size_t bytes = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    bytes += event_bytes(events[i].message);
    if (i > 0 && events[i].time < events[i - 1].time) {
      return invalid("Log events in a single PutLogEvents request must be in chronological order.");
    }
  }
  if (bytes > kPutBytesMax) {
    return invalid(
        fmt::format("Upload too large: {} bytes exceeds limit of {}", bytes, kPutBytesMax));
  }
  if (!events.empty() && events.back().time - events.front().time > kPutSpanMax) {
    return invalid(
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  }
  return ok();
}

}  // namespace

TimePoint Logic::horizon_of(const Group& group) const {
  return suiro::logs::horizon_of(group, kernel_.clock.now());
}

Task<Result<Logic::Rejected>> Logic::put(std::string group, std::string stream,
                                         std::vector<NewEvent> events) {
  CO_TRY_VOID(check_batch(events));
  CO_TRY(auto owner, co_await existing_group(group));
  TimePoint now = kernel_.clock.now();
  TimePoint horizon = horizon_of(owner.record);
  Rejected rejected;
  std::vector<NewEvent> accepted;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].time > now + kPutFutureMax) {
      rejected.too_new_from = i;
      break;
    }
    if (events[i].time < now - kPutAgeMax) {
      rejected.too_old_until = i + 1;
    } else if (events[i].time < horizon) {
      rejected.expired_until = i + 1;
    } else {
      accepted.push_back(std::move(events[i]));
    }
  }
  if (accepted.empty()) {
    CO_TRY_VOID(co_await existing_stream(owner.record.id, std::move(stream)));
    co_return rejected;
  }
  CO_TRY_VOID(co_await run_on(kernel_.shards.owner(group), [&] {
    return put_in_turn(group, std::move(stream), std::move(accepted));
  }));
  co_return rejected;
}

Task<Result<void>> Logic::put_in_turn(std::string group, std::string stream,
                                      std::vector<NewEvent> events) {
  Turns& turns = turns_[kernel_.shards.owner_index(group)];
  std::string turn = group + '\0' + stream;
  co_await turns.take(turn);
  auto attempt = [&] { return try_put(group, stream, events); };
  auto done = co_await settle(attempt);
  turns.give(turn);
  co_return done;
}

Task<Result<void>> Logic::try_put(std::string group, std::string stream,
                                  std::vector<NewEvent> events) {
  CO_TRY(auto owner, co_await existing_group(std::move(group)));
  CO_TRY(auto found, co_await existing_stream(owner.record.id, std::move(stream)));
  store::Batch batch;
  CO_TRY_VOID(notify(batch, owner, found.name, events));
  TimePoint now = kernel_.clock.now();
  Storage::add_events(batch, owner.record.id, found, now, events);
  CO_TRY_VOID(co_await commit(std::move(batch)));
  tails_.publish(owner.name, found.name, now, events);
  co_return ok();
}

Task<Result<void>> Logic::write(std::vector<Lines> lines, store::Batch also) {
  auto attempt = [&] { return try_write(lines, also); };
  co_return co_await settle(attempt);
}

Task<Result<void>> Logic::try_write(const std::vector<Lines>& lines, const store::Batch& also) {
  store::Batch batch = also.clone();
  TimePoint now = kernel_.clock.now();
  std::map<std::string, Found<Group>> groups;
  for (const Lines& part : lines) {
    auto place = groups.find(part.group);
    if (place == groups.end()) {
      CO_TRY(auto found, co_await storage_.group(part.group));
      Found<Group> group =
          found ? *std::move(found)
                : Found<Group>{part.group,
                               {.id = GroupId(kernel_.random.next()), .created = now},
                               store::Version()};
      if (group.version == store::Version()) Storage::put_group(batch, group);
      place = groups.emplace(part.group, std::move(group)).first;
    }
    const Found<Group>& group = place->second;
    CO_TRY(auto found, co_await storage_.stream(group.record.id, part.stream));
    if (!found) {
      // A group that is made in this very commit has no version to require yet.
      if (group.version != store::Version()) Storage::require_group(batch, group);
      found = Found<Stream>{
          part.stream, {.id = StreamId(kernel_.random.next()), .created = now}, store::Version()};
    }
    CO_TRY_VOID(notify(batch, group, part.stream, part.events));
    Storage::add_events(batch, group.record.id, *found, now, part.events);
  }
  CO_TRY_VOID(co_await commit(std::move(batch)));
  for (const Lines& part : lines) tails_.publish(part.group, part.stream, now, part.events);
  co_return ok();
}

Task<Result<std::vector<LogEvent>>> Logic::get(GetQuery query) {
  CO_TRY(auto group, co_await existing_group(std::move(query.group)));
  CO_TRY(auto stream, co_await existing_stream(group.record.id, std::move(query.stream)));
  query.window.begin = std::max(query.window.begin, horizon_of(group.record));
  ReadLimit limit{.events = query.events_max};
  if (query.from == GetQuery::From::kHead) {
    co_return co_await read_first(storage_, group.record.id, stream.record, query.window, limit);
  }
  co_return co_await read_last(storage_, group.record.id, stream.record, query.window, limit);
}

// --- Filter
// ----------------------------------------------------------------------------------------

namespace {

// Merges the streams of a group by position. A stream is opened when its first event may be next.
class Merge {
 public:
  Merge(Storage& storage, GroupId group, Window window, std::vector<Found<Stream>> streams)
      : storage_(storage), group_(group), window_(std::move(window)), waiting_(std::move(streams)) {
    auto later = [](const Found<Stream>& a, const Found<Stream>& b) {
      return a.record.first_event > b.record.first_event;
    };
    std::ranges::sort(waiting_, later);
  }

  // The next event of all streams; nullopt at the end.
  Task<Result<std::optional<Logic::FilteredEvent>>> next() {
    while (!waiting_.empty() &&
           (open_.empty() || waiting_.back().record.first_event <= open_.begin()->first.time)) {
      CO_TRY_VOID(co_await open(std::move(waiting_.back())));
      waiting_.pop_back();
    }
    if (open_.empty()) co_return std::nullopt;
    auto first = open_.extract(open_.begin());
    Open& stream = *first.mapped();
    Logic::FilteredEvent event{stream.name, stream.reader.pop()};
    CO_TRY(bool there, co_await stream.reader.fill());
    if (there) {
      first.key() = stream.reader.head().at;
      open_.insert(std::move(first));
    }
    co_return event;
  }

 private:
  // Many streams may be open at once, so each holds little.
  static constexpr ForwardReader::Size kReaderSize{.rows = 4, .bytes = 64 << 10};

  struct Open {
    std::string name;
    ForwardReader reader;
  };

  Task<Result<void>> open(Found<Stream> stream) {
    if (open_.size() >= kFilterStreamsMax) {
      co_return invalid(
          fmt::format("More than {} log streams have events at the same time; name fewer of them.",
                      kFilterStreamsMax));
    }
    auto opened = std::make_unique<Open>(
        stream.name, ForwardReader(storage_, group_, stream.record, window_, kReaderSize));
    CO_TRY(bool there, co_await opened->reader.fill());
    if (there) {
      Position at = opened->reader.head().at;
      open_.emplace(at, std::move(opened));
    }
    co_return ok();
  }

  Storage& storage_;
  GroupId group_;
  Window window_;
  std::vector<Found<Stream>> waiting_;  // the one that begins first at the end
  std::map<Position, std::unique_ptr<Open>> open_;
};

}  // namespace

Task<Result<std::vector<Found<Stream>>>> Logic::streams_to_filter(GroupId group,
                                                                  const FilterQuery& query) {
  std::vector<Found<Stream>> streams;
  auto consider = [&](Found<Stream> stream) {
    const Stream& record = stream.record;
    TimePoint begin = query.window.begin;
    if (query.window.after) begin = std::max(begin, query.window.after->time);
    bool is_out =
        record.bytes == 0 || record.last_event < begin || record.first_event >= query.window.end;
    if (!is_out) streams.push_back(std::move(stream));
  };
  for (const std::string& name : query.streams) {
    CO_TRY(auto stream, co_await existing_stream(group, name));
    consider(std::move(stream));
  }
  Storage::Listing listing{.prefix = query.prefix};
  while (query.streams.empty()) {
    CO_TRY(auto page, co_await storage_.streams(group, listing));
    for (auto& row : page.rows) {
      listing.after = row.name;
      consider(std::move(row));
    }
    if (!page.more || page.rows.empty()) break;
    if (streams.size() > kStreamsListedMax) {
      co_return invalid(fmt::format(
          "More than {} log streams have events in this time; name a prefix or a shorter time.",
          kStreamsListedMax));
    }
  }
  co_return streams;
}

Task<Result<Logic::FilterAnswer>> Logic::filter(FilterQuery query) {
  CO_TRY(Pattern pattern, Pattern::parse(query.pattern));
  CO_TRY(auto group, co_await existing_group(query.group));
  query.window.begin = std::max(query.window.begin, horizon_of(group.record));
  CO_TRY(auto streams, co_await streams_to_filter(group.record.id, query));
  Merge merge(storage_, group.record.id, query.window, std::move(streams));
  FilterAnswer answer;
  size_t scanned = 0, bytes = 0;
  std::optional<Position> last;
  for (;;) {
    CO_TRY(auto next, co_await merge.next());
    if (!next) co_return answer;
    size_t size = event_bytes(next->event.message);
    bool hits = pattern.matches(next->event.message);
    bool is_full = answer.events.size() >= query.events_max ||
                   (hits && !answer.events.empty() && bytes + size > kReadBytesMax) ||
                   scanned >= kFilterBytesScannedMax;
    if (is_full) {
      answer.next = last;
      co_return answer;
    }
    last = next->event.at;
    scanned += size;
    if (!hits) continue;
    bytes += size;
    answer.events.push_back(*std::move(next));
  }
}

}  // namespace suiro::logs
