// SPDX-License-Identifier: Apache-2.0
// Cursor: walks a range of one snapshot in order, page by page, and jumps ahead. NameFilter: which
// name of a listing a key belongs to.
//
// Thread: one coroutine at a time.
#pragma once

#include <algorithm>
#include <memory>

#include "kernel/store/store.h"

namespace suiro::s3 {

class Cursor {
 public:
  Cursor(std::shared_ptr<const store::Snapshot> snapshot, store::KeyRange range, size_t rows_max)
      : snapshot_(std::move(snapshot)), options_{.range = std::move(range), .rows_max = rows_max} {}

  // The entry here; nullptr at the end. Valid until the next call.
  Task<Result<const store::Entry*>> peek() {
    while (at_ == page_.entries.size()) {
      if (!more_ || options_.range.begin >= options_.range.end) co_return nullptr;
      CO_TRY(page_, co_await snapshot_->scan(options_));
      at_ = 0;
      more_ = page_.more && !page_.entries.empty();
      if (!page_.entries.empty()) options_.range.begin = page_.entries.back().key + '\0';
    }
    co_return &page_.entries[at_];
  }
  void pop() { ++at_; }

  // To the first entry at or after `key`, which is not behind this place.
  void seek(const store::Key& key) {
    auto begin = page_.entries.begin() + static_cast<ptrdiff_t>(at_);
    auto found = std::lower_bound(begin, page_.entries.end(), key,
                                  [](auto& entry, auto& wanted) { return entry.key < wanted; });
    at_ = static_cast<size_t>(found - page_.entries.begin());
    if (found == page_.entries.end() && key > options_.range.begin) options_.range.begin = key;
  }

 private:
  std::shared_ptr<const store::Snapshot> snapshot_;
  store::ScanOptions options_;
  store::ScanPage page_;
  size_t at_ = 0;
  bool more_ = true;
};

// The common prefix that `key` is rolled up into; empty: none.
inline ByteView rolled_up(ByteView key, ByteView prefix, ByteView delimiter) {
  if (delimiter.empty()) return {};
  size_t at = key.find(delimiter, prefix.size());
  return at == key.npos ? ByteView() : key.substr(0, at + delimiter.size());
}

}  // namespace suiro::s3
