// SPDX-License-Identifier: Apache-2.0
// The rules of SQL applications, for both APIs. No wire, no keys. Errors carry the codes of the
// Kinesis Data Analytics API References (versions 1 and 2).
//
//               create                start                  (runner up)
//      (none) ─────────► READY ───────────────► STARTING ───────────────► RUNNING ─┐ change
//                        ▲   ▲ ◄─── (stopped) ─ STOPPING ◄─────── stop ──── │  ▲   ▼
//         change ────────┘   └───────────────── (start failed) ◄── STARTING │  └ UPDATING
//      delete: READY, RUNNING ─► DELETING ─► (none)
//
// Invariants:
//  1. Changes of one application run on the shard that owns its name, and commit against the
//  version
//     of its record: of two at once one begins again, at most kCommitAttemptsMax times.
//  2. STARTING, STOPPING, UPDATING and DELETING end by themselves, after a restart too: start()
//     resumes what they stand for.
#pragma once

#include <functional>

#include "kernel/event/kernel.h"
#include "services/analytics/compiler.h"
#include "services/analytics/config.h"
#include "services/analytics/errors.h"
#include "services/analytics/storage.h"

namespace suiro::analytics {

inline constexpr int kCommitAttemptsMax = 8;

class Runners;

// What a change must know of the application as it was: one of the two (version 2 of the API).
struct Guard {
  std::optional<uint64_t> version;
  std::optional<std::string> token;
};

struct Definition {
  std::string name;
  std::string description;
  Configuration configuration;  // ids are given here
  std::map<std::string, std::string> tags;
};

// What came of a change.
struct Changed {
  Application application;
  std::string operation_id;
};

class Logic {
 public:
  Logic(event::Kernel& kernel, const Config& config);
  ~Logic();

  // Resumes what runs, or was about to.
  Task<Result<void>> start();
  Task<void> stop();

  std::string arn_of(std::string_view name) const;
  // Errors: ResourceNotFoundException for another service's or account's.
  Result<std::string> name_of_arn(std::string_view arn) const;

  Task<Result<Application>> create(Definition definition);
  Task<Result<Application>> describe(std::string name);
  struct Listing {
    std::vector<Application> rows;
    bool more = false;
  };
  Task<Result<Listing>> list(std::string after, size_t rows_max);
  // `created` is compared by the second, as the wire carries it.
  Task<Result<void>> remove(std::string name, TimePoint created);

  // Changes the configuration: a new version. `edit` may run more than once; it is given the
  // configuration, and what makes ids for what it adds.
  using NewId = std::function<std::string()>;
  using Edit = std::function<Result<void>(Configuration&, const NewId&)>;
  Task<Result<Changed>> change(std::string name, Guard guard, std::string operation, Edit edit);

  // Where to begin with an input, by the input's id.
  using Positions = std::map<std::string, StartAt>;
  Task<Result<Changed>> start_application(std::string name, Positions positions);
  Task<Result<Changed>> stop_application(std::string name);

  Task<Result<std::optional<VersionRecord>>> version(const Application& application,
                                                     uint64_t number);
  Task<Result<std::vector<VersionRecord>>> versions(const Application& application, uint64_t before,
                                                    size_t rows_max);
  Task<Result<std::vector<Operation>>> operations(const Application& application);

  Task<Result<void>> tag(std::string name, std::map<std::string, std::string> added,
                         std::vector<std::string> removed);

  const Compiler& compiler() const { return compiler_; }
  event::Kernel& kernel() { return kernel_; }

 private:
  template <class Attempt>
  auto settle(std::string name, Attempt attempt) -> decltype(attempt());
  Task<Result<Found>> existing(std::string name);
  Task<Result<void>> commit(store::Batch batch);

  Task<Result<Application>> try_create(Definition definition);
  Task<Result<Application>> try_remove(std::string name, TimePoint created);
  Task<Result<Changed>> try_change(std::string name, Guard guard, std::string operation,
                                   const Edit& edit);
  Task<Result<Changed>> try_start(std::string name, const Positions& positions);
  Task<Result<Changed>> try_stop(std::string name);
  Task<Result<void>> try_tag(std::string name, const std::map<std::string, std::string>& added,
                             const std::vector<std::string>& removed);
  // Of a start: whatever the program reads and writes is there.
  Task<Result<void>> check_resources(const Configuration& configuration);
  Result<void> check_guard(const Application& application, const Guard& guard) const;
  // Commits the new status, and the operation that is in progress until another one ends it.
  Task<Result<Changed>> begin(Found found, std::string kind);
  void begin_operation(store::Batch& batch, Application& application, Operation operation) const;

  // The further life of a status that ends by itself, on the owner's shard.
  void follow(Application application);
  Task<void> carry_on(Application application);
  Task<Result<void>> finish(std::string name, ApplicationId id, Status reached, Error failure);
  Task<Result<void>> try_finish(std::string name, ApplicationId id, Status reached,
                                const Error& failure);
  Task<Result<void>> try_erase(std::string name, ApplicationId id);

  event::Kernel& kernel_;
  const Config& config_;
  Storage storage_;
  Compiler compiler_;
  std::unique_ptr<Runners> runners_;
  std::vector<std::unique_ptr<TaskScope>> scopes_;  // one a shard
};

template <class Attempt>
auto Logic::settle(std::string name, Attempt attempt) -> decltype(attempt()) {
  for (int i = 1; i < kCommitAttemptsMax; ++i) {
    auto result = co_await attempt();
    if (result || result.error().code != codes::kConditionFailed) co_return result;
  }
  auto last = co_await attempt();
  if (!last && last.error().code == codes::kConditionFailed) {
    co_return fail("ConcurrentModificationException",
                   fmt::format("Application {} is being changed by others", name), Retry::kLater);
  }
  co_return last;
}

}  // namespace suiro::analytics
