// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/storage.h"

#include "services/analytics/records.h"

namespace suiro::analytics {
namespace {

constexpr char kSpace = 'a';
constexpr char kLayout = 1;

store::Key family(char name) {
  return {kSpace, kLayout, name};
}

store::Key of_application(char name, ApplicationId id) {
  store::Key key = family(name);
  append_be64(key, id.value());
  return key;
}

store::Key numbered(char name, ApplicationId id, uint64_t number) {
  store::Key key = of_application(name, id);
  append_be64(key, number);
  return key;
}

Result<Found> decode_found(const store::Entry& entry) {
  TRY(Application record, decode<Application>(entry.value));
  return Found{std::move(record), entry.version};
}

}  // namespace

store::Key Storage::run_key(ApplicationId id) {
  return of_application('r', id);
}
store::Key Storage::log_prefix(ApplicationId id) {
  return of_application('l', id);
}
store::Key Storage::delivered_prefix(ApplicationId id) {
  return of_application('d', id);
}

Task<Result<std::optional<Found>>> Storage::application(std::string name) {
  CO_TRY(auto entry, co_await store_.get(family('a') + name));
  if (!entry) co_return std::nullopt;
  CO_TRY(Found found, decode_found(*entry));
  co_return std::optional<Found>(std::move(found));
}

Task<Result<Storage::Page>> Storage::applications(std::string after, size_t rows_max) {
  store::KeyRange range = store::KeyRange::prefix(family('a'));
  if (!after.empty()) range.begin = family('a') + after + '\0';
  CO_TRY(auto page, co_await store_.scan({.range = std::move(range), .rows_max = rows_max}));
  Page out{.more = page.more};
  for (const auto& entry : page.entries) {
    CO_TRY(Found found, decode_found(entry));
    out.rows.push_back(std::move(found));
  }
  co_return out;
}

Task<Result<std::optional<VersionRecord>>> Storage::version(ApplicationId id, uint64_t number) {
  CO_TRY(auto entry, co_await store_.get(numbered('v', id, number)));
  if (!entry) co_return std::nullopt;
  CO_TRY(VersionRecord record, decode<VersionRecord>(entry->value));
  co_return std::optional<VersionRecord>(std::move(record));
}

Task<Result<std::vector<VersionRecord>>> Storage::versions(ApplicationId id, uint64_t before,
                                                           size_t rows_max) {
  store::KeyRange range = store::KeyRange::prefix(of_application('v', id));
  if (before != 0) range.end = numbered('v', id, before);
  CO_TRY(auto page, co_await store_.scan({.range = std::move(range),
                                          .rows_max = rows_max,
                                          .direction = store::Direction::kBackward}));
  std::vector<VersionRecord> out;
  for (const auto& entry : page.entries) {
    CO_TRY(VersionRecord record, decode<VersionRecord>(entry.value));
    out.push_back(std::move(record));
  }
  co_return out;
}

Task<Result<std::vector<Operation>>> Storage::operations(ApplicationId id) {
  CO_TRY(auto page, co_await store_.scan({.range = store::KeyRange::prefix(of_application('o', id)),
                                          .rows_max = kOperationsKept + 1,
                                          .direction = store::Direction::kBackward}));
  std::vector<Operation> out;
  for (const auto& entry : page.entries) {
    CO_TRY(Operation record, decode<Operation>(entry.value));
    out.push_back(std::move(record));
  }
  co_return out;
}

void Storage::put(store::Batch& batch, const Found& application) {
  store::Key key = family('a') + application.record.name;
  batch.require_version(key, application.version);
  batch.put(std::move(key), encode(application.record));
}

void Storage::put_version(store::Batch& batch, const Application& application) {
  batch.put(numbered('v', application.id, application.version),
            encode(VersionRecord{.version = application.version,
                                 .updated_from = application.updated_from,
                                 .created = application.version_created,
                                 .configuration = application.configuration}));
  if (application.version > kVersionsKept) {
    batch.erase(numbered('v', application.id, application.version - kVersionsKept));
  }
}

void Storage::put_operation(store::Batch& batch, ApplicationId id, uint64_t number,
                            const Operation& operation) {
  batch.put(numbered('o', id, number), encode(operation));
  if (number > kOperationsKept) batch.erase(numbered('o', id, number - kOperationsKept));
}

void Storage::erase(store::Batch& batch, const Found& application) {
  store::Key key = family('a') + application.record.name;
  batch.require_version(key, application.version);
  batch.erase(std::move(key));
  ApplicationId id = application.record.id;
  for (char name : {'v', 'o', 'l', 'd'}) {
    batch.erase_range(store::KeyRange::prefix(of_application(name, id)));
  }
  batch.erase(run_key(id));
}

}  // namespace suiro::analytics
