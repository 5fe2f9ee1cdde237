// SPDX-License-Identifier: Apache-2.0
// Plans: what applying a document would change on a running server, and applying it.
//
// The server keeps what each definition applied last (the record): it tells which resources the
// definition made, so that what a file no longer has can be removed, and nothing else: what was
// there before it was named in a file, or what another definition made, is never removed.
//
// Invariants:
//  1. make_plan() changes nothing.
//  2. apply() writes the record before it makes a resource and after it removed one: a resource
//  that
//     a definition made is always in its record.
// Thread: one.
#pragma once

#include "engine/definition/handler.h"

namespace suiro::definition {

// kLeave: no longer in the file, and stays.
enum class Action { kKeep, kCreate, kUpdate, kRemove, kLeave };

struct Recorded {
  Resource resource;
  Origin origin = Origin::kFound;
};

struct FieldChange {
  std::string name;
  json::value before;  // null: had none
  json::value after;   // null: will have none
};

struct Change {
  Action action = Action::kKeep;
  Resource resource;    // as the file says; of the record where it is removed
  json::object actual;  // what runs; empty: nothing
  std::vector<FieldChange> fields;
  Origin origin = Origin::kFound;  // of what is removed or left
};

struct Plan {
  std::string name;
  std::vector<Change> changes;  // in the order of the document, then what the file no longer has
  std::vector<Recorded> record;
  bool empty() const;  // nothing would be made, changed or removed
};

// kPrune: what the record has and the document has not is removed; otherwise it is told (kLeave).
enum class Prune { kNo, kYes };

// Errors: those of reading; kInvalidArgument where a field cannot change while the resource lives.
Result<Plan> make_plan(const Context& context, const Document& document, Prune prune);

// Told of each change before it is made.
using Progress = std::function<void(size_t number, size_t of, const Change& change)>;
// Errors: the first that an operation gave; what was done before it stays.
Result<void> apply(const Context& context, const Plan& plan, const Progress& progress);

// Suiro's own operations that keep the record (model/suiro.json).
Result<std::vector<Recorded>> read_record(const Calls& calls, const std::string& name);

}  // namespace suiro::definition
