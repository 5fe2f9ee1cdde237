// SPDX-License-Identifier: Apache-2.0
// Intrinsic: a call of an intrinsic function, "States.Format('{}', $.a, States.UUID())".
//
// Invariants:
//  1. Calls nest at most kIntrinsicDepthMax deep, and no function gives more than
//     kIntrinsicResultMax bytes of JSON text.
//  2. Number and kinds of arguments that the text alone tells are checked when it is parsed.
//
// Source: Amazon States Language specification, "Intrinsic functions"; Step Functions Developer
// Guide, "Intrinsic functions for JSONPath states". Threads: immutable once parsed; any.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/workflow/path.h"
#include "engine/workflow/query.h"

namespace suiro::workflow {

inline constexpr int kIntrinsicDepthMax = 10;
inline constexpr size_t kIntrinsicResultMax = 1 << 20;
inline constexpr size_t kArrayRangeMax = 1'000;
inline constexpr size_t kEncodedTextMax = 10'000;  // Base64*, Hash: characters

enum class IntrinsicFunction : uint8_t {
  kArray,
  kArrayContains,
  kArrayGetItem,
  kArrayLength,
  kArrayPartition,
  kArrayRange,
  kArrayUnique,
  kBase64Decode,
  kBase64Encode,
  kFormat,
  kHash,
  kJsonMerge,
  kJsonToString,
  kMathAdd,
  kMathRandom,
  kStringSplit,
  kStringToJson,
  kUuid,
};

struct Intrinsic;

// A text in quotes. `raw` keeps its escapes: States.Format tells "\{\}" from "{}".
struct TextArgument {
  std::string raw;
  std::string text;
};
using IntrinsicArgument =
    std::variant<json::Value, TextArgument, Path, std::shared_ptr<const Intrinsic>>;

struct Intrinsic {
  IntrinsicFunction function = IntrinsicFunction::kUuid;
  std::vector<IntrinsicArgument> arguments;
  std::string text;
};

// Errors: kInvalidArgument, the reason with its place in the text.
Result<std::shared_ptr<const Intrinsic>> parse_intrinsic(std::string_view text);

// Errors: States.Runtime for a path that selects nothing, otherwise States.IntrinsicFailure.
Result<json::Value> call_intrinsic(const Intrinsic& call, const Scope& scope);

// --- between intrinsic.cc and intrinsic_functions.cc
// ----------------------------------------------

// The values of a call's arguments; `template_raw`: the escaped text of Format's first one.
struct IntrinsicValues {
  std::vector<json::Value> values;
  std::string template_raw;
};
// Errors: States.IntrinsicFailure, the bare reason.
Result<json::Value> apply_intrinsic(IntrinsicFunction function, const IntrinsicValues& arguments,
                                    Random& random);

}  // namespace suiro::workflow
