// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/batch.h"

#include <set>

#include "services/sqs/errors.h"

namespace suiro::sqs {
namespace {
constexpr size_t kEntriesMax = 10;
constexpr size_t kIdLengthMax = 80;
}  // namespace

Result<void> check_batch(const std::vector<std::string>& ids, std::string_view entry) {
  if (ids.empty()) {
    return fail(kEmptyBatchRequest,
                fmt::format("There should be at least one {} in the request.", entry));
  }
  if (ids.size() > kEntriesMax) {
    return fail(kTooManyEntries,
                fmt::format("Maximum number of entries per request are {}. You have sent {}.",
                            kEntriesMax, ids.size()));
  }
  std::set<std::string> seen;
  for (const std::string& id : ids) {
    if (id.empty() || id.size() > kIdLengthMax ||
        id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_-") != std::string::npos) {
      return fail(kInvalidBatchEntryId,
                  "A batch entry id can only contain alphanumeric characters, hyphens and "
                  "underscores. It can be at most 80 letters long.");
    }
    if (!seen.insert(id).second) {
      return fail(kBatchEntryIdsNotDistinct, fmt::format("Id {} repeated.", id));
    }
  }
  return ok();
}

}  // namespace suiro::sqs
