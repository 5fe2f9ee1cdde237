// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/index.h"

#include "base/check.h"

namespace suiro::sqs {
namespace {

// Stale entries of the heap of flights that are borne before it is compacted.
constexpr size_t kStaleMax = 1024;

TimePoint time_of(Sequence sequence) {
  return TimePoint(Millis(static_cast<int64_t>(sequence.value() >> kSequenceTimeShift)));
}

}  // namespace

Index::Index(QueueKind kind) : kind_(kind) {
  if (kind == QueueKind::kStandard) {
    ready_ = std::make_unique<StandardReady>();
  } else {
    ready_ = std::make_unique<FifoReady>();
  }
}

Sequence Index::next(TimePoint now) {
  auto clock = static_cast<uint64_t>(now.time_since_epoch().count()) << kSequenceTimeShift;
  last_ = Sequence(std::max(last_.value() + 1, clock));
  return last_;
}

void Index::push_due(Heap& heap, Due due) {
  heap.push_back(due);
  std::ranges::push_heap(heap, std::greater<>());
}

Index::Due Index::pop_due(Heap& heap) {
  std::ranges::pop_heap(heap, std::greater<>());
  Due due = heap.back();
  heap.pop_back();
  return due;
}

void Index::add(const Added& message, TimePoint now) {
  if (message.sequence < floor_) return;
  if (message.sent_at) aged_[message.sequence] = *message.sent_at;
  Group* group = ready_->join(message.group_id);
  if (message.visible_at > now) {
    push_due(delayed_, {message.visible_at, message.sequence, group});
  } else {
    ready_->add(message.sequence, group);
  }
}

void Index::restore(Sequence sequence, const MessageState& state, Millis delay, TimePoint now) {
  last_ = std::max(last_, sequence);
  if (state.receives == 0) {
    TimePoint visible_at = kind_ == QueueKind::kFifo ? time_of(sequence) + delay : state.visible_at;
    return add({sequence, visible_at, state.sent_at, state.group_id}, now);
  }
  if (state.sent_at) aged_[sequence] = *state.sent_at;
  Group* group = ready_->join(state.group_id);
  if (group != nullptr) {
    // By way of waiting, so that the group is locked from here on.
    ready_->add(sequence, group);
    ready_->pop_this(sequence, group);
  }
  flights_[sequence] = {state.visible_at, state.first_received_at, group, state.receives,
                        state.nonce,      Place::kInFlight};
  ++in_flight_;
  hold(sequence, flights_[sequence], state.visible_at, now);
}

bool Index::is_current(const Due& due) const {
  auto found = flights_.find(due.sequence);
  return found != flights_.end() && found->second.place == Place::kInFlight &&
         found->second.visible_at == due.at;
}

// In flight or busy -> waiting.
void Index::land(Sequence sequence, Flight& flight) {
  if (flight.place == Place::kInFlight) --in_flight_;
  flight.place = Place::kWaiting;
  ready_->give_back(sequence, flight.group);
}

size_t Index::advance(TimePoint now) {
  size_t count = 0;
  while (!delayed_.empty() && delayed_.front().at <= now) {
    Due due = pop_due(delayed_);
    ready_->add(due.sequence, due.group);
    ++count;
  }
  while (!flying_.empty() && (flying_.front().at <= now || !is_current(flying_.front()))) {
    Due due = pop_due(flying_);
    if (!is_current(due)) continue;
    land(due.sequence, flights_[due.sequence]);
    ++count;
  }
  return count;
}

std::optional<TimePoint> Index::next_due() {
  while (!flying_.empty() && !is_current(flying_.front())) pop_due(flying_);
  std::optional<TimePoint> due;
  if (!flying_.empty()) due = flying_.front().at;
  if (!delayed_.empty()) due = due ? std::min(*due, delayed_.front().at) : delayed_.front().at;
  return due;
}

void Index::drop_popped(const Ready::Popped& popped) {
  flights_.erase(popped.sequence);
  aged_.erase(popped.sequence);
  if (popped.group != nullptr) ready_->leave(popped.group);
}

Index::Taken Index::take(const TakeOptions& options) {
  Taken taken;
  ready_->begin();
  while (taken.received.size() < options.count && taken.dead.size() < options.count &&
         taken.expired.size() < options.count) {
    std::optional<Ready::Popped> popped = ready_->pop();
    if (!popped) break;
    if (sent_at(popped->sequence) < options.sent_after) {
      drop_popped(*popped);
      taken.expired.push_back(popped->sequence);
      continue;
    }
    Flight& flight = flights_[popped->sequence];
    flight.group = popped->group;
    if (options.receives_max > 0 && flight.receives >= options.receives_max) {
      flight.place = Place::kBusy;
      taken.dead.push_back(popped->sequence);
      // What follows it in its group goes out when it has been moved.
      ready_->close_group();
      continue;
    }
    flight.place = Place::kInFlight;
    flight.visible_at = options.visible_at;
    if (flight.receives++ == 0) flight.first_received_at = options.now;
    flight.nonce = options.nonce();
    ++in_flight_;
    push_due(flying_, {flight.visible_at, popped->sequence});
    taken.received.push_back(popped->sequence);
  }
  ready_->end();
  return taken;
}

std::vector<Sequence> Index::take_to_move(size_t count, TimePoint now) {
  advance(now);
  std::vector<Sequence> taken;
  ready_->begin();
  while (taken.size() < count) {
    std::optional<Ready::Popped> popped = ready_->pop();
    if (!popped) break;
    Flight& flight = flights_[popped->sequence];
    flight.group = popped->group;
    flight.place = Place::kBusy;
    taken.push_back(popped->sequence);
  }
  ready_->end();
  return taken;
}

std::vector<Sequence> Index::take_expired(size_t count, TimePoint sent_after) {
  std::vector<Sequence> taken;
  while (taken.size() < count) {
    std::optional<Sequence> oldest = ready_->oldest();
    if (!oldest || sent_at(*oldest) >= sent_after) break;
    drop_popped(*ready_->pop_oldest());
    taken.push_back(*oldest);
  }
  return taken;
}

const Index::Flight* Index::find(Sequence sequence) const {
  auto found = flights_.find(sequence);
  return found == flights_.end() ? nullptr : &found->second;
}

MessageState Index::state_of(Sequence sequence) const {
  const Flight* flight = find(sequence);
  CHECK(flight != nullptr);
  MessageState state;
  state.visible_at = flight->visible_at;
  auto aged = aged_.find(sequence);
  if (aged != aged_.end()) state.sent_at = aged->second;
  state.receives = flight->receives;
  state.first_received_at = flight->first_received_at;
  state.nonce = flight->nonce;
  if (flight->group != nullptr) state.group_id = flight->group->name;
  return state;
}

// In flight or busy -> in flight until visible_at, or waiting.
void Index::hold(Sequence sequence, Flight& flight, TimePoint visible_at, TimePoint now) {
  flight.visible_at = visible_at;
  if (visible_at <= now) return land(sequence, flight);
  if (flight.place == Place::kBusy) ++in_flight_;
  flight.place = Place::kInFlight;
  push_due(flying_, {visible_at, sequence});
  compact();
}

void Index::reattach(Sequence sequence, TimePoint visible_at, TimePoint now) {
  auto found = flights_.find(sequence);
  if (found == flights_.end() || found->second.place != Place::kBusy) return;
  hold(sequence, found->second, visible_at, now);
}

void Index::release(Sequence sequence) {
  auto found = flights_.find(sequence);
  if (found == flights_.end() || found->second.place != Place::kBusy) return;
  land(sequence, found->second);
}

void Index::compact() {
  if (flying_.size() <= 2 * in_flight_ + kStaleMax) return;
  std::erase_if(flying_, [this](const Due& due) { return !is_current(due); });
  std::ranges::make_heap(flying_, std::greater<>());
}

void Index::detach(Sequence sequence) {
  auto found = flights_.find(sequence);
  CHECK(found != flights_.end());
  Flight& flight = found->second;
  if (flight.place == Place::kInFlight) --in_flight_;
  if (flight.place == Place::kWaiting) ready_->pop_this(sequence, flight.group);
  flight.place = Place::kBusy;
  compact();
}

void Index::untake(Sequence sequence) {
  auto found = flights_.find(sequence);
  if (found == flights_.end() || found->second.place != Place::kInFlight) return;
  --found->second.receives;
  land(sequence, found->second);
}

void Index::remove(Sequence sequence) {
  if (find(sequence) == nullptr) return;
  detach(sequence);
  Group* group = flights_[sequence].group;
  flights_.erase(sequence);
  aged_.erase(sequence);
  if (group != nullptr) ready_->leave(group);
}

void Index::clear() {
  floor_ = end();
  ready_->clear();
  delayed_ = {};
  flying_ = {};
  flights_ = {};
  aged_ = {};
  in_flight_ = 0;
}

void Index::redelay(Millis delay) {
  if (kind_ != QueueKind::kFifo) return;
  for (Due& due : delayed_) due.at = time_of(due.sequence) + delay;
  std::ranges::make_heap(delayed_, std::greater<>());
}

TimePoint Index::sent_at(Sequence sequence) const {
  auto found = aged_.empty() ? aged_.end() : aged_.find(sequence);
  return found == aged_.end() ? time_of(sequence) : found->second;
}

}  // namespace suiro::sqs
