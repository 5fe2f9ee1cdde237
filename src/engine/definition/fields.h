// SPDX-License-Identifier: Apache-2.0
// The fields that each kind of resource has in a definition file: one table, from which files are
// checked and read, and their documentation is compared (docs/definitions.md).
#pragma once

#include <span>
#include <string_view>

#include "engine/definition/document.h"

namespace suiro::definition {

enum class Type {
  kText,
  kInteger,
  kBoolean,
  kDuration,   // "90s", "5m", "2h", "7d", or seconds; kept as seconds
  kTexts,      // list of texts; a single text is a list of one
  kTextMap,    // name -> text (numbers and booleans are taken as they are written)
  kPath,       // of a file or folder, relative to the definition file
  kObject,     // one object with the fields of `inner`
  kObjects,    // a list of them
  kObjectMap,  // name -> object
};

struct Field {
  std::string_view name;
  Type type;
  // The value where the file has none, as JSON; empty: the field has no value then, and what runs
  // is left as it is.
  std::string_view fallback = {};
  enum class Need { kOptional, kRequired } need = Need::kOptional;
  // kText: the values that are allowed, separated by '|'; empty: any.
  std::string_view choices = {};
  std::span<const Field> inner = {};
};

std::span<const Field> fields_of(Kind kind);

}  // namespace suiro::definition
