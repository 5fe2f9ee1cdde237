// SPDX-License-Identifier: Apache-2.0
// PostgreSQL as a Source, through libpq.
#pragma once

#include "engine/extract/source.h"

namespace suiro::extract {

Result<std::unique_ptr<Source>> open_postgres(const SourceUrl& url, size_t count);

}  // namespace suiro::extract
