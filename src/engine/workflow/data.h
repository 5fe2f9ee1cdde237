// SPDX-License-Identifier: Apache-2.0
// Data: a JSON value together with its text; each is made of the other when first asked for, so
// what passes through states unchanged is neither parsed nor written again.
//
// Invariants:
//  1. Value and text mean the same; neither changes.
//  2. Copies share what one of them has made.
// Threads: copies of one Data are used by one thread at a time.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "engine/json/value.h"
#include "engine/workflow/history.h"

namespace suiro::workflow {

// SHA-256's first 16 bytes.
using PayloadHash = std::array<uint8_t, 16>;
PayloadHash payload_hash(std::string_view text);

class Data {
 public:
  Data() = default;  // no data
  static Data of(json::Value value);
  static Data of(json::Value value, Payload text);
  // `text` is JSON (a bug otherwise): of outside texts json::is_readable() tells.
  static Data of_text(Payload text);
  // The array of these, with the text joined of theirs.
  static Data of_list(const std::vector<Data>& items);

  explicit operator bool() const { return body_ != nullptr; }
  // Of one that has data; a bug otherwise.
  const json::Value& value() const;
  const Payload& text() const;
  const PayloadHash& hash() const;
  // Whether it may be written: told without making its text.
  json::Fit fit(size_t bytes_max) const;
  // Whether this is the first call: who keeps texts by hash keeps it then.
  bool first_kept() const;
  // Whether both share one body.
  bool same(const Data& other) const { return body_ == other.body_; }
  // Roughly.
  size_t memory_bytes() const;

 private:
  struct Body;
  std::shared_ptr<Body> body_;
};

}  // namespace suiro::workflow
