// SPDX-License-Identifier: Apache-2.0
// ResourcePolicies: the policies of buckets and repositories in memory, by the resource's ARN. The
// services that keep them tell it of every change; what stands before the operations asks it.
//
// Invariants:
//  1. A policy that cannot be read denies everything.
//  2. Who tells of one resource does so in the order of its changes, after they are durable and
//     before they are acknowledged.
// Failure: permit() alone, AccessDenied with AWS's sentence.
// Threads: any; a question takes a shared lock, and none at all while there are no policies.
// Size: as many policies as the services keep, kDocumentBytesMax each.
#pragma once

#include <atomic>
#include <shared_mutex>

#include "base/clock.h"
#include "engine/policy/verdict.h"

namespace suiro::policy {

// "arn:aws:s3:::b" of "arn:aws:s3:::b/key"; any other ARN as it is.
std::string_view policy_holder_of(std::string_view resource);

// What a service does with its own hands, for a configuration that it keeps.
struct ServiceAct {
  std::string service;   // "firehose.amazonaws.com"
  std::string role_arn;  // whose session acts; empty: the service itself
  std::string account;
  std::string action;    // "s3:PutObject"
  std::string resource;  // ARN
  TimePoint now;
};

class ResourcePolicies {
 public:
  void put(const std::string& arn, std::string_view document, Form form);
  // Nothing is known of the resource's policy: it counts as one that cannot be read.
  void put_unreadable(const std::string& arn);
  void erase(const std::string& arn);

  bool any() const { return count_.load(std::memory_order_acquire) != 0; }
  // Of the policy of request.resource, or of the bucket that it is in; kNone without one.
  Ruling rule(const Request& request) const;
  // Refuses what the policy denies; an Allow is not needed. Errors: AccessDenied.
  Result<void> permit(const ServiceAct& act) const;

 private:
  void put(const std::string& arn, PolicyPtr policy);

  mutable std::shared_mutex mutex_;
  std::map<std::string, PolicyPtr, std::less<>> policies_;  // a null pointer: unreadable
  std::atomic<size_t> count_ = 0;                           // of policies_
};

}  // namespace suiro::policy
