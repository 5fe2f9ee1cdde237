// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/outputs.h"

#include "base/log.h"
#include "services/ecs/storage.h"

namespace suiro::ecs {
namespace {

std::string turn_name(const std::pair<std::string, std::string>& name) {
  return "output:" + name.first + "/" + name.second;
}

}  // namespace

Task<Result<OutputPosition*>> Outputs::position(Name name) {
  auto found = positions_.find(name);
  if (found != positions_.end()) co_return &found->second;
  CO_TRY(auto row,
         co_await context_.kernel.store.get(storage::output_key(name.first, name.second)));
  OutputPosition read;
  if (row) {
    CO_TRY(read, storage::decode_output(row->value));
  }
  co_return &positions_.try_emplace(std::move(name), std::move(read)).first->second;
}

LogPlan Outputs::plan(const Definition& definition, const Name& name) {
  auto found = plans_.find(name);
  if (found != plans_.end()) return found->second;
  LogPlan made{context_.config.log_group, name.second + "/" + name.first, nullptr};
  if (definition.shape.container_definitions) {
    for (const auto& container : *definition.shape.container_definitions) {
      if (container.name != name.second) continue;
      made = log_plan(container, name.first, context_.config.log_group);
    }
  }
  return plans_.emplace(name, std::move(made)).first->second;
}

Task<Result<void>> Outputs::commit(LogPlan plan, Name name, std::vector<event::LogLine> lines,
                                   OutputPosition next) {
  store::Batch batch;
  batch.put(storage::output_key(name.first, name.second), storage::encode(next));
  if (context_.kernel.logs != nullptr && !lines.empty()) {
    CO_TRY_VOID(co_await context_.kernel.logs->write(plan.group, plan.stream, std::move(lines),
                                                     std::move(batch)));
  } else {
    CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  }
  positions_[name] = std::move(next);
  co_return ok();
}

Task<Result<void>> Outputs::write(DefinitionPtr definition, container::Output output) {
  Name name(output.task_id, output.container);
  co_await context_.turns.take(turn_name(name));
  Turn turn(context_.turns, turn_name(name));
  CO_TRY(OutputPosition * at, co_await position(name));
  if (output.to <= at->to) co_return ok();
  LogPlan log = plan(*definition, name);
  OutputPosition next = *at;
  std::vector<event::LogLine> lines;
  for (auto& line : output.lines) {
    bool begins = is_first_line(log, line.text) ||
                  next.pending.size() + line.text.size() > kMultilineBytesMax;
    if (next.has_pending && begins) {
      lines.push_back({next.pending_time, std::move(next.pending)});
      next.has_pending = false;
      next.pending.clear();
    }
    if (!log.first_line) {
      lines.push_back({line.time, std::move(line.text)});
    } else if (next.has_pending) {
      next.pending.append("\n").append(line.text);
    } else {
      next.has_pending = true;
      next.pending_time = line.time;
      next.pending = std::move(line.text);
    }
  }
  next.to = output.to;
  bool waits = next.has_pending;
  CO_TRY_VOID(co_await commit(log, name, std::move(lines), std::move(next)));
  if (waits) arm(std::move(definition), std::move(name));
  co_return ok();
}

void Outputs::arm(DefinitionPtr definition, Name name) {
  TimePoint due = context_.kernel.clock.now() + kMultilineWait;
  alarms_[name] = context_.kernel.clock.alarm(
      context_.executor, due, [this, definition = std::move(definition), name]() mutable {
        scope_.spawn([](Outputs* self, DefinitionPtr of, Name which) -> Task<void> {
          auto done = co_await self->flush(of, which);
          if (!done) self->arm(std::move(of), std::move(which));
        }(this, std::move(definition), name));
      });
}

Task<Result<void>> Outputs::flush(DefinitionPtr definition, Name name) {
  co_await context_.turns.take(turn_name(name));
  Turn turn(context_.turns, turn_name(name));
  CO_TRY(OutputPosition * at, co_await position(name));
  if (!at->has_pending) co_return ok();
  OutputPosition next = *at;
  std::vector<event::LogLine> lines;
  lines.push_back({next.pending_time, std::move(next.pending)});
  next.has_pending = false;
  next.pending.clear();
  co_return co_await commit(plan(*definition, name), name, std::move(lines), std::move(next));
}

Task<Result<uint64_t>> Outputs::resume_at(DefinitionPtr definition, std::string task_id,
                                          std::string container) {
  Name name(std::move(task_id), std::move(container));
  CO_TRY(OutputPosition * at, co_await position(name));
  if (at->has_pending) arm(std::move(definition), std::move(name));
  co_return at->to;
}

Task<Result<void>> Outputs::finish(DefinitionPtr definition, std::string task_id) {
  if (!definition->shape.container_definitions) co_return ok();
  for (const auto& container : *definition->shape.container_definitions) {
    CO_TRY_VOID(co_await flush(definition, Name(task_id, container.name.value_or(""))));
  }
  co_return ok();
}

void Outputs::erase(store::Batch& batch, const std::string& task_id) {
  batch.erase_range(storage::outputs(task_id));
}

void Outputs::drop(const std::string& task_id) {
  auto drop_from = [&](auto& map) {
    auto begin = map.lower_bound(Name(task_id, ""));
    auto end = begin;
    while (end != map.end() && end->first.first == task_id) ++end;
    map.erase(begin, end);
  };
  drop_from(positions_);
  drop_from(plans_);
  drop_from(alarms_);
}

}  // namespace suiro::ecs
