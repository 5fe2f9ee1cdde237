// SPDX-License-Identifier: Apache-2.0
// Ready: the messages of one queue that can be received now, and in which order they go out.
//
// A standard queue hands out new messages in the order of their arrival, and takes turns with those
// that came back (so that a message that fails again and again neither waits behind a million
// others nor keeps them from being read). A FIFO queue hands out the group whose oldest message is
// oldest; the group is locked until nothing of it is in flight.
//
// Invariants:
//  1. 8 bytes a message, plus one Group a message group that has messages.
//  2. FIFO: pop() never gives a message while an older one of its group waits, is delayed or is in
//     flight, except within one batch (begin() .. end()).
//  3. Every operation is O(log n) or better.
//
// Thread: the queue's owner shard. No I/O, no clock.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/sqs/message.h"

namespace suiro::sqs {

// A message group of a FIFO queue.
struct Group {
  std::string name;
  std::vector<Sequence> waiting;  // ascending from `head`
  size_t head = 0;
  uint32_t in_flight = 0;  // popped and neither given back nor removed
  uint32_t members = 0;    // waiting, in flight and delayed
  bool empty() const { return head == waiting.size(); }
  Sequence front() const { return waiting[head]; }
};

class Ready {
 public:
  struct Popped {
    Sequence sequence;
    Group* group = nullptr;
  };
  virtual ~Ready() = default;

  // The group that a message of this name belongs to, counted as a member; null in standard queues.
  virtual Group* join(const std::string& group_id) = 0;
  // A popped member is gone for good (deleted, expired, moved).
  virtual void leave(Group* group) = 0;

  // A message can be received for the first time.
  virtual void add(Sequence sequence, Group* group) = 0;
  // A popped message can be received again.
  virtual void give_back(Sequence sequence, Group* group) = 0;
  // A message that came back and waits is popped, whatever its turn.
  virtual void pop_this(Sequence sequence, Group* group) = 0;

  // One batch: begin(), pop() any number of times, end().
  virtual void begin() = 0;
  virtual std::optional<Popped> pop() = 0;
  // No more of the group of the last pop() in this batch.
  virtual void close_group() = 0;
  virtual void end() = 0;

  // The message that has waited longest, for expiry; nullopt: none.
  virtual std::optional<Sequence> oldest() const = 0;
  // Takes it: as pop() does.
  virtual std::optional<Popped> pop_oldest() = 0;

  virtual size_t size() const = 0;
  // Whether pop() would give one (FIFO: messages may wait in locked groups).
  virtual bool can_pop() const = 0;
  // FIFO: locked or not, members are dropped too.
  virtual void clear() = 0;
};

class StandardReady final : public Ready {
 public:
  Group* join(const std::string&) override { return nullptr; }
  void leave(Group*) override {}
  void add(Sequence sequence, Group*) override { fresh_.push_back(sequence); }
  void give_back(Sequence sequence, Group*) override { returned_.insert(sequence); }
  void pop_this(Sequence sequence, Group*) override { returned_.erase(sequence); }
  void begin() override {}
  std::optional<Popped> pop() override;
  void close_group() override {}
  void end() override {}
  std::optional<Sequence> oldest() const override;
  std::optional<Popped> pop_oldest() override;
  size_t size() const override { return fresh_.size() + returned_.size(); }
  bool can_pop() const override { return size() > 0; }
  void clear() override;

 private:
  Sequence pop_fresh();
  Sequence pop_returned();

  std::deque<Sequence> fresh_;
  std::set<Sequence> returned_;
  bool returned_turn_ = true;
};

class FifoReady final : public Ready {
 public:
  Group* join(const std::string& group_id) override;
  void leave(Group* group) override;
  void add(Sequence sequence, Group* group) override;
  void give_back(Sequence sequence, Group* group) override;
  void pop_this(Sequence sequence, Group* group) override;
  void begin() override {}
  std::optional<Popped> pop() override;
  void close_group() override;
  void end() override { close_group(); }
  std::optional<Sequence> oldest() const override;
  std::optional<Popped> pop_oldest() override;
  size_t size() const override { return size_; }
  bool can_pop() const override { return !unlocked_.empty(); }
  void clear() override;

 private:
  void list(Group* group);
  void unlist(Group* group);
  void insert(Sequence sequence, Group* group);
  Popped take_front(Group* group);

  std::unordered_map<std::string, std::unique_ptr<Group>> groups_;
  std::set<std::pair<Sequence, Group*>> unlocked_;  // by their oldest message; nothing in flight
  Group* open_ = nullptr;                           // the group of the current batch
  size_t size_ = 0;
};

}  // namespace suiro::sqs
