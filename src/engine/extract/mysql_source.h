// SPDX-License-Identifier: Apache-2.0
// MariaDB and MySQL as a Source, through MariaDB's client library.
#pragma once

#include "engine/extract/source.h"

namespace suiro::extract {

Result<std::unique_ptr<Source>> open_mysql(const SourceUrl& url, size_t count);

}  // namespace suiro::extract
