// SPDX-License-Identifier: Apache-2.0
// Index: what memory holds of one queue's messages: which wait, which are delayed, which are in
// flight. Bodies are in the store.
//
//            add(now)                    take()
//   (sent) ------------> waiting ------------------> in flight
//      |  add(later)      ^  ^ |    advance() when      |   ^
//      +------> delayed --+  | |    visibility ends     |   | hold(later)
//                advance()   | +<-----------------------+   |
//                            | |   detach(), take() (dead), |
//                  hold(now) | |   take_to_move()           |
//                            | v                            |
//                           busy (a change is being committed) --remove()--> (gone)
//
// Invariants:
//  1. A message is in exactly one of: waiting, delayed, in flight, busy. A busy
//     message is neither received nor does its visibility end.
//  2. About 8 bytes a message that was never received (16 while delayed), about 80 one that was.
//  3. next() grows strictly; over restarts too, unless the queue was empty and the clock was put
//  back.
//
// Thread: the queue's owner shard. No I/O; time is passed in. docs/formats/sqs.md tells the state.
#pragma once

#include <functional>

#include "services/sqs/ready.h"

namespace suiro::sqs {

enum class QueueKind : uint8_t { kStandard, kFifo };

class Index {
 public:
  explicit Index(QueueKind kind);

  // The sequence of a message that is sent now.
  Sequence next(TimePoint now);
  // No sequence up to this one is drawn again.
  void reserve(Sequence sequence) { last_ = std::max(last_, sequence); }
  // Everything below it was sent before.
  Sequence end() const { return Sequence(last_.value() + 1); }

  struct Added {
    Sequence sequence;
    TimePoint visible_at = {};
    std::optional<TimePoint> sent_at = {};
    std::string group_id = {};
  };
  // Ignored below the floor that clear() left: it was purged before it was published.
  void add(const Added& message, TimePoint now);
  // At start-up, in ascending order. `delay`: a FIFO queue's.
  void restore(Sequence sequence, const MessageState& state, Millis delay, TimePoint now);

  // Makes receivable what is due. Returns how many messages became so.
  size_t advance(TimePoint now);
  // When advance() has something to do; nullopt: nothing is delayed or in flight.
  std::optional<TimePoint> next_due();

  struct TakeOptions {
    size_t count = 1;
    TimePoint now;
    TimePoint visible_at;       // until when they are in flight
    TimePoint sent_after = {};  // older ones have expired
    uint32_t receives_max = 0;  // received that often: dead; 0: never
    std::function<uint32_t()> nonce;
  };
  struct Taken {
    std::vector<Sequence> received;  // in flight now
    std::vector<Sequence> dead;      // busy now: the caller moves them and calls remove()
    std::vector<Sequence> expired;   // gone from memory: the caller erases them
  };
  Taken take(const TakeOptions& options);
  // Pops messages for a move task; they are busy.
  std::vector<Sequence> take_to_move(size_t count, TimePoint now);
  // Pops at most `count` messages sent before `sent_after`; they are gone from memory.
  std::vector<Sequence> take_expired(size_t count, TimePoint sent_after);

  enum class Place : uint8_t { kWaiting, kInFlight, kBusy };
  struct Flight {
    TimePoint visible_at;
    TimePoint first_received_at;
    Group* group = nullptr;
    uint32_t receives = 0;
    uint32_t nonce = 0;
    Place place = Place::kInFlight;
  };
  // A message that was received or is busy; null for others.
  const Flight* find(Sequence sequence) const;
  // What is persisted of such a message. CHECKs that find() knows it.
  MessageState state_of(Sequence sequence) const;
  // Makes a message that find() knows busy. Nothing when it is.
  void detach(Sequence sequence);
  // A busy message is in flight until `visible_at`; receivable at once when that is not after
  // `now`. Nothing when it is gone or no longer busy.
  void reattach(Sequence sequence, TimePoint visible_at, TimePoint now);
  // A busy message can be received again at once.
  void release(Sequence sequence);
  // take() did not become durable: as if it had not been.
  void untake(Sequence sequence);
  // Deleted or moved: forgets what find() knows, if it does.
  void remove(Sequence sequence);
  // Purged: forgets everything; messages that are sent but not yet added are ignored later.
  void clear();
  // FIFO: the queue's delay has changed; it counts for the messages that are still delayed.
  void redelay(Millis delay);

  TimePoint sent_at(Sequence sequence) const;
  bool can_take() const { return ready_->can_pop(); }
  size_t waiting() const { return ready_->size(); }
  size_t delayed() const { return delayed_.size(); }
  size_t in_flight() const { return in_flight_; }
  QueueKind kind() const { return kind_; }

 private:
  struct Due {
    TimePoint at;
    Sequence sequence;
    Group* group = nullptr;
    auto operator<=>(const Due& other) const {
      return std::pair(at, sequence) <=> std::pair(other.at, other.sequence);
    }
    bool operator==(const Due& other) const { return sequence == other.sequence; }
  };
  using Heap = std::vector<Due>;  // earliest on top

  void push_due(Heap& heap, Due due);
  Due pop_due(Heap& heap);
  bool is_current(const Due& due) const;
  void compact();
  void drop_popped(const Ready::Popped& popped);
  void land(Sequence sequence, Flight& flight);
  void hold(Sequence sequence, Flight& flight, TimePoint visible_at, TimePoint now);

  QueueKind kind_;
  std::unique_ptr<Ready> ready_;
  Heap delayed_;
  Heap flying_;  // by visible_at; holds stale entries, is_current() tells
  std::unordered_map<Sequence, Flight> flights_;
  std::unordered_map<Sequence, TimePoint> aged_;  // sent_at where it is not the sequence's
  size_t in_flight_ = 0;
  Sequence last_;
  Sequence floor_;
};

}  // namespace suiro::sqs
