// SPDX-License-Identifier: Apache-2.0
// Task definitions: families and their revisions.
//
//   register_() ─► ACTIVE ──deregister()──► INACTIVE ──remove()──► DELETE_IN_PROGRESS, gone
//
// Invariants:
//  1. A revision's number is never used again, also when all revisions of the family are deleted.
//  2. A revision never changes but in its status and tags.
// Thread: any; changes of one family take turns on the service's shard.
// Source of the rules: Amazon ECS API Reference, "RegisterTaskDefinition" and its neighbours.
#pragma once

#include "services/ecs/context.h"
#include "services/ecs/types.h"

namespace suiro::ecs {

class Definitions {
 public:
  explicit Definitions(Context& context) : context_(context) {}

  // Errors: ClientException (validate.h).
  Task<Result<Definition>> add(shape::RegisterTaskDefinitionRequest request, std::string caller);
  // By family (the latest active revision), family:revision or ARN.
  // Errors: ClientException "Unable to describe task definition.".
  Task<Result<DefinitionPtr>> find(std::string name);
  // As find(), for what is about to start. Errors: also ClientException
  // "TaskDefinition is inactive", "TaskDefinition not found.".
  Task<Result<DefinitionPtr>> find_to_run(std::string name);
  Task<Result<Definition>> deregister(std::string name);
  // Errors: ClientException while it is active.
  Task<Result<Definition>> remove(std::string name);
  Task<Result<void>> tag(std::string arn, Tags tags, std::vector<std::string> removed);

  struct ListQuery {
    std::string family;  // empty: all
    std::string status = "ACTIVE";
    store::Direction direction = store::Direction::kForward;
    std::string after;  // "family:revision"
    size_t rows_max = kListPageMax;
  };
  struct ListAnswer {
    std::vector<std::string> names;  // "family:revision", or families
    bool more = false;
  };
  Task<Result<ListAnswer>> list(ListQuery query);
  struct FamilyQuery {
    std::string prefix;
    std::string status = "ACTIVE";  // "ALL", "INACTIVE": families without an active revision
    std::string after;
    size_t rows_max = kListPageMax;
  };
  Task<Result<ListAnswer>> families(FamilyQuery query);

 private:
  Task<Result<Definition>> add_in_turn(shape::RegisterTaskDefinitionRequest request,
                                       std::string caller);
  Task<Result<std::optional<Definition>>> latest_active(std::string family);
  Task<Result<std::optional<Definition>>> read(std::string family, uint32_t revision);
  template <class Edit>
  Task<Result<Definition>> edit(std::string name, Edit edit);

  Context& context_;
};

}  // namespace suiro::ecs
