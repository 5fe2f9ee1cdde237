// SPDX-License-Identifier: Apache-2.0
// The bytes of what the service keeps of applications: a version byte and a JSON document. A
// decoder takes the versions that it knows and answers kCorrupt for the rest; absent members take
// their defaults, so a member can be added without a new version.
//
// Bytes on disk: docs/formats/analytics.md.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "services/analytics/types.h"

namespace suiro::analytics {

Bytes encode(const Application& value);
Bytes encode(const VersionRecord& value);
Bytes encode(const Operation& value);

// Errors: kCorrupt.
template <class T>
Result<T> decode(ByteView bytes);

}  // namespace suiro::analytics
