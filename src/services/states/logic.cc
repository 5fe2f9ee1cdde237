// SPDX-License-Identifier: Apache-2.0
// What the parts of the logic share.
#include "services/states/logic.h"

namespace suiro::states {

Logic::Logic(event::Kernel& kernel, event::OperationCaller& operations,
             const event::RolePermissions& permissions, Executions* executions)
    : kernel_(kernel),
      operations_(operations),
      permissions_(permissions),
      executions_(executions),
      plans_(kernel.shards) {
  kernel_.timers.handle(std::string(kDeleteTimer),
                        [this](event::Timer timer, store::Batch consume) {
                          return on_delete(std::move(timer), std::move(consume));
                        });
}

std::string Logic::machine_arn(std::string_view name) const {
  return fmt::format("arn:aws:states:{}:{}:stateMachine:{}", kernel_.region, kernel_.account, name);
}

std::string Logic::activity_arn(std::string_view name) const {
  return states::activity_arn(kernel_, name);
}

Task<Result<Logic::Found>> Logic::find(std::string arn) {
  CO_TRY(MachineRef ref, parse_machine_arn(arn));
  if (!ref.label.empty()) {
    auto error = Error{.code = "ValidationException",
                       .message = fmt::format("Labeled ARNs are not supported: '{}'", arn)};
    error.details.emplace_back("reason", "API_DOES_NOT_SUPPORT_LABELED_ARNS");
    co_return fail(std::move(error));
  }
  std::string known = machine_arn(ref.name);
  if (!ref.qualifier.empty()) known += ":" + ref.qualifier;
  if (known != arn) co_return no_machine(arn);  // of another region or account
  CO_TRY(auto machine, co_await read_machine(kernel_.store, ref.name));
  if (!machine) co_return no_machine(arn);
  co_return Found{std::move(ref), *std::move(machine)};
}

Task<Result<Logic::Found>> Logic::find_to_change(std::string arn) {
  CO_TRY(Found found, co_await find(arn));
  if (found.machine.value.deleting) co_return machine_deleting(arn);
  co_return found;
}

Logic::Change Logic::change_of(Stored<Machine> machine) const {
  Change change{.machine = std::move(machine), .batch = {}};
  change.batch.require_version(keys::machine(change.machine.value.name), change.machine.version);
  return change;
}

Task<Result<void>> Logic::commit(Change change) {
  const Machine& machine = change.machine.value;
  change.batch.put(keys::machine(machine.name), encode(machine));
  co_return co_await commit(std::move(change.batch));
}

Task<Result<void>> Logic::commit(store::Batch batch) {
  auto done = co_await kernel_.store.commit(std::move(batch));
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

Result<Tags> tags_of(const std::optional<std::vector<shape::Tag>>& tags) {
  Tags out;
  if (!tags) return out;
  for (const auto& tag : *tags) {
    if (!tag.key) return invalid("A tag needs a key.");
    if (tag.key->starts_with("aws:")) {
      return invalid("aws: prefixed tag key names are not allowed for external use.");
    }
    out[*tag.key] = tag.value.value_or("");
  }
  if (out.size() > kTagsMax) {
    return fail("TooManyTags", fmt::format("A resource has at most {} tags.", kTagsMax));
  }
  return out;
}

Result<void> check_encryption(const std::optional<shape::EncryptionConfiguration>& configuration) {
  if (!configuration) return ok();
  if (configuration->type != "AWS_OWNED_KEY") {
    return fail(codes::kNotImplemented,
                "encryptionConfiguration: keys of KMS are not supported by Suiro");
  }
  if (configuration->kms_key_id || configuration->kms_data_key_reuse_period_seconds) {
    return fail("InvalidEncryptionConfiguration",
                "Invalid Encryption Configuration: 'kmsKeyId and kmsDataKeyReusePeriodSeconds "
                "belong to CUSTOMER_MANAGED_KMS_KEY.'");
  }
  return ok();
}

shape::EncryptionConfiguration owned_key() {
  shape::EncryptionConfiguration out;
  out.type = "AWS_OWNED_KEY";
  return out;
}

Task<Result<Page>> read_page(store::Store& store, PageRequest request) {
  store::KeyRange range = std::move(request.range);
  const bool forward = request.direction == store::Direction::kForward;
  if (request.token) {
    auto last = base64_decode(*request.token);
    if (!last || *last < range.begin || *last >= range.end) co_return invalid_token();
    if (forward) {
      range.begin = *last + '\0';
    } else {
      range.end = *last;
    }
  }
  size_t rows = static_cast<size_t>(request.results_max.value_or(0));
  if (rows == 0) rows = kListDefault;
  CO_TRY(auto scanned,
         co_await store.scan(
             {.range = std::move(range), .rows_max = rows, .direction = request.direction}));
  Page out;
  if (scanned.more && !scanned.entries.empty()) {
    out.token = base64_encode(scanned.entries.back().key);
  }
  out.entries = std::move(scanned.entries);
  co_return out;
}

}  // namespace suiro::states
