// SPDX-License-Identifier: Apache-2.0
// What all records of the service share: their keys' beginning, how they are put, erased, listed.
// Thread: any.
#pragma once

#include "services/events/storage.h"

namespace suiro::events {

// The first byte of all keys of the service, its version, and the kind of record.
inline store::Key key_family(char kind) {
  return {'b', 1, kind};
}

// Each requires the version that was found; 0: absent.
template <class Record>
void put_record(store::Batch& batch, store::Key key, const Found<Record>& found) {
  batch.require_version(key, found.version);
  batch.put(std::move(key), encode(found.record));
}

inline void erase_record(store::Batch& batch, store::Key key, store::Version version) {
  batch.require_version(key, version);
  batch.erase(std::move(key));
}

// Records below `prefix`, named by what follows it. Errors: of the store and of `decode`.
template <class T>
Task<Result<Storage::Page<T>>> scan_page(store::Store& store, store::Key prefix,
                                         Storage::Listing listing, Result<T> (*decode)(ByteView)) {
  store::KeyRange range = store::KeyRange::prefix(prefix + listing.prefix);
  if (!listing.after.empty()) {
    range.begin = std::max(range.begin, prefix + listing.after + '\0');
  }
  Storage::Page<T> page;
  CO_TRY(auto rows, co_await store.scan({.range = range, .rows_max = listing.rows_max}));
  for (store::Entry& entry : rows.entries) {
    CO_TRY(T record, decode(entry.value));
    page.rows.push_back({entry.key.substr(prefix.size()), std::move(record), entry.version});
  }
  page.more = rows.more;
  co_return page;
}

}  // namespace suiro::events
