// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/ready.h"

#include "base/check.h"

namespace suiro::sqs {

// --- StandardReady
// ---------------------------------------------------------------------------------

Sequence StandardReady::pop_fresh() {
  Sequence sequence = fresh_.front();
  fresh_.pop_front();
  return sequence;
}

Sequence StandardReady::pop_returned() {
  return returned_.extract(returned_.begin()).value();
}

std::optional<Ready::Popped> StandardReady::pop() {
  if (size() == 0) return std::nullopt;
  bool take_returned = !returned_.empty() && (returned_turn_ || fresh_.empty());
  returned_turn_ = !take_returned;
  return Popped{take_returned ? pop_returned() : pop_fresh()};
}

std::optional<Sequence> StandardReady::oldest() const {
  if (size() == 0) return std::nullopt;
  if (fresh_.empty()) return *returned_.begin();
  if (returned_.empty()) return fresh_.front();
  return std::min(*returned_.begin(), fresh_.front());
}

std::optional<Ready::Popped> StandardReady::pop_oldest() {
  if (size() == 0) return std::nullopt;
  bool from_returned =
      fresh_.empty() || (!returned_.empty() && *returned_.begin() < fresh_.front());
  return Popped{from_returned ? pop_returned() : pop_fresh()};
}

void StandardReady::clear() {
  fresh_.clear();
  fresh_.shrink_to_fit();
  returned_.clear();
}

// --- FifoReady
// -------------------------------------------------------------------------------------

Group* FifoReady::join(const std::string& group_id) {
  std::unique_ptr<Group>& group = groups_[group_id];
  if (!group) {
    group = std::make_unique<Group>();
    group->name = group_id;
  }
  ++group->members;
  return group.get();
}

void FifoReady::leave(Group* group) {
  CHECK(group->members > 0 && group->in_flight > 0);
  --group->members;
  --group->in_flight;
  if (group->in_flight == 0 && group != open_) list(group);
  if (group->members > 0) return;
  if (open_ == group) open_ = nullptr;
  groups_.erase(std::string(group->name));
}

void FifoReady::list(Group* group) {
  if (!group->empty()) unlocked_.emplace(group->front(), group);
}

void FifoReady::unlist(Group* group) {
  if (!group->empty()) unlocked_.erase({group->front(), group});
}

void FifoReady::insert(Sequence sequence, Group* group) {
  auto begin = group->waiting.begin() + static_cast<ptrdiff_t>(group->head);
  if (group->empty() || group->waiting.back() < sequence) {
    group->waiting.push_back(sequence);
  } else if (group->head > 0 && sequence < group->front()) {
    group->waiting[--group->head] = sequence;
  } else {
    group->waiting.insert(std::lower_bound(begin, group->waiting.end(), sequence), sequence);
  }
  ++size_;
}

void FifoReady::add(Sequence sequence, Group* group) {
  bool unlocked = group->in_flight == 0 && group != open_;
  if (unlocked) unlist(group);
  insert(sequence, group);
  if (unlocked) list(group);
}

void FifoReady::give_back(Sequence sequence, Group* group) {
  CHECK(group->in_flight > 0);
  if (group == open_) open_ = nullptr;
  --group->in_flight;
  insert(sequence, group);
  if (group->in_flight == 0) list(group);
}

void FifoReady::pop_this(Sequence sequence, Group* group) {
  if (group->in_flight == 0) unlist(group);
  auto begin = group->waiting.begin() + static_cast<ptrdiff_t>(group->head);
  auto place = std::lower_bound(begin, group->waiting.end(), sequence);
  CHECK(place != group->waiting.end() && *place == sequence);
  group->waiting.erase(place);
  --size_;
  ++group->in_flight;
}

Ready::Popped FifoReady::take_front(Group* group) {
  constexpr size_t kCompactAt = 64;
  Sequence sequence = group->waiting[group->head++];
  if (group->head >= kCompactAt && group->head * 2 >= group->waiting.size()) {
    group->waiting.erase(group->waiting.begin(),
                         group->waiting.begin() + static_cast<ptrdiff_t>(group->head));
    group->head = 0;
  }
  ++group->in_flight;
  --size_;
  return {sequence, group};
}

std::optional<Ready::Popped> FifoReady::pop() {
  if (open_ == nullptr || open_->empty()) {
    close_group();
    if (unlocked_.empty()) return std::nullopt;
    open_ = unlocked_.begin()->second;
    unlocked_.erase(unlocked_.begin());
  }
  return take_front(open_);
}

void FifoReady::close_group() {
  if (open_ != nullptr && open_->in_flight == 0) list(open_);
  open_ = nullptr;
}

std::optional<Sequence> FifoReady::oldest() const {
  if (unlocked_.empty()) return std::nullopt;
  return unlocked_.begin()->first;
}

std::optional<Ready::Popped> FifoReady::pop_oldest() {
  if (unlocked_.empty()) return std::nullopt;
  Group* group = unlocked_.begin()->second;
  unlocked_.erase(unlocked_.begin());
  return take_front(group);
}

void FifoReady::clear() {
  unlocked_.clear();
  groups_.clear();
  open_ = nullptr;
  size_ = 0;
}

}  // namespace suiro::sqs
