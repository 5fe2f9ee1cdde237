// SPDX-License-Identifier: Apache-2.0
// Settings: a queue's attributes, checked and in the form that logic uses.
//
// Invariants:
//  1. Attributes are kept as the client wrote them (RedrivePolicy byte for byte); Settings is
//  derived
//     from them and never stored.
//  2. An attribute whose effect Suiro does not have is refused, not ignored: encryption with a KMS
//  key
//     or with SQS's own keys.
//
// Thread: values. Source: API Reference, SetQueueAttributes and CreateQueue.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/arn.h"
#include "base/clock.h"
#include "engine/policy/policy.h"
#include "services/sqs/index.h"

namespace suiro::sqs {

using Attributes = std::map<std::string, std::string>;

inline constexpr size_t kQueueNameLengthMax = 80;
inline constexpr uint32_t kReceivesMax = 1000;
inline constexpr size_t kRedriveSourcesMax = 10;

struct RedrivePolicy {
  Arn target;
  uint32_t receives_max = 0;
};

struct RedriveAllowPolicy {
  enum class Permission : uint8_t { kAll, kNone, kByQueue } permission = Permission::kAll;
  std::vector<std::string> sources;
  bool allows(std::string_view source_arn) const;
};

struct Settings {
  QueueKind kind = QueueKind::kStandard;
  Millis delay{0};
  Millis retention{0};
  Millis receive_wait{0};
  Millis visibility{0};
  size_t message_bytes_max = 0;
  bool content_deduplication = false;
  enum class Scope : uint8_t { kQueue, kGroup } deduplication_scope = Scope::kQueue;
  std::optional<RedrivePolicy> redrive;
  RedriveAllowPolicy redrive_allow;
  std::optional<policy::Policy> policy;
  // The stored policy does not parse (another version wrote it): nobody but the owner is let in.
  bool policy_unreadable = false;
};

// Letters, digits, '-' and '_', at most 80; FIFO queues end in ".fifo". Errors:
// InvalidParameterValue.
Result<QueueKind> check_queue_name(std::string_view name);

// Checks what a client sets; `before` are the attributes that the queue has. Returns what it has
// then (an empty Policy, RedrivePolicy, RedriveAllowPolicy or KmsMasterKeyId takes the attribute
// away). Errors: InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue,
// UnsupportedOperation.
enum class When : uint8_t { kCreate, kSet };
Result<Attributes> changed_attributes(Attributes before, const Attributes& changes, QueueKind kind,
                                      When when);

// `attributes` were checked.
Settings settings_of(const Attributes& attributes, QueueKind kind);

// The settable attributes with their defaults filled in, as GetQueueAttributes shows them.
Attributes shown_attributes(const Attributes& attributes, QueueKind kind);

// Every name that GetQueueAttributes knows, "All" too.
bool is_known_attribute(std::string_view name);

}  // namespace suiro::sqs
