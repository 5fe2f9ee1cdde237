// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/definitions.h"

#include "services/ecs/errors.h"
#include "services/ecs/storage.h"
#include "services/ecs/tags.h"
#include "services/ecs/validate.h"

namespace suiro::ecs {

Task<Result<Definition>> Definitions::add(shape::RegisterTaskDefinitionRequest request,
                                          std::string caller) {
  CO_TRY_VOID(validate(request));
  CO_TRY_VOID(check_tags(request.tags.value_or(Tags())));
  co_return co_await run_on(context_.executor,
                            [&] { return add_in_turn(std::move(request), std::move(caller)); });
}

Task<Result<Definition>> Definitions::add_in_turn(shape::RegisterTaskDefinitionRequest request,
                                                  std::string caller) {
  std::string family = request.family;
  std::string name = "family:" + family;
  co_await context_.turns.take(name);
  Turn turn(context_.turns, name);
  CO_TRY(auto row, co_await context_.kernel.store.get(storage::family_key(family)));
  uint32_t revision = 1;
  if (row) {
    CO_TRY(uint32_t last, storage::decode_revision(row->value));
    revision = last + 1;
  }
  Definition definition;
  definition.tags = request.tags.value_or(Tags());
  definition.shape = definition_of(std::move(request));
  definition.shape.revision = static_cast<int32_t>(revision);
  definition.shape.task_definition_arn = context_.definition_arn(family, revision);
  definition.shape.registered_at = context_.kernel.clock.now();
  definition.shape.registered_by = std::move(caller);
  store::Batch batch;
  batch.require_version(storage::family_key(family), row ? row->version : store::Version());
  batch.put(storage::family_key(family), storage::encode_revision(revision));
  batch.put(storage::definition_key(family, revision), storage::encode(definition));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  co_return definition;
}

Task<Result<std::optional<Definition>>> Definitions::read(std::string family, uint32_t revision) {
  CO_TRY(auto row, co_await context_.kernel.store.get(storage::definition_key(family, revision)));
  if (!row) co_return std::nullopt;
  CO_TRY(Definition definition, storage::decode_definition(row->value));
  co_return definition;
}

Task<Result<std::optional<Definition>>> Definitions::latest_active(std::string family) {
  store::KeyRange range = storage::definitions(family);
  for (;;) {
    CO_TRY(auto page,
           co_await context_.kernel.store.scan(
               {.range = range, .rows_max = 8, .direction = store::Direction::kBackward}));
    for (const auto& entry : page.entries) {
      CO_TRY(Definition definition, storage::decode_definition(entry.value));
      if (definition.shape.status == "ACTIVE") co_return definition;
    }
    if (!page.more) co_return std::nullopt;
    range.end = page.entries.back().key;
  }
}

Task<Result<DefinitionPtr>> Definitions::find(std::string name) {
  CO_TRY(DefinitionRef ref, definition_ref(name));
  std::optional<Definition> found;
  if (ref.revision) {
    CO_TRY(found, co_await read(ref.family, *ref.revision));
  } else {
    CO_TRY(found, co_await latest_active(ref.family));
  }
  if (!found) co_return no_such_definition();
  co_return std::make_shared<const Definition>(*std::move(found));
}

Task<Result<DefinitionPtr>> Definitions::find_to_run(std::string name) {
  auto found = co_await find(std::move(name));
  if (!found && found.error().code == kClient) {
    co_return client_error("TaskDefinition not found.");
  }
  if (!found) co_return found;
  if ((*found)->shape.status != "ACTIVE") co_return client_error("TaskDefinition is inactive");
  co_return found;
}

// `edit`: Result<void>(Definition&).
template <class Edit>
Task<Result<Definition>> Definitions::edit(std::string name, Edit edit) {
  CO_TRY(DefinitionRef ref, definition_ref(name));
  std::string turn_name = "family:" + ref.family;
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  if (!ref.revision) co_return client_error("Revision is missing. Task definition names need one.");
  CO_TRY(auto found, co_await read(ref.family, *ref.revision));
  if (!found) co_return client_error("The specified task definition does not exist.");
  CO_TRY_VOID(edit(*found));
  store::Batch batch;
  batch.put(storage::definition_key(ref.family, *ref.revision), storage::encode(*found));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  co_return *std::move(found);
}

Task<Result<Definition>> Definitions::deregister(std::string name) {
  TimePoint now = context_.kernel.clock.now();
  co_return co_await run_on(context_.executor, [&] {
    return edit(std::move(name), [now](Definition& definition) -> Result<void> {
      if (definition.shape.status == "INACTIVE") return ok();
      if (definition.shape.status != "ACTIVE") {
        return client_error("The specified task definition is being deleted.");
      }
      definition.shape.status = "INACTIVE";
      definition.shape.deregistered_at = now;
      return ok();
    });
  });
}

Task<Result<Definition>> Definitions::remove(std::string name) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<Definition>> {
    CO_TRY(DefinitionRef ref, definition_ref(name));
    std::string turn_name = "family:" + ref.family;
    co_await context_.turns.take(turn_name);
    Turn turn(context_.turns, turn_name);
    if (!ref.revision) co_return client_error("Revision is missing.");
    CO_TRY(auto found, co_await read(ref.family, *ref.revision));
    if (!found) co_return client_error("The specified task definition does not exist.");
    if (found->shape.status == "ACTIVE") {
      co_return client_error(
          "The specified task definition is still in ACTIVE status. Please deregister the target "
          "and try again.");
    }
    found->shape.status = "DELETE_IN_PROGRESS";
    found->shape.delete_requested_at = context_.kernel.clock.now();
    store::Batch batch;
    batch.erase(storage::definition_key(ref.family, *ref.revision));
    CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
    co_return *std::move(found);
  });
}

Task<Result<void>> Definitions::tag(std::string arn, Tags tags, std::vector<std::string> removed) {
  auto done = co_await run_on(context_.executor, [&] {
    return edit(std::move(arn), [&](Definition& definition) {
      return change_tags(definition.tags, tags, removed);
    });
  });
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

Task<Result<Definitions::ListAnswer>> Definitions::list(ListQuery query) {
  store::KeyRange range =
      query.family.empty() ? storage::definitions() : storage::definitions(query.family);
  bool forward = query.direction == store::Direction::kForward;
  if (!query.after.empty()) {
    CO_TRY(DefinitionRef ref, definition_ref(query.after));
    store::Key key = storage::definition_key(ref.family, ref.revision.value_or(0));
    if (forward) {
      range.begin = key + '\0';
    } else {
      range.end = key;
    }
  }
  ListAnswer answer;
  for (;;) {
    CO_TRY(auto page, co_await context_.kernel.store.scan(
                          {.range = range, .rows_max = kScanRows, .direction = query.direction}));
    for (const auto& entry : page.entries) {
      CO_TRY(Definition definition, storage::decode_definition(entry.value));
      if (definition.shape.status != query.status) continue;
      if (answer.names.size() == query.rows_max) {
        answer.more = true;
        co_return answer;
      }
      answer.names.push_back(fmt::format("{}:{}", definition.shape.family.value_or(""),
                                         definition.shape.revision.value_or(0)));
    }
    if (!page.more) co_return answer;
    if (forward) {
      range.begin = page.entries.back().key + '\0';
    } else {
      range.end = page.entries.back().key;
    }
  }
}

Task<Result<Definitions::ListAnswer>> Definitions::families(FamilyQuery query) {
  store::KeyRange range = storage::families(query.prefix);
  if (!query.after.empty()) range.begin = storage::family_key(query.after) + '\0';
  ListAnswer answer;
  for (;;) {
    CO_TRY(auto page, co_await context_.kernel.store.scan({.range = range, .rows_max = kScanRows}));
    for (const auto& entry : page.entries) {
      std::string family = storage::name_of(entry.key);
      CO_TRY(auto active, co_await latest_active(family));
      if (query.status == "ACTIVE" && !active) continue;
      if (query.status == "INACTIVE" && active) continue;
      if (!active) {
        // A family whose revisions were all deleted keeps its number alone.
        CO_TRY(auto any, co_await context_.kernel.store.scan(
                             {.range = storage::definitions(family), .rows_max = 1}));
        if (any.entries.empty()) continue;
      }
      if (answer.names.size() == query.rows_max) {
        answer.more = true;
        co_return answer;
      }
      answer.names.push_back(std::move(family));
    }
    if (!page.more) co_return answer;
    range.begin = page.entries.back().key + '\0';
  }
}

}  // namespace suiro::ecs
