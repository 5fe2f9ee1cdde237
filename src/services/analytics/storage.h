// SPDX-License-Identifier: Apache-2.0
// Keys and batches of the analytics service.
//
// Invariants:
//  1. Every change of an application requires the version of its record, so that changes are
//     serial.
//  2. What belongs to an application (versions, operations, its run) stands under its id: one that
//     is made again under its old name does not see it.
// Threads: any. Bytes on disk: docs/formats/analytics.md.
#pragma once

#include <optional>

#include "kernel/store/store.h"
#include "services/analytics/types.h"

namespace suiro::analytics {

struct Found {
  Application record;
  store::Version version;  // 0: not there yet
};

class Storage {
 public:
  explicit Storage(store::Store& store) : store_(store) {}

  Task<Result<std::optional<Found>>> application(std::string name);
  struct Page {
    std::vector<Found> rows;
    bool more = false;
  };
  // By name, beyond `after`.
  Task<Result<Page>> applications(std::string after, size_t rows_max);

  Task<Result<std::optional<VersionRecord>>> version(ApplicationId id, uint64_t number);
  // Newest first, older than `before` (0: from the newest).
  Task<Result<std::vector<VersionRecord>>> versions(ApplicationId id, uint64_t before,
                                                    size_t rows_max);
  Task<Result<std::vector<Operation>>> operations(ApplicationId id);

  // Requires the record's version.
  static void put(store::Batch& batch, const Found& application);
  static void put_version(store::Batch& batch, const Application& application);
  static void put_operation(store::Batch& batch, ApplicationId id, uint64_t number,
                            const Operation& operation);
  // The application and all that stands under its id.
  static void erase(store::Batch& batch, const Found& application);

  // Keys of a run (run_storage.h).
  static store::Key run_key(ApplicationId id);
  static store::Key log_prefix(ApplicationId id);
  static store::Key delivered_prefix(ApplicationId id);

 private:
  store::Store& store_;
};

}  // namespace suiro::analytics
