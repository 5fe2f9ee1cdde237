// SPDX-License-Identifier: Apache-2.0
// Limits of the tasks service. Those of AWS: "Amazon ECS service quotas", Amazon ECS Developer
// Guide.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace suiro::ecs {

// AWS's.
inline constexpr size_t kContainersMax = 10;      // of a task definition
inline constexpr int32_t kRunCountMax = 10;       // tasks of one RunTask
inline constexpr size_t kDescribeTasksMax = 100;  // names in one DescribeTasks
inline constexpr size_t kDescribeServicesMax = 10;
inline constexpr size_t kDescribeClustersMax = 100;
inline constexpr size_t kDeleteDefinitionsMax = 10;
inline constexpr size_t kTagsMax = 50;
inline constexpr size_t kListPageMax = 100;
inline constexpr size_t kListServicesDefault = 10;
inline constexpr size_t kOverrideBytesMax = 8192;
inline constexpr size_t kDefinitionBytesMax = 64 << 10;
inline constexpr size_t kEnvironmentFilesMax = 10;
inline constexpr size_t kTokenBytesMax = 64;         // of a client token of RunTask
inline constexpr size_t kServiceTokenBytesMax = 36;  // of CreateService
inline constexpr size_t kServiceEventsMax = 100;
inline constexpr int32_t kDesiredCountMax = 5000;
inline constexpr size_t kStopReasonBytesMax = 1024;
inline constexpr std::chrono::hours kClientTokenLife{24};
inline constexpr uint32_t kMemoryMbMin = 4;

// Suiro's.
inline constexpr size_t kLiveTasksMax = 20'000;  // that wait or run
inline constexpr size_t kClustersMax = 1'000;
inline constexpr size_t kServicesMax = 1'000;
inline constexpr size_t kEnvironmentFileBytesMax = 256 << 10;
inline constexpr size_t kSecretBytesMax = 64 << 10;
inline constexpr size_t kMultilineBytesMax = 256 << 10;
inline constexpr Millis kMultilineWait = std::chrono::seconds(5);
inline constexpr size_t kSweepRows = 500;  // a commit
inline constexpr Millis kSweepInterval = std::chrono::minutes(10);
inline constexpr Millis kCommitRetry{500};
// Between attempts to hand a task to a runner that is busy: twice as long each time.
inline constexpr Millis kLaunchRetryFirst{500};
inline constexpr Millis kLaunchRetryLongest = std::chrono::seconds(2);
inline constexpr Millis kServiceRetryFirst = std::chrono::seconds(1);
inline constexpr Millis kServiceRetryLongest = std::chrono::minutes(5);
inline constexpr Millis kRoleLife = std::chrono::hours(12);
// Keys that live less than this are followed by new ones where they are asked for. SDKs ask again
// some minutes before the end.
inline constexpr Millis kRoleRenewal = std::chrono::hours(6);
// What tasks leave of the machine's memory where the configuration says nothing.
inline constexpr uint32_t kReservePart = 8;
inline constexpr uint32_t kReserveMbMin = 256;
inline constexpr size_t kRoleKeysMax = 16;  // of one task, over restarts
// For the trial of the machine, in which a request to run tasks waits for whether it can.
inline constexpr Millis kProbeWait = std::chrono::seconds(30);
inline constexpr size_t kScanRows = 500;

}  // namespace suiro::ecs
