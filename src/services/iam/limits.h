// SPDX-License-Identifier: Apache-2.0
// Quotas of IAM, as AWS has them by default (IAM User Guide, "IAM and AWS STS quotas").
#pragma once

#include <cstddef>
#include <cstdint>

namespace suiro::iam {

inline constexpr size_t kRolesMax = 1'000;
inline constexpr size_t kUsersMax = 5'000;
inline constexpr size_t kGroupsMax = 300;
inline constexpr size_t kPoliciesMax = 1'500;
inline constexpr size_t kInstanceProfilesMax = 1'000;
inline constexpr size_t kPolicyVersionsMax = 5;
inline constexpr size_t kAttachedMax = 10;  // managed policies of one user, role or group
inline constexpr size_t kAccessKeysMax = 2;
inline constexpr size_t kGroupsOfUserMax = 10;
inline constexpr size_t kTagsMax = 50;
// Characters without white space.
inline constexpr size_t kManagedPolicyCharsMax = 6'144;
inline constexpr size_t kTrustPolicyCharsMax = 2'048;
inline constexpr size_t kUserInlineCharsMax = 2'048;
inline constexpr size_t kGroupInlineCharsMax = 5'120;
inline constexpr size_t kRoleInlineCharsMax = 10'240;

// Names of deleted roles that are remembered. At the limit no further role can be deleted: a name
// that is forgotten would be free again.
inline constexpr size_t kDeletedRolesMax = 100'000;
// Keys of sessions that ended early, remembered for 12 hours each: four tasks with a role that end
// each second. Beyond it a key lives to its end, and the log says so.
inline constexpr size_t kRevokedMax = 200'000;

inline constexpr int32_t kSessionSecondsDefault = 3'600;
inline constexpr size_t kListDefault = 100;
inline constexpr size_t kSimulationsMax = 1'000;  // results of one simulation

}  // namespace suiro::iam
