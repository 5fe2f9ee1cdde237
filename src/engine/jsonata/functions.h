// SPDX-License-Identifier: Apache-2.0
// The function library: natives by name.
//
// Immutable tables; any thread. A native gets arguments that fit its signature; undefined ones are
// its own business.
#pragma once

#include <span>
#include <string_view>

#include "engine/jsonata/expression.h"
#include "engine/jsonata/signature.h"
#include "engine/jsonata/value.h"

namespace suiro::jsonata {

class Evaluator;
struct Scopes;

struct Call {
  Evaluator& evaluator;
  std::span<const Value> arguments;
  const Value& context;
  const Scopes& scopes;

  Value operator[](size_t number) const {
    return number < arguments.size() ? arguments[number] : Value();
  }
};

using NativeFunction = Value (*)(const Call& call);

struct NativeEntry {
  std::string_view name;
  std::string_view signature;
  size_t arity;  // parameters, as functions of higher order count them
  NativeFunction function;
};

struct Native {
  NativeEntry entry;
  Signature signature;
};

// Of any library. Null: none.
const Native* find_native(std::string_view name);
const Native* find_native(std::string_view name, Library library);

// The tables, one for each file of functions.
std::span<const NativeEntry> string_functions();
std::span<const NativeEntry> matching_functions();
std::span<const NativeEntry> encoding_functions();
std::span<const NativeEntry> number_functions();
std::span<const NativeEntry> array_functions();
std::span<const NativeEntry> object_functions();
std::span<const NativeEntry> picture_functions();
std::span<const NativeEntry> standard_only_functions();
std::span<const NativeEntry> workflow_functions();

}  // namespace suiro::jsonata
