// SPDX-License-Identifier: Apache-2.0
// RevokedKeys: the keys of sessions that ended early, by lower-case id, until when each must be
// remembered. A change copies one bucket and shares the others, so that the end of a task costs the
// same whether a hundred or kRevokedMax keys are remembered.
// Thread: immutable once published; any.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/shard.h"

namespace suiro::iam {

class RevokedKeys {
 public:
  bool contains(std::string_view id) const {
    const auto& bucket = buckets_[index_of(id)];
    return bucket && bucket->contains(id);
  }
  size_t size() const { return size_; }
  // Adds a key, or moves its end. The ids of its bucket whose end is past: they are forgotten.
  std::vector<std::string> add(std::string id, TimePoint until, TimePoint now) {
    auto& bucket = buckets_[index_of(id)];
    auto next = bucket ? std::make_shared<Bucket>(*bucket) : std::make_shared<Bucket>();
    size_ -= next->size();
    std::vector<std::string> forgotten;
    std::erase_if(*next, [&](const auto& entry) {
      if (entry.second > now) return false;
      forgotten.push_back(entry.first);
      return true;
    });
    (*next)[std::move(id)] = until;
    size_ += next->size();
    bucket = std::move(next);
    return forgotten;
  }

 private:
  static constexpr size_t kBuckets = 256;
  using Bucket = std::map<std::string, TimePoint, std::less<>>;
  static size_t index_of(std::string_view id) { return stable_hash(id) % kBuckets; }

  std::array<std::shared_ptr<const Bucket>, kBuckets> buckets_;
  size_t size_ = 0;
};

}  // namespace suiro::iam
