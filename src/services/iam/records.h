// SPDX-License-Identifier: Apache-2.0
// The bytes of what IAM keeps: a version byte and a JSON document. A decoder takes the version that
// it knows and answers kCorrupt for the rest; absent members take their defaults, so a member can
// be added without a new version. Bytes on disk: docs/formats/iam.md.
#pragma once

#include "base/bytes.h"
#include "services/iam/types.h"

namespace suiro::iam {

// When and for what an access key was used last.
struct LastUse {
  TimePoint at{};
  std::string service;
  std::string region;
};

// A session's key that is refused until its session would have ended anyway.
struct Revocation {
  TimePoint until{};
};

// A role that was deleted, by its name.
struct DeletedRole {
  TimePoint at{};
};

template <class T>
Bytes encode(const T& value);
// Errors: kCorrupt.
template <class T>
Result<T> decode(ByteView bytes);

}  // namespace suiro::iam
